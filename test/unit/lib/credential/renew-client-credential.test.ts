import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Renewal,
  type RenewalDeps,
  removeFormerCredentials,
  renewClientCredential,
} from '../../../../src/lib/credential/renew-client-credential.ts';
import { BrokerError } from '../../../../src/lib/errors.ts';
import type { JsonObject } from '../../../../src/lib/graph/reply.ts';
import type { TenantId } from '../../../../src/lib/identifiers.ts';
import { Secret } from '../../../../src/lib/secret.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer, failureReply } from '../../../fakes/fake-redeemer.ts';
import { MemoryCredentialStore } from '../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
const day = 86_400_000;
const ours = (keyId: string, startDateTime?: string): JsonObject => ({
  keyId,
  displayName: 'partner-token-broker',
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
  createCertificate: () => Promise.reject(new Error('no certificate is wanted')),
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
const have = (more: { keyId?: string; endsAtMs?: number } = {}) =>
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

describe('renewing a client secret', () => {
  it('leaves one alone that ends in more than a month, or of which no end is known', async () => {
    await have({ keyId: 'old', endsAtMs: clock.nowMs() + 31 * day });
    expect(await renew()).toMatchObject({ renewed: false, reason: 'The client secret does not end soon.' });
    await have({ keyId: 'old' });
    expect(await renew()).toMatchObject({ renewed: false });
  });

  it('replaces one that ends within a month, and removes it only when the new one has worked from the vault', async () => {
    await have({ keyId: 'old', endsAtMs: clock.nowMs() + 30 * day });
    expect(await renew()).toEqual({
      application: 'default',
      kind: 'secret',
      renewed: true,
      endsAtMs: Date.UTC(2027, 4, 1),
      removed: 1,
    });
    // The old one for a token with which to change the application, the new one before it is stored and as it is stored.
    const proof = {
      tenantId: partner,
      clientId: 'client',
      resourceIdentifier: 'https://graph.microsoft.com',
      grant: { kind: 'application' },
    };
    expect(redeemer.sent).toMatchObject([proof, proof, proof]);
    const secrets = redeemer.sent.map(({ clientCredential: used }) => used.kind === 'secret' && used.secret.reveal());
    expect(secrets).toEqual(['old', 'fresh', 'fresh']);
    expect(tokens).toEqual(['token-1']);
    expect(removed).toEqual(['old']);
    expect(paths).toEqual([
      "/applications(appId='client')/addPassword",
      "/applications(appId='client')/removePassword",
      "/applications(appId='client')?$select=id,passwordCredentials",
    ]);
    expect((await store.load('default')).client).toMatchObject({ keyId: 'fresh', version: 'v2' });
  });

  it.each([
    ['does not know it yet', { code: 'client_credential_rejected', reach: 'ambiguous' }],
    ['stumbles', { code: 'entra_unavailable', reach: 'transient' }],
  ] as const)('is patient for two minutes while Entra %s', async (_, failure) => {
    await have({ keyId: 'old' });
    redeemer.script = (_redemption, nth) => (nth > 1 && nth < 8 ? failureReply(failure) : undefined);
    expect(await renew(true)).toMatchObject({ renewed: true });
    redeemer.sent.length = 0;
    redeemer.script = (_redemption, nth) =>
      nth > 1 ? failureReply({ ...failure, logFields: { aadsts: 1 } }) : undefined;
    await expect(renew(true)).rejects.toMatchObject({ code: failure.code, logFields: { aadsts: 1 } });
    expect(redeemer.sent).toHaveLength(8);
  });

  it('is not patient with a failure that time does not mend', async () => {
    await have({ keyId: 'old' });
    redeemer.script = (_redemption, nth) =>
      nth > 1 ? failureReply({ code: 'consent_required', reach: 'tenant' }) : undefined;
    await expect(renew(true)).rejects.toMatchObject({ code: 'consent_required' });
    expect(redeemer.sent).toHaveLength(2);
    expect(removed).toEqual(['fresh']);
  });

  it('leaves three versions readable, and counts the orphans that it removed with the predecessor', async () => {
    for (let version = 1; version <= 4; version += 1) await have({ keyId: 'old' });
    await store.disableClientCredentialVersion('default', 'v3');
    listed = [ours('fresh', new Date(clock.nowMs()).toISOString()), ours('orphan', old)];
    expect(await renew(true)).toMatchObject({ removed: 2 });
    const left = (await store.listClientCredentialVersions('default')).filter(({ enabled }) => enabled);
    expect(left.map(({ version }) => version)).toEqual(['v5', 'v4', 'v2']);
  });

  it('cannot remove one whose id nobody has noted', async () => {
    await have();
    expect(await renew(true)).toMatchObject({ renewed: true, removed: 0 });
    expect(removed).toEqual([]);
  });

  it('takes the new one back where it does not work', async () => {
    await have({ keyId: 'old' });
    redeemer.script = (_redemption, nth) => (nth > 1 ? aadstsFailure(7000215) : undefined);
    await expect(renew(true)).rejects.toMatchObject({ code: 'client_credential_rejected' });
    expect(removed).toEqual(['fresh']);
    expect((await store.load('default')).client.keyId).toBe('old');
  });

  it('says so, and no more, where the predecessor cannot be cleaned up', async () => {
    await have({ keyId: 'old' });
    store.listClientCredentialVersions = () => Promise.reject(new BrokerError('key_vault_unavailable', 'Away.'));
    expect(await renew(true)).toMatchObject({ renewed: true, removed: 1 });
    expect(logged.lines).toEqual([
      { level: 'warn', line: expect.stringContaining('"application":"default"') as string },
    ]);
    expect(logged.events()).toEqual(['credential.cleanup_failed']);
  });

  it('is nothing for an application without one', async () => {
    await store.saveClientCredential('default', {
      clientId: 'client',
      tenantId: partner,
      credential: { kind: 'federated' },
    });
    expect(await renew(true)).toMatchObject({
      renewed: false,
      reason: 'A federated client credential never ends.',
    });
  });
});

describe('secrets that nobody stored', () => {
  it('are removed when they are an hour old, and no secret of other people ever', async () => {
    await have({ keyId: 'stored' });
    listed = [
      ours('stored', old),
      ours('orphan', old),
      ours('young', new Date(clock.nowMs()).toISOString()),
      ours('of unknown age'),
      { keyId: 'theirs', displayName: 'theirs', startDateTime: old },
      { displayName: 'partner-token-broker', startDateTime: old },
      'odd',
    ];
    expect(await renew()).toMatchObject({ renewed: false, removed: 1 });
    expect(removed).toEqual(['orphan']);
  });

  it.each([
    ['the stored one is not among them', 'unknown', [ours('orphan', old)]],
    ['it is not known which one is stored', undefined, [ours('orphan', old)]],
    ['Graph lists none', 'stored', 'odd'],
  ])('stay where %s', async (_, keyId, secrets) => {
    await have(keyId === undefined ? {} : { keyId });
    listed = secrets;
    expect(await renew()).toMatchObject({ removed: 0 });
    expect(removed).toEqual([]);
  });
});

describe('secrets and certificates from before another kind of client credential', () => {
  const client = (kind: 'secret' | 'federated') => ({
    clientId: 'client',
    tenantId: partner,
    credential: kind === 'secret' ? { kind, secret: new Secret('s') } : { kind },
    version: 'v1',
  });

  it('are removed, all that are ours', async () => {
    listed = [ours('one', old), ours('two', old), { keyId: 'theirs', displayName: 'theirs', startDateTime: old }];
    expect(await removeFormerCredentials(deps(), client('federated'))).toBe(2);
    expect(removed).toEqual(['one', 'two']);
  });

  it('are removed where they are certificates, all that are ours', async () => {
    const theirs = { keyId: 'theirs', displayName: 'CN=theirs', startDateTime: old };
    certificates = [ours('one', old), theirs, ours('young', new Date(clock.nowMs()).toISOString())];
    expect(await removeFormerCredentials(deps(), client('secret'))).toBe(1);
    expect(certificates.map(({ keyId }) => keyId)).toEqual(['theirs', 'young']);
    expect(await removeFormerCredentials(deps(), client('secret'))).toBe(0);
  });

  it('stay where what follows them does not work', async () => {
    listed = [ours('one', old)];
    redeemer.script = () => aadstsFailure(7000215);
    expect(await removeFormerCredentials(deps(), client('federated'))).toBe(0);
    expect(paths).toEqual([]);
  });

  it('stay while the application has a secret', async () => {
    listed = [ours('one', old)];
    expect(await removeFormerCredentials(deps(), client('secret'))).toBe(0);
  });
});
