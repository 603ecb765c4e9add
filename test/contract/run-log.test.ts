import { randomBytes, randomUUID } from 'node:crypto';
import { RestError, TableClient, type TableServiceClientOptions } from '@azure/data-tables';
import { ContainerClient } from '@azure/storage-blob';
import { beforeAll, describe, expect, test } from 'vitest';
import { BrokerError } from '../../src/lib/core/errors.ts';
import { parseTenantId, type TenantId } from '../../src/lib/core/identifiers.ts';
import { BlobRunResults } from '../../src/lib/runs/store/blob-run-results.ts';
import {
  type NewTenantRun,
  shortRowsName,
  type RunLog,
  type RunPlan,
  type RunResults,
} from '../../src/lib/runs/store/run.ts';
import { systemClock } from '../../src/lib/core/clock.ts';
import { TableRunLog } from '../../src/lib/runs/store/table-run-log.ts';
import { MemoryRunLog, MemoryRunResults } from '../fakes/memory-run-log.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

const tableLog = (options: TableServiceClientOptions = {}): RunLog =>
  new TableRunLog(
    async (name) =>
      TableClient.fromConnectionString(azurite.connectionString, name, { allowInsecureConnection: true, ...options }),
    randomUUID,
    systemClock,
  );
const blobResults = (log: RunLog = tableLog()): RunResults =>
  new BlobRunResults(async (name) => new ContainerClient(azurite.connectionString, name), {
    clock: systemClock,
    newId: randomUUID,
    shortRows: (...of) => log.shortRows(...of),
  });

const tenant = (number: number): TenantId =>
  parseTenantId(`00000000-0000-4000-8000-${String(number).padStart(12, '0')}`)!;
const record = (number: number, more: Partial<NewTenantRun> = {}): NewTenantRun => ({
  tenantId: tenant(number),
  name: `Tenant ${number}`,
  outcome: 'succeeded',
  round: 1,
  rows: 2,
  columns: ['a', 'b'],
  startedAtMs: 1_000,
  finishedAtMs: 2_000,
  ...more,
});
const start = (job: string, window: string, createdAtMs = 1_700_000_000_000) => ({
  runId: `${job}@${window}`,
  job,
  window,
  startedBy: 'timer',
  createdAtMs,
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

describe.each([
  ['in memory', () => new MemoryRunLog()],
  ['in tables', () => tableLog()],
])('the run log %s', (_name, make) => {
  test('lets one of fifty concurrent creates succeed', async () => {
    const log = make();
    const won = await Promise.all(Array.from({ length: 50 }, () => log.create(start('race', 'w'), { parameters: {} })));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await log.find('race@w')).toMatchObject({
      runId: 'race@w',
      job: 'race',
      window: 'w',
      status: 'pending',
      startedBy: 'timer',
      createdAtMs: 1_700_000_000_000,
    });
  });

  test('stores who started the run, with the name of a person', async () => {
    const log = make();
    const starters = [undefined, { objectId: 'object-1' }, { objectId: 'object-2', name: 'ann@partner.example' }];
    for (const [at, starter] of starters.entries()) {
      await log.create({ ...start('who', `w${at}`), starter }, { parameters: {} });
      expect((await log.find(`who@w${at}`))?.starter).toEqual(starter);
    }
    const listed = await log.list({ job: 'who', limit: 9 });
    expect(new Set(listed.map(({ starter }) => starter?.name))).toEqual(new Set([undefined, 'ann@partner.example']));
  });

  test('shows the parameters of a run, if it has any', async () => {
    const log = make();
    const parameters = { days: 3, deep: true, level: 'high', parts: ['a', 'b'] };
    await log.create(start('shown', 'w1'), { parameters });
    await log.create(start('shown', 'w2'), { parameters: {} });
    expect((await log.find('shown@w1'))?.parameters).toEqual(parameters);
    expect((await log.find('shown@w2'))?.parameters).toBeUndefined();
  });

  test('keeps the digest of a request with a key', async () => {
    const log = make();
    await log.create({ ...start('keyed', 'w1'), requestDigest: 'd' }, { parameters: {} });
    await log.create(start('keyed', 'w2'), { parameters: {} });
    const digests = ['w1', 'w2'].map(async (window) => (await log.find(`keyed@${window}`))?.requestDigest);
    expect(await Promise.all(digests)).toEqual(['d', undefined]);
  });

  test('keeps who asked a query, and what it sends, in lists too', async () => {
    const log = make();
    const asker = {
      applicationId: 'application-1',
      objectId: 'object-1',
      kind: 'user' as const,
      roles: ['Requests.Send' as const],
      tenantId: tenant(9),
      name: 'ann@partner.example',
      client: 'ptb/1.0',
    };
    const path = '/v1.0/users?$select=id';
    const choice = { tenants: ['tag:managed'] };
    for (const [window, request] of [
      ['w1', {}],
      ['w2', { choice }],
    ] as const) {
      await log.create({ ...start('query', window), query: path }, { ...request, parameters: { path }, asker });
      expect(await log.request(`query@${window}`)).toEqual({ ...request, parameters: { path }, asker });
      expect((await log.find(`query@${window}`))?.query).toBe(path);
    }
    expect((await log.list({ job: 'query', limit: 9 })).map(({ query }) => query)).toEqual([path, path]);
    await log.create(start('asked', 'w'), { parameters: {} });
    expect((await log.find('asked@w'))?.query).toBeUndefined();
  });

  test('keeps that rows of a tenant are missing', async () => {
    const log = make();
    await log.create(start('more', 'w'), { parameters: {} });
    await log.recordTenant('more@w', record(1, { more: true }));
    await log.recordTenant('more@w', record(2));
    expect((await all(log.tenants('more@w'))).map(({ more }) => more)).toEqual([true, undefined]);
  });

  test('stores the request with thousands of tenants, and windows with a colon', async () => {
    const log = make();
    const request = {
      tenants: Array.from({ length: 5_000 }, (_, index) => tenant(index)),
      parameters: { text: 'ä"\\', deep: { list: [1, null] } },
    };
    await log.create(start('big', '2026-11-24T05:00Z'), request);
    expect(await log.request('big@2026-11-24T05:00Z')).toEqual(request);
  });

  test('finds nothing for an unknown run or an invalid run id', async () => {
    const log = make();
    for (const runId of ['none@w', 'none', '', "x@'or 1 eq 1"]) {
      expect(await log.find(runId)).toBeUndefined();
      expect(await log.request(runId)).toBeUndefined();
    }
  });

  test('fails with the reason to change a run whose record was deleted', async () => {
    await expect(make().change('deleted@w', { status: 'running' })).rejects.toMatchObject({
      code: 'run_not_found',
      detail: 'The record of the run deleted@w no longer exists.',
    });
  });

  test('changes a run by what it is then, while others write', async () => {
    const log = make();
    await log.create(start('by', 'w'), { parameters: {} });
    const hold = (id: string) => ({ id, atMs: 0, code: 'apply_held' as const, detail: 'Held.' });
    const decided = await Promise.all(
      ['a', 'b', 'c', 'd'].map((id) =>
        log.changeBy('by@w', (run) => (run.hold === undefined ? { hold: hold(id) } : undefined)),
      ),
    );
    const [only, ...others] = decided.flatMap((change) => change?.hold?.id ?? []);
    expect(others).toEqual([]);
    expect((await log.find('by@w'))?.hold?.id).toBe(only);
    expect(await log.changeBy('gone@w', () => ({ hold: hold('e') }))).toBeUndefined();
  });

  test('changes some fields of a run and keeps the others', async () => {
    const log = make();
    await log.create(start('change', 'w'), { parameters: {} });
    const tenants = { total: 5, succeeded: 1, failed: 2, skipped: 1, notAttempted: 1 };
    await log.change('change@w', { status: 'running', startedAtMs: 1_700_000_001_000, tenants });
    await log.change('change@w', {
      stoppedBy: { code: 'credential_revoked', detail: 'Gone.' },
      cancelRequestedAtMs: 1_700_000_002_000,
    });
    expect(await log.find('change@w')).toMatchObject({
      status: 'running',
      startedAtMs: 1_700_000_001_000,
      tenants,
      stoppedBy: { code: 'credential_revoked', detail: 'Gone.' },
      cancelRequestedAtMs: 1_700_000_002_000,
    });
    expect(await log.request('change@w')).toEqual({ parameters: {} });
  });

  test('lists runs newest first, of one job or of all, up to the limit', async () => {
    const log = make();
    for (const [index, job] of ['list-a', 'list-b', 'list-a'].entries())
      await log.create(start(job, `w${index}`, 1_000_000 + index * 1000), { parameters: {} });
    expect((await log.list({ job: 'list-a', limit: 10 })).map(({ runId }) => runId)).toEqual([
      'list-a@w2',
      'list-a@w0',
    ]);
    const listed = (await log.list({ limit: 1000 })).filter(({ job }) => job.startsWith('list-'));
    expect(listed.map(({ window }) => window)).toEqual(['w2', 'w1', 'w0']);
    expect(await log.list({ limit: 1 })).toHaveLength(1);
  });

  test('lists the runs of one caller, and keeps the request that started them', async () => {
    const log = make();
    const ada = { applicationId: 'app-1', objectId: 'ada' };
    const starts = [
      ['mine', 'app-1', 'ada'],
      ['of-bob', 'app-1', 'bob'],
      ['of-a-script', 'app-2', 'ada'],
    ] as const;
    for (const [window, startedBy, objectId] of starts)
      await log.create(
        { ...start('owned', window), startedBy, starter: { objectId }, correlationId: `c-${window}` },
        { parameters: {} },
      );
    await log.create(start('owned', 'of-a-timer'), { parameters: {} });
    expect(await log.list({ job: 'owned', starter: ada, limit: 10 })).toMatchObject([
      { window: 'mine', correlationId: 'c-mine' },
    ]);
    expect((await log.find('owned@of-bob'))?.correlationId).toBe('c-of-bob');
    expect((await log.find('owned@of-a-timer'))?.correlationId).toBeUndefined();
  });

  test('yields every active run, beyond a page of the storage, and lists the newest of them', async () => {
    const log = make();
    const windows = Array.from({ length: 1_050 }, (_, at) => `w${at}`);
    for (let from = 0; from < windows.length; from += 50)
      await Promise.all(
        windows
          .slice(from, from + 50)
          .map((window, at) => log.create(start('many', window, 5_000_000 + from + at), { parameters: {} })),
      );
    await log.change('many@w7', { status: 'completed' });
    const found = (await all(log.runs({ job: 'many', active: true }))).map(({ window }) => window);
    expect(found.toSorted()).toEqual(windows.filter((window) => window !== 'w7').toSorted());
    const newest = await log.list({ job: 'many', limit: 3 });
    expect(newest.map(({ window }) => window)).toEqual(['w1049', 'w1048', 'w1047']);
  });

  test('lists active runs, and runs created before a time', async () => {
    const log = make();
    for (const [index, status] of (['pending', 'running', 'completed', 'failed', 'cancelled'] as const).entries()) {
      await log.create(
        start('state', `w${index}`, 2_000_000 + index * 1000),
        index === 1 ? { parameters: {}, tenants: [tenant(1)] } : { parameters: {} },
      );
      await log.change(`state@w${index}`, { status });
    }
    const active = await log.list({ job: 'state', active: true, limit: 10 });
    expect(active.map(({ window, scope }) => [window, scope])).toEqual([
      ['w1', 'selected'],
      ['w0', 'all'],
    ]);
    expect(
      (await log.list({ job: 'state', createdBeforeMs: 2_002_000, limit: 10 })).map(({ window }) => window),
    ).toEqual(['w1', 'w0']);
    expect(
      (await log.list({ job: 'state', active: true, createdBeforeMs: 2_001_000, limit: 10 })).map(({ runId }) => runId),
    ).toEqual(['state@w0']);
  });

  test('removes a run with its tenants and no other run; repeating it is harmless', async () => {
    const log = make();
    for (const job of ['gone', 'stays']) {
      await log.create(start(job, 'w'), { parameters: {} });
      await log.recordTenants(
        `${job}@w`,
        Array.from({ length: 230 }, (_, index) => record(index)),
      );
    }
    await log.remove('gone@w');
    await log.remove('gone@w');
    expect(await log.find('gone@w')).toBeUndefined();
    expect(await log.countTenants('gone@w')).toMatchObject({ succeeded: 0 });
    expect(await log.find('stays@w')).toMatchObject({ runId: 'stays@w', status: 'pending' });
    expect(await log.countTenants('stays@w')).toMatchObject({ succeeded: 230 });
    // The window can be used again.
    expect(await log.create(start('gone', 'w'), { parameters: {} })).toBe(true);
  });

  test('keeps the numbers of the rows, and returns them to the history alone', async () => {
    const log = make();
    await log.create(start('counted', 'w'), { parameters: {} });
    const numbers = {
      names: ['free', 'trial=true'],
      all: [2, 7, null] as const,
      split: { by: 'product', values: [['E5', [1, 3, null] as const] as const] },
    };
    await log.recordTenant('counted@w', record(1, { numbers }));
    await log.recordTenants('counted@w', [record(2, { outcome: 'failed', rows: 0 })]);
    expect(await all(log.numbers('counted@w'))).toMatchObject([
      { tenantId: tenant(1), outcome: 'succeeded', rows: 2, numbers },
      { tenantId: tenant(2), outcome: 'failed', rows: 0 },
    ]);
  });

  test('stores rows name, Retry-After and warnings', async () => {
    const log = make();
    const more = { rowsName: 'tenant.attempt', outcome: 'retrying', retryAfterSeconds: 90 } as const;
    await log.recordTenant('facts@w', record(1, more));
    expect(await log.findTenant('facts@w', tenant(1))).toMatchObject(more);
    await log.create(start('facts', 'w'), { parameters: {} });
    expect((await log.find('facts@w'))?.warnings).toBeUndefined();
    await log.change('facts@w', { warnings: ['One.', 'Two.'] });
    expect((await log.find('facts@w'))?.warnings).toEqual(['One.', 'Two.']);
  });

  test('returns the trace of a tenant only with its single record', async () => {
    const log = make();
    await log.create(start('trace', 'w'), { parameters: {} });
    const trace = {
      error: 'Error: broken\n    at run',
      log: [{ atMs: 1_500, level: 'info' as const, event: 'read', fields: { users: 3, last: true, name: 'ü' } }],
      droppedLines: 2,
    };
    await log.recordTenant('trace@w', record(1, { outcome: 'failed', code: 'job_failed', trace }));
    await log.recordTenant('trace@w', record(2));
    expect((await log.findTenant('trace@w', tenant(1)))?.trace).toEqual(trace);
    expect((await log.findTenant('trace@w', tenant(2)))?.trace).toBeUndefined();
    expect(await log.findOutcome('trace@w', tenant(1))).toMatchObject({
      outcome: 'failed',
      code: 'job_failed',
      round: 1,
    });
    expect(await log.findOutcome('trace@w', tenant(1))).not.toHaveProperty('trace.error');
    expect(await log.findOutcome('trace@w', tenant(3))).toBeUndefined();
    const listed = await all(log.tenants('trace@w'));
    expect(listed.map(({ code, trace: listedTrace }) => [code, listedTrace])).toEqual([
      ['job_failed', undefined],
      [undefined, undefined],
    ]);
  });

  test('finds the records of many tenants at once, without their traces', async () => {
    const log = make();
    const numbers = Array.from({ length: 40 }, (_, number) => number);
    const trace = { log: [], droppedLines: 2 };
    await log.recordTenants(
      'found@w',
      numbers.map((number) => record(number, { trace })),
    );
    await log.recordTenants('elsewhere@w', [record(41)]);
    const wanted = [...numbers.filter((number) => number % 2 === 0), 41, 99].map((number) => tenant(number));
    const found = await log.findOutcomes('found@w', wanted);
    expect(found.map(({ tenantId }) => tenantId).toSorted()).toEqual(wanted.slice(0, 20).toSorted());
    expect(found[0]).toMatchObject({ outcome: 'succeeded', round: 1 });
    expect(found.flatMap(({ trace: shown }) => shown ?? [])).toEqual([]);
    expect(await log.findOutcomes('found@w', [])).toEqual([]);
  });

  test('keeps the first record of a round, even with concurrent writes', async () => {
    const log = make();
    const counted = await Promise.all(
      Array.from({ length: 20 }, (_, index) => log.recordTenant('first@w', record(1, { rows: index }))),
    );
    expect(new Set(counted.map(({ rows }) => rows)).size).toBe(1);
    expect(await log.findTenant('first@w', tenant(1))).toEqual(counted[0]);
  });

  test('lets a later round replace an earlier one, never the reverse', async () => {
    const log = make();
    await log.recordTenant('rounds@w', record(1, { outcome: 'retrying', code: 'throttled', detail: 'Busy.', rows: 0 }));
    const second = await log.recordTenant('rounds@w', record(1, { round: 2 }));
    expect(second).toMatchObject({ outcome: 'succeeded', round: 2 });
    expect(await log.recordTenant('rounds@w', record(1, { outcome: 'failed', round: 1 }))).toMatchObject({
      outcome: 'succeeded',
      round: 2,
    });
    const kept = await log.findTenant('rounds@w', tenant(1));
    expect(kept).toMatchObject({ outcome: 'succeeded', round: 2 });
    // A later round must not keep the reason of an earlier one.
    expect(kept?.code).toBeUndefined();
    expect(kept?.detail).toBeUndefined();
  });

  test('writes many records in batches, idempotently, and counts and finds them by outcome', async () => {
    const log = make();
    const records = Array.from({ length: 250 }, (_, index) =>
      record(index, { outcome: index % 5 === 0 ? 'failed' : 'skipped', round: 0, code: 'tenant_not_delegated' }),
    );
    await log.recordTenants('many@w', records);
    await log.recordTenants('many@w', records);
    await log.recordTenants('many@w', []);
    await log.recordTenant('many@w', record(900));
    await log.recordTenant('many@w', record(901, { outcome: 'retrying' }));
    expect(await log.countTenants('many@w')).toEqual({ succeeded: 1, failed: 50, skipped: 200, retrying: 1 });
    expect(await all(log.tenants('many@w', 'failed'))).toHaveLength(50);
    expect(await all(log.tenants('many@w'))).toHaveLength(252);
    expect(await log.countTenants('other@w')).toEqual({ succeeded: 0, failed: 0, skipped: 0, retrying: 0 });
  });

  test('stores customer names unchanged', async () => {
    const log = make();
    for (const [index, name] of ["O'Brien & Söhne", '=cmd()', '株式会社', 'a/b\\c#d?e'].entries()) {
      await log.recordTenant('names@w', record(index, { name }));
      expect(await log.findTenant('names@w', tenant(index))).toMatchObject({ name });
    }
  });
});

describe.each([
  ['in memory', (log?: RunLog): RunResults => new MemoryRunResults(log), () => new MemoryRunLog()],
  ['in blobs', blobResults, tableLog],
])('the results %s', (_name, make, makeLog) => {
  const plan = (name: string): RunPlan => ({
    job: 'job',
    parameters: { days: 3 },
    attempt: [
      { tenantId: tenant(1), name, defaultDomain: 'one.example' },
      { tenantId: tenant(2), name: 'Two' },
    ],
    decided: [record(3, { outcome: 'failed', code: 'tenant_not_delegated', detail: 'Why.', round: 0 })],
  });

  test('keep the first plan', async () => {
    const results = make();
    expect(await results.plan({ runId: 'plan@2026-11-24T05:00Z' })).toBeUndefined();
    const first = { ...plan('first'), digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string };
    expect(await results.putPlan('plan@2026-11-24T05:00Z', plan('first'))).toEqual(first);
    expect(await results.putPlan('plan@2026-11-24T05:00Z', plan('second'))).toEqual(first);
    expect(await results.plan({ runId: 'plan@2026-11-24T05:00Z' })).toEqual(first);
  });

  test('return a plan only if it has the digest of the run', async () => {
    const results = make();
    const runId = 'digest@w';
    const { digest } = await results.putPlan(runId, plan('first'));
    expect(await results.plan({ runId, planDigest: digest })).toMatchObject(plan('first'));
    await expect(
      results.plan({ runId, planDigest: digest.replace(/./, (c) => (c === '0' ? '1' : '0')) }),
    ).rejects.toMatchObject({
      code: 'plan_changed',
    });
  });

  test('return rows unchanged, also large ones, each under its name', async () => {
    const results = make();
    const lines = Array.from({ length: 60_000 }, (_, index) => `{"n":${index},"text":"${'ü'.repeat(40)}"}\n`).join('');
    await results.putRows('rows@w', 'name-1', lines);
    await results.putRows('rows@w', 'name-2', Buffer.from('öther'));
    expect((await all(results.rows('rows@w', 'name-2'))).join('')).toBe('öther');
    expect((await all(results.rows('rows@w', 'name-1'))).join('')).toBe(lines);
  });

  test('return rows from a byte on, and nothing beyond the end', async () => {
    const results = make();
    await results.putRows('rows@w', 'name-3', '{"n":"ü"}\n{"n":2}\n');
    const from = async (byte: number) => (await all(results.rows('rows@w', 'name-3', byte))).join('');
    expect(await from(11)).toBe('{"n":2}\n');
    expect(await from(10)).toBe('\n{"n":2}\n');
    expect(await from(500)).toBe('');
  });

  test('return short rows from the record of their tenant, from a byte on', async () => {
    const log = makeLog();
    const results = make(log);
    const rowsName = shortRowsName(tenant(1), 'a');
    const rowsText = `{"n":"ü"}\n{"n":"${'\\"'.repeat(8_000)}"}\n`;
    const read = async (byte = 0) => (await all(results.rows('short@w', rowsName, byte))).join('');
    await expect(read()).rejects.toMatchObject({ code: 'storage_unavailable' });
    await log.recordTenant('short@w', record(1, { rowsName, rowsText }));
    await log.recordTenant('short@w', record(2));
    expect(await read()).toBe(rowsText);
    expect(await read(10)).toBe(rowsText.slice(9));
    expect(await all(log.allShortRows('short@w'))).toEqual([{ rowsName, rowsText }]);
    await expect(all(results.rows('short@w', shortRowsName(tenant(1), 'b')))).rejects.toMatchObject({
      code: 'request_invalid',
    });
    expect(await read(50_000)).toBe('');
    await expect(all(results.rows('short@w', shortRowsName(tenant(2), 'a')))).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
    const shown = [
      await log.findTenant('short@w', tenant(1)),
      await log.findOutcome('short@w', tenant(1)),
      ...(await log.findOutcomes('short@w', [tenant(1)])),
      ...(await all(log.tenants('short@w'))),
    ];
    expect(shown).toHaveLength(5);
    expect(shown[0]).toMatchObject({ rowsName });
    expect(JSON.stringify(shown)).not.toContain('rowsText');
  });

  test('store an export of many blocks, replace it when the next one is whole, and remove it with the run', async () => {
    const results = make();
    const noise = Array.from({ length: 200 }, () => `${randomBytes(30_000).toString('base64')} ü\n`);
    const pieces = async function* (failsAt = Number.POSITIVE_INFINITY) {
      for (const [index, piece] of noise.entries()) {
        if (index === failsAt) throw new BrokerError('storage_unavailable', 'Away.');
        yield piece;
      }
    };
    const text = async () => (await all(results.export('export@w', 'jsonl'))).join('');
    await results.putExport('export@w', 'jsonl', pieces());
    expect(await text()).toBe(noise.join(''));
    await expect(results.putExport('export@w', 'jsonl', pieces(150))).rejects.toThrow();
    expect(await text()).toBe(noise.join(''));
    await results.putExport('export@w', 'jsonl', pieces());
    expect(await text()).toBe(noise.join(''));
    await results.remove('export@w');
    await expect(text()).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  test('remove a run with plan and rows and no other run; repeating it is harmless', async () => {
    const results = make();
    for (const runId of ['gone@w', 'gone@w2']) {
      await results.putPlan(runId, plan('x'));
      await results.putRows(runId, 'name-1', '{}');
      await results.putRows(runId, 'name-2', '{}');
    }
    await results.remove('gone@w');
    await results.remove('gone@w');
    expect(await results.plan({ runId: 'gone@w' })).toBeUndefined();
    await expect(all(results.rows('gone@w', 'name-1'))).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(await results.plan({ runId: 'gone@w2' })).toMatchObject(plan('x'));
    expect(await all(results.rows('gone@w2', 'name-1'))).toEqual(expect.arrayContaining(['{}']));
  });

  test('count the starts of work, apart for each run, until the run is removed', async () => {
    const results = make();
    const count = (runId: string, work: string) => results.countStart(runId, work);
    expect([await count('starts@w', '1-0-25'), await count('starts@w', '1-0')]).toEqual([1, 1]);
    const further = [await count('starts@w', '1-0'), await count('starts@w', '1-0'), await count('starts@w', '1-0')];
    expect([...further, await count('starts@w2', '1-0')]).toEqual([2, 3, 4, 1]);
    expect(await results.openWork('starts@w')).toEqual(new Set(['1-0-25', '1-0']));
    await results.endWork('starts@w', '1-0');
    await results.endWork('starts@w', '1-0');
    expect(await results.openWork('starts@w')).toEqual(new Set(['1-0-25']));
    expect([await count('starts@w', '1-0'), await count('starts@w', '1-0')]).toEqual([1, 2]);
    await results.remove('starts@w');
    expect(await count('starts@w', '1-0')).toBe(1);
  });

  test('fail for rows that do not exist', async () => {
    await expect(all(make().rows('rows@w', 'name-99'))).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});

test('a table that is missing fails a lookup, and is no missing record', async () => {
  const log = tableLog();
  await log.recordTenant('table@w', record(1));
  const client = TableClient.fromConnectionString(azurite.connectionString, 'TenantRuns', {
    allowInsecureConnection: true,
  });
  const kept = await log.findTenant('table@w', tenant(1));
  await client.deleteTable();
  try {
    await expect(log.findTenant('table@w', tenant(1))).rejects.toMatchObject({
      code: 'storage_unavailable',
      logFields: { status: 404, storageCode: 'TableNotFound' },
    });
  } finally {
    await client.createTable();
  }
  expect(await log.findTenant('table@w', tenant(1))).toBeUndefined();
  expect(kept).toMatchObject({ tenantId: tenant(1) });
});

test('a blob of rows that is missing is named, with the way to the other rows', async () => {
  await expect(all(blobResults().rows('rows@w', 'nobody.1'))).rejects.toMatchObject({
    code: 'storage_unavailable',
    detail:
      'The blob results/rows@w/rows/nobody.1.jsonl does not exist. To read the other rows, leave out its tenant: except=nobody.',
  });
});

test('create succeeds when the answer was lost and the retried insert finds its own row', async () => {
  const lost: string[] = [];
  const log = tableLog({
    retryOptions: { retryDelayInMs: 1 },
    additionalPolicies: [
      {
        position: 'perRetry',
        policy: {
          name: 'lost-answer',
          sendRequest: async (request, next) => {
            const reply = await next(request);
            if (request.method !== 'POST' || !request.url.includes('/Runs') || lost.length > 0) return reply;
            lost.push(request.url);
            throw new RestError('socket hang up', { code: 'ECONNRESET', request });
          },
        },
      },
    ],
  });
  expect(await log.create(start('lost', 'w'), { parameters: {} })).toBe(true);
  expect(lost).toHaveLength(1);
  expect(await log.create(start('lost', 'w'), { parameters: {} })).toBe(false);
});

test('an unreachable storage account is reported as storage_unavailable without its address or key', async () => {
  const gone = azurite.connectionString.replace(/:\d+\//g, ':9/');
  const options = { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } };
  const log = new TableRunLog(
    async (name) => TableClient.fromConnectionString(gone, name, options),
    randomUUID,
    systemClock,
  );
  const failure = await log.find('gone@w').catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'storage_unavailable' });
  expect(JSON.stringify(failure)).not.toContain('127.0.0.1');
});
