import type { TableClient } from '@azure/data-tables';
import { beforeEach, expect, test } from 'vitest';
import type { TenantId } from '../../src/lib/core/identifiers.ts';
import { ClaimLost, type TenantChange, type TenantState } from '../../src/lib/tenant-events/event-log.ts';
import type { ClaimedLog } from '../../src/lib/tenant-events/claimed-log.ts';
import { TableEventLog, TableToldStates } from '../../src/lib/tenant-events/table-event-log.ts';
import type { DerivedEvent } from '../../src/lib/tenant-events/tenant-event.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';
import { tenant } from './audit-entries.ts';

const minuteMs = 60_000;
export const state = (name: string): TenantState => ({ name, isListed: true, isExcluded: false, access: 'open' });
export const change = (tenantId: TenantId, ...events: DerivedEvent[]): TenantChange => ({
  tenantId,
  state: state(`Customer ${tenantId.at(-1)}`),
  events,
});
export const tags = (name: string): DerivedEvent => ({ kind: 'tags_changed', tagsAdded: [name], tagsRemoved: [] });
const lostAccess: DerivedEvent = { kind: 'lost', reason: 'gdap_expired', endsAtMs: 5 };

/**
 * What the log of tenant events must do in every table.
 * @param open returns the client of a table that does not exist yet. Called once for each test.
 */
export function eventLogContract(open: () => TableClient): void {
  let table: TableClient;
  let clock: FakeClock;
  let recorder: ReturnType<typeof recordingLogger>;
  let ids = 0;
  const newLog = () =>
    new TableEventLog(async () => table, { clock, log: recorder.log, newId: () => `id-${(ids += 1)}` });
  const claimed = async (log = newLog()): Promise<ClaimedLog> => {
    const claim = await log.claim();
    if (claim === undefined) throw new Error('The log is claimed.');
    return claim;
  };
  beforeEach(() => {
    clock = new FakeClock();
    recorder = recordingLogger();
    table = open();
  });

  test('keeps states and events, and returns events newest first in pages', async () => {
    const claim = await claimed();
    await claim.commit([change(tenant(1), tags('a'), tags('b')), change(tenant(2), lostAccess), change(tenant(3))]);
    await clock.advance(minuteMs);
    await claim.commit([change(tenant(1), tags('c'))]);
    expect([...(await claim.states()).keys()].toSorted()).toEqual([tenant(1), tenant(2), tenant(3)]);
    expect((await claim.states()).get(tenant(2))).toEqual(state('Customer 2'));
    const log = newLog();
    const page = await log.query({ limit: 3 });
    expect(page.events.map(({ sequence, tagsAdded }) => [sequence, ...(tagsAdded ?? [])])).toEqual([
      [4, 'c'],
      [3],
      [2, 'b'],
    ]);
    expect(page.events[1]).toMatchObject({ ...lostAccess, tenantId: tenant(2), tenantName: 'Customer 2' });
    expect(page.before).toBe(2);
    expect(page.readAtMs).toBeUndefined();
    await claim.update({ readAtMs: clock.nowMs() });
    expect((await log.query({ limit: 1 })).readAtMs).toBe(clock.nowMs());
    const rest = await log.query({ limit: 3, before: page.before });
    expect([rest.events.map(({ sequence }) => sequence), rest.before]).toEqual([[1], undefined]);
    const placesOf = async (query: object) =>
      (await log.query({ limit: 9, ...query })).events.map(({ sequence }) => sequence);
    expect(await placesOf({ tenantId: tenant(1) })).toEqual([4, 2, 1]);
    expect(await placesOf({ tenantId: tenant(1), before: 4, limit: 1 })).toEqual([2]);
    expect(await placesOf({ tenantId: tenant(9) })).toEqual([]);
    expect(await placesOf({ after: 2 })).toEqual([4, 3]);
    expect(await placesOf({ kind: 'lost' })).toEqual([3]);
    expect(await placesOf({ sinceMs: clock.nowMs() })).toEqual([4]);
    expect(await placesOf({ isSelected: (tenantId: TenantId) => tenantId === tenant(2) })).toEqual([3]);
  });

  test('continues a page behind the events of other tenants', async () => {
    const claim = await claimed();
    for (const each of [1, 2, 1, 2]) await claim.commit([change(tenant(each), tags('y'))]);
    const isSelected = (tenantId: TenantId): boolean => tenantId === tenant(1);
    const page = await newLog().query({ limit: 1, isSelected });
    expect(page.events.map(({ sequence }) => sequence)).toEqual([3]);
    const next = await newLog().query({ limit: 1, isSelected, before: page.before });
    expect(next.events.map(({ sequence }) => sequence)).toEqual([1]);
  });

  test('lets one instance write at a time, until its claim lapses, is released, or is from a wrong clock', async () => {
    const first = await claimed();
    expect(await newLog().claim()).toBeUndefined();
    await first.release();
    const second = await claimed();
    await clock.advance(4 * minuteMs);
    await second.commit([change(tenant(1), tags('a'))]);
    await clock.advance(4 * minuteMs);
    expect(await newLog().claim()).toBeUndefined();
    await clock.advance(2 * minuteMs);
    const third = await claimed();
    await expect(second.commit([change(tenant(1), tags('b'))])).rejects.toThrow(ClaimLost);
    await expect(second.update({ announced: 1 })).rejects.toThrow(ClaimLost);
    await third.commit([change(tenant(1), tags('c'))]);
    await clock.advance(-60 * minuteMs);
    await claimed();
    const { events } = await newLog().query({ limit: 9 });
    expect(events.map(({ tagsAdded }) => tagsAdded)).toEqual([['c'], ['a']]);
  });

  test('of two that claim at the same moment, one wins', async () => {
    for (let round = 0; round < 3; round += 1) {
      const claims = await Promise.all([newLog().claim(), newLog().claim()]);
      const [won] = claims.filter((claim) => claim !== undefined);
      expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
      await won?.release();
    }
  });

  test('writes thousands of tenants, and each with its events in one transaction', async () => {
    const claim = await claimed();
    const many = Array.from({ length: 250 }, (_, index) =>
      change(tenant(index + 1), ...(index % 3 === 0 ? [tags('a'), tags('b')] : [])),
    );
    await claim.commit(many);
    expect((await claim.states()).size).toBe(250);
    expect(claim.head.sequence).toBe(168);
    const pending = await claim.pending();
    expect(pending.map(({ event }) => event.sequence)).toEqual(Array.from({ length: 168 }, (_, index) => index + 1));
    expect(pending.slice(0, 2).map((each) => each.state?.name)).toEqual([undefined, 'Customer 1']);
    await claim.update({ announced: 166 });
    expect((await claim.pending()).map(({ event }) => event.sequence)).toEqual([167, 168]);
    await claim.release();
    expect((await claimed()).head).toMatchObject({ sequence: 168, announced: 166 });
  });

  test('tells a state that cannot be read from one that is not there', async () => {
    const claim = await claimed();
    await claim.commit([change(tenant(1))]);
    await table.submitTransaction([
      ['upsert', { partitionKey: 'events', rowKey: `s-${tenant(1)}`, state: 'nonsense' }, 'Replace'],
    ]);
    const states = await claim.states();
    expect([states.has(tenant(1)), states.get(tenant(1))]).toEqual([true, undefined]);
    expect(recorder.events()).toEqual(['tenant_events.state_unreadable']);
  });

  test('purges old events from both places', async () => {
    const claim = await claimed();
    await claim.commit(Array.from({ length: 70 }, (_, index) => change(tenant(index + 1), tags('old'))));
    await clock.advance(minuteMs);
    await claim.commit([change(tenant(1), tags('new'))]);
    const log = newLog();
    expect(await log.purge(clock.nowMs())).toBe(70);
    for (const query of [{}, { tenantId: tenant(1) }, { tenantId: tenant(2) }]) {
      const { events } = await log.query({ limit: 9, ...query });
      expect(events.map(({ sequence }) => sequence)).toEqual(query.tenantId === tenant(2) ? [] : [71]);
    }
    expect(await log.purge(clock.nowMs())).toBe(0);
  });

  test('purges what this version cannot read, and what has lost one of its rows', async () => {
    const claim = await claimed();
    await claim.commit([1, 2].map((each) => change(tenant(each), tags('old'))));
    const place = (each: number): string => String(999_999_999_999 - each);
    const key = { partitionKey: 'events', rowKey: `e-${place(1)}` };
    const row = { ...(await table.getEntity(key.partitionKey, key.rowKey)), ...key };
    await table.submitTransaction([
      ['upsert', { ...row, kind: 'of a later version' }, 'Replace'],
      ['delete', { partitionKey: 'events', rowKey: `t-${tenant(2)}-${place(2)}` }],
    ]);
    await clock.advance(minuteMs);
    expect(await newLog().purge(clock.nowMs())).toBe(2);
    const left: string[] = [];
    const all = table.listEntities({ queryOptions: { filter: "PartitionKey eq 'events'" } });
    for await (const { rowKey = '' } of all) left.push(rowKey);
    expect(left).toEqual(['head', `s-${tenant(1)}`, `s-${tenant(2)}`]);
  });

  test('remembers what was told', async () => {
    const told = new TableToldStates(async () => table);
    expect(await told.newest()).toBe(0);
    const states = [1, 2].map((each) => ({ tenantId: tenant(each), sequence: each, state: state(`n${each}`) }));
    await told.note([...states, { tenantId: tenant(2), sequence: 3, state: state('n3') }], 3);
    expect(await told.newest()).toBe(3);
    expect(await told.after(1)).toEqual([{ tenantId: tenant(2), sequence: 3, state: state('n3') }]);
    await told.note(
      Array.from({ length: 101 }, (_, index) => ({ tenantId: tenant(index + 1), sequence: 9, state: state('x') })),
      9,
    );
    expect(await told.after(0)).toHaveLength(101);
  });
}
