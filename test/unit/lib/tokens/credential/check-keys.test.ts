import { beforeEach, describe, expect, it } from 'vitest';
import { checkKeys } from '../../../../../src/lib/tokens/credential/keep-alive.ts';
import type { IdentityTrust } from '../../../../../src/lib/tokens/credential/identity-trust.ts';
import { BrokerError } from '../../../../../src/lib/core/errors.ts';
import type { JsonObject } from '../../../../../src/lib/core/objects.ts';
import type { GraphWriter } from '../../../../../src/lib/microsoft/graph.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer } from '../../../../fakes/fake-redeemer.ts';
import { MemoryCredentialJournal } from '../../../../fakes/memory-credential-journal.ts';
import { type MemoryCredentialStore, storeWithCredential } from '../../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';

let clock: FakeClock;
let store: MemoryCredentialStore;
let redeemer: FakeRedeemer;
let journal: MemoryCredentialJournal;
let logged: ReturnType<typeof recordingLogger>;
let secrets: JsonObject[];
let principalSecrets: JsonObject[];
let trusts: JsonObject[];
let identity: () => Promise<IdentityTrust | undefined>;
let failure: BrokerError | undefined;
beforeEach(async () => {
  clock = new FakeClock();
  store = await storeWithCredential('99999999-9999-4999-8999-999999999999' as TenantId, () => clock.nowMs());
  redeemer = new FakeRedeemer(clock);
  journal = new MemoryCredentialJournal();
  logged = recordingLogger();
  secrets = [];
  principalSecrets = [];
  trusts = [];
  identity = () => Promise.reject(new Error('no identity is expected'));
  failure = undefined;
});

async function check(): Promise<readonly unknown[]> {
  const before = logged.lines.length;
  const levels = () => logged.lines.map(({ level }, at) => [level, logged.events()[at]]);
  const get = async (path: string): Promise<JsonObject> => {
    if (failure !== undefined) throw failure;
    if (path.startsWith('/servicePrincipals(')) return { passwordCredentials: principalSecrets };
    return path.endsWith('/federatedIdentityCredentials') ? { value: trusts } : { passwordCredentials: secrets };
  };
  await checkKeys(
    {
      store,
      redeemer,
      journal,
      clock,
      log: logged.log,
      newId: () => 'id',
      graphIdentifier: 'https://graph.test',
      identityTrust: () => identity(),
      graphOf: () => ({ graph: { get }, writer: {} as GraphWriter }),
    },
    'default',
  );
  return levels().slice(before);
}

describe('checkKeys', () => {
  it('warns once about each key that the vault does not hold, and keeps its name for health', async () => {
    expect(await check()).toEqual([]);
    secrets = [{ keyId: 'stolen', displayName: 'backdoor' }];
    expect(await check()).toEqual([['warn', 'credential.unknown_keys']]);
    expect(await journal.read('default')).toEqual({ unknownKeys: 'client secret stolen ("backdoor")' });
    expect(await check()).toEqual([['info', 'credential.unknown_keys']]);
    secrets = [...secrets, { keyId: 'another' }];
    expect(await check()).toEqual([['warn', 'credential.unknown_keys']]);
    secrets = [];
    expect(await check()).toEqual([]);
    expect(await journal.read('default')).toEqual({});
  });

  it('warns about a secret of the service principal that has the id of a stored one', async () => {
    const client = { ...(await store.load('default')).client, keyId: 'borrowed' };
    await store.saveClientCredential('default', client);
    secrets = [{ keyId: 'borrowed' }];
    expect(await check()).toEqual([]);
    principalSecrets = [{ keyId: 'borrowed', displayName: 'backdoor' }];
    expect(await check()).toEqual([['warn', 'credential.unknown_keys']]);
    expect(await journal.read('default')).toEqual({
      unknownKeys: 'client secret of the service principal borrowed ("backdoor")',
    });
  });

  it("knows the trust in its own managed identity, and names one in another issuer with the identity's object id", async () => {
    const own = { issuer: 'https://login.test/partner/v2.0', subject: 'identity', audience: 'exchange' };
    identity = async () => own;
    trusts = [{ id: 'own', name: 'x', issuer: own.issuer, subject: own.subject, audiences: [own.audience] }];
    expect(await check()).toEqual([]);
    trusts = [...trusts, { ...trusts[0], id: 'foreign', issuer: 'https://evil.test/partner/v2.0' }];
    expect(await check()).toEqual([['warn', 'credential.unknown_keys']]);
    expect(await journal.read('default')).toEqual({ unknownKeys: 'federated credential foreign ("x")' });
  });

  it('logs that the keys were not checked when the identity does not answer', async () => {
    trusts = [{ id: 'trust' }];
    expect(await check()).toEqual([['warn', 'credential.key_check_failed']]);
  });

  it('says nothing when the credential does not work or may not read the application', async () => {
    redeemer.script = () => aadstsFailure(7000215);
    expect(await check()).toEqual([]);
    redeemer.script = () => undefined;
    failure = new BrokerError('access_denied', 'No.', { logFields: { status: 403 } });
    expect(await check()).toEqual([]);
  });

  it('logs that the keys could not be read', async () => {
    failure = new BrokerError('resource_error', 'No.', { logFields: { status: 503 } });
    expect(await check()).toEqual([['warn', 'credential.key_check_failed']]);
  });
});
