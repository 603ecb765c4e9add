import { beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { parseTenantId } from '../../../../src/lib/core/identifiers.ts';
import { followTenants } from '../../../../src/lib/tenant-events/follow-tenants.ts';
import { TableEventLog, TableToldStates } from '../../../../src/lib/tenant-events/table-event-log.ts';
import type { TenantEvent } from '../../../../src/lib/tenant-events/tenant-event.ts';
import { runLifecycleCampaign } from '../../../campaigns/lifecycle/campaign.ts';
import { Stage } from '../../../campaigns/lifecycle/stage.ts';
import type { DelegatedTenant } from '../../../../src/lib/tenants/tenant.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { tenant } from '../../../support/audit-entries.ts';
import { delegatedTenant } from '../../../support/delegated-tenant.ts';

let stage: Stage;
let listed: DelegatedTenant[];
let refused: readonly ('contracts' | 'partner-center')[];

const customer = (number: number, more: Partial<DelegatedTenant> = {}): DelegatedTenant =>
  delegatedTenant(parseTenantId(tenant(number))!, `Customer ${number}`, more);
const gone = { reachable: false, reason: 'gdap_terminated' } as const;

/** What came into the outbox since the last call. */
let known: number;
const told = (): string[] => {
  const lines = [...stage.outbox.values()].slice(known).map(({ tenantName, kind }) => `${tenantName.slice(9)} ${kind}`);
  known = stage.outbox.size;
  return lines;
};

beforeEach(() => {
  stage = new Stage(new FakeClock());
  listed = [customer(1), customer(2)];
  refused = [];
  known = 0;
  stage.read = () => ({ tenants: listed, refused });
});

it('announces none of 5,000 tenants that are there when it begins, and every one that comes later', async () => {
  listed = Array.from({ length: 5000 }, (_, index) => customer(index + 1));
  await stage.pass();
  expect(told()).toEqual([]);
  listed.push(customer(5001));
  await stage.pass();
  expect(told()).toEqual(['5001 appeared', '5001 reachable']);
});

it('goes on with a beginning that was interrupted', async () => {
  listed = Array.from({ length: 250 }, (_, index) => customer(index + 1));
  await stage.pass({ at: 12, how: 'killed after' });
  await stage.clock.advance(6 * 60_000);
  await stage.pass();
  expect(told()).toEqual([]);
});

it('decides nothing by an incomplete read, and reads again the next time', async () => {
  await stage.pass();
  stage.read = () => undefined;
  expect((await stage.pass()).outcome).toBe('incomplete');
  stage.read = () => ({ tenants: [customer(1)], refused });
  await stage.pass();
  expect(told()).toEqual(['2 lost']);
});

describe('while a list is refused', () => {
  const reseller = customer(3, { relationship: 'dap', reason: 'reseller_contract' });

  it('says of no tenant that it has gone, and nothing of tenants without GDAP', async () => {
    listed.push(reseller);
    await stage.pass();
    refused = ['contracts'];
    listed = [customer(1, gone), { ...reseller, relationship: 'none', ...gone, reason: 'no_relationship' }];
    await stage.pass();
    expect(told()).toEqual(['1 lost']);
    refused = [];
    await stage.pass();
    expect(told()).toEqual(['3 lost', '2 lost']);
  });
});

it('says of each announcement of a look whether another one follows', async () => {
  listed = Array.from({ length: 50 }, (_, index) => customer(index + 1));
  await stage.pass();
  listed = listed.map((each) => ({ ...each, ...gone }));
  await stage.pass();
  expect(stage.moreFollow).toEqual([...Array.from({ length: 49 }, () => true), false]);
});

it('announces in order and leaves nothing out while storage accepts nothing more', async () => {
  await stage.pass();
  listed = [customer(1, gone), customer(2, gone), customer(3)];
  for (let at = 9; at < 20; at += 1) {
    await stage.pass({ at, how: 'refused', stays: true });
    // Nor is the claim given back.
    await stage.clock.advance(6 * 60_000);
  }
  await stage.pass();
  expect(told()).toEqual(['1 lost', '2 lost', '3 appeared', '3 reachable']);
});

it('waits for no event that it cannot read, and says so once', async () => {
  await stage.pass();
  listed = [customer(1, gone), customer(2)];
  // The call that announces.
  await stage.pass({ at: 14, how: 'refused' });
  expect(told()).toEqual([]);
  const recorder = recordingLogger();
  stage.log = recorder.log;
  const [row] = [...stage.events.rows.values()].filter(({ rowKey }) => rowKey.startsWith('e-'));
  await stage.events.upsertEntity({ ...row!, kind: 'of a later version' });
  for (let look = 0; look < 3; look += 1) await stage.pass();
  expect([told(), recorder.events()]).toEqual([[], ['tenant_events.unreadable']]);
  listed = [customer(1), customer(2)];
  await stage.pass();
  expect([told(), recorder.events()]).toEqual([['1 back'], ['tenant_events.unreadable', 'tenant_events.stored']]);
});

describe('what is announced is noted', () => {
  /** Looks twice, at the lists before and after. @returns the places that were noted. */
  async function notedOf(
    before: readonly DelegatedTenant[],
    after: readonly DelegatedTenant[],
    announce: (event: TenantEvent) => Promise<unknown>,
  ): Promise<number[]> {
    const { clock, events, told: toldTable, log } = stage;
    let ids = 0;
    const deps = { clock, log, newId: () => `id-${(ids += 1)}` };
    const noted: number[] = [];
    const { upsertEntity } = toldTable;
    toldTable.upsertEntity = async (row) => {
      if (row.rowKey === 'newest') noted.push(Number(row['sequence']));
      await upsertEntity(row);
    };
    for (const tenants of [before, after])
      await followTenants({
        ...deps,
        eventLog: new TableEventLog(async () => events.client, deps),
        toldStates: new TableToldStates(async () => toldTable.client),
        completeReads: { completeRead: async () => ({ tenants, refused: [] }) },
        observe: async () => ({ tagsOf: () => [], consentOf: () => undefined, roleOf: () => undefined }),
        announce: async (event) => void (await announce(event)),
      });
    return noted;
  }
  const some = (count: number, more: Partial<DelegatedTenant> = {}): DelegatedTenant[] =>
    Array.from({ length: count }, (_, index) => customer(index + 1, more));

  it('after 20 events', async () => {
    expect(await notedOf(some(45), some(45, gone), async () => undefined)).toEqual([20, 40, 45]);
  });

  it('after a minute', async () => {
    expect(await notedOf(some(5), some(5, gone), () => stage.clock.advance(30_000))).toEqual([2, 4, 5]);
  });

  it('not between events that were written together', async () => {
    // The first tenant is lost, and each of the others has two events.
    const after = [customer(1, gone), ...some(13).slice(1)];
    expect(await notedOf(some(1), after, async () => undefined)).toEqual([21, 25]);
  });

  it('up to the first failure, which is logged with how many wait', async () => {
    const recorder = recordingLogger();
    stage.log = recorder.log;
    const failing = async ({ sequence }: TenantEvent) => {
      if (sequence === 3) throw new BrokerError('storage_unavailable', 'Away.');
    };
    expect(await notedOf(some(5), some(5, gone), failing)).toEqual([2]);
    expect(recorder.events()).toEqual(['tenant_events.stored', 'tenant_events.stored', 'tenant_events.not_announced']);
    expect(recorder.lines[2]?.level).toBe('warn');
    expect(JSON.parse(recorder.lines[2]?.line ?? '')).toMatchObject({ waiting: 3, code: 'storage_unavailable' });
    expect(JSON.parse(recorder.lines[1]?.line ?? '')).toMatchObject({ tenants: 5, events: 5, isBaseline: false });
  });
});

it('writes no state of a tenant that has not changed, and logs nothing', async () => {
  await stage.pass();
  const recorder = recordingLogger();
  stage.log = recorder.log;
  const etags = () => [...stage.events.rows.values()].filter(({ rowKey }) => rowKey.startsWith('s-'));
  const before = etags();
  await stage.pass();
  expect([etags(), recorder.events()]).toEqual([before, []]);
});

it('is done by one instance at a time', async () => {
  const outcomes = await Promise.all([stage.pass(), stage.pass()]);
  expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(['busy', 'read']);
});

describe('a table from yesterday', () => {
  it('makes nothing told twice and loses nothing', async () => {
    await stage.pass();
    const copy = stage.events.copy();
    listed = [customer(1, gone), customer(2)];
    await stage.pass();
    expect(told()).toEqual(['1 lost']);
    stage.events.restore(copy);
    listed = [customer(1, gone), customer(2, gone)];
    const recorder = recordingLogger();
    stage.log = recorder.log;
    await stage.pass();
    expect(told()).toEqual(['2 lost']);
    expect(recorder.events()).toEqual(['tenant_events.restored', 'tenant_events.stored']);
    expect(recorder.lines[0]?.level).toBe('warn');
    expect(JSON.parse(recorder.lines[0]?.line ?? '')).toMatchObject({ tenants: 1, missing: 1 });
    listed = [customer(1), customer(2)];
    await stage.pass();
    expect(told()).toEqual(['1 back', '2 back']);
    const places = [...stage.outbox.values()].map(({ sequence }) => sequence);
    expect(places).toEqual([1, 2, 3, 4]);
  });

  it('that is empty begins again, with what was told', async () => {
    await stage.pass();
    listed = [customer(1, gone), customer(2)];
    await stage.pass();
    expect(told()).toEqual(['1 lost']);
    stage.events.restore(new Map());
    listed = [customer(1), customer(2), customer(3)];
    await stage.pass();
    expect(told()).toEqual(['1 back']);
  });

  it('of what was told changes nothing', async () => {
    await stage.pass();
    const copy = stage.told.copy();
    listed = [customer(1, gone), customer(2)];
    await stage.pass();
    stage.told.restore(copy);
    await stage.pass();
    expect(told()).toEqual(['1 lost']);
  });
});

it('keeps its promises for 60 days of a small partner, with killed hosts and failing storage', async () => {
  const report = await runLifecycleCampaign({ days: 60, tenants: 40, transitions: 250, seed: 7 });
  expect([report.missed, report.unexpected]).toEqual([[], []]);
  expect(report.kills).toBeGreaterThan(50);
  expect(report.byKind.size).toBeGreaterThan(11);
  const { missed, repeated, interrupted, messages } = report.receivers;
  expect([missed, interrupted]).toEqual([0, 24]);
  expect(repeated).toBeLessThanOrEqual(interrupted);
  // Some events are told together.
  expect(messages).toBeLessThan(report.announced);
});
