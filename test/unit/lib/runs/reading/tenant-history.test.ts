import { expect, it } from 'vitest';
import type { TenantRun } from '../../../../../src/lib/runs/store/run.ts';
import { readTenantHistory } from '../../../../../src/lib/runs/reading/run-view.ts';
import { MemoryRunLog } from '../../../../fakes/memory-run-log.ts';
import { tenantId } from '../store/stage.ts';

const record = (atMs: number, more: Partial<TenantRun> = {}): TenantRun => ({
  tenantId: tenantId(1),
  name: 'Contoso',
  outcome: 'succeeded',
  round: 1,
  rows: 2,
  columns: [],
  startedAtMs: atMs,
  finishedAtMs: atMs + 500,
  ...more,
});

async function stored(runLog: MemoryRunLog, job: string, atMs: number, records: readonly TenantRun[]): Promise<void> {
  const runId = `${job}@w${atMs}`;
  await runLog.create({ runId, job, window: `w${atMs}`, startedBy: 'timer', createdAtMs: atMs }, { parameters: {} });
  await runLog.recordTenants(runId, records);
}

it('returns the results of one tenant, newest first, without runs that did not visit it', async () => {
  const runLog = new MemoryRunLog();
  await stored(runLog, 'access', 1_000, [record(1_000, { outcome: 'failed', code: 'throttled', round: 3, rows: 0 })]);
  await stored(runLog, 'licences', 2_000, [record(2_000), record(2_000, { tenantId: tenantId(2), name: 'Fabrikam' })]);
  await stored(runLog, 'access', 3_000, [record(3_000, { tenantId: tenantId(2) })]);
  await stored(runLog, 'removed', 4_000, [record(4_000)]);
  expect(await readTenantHistory(runLog, tenantId(1), ['access', 'licences'])).toEqual([
    {
      job: 'licences',
      runId: 'licences@w2000',
      outcome: 'succeeded',
      attempts: 1,
      rows: 2,
      startedAt: '1970-01-01T00:00:02.000Z',
      finishedAt: '1970-01-01T00:00:02.500Z',
    },
    {
      job: 'access',
      runId: 'access@w1000',
      outcome: 'failed',
      code: 'throttled',
      attempts: 3,
      rows: 0,
      startedAt: '1970-01-01T00:00:01.000Z',
      finishedAt: '1970-01-01T00:00:01.500Z',
    },
  ]);
});

it('looks at the newest 14 runs of each job, so that a frequent job does not displace a daily one', async () => {
  const runLog = new MemoryRunLog();
  await stored(runLog, 'daily', 1, [record(1)]);
  for (let at = 10; at < 40; at += 1) await stored(runLog, 'frequent', at, [record(at)]);
  const history = await readTenantHistory(runLog, tenantId(1), ['daily', 'frequent']);
  expect(history).toHaveLength(15);
  expect(history[0]?.runId).toBe('frequent@w39');
  expect(history.at(-1)?.runId).toBe('daily@w1');
});
