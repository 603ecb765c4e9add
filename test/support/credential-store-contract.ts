import { inspect } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CredentialStore } from '../../src/lib/tokens/credential/credential-store.ts';
import { parseTenantId, type TenantId } from '../../src/lib/core/identifiers.ts';
import { Secret } from '../../src/lib/core/secrets.ts';
import { refreshTokenOf } from '../fakes/memory-credential-store.ts';
import { LeakScan } from './leak-scan.ts';

const tenantId = parseTenantId('99999999-9999-4999-8999-999999999999') as TenantId;
/** A client credential for tests. */
export const client = (secret: string, more = {}) => ({
  clientId: '11111111-1111-4111-8111-111111111111',
  tenantId,
  credential: { kind: 'secret', secret: new Secret(secret) } as const,
  ...more,
});
export const obtainedAtMs = Date.UTC(2026, 10, 24);

/** Declares the tests of a credential store. It is empty at first. */
export function testCredentialStore(where: string, open: () => CredentialStore): void {
  describe(`the credential store ${where}`, () => {
    let store: CredentialStore;
    beforeAll(() => {
      store = open();
    });

    test('is empty at first', async () => {
      await expect(store.load('none')).rejects.toMatchObject({ code: 'credential_missing' });
      expect(await store.loadRefreshToken('none')).toBeUndefined();
      expect(await store.listRefreshTokenVersions('none')).toEqual([]);
    });

    test('returns a stored credential with all its attributes', async () => {
      const endsAtMs = obtainedAtMs + 86_400_000;
      await store.saveClientCredential('kept', client('se+cret', { endsAtMs, keyId: 'key-1' }));
      await store.saveRefreshToken('kept', refreshTokenOf('token', obtainedAtMs));
      const { client: stored, refreshToken } = await store.load('kept');
      expect(stored).toMatchObject({ tenantId, endsAtMs, keyId: 'key-1', clientId: client('x').clientId });
      expect(stored.credential.kind === 'secret' && stored.credential.secret.reveal()).toBe('se+cret');
      expect(refreshToken).toMatchObject({ obtainedAtMs, mfa: true, account: 'broker@partner.example' });
      expect(refreshToken?.secret.reveal()).toBe('token');
    });

    test('creates a version for each write, returns the newest and keeps the older ones readable', async () => {
      const [first, second] = [
        await store.saveRefreshToken('versions', refreshTokenOf('one', obtainedAtMs)),
        await store.saveRefreshToken('versions', refreshTokenOf('two', obtainedAtMs)),
      ];
      expect((await store.loadRefreshToken('versions'))?.secret.reveal()).toBe('two');
      expect((await store.loadRefreshTokenVersion('versions', first))?.secret.reveal()).toBe('one');
      expect((await store.listRefreshTokenVersions('versions')).map(({ version }) => version).toSorted()).toEqual(
        [first, second].toSorted(),
      );
    });

    test('returns the newest enabled version', async () => {
      const [first, second] = [
        await store.saveRefreshToken('disabled', refreshTokenOf('one', obtainedAtMs)),
        await store.saveRefreshToken('disabled', refreshTokenOf('two', obtainedAtMs)),
      ];
      await store.disableRefreshTokenVersion('disabled', second);
      expect((await store.loadRefreshToken('disabled'))?.version).toBe(first);
      expect(await store.loadRefreshTokenVersion('disabled', second)).toBeUndefined();
      await store.disableRefreshTokenVersion('disabled', first);
      expect(await store.loadRefreshToken('disabled')).toBeUndefined();
    });

    test('returns an older client credential until it is disabled', async () => {
      const first = await store.saveClientCredential('older', client('one', { keyId: 'key-1' }));
      await store.saveClientCredential('older', client('two', { keyId: 'key-2' }));
      const older = await store.loadClientCredentialVersion('older', first);
      expect(older).toMatchObject({ version: first, keyId: 'key-1', tenantId });
      await store.disableClientCredentialVersion('older', first);
      expect(await store.loadClientCredentialVersion('older', first)).toBeUndefined();
      expect((await store.load('older')).client.keyId).toBe('key-2');
    });

    test('lists the key id of each version, including disabled ones', async () => {
      const first = await store.saveClientCredential('keys', client('one', { keyId: 'key-1' }));
      await store.saveClientCredential('keys', client('two'));
      await store.disableClientCredentialVersion('keys', first);
      const versions = await store.listClientCredentialVersions('keys');
      expect(versions).toHaveLength(2);
      expect(versions.filter(({ keyId }) => keyId !== undefined)).toMatchObject([
        { version: first, keyId: 'key-1', enabled: false },
      ]);
    });

    test('lists the kind and the client id of each version, including disabled ones', async () => {
      const { clientId } = client('one');
      const first = await store.saveClientCredential('kinds', { ...client('x'), credential: { kind: 'federated' } });
      await store.disableClientCredentialVersion('kinds', first);
      expect(await store.listClientCredentialVersions('kinds')).toMatchObject([{ kind: 'federated', clientId }]);
      await store.saveClientCredential('secrets', client('one'));
      expect(await store.listClientCredentialVersions('secrets')).toMatchObject([{ kind: 'secret', clientId }]);
    });

    test('does not return a version that is only proposed', async () => {
      const inUse = await store.saveClientCredential('proposed', client('in use'));
      const proposed = await store.proposeClientCredential('proposed', {
        ...client('x'),
        credential: { kind: 'federated' },
      });
      expect((await store.load('proposed')).client.version).toBe(inUse);
      const versions = await store.listClientCredentialVersions('proposed');
      expect(versions.filter((version) => version.proposed)).toMatchObject([{ version: proposed, enabled: false }]);
      expect(await store.listApplications()).toContain('proposed');
    });

    test('marks a client credential as staged until it is enabled, also after it is disabled again', async () => {
      const inUse = await store.saveClientCredential('staged-client', client('in use'));
      const staged = await store.stageClientCredential('staged-client', client('next'));
      const isStaged = async (version: string) =>
        (await store.listClientCredentialVersions('staged-client')).find((each) => each.version === version)?.staged;
      expect([await isStaged(inUse), await isStaged(staged)]).toEqual([undefined, true]);
      await store.enableClientCredentialVersion('staged-client', staged);
      await store.disableClientCredentialVersion('staged-client', staged);
      expect(await isStaged(staged)).toBeUndefined();
    });

    test('names its vault', () => {
      expect(store.vault).toMatch(/^[a-z0-9.:-]+$/);
    });

    test('lists the applications that have a client credential', async () => {
      await store.saveClientCredential('second', client('s'));
      expect(await store.listApplications()).toEqual(expect.arrayContaining(['kept', 'second']));
      expect(await store.listApplications()).not.toContain('versions');
    });

    test('lists an application until its last client credential is disabled', async () => {
      const first = await store.saveClientCredential('revoked', client('one'));
      const second = await store.saveClientCredential('revoked', client('two'));
      await store.disableClientCredentialVersion('revoked', second);
      expect(await store.listApplications()).toContain('revoked');
      await store.disableClientCredentialVersion('revoked', first);
      expect(await store.listApplications()).not.toContain('revoked');
    });

    test('stores a federated credential without a secret', async () => {
      await store.saveClientCredential('federated', { ...client('x'), credential: { kind: 'federated' } });
      expect((await store.load('federated')).client.credential).toEqual({ kind: 'federated' });
    });

    test('shows a secret in nothing that it returns or throws', async () => {
      const canaries = ['client-credential', 'refresh-token', 'replaced'].map((name) => ({
        name,
        value: `${name}-0123456789abcdefghijklmnopqrstuvwxyz`,
      }));
      const [clientSecret = '', token = '', replaced = ''] = canaries.map(({ value }) => value);
      const first = await store.saveRefreshToken('leaks', refreshTokenOf(replaced, obtainedAtMs));
      const shown = [
        first,
        await store.saveRefreshToken('leaks', refreshTokenOf(token, obtainedAtMs)),
        await store.load('leaks').catch((error: unknown) => error),
        await store.saveClientCredential('leaks', client(clientSecret, { keyId: 'key-1' })),
        await store.load('leaks'),
        await store.loadRefreshTokenVersion('leaks', first),
        await store.listRefreshTokenVersions('leaks'),
        await store.listClientCredentialVersions('leaks'),
        await store.disableRefreshTokenVersion('leaks', 'no-such-version').catch((error: unknown) => error),
      ].flatMap((each) => [JSON.stringify(each) ?? '', inspect(each, { depth: 9, showHidden: true })]);
      const scanOf = (...contents: readonly string[]): LeakScan => {
        const scan = new LeakScan(canaries);
        for (const content of contents) scan.scan({ where: 'the store', content });
        return scan;
      };
      // The secrets are there: a result that is not wrapped would show them.
      const { client: stored, refreshToken } = await store.load('leaks');
      const revealed = [
        stored.credential.kind === 'secret' ? stored.credential.secret : undefined,
        refreshToken?.secret,
      ];
      expect(scanOf(JSON.stringify(revealed.map((secret) => secret?.reveal()))).leaks.length).toBeGreaterThan(1);
      expect(shown.join()).toContain('[secret]');
      expect(scanOf(...shown).leaks).toEqual([]);
    });
  });
}
