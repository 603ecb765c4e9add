import { describe, expect, it, vi } from 'vitest';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import { exportRun } from '../../../../../src/lib/runs/reading/result-page.ts';
import { readPages } from '../../../../support/result-pages.ts';
import { runId, stageRun } from '../store/stage.ts';

async function endedRun() {
  const stage = await stageRun(async ({ tenant }) => [{ name: tenant.name, text: '=1' }, { other: 'a,b' }], 3);
  for (const index of [2, 0]) await stage.attempt(index);
  await stage.runLog.change(runId, { status: 'completed' });
  return stage;
}

async function stored({ results }: Awaited<ReturnType<typeof endedRun>>, format: 'csv' | 'jsonl'): Promise<string> {
  let text = '';
  for await (const piece of results.export(runId, format)) text += piece;
  return text;
}

describe('exportRun', () => {
  it.each(['jsonl', 'csv'] as const)('writes the rows of all pages as %s, also when it is repeated', async (format) => {
    const stage = await endedRun();
    await exportRun(stage.deps, runId);
    await exportRun(stage.deps, runId);
    const run = (await stage.runLog.find(runId))!;
    const pages = await readPages({ log: stage.runLog, results: stage.results }, run, { format, limit: 1 });
    expect(await stored(stage, format)).toBe(pages.join(''));
    expect(stage.logger.events()).not.toContain('run.export_failed');
  });

  it('joins rows that storage returns in pieces', async () => {
    const stage = await endedRun();
    await exportRun(stage.deps, runId);
    const whole = await stored(stage, 'csv');
    const { results } = stage;
    const read = results.export.bind(results);
    results.export = async function* (...args) {
      for await (const text of read(...args)) yield* text;
    };
    await exportRun(stage.deps, runId);
    results.export = read;
    expect(await stored(stage, 'csv')).toBe(whole);
  });

  it('asks for the short rows of all tenants together, up to 16 MiB of them', async () => {
    // The stored rows of the other tenants have 29,912 characters.
    const stage = await stageRun(
      async ({ tenant }) => [{ text: 'x'.repeat(tenant.name === 'Tenant 1' ? 30_000 : 29_900) }],
      600,
    );
    for (let index = 0; index < 600; index += 1) await stage.attempt(index);
    await stage.runLog.change(runId, { status: 'completed' });
    const [ofRecord, any] = [vi.spyOn(stage.runLog, 'shortRows'), vi.spyOn(stage.results, 'rows')];
    await exportRun(stage.deps, runId);
    expect(ofRecord).toHaveBeenCalledTimes(599 - 560);
    const ofTenants = any.mock.calls.filter(([, name]) => !name.startsWith('export.'));
    expect(ofTenants).toHaveLength(1 + 599 - 560);
    expect((await stored(stage, 'jsonl')).match(/x{29900,}/g)).toHaveLength(600);
  });

  it('leaves a run in progress alone', async () => {
    const stage = await endedRun();
    await stage.runLog.change(runId, { status: 'running' });
    await exportRun(stage.deps, runId);
    await expect(stored(stage, 'jsonl')).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  it('only logs that storage fails', async () => {
    const stage = await endedRun();
    stage.results.putExport = () => Promise.reject(new BrokerError('storage_unavailable', 'Away.'));
    await exportRun(stage.deps, runId);
    expect(stage.logger.events()).toContain('run.export_failed');
  });

  it('is given up after ten minutes', async () => {
    const stage = await endedRun();
    const { runLog, clock } = stage;
    const rows = runLog.allShortRows.bind(runLog);
    runLog.allShortRows = async function* (...args) {
      await clock.advance(11 * 60_000);
      yield* rows(...args);
    };
    await exportRun(stage.deps, runId);
    await expect(stored(stage, 'jsonl')).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(stage.logger.events()).toContain('run.export_failed');
  });
});
