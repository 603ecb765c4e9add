import { expect, it, vi } from 'vitest';
import { VisibleRuns } from '../../../../../src/lib/runs/reading/visible-runs.ts';
import { MemoryRunLog, MemoryRunResults } from '../../../../fakes/memory-run-log.ts';
import { guid, tenant } from '../../../../support/audit-entries.ts';

const me = { applicationId: guid(1), objectId: guid(2) };
const others = [
  { applicationId: guid(1), objectId: guid(3) },
  { applicationId: guid(4), objectId: guid(2) },
];

async function stage() {
  const log = new MemoryRunLog();
  const results = new MemoryRunResults();
  let createdAtMs = 0;
  const create = async (runId: string, { applicationId, objectId }: typeof me) => {
    const [job = '', window = ''] = runId.split('@');
    await log.create(
      { runId, job, window, startedBy: applicationId, starter: { objectId }, createdAtMs: (createdAtMs += 1) },
      { parameters: {}, tenants: [tenant(1)] },
    );
    await results.putPlan(runId, {
      job,
      parameters: {},
      attempt: [{ tenantId: tenant(1), name: 'Contoso' }],
      decided: [],
    });
    await results.putRows(runId, `${tenant(1)}.a`, '{"n":1}\n');
    await log.recordTenant(runId, {
      tenantId: tenant(1),
      name: 'Contoso',
      outcome: 'succeeded',
      round: 1,
      rows: 1,
      rowsName: `${tenant(1)}.a`,
      columns: ['n'],
      startedAtMs: 0,
      finishedAtMs: 1,
    });
  };
  await create('query@mine', me);
  for (const [index, other] of others.entries()) await create(`query@other${index}`, other);
  await create('licence-report@mine', me);
  return { log, results };
}

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function seen(runs: VisibleRuns, runId: string): Promise<number> {
  const found = await runs.log.find(runId);
  const plan = await runs.results.plan({ runId });
  const counts = await runs.log.countTenants(runId);
  const records = await collected(runs.log.tenants(runId));
  const rows = await collected(runs.results.rows(runId, `${tenant(1)}.a`));
  const [one, other] = [await runs.log.findTenant(runId, tenant(1)), await runs.log.findOutcome(runId, tenant(1))];
  const all = [found, plan, counts.succeeded || undefined, records[0], rows[0], one, other];
  return all.filter((part) => part !== undefined).length;
}

const covered = async () => new Set([tenant(1)]);

/** What a caller sees who asks queries and may read no runs. */
const ownQueries = (runs: Awaited<ReturnType<typeof stage>>, tenants = [tenant(1)]): VisibleRuns =>
  new VisibleRuns(runs, { tenants: undefined, asker: { caller: me, covered: async () => new Set(tenants) } });

it('shows a caller without Runs.Read its own queries whole, and nothing else', async () => {
  const runs = await stage();
  const own = ownQueries(runs);
  expect(await seen(own, 'query@mine')).toBe(7);
  for (const other of ['query@other0', 'query@other1', 'licence-report@mine', 'query@none', 'nonsense'])
    expect([other, await seen(own, other)]).toEqual([other, 0]);
  expect((await own.log.list({ limit: 9 })).map(({ runId }) => runId)).toEqual(['query@mine']);
  expect(await own.log.list({ limit: 9, job: 'licence-report' })).toEqual([]);
});

it('counts nothing where there is no run, and asks for no queries in a list of another job', async () => {
  const runs = await stage();
  const own = ownQueries(runs);
  expect(await own.log.countTenants('query@none')).toEqual({ succeeded: 0, failed: 0, skipped: 0, retrying: 0 });
  const asked: unknown[] = [];
  const list = runs.log.list.bind(runs.log);
  runs.log.list = async (filter) => {
    asked.push(filter);
    return list(filter);
  };
  await own.log.list({ limit: 9, job: 'licence-report' });
  expect(asked).toEqual([]);
  await own.log.list({ limit: 9, job: 'query' });
  expect(asked).toHaveLength(1);
});

it('adds them to what a caller with a limit may read, newest first and each once', async () => {
  const runs = await stage();
  const limited = new VisibleRuns(runs, { tenants: new Set([tenant(9)]), asker: { caller: me, covered } });
  expect(await seen(limited, 'query@mine')).toBe(7);
  expect(await limited.log.find('query@other0')).toBeUndefined();
  const wide = new VisibleRuns(runs, { tenants: '*', asker: { caller: me, covered } });
  expect((await wide.log.list({ limit: 3 })).map(({ runId }) => runId)).toEqual([
    'licence-report@mine',
    'query@other1',
    'query@other0',
  ]);
  expect(await wide.log.list({ limit: 9 })).toHaveLength(4);
});

it('lists them however many queries others have asked since', async () => {
  const runs = await stage();
  for (let count = 0; count < 1_100; count += 1) {
    const window = `later${count}`;
    const run = { runId: `query@${window}`, job: 'query', window, startedBy: 'other', createdAtMs: 10_000 + count };
    await runs.log.create(run, { parameters: {} });
  }
  const own = ownQueries(runs);
  expect((await own.log.list({ limit: 9 })).map(({ runId }) => runId)).toEqual(['query@mine']);
});

it('shows others who asked what and where, without the answers', async () => {
  const runs = await stage();
  const reader = new VisibleRuns(runs, { tenants: '*' });
  expect((await reader.log.find('query@mine'))?.runId).toBe('query@mine');
  const [record] = await collected(reader.log.tenants('query@mine'));
  expect(record).toMatchObject({ outcome: 'succeeded', rows: 1 });
  const failed = {
    name: 'Fabrikam',
    outcome: 'failed',
    round: 1,
    rows: 0,
    columns: [],
    startedAtMs: 0,
    finishedAtMs: 1,
  } as const;
  await runs.log.recordTenant('query@mine', { tenantId: tenant(2), ...failed, detail: 'What Graph said.' });
  expect(await reader.log.findOutcome('query@mine', tenant(2))).not.toHaveProperty('detail');
  await expect(collected(reader.results.rows('query@mine', `${tenant(1)}.a`))).rejects.toMatchObject({
    code: 'caller_forbidden',
  });
});

it('limits records, counts and plans to chosen tenants, and leaves the list of runs as it is', async () => {
  const runs = await stage();
  const chosen = new VisibleRuns(runs, { tenants: '*', isSelected: (tenantId) => tenantId === tenant(2) });
  expect(await chosen.log.list({ limit: 9 })).toHaveLength(4);
  expect(await collected(chosen.log.tenants('licence-report@mine'))).toEqual([]);
  expect(await chosen.log.findTenant('licence-report@mine', tenant(1))).toBeUndefined();
  expect(await chosen.log.countTenants('licence-report@mine')).toMatchObject({ succeeded: 0 });
  expect((await chosen.results.plan({ runId: 'licence-report@mine' }))?.attempt).toEqual([]);
});

it('reads nothing once its signal is aborted, also within a list', async () => {
  const runs = await stage();
  const aborting = new AbortController();
  const inTime = new VisibleRuns(runs, { tenants: '*' }).until(aborting.signal);
  const records = inTime.log.tenants('licence-report@mine')[Symbol.asyncIterator]();
  aborting.abort(new Error('too late'));
  const started = [vi.spyOn(runs.log, 'find'), vi.spyOn(runs.log, 'list')];
  await expect(records.next()).rejects.toThrow('too late');
  await expect(inTime.log.find('licence-report@mine')).rejects.toThrow('too late');
  await expect(inTime.log.list({ limit: 1 })).rejects.toThrow('too late');
  await expect(inTime.results.plan({ runId: 'licence-report@mine' })).rejects.toThrow('too late');
  await expect(collected(inTime.results.rows('licence-report@mine', `${tenant(1)}.a`))).rejects.toThrow('too late');
  // A read that starts and fails later would be nobody's.
  expect(started.map(({ mock }) => mock.calls.length)).toEqual([0, 0]);
});

it('looks up once whose query it is, also for an answer with a deadline', async () => {
  const runs = await stage();
  const own = ownQueries(runs);
  await own.log.countTenants('query@mine');
  const find = vi.spyOn(runs.log, 'find');
  await own.until(new AbortController().signal).log.countTenants('query@mine');
  expect(find.mock.calls).toEqual([]);
});

it('tries again after a failure of storage', async () => {
  const runs = await stage();
  const own = ownQueries(runs);
  runs.log.broken = true;
  await expect(own.log.find('query@mine')).rejects.toMatchObject({ code: 'storage_unavailable' });
  runs.log.broken = false;
  expect(await own.log.find('query@mine')).toBeDefined();
});

it('shows no answer of a tenant that is not covered any more, and its outcome', async () => {
  const runs = await stage();
  const own = ownQueries(runs, [tenant(2)]);
  const detail = 'No rule of the caller for the gateway covers this tenant any more, so the answer is not shown.';
  const one = await own.log.findTenant('query@mine', tenant(1));
  expect(one).toMatchObject({ outcome: 'succeeded', rows: 1, detail });
  const records = await collected(own.log.tenants('query@mine'));
  for (const record of [one, ...records, await own.log.findOutcome('query@mine', tenant(1))])
    expect(record).not.toHaveProperty('rowsName');
  await expect(collected(own.results.rows('query@mine', `${tenant(1)}.a`))).rejects.toMatchObject({
    code: 'caller_forbidden',
  });
});
