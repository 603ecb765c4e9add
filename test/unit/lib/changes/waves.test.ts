import { describe, expect, test } from 'vitest';
import { defaultWaves, divide } from '../../../../src/lib/changes/waves.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { tenantId } from '../runs/store/stage.ts';

const tenants = Array.from({ length: 30 }, (_, index) => tenantId(index));
const groups: Readonly<Record<string, readonly TenantId[]>> = {
  'group:pilot': [tenantId(3), tenantId(4)],
  'group:north': [tenantId(4), tenantId(5)],
  'group:nobody': [tenantId(99)],
};
const waves = (entries: readonly string[], of = tenants, digest = 'digest') =>
  divide(entries, of, digest, async (entry) => {
    const group = groups[entry];
    if (group === undefined) throw new BrokerError('request_invalid', `There is no group "${entry}".`);
    return (id) => group.includes(id);
  });
const divided = async (...given: Parameters<typeof waves>) => (await waves(...given)).map((wave) => wave.tenants);
const sizes = async (...given: Parameters<typeof divided>) => (await divided(...given)).map(({ length }) => length);

test('shares count all tenants of the plan, rounded up', async () => {
  expect(await sizes(['10%', '50%', '100%'])).toEqual([3, 12, 15]);
  expect(await sizes(['1%', '100%'])).toEqual([1, 29]);
  expect(await sizes(['10%', '100%'], tenants.slice(0, 2))).toEqual([1, 1]);
});

test('a group comes first, and shares count it', async () => {
  const [pilot, tenth, rest] = await divided(['group:pilot', '10%', '100%']);
  expect(new Set(pilot)).toEqual(new Set(groups['group:pilot']));
  expect([tenth?.length, rest?.length]).toEqual([1, 27]);
});

test('a share that the waves before it reach is left out, however small the plan is', async () => {
  expect(await sizes(['group:pilot', '5%', '100%'])).toEqual([2, 28]);
  expect(await sizes(['1%', '10%', '100%'], tenants.slice(0, 3))).toEqual([1, 2]);
  expect(await sizes(['group:pilot', '100%'], [tenantId(3), tenantId(4)])).toEqual([2]);
});

test('each wave has the entry that named it, also after one that is left out', async () => {
  const named = (await waves(['group:pilot', '5%', '100%'])).map(({ entry }) => entry);
  expect(named).toEqual(['group:pilot', '100%']);
});

test('each tenant is in one wave', async () => {
  const waves = await divided(['group:pilot', '33%', '66%', '100%']);
  expect(waves.flat().toSorted()).toEqual(tenants.toSorted());
});

test('the order follows from the digest of the plan alone', async () => {
  const first = await divided(['10%', '100%']);
  expect(await divided(['10%', '100%'], tenants.toReversed())).toEqual(first);
  expect(await divided(['10%', '100%'], tenants, 'another')).not.toEqual(first);
  expect(first.flat()).not.toEqual(tenants);
});

describe('waves are refused', () => {
  test.each<[string, string[], RegExp]>([
    ['that leave tenants out', ['10%', '50%'], /leave 15 of 30 tenants out/],
    ['of which one is empty', ['group:nobody', '100%'], /"group:nobody" has no tenant/],
    ['whose shares do not grow', ['50%', '20%', '100%'], /"20%" is no more than the share before/],
    ['after the last', ['100%', '100%'], /"100%" is no more than the share before/],
    ['that overlap', ['group:pilot', 'group:north', '100%'], /both have the tenant .*0004/],
    ['that overlap in a share', ['100%', 'group:pilot'], /both have the tenant/],
    ['of an unknown group', ['group:unknown', '100%'], /no group "group:unknown"/],
    ['of nothing', ['0%', '100%'], /"0%" is no share/],
    ['of more than all', ['101%'], /"101%" is no share/],
    ['without an entry', [], /leave 30 of 30 tenants out/],
  ])('%s', async (_, entries, message) => {
    const thrown: unknown = await divided(entries).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: 'request_invalid', detail: expect.stringMatching(message) as unknown });
  });
});

test('by default a tenth comes first, if there are several tenants', () => {
  expect(defaultWaves(1)).toEqual(['100%']);
  expect(defaultWaves(2)).toEqual(['10%', '100%']);
});
