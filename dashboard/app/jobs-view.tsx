import { useState } from 'preact/hooks';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import { requestedText } from '../../src/lib/core/text.ts';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { Sentence } from '../shared/text.tsx';
import { useRole, useSignedIn } from './context.ts';
import { relative } from './format.ts';
import { Card, Fact, Loaded, OutcomeBadge, RoleNeeded, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { jobLink, runLink } from './route.ts';
import { scheduleWords } from './schedule-words.ts';
import { StartDialog } from './start-dialog.tsx';

const intervalMs = 15_000;

type Job = JobsAnswer['jobs'][number];

export function JobsView() {
  return useRole('Runs.Read') ? <JobList /> : <RoleNeeded title="Jobs" role="Runs.Read" />;
}

function JobList() {
  const { api } = useSignedIn();
  const load = async () => {
    const { jobs } = await api.jobs();
    // One request per job: in one list of all jobs, the runs of a frequent job would displace the run of a daily job.
    return Promise.all(jobs.map(async (job) => ({ job, last: (await api.runs(1, job.name)).runs[0] })));
  };
  const polled = usePolling(load, 'jobs', intervalMs);
  const mayStart = useRole('Runs.Write');
  const [starting, setStarting] = useState<Job>();
  return (
    <>
      <h2>Jobs</h2>
      {mayStart ? null : (
        <p class="quiet">
          The token lacks the app role <code>Runs.Write</code>, so you cannot start runs.
        </p>
      )}
      <Loaded polled={polled}>
        {(jobs) => (
          <div class="cards">
            {jobs.map(({ job, last }) => (
              <JobCard key={job.name} job={job} last={last} onStart={mayStart ? () => setStarting(job) : undefined} />
            ))}
          </div>
        )}
      </Loaded>
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
        <code>{job.name}</code>{' '}
        <a href={jobLink(job.name)} aria-label={`Over time: ${job.name}`}>
          Over time
        </a>
      </p>
      {job.description === undefined ? null : (
        <p>
          <Sentence text={job.description} />
        </p>
      )}
      <dl>
        <Fact name="Schedule">{job.schedule === undefined ? 'on demand' : <Schedule text={job.schedule} />}</Fact>
        <Fact name="Next run">{job.nextAt && <NextRun iso={job.nextAt} />}</Fact>
        <Fact name="Last run">{last === undefined ? 'none' : <LastRun run={last} />}</Fact>
        {job.tenants === undefined && job.except === undefined ? null : (
          <Fact name="Tenants">{requestedText(job)}</Fact>
        )}
        <Fact name="Resources">{job.resources.join(', ')}</Fact>
        <Fact name="Time limit">{job.timeoutSeconds} s</Fact>
      </dl>
      {onStart === undefined ? null : (
        <button type="button" class="primary" onClick={onStart} aria-label={`Start ${job.name}`}>
          Start…
        </button>
      )}
    </Card>
  );
}

function Schedule({ text }: { readonly text: string }) {
  return (
    <>
      {scheduleWords(text)} <code class="below">{text}</code>
    </>
  );
}

function NextRun({ iso }: { readonly iso: string }) {
  return (
    <>
      <Time iso={iso} short /> <span class="quiet">{relative(iso, Date.now())}</span>
    </>
  );
}

function LastRun({ run }: { readonly run: RunSummaryAnswer }) {
  return (
    <>
      <a href={runLink(run.runId)}>
        <Time iso={run.startedAt} short />
      </a>{' '}
      <OutcomeBadge outcome={run.outcome} />
    </>
  );
}
