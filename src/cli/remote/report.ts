import { visibleText } from '../../lib/runtime/visible-text.ts';
import type { FailureView, RunView, TenantView } from '../demo/api.ts';
import type { DemoSummary } from '../demo/run-demo.ts';
import { table } from '../table.ts';

/** Lists all tenants with the result of each job, then the advice for each error code. */
function report(runs: readonly RunView[], tenants: readonly TenantView[]): string {
  const failures = new Map(
    runs.map((run) => [run.job, new Map(run.failures.map((failure) => [failure.tenantId, failure]))]),
  );
  const rows = tenants.map((tenant) => [
    tenant.name,
    tenant.defaultDomain ?? tenant.tenantId,
    ...runs.map((run) => failures.get(run.job)?.get(tenant.tenantId)?.code ?? 'ok'),
  ]);
  const stops = runs.flatMap(({ job, stoppedBy }) =>
    stoppedBy === undefined ? [] : [`${job} stopped, ${stoppedBy.code}: ${stoppedBy.detail} ${stoppedBy.advice}`, ''],
  );
  const head = ['tenant', 'domain', ...runs.map((run) => run.job)];
  return [...(rows.length === 0 ? [] : [...table(head, rows), '']), ...stops, ...advice(runs)].join('\n');
}

/** Lists the failures by error code, with advice. */
export function advice(runs: readonly Pick<RunView, 'failures'>[]): string[] {
  const byCode = new Map<string, FailureView[]>();
  for (const failure of runs.flatMap((run) => run.failures)) {
    const known = byCode.get(failure.code) ?? [];
    if (!known.some((other) => other.tenantId === failure.tenantId)) byCode.set(failure.code, [...known, failure]);
  }
  return [...byCode.entries()].flatMap(([code, failed]) => [
    `${code}: ${failed[0]?.title} (${failed.length === 1 ? 'one tenant' : `${failed.length} tenants`})`,
    ...failed
      .slice(0, 5)
      .map((failure) => `  ${visibleText(failure.name)}: ${visibleText(failure.detail ?? failure.title)}`),
    ...(failed.length > 5 ? [`  and ${failed.length - 5} more`] : []),
    `  What to do: ${failed[0]?.advice}`,
    '',
  ]);
}

/** The report of the demo: tenants, advice, and the number of requests. */
export function demoReport({ runs, tokens, upstream }: DemoSummary, tenants: readonly TenantView[]): string {
  const counts = `${tokens.issued} tokens, ${tokens.fromCache} of them from the cache; ${upstream.entraTokenRequests} requests to Entra, ${upstream.keyVaultReads} reads from Key Vault, ${upstream.graphRequests} requests to Graph.`;
  return `\n${report(runs, tenants)}\n${counts}\n`;
}
