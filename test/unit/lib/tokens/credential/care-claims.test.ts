import { beforeEach, describe, expect, it } from 'vitest';
import { isClaimed, TableCareClaims } from '../../../../../src/lib/tokens/credential/maintenance-claims.ts';
import { EntityTable } from '../../../../fakes/entity-table.ts';

// test/contract/care-claims.test.ts runs against Azurite. This file checks the limits, and what is written.

const minute = 60_000;

describe('isClaimed', () => {
  const request = { atMs: 10 * minute, untilMs: 40 * minute };

  it.each<[string, Parameters<typeof isClaimed>[0], number | undefined, boolean]>([
    ['nobody', { claimedUntilMs: 0 }, undefined, false],
    ['a holder', { claimedUntilMs: 10 * minute + 1 }, undefined, true],
    ['a claim that has just lapsed', { claimedUntilMs: 10 * minute }, undefined, false],
    ['a claim as far ahead as clocks may differ', { claimedUntilMs: 45 * minute }, undefined, true],
    ['a claim that no right clock wrote', { claimedUntilMs: 45 * minute + 1 }, undefined, false],
    ['an end that does not matter', { claimedUntilMs: 0, endedAtMs: 9 * minute }, undefined, false],
    ['an end after the time', { claimedUntilMs: 0, endedAtMs: 5 * minute + 1 }, 5 * minute, true],
    ['an end at the time', { claimedUntilMs: 0, endedAtMs: 5 * minute }, 5 * minute, false],
    ['an end as far ahead as clocks may differ', { claimedUntilMs: 0, endedAtMs: 15 * minute }, 0, true],
    ['an end that no right clock wrote', { claimedUntilMs: 0, endedAtMs: 15 * minute + 1 }, 0, false],
    ['no end', { claimedUntilMs: 0 }, 0, false],
  ])('by %s', (_, found, unlessEndedSinceMs, expected) => {
    expect(isClaimed(found, { ...request, unlessEndedSinceMs })).toBe(expected);
  });
});

describe('TableCareClaims', () => {
  let table: EntityTable;
  let claims: TableCareClaims;
  beforeEach(() => {
    table = new EntityTable();
    claims = new TableCareClaims(async () => table.client);
  });

  it('writes until when it is claimed, and when it ended', async () => {
    expect(await claims.claim('default', { atMs: 1_000, untilMs: 2_000 })).toBe(true);
    expect(table.rows.get('care/default')).toMatchObject({ claimedUntil: new Date(2_000) });
    expect(await claims.lastEndedMs('default')).toBeUndefined();
    await claims.end('default', 1_500);
    expect(table.rows.get('care/default')).toMatchObject({ claimedUntil: new Date(1_500), endedAt: new Date(1_500) });
    expect(await claims.lastEndedMs('default')).toBe(1_500);
    expect(await claims.claim('default', { atMs: 3_000, untilMs: 4_000 })).toBe(true);
    // A claim does not hide when the last maintenance ended.
    expect(await claims.lastEndedMs('default')).toBe(1_500);
    expect(table.created).toBe(1);
  });

  it('gives the claim to the first of two that saw no claim', async () => {
    const request = { atMs: 1_000, untilMs: 2_000 };
    expect(await Promise.all([claims.claim('a', request), claims.claim('a', request)])).toEqual([true, false]);
    await claims.end('a', 1_500);
    const again = { atMs: 3_000, untilMs: 4_000 };
    expect(await Promise.all([claims.claim('a', again), claims.claim('a', again)])).toEqual([true, false]);
    expect(await claims.claim('a', { atMs: 3_500, untilMs: 5_000 })).toBe(false);
    expect(await claims.claim('b', { atMs: 3_500, untilMs: 5_000 })).toBe(true);
  });

  it('refuses a claim after a recent maintenance', async () => {
    await claims.end('a', 5_000);
    expect(await claims.claim('a', { atMs: 9_000, untilMs: 9_500, unlessEndedSinceMs: 4_999 })).toBe(false);
    expect(await claims.claim('a', { atMs: 9_000, untilMs: 9_500, unlessEndedSinceMs: 5_000 })).toBe(true);
  });

  it('ignores columns that are no times', async () => {
    await table.upsertEntity({ partitionKey: 'care', rowKey: 'a', claimedUntil: 'soon', endedAt: 7 }, 'Replace');
    expect(await claims.lastEndedMs('a')).toBeUndefined();
    expect(await claims.claim('a', { atMs: 1, untilMs: 2, unlessEndedSinceMs: 0 })).toBe(true);
  });

  it('fails if storage does not answer', async () => {
    table.failure = Object.assign(new Error('busy'), { statusCode: 503 });
    const unavailable = { code: 'storage_unavailable', detail: /claims of the credential journal/ };
    for (const call of [
      () => claims.claim('a', { atMs: 1, untilMs: 2 }),
      () => claims.lastEndedMs('a'),
      () => claims.end('a', 1),
    ])
      await expect(call()).rejects.toMatchObject({ ...unavailable, detail: expect.stringMatching(unavailable.detail) });
    table.failure = undefined;
    table.createEntity = () => Promise.reject(Object.assign(new Error('busy'), { statusCode: 500 }));
    await expect(claims.claim('a', { atMs: 1, untilMs: 2 })).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});
