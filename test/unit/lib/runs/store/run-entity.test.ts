import { describe, expect, it } from 'vitest';
import {
  newRunRow,
  numbersNames,
  outcomeColumns,
  readRequest,
  readRun,
  readTenantRun,
  runColumns,
  runNames,
  tenantNames,
  tenantRunRow,
} from '../../../../../src/lib/runs/store/run-entity.ts';
import type { NewRun, RunRequest, TenantRun } from '../../../../../src/lib/runs/store/run.ts';
import { tenantId } from './stage.ts';

const atMs = Date.UTC(2026, 10, 24);
const read = (properties: object) => ({
  etag: '',
  partitionKey: 'probe',
  rowKey: 'w',
  ...properties,
});

const run = { runId: 'probe@w', job: 'probe', window: 'w', startedBy: 'timer', createdAtMs: atMs };
/** The row of a new run, without what every row has. */
function written(request: Partial<RunRequest>, more: Partial<NewRun> = {}): Record<string, unknown> {
  const row = newRunRow({ ...run, ...more }, { parameters: {}, ...request }, 'claim-1');
  const {
    partitionKey: _p,
    rowKey: _r,
    claimId: _i,
    status: _s,
    startedBy: _b,
    createdAt: _c,
    scope: _o,
    ...rest
  } = row;
  return rest;
}
const requestProperties = (request: RunRequest): Record<string, string> =>
  Object.fromEntries(
    Object.entries(written(request)).flatMap(([name, value]) =>
      name.startsWith('request') ? [[name, String(value)]] : [],
    ),
  );
const asked = (tenants: NewRun['asked']) => {
  const { asked: text } = written({}, { asked: tenants });
  return text === undefined ? {} : { asked: text };
};

describe('the entity of a run', () => {
  it('has the parameters that were stored, and none if the text is damaged or of another form', () => {
    const stored = written({ parameters: { days: 3, parts: ['a'] } });
    expect(readRun(read(stored)).parameters).toEqual({ days: 3, parts: ['a'] });
    for (const parameters of ['{"days":', '{"days":{"a":1}}', '[]', '', 7])
      expect(readRun(read({ parameters })).parameters).toBeUndefined();
    expect(written({})).not.toHaveProperty('parameters');
    expect(() => written({ parameters: { note: 'x'.repeat(30_000) } })).toThrow(
      expect.objectContaining({ code: 'request_invalid' }),
    );
  });

  it('has what was asked for, if it fits', () => {
    const tenants = { tenants: ['tag:managed'], except: ['contoso.com'] };
    expect(readRun(read(asked(tenants))).asked).toEqual(tenants);
    expect(asked({ tenants: ['x'.repeat(30_000)] })).toEqual({});
    expect(asked(undefined)).toEqual({});
    for (const text of ['{"tenants":[1]}', '{', '"x"', 7]) expect(readRun(read({ asked: text })).asked).toBeUndefined();
  });

  it('keeps a choice in a form that versions without choices refuse', () => {
    const request = {
      tenants: [tenantId(1)],
      choice: { tenants: ['group:gold'], except: ['tag:trial'] },
      parameters: { days: 3 },
    };
    expect(readRequest(read(requestProperties(request)))).toEqual(request);
    // An earlier version requires `parameters`, and ignores what it does not know.
    expect(JSON.parse(requestProperties(request)['request0'] ?? '')).not.toHaveProperty('parameters');
    const plain = { tenants: [tenantId(1)], parameters: { days: 3 } };
    expect(requestProperties(plain)).toEqual({ request0: JSON.stringify(plain) });
    expect(readRequest(read({ request0: JSON.stringify(plain) }))).toEqual(plain);
  });

  it('holds only changed fields, without secrets and with bounded texts', () => {
    expect(runColumns.change({})).toEqual({});
    const token = `eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(40)}.c`;
    const changed = runColumns.change({
      status: 'failed',
      startedAtMs: atMs,
      finishedAtMs: atMs,
      tenants: { total: 1, succeeded: 0, failed: 1, skipped: 0, notAttempted: 0 },
      stoppedBy: { code: 'credential_revoked', detail: `${token} ${'x'.repeat(2_000)}` },
      cancelRequestedAtMs: atMs,
      warnings: ['one', `with ${token}`],
      planDigest: 'd1',
    });
    expect(changed).toMatchObject({
      status: 'failed',
      startedAt: '2026-11-24T00:00:00.000Z',
      finishedAt: '2026-11-24T00:00:00.000Z',
      total: 1,
      stopCode: 'credential_revoked',
      cancelRequestedAt: '2026-11-24T00:00:00.000Z',
      warnings: '["one","with [secret]"]',
      planDigest: 'd1',
    });
    expect(readRun(read(changed)).planDigest).toBe('d1');
    expect(String(changed['stopDetail'])).toHaveLength(1_000);
    expect(JSON.stringify(changed)).not.toContain('eyJ');
  });

  it('keeps the newest of those who let an apply go on, as many as fit, with cut names', () => {
    const gate = { wave: 1, atMs, by: 'n'.repeat(2_000), reason: 'x'.repeat(500), held: '1 tenant failed.' };
    const bad = { failed: 1, unclear: 0, unconfirmed: 0 };
    const gates = Array.from({ length: 60 }, (_, wave) => ({ ...gate, wave }));
    const stored = runColumns.change({ goneOn: { hold: 'h', wave: 0, bad, by: 'a', gates } });
    expect(String(stored['goneOn']).length).toBeLessThanOrEqual(30_000);
    const { goneOn } = readRun(read(stored));
    expect(goneOn).toMatchObject({ hold: 'h', wave: 0, bad, by: 'a' });
    expect(goneOn?.gates?.length).toBeGreaterThan(30);
    expect(goneOn?.gates?.at(-1)).toEqual({ ...gate, by: 'n'.repeat(256), wave: 59 });
    // As earlier versions wrote them.
    for (const old of [{}, { gates: [{ wave: 1, atMs, by: 'Ada' }] }]) {
      const before = { wave: 1, bad, by: 'a', ...old };
      expect(readRun(read({ goneOn: JSON.stringify(before) })).goneOn).toEqual(before);
      expect(readRun(read(runColumns.change({ goneOn: before }))).goneOn).toEqual(before);
    }
  });

  it('is read back, even if properties have unexpected types', () => {
    expect(readRun(read({}))).toEqual({
      runId: 'probe@w',
      job: 'probe',
      window: 'w',
      status: 'pending',
      startedBy: '',
      createdAtMs: 0,
      scope: 'all',
      startedAtMs: undefined,
      finishedAtMs: undefined,
      tenants: { total: 0, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 },
      stoppedBy: undefined,
      cancelRequestedAtMs: undefined,
      warnings: undefined,
    });
    const odd = read({
      status: 3,
      createdAt: 'never',
      total: 'many',
      stopCode: 'no such code',
      warnings: '{',
      scope: 'selected',
    });
    expect(readRun(odd)).toMatchObject({ status: 'pending', createdAtMs: 0, scope: 'selected', warnings: [] });
    expect(readRun(odd).stoppedBy).toBeUndefined();
    expect(readRun(read({ stopCode: 'throttled', warnings: '["a",1]' }))).toMatchObject({
      stoppedBy: { code: 'throttled', detail: '' },
      warnings: ['a'],
    });
    expect(readRun(read({ warnings: '{}' })).warnings).toEqual([]);
  });

  it('splits a large request over several properties', () => {
    const request = { tenants: Array.from({ length: 2_000 }, (_, index) => tenantId(index)), parameters: { a: 1 } };
    const pieces = requestProperties(request);
    expect(Object.keys(pieces).length).toBeGreaterThan(2);
    expect(Math.max(...Object.values(pieces).map((piece) => piece.length))).toBeLessThanOrEqual(30_000);
    expect(readRequest(read(pieces))).toEqual(request);
    expect(readRequest(read({}))).toBeUndefined();
  });
});

describe('the entity of a tenant run', () => {
  const record: TenantRun = {
    tenantId: tenantId(1),
    name: 'n'.repeat(600),
    outcome: 'retrying',
    code: 'throttled',
    detail: 'wait',
    round: 2,
    attempts: 1,
    rows: 3,
    rowsName: 'rows',
    columns: ['a', 'b'],
    retryAfterSeconds: 7,
    startedAtMs: atMs,
    finishedAtMs: atMs + 1,
  };

  it('is read back as written, with a bounded name', () => {
    expect(readTenantRun(read(tenantRunRow('probe@w', record)))).toEqual({ ...record, name: 'n'.repeat(500) });
  });

  it('is read with defaults for missing properties', () => {
    const { code: _c, detail: _d, rowsName: _r, retryAfterSeconds: _s, attempts: _a, ...bare } = record;
    const entity = tenantRunRow('probe@w', { ...bare, name: 'x' });
    expect(Object.keys(entity)).not.toContain('code');
    expect(readTenantRun(read(entity))).toEqual({ ...bare, name: 'x' });
    expect(readTenantRun(read({ rowKey: tenantId(2) }))).toMatchObject({
      name: tenantId(2),
      outcome: 'failed',
      startedAtMs: 0,
      finishedAtMs: 0,
      columns: [],
    });
  });

  it('is ignored if the row key is not a tenant id', () => {
    expect(readTenantRun(read({ rowKey: 'something else' }))).toBeUndefined();
    expect(outcomeColumns.require({ outcome: 'skipped' })).toEqual({ outcome: 'skipped' });
    expect(outcomeColumns.require({})).toEqual({ outcome: 'failed' });
  });

  it('drops column names that do not fit', () => {
    const columns = Array.from({ length: 400 }, (_, index) => `${'c'.repeat(200)}${index}`);
    const entity = tenantRunRow('probe@w', { ...record, columns });
    expect(String(entity['columns']).length).toBeLessThanOrEqual(30_000);
    expect(readTenantRun(read(entity))?.columns.length).toBeGreaterThan(100);
  });
});

it('takes null for a property that is not there, as Azure answers for one that is selected', () => {
  const record: TenantRun = {
    tenantId: tenantId(1),
    name: 'Contoso',
    outcome: 'succeeded',
    round: 2,
    rows: 0,
    columns: [],
    startedAtMs: atMs,
    finishedAtMs: atMs,
  };
  const nullsFor = (names: readonly string[], entity: object) =>
    read({ ...Object.fromEntries(names.map((name) => [name, null])), ...entity });
  const stored = read(tenantRunRow('probe@w', record));
  const names = [...tenantNames, ...numbersNames];
  expect(readTenantRun(nullsFor(names, stored))).toEqual(readTenantRun(stored));
  const stopped = read({ status: 'completed', createdAt: new Date(atMs).toISOString() });
  expect(readRun(nullsFor(runNames, stopped))).toEqual(readRun(stopped));
});
