import { TableClient } from '@azure/data-tables';
import { beforeAll, describe, expect, it } from 'vitest';
import { type CareClaims, TableCareClaims } from '../../src/lib/tokens/credential/maintenance-claims.ts';
import { journalTable, TableCredentialJournal } from '../../src/lib/tokens/credential/credential-journal.ts';
import { MemoryCareClaims } from '../fakes/memory-care-claims.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

const table = async (connectionString = azurite.connectionString): Promise<TableClient> =>
  TableClient.fromConnectionString(connectionString, journalTable, {
    allowInsecureConnection: true,
    retryOptions: { maxRetries: 0 },
  });

describe.each([
  ['in memory', (): CareClaims => new MemoryCareClaims()],
  ['in a table', (): CareClaims => new TableCareClaims(() => table())],
])('care claims %s', (_where, open) => {
  it('give one of several concurrent requests the claim', async () => {
    const claims = open();
    const request = { atMs: 1_000, untilMs: 2_000 };
    const won = await Promise.all(Array.from({ length: 10 }, () => claims.claim('race', request)));
    expect(won.filter(Boolean)).toHaveLength(1);
  });

  it('give one of several concurrent requests the claim when an earlier one has ended', async () => {
    const claims = open();
    await claims.end('again', 500);
    const request = { atMs: 1_000, untilMs: 2_000, unlessEndedSinceMs: 900 };
    const won = await Promise.all(Array.from({ length: 10 }, () => claims.claim('again', request)));
    expect(won.filter(Boolean)).toHaveLength(1);
  });

  it('refuse a claim until the earlier one has ended or lapsed', async () => {
    const claims = open();
    expect(await claims.claim('held', { atMs: 1_000, untilMs: 2_000 })).toBe(true);
    expect(await claims.claim('held', { atMs: 1_999, untilMs: 3_000 })).toBe(false);
    expect(await claims.claim('other', { atMs: 1_999, untilMs: 3_000 })).toBe(true);
    expect(await claims.claim('held', { atMs: 2_000, untilMs: 3_000 })).toBe(true);
    await claims.end('held', 2_500);
    expect(await claims.claim('held', { atMs: 2_500, untilMs: 3_500 })).toBe(true);
  });

  it('ignore times in the future, which an instance has written before its clock was set back', async () => {
    const claims = open();
    await claims.claim('clock', { atMs: 3_600_000, untilMs: 5_400_000 });
    expect(await claims.claim('clock', { atMs: 1_000, untilMs: 1_801_000 })).toBe(true);
    await claims.end('clock', 3_600_000);
    expect(await claims.claim('clock', { atMs: 1_000, untilMs: 1_801_000, unlessEndedSinceMs: 0 })).toBe(true);
  });

  it('refuse a claim if a maintenance has ended since the given time', async () => {
    const claims = open();
    expect(await claims.lastEndedMs('done')).toBeUndefined();
    await claims.end('done', 5_000);
    expect(await claims.lastEndedMs('done')).toBe(5_000);
    expect(await claims.claim('done', { atMs: 9_000, untilMs: 9_500, unlessEndedSinceMs: 4_999 })).toBe(false);
    expect(await claims.claim('done', { atMs: 9_000, untilMs: 9_500, unlessEndedSinceMs: 5_000 })).toBe(true);
    // A claim that lapses, because its holder was killed, is no ended maintenance.
    expect(await claims.lastEndedMs('done')).toBe(5_000);
  });
});

it('leaves the journal entry of the application alone', async () => {
  const journal = new TableCredentialJournal(() => table());
  const claims = new TableCareClaims(() => table());
  await journal.record('default', { rotatedAtMs: 1_000 });
  await claims.claim('default', { atMs: 2_000, untilMs: 3_000 });
  await claims.end('default', 2_500);
  expect(await journal.read('default')).toEqual({ rotatedAtMs: 1_000 });
});

it('reports an unreachable storage account', async () => {
  const claims = new TableCareClaims(() => table(azurite.connectionString.replace(/:\d+\//g, ':9/')));
  await expect(claims.claim('default', { atMs: 1, untilMs: 2 })).rejects.toMatchObject({ code: 'storage_unavailable' });
  await expect(claims.lastEndedMs('default')).rejects.toMatchObject({ code: 'storage_unavailable' });
  await expect(claims.end('default', 1)).rejects.toMatchObject({ code: 'storage_unavailable' });
});
