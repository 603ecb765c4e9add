import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CachedCredentials } from '../../src/lib/tokens/credential/cached-credentials.ts';
import { parseTenantId, type TenantId } from '../../src/lib/core/identifiers.ts';
import { Secret } from '../../src/lib/core/secrets.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { refreshTokenOf } from '../fakes/memory-credential-store.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';
import { startOperator, type TestOperator } from '../e2e/credential/operator.ts';

// What a person can do to the secrets in the portal, with the real SDK against the simulated vault.

let operator: TestOperator;
beforeAll(async () => {
  operator = await startOperator({ tenants: 1 });
});
afterAll(() => operator.close());

const tenantId = parseTenantId('99999999-9999-4999-8999-999999999999') as TenantId;
const dayMs = 86_400_000;
const clientSecret = (application: string): string => `ptb-${application}-client-credential`;
const refreshToken = (application: string): string => `ptb-${application}-refresh-token`;

/** Stores a complete credential. Returns the versions. */
async function setUp(application: string) {
  const nowMs = operator.clock.nowMs();
  const client = await operator.store.saveClientCredential(application, {
    clientId: 'client',
    tenantId,
    credential: { kind: 'secret', secret: new Secret('the right one') },
    endsAtMs: nowMs + 6 * dayMs,
  });
  const token = await operator.store.saveRefreshToken(application, {
    ...refreshTokenOf('good', nowMs),
    consentedAtMs: nowMs,
  });
  operator.cloud.clock.advance(2_000);
  return { client, token, endsAtMs: nowMs + 6 * dayMs };
}

describe('a new version of the client credential that a person stores', () => {
  const tags = { clientId: 'client', tenantId };
  it.each([
    ['without tags', 'the right one', {}],
    ['without a client id', 'the right one', { tenantId }],
    ['with a domain as tenant id', 'the right one', { ...tags, tenantId: 'contoso.com' }],
    ['of an unknown kind', 'the right one', { ...tags, kind: 'smartcard' }],
    ['of the wrong kind', 'the right one', { ...tags, kind: 'certificate' }],
    [
      'with a broken certificate',
      '-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----',
      { ...tags, kind: 'certificate' },
    ],
  ])('is skipped when it is stored %s', async (what, value, wrongTags) => {
    const application = `a-${what.replaceAll(' ', '-')}`;
    const { client } = await setUp(application);
    const { properties } = await operator.secrets.setSecret(clientSecret(application), value, { tags: wrongTags });
    const credential = await operator.store.load(application);
    expect(credential.client.version).toBe(client);
    expect(credential.skipped).toMatchObject([{ part: 'client credential', version: properties.version }]);
  });

  it('leaves the credential in memory in use while no enabled version can be read', async () => {
    const { client } = await setUp('memory');
    const clock = new FakeClock();
    const recorder = recordingLogger();
    const cached = new CachedCredentials({ store: operator.store, clock, log: recorder.log }, 600);
    await cached.get('memory');
    await operator.secrets.updateSecretProperties(clientSecret('memory'), client, { tags: {} });
    await clock.advance(600_000);
    expect((await cached.get('memory')).client.version).toBe(client);
    expect(recorder.events()).toContain('credential.reread_failed');
    await operator.secrets.updateSecretProperties(clientSecret('memory'), client, { enabled: false });
    await clock.advance(600_000);
    await expect(cached.get('memory')).rejects.toMatchObject({ code: 'credential_missing' });
  });
});

describe('the end date of the client credential', () => {
  it.each([
    ['a later date', { expiresOn: new Date(Date.UTC(2036, 0, 1)) }],
    ['no tags that name it', { tags: { clientId: 'client', tenantId } }],
  ])('stays the date of Entra when the version gets %s in the vault', async (what, changes) => {
    const application = `end-${what.replaceAll(' ', '-')}`;
    const before = await setUp(application);
    await operator.secrets.updateSecretProperties(clientSecret(application), before.client, changes);
    const { client } = await operator.store.load(application);
    expect(Math.floor((client.endsAtMs ?? 0) / 1000)).toBe(Math.floor(before.endsAtMs / 1000));
  });
});

describe('the refresh token in force', () => {
  it('is not one that a person stored by hand while one of a consent is enabled', async () => {
    const { token } = await setUp('pasted');
    const { properties } = await operator.secrets.setSecret(refreshToken('pasted'), 'pasted by mistake');
    const credential = await operator.store.load('pasted');
    expect(credential.refreshToken?.version).toBe(token);
    expect(credential.skipped).toMatchObject([{ part: 'refresh token', version: properties.version }]);
    await operator.store.disableRefreshTokenVersion('pasted', token);
    expect((await operator.store.loadRefreshToken('pasted'))?.version).toBe(properties.version);
  });

  it('is none when the versions of the account that consented last are disabled', async () => {
    await setUp('two');
    const nowMs = operator.clock.nowMs();
    const second = await operator.store.saveRefreshToken('two', {
      ...refreshTokenOf('of another', nowMs),
      accountObjectId: 'another',
      consentedAtMs: nowMs,
    });
    await operator.store.disableRefreshTokenVersion('two', second);
    expect(await operator.store.loadRefreshToken('two')).toBeUndefined();
  });

  it('is none of a former account when a person removes a tag of the last consent', async () => {
    await setUp('former');
    const nowMs = operator.clock.nowMs();
    const second = await operator.store.saveRefreshToken('former', {
      ...refreshTokenOf('of another', nowMs),
      account: 'another@partner.example',
      accountObjectId: 'another',
      consentedAtMs: nowMs,
    });
    for (const tags of [{ accountObjectId: 'another' }, {}]) {
      await operator.secrets.updateSecretProperties(refreshToken('former'), second, { tags });
      expect((await operator.store.loadRefreshToken('former'))?.version).toBe(second);
    }
  });

  it('expires 90 days after its issue at the latest, whatever dates a person enters', async () => {
    const { token } = await setUp('dates');
    const { obtainedAtMs = 0 } = (await operator.store.loadRefreshToken('dates')) ?? {};
    const expiresOn = new Date(Date.UTC(2036, 0, 1));
    await operator.secrets.updateSecretProperties(refreshToken('dates'), token, { expiresOn });
    expect((await operator.store.loadRefreshToken('dates'))?.expiresAtMs).toBe(obtainedAtMs + 90 * dayMs);
    const tags = { consentedAt: new Date(obtainedAtMs).toISOString(), obtainedAt: expiresOn.toISOString() };
    await operator.secrets.updateSecretProperties(refreshToken('dates'), token, { tags });
    const stored = await operator.store.loadRefreshToken('dates');
    expect((stored?.expiresAtMs ?? 0) - obtainedAtMs).toBeLessThanOrEqual(90 * dayMs + 1_000);
  });
});

it('disables the former versions of a deleted secret that a new version recovers', async () => {
  const { token } = await setUp('recovered');
  const deletion = await operator.secrets.beginDeleteSecret(refreshToken('recovered'));
  await deletion.pollUntilDone();
  const nowMs = operator.clock.nowMs();
  const renewed = await operator.store.saveRefreshToken('recovered', refreshTokenOf('next', nowMs));
  const versions = await operator.store.listRefreshTokenVersions('recovered');
  expect(new Map(versions.map(({ version, enabled }) => [version, enabled]))).toEqual(
    new Map([
      [renewed, true],
      [token, false],
    ]),
  );
});

describe('a staged version', () => {
  it('is not in force before it is enabled', async () => {
    const { token } = await setUp('staged');
    const nowMs = operator.clock.nowMs();
    const staged = await operator.store.stageRefreshToken('staged', {
      ...refreshTokenOf('next', nowMs),
      consentedAtMs: nowMs,
    });
    expect((await operator.store.loadRefreshToken('staged'))?.version).toBe(token);
    await operator.store.enableRefreshTokenVersion('staged', staged);
    expect((await operator.store.loadRefreshToken('staged'))?.version).toBe(staged);
    expect(await operator.store.listRefreshTokenVersions('staged')).not.toContainEqual(
      expect.objectContaining({ staged: true }),
    );
  });

  it('does not recover a secret that a person deleted', async () => {
    await setUp('deleted');
    const deletion = await operator.secrets.beginDeleteSecret(refreshToken('deleted'));
    await deletion.pollUntilDone();
    await expect(
      operator.store.stageRefreshToken('deleted', refreshTokenOf('next', operator.clock.nowMs())),
    ).rejects.toMatchObject({ code: 'key_vault_unavailable' });
    expect(await operator.store.loadRefreshToken('deleted')).toBeUndefined();
  });
});
