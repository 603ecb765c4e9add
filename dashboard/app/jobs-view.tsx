import { useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { Spark } from './charts.tsx';
import { useRole, useSignedIn } from './context.ts';
import { count, relative, shortLocalTime } from './format.ts';
import { type JobRuns, nightsOf, readJobRuns } from './nights.ts';
import { Empty, Head, Loaded, OutcomeBadge, Table, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { forRole } from './role-needed.tsx';
import { jobLink, runLink } from './route.ts';
import { scheduleWords } from './schedule-words.ts';
import { StartDialog } from './start-dialog.tsx';

const intervalMs = 15_000;

type Job = JobsAnswer['jobs'][number];

export const JobsView = forRole(['Runs.Read'], 'Jobs', JobList);

function JobList() {
  const { api } = useSignedIn();
  const polled = usePolling(() => readJobRuns(api, 14), 'job runs', intervalMs);
  const mayStart = useRole('Runs.Write');
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
            <Empty title="There are no jobs.">
              <p>
                <code>ptb jobs new NAME</code> writes one.
              </p>
            </Empty>
          ) : (
            <div class="panel">
              <Table
                columns={[
                  ['Job'],
                  ['Last run', 'w-m'],
                  ['Nights', 'w-m p2'],
                  ['Schedule', 'w-c p3'],
                  ['Next', 'w-m p2'],
                  ['Start', 'w-s end'],
                ]}
                class="jobs"
              >
                {jobs.map(({ job, runs }) => (
                  <JobRow
                    key={job.name}
                    job={job}
                    runs={runs}
                    onStart={mayStart ? () => setStarting(job) : undefined}
                  />
                ))}
              </Table>
            </div>
          )
        }
      </Loaded>
      {starting === undefined ? null : <StartDialog job={starting} onClose={() => setStarting(undefined)} />}
    </>
  );
}

/** When the next of the jobs runs. */
function headline(jobs: readonly JobRuns[]): string {
  const next = jobs.flatMap(({ job }) => job.nextAt ?? []).toSorted()[0];
  if (jobs.length === 0) return 'Jobs';
  return `${count(jobs.length, 'job')}${next === undefined ? '' : `, the next run ${relative(next, Date.now())}`}`;
}

function JobRow(props: JobRuns & { readonly onStart: (() => void) | undefined }) {
  const { job, runs, onStart } = props;
  const [last] = runs;
  const failed = nightsOf(runs, 14).flatMap(({ run }) => run?.tenants.failed ?? []);
  return (
    <tr>
      <th scope="row" title={`${job.name}. ${job.description ?? ''}`}>
        <a href={jobLink(job.name)}>{job.title}</a>
      </th>
      <td>
        {last === undefined ? (
          <span class="quiet">none</span>
        ) : (
          <a href={runLink(last.runId)} title={shortLocalTime(last.startedAt, Date.now())}>
            <OutcomeBadge outcome={last.outcome} />
          </a>
        )}
      </td>
      <td class="p2">
        <Spark values={failed} label={`Failed in the last ${count(failed.length, 'night')}: ${failed.join(', ')}`} />
      </td>
      <td class="p3 quiet" title={job.schedule}>
        {job.schedule === undefined ? 'on demand' : scheduleWords(job.schedule)}
      </td>
      <td class="p2">{job.nextAt && <Time iso={job.nextAt} short />}</td>
      <td class="end">
        {onStart === undefined ? null : (
          <button type="button" class="s" onClick={onStart} aria-label={`Start ${job.name}`}>
            Start…
          </button>
        )}
      </td>
    </tr>
  );
}
