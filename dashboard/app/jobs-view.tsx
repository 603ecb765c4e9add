import { useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { Sentence } from '../shared/text.tsx';
import { useRole, useSignedIn } from './context.ts';
import { relative } from './format.ts';
import { Badge, Card, Failure, Loading, RoleNeeded, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { runLink } from './route.ts';
import { StartDialog } from './start-dialog.tsx';

const everyMs = 15_000;

type Job = JobsAnswer['jobs'][number];

export function JobsView() {
  return useRole('Runs.Read') ? <JobList /> : <RoleNeeded title="Jobs" role="Runs.Read" />;
}

function JobList() {
  const { api } = useSignedIn();
  const load = async () => {
    const { jobs } = await api.jobs();
    // Each for itself: among the latest runs of all jobs, those of a frequent job leave no room for a daily one.
    return Promise.all(jobs.map(async (job) => ({ job, last: (await api.runs(1, job.name)).runs[0] })));
  };
  const { value, failure } = usePolling(load, 'jobs', everyMs);
  const writes = useRole('Runs.Write');
  const [starting, setStarting] = useState<Job>();
  return (
    <>
      <h2>Jobs</h2>
      {writes ? null : (
        <p class="quiet">
          The token lacks <code>Runs.Write</code>: runs can be read here, not started.
        </p>
      )}
      <Failure failure={failure} />
      {value === undefined ? (
        failure === undefined ? (
          <Loading />
        ) : null
      ) : (
        <div class="cards">
          {value.map(({ job, last }) => (
            <JobCard key={job.name} job={job} last={last} onStart={writes ? () => setStarting(job) : undefined} />
          ))}
        </div>
      )}
      {starting === undefined ? null : <StartDialog job={starting} onClose={() => setStarting(undefined)} />}
    </>
  );
}

function JobCard(props: {
  readonly job: Job;
  readonly last: RunSummaryAnswer | undefined;
  readonly onStart: (() => void) | undefined;
}) {
  const { job, last, onStart } = props;
  return (
    <Card title={job.title}>
      <p>
        <code>{job.name}</code>
      </p>
      {job.description === undefined ? null : (
        <p>
          <Sentence text={job.description} />
        </p>
      )}
      <dl>
        <dt>Schedule</dt>
        <dd>
          {job.schedule === undefined ? 'only when asked' : <code>{job.schedule}</code>}
          {job.schedule === undefined ? null : <span class="quiet"> NCRONTAB, UTC</span>}
        </dd>
        {job.nextAt === undefined ? null : (
          <>
            <dt>Next</dt>
            <dd>
              <Time iso={job.nextAt} /> <span class="quiet">{relative(job.nextAt, Date.now())}</span>
            </dd>
          </>
        )}
        <dt>Last</dt>
        <dd>
          {last === undefined ? (
            'no run'
          ) : (
            <>
              <a href={runLink(last.runId)}>
                <Time iso={last.startedAt} />
              </a>{' '}
              <Badge state={last.status} />
            </>
          )}
        </dd>
        <dt>Resources</dt>
        <dd>{job.resources.join(', ')}</dd>
        <dt>Time per tenant</dt>
        <dd>{job.timeoutSeconds} s at most</dd>
      </dl>
      {onStart === undefined ? null : (
        <button type="button" class="primary" onClick={onStart} aria-label={`Start ${job.name}`}>
          Start…
        </button>
      )}
    </Card>
  );
}
