import { beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/lib/core/objects.ts';
import { type ClientCredential, Secret, type TokenRequest } from '../../../../src/lib/core/secrets.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { Check } from '../../../../src/operator/doctor/doctor.ts';
import { unknownKeysNote } from '../../../../src/operator/doctor/checks.ts';
import { FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import { agentClaims, customer, DoctorBench, one, partner, refusing, statusOf } from './doctor-bench.ts';

let bench: DoctorBench;
beforeEach(async () => {
  bench = await DoctorBench.create();
});

describe('examine', () => {
  it('passes every check of a working credential', async () => {
    const found = await bench.checks();
    expect(new Set(Object.values(statusOf(found)))).toEqual(new Set(['ok']));
    expect(one(found, 'Customers')?.message).toBe('2 customers, 2 of them with delegated access.');
    expect(one(found, 'Customer token')?.message).toBe('Entra issued a token for customer 1.');
    expect(one(found, 'Credential')?.message).toContain(
      'broker@partner.example, 90 days left; client credential: secret',
    );
  });

  it('names keys of the application that the vault does not hold, and warns about those of no broker', async () => {
    const listed = (displayName: string) => {
      bench.keys = async () => ({ passwordCredentials: [{ keyId: 'stolen', displayName }], keyCredentials: [] });
    };
    listed('backdoor');
    const keys = one(await bench.checks(), 'Keys');
    expect(keys).toMatchObject({ status: 'warning', remedy: expect.stringContaining('`ptb revoke`') as string });
    expect(keys?.message).toContain('client secret stolen ("backdoor")');
    listed('partner-token-broker:0123456789ab');
    expect(one(await bench.checks(), 'Keys')?.status).toBe('notice');
  });

  it('names keys of the service principal, and says when they cannot be read', async () => {
    bench.principalKeys = async () => ({
      passwordCredentials: [{ keyId: 'key', displayName: 'partner-token-broker' }],
    });
    const keys = one(await bench.checks(), 'Keys');
    expect(keys).toMatchObject({ status: 'warning' });
    expect(keys?.message).toContain('client secret of the service principal key ("partner-token-broker")');
    bench.principalKeys = () => Promise.reject(new BrokerError('access_denied', 'No.', { logFields: { status: 403 } }));
    expect(one(await bench.checks(), 'Keys')).toMatchObject({
      status: 'ok',
      message: expect.stringContaining('service principal could not be read') as string,
    });
  });

  it("knows the trust in this machine's managed identity, and warns about one in another issuer", async () => {
    const own = { issuer: 'https://login.test/partner/v2.0', subject: 'identity', audiences: ['exchange'] };
    let trusts = [{ id: 'own', name: 'app', ...own }];
    bench.keys = async (path) => (path.endsWith('/federatedIdentityCredentials') ? { value: trusts } : {});
    bench.trust = { ...own, audience: 'exchange' };
    expect(one(await bench.checks(), 'Keys')?.status).toBe('ok');
    trusts = [...trusts, { id: 'foreign', name: 'app', ...own, issuer: 'https://evil.test/partner/v2.0' }];
    const keys = one(await bench.checks(), 'Keys');
    expect(keys).toMatchObject({ status: 'warning', message: expect.stringContaining('foreign') as string });
    expect(keys?.message).not.toContain('credential own');
    bench.trust = undefined;
    expect(one(await bench.checks(), 'Keys')?.message).toMatch(/credential own.*This machine has no managed identity/);
  });

  it('says which hardening of the application is missing, and what to run', async () => {
    expect(one(await bench.checks(), 'Hardening')?.status).toBe('ok');
    bench.lock = { isEnabled: true, credentialsWithUsageVerify: true };
    expect(one(await bench.checks(), 'Hardening')?.status).toBe('ok');
    for (const lock of [null, { isEnabled: false, allProperties: true }, { isEnabled: true }]) {
      bench.lock = lock;
      const hardening = one(await bench.checks(), 'Hardening');
      expect(hardening).toMatchObject({ status: 'notice', remedy: 'Run `ptb setup`.' });
      expect(hardening?.message).toBe('Administrators of customers can add keys to its service principals.');
    }
    bench.principalKeys = async () => ({ appRoleAssignmentRequired: false });
    expect(one(await bench.checks(), 'Hardening')?.message).toMatch(/add keys.*Every user of the partner tenant can/);
  });

  it('names the applications of callers whose tokens do not identify agents', async () => {
    expect(one(await bench.checks(), 'Callers')?.status).toBe('ok');
    const [broker, signIn] = bench.apis();
    for (const optionalClaims of [null, { accessToken: agentClaims.accessToken.slice(1) }]) {
      bench.apis = () => [{ ...broker, optionalClaims }, signIn!];
      const callers = one(await bench.checks(), 'Callers');
      expect(callers).toMatchObject({ status: 'notice', remedy: expect.stringContaining('ptb setup api') as string });
      expect(callers?.message).toMatch(/^Tokens for api:\/\/t\/broker do not say/);
    }
    bench.apis = () => [];
    expect(one(await bench.checks(), 'Callers')?.status).toBe('skipped');
    bench.apis = () => {
      throw new BrokerError('access_denied', 'No.');
    };
    expect(one(await bench.checks(), 'Callers')).toMatchObject({
      status: 'skipped',
      message: 'Not checked: No.',
    });
  });

  it('skips the check of the keys when the application may not read itself', async () => {
    const refuse = (status: number) => () =>
      Promise.reject(new BrokerError('access_denied', 'No.', { logFields: { status } }));
    bench.keys = refuse(403);
    expect(one(await bench.checks(), 'Keys')?.status).toBe('skipped');
    bench.keys = refuse(500);
    expect(one(await bench.checks(), 'Keys')).toMatchObject({
      status: 'notice',
      message: 'The keys could not be read: No.',
    });
  });

  it('skips all other checks when the vault does not answer', async () => {
    bench.store.failure = new BrokerError('key_vault_unavailable', 'away');
    const found = await bench.checks();
    expect(found[0]).toMatchObject({
      check: 'Key Vault',
      status: 'failed',
      code: 'key_vault_unavailable',
      message: 'away',
    });
    expect(found.slice(1).every(({ status }) => status === 'skipped')).toBe(true);
    expect(found).toHaveLength(7);
  });

  it('warns before the refresh token expires, fails after that, and notices a missed rotation', async () => {
    const stored = async (daysOld: number): Promise<Check[]> => {
      await bench.store.saveRefreshToken('default', refreshTokenOf('r', bench.clock.nowMs() - daysOld * 86_400_000));
      return (await bench.checks()).filter(({ check }) => check === 'Credential');
    };
    expect(await stored(85)).toContainEqual(expect.objectContaining({ status: 'warning' }));
    const ended = await stored(91);
    expect(ended).toContainEqual(expect.objectContaining({ status: 'failed', code: 'credential_expired' }));
    const forgotten = await stored(20);
    expect(forgotten).toEqual([expect.objectContaining({ status: 'notice' })]);
    // A finding that is not an error has no code.
    expect(forgotten[0]).not.toHaveProperty('code');
  });

  it('checks only the client credential before the first consent', async () => {
    await bench.store.disableRefreshTokenVersion('default', 'v1');
    const found = await bench.checks();
    expect(statusOf(found)).toMatchObject({
      'Key Vault': 'ok',
      'Client credential': 'ok',
      'Partner tenant': 'skipped',
    });
    expect(one(found, 'Credential')).toMatchObject({ status: expect.stringMatching(/failed|warning/) as string });
  });

  it('fails if the tag tenantId, which rotation and renewal use, names another tenant', async () => {
    const tenantId = '88888888-8888-4888-8888-888888888888' as TenantId;
    const { client } = await bench.store.load('default');
    await bench.store.saveClientCredential('default', { ...client, tenantId });
    expect(one(await bench.checks(), 'Credential')).toMatchObject({
      status: 'failed',
      code: 'config_invalid',
      message: expect.stringMatching(new RegExp(`tag tenantId.*${tenantId}.*PARTNER_TENANT_ID.*${partner}`)) as string,
      remedy: expect.stringContaining('Correct') as string,
    });
    // It hides no other finding.
    await bench.store.saveRefreshToken('default', refreshTokenOf('r', bench.clock.nowMs() - 91 * 86_400_000));
    expect((await bench.checks()).filter(({ check }) => check === 'Credential')).toMatchObject([
      { code: 'config_invalid' },
      { code: 'credential_expired' },
      { status: 'notice' },
    ]);
  });

  it('checks only what is stored, without a failure, on a machine without the managed identity', async () => {
    const { client } = await bench.store.load('default');
    await bench.store.saveClientCredential('default', { ...client, credential: { kind: 'federated' } });
    bench.refuse = () => new BrokerError('config_invalid', 'no identity here');
    const found = await bench.checks({ hasManagedIdentity: false });
    expect(statusOf(found)).toEqual({
      'Key Vault': 'ok',
      Credential: 'ok',
      'Client credential': 'notice',
      'Partner tenant': 'skipped',
      'Partner Center': 'skipped',
      Customers: 'skipped',
      'Customer token': 'skipped',
      'Delegated roles': 'skipped',
    });
    expect(one(await bench.checks(), 'Client credential')?.status).toBe('failed');
  });

  it('fails when Entra rejects the client credential or the partner tenant', async () => {
    bench.refuse = refusing({ grant: 'application' }, 'client_credential_rejected');
    expect(one(await bench.checks(), 'Client credential')).toMatchObject({
      status: 'failed',
      code: 'client_credential_rejected',
    });
    bench.refuse = refusing({ tenantId: partner, grant: 'delegated' }, 'credential_revoked');
    expect(statusOf(await bench.checks())).toMatchObject({
      'Partner tenant': 'failed',
      'Partner Center': 'skipped',
      Customers: 'skipped',
    });
  });

  it.each([
    [() => Response.json({}, { headers: { isMfaCompliant: 'false' } }), 'failed'],
    [() => Response.json({}), 'notice'],
    [() => new Response('busy', { status: 503 }), 'failed'],
  ])('reports what Partner Center answers about MFA (%#)', async (answer, status) => {
    bench.mfa = answer;
    expect(one(await bench.checks(), 'Partner Center')?.status).toBe(status);
  });
});

describe('examine of another application', () => {
  const named = async (): Promise<Check[]> => {
    const { client, refreshToken } = await bench.store.load('default');
    await bench.store.saveClientCredential('reader', client);
    await bench.store.saveRefreshToken('reader', { ...refreshToken!, clientId: client.clientId });
    return bench.checks({ application: 'reader' });
  };

  it('skips Partner Center when the application has no permission for it', async () => {
    const refusing = (aadsts: number) => (request: TokenRequest) =>
      request.resource.alias === 'partner-center'
        ? new BrokerError('entra_request_rejected', 'no', { logFields: { aadsts } })
        : undefined;
    bench.refuse = refusing(650057);
    expect(one(await named(), 'Partner Center')?.status).toBe('skipped');
    bench.refuse = refusing(65005);
    expect(one(await named(), 'Partner Center')?.status).toBe('failed');
  });

  it('names the application in remedies, except for problems of the default one', async () => {
    bench.refuse = refusing({ grant: 'delegated', tenantId: partner }, 'credential_revoked');
    expect(one(await named(), 'Partner tenant')?.remedy).toContain('`ptb consent --application reader`');
    bench.refuse = () => undefined;
    bench.mfa = () => Response.json({}, { headers: { isMfaCompliant: 'false' } });
    expect(one(await named(), 'Partner Center')?.remedy).toContain('`ptb consent --application reader`');
    bench.refuse = refusing({ tenantId: customer(1).tenantId }, 'consent_required');
    bench.customers = [customer(1)];
    expect(one(await named(), 'Customer token')?.remedy).toContain('--tenant <id> --application reader`');
    const directory = { snapshot: () => Promise.reject(new BrokerError('credential_revoked', 'no')) };
    bench.refuse = () => undefined;
    const found = await bench.checks({ application: 'reader', directory });
    expect(one(found, 'Customers')?.remedy).toContain('run `ptb consent` and');
  });
});

describe('unknownKeysNote', () => {
  const note = (temporary?: ClientCredential) => {
    const { clock, store } = bench;
    const redeemer = new FakeRedeemer(clock);
    const get = (path: string) => (path.startsWith('/servicePrincipals(') ? bench.principalKeys() : bench.keys(path));
    const partnerGraph = () => ({ get });
    const deps = {
      application: 'default',
      store,
      clock,
      redeemer,
      newId: () => 'id',
      graphIdentifier: 'graph',
      partnerGraph,
      identityTrust: async () => undefined,
    };
    return unknownKeysNote(deps, temporary);
  };
  const listed = (...passwordCredentials: JsonObject[]) => {
    bench.keys = async () => ({ passwordCredentials, keyCredentials: [] });
  };

  it('names the keys that the vault does not hold, and says nothing when there are none or they cannot be read', async () => {
    expect(await note()).toBeUndefined();
    listed({ keyId: 'stolen', displayName: 'backdoor' });
    expect(await note()).toMatch(/client secret stolen \("backdoor"\)\. If neither.*`ptb revoke`/);
    bench.keys = () => Promise.reject(new BrokerError('access_denied', 'No.', { logFields: { status: 403 } }));
    expect(await note()).toBeUndefined();
    bench.store.failure = new BrokerError('key_vault_unavailable', 'away');
    expect(await note()).toBeUndefined();
  });

  it('does not name a federated credential that this machine cannot recognize, but names it beside another key', async () => {
    const own = { id: 'own', name: 'app', issuer: 'https://login.test', subject: 'identity', audiences: ['exchange'] };
    let secrets: JsonObject[] = [];
    bench.keys = async (path) =>
      path.endsWith('/federatedIdentityCredentials')
        ? { value: [own] }
        : { passwordCredentials: secrets, keyCredentials: [] };
    expect(await note()).toBeUndefined();
    secrets = [{ keyId: 'stolen', displayName: 'backdoor' }];
    expect(await note()).toMatch(/client secret stolen.*This machine has no managed identity.*`ptb revoke`/);
  });

  it('does not name the temporary secret of the command', async () => {
    listed({ keyId: 'temporary', displayName: 'partner-token-broker', hint: 'tmp' });
    expect(await note()).toContain('temporary');
    expect(await note({ kind: 'secret', secret: new Secret('tmp-secret') })).toBeUndefined();
  });
});
