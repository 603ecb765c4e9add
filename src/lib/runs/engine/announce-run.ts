import { adviceFor, errorTable } from '../../core/errors.ts';
import { outcomeWord, runOutcome } from '../../core/outcomes.ts';
import { type Notice, type Notifier, quoted } from '../../notices/notice.ts';
import type { Clock } from '../../core/clock.ts';
import type { JobRegistry } from '../job/job.ts';
import { queryJob, type Run, type RunId, type TenantRun } from '../store/run.ts';
import { previousRun } from '../reading/run-changes.ts';
import type { Runs } from '../store/runs.ts';

export interface AnnounceRunDeps {
  readonly runs: Pick<Runs, 'log'>;
  readonly notifier: Notifier;
  readonly clock: Clock;
  readonly jobs: Pick<JobRegistry, 'find'>;
  /** Address of the dashboard. Undefined: it is not known. */
  readonly dashboardUrl: string | undefined;
}

/**
 * Sends a notice about a finished run if the run failed, or if more tenants failed than in the previous run; and one with its
 * counts if the job asks for it. None about a query: whoever asked waits for its answer.
 * Implements the activity `announce-run`; a throw makes the platform retry it.
 * @returns whether a notice was sent.
 * @throws BrokerError storage_unavailable.
 */
export async function announceRun(
  deps: AnnounceRunDeps,
  input: { readonly runId: RunId },
): Promise<{ announced: boolean }> {
  const run = await deps.runs.log.find(input.runId);
  if (run === undefined || run.job === queryJob) return { announced: false };
  const notices = [
    run.status === 'failed' ? failedNotice(run) : await moreFailuresNotice(deps, run),
    deps.jobs.find(run.job)?.notify === true ? finishedNotice(run) : undefined,
  ].filter((notice) => notice !== undefined);
  const { dashboardUrl } = deps;
  const link = dashboardUrl === undefined ? {} : { link: `${dashboardUrl}#/runs/${encodeURIComponent(run.runId)}` };
  const atMs = run.finishedAtMs ?? deps.clock.nowMs();
  for (const notice of notices) await deps.notifier.send({ ...notice, ...link, key: run.runId, atMs });
  return { announced: notices.length > 0 };
}

/** What differs between notices about a run. */
type RunNotice = Omit<Notice, 'key' | 'atMs'>;

function failedNotice(run: Run): RunNotice {
  const { stoppedBy = { code: 'internal', detail: '' }, tenants } = run;
  return {
    kind: 'run.failed',
    severity: 'critical',
    title: `The run of ${run.job} was ${outcomeWord(runOutcome(run))}: ${errorTable[stoppedBy.code].title}`,
    text: `${stoppedBy.detail} ${adviceFor(stoppedBy.code, 'operator')}`.trim(),
    facts: [...factsOf(run), { name: 'Not attempted', value: String(tenants.notAttempted) }],
  };
}

async function moreFailuresNotice(deps: AnnounceRunDeps, run: Run): Promise<RunNotice | undefined> {
  // Only complete runs over all tenants are comparable.
  if (run.status !== 'completed' || run.scope !== 'all') return undefined;
  const before = await previousRun(deps.runs.log, run);
  if (before === undefined || run.tenants.failed <= before.tenants.failed) return undefined;
  const known = new Set<string>();
  for await (const { tenantId } of deps.runs.log.tenants(before.runId, 'failed')) known.add(tenantId);
  const newlyFailed: TenantRun[] = [];
  for await (const tenant of deps.runs.log.tenants(run.runId, 'failed'))
    if (!known.has(tenant.tenantId)) newlyFailed.push(tenant);
  const reasons = Map.groupBy(newlyFailed, ({ code = 'internal' }) => code);
  return {
    kind: 'run.more-failures',
    severity: 'warning',
    title: `${run.job}: ${run.tenants.failed} tenants failed, ${before.tenants.failed} in the previous run`,
    text: 'These tenants failed in this run but not in the previous one. The run shows the next step for each.',
    facts: [
      ...factsOf(run),
      ...[...reasons].map(([code, tenants]) => ({ name: errorTable[code].title, value: namesOf(tenants) })),
    ],
  };
}

function finishedNotice(run: Run): RunNotice | undefined {
  if (run.status !== 'completed') return undefined;
  const { skipped } = run.tenants;
  return {
    kind: 'run.finished',
    severity: 'info',
    title: `The run of ${run.job} is finished`,
    text: 'Its rows can be read in the dashboard, with `ptb runs export`, and over HTTP.',
    facts: [...factsOf(run), ...(skipped === 0 ? [] : [{ name: 'Skipped', value: String(skipped) }])],
  };
}

const factsOf = (run: Run): Notice['facts'] => [
  { name: 'Run', value: run.runId },
  { name: 'Outcome', value: outcomeWord(runOutcome(run)) },
  { name: 'Tenants', value: `${run.tenants.total}, ${run.tenants.succeeded} succeeded, ${run.tenants.failed} failed` },
];

const maxNames = 10;

function namesOf(tenants: readonly TenantRun[]): string {
  const names = tenants.slice(0, maxNames).map(({ name }) => quoted(name));
  return names.join(', ') + (tenants.length > maxNames ? ` and ${tenants.length - maxNames} more` : '');
}
