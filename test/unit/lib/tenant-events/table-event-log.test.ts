import { beforeEach, describe, expect, it } from 'vitest';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { headColumns, keysOfEvent, readEvent, stateColumns } from '../../../../src/lib/tenant-events/claimed-log.ts';
import { TableEventLog } from '../../../../src/lib/tenant-events/table-event-log.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { TransactionTable } from '../../../fakes/transaction-table.ts';
import { tenant } from '../../../support/audit-entries.ts';
import { change, eventLogContract, state, tags } from '../../../support/event-log-contract.ts';

// test/contract/tenant-events.test.ts runs the same in Azurite.
describe('the log in memory', () => {
  eventLogContract(() => new TransactionTable().client);
});

describe('the rows of the log', () => {
  let table: TransactionTable;
  let clock: FakeClock;
  let recorder: ReturnType<typeof recordingLogger>;
  let log: TableEventLog;
  beforeEach(() => {
    let ids = 0;
    table = new TransactionTable();
    clock = new FakeClock();
    recorder = recordingLogger();
    log = new TableEventLog(async () => table.client, { clock, log: recorder.log, newId: () => `id-${(ids += 1)}` });
  });

  it('are an event twice, the state of its tenant, and the head', async () => {
    const claim = await log.claim();
    await claim?.commit([change(tenant(1), tags('a'), tags('b'))]);
    await claim?.update({ baselineAtMs: clock.nowMs(), readAtMs: clock.nowMs() + 1 });
    const rows = [...table.rows.values()].map(({ rowKey, ...row }) => [rowKey, row] as const);
    expect(rows.map(([rowKey]) => rowKey).toSorted()).toEqual([
      'e-999999999997',
      'e-999999999998',
      'head',
      `s-${tenant(1)}`,
      `t-${tenant(1)}-999999999997`,
      `t-${tenant(1)}-999999999998`,
    ]);
    const byKey = Object.fromEntries(rows);
    const told = JSON.stringify(state('Customer 1'));
    expect(byKey[`s-${tenant(1)}`]).toMatchObject({ partitionKey: 'events', state: told });
    // Only the last event of a write has the state after it.
    expect(byKey['e-999999999997']).toMatchObject({ sequence: 2, kind: 'tags_changed', state: told });
    expect(byKey['e-999999999998']).not.toHaveProperty('state');
    expect(byKey[`t-${tenant(1)}-999999999997`]).not.toHaveProperty('state');
    expect(byKey['head']).toMatchObject({
      sequence: 2,
      announced: 0,
      baselineAt: '2026-11-24T00:00:00.000Z',
      readAt: '2026-11-24T00:00:00.001Z',
      claimId: 'id-1',
      claimedUntil: '2026-11-24T00:05:00.000Z',
    });
  });

  it('are written in as few transactions as storage allows, and in none without a change', async () => {
    const claim = await log.claim();
    const sizes: number[] = [];
    const { submitTransaction } = table;
    table.submitTransaction = async (actions) => {
      sizes.push(actions.length);
      await submitTransaction(actions);
    };
    await claim?.commit([]);
    expect(sizes).toEqual([]);
    // Each has a state and an event twice, and each transaction the head.
    await claim?.commit(Array.from({ length: 34 }, (_, index) => change(tenant(index + 1), tags('a'))));
    expect(sizes).toEqual([100, 4]);
  });

  it('give an event an id of 32 hexadecimal characters', async () => {
    const claim = await log.claim();
    await claim?.commit([change(tenant(1), tags('a'))]);
    expect((await log.query({ limit: 1 })).events[0]?.id).toMatch(/^[0-9a-f]{32}$/);
  });

  it('give back the head as it was written', async () => {
    const claim = await log.claim();
    const [baselineAtMs, readAtMs] = [clock.nowMs(), clock.nowMs() + 1];
    await claim?.commit([change(tenant(1), tags('a'))]);
    await claim?.update({ baselineAtMs, readAtMs, announced: 1 });
    await claim?.release();
    expect((await log.claim())?.head).toMatchObject({ sequence: 1, announced: 1, baselineAtMs, readAtMs });
  });

  it('that are no events are left out, and said', async () => {
    const claim = await log.claim();
    await claim?.commit([change(tenant(1), tags('a')), change(tenant(2), tags('b'))]);
    const row = table.rows.get('events/e-999999999998');
    if (row !== undefined)
      await table.submitTransaction([['update', { ...row, kind: 'of a later version' }, 'Replace']]);
    expect((await log.query({ limit: 9 })).events.map(({ sequence }) => sequence)).toEqual([2]);
    expect(recorder.events()).toEqual(['tenant_events.unreadable']);
    expect(recorder.lines[0]?.line).toContain('e-999999999998');
  });

  it('that are no pending events are left out, and said as an error', async () => {
    const claim = await log.claim();
    await claim?.commit([change(tenant(1), tags('a')), change(tenant(2), tags('b'))]);
    const row = table.rows.get('events/e-999999999998');
    if (row !== undefined) await table.upsertEntity({ ...row, kind: 'of a later version' });
    expect((await claim?.pending())?.map(({ event }) => event.sequence)).toEqual([2]);
    expect(recorder.lines).toMatchObject([{ level: 'error' }]);
    expect(recorder.lines[0]?.line).toContain('e-999999999998');
  });

  it('that hold no state leave their tenant without one, and are said, and keys of no tenant are passed over', async () => {
    const claim = await log.claim();
    await claim?.commit([change(tenant(1)), change(tenant(2))]);
    await table.upsertEntity({ partitionKey: 'events', rowKey: `s-${tenant(1)}`, state: '[]' });
    await table.upsertEntity({ partitionKey: 'events', rowKey: 's-nobody', state: '[]' });
    expect([...((await claim?.states()) ?? [])]).toEqual([
      [tenant(1), undefined],
      [tenant(2), state('Customer 2')],
    ]);
    expect(recorder.events()).toEqual(['tenant_events.state_unreadable']);
    expect(recorder.lines).toMatchObject([{ level: 'warn' }]);
    expect(recorder.lines[0]?.line).toContain(tenant(1));
  });
});

describe('a row that somebody changed', () => {
  const head = { sequence: 3, announced: 2, claimId: 'c', claimedUntil: '2026-11-24T00:00:00Z', commitId: 'd' };

  it.each<[object, object]>([
    [{ sequence: '3' }, { sequence: 0 }],
    [{ sequence: -1 }, { sequence: 0 }],
    [{ sequence: 0 }, { sequence: 0 }],
    [{ announced: undefined }, { announced: 0 }],
    [{ claimId: 7 }, { claimId: '' }],
    [{ commitId: undefined }, { commitId: '' }],
    [{ claimedUntil: 'soon' }, { claimedUntilMs: 0 }],
    [{ claimedUntil: 5 }, { claimedUntilMs: 0 }],
  ])('of the head with %j counts as %j', (change_, expected) => {
    const read = headColumns.decode({ ...head, ...change_ });
    expect(read).toEqual({
      sequence: 3,
      announced: 2,
      claimId: 'c',
      claimedUntilMs: Date.UTC(2026, 10, 24),
      commitId: 'd',
      ...expected,
    });
  });

  it('of the head keeps the times that can be read', () => {
    const at = '2026-11-24T00:00:00Z';
    expect(headColumns.decode({ ...head, baselineAt: at, readAt: 'x' })).toMatchObject({
      baselineAtMs: Date.parse(at),
    });
    expect(headColumns.decode({ ...head, baselineAt: 'x', readAt: at })).toMatchObject({ readAtMs: Date.parse(at) });
    expect(Object.keys(headColumns.decode({ ...head, baselineAt: 'x', readAt: 5 }) ?? {})).toEqual([
      'sequence',
      'announced',
      'claimId',
      'claimedUntilMs',
      'commitId',
    ]);
  });

  it.each([
    undefined,
    7,
    'nonsense',
    '[]',
    ...[{ name: 7 }, { isListed: 'yes' }, { isExcluded: undefined }, { access: 'shut' }].map((change_) =>
      JSON.stringify({ ...state('x'), ...change_ }),
    ),
  ])('of a state is none: %j', (text) => {
    expect(stateColumns.decode({ state: text })).toBeUndefined();
  });

  it.each(['never', 'open', 'lost'] as const)('of a state with the access %s is one', (access) => {
    const read = stateColumns.decode({ state: JSON.stringify({ ...state('x'), access }) });
    expect(read).toEqual({ state: { ...state('x'), access } });
  });

  const row = {
    id: 'i',
    sequence: 4,
    at: '2026-11-24T00:00:00.000Z',
    tenantId: tenant(1),
    tenantName: 'Customer 1',
    kind: 'lost',
    details: '{"reason":"gdap_expired"}',
  };
  const event = {
    id: 'i',
    sequence: 4,
    atMs: Date.UTC(2026, 10, 24),
    tenantId: tenant(1),
    tenantName: 'Customer 1',
    kind: 'lost',
    reason: 'gdap_expired',
  };

  it.each([
    { id: 7 },
    { sequence: '4' },
    { kind: 7 },
    { kind: 'toString' },
    { tenantId: 'x' },
    { at: 'x' },
    { at: undefined },
    { details: '[]' },
    { details: undefined },
  ])('of an event is none with %j', (change_) => {
    expect(readEvent(row)).toEqual({ event });
    expect(readEvent({ ...row, ...change_ })).toBeUndefined();
  });

  it('of an event without a name has the id of its tenant for it', () => {
    expect(readEvent({ ...row, tenantName: undefined })?.event).toEqual({ ...event, tenantName: tenant(1) });
  });

  it('of an event that names no tenant or place is deleted alone', () => {
    const rowKey = 'e-1';
    const tenantId: TenantId = tenant(1);
    const keysOf = (row: object): string[] => keysOfEvent(row).map((key) => key.rowKey);
    expect(keysOf({ rowKey, tenantId, sequence: 1 })).toEqual([`t-${tenantId}-999999999998`, rowKey]);
    expect(keysOf({ rowKey, sequence: 1 })).toEqual([rowKey]);
    expect(keysOf({ rowKey, tenantId, sequence: '1' })).toEqual([rowKey]);
  });
});
