import { expect, it, vi } from 'vitest';
import { withRun } from '../../../../src/cli/remote/run-reference.ts';
import { UsageError } from '../../../../src/cli/run-program.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';

const ids = ['report@manual-b2', 'check@manual-c3', 'report@manual-b1', 'report@a', 'report@ab'];
const runs = ids.map((runId) => ({ runId, outcome: 'partly_failed', startedAt: '2026-01-01T00:00:00Z' }));

/** Work that knows these runs, and the requests to the broker that finding one takes. */
function stage(known: readonly string[] = ids) {
  const asked: string[] = [];
  const client = {
    get: async (_path: string, { limit = '' }: Readonly<Record<string, string | undefined>> = {}) => {
      asked.push(limit);
      return { runs: runs.slice(0, Number(limit)) };
    },
  };
  const work = async (runId: string): Promise<string> => {
    if (!known.includes(runId)) throw new BrokerError('run_not_found', `There is no run ${runId}.`);
    return runId;
  };
  return { client, work, asked };
}

it('takes a complete id as it is, without a request, also if other ids begin so', async () => {
  const { client, work, asked } = stage();
  expect(await withRun(client, { start: 'report@a' }, work)).toBe('report@a');
  expect(asked).toEqual([]);
});

it.each([
  ['check', 'check@manual-c3'],
  ['report@manual-b1', 'report@manual-b1'],
  // Copied from a table that was cut.
  ['check@man…', 'check@manual-c3'],
])('finds the run by the beginning %s', async (start, runId) => {
  const { client, work } = stage();
  expect(await withRun(client, { start }, work)).toBe(runId);
});

it('lists the candidates if several ids begin so', async () => {
  const { client, work } = stage();
  const failed: unknown = await withRun(client, { start: 'report@manual' }, work).catch((thrown: unknown) => thrown);
  expect(failed).toBeInstanceOf(UsageError);
  expect((failed as Error).message).toBe(
    '2 runs have an id that begins with "report@manual". Give more of it, or --latest for the newest:' +
      '\n  report@manual-b2  partly failed, 2026-01-01T00:00:00Z' +
      '\n  report@manual-b1  partly failed, 2026-01-01T00:00:00Z',
  );
});

it.each([
  [undefined, 'report@manual-b2', '1'],
  ['check', 'check@manual-c3', '500'],
  ['report', 'report@manual-b2', '500'],
])('takes the newest run with --latest: %s', async (start, runId, limit) => {
  const { client, work, asked } = stage();
  expect(await withRun(client, { start, latest: true }, work)).toBe(runId);
  expect(asked).toEqual([limit]);
});

it('keeps the error of the broker if no id begins so, or if the run itself is known', async () => {
  const { client, work } = stage([]);
  for (const start of ['nothing', 'report@a'])
    await expect(withRun(client, { start }, work)).rejects.toMatchObject({ code: 'run_not_found' });
});

it('looks for no run after another error', async () => {
  const { client, asked } = stage();
  const refused = new BrokerError('caller_forbidden', 'No.');
  await expect(withRun(client, { start: 'x' }, () => Promise.reject(refused))).rejects.toBe(refused);
  expect(asked).toEqual([]);
});

it.each([
  ['', false],
  [' ', false],
  ['…', false],
  ['..', false],
  // Otherwise an unset variable of a script would cancel the newest run of any job.
  ['', true],
])('takes no run for the empty reference %j (--latest: %s)', async (start, latest) => {
  const { client, asked } = stage();
  const work = vi.fn<(runId: string) => Promise<string>>();
  await expect(withRun(client, { start, latest }, work)).rejects.toThrow(UsageError);
  expect([asked, work.mock.calls]).toEqual([[], []]);
});

it('needs a run or --latest, and says if there is none', async () => {
  const { client, work } = stage();
  await expect(withRun(client, { start: undefined }, work)).rejects.toThrow(
    /^Name the run by its id, or give --latest/,
  );
  await expect(withRun(client, { start: 'nothing', latest: true }, work)).rejects.toThrow(/^None of the last 500 runs/);
  const none = { get: async () => ({ runs: [] }) };
  await expect(withRun(none, { start: undefined, latest: true }, work)).rejects.toThrow(/^There is no run yet/);
});
