import { useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { byTopic, topicTitle } from '../../src/lib/core/topics.ts';
import { FailedNights } from './charts.tsx';
import { useMayStart, useRole } from './context.ts';
import { count, relative, scheduleWords, shortLocalTime } from './format.ts';
import { type JobRuns, readJobRuns } from './nights.ts';
import { Head, Loaded, NoJobs, OutcomeBadge, Table, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { jobLink, runLink } from './route.ts';
import { StartDialog } from './start-dialog.tsx';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';

const intervalMs = 15_000;

type Job = JobsAnswer['jobs'][number];

export const JobsView = forRole(['Runs.Read'], 'Jobs', JobList);

function JobList() {
  const polled = usePolling((api) => readJobRuns(api, 14), 'job runs', intervalMs);
  const mayStart = useRole('Runs.Write');
  const mayStartOf = useMayStart();
  const [starting, setStarting] = useState<Job>();
  const jobs = polled.value ?? [];
  return (
    <>
      <Head
        title={headline(jobs)}
        name="Jobs"
        {...(mayStart
          ? {}
          : {
              lede: (
                <>
                  The token lacks the app role <code>Runs.Write</code>, so you cannot start runs.
                </>
              ),
            })}
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
                groupsOf={inTopics}
                columns={[
                  [
                    'Job',
                    'wrap',
                    ({ job }) => (
                      <>
                        <a href={jobLink(job.name)}>{job.title}</a>{' '}
                        {job.changes ? <span class="tag">changes tenants</span> : null}
                      </>
                    ),
                    ({ job }) => `${job.name}. ${job.description ?? ''}`,
                  ],
                  ['Last run', 'w-m', ({ runs: [last] }) => <LastRun run={last} />],
                  ['Nights', 'w-m p2', ({ runs }) => <FailedNights runs={runs} most={14} />],
                  ['Schedule', 'w-l p3 quiet', ({ job }) => scheduleOf(job), ({ job }) => job.schedule],
                  ['Next', 'w-m p2', ({ job }) => job.nextAt && <Time iso={job.nextAt} short />],
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

/** The jobs under their topics. */
const inTopics = (jobs: readonly JobRuns[]) =>
  byTopic(jobs.map((each) => ({ ...each, topic: each.job.topic }))).map(([topic, items]) => ({
    title: topicTitle(topic),
    items,
  }));

/** When the next of the jobs runs. */
function headline(jobs: readonly JobRuns[]): string {
  const next = jobs.flatMap(({ job }) => job.nextAt ?? []).toSorted()[0];
  if (jobs.length === 0) return 'Jobs';
  return `${count(jobs.length, 'job')}${next === undefined ? '' : `, the next run ${relative(next)}`}`;
}

function LastRun({ run }: { readonly run: RunSummaryAnswer | undefined }) {
  if (run === undefined) return <span class="quiet">none</span>;
  return (
    <a href={runLink(run.runId)} title={shortLocalTime(run.startedAt)}>
      <OutcomeBadge outcome={run.outcome} />
    </a>
  );
}

const scheduleOf = ({ schedule }: Job): string => (schedule === undefined ? 'on demand' : scheduleWords(schedule));

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
