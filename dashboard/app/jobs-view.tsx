import { useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { byTopic, topicTitle } from '../../src/lib/core/topics.ts';
import { FailedNights } from './charts.tsx';
import { useMayStart, useRole } from './context.ts';
import { count, relative, scheduleWords, shortLocalTime } from './format.ts';
import { type JobRuns, readJobRuns } from './nights.ts';
import { Head, Loaded, NoJobs, Table, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { jobLink, runLink } from './route.ts';
import { RunOutcome } from './run-table.tsx';
import { StartDialog } from './start-dialog.tsx';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';

const intervalMs = 15_000;

type Job = JobsAnswer['jobs'][number];

export const JobsView = forRole(['Runs.Read'], 'Jobs', JobList);

function JobList() {
  const polled = usePolling((api) => readJobRuns(api), 'job runs', intervalMs);
  const mayStart = useRole('Runs.Write');
  const mayStartOf = useMayStart();
  const [starting, setStarting] = useState<Job>();
  const jobs = polled.value ?? [];
  return (
    <>
      <Head
        title={headline(jobs)}
        name="Jobs"
        lede={
          jobs.length === 0 && mayStart ? undefined : (
            <>
              {ledeOf(jobs)}
              {mayStart ? null : (
                <>
                  {' '}
                  The token lacks the app role <code>Runs.Write</code>, so you cannot start runs.
                </>
              )}
            </>
          )
        }
      />
      <Loaded polled={polled}>
        {() =>
          jobs.length === 0 ? (
            <NoJobs />
          ) : (
            <div class="panel">
              <Table<JobRuns>
                class="jobs"
                items={jobs}
                keyOf={({ job }) => job.name}
                groupsOf={inGroups}
                rowClass={(each) => (isInUse(each) ? undefined : 'quiet')}
                columns={[
                  [
                    'Job',
                    'wrap',
                    ({ job }) => (
                      <>
                        <a href={jobLink(job.name)}>{job.title}</a>{' '}
                        {job.changes ? <span class="tag">changes tenants</span> : null}
                        <span class="about-job small quiet"> {firstSentence(job.description)}</span>
                      </>
                    ),
                    ({ job }) => `${job.name}. ${job.description ?? ''}`,
                  ],
                  ['Last run', 'w-m', ({ runs: [last] }) => <LastRun run={last} />],
                  ['Failed tenants', 'w-m p2', ({ runs }) => <Failed runs={runs} />],
                  [
                    'Next run',
                    'w-m end p2',
                    ({ job }) => job.nextAt && <Time iso={job.nextAt} short />,
                    ({ job }) => job.schedule && scheduleWords(job.schedule),
                  ],
                  ['Start', 'w-s end', ({ job }) => mayStartOf(job) && <StartButton job={job} onStart={setStarting} />],
                ]}
              />
            </div>
          )
        }
      </Loaded>
      {starting === undefined ? null : <StartDialog job={starting} onClose={() => setStarting(undefined)} />}
    </>
  );
}

const firstSentence = (text = ''): string => /^.*?\.(?=\s|$)/s.exec(text)?.[0] ?? text;

const isInUse = ({ job, runs }: JobRuns): boolean => job.schedule !== undefined || runs.length > 0;

/** The jobs that run, then the others under their topics: nobody needs them every day. */
function inGroups(jobs: readonly JobRuns[]) {
  const { used = [], others = [] } = Object.groupBy(jobs, (each) => (isInUse(each) ? 'used' : 'others'));
  const topics = byTopic(others.map((each) => ({ ...each, topic: each.job.topic }))).map(([topic, items]) => ({
    title: topicTitle(topic),
    items,
  }));
  return used.length === 0 ? topics : [{ title: 'On a schedule, or run lately', items: used }, ...topics];
}

const nextOf = (jobs: readonly JobRuns[]): Job | undefined =>
  jobs
    .flatMap(({ job }) => (job.nextAt === undefined ? [] : job))
    .toSorted((a, b) => (a.nextAt ?? '').localeCompare(b.nextAt ?? ''))[0];

/** How many run by themselves, and how that went. */
function headline(jobs: readonly JobRuns[]): string {
  if (jobs.length === 0) return 'Jobs';
  const planned = jobs.filter(({ job }) => job.schedule !== undefined);
  const all = count(jobs.length, 'job');
  if (planned.length === 0) return `${all}, none on a schedule`;
  const failed = planned.filter(({ runs }) => lastEnded(runs)?.tenants.failed).length;
  const how = failed === 0 ? 'none had failures last time' : `${failed.toLocaleString('en')} had failures last time`;
  return `${planned.length.toLocaleString('en')} of ${all} ${planned.length === 1 ? 'runs' : 'run'} on a schedule, ${how}`;
}

function ledeOf(jobs: readonly JobRuns[]) {
  const next = nextOf(jobs);
  if (next?.nextAt === undefined) return null;
  return (
    <>
      Next: {next.title}, <Time iso={next.nextAt} short />, {relative(next.nextAt)}. The others run when somebody starts
      them.
    </>
  );
}

const lastEnded = (runs: JobRuns['runs']) => runs.find(({ finishedAt }) => finishedAt !== undefined);

/** How many tenants failed in the last nights, and in the last one. */
function Failed({ runs }: Pick<JobRuns, 'runs'>) {
  const last = lastEnded(runs);
  return last === undefined ? null : (
    <span class="pair" title="Tenants that failed, night by night, and in the last run">
      <FailedNights runs={runs} most={30} />
      <span class={last.tenants.failed === 0 ? 'quiet' : undefined}>{last.tenants.failed.toLocaleString('en')}</span>
    </span>
  );
}

function LastRun({ run }: { readonly run: RunSummaryAnswer | undefined }) {
  if (run === undefined) return null;
  return (
    <a href={runLink(run.runId)} title={shortLocalTime(run.startedAt)}>
      <RunOutcome run={run} />
    </a>
  );
}

const StartButton = ({ job, onStart }: { readonly job: Job; readonly onStart: (job: Job) => void }) => (
  <button
    type="button"
    class="s"
    onClick={() => onStart(job)}
    aria-label={`${job.changes ? 'Plan' : 'Start'} ${job.name}`}
  >
    {job.changes ? 'Plan…' : 'Start…'}
  </button>
);
