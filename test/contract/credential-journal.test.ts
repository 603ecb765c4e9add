import type { TenantId } from '../../src/lib/core/identifiers.ts';
import { TableClient } from '@azure/data-tables';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type CredentialJournal,
  journalTable,
  TableCredentialJournal,
} from '../../src/lib/tokens/credential/credential-journal.ts';
import { MemoryCredentialJournal } from '../fakes/memory-credential-journal.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

const client = (): TableClient =>
  TableClient.fromConnectionString(azurite.connectionString, journalTable, { allowInsecureConnection: true });

const journals: readonly (readonly [string, () => CredentialJournal])[] = [
  ['in memory', () => new MemoryCredentialJournal()],
  ['in Table storage', () => new TableCredentialJournal(async () => client())],
];

describe.each(journals)('the credential journal %s', (_where, open) => {
  let journal: CredentialJournal;
  beforeAll(() => {
    journal = open();
  });

  test('has no entry for an unknown application', async () => {
    expect(await journal.read('unknown')).toEqual({});
  });

  test('keeps each kind of entry without changing the others', async () => {
    await journal.record('a', { rotatedAtMs: 1_000 });
    await journal.record('a', { failure: { atMs: 2_000, code: 'key_vault_unavailable', detail: 'Down.' } });
    const witness = { tenantId: '11111111-0000-4000-8000-000000000001' as TenantId, resourceIdentifier: 'https://r' };
    await journal.record('a', { witness });
    await journal.record('a', { mfaProbe: { atMs: 3_000, compliant: true } });
    await journal.record('a', { unknownKeys: 'client secret x' });
    await journal.record('a', { rotatedAtMs: 4_000 });
    expect(await journal.read('a')).toEqual({
      unknownKeys: 'client secret x',
      rotatedAtMs: 4_000,
      failure: { atMs: 2_000, code: 'key_vault_unavailable', detail: 'Down.' },
      mfaProbe: { atMs: 3_000, compliant: true },
      witness,
    });
    await journal.record('a', { unknownKeys: '' });
    expect(await journal.read('a')).not.toHaveProperty('unknownKeys');
    expect(await journal.read('b')).toEqual({});
  });

  test('returns whether a state differs from the stored one', async () => {
    expect(await journal.changeState('s', { status: 'ok' }, 1_000)).toBe(true);
    expect(await journal.changeState('s', { status: 'ok' }, 2_000)).toBe(false);
    expect(await journal.changeState('s', { status: 'degraded', thresholdDays: 30 }, 3_000)).toBe(true);
    expect(await journal.changeState('s', { status: 'degraded', thresholdDays: 14 }, 4_000)).toBe(true);
    expect(await journal.changeState('s', { status: 'degraded', thresholdDays: 14 }, 5_000)).toBe(false);
    expect((await journal.read('s')).state).toEqual({ status: 'degraded', thresholdDays: 14, sinceMs: 4_000 });
    expect(await journal.changeState('s', { status: 'ok' }, 6_000)).toBe(true);
    expect((await journal.read('s')).state).toEqual({ status: 'ok', sinceMs: 6_000 });
  });

  test('accepts a change from only one of several concurrent writers', async () => {
    await journal.changeState('race', { status: 'ok' }, 1_000);
    const results = await Promise.all(
      Array.from({ length: 8 }, () => journal.changeState('race', { status: 'down' }, 2_000)),
    );
    expect(results.filter(Boolean)).toHaveLength(1);
  });
});

test('TableCredentialJournal throws storage_unavailable when the storage account is unreachable', async () => {
  const unreachable = TableClient.fromConnectionString(
    azurite.connectionString.replace(/TableEndpoint=http:\/\/127\.0\.0\.1:\d+/, 'TableEndpoint=http://127.0.0.1:9'),
    journalTable,
    { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } },
  );
  const journal = new TableCredentialJournal(async () => unreachable);
  await expect(journal.read('a')).rejects.toMatchObject({ code: 'storage_unavailable' });
  await expect(journal.record('a', { rotatedAtMs: 1 })).rejects.toMatchObject({ code: 'storage_unavailable' });
});
