import { beforeEach, describe, expect, it } from 'vitest';
import { CachedCredentials, credentialVersion } from '../../../../../src/lib/tokens/credential/cached-credentials.ts';
import type { TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../../src/lib/core/secrets.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer } from '../../../../fakes/fake-redeemer.ts';
import { type MemoryCredentialStore, storeWithCredential } from '../../../../fakes/memory-credential-store.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
const wrongSecret = 7_000_215;

let clock: FakeClock;
let store: MemoryCredentialStore;
let redeemer: FakeRedeemer;
let recorded: ReturnType<typeof recordingLogger>;
let credentials: CachedCredentials;
/** Secrets that Entra rejects. */
let rejected: Set<string>;

beforeEach(async () => {
  clock = new FakeClock();
  store = await storeWithCredential(partner, () => clock.nowMs());
  redeemer = new FakeRedeemer(clock);
  recorded = recordingLogger();
  rejected = new Set();
  redeemer.script = ({ clientCredential }) =>
    clientCredential.kind === 'secret' && rejected.has(clientCredential.secret.reveal())
      ? aadstsFailure(wrongSecret)
      : undefined;
  credentials = new CachedCredentials({ store, clock, log: recorded.log }, 600);
});

const newId = (): string => 'cccccccc-0000-4000-8000-000000000000';
const fallBack = () => credentials.fallBack({ redeemer, newId, graphIdentifier: 'https://graph.example' }, 'default');
const versionInUse = async () => (await credentials.get('default')).client.version;

/** Stores a newer client secret that Entra rejects. @returns its version. */
async function storeRejected(secret = 'mistyped'): Promise<string> {
  const { client } = await store.load('default');
  rejected.add(secret);
  return store.saveClientCredential('default', {
    ...client,
    credential: { kind: 'secret', secret: new Secret(secret) },
  });
}

describe('the previous client credential', () => {
  it('is used while Entra rejects the version in force, and the copy says so', async () => {
    const { version: good } = (await credentials.get('default')).client;
    const mistyped = await storeRejected();
    expect(await credentials.reload('default').then(({ client }) => client.version)).toBe(mistyped);
    const usable = await fallBack();
    expect(usable?.client.version).toBe(good);
    expect(usable?.skipped).toEqual([
      { part: 'client credential', version: mistyped, reason: 'Entra rejects it, so the previous one is in use.' },
    ]);
    expect(await versionInUse()).toBe(good);
    expect(recorded.events()).toContain('credential.client_credential_fell_back');
    // It stays enabled: the daily care disables it.
    const versions = await store.listClientCredentialVersions('default');
    expect(versions.find(({ version }) => version === mistyped)?.enabled).toBe(true);
  });

  it('is no longer used once a person stores another version', async () => {
    await storeRejected();
    await fallBack();
    const { client } = await store.load('default');
    const repaired = await store.saveClientCredential('default', {
      ...client,
      credential: { kind: 'secret', secret: new Secret('repaired') },
    });
    expect((await credentials.reload('default')).client.version).toBe(repaired);
    expect(await credentials.reload('default')).not.toHaveProperty('skipped');
  });

  it('is no longer used once Entra accepts the version in force', async () => {
    const mistyped = await storeRejected();
    await fallBack();
    rejected.clear();
    expect((await fallBack())?.client.version).toBe(mistyped);
    expect(await versionInUse()).toBe(mistyped);
    // Nothing stands in any more, so there is nothing to change.
    expect(await fallBack()).toBeUndefined();
  });

  it('is not asked for if there is none that is enabled', async () => {
    const { version: good } = (await credentials.get('default')).client;
    rejected.add('client-secret');
    expect(await fallBack()).toBeUndefined();
    expect(redeemer.sent).toEqual([]);
    await storeRejected();
    await store.disableClientCredentialVersion('default', good);
    expect(await fallBack()).toBeUndefined();
    expect(redeemer.sent).toEqual([]);
  });
});

it('one state of a credential is named by both of its versions', async () => {
  const credential = await store.load('default');
  const { refreshToken, client } = credential;
  expect(credentialVersion(credential)).toBe(`${client.version}/${refreshToken?.version}`);
  expect(credentialVersion({ ...credential, refreshToken: undefined })).toBe(`${client.version}/-`);
});
