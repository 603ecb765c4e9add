import type { FailureView, RunView, TenantView } from './api.ts';

/** All tenants with what each job said of them, then the advice for every kind of failure. */
export function report(runs: readonly RunView[], tenants: readonly TenantView[]): string {
  const failures = new Map(
    runs.map((run) => [run.job, new Map(run.failures.map((failure) => [failure.tenantId, failure]))]),
  );
  const rows = tenants.map((tenant) => [
    tenant.name,
    tenant.defaultDomain ?? tenant.tenantId,
    ...runs.map((run) => failures.get(run.job)?.get(tenant.tenantId)?.code ?? 'ok'),
  ]);
  return [table([['tenant', 'domain', ...runs.map((run) => run.job)], ...rows]), '', ...advice(runs)].join('\n');
}

function advice(runs: readonly RunView[]): string[] {
  const byCode = new Map<string, FailureView[]>();
  for (const failure of runs.flatMap((run) => run.failures)) {
    const known = byCode.get(failure.code) ?? [];
    if (!known.some((other) => other.tenantId === failure.tenantId)) byCode.set(failure.code, [...known, failure]);
  }
  return [...byCode.entries()].flatMap(([code, failed]) => [
    `${code}: ${failed[0]?.title} (${failed.length === 1 ? 'one tenant' : `${failed.length} tenants`})`,
    ...failed.slice(0, 5).map((failure) => `  ${failure.name}: ${failure.detail ?? failure.title}`),
    ...(failed.length > 5 ? [`  and ${failed.length - 5} more`] : []),
    `  What to do: ${failed[0]?.advice}`,
    '',
  ]);
}

/** Columns padded to their widest cell. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const text = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const [head, ...body] = rows;
  return [text(head ?? []), widths.map((width) => '-'.repeat(width)).join('  '), ...body.map(text)].join('\n');
}
