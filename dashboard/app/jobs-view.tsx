import { useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { byTopic, topicTitle } from '../../src/lib/core/topics.ts';
import { FailedNights } from './charts.tsx';
import { useMayStart, useRole } from './context.ts';
import { count, scheduleWords, shortLocalTime } from './format.ts';
import { isTroubled, type JobRuns, lastRunOf, readJobRuns } from './nights.ts';
import { Head, Loaded, NoJobs, Panel, Table, Time } from './pieces.tsx';
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
  // Those that run, then the others under their topics: nobody needs them every day.
  const { used = [], others = [] } = Object.groupBy(jobs, (each) => (isInUse(each) ? 'used' : 'others'));
  const start = ({ job }: Pick<JobRuns, 'job'>) => mayStartOf(job) && <StartButton job={job} onStart={setStarting} />;
  return (
    <>
      <Head
        title={headline(jobs)}
        name="Jobs"
        lede={
          mayStart ? undefined : (
            <>
              The token lacks the app role <code>Runs.Write</code>, so you cannot start runs.
            </>
          )
        }
      />
      <Loaded polled={polled}>
        {() =>
          jobs.length === 0 ? (
            <NoJobs />
          ) : (
            <>
              {used.length === 0 ? null : (
                <Panel title="On a schedule, or run lately" bare>
                  <Table<JobRuns>
                    class="jobs"
                    items={used}
                    keyOf={({ job }) => job.name}
                    columns={[
                      [
                        'Job',
                        'wrap',
                        ({ job }) => <JobName job={job} />,
                        ({ job }) => `${job.name}. ${job.description ?? ''}`,
                      ],
                      ['Last run', 'w-m', ({ runs }) => <LastRun run={lastRunOf(runs)} />],
                      ['Failed, by night', 'w-m p2', ({ runs }) => <FailedNights runs={runs} most={30} />],
                      [
                        'Next run',
                        'w-m end p2',
                        ({ job }) => job.nextAt && <Time iso={job.nextAt} short />,
                        ({ job }) => job.schedule && scheduleWords(job.schedule),
                      ],
                      ['Start', 'w-s end', start],
                    ]}
                  />
                </Panel>
              )}
              <div class="topics">
                {byTopic(others.map(({ job }) => job)).map(([topic, some]) => (
                  <Panel key={topic} title={topicTitle(topic)} bare>
                    <ul class="list">
                      {some.map((job) => (
                        <li key={job.name}>
                          <div>
                            <JobName job={job} />
                          </div>
                          {start({ job })}
                        </li>
                      ))}
                    </ul>
                  </Panel>
                ))}
              </div>
            </>
          )
        }
      </Loaded>
      {starting === undefined ? null : <StartDialog job={starting} onClose={() => setStarting(undefined)} />}
    </>
  );
}

/** Its title, and what it does in a sentence. */
const JobName = ({ job }: { readonly job: Job }) => (
  <>
    <a href={jobLink(job.name)}>{job.title}</a> {job.changes ? <span class="tag">changes tenants</span> : null}
    <span class="about-job small quiet"> {firstSentence(job.description)}</span>
  </>
);

const firstSentence = (text = ''): string => /^.*?\.(?=\s|$)/s.exec(text)?.[0] ?? text;

const isInUse = ({ job, runs }: JobRuns): boolean => job.schedule !== undefined || runs.length > 0;

/** How many run by themselves, and how that went. */
function headline(jobs: readonly JobRuns[]): string {
  if (jobs.length === 0) return 'Jobs';
  const planned = jobs.filter(({ job }) => job.schedule !== undefined);
  const all = count(jobs.length, 'job');
  if (planned.length === 0) return `${all}, none on a schedule`;
  const ended = planned.flatMap(
    ({ runs }) => lastRunOf(runs.filter(({ finishedAt }) => finishedAt !== undefined)) ?? [],
  );
  const failed = ended.filter(isTroubled).length;
  const how = failed === 0 ? 'none had failures last time' : `${failed.toLocaleString('en')} had failures last time`;
  return `${planned.length.toLocaleString('en')} of ${all} ${planned.length === 1 ? 'runs' : 'run'} on a schedule, ${how}`;
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
