import { errorTable } from '../model/errors.ts';
import type { Notice, Notifier } from '../notifications/notice.ts';
import type { Run, TenantRun } from './run.ts';
import { previousRun } from './run-changes.ts';
import type { RunId } from './run-id.ts';
import type { Runs } from './runs.ts';

export interface AnnounceRunDeps {
  readonly runs: Pick<Runs, 'log'>;
  readonly notifier: Notifier;
}

/**
 * Tells people about a run that has ended, when there is something to tell: it failed, or more tenants failed than the
 * last time. The activity `announce-run`: throws, so that the platform repeats it.
 * @returns whether there was.
 * @throws BrokerError when the message was not taken, or storage_unavailable.
 */
export async function announceRun(
  deps: AnnounceRunDeps,
  input: { readonly runId: RunId },
): Promise<{ announced: boolean }> {
  const run = await deps.runs.log.find(input.runId);
  const notice = run && (run.status === 'failed' ? failedNotice(run) : await risenNotice(deps, run));
  if (notice === undefined) return { announced: false };
  await deps.notifier.send(notice);
  return { announced: true };
}

function failedNotice(run: Run): Notice {
  const { stoppedBy = { code: 'internal', detail: '' }, tenants } = run;
  const { title, advice } = errorTable[stoppedBy.code];
  return {
    severity: 'error',
    title: `The run of ${run.job} failed: ${title}`,
    text: `${stoppedBy.detail} ${advice}`.trim(),
    facts: [...factsOf(run), { name: 'Not attempted', value: String(tenants.notAttempted) }],
  };
}

async function risenNotice(deps: AnnounceRunDeps, run: Run): Promise<Notice | undefined> {
  // A run over chosen tenants, or one that was cut short, says nothing about the rest.
  if (run.status !== 'completed' || run.scope !== 'all') return undefined;
  const before = await previousRun(deps.runs.log, run);
  if (before === undefined || run.tenants.failed <= before.tenants.failed) return undefined;
  const known = new Set<string>();
  for await (const { tenantId } of deps.runs.log.tenants(before.runId, 'failed')) known.add(tenantId);
  const fresh: TenantRun[] = [];
  for await (const tenant of deps.runs.log.tenants(run.runId, 'failed'))
    if (!known.has(tenant.tenantId)) fresh.push(tenant);
  const reasons = Map.groupBy(fresh, ({ code = 'internal' }) => code);
  return {
    severity: 'warning',
    title: `${run.job}: ${run.tenants.failed} tenants failed, ${before.tenants.failed} the time before`,
    text: 'These tenants failed now and did not before; the run shows what to do for each.',
    facts: [
      ...factsOf(run),
      ...[...reasons].map(([code, tenants]) => ({ name: errorTable[code].title, value: namesOf(tenants) })),
    ],
  };
}

const factsOf = (run: Run): Notice['facts'] => [
  { name: 'Run', value: run.runId },
  { name: 'Tenants', value: `${run.tenants.total}, ${run.tenants.succeeded} succeeded, ${run.tenants.failed} failed` },
];

const mostNames = 10;

function namesOf(tenants: readonly TenantRun[]): string {
  const names = tenants.slice(0, mostNames).map(({ name }) => name);
  return names.join(', ') + (tenants.length > mostNames ? ` and ${tenants.length - mostNames} more` : '');
}
