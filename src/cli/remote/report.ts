import type { RunAnswer, RunTenantsAnswer } from '../../lib/api/answers/runs.ts';
import { titleOf } from '../../lib/api/trouble.ts';
import type { TenantView } from '../demo/api.ts';
import type { DemoSummary } from '../demo/run-demo.ts';
import { counted } from '../counted.ts';
import { type Line, type Piece, shownLine, styled } from '../line.ts';
import { resultPiece } from '../outcome-piece.ts';
import { table } from '../table.ts';

/** A run with the outcome of each tenant. */
export interface ReportedRun {
  readonly run: RunAnswer;
  /** Empty if the run ended before its tenants were listed. */
  readonly tenants: RunTenantsAnswer['tenants'];
}

/** Lists all tenants with their outcome in each run, then why runs stopped, then the advice for each cause. */
function report(runs: readonly ReportedRun[], known: readonly TenantView[]): Line[] {
  const names = new Map<string, TenantView>(runs.flatMap(({ tenants }) => tenants.map((one) => [one.tenantId, one])));
  for (const tenant of known) names.set(tenant.tenantId, tenant);
  const outcomes = runs.map(({ tenants }) => new Map(tenants.map((tenant) => [tenant.tenantId, tenant])));
  const inOrder = [...names.values()].toSorted((a, b) => a.name.localeCompare(b.name, 'en'));
  const rows = inOrder.map((tenant) => [
    tenant.name,
    tenant.defaultDomain ?? tenant.tenantId,
    ...outcomes.map((of) => cell(of.get(tenant.tenantId))),
  ]);
  const stops = runs.flatMap(({ run: { job, stoppedBy } }) =>
    stoppedBy === undefined ? [] : [`${job} stopped: ${stopText(stoppedBy)}`, ''],
  );
  const head = ['tenant', 'domain', ...runs.map(({ run }) => ({ head: run.job, wrap: true }))];
  return [...(rows.length === 0 ? [] : [...table(head, rows), '']), ...stops, ...advice(runs.map(({ run }) => run))];
}

/** Why a run stopped, and what helps. */
export const stopText = ({ code, detail, advice }: NonNullable<RunAnswer['stoppedBy']>): string =>
  `${titleOf(code)} (${code}). ${detail} ${advice}`;

const cell = ({ outcome = 'not_attempted', code }: Partial<ReportedRun['tenants'][number]> = {}): Piece =>
  resultPiece({ outcome, code });

/** Lists the failures by cause, with advice. */
export function advice(runs: readonly Pick<RunAnswer, 'failures'>[]): Line[] {
  const byCode = new Map<string, RunAnswer['failures'][number][]>();
  for (const failure of runs.flatMap((run) => run.failures)) {
    const known = byCode.get(failure.code) ?? [];
    if (!known.some((other) => other.tenantId === failure.tenantId)) byCode.set(failure.code, [...known, failure]);
  }
  return [...byCode.entries()].flatMap(([code, failed]) => [
    [styled('bad', failed[0]?.title ?? code), `: ${counted(failed.length, 'tenant')} (${code})`],
    ...failed.slice(0, 5).map((failure) => `  ${failure.name}: ${failure.detail ?? failure.title}`),
    ...(failed.length > 5 ? [`  and ${failed.length - 5} more`] : []),
    `  What to do: ${failed[0]?.advice}`,
    '',
  ]);
}

/** The report of the demo: tenants, advice, and the number of requests. */
export function demoReport(
  { tokens, upstream }: DemoSummary,
  runs: readonly ReportedRun[],
  known: readonly TenantView[],
): string {
  const counts = `${counted(tokens.issued, 'token')}, ${tokens.fromCache} of them from the cache; ${counted(upstream.entraTokenRequests, 'request')} to Entra, ${counted(upstream.keyVaultReads, 'read')} from Key Vault, ${counted(upstream.graphRequests, 'request')} to Graph.`;
  return ['', ...report(runs, known), counts, ''].map((line) => shownLine(line, process.stdout)).join('\n');
}
