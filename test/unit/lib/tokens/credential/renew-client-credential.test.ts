import { beforeEach, describe, expect, it } from 'vitest';
import { keyMark } from '../../../../../src/lib/tokens/credential/client-keys.ts';
import {
  type Renewal,
  renewClientCredential,
} from '../../../../../src/lib/tokens/credential/renew-client-credential.ts';
import { removeFormerCredentials, type RenewalDeps } from '../../../../../src/lib/tokens/credential/superseded-keys.ts';
import { provenSuccesses } from '../../../../../src/lib/tokens/credential/prove-client-credential.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { EntraFailure } from '../../../../../src/lib/microsoft/token-reply.ts';
import type { JsonObject } from '../../../../../src/lib/core/objects.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../../src/lib/core/secrets.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer, failureReply } from '../../../../fakes/fake-redeemer.ts';
import { MemoryCredentialStore, refreshTokenOf } from '../../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
const day = 86_400_000;
const nameOf = (vault: string, application = 'default'): string => keyMark(vault, application, []).name;
const ours = (keyId: string, startDateTime?: string, displayName = nameOf('vault.example')): JsonObject => ({
  keyId,
  displayName,
  ...(startDateTime === undefined ? {} : { startDateTime }),
});
const old = '2026-01-01T00:00:00Z';

let clock: FakeClock;
let store: MemoryCredentialStore;
let redeemer: FakeRedeemer;
let logged: ReturnType<typeof recordingLogger>;
let listed: unknown;
let removed: unknown[];
let paths: string[];
let tokens: string[];
let certificates: readonly JsonObject[];
let answer: JsonObject;
beforeEach(() => {
  clock = new FakeClock();
  store = new MemoryCredentialStore(() => clock.nowMs());
  redeemer = new FakeRedeemer(clock);
  logged = recordingLogger();
  listed = [];
  removed = [];
  paths = [];
  tokens = [];
  certificates = [];
  answer = { secretText: 'fresh', keyId: 'fresh', endDateTime: '2027-05-01T00:00:00Z' };
});

const deps = (): RenewalDeps => ({
  store,
  redeemer,
  clock,
  log: logged.log,
  newId: () => 'id',
  graphIdentifier: 'https://graph.microsoft.com',
  createCertificate: () => Promise.reject(new Error('no certificate is expected')),
  graphOf: (token) => {
    tokens.push(token.reveal());
    return {
      graph: {
        get: async (path: string) => {
          paths.push(path);
          return { passwordCredentials: listed, keyCredentials: certificates };
        },
      },
      writer: {
        post: async (path: string, body: JsonObject) => {
          paths.push(path);
          if (path.endsWith('/addPassword')) return answer;
          removed.push(body['keyId']);
          return {};
        },
        patch: async (_path, body) => {
          certificates = body['keyCredentials'] as JsonObject[];
        },
        remove: async () => undefined,
      },
    };
  },
});
const storeSecret = (more: { keyId?: string; endsAtMs?: number } = {}) =>
  store.saveClientCredential('default', {
    clientId: 'client',
    tenantId: partner,
    credential: { kind: 'secret', secret: new Secret('old') },
    ...more,
  });

async function renew(force = false): Promise<Renewal> {
  const renewal = renewClientCredential(deps(), 'default', force);
  renewal.catch(() => undefined);
  await clock.advance(600_000);
  return renewal;
}

describe('renewClientCredential for a secret', () => {
  it('does not renew a secret that ends in more than 30 days or whose end is unknown', async () => {
    await storeSecret({ keyId: 'old', endsAtMs: clock.nowMs() + 31 * day });
    expect(await renew()).toMatchObject({ renewed: false, reason: 'The client secret does not expire soon.' });
    await storeSecret({ keyId: 'old' });
    expect(await renew()).toMatchObject({ renewed: false });
  });

  it('renews a secret that ends within 30 days, and removes it the next day', async () => {
    await storeSecret({ keyId: 'old', endsAtMs: clock.nowMs() + 30 * day });
    listed = [ours('old', old), ours('fresh')];
    expect(await renew()).toEqual({
      application: 'default',
      kind: 'secret',
      renewed: true,
      endsAtMs: Date.UTC(2027, 4, 1),
      removed: 0,
    });
    expect(removed).toEqual([]);
    // The old secret gets the token that changes the application. The new one is proven before and after it is stored.
    const proof = {
      tenantId: partner,
      clientId: 'client',
      resourceIdentifier: 'https://graph.microsoft.com',
      grant: { kind: 'application' },
    };
    expect(redeemer.sent).toMatchObject(Array.from({ length: 1 + 2 * provenSuccesses }, () => proof));
    const secrets = redeemer.sent.map(({ clientCredential: used }) => used.kind === 'secret' && used.secret.reveal());
    expect(secrets).toEqual(['old', ...Array.from({ length: 2 * provenSuccesses }, () => 'fresh')]);
    expect(tokens).toEqual(['token-1']);
    await clock.advance(day);
    expect(await renew()).toMatchObject({ renewed: false, removed: 1 });
    expect(removed).toEqual(['old']);
    expect(paths).toEqual([
      "/applications(appId='client')?$select=id,passwordCredentials",
      "/applications(appId='client')/addPassword",
      "/applications(appId='client')?$select=id,passwordCredentials",
      "/applications(appId='client')/removePassword",
    ]);
    expect((await store.load('default')).client).toMatchObject({ keyId: 'fresh', version: 'v2' });
  });

  it.each([
    ['does not know the new secret yet', { code: 'client_credential_rejected', reach: 'ambiguous' }],
    ['is unavailable', { code: 'entra_unavailable', reach: 'transient' }],
  ] as const)('retries for two minutes while Entra %s', async (_, failure) => {
    await storeSecret({ keyId: 'old' });
    redeemer.script = (_redemption, nth) => (nth > 1 && nth < 8 ? failureReply(failure) : undefined);
    expect(await renew(true)).toMatchObject({ renewed: true });
    redeemer.sent.length = 0;
    redeemer.script = (_redemption, nth) =>
      nth > 1 ? failureReply({ ...failure, logFields: { aadsts: 1 } }) : undefined;
    await expect(renew(true)).rejects.toMatchObject({ code: failure.code, logFields: { aadsts: 1 } });
    expect(redeemer.sent).toHaveLength(8);
  });

  it('does not retry a permanent failure, and removes the new secret', async () => {
    await storeSecret({ keyId: 'old' });
    redeemer.script = (_redemption, nth) =>
      nth > 1 ? failureReply({ code: 'consent_required', reach: 'tenant' }) : undefined;
    await expect(renew(true)).rejects.toMatchObject({ code: 'consent_required' });
    expect(redeemer.sent).toHaveLength(2);
    expect(removed).toEqual(['fresh']);
  });

  it('keeps three versions enabled, and counts the removed predecessor and orphans the next day', async () => {
    for (let version = 1; version <= 4; version += 1) await storeSecret({ keyId: 'old' });
    await store.disableClientCredentialVersion('default', 'v3');
    listed = [ours('old', old), ours('fresh', new Date(clock.nowMs()).toISOString()), ours('orphan', old)];
    expect(await renew(true)).toMatchObject({ removed: 0 });
    const enabledVersions = (await store.listClientCredentialVersions('default')).filter(({ enabled }) => enabled);
    expect(enabledVersions.map(({ version }) => version)).toEqual(['v5', 'v4', 'v2']);
    await clock.advance(day);
    expect(await renew()).toMatchObject({ removed: 2 });
  });

  it('does not remove a predecessor whose key id is unknown', async () => {
    await storeSecret();
    expect(await renew(true)).toMatchObject({ renewed: true, removed: 0 });
    expect(removed).toEqual([]);
  });

  it('removes the new secret when it does not work', async () => {
    await storeSecret({ keyId: 'old' });
    redeemer.script = (_redemption, nth) => (nth > 1 ? aadstsFailure(7000215) : undefined);
    await expect(renew(true)).rejects.toMatchObject({ code: 'client_credential_rejected' });
    expect(removed).toEqual(['fresh']);
    expect((await store.load('default')).client.keyId).toBe('old');
  });

  it('only logs a warning when an old version cannot be disabled', async () => {
    await storeSecret({ keyId: 'old' });
    listed = [ours('old', old)];
    store.disableClientCredentialVersion = () => Promise.reject(new BrokerError('key_vault_unavailable', 'Away.'));
    for (let version = 2; version <= 3; version += 1) await storeSecret({ keyId: 'old' });
    expect(await renew(true)).toMatchObject({ renewed: true, removed: 0 });
    expect(logged.lines).toEqual([
      { level: 'warn', line: expect.stringContaining('"application":"default"') as string },
    ]);
    expect(logged.events()).toEqual(['credential.cleanup_failed']);
  });

  it('does nothing for a federated credential', async () => {
    await store.saveClientCredential('default', {
      clientId: 'client',
      tenantId: partner,
      credential: { kind: 'federated' },
    });
    expect(await renew(true)).toMatchObject({
      renewed: false,
      reason: 'A federated client credential never expires.',
    });
  });

  it('does not remove a predecessor that another vault uses or that was made by hand', async () => {
    await storeSecret({ keyId: 'old' });
    listed = [ours('old', old, nameOf('other.vault.example'))];
    expect(await renew(true)).toMatchObject({ renewed: true, removed: 0 });
    listed = [...(listed as JsonObject[]), ours('fresh')];
    await clock.advance(day);
    expect(await renew()).toMatchObject({ removed: 0 });
    await store.saveClientCredential('default', { ...(await store.load('default')).client, keyId: 'by hand' });
    listed = [ours('by hand', old, 'made by hand'), ours('fresh')];
    expect(await renew(true)).toMatchObject({ renewed: true, removed: 0 });
    await clock.advance(day);
    expect(await renew()).toMatchObject({ removed: 0 });
    expect(removed).toEqual([]);
  });
});

describe('renewClientCredential when the application may not change itself', () => {
  const refused = new BrokerError('access_denied', 'no', { logFields: { status: 403 } });
  const withoutPermission = (permissions: { list: boolean }): RenewalDeps => ({
    ...deps(),
    graphOf: () => ({
      graph: {
        get: () =>
          permissions.list
            ? Promise.resolve({ passwordCredentials: listed, keyCredentials: [] })
            : Promise.reject(refused),
      },
      writer: { post: () => Promise.reject(refused), patch: () => Promise.reject(refused), remove: async () => {} },
    }),
  });
  const reason = 'The client secret cannot be renewed by the application itself: run `ptb setup` in its last 30 days.';

  it.each([{ list: false }, { list: true }])('leaves the secret unchanged without failing: %j', async (permissions) => {
    await storeSecret({ keyId: 'old', endsAtMs: clock.nowMs() + 31 * day });
    listed = [ours('old', old), ours('orphan', old)];
    const unchanged = { application: 'default', kind: 'secret', renewed: false, reason, removed: 0 };
    expect(await renewClientCredential(withoutPermission(permissions), 'default', false)).toEqual(unchanged);
    expect(await renewClientCredential(withoutPermission(permissions), 'default', true)).toEqual({
      ...unchanged,
      refused: true,
    });
    await storeSecret({ keyId: 'old', endsAtMs: clock.nowMs() + 30 * day });
    expect(await renewClientCredential(withoutPermission(permissions), 'default', false)).toEqual({
      ...unchanged,
      refused: true,
    });
    const { client } = await store.load('default');
    const federated = { ...client, credential: { kind: 'federated' } as const };
    expect(await removeFormerCredentials(withoutPermission(permissions), 'default', federated)).toBe(0);
    expect(logged.events()).toEqual([]);
  });

  it('throws any other failure of Graph', async () => {
    await storeSecret({ keyId: 'old' });
    const away = () => Promise.reject(new BrokerError('resource_error', 'away', { logFields: { status: 503 } }));
    const broken = {
      ...withoutPermission({ list: false }),
      graphOf: () => ({ ...deps().graphOf(new Secret('t')), graph: { get: away } }),
    };
    await expect(renewClientCredential(broken, 'default', false)).rejects.toMatchObject({ code: 'resource_error' });
    const { client } = await store.load('default');
    const federated = { ...client, credential: { kind: 'federated' } as const };
    await expect(removeFormerCredentials(broken, 'default', federated)).rejects.toMatchObject({
      code: 'resource_error',
    });
  });
});

describe('renewClientCredential when Entra rejects the managed identity', () => {
  const storeIdentity = () =>
    store.saveClientCredential('default', { clientId: 'client', tenantId: partner, credential: { kind: 'federated' } });
  const rejectIdentity = (failure = aadstsFailure(700213)): void => {
    redeemer.script = ({ clientCredential }) => (clientCredential.kind === 'federated' ? failure : undefined);
  };

  it('falls back to the previous secret, and disables the identity after one hour', async () => {
    await storeSecret({ keyId: 'old' });
    await storeIdentity();
    rejectIdentity();
    await clock.advance(3_600_001);
    expect(await renew()).toMatchObject({ kind: 'secret', renewed: false });
    expect((await store.load('default')).client).toMatchObject({ version: 'v1', keyId: 'old' });
    expect(logged.events()).toEqual(['credential.client_credential_fell_back']);
  });

  it('keeps the identity in use after a transient failure', async () => {
    await storeSecret({ keyId: 'old' });
    await storeIdentity();
    rejectIdentity(failureReply());
    await clock.advance(3_600_001);
    expect(await renew(true)).toMatchObject({ kind: 'federated', renewed: false });
    expect((await store.load('default')).client.version).toBe('v2');
  });

  it('neither disables nor replaces the identity on a machine that lacks it', async () => {
    await storeSecret({ keyId: 'old' });
    await storeIdentity();
    // What the redeemer answers when it sent no request.
    const failure: EntraFailure = {
      code: 'config_invalid',
      reach: 'request',
      detail: 'No identity.',
      retryAfterSeconds: undefined,
      logFields: {},
    };
    rejectIdentity({ ok: false, failure });
    await clock.advance(3_600_001);
    expect(await renew(true)).toMatchObject({ kind: 'federated', renewed: false });
    const versions = await store.listClientCredentialVersions('default');
    expect(versions.map(({ enabled }) => enabled)).toEqual([true, true]);
  });
});

describe('renewClientCredential when somebody stopped the application in Entra', () => {
  it.each([
    [7000112, true],
    [7000112, false],
    [53003, true],
    [53003, false],
  ])(
    'uses no other application, and disables no version: AADSTS%i, with a refresh token: %s',
    async (aadsts, hasToken) => {
      const secret = (clientId: string) =>
        store.saveClientCredential('default', {
          clientId,
          tenantId: partner,
          credential: { kind: 'secret', secret: new Secret(clientId) },
        });
      await secret('former');
      await secret('client');
      if (hasToken)
        await store.saveRefreshToken('default', { ...refreshTokenOf('r', clock.nowMs()), clientId: 'client' });
      redeemer.script = ({ clientId }) => (clientId === 'client' ? aadstsFailure(aadsts) : undefined);
      await clock.advance(3_600_001);
      await expect(renew()).rejects.toBeInstanceOf(BrokerError);
      const versions = await store.listClientCredentialVersions('default');
      expect(versions.map(({ enabled }) => enabled)).toEqual([true, true]);
    },
  );
});

describe('renewClientCredential when Entra rejects the newest secret', () => {
  it('disables no version when Entra is unavailable for the previous one', async () => {
    for (const keyId of ['s1', 's2', 's3']) await storeSecret({ keyId });
    await clock.advance(3_600_001);
    redeemer.script = (_redemption, nth) => [aadstsFailure(7000215), failureReply()][nth - 1];
    await expect(renew()).rejects.toMatchObject({ code: 'entra_unavailable' });
    const versions = await store.listClientCredentialVersions('default');
    expect(versions.map(({ enabled }) => enabled)).toEqual([true, true, true]);
    expect(removed).toEqual([]);
  });
});

describe('renewClientCredential with unstored secrets in Entra', () => {
  it('removes those of the broker after one hour, and no foreign secrets', async () => {
    await storeSecret({ keyId: 'stored' });
    listed = [
      ours('stored', old),
      ours('orphan', old),
      ours('young', new Date(clock.nowMs()).toISOString()),
      ours('of unknown age'),
      { keyId: 'theirs', displayName: 'theirs', startDateTime: old },
      { displayName: nameOf('vault.example'), startDateTime: old },
      'odd',
    ];
    expect(await renew()).toMatchObject({ renewed: false, removed: 1 });
    expect(removed).toEqual(['orphan']);
  });

  it('does not remove those of another vault or another application', async () => {
    await storeSecret({ keyId: 'stored' });
    listed = [
      ours('stored', old),
      ours('staging', old, nameOf('staging.vault.example')),
      ours('reports', old, nameOf('vault.example', 'reports')),
    ];
    expect(await renew()).toMatchObject({ renewed: false, removed: 0 });
    expect(removed).toEqual([]);
  });

  it('removes those whose name does not identify a vault only if they were stored here', async () => {
    await storeSecret({ keyId: 'before' });
    await storeSecret({ keyId: 'stored' });
    const bare = (keyId: string): JsonObject => ours(keyId, old, 'partner-token-broker');
    listed = [bare('before'), bare('stored'), bare('of another vault')];
    await clock.advance(day);
    expect(await renew()).toMatchObject({ renewed: false, removed: 1 });
    expect(removed).toEqual(['before']);
  });

  it.each([
    ['the stored secret is not listed', 'unknown', [ours('orphan', old)]],
    ['the key id of the stored secret is unknown', undefined, [ours('orphan', old)]],
    ['Graph returns no list', 'stored', 'odd'],
  ])('removes nothing when %s', async (_, keyId, secrets) => {
    await storeSecret(keyId === undefined ? {} : { keyId });
    listed = secrets;
    expect(await renew()).toMatchObject({ removed: 0 });
    expect(removed).toEqual([]);
  });
});

describe('removeFormerCredentials', () => {
  const client = (kind: 'secret' | 'federated') => ({
    clientId: 'client',
    tenantId: partner,
    credential: kind === 'secret' ? { kind, secret: new Secret('s') } : { kind },
    version: 'v1',
  });

  it('removes the secrets of the broker after a change to a federated credential', async () => {
    const theirs = { keyId: 'theirs', displayName: 'theirs', startDateTime: old };
    listed = [ours('one', old), ours('two', old), theirs, ours('staging', old, nameOf('staging.vault.example'))];
    expect(await removeFormerCredentials(deps(), 'default', client('federated'))).toBe(2);
    expect(removed).toEqual(['one', 'two']);
  });

  it('removes certificates of the broker older than one hour after a change to a secret', async () => {
    const theirs = { keyId: 'theirs', displayName: 'CN=theirs', startDateTime: old };
    certificates = [ours('one', old), theirs, ours('young', new Date(clock.nowMs()).toISOString())];
    expect(await removeFormerCredentials(deps(), 'default', client('secret'))).toBe(1);
    expect(certificates.map(({ keyId }) => keyId)).toEqual(['theirs', 'young']);
    expect(await removeFormerCredentials(deps(), 'default', client('secret'))).toBe(0);
  });

  it('removes nothing when the new credential does not work', async () => {
    listed = [ours('one', old)];
    redeemer.script = () => aadstsFailure(7000215);
    expect(await removeFormerCredentials(deps(), 'default', client('federated'))).toBe(0);
    expect(paths).toEqual([]);
  });

  it('removes no secret while the application uses a secret', async () => {
    listed = [ours('one', old)];
    expect(await removeFormerCredentials(deps(), 'default', client('secret'))).toBe(0);
  });
});
