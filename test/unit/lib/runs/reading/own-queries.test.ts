import { expect, it } from 'vitest';
import { noRuns, readableRuns, withOwnQueries } from '../../../../../src/lib/runs/reading/visible-runs.ts';
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

async function seen(runs: ReturnType<typeof withOwnQueries>, runId: string): Promise<number> {
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

it('shows a caller without Runs.Read its own queries whole, and nothing else', async () => {
  const runs = await stage();
  const own = withOwnQueries(runs, noRuns, me, covered);
  expect(await seen(own, 'query@mine')).toBe(7);
  for (const other of ['query@other0', 'query@other1', 'licence-report@mine', 'query@none', 'nonsense'])
    expect([other, await seen(own, other)]).toEqual([other, 0]);
  expect((await own.log.list({ limit: 9 })).map(({ runId }) => runId)).toEqual(['query@mine']);
  expect(await own.log.list({ limit: 9, job: 'licence-report' })).toEqual([]);
});

it('counts nothing where there is no run, and asks for no queries in a list of another job', async () => {
  expect(await noRuns.log.countTenants('query@none')).toEqual({ succeeded: 0, failed: 0, skipped: 0, retrying: 0 });
  const runs = await stage();
  const own = withOwnQueries(runs, noRuns, me, covered);
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
  const limited = withOwnQueries(runs, readableRuns(runs, new Set([tenant(9)])), me, covered);
  expect(await seen(limited, 'query@mine')).toBe(7);
  expect(await limited.log.find('query@other0')).toBeUndefined();
  const wide = withOwnQueries(runs, runs, me, covered);
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
  const own = withOwnQueries(runs, noRuns, me, covered);
  expect((await own.log.list({ limit: 9 })).map(({ runId }) => runId)).toEqual(['query@mine']);
});

it('tries again after a failure of storage', async () => {
  const runs = await stage();
  const own = withOwnQueries(runs, noRuns, me, covered);
  runs.log.broken = true;
  await expect(own.log.find('query@mine')).rejects.toMatchObject({ code: 'storage_unavailable' });
  runs.log.broken = false;
  expect(await own.log.find('query@mine')).toBeDefined();
});

it('shows no answer of a tenant that is not covered any more, and its outcome', async () => {
  const runs = await stage();
  const own = withOwnQueries(runs, noRuns, me, async () => new Set([tenant(2)]));
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
