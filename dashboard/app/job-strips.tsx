import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import type { RunSummaryAnswer } from '../../src/lib/api/answers/runs.ts';
import { outcomeWord } from '../../src/lib/core/outcomes.ts';
import { relative } from './format.ts';
import { OutcomeBadge, Time } from './pieces.tsx';
import { runLink } from './route.ts';
import { RunStrip } from './run-strip.tsx';
import { runsLink } from './runs-filter.ts';
import { scheduleWords } from './schedule-words.ts';

/** A job with its newest runs, the newest first. */
export interface JobRuns {
  readonly job: JobsAnswer['jobs'][number];
  readonly runs: readonly RunSummaryAnswer[];
}

/** One line per job: what its last run brought, the runs before, and when it runs next. */
export function JobStrips({ jobs, nowMs }: { readonly jobs: readonly JobRuns[]; readonly nowMs: number }) {
  if (jobs.length === 0)
    return (
      <p class="empty">
        There are no jobs. <code>ptb jobs new NAME</code> writes one.
      </p>
    );
  return (
    <ul class="jobs">
      {jobs.map(({ job, runs }) => (
        <li key={job.name} class="job">
          <div class="job-name">
            <a href={runsLink({ job: job.name })}>{job.name}</a>
            <span class="quiet">{job.title}</span>
          </div>
          <LastRun run={runs[0]} nowMs={nowMs} />
          <RunStrip runs={runs} />
          <Next job={job} nowMs={nowMs} />
        </li>
      ))}
    </ul>
  );
}

function LastRun({ run, nowMs }: { readonly run: RunSummaryAnswer | undefined; readonly nowMs: number }) {
  if (run === undefined) return <p class="job-last quiet">No run yet</p>;
  return (
    <p class="job-last">
      <a href={runLink(run.runId)} class="plain">
        <OutcomeBadge outcome={run.outcome} />
      </a>
      <span>{briefCounts(run)}</span>
      <span class="quiet">{relative(run.startedAt, nowMs)}</span>
    </p>
  );
}

const figure = (n: number): string => n.toLocaleString('en');

/** What matters most of the counts: `3 failed of 25`. */
export function briefCounts({ outcome, tenants }: Pick<RunSummaryAnswer, 'outcome' | 'tenants'>): string {
  const { total, succeeded, failed, notAttempted } = tenants;
  if (outcome === 'starting') return 'listing tenants';
  const troubles = [
    failed === 0 ? [] : `${figure(failed)} ${outcomeWord('failed')}`,
    notAttempted === 0 ? [] : `${figure(notAttempted)} ${outcomeWord('not_attempted')}`,
  ].flat();
  return `${troubles.join(', ') || `${figure(succeeded)} ${outcomeWord('succeeded')}`} of ${figure(total)}`;
}

function Next({ job, nowMs }: { readonly job: JobRuns['job']; readonly nowMs: number }) {
  if (job.schedule === undefined || job.nextAt === undefined) return <p class="job-next quiet">Runs on demand</p>;
  return (
    <p class="job-next" title={job.schedule}>
      <span>
        <span class="quiet">Next</span> <Time iso={job.nextAt} short />
      </span>
      <span class="quiet">{relative(job.nextAt, nowMs)}</span>
      <span class="quiet">{scheduleWords(job.schedule)}</span>
    </p>
  );
}
