import { expect, it } from 'vitest';
import { createCredentials } from '../../../../../src/lib/tokens/credential/credentials.ts';
import { EntityTable } from '../../../../fakes/entity-table.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { refreshTokenOf } from '../../../../fakes/memory-credential-store.ts';
import { MemoryVault } from '../../../../fakes/memory-vault.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { client, obtainedAtMs } from '../../../../support/credential-store-contract.ts';

it('the credentials of the app are in its vault, and what happened to them in one table of its storage', async () => {
  const tables: string[] = [];
  const table = new EntityTable();
  const clock = new FakeClock(obtainedAtMs);
  const logged = recordingLogger();
  const credentials = createCredentials(
    {
      vault: new MemoryVault().client,
      storage: {
        table: async (name) => {
          tables.push(name);
          return table.client;
        },
      },
      clock,
      log: logged.log,
      background: (work) => work(),
    },
    300,
  );
  const { store, cached, claims, journal, overdue } = credentials;
  await store.saveClientCredential('default', client('first'));
  await store.saveRefreshToken('default', refreshTokenOf('t', obtainedAtMs));
  const version = async () => (await cached.get('default')).client.version;
  expect(await version()).toBe('v1');
  await store.saveClientCredential('default', client('second'));
  await clock.advance(299_999);
  expect(await version()).toBe('v1');
  await clock.advance(1);
  expect(await version()).toBe('v3');
  expect(await claims.claim('default', { atMs: 1_000, untilMs: 2_000 })).toBe(true);
  await journal.record('default', { unknownKeys: 'key' });
  expect((await journal.read('default')).unknownKeys).toBe('key');
  expect(new Set(tables).size).toBe(1);
  expect(table.rows.size).toBe(2);
  const asked: unknown[] = [];
  await clock.advance(36 * 3_600_000);
  overdue.check(async (_since, applications) => asked.push(applications));
  await expect.poll(() => asked).toEqual([['default']]);
  expect(logged.events()).toContain('credential.care_overdue');
});
