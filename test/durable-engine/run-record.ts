import type { RunTenantsAnswer } from '../../src/lib/api/answers/runs.ts';
import type { RunStack } from '../e2e/runs/run-stack.ts';

/**
 * What a run left behind, without times. Without attempts, too: on a busy machine, a request to the simulated cloud may run
 * into its time limit.
 */
export interface RunRecord {
  readonly status: string;
  readonly tenants: readonly Omit<RunTenantsAnswer['tenants'][number], 'startedAt' | 'finishedAt' | 'attempts'>[];
  readonly rows: readonly string[];
}

export async function runRecord(stack: RunStack, url: string, runId: string): Promise<RunRecord> {
  const path = `/runs/${encodeURIComponent(runId)}`;
  const { status } = JSON.parse((await stack.call(url, 'GET', path)).text) as { status: string };
  const { tenants } = JSON.parse((await stack.call(url, 'GET', `${path}/tenants`)).text) as RunTenantsAnswer;
  const rows = (await stack.call(url, 'GET', `${path}/results?format=jsonl`)).text.trimEnd().split('\n');
  return {
    status,
    tenants: tenants
      .map(({ startedAt: _started, finishedAt: _finished, attempts: _attempts, ...rest }) => rest)
      .toSorted((a, b) => a.tenantId.localeCompare(b.tenantId)),
    rows: rows.toSorted(),
  };
}
