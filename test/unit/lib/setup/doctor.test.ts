import { beforeEach, describe, expect, it } from 'vitest';
import type { TokenRequest } from '../../../../src/lib/model/token.ts';
import { BrokerError } from '../../../../src/lib/model/errors.ts';
import type { TenantId } from '../../../../src/lib/model/identifiers.ts';
import { Secret } from '../../../../src/lib/model/secret.ts';
import { type Check, type DoctorDeps, examine } from '../../../../src/lib/setup/doctor.ts';
import type { DelegatedTenant } from '../../../../src/lib/tenants/tenant.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import {
  type MemoryCredentialStore,
  refreshTokenOf,
  storeWithCredential,
} from '../../../fakes/memory-credential-store.ts';
import { scriptedFetch } from '../../../fakes/scripted-fetch.ts';

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;
const customer = (n: number, more: Partial<DelegatedTenant> = {}): DelegatedTenant =>
  ({
    tenantId: `bbbbbbbb-0000-4000-8000-00000000000${n}` as TenantId,
    name: `customer ${n}`,
    defaultDomain: `c${n}.example`,
    relationship: 'gdap',
    reachable: true,
    reason: 'gdap_active',
    sources: [],
    ...more,
  }) as DelegatedTenant;

const clock = new FakeClock();
let store: MemoryCredentialStore;
let customers: readonly DelegatedTenant[];
let warnings: readonly string[];
let refuse: (request: TokenRequest) => BrokerError | undefined;
let mfa: () => Response;
beforeEach(async () => {
  store = await storeWithCredential(partner, () => clock.nowMs());
  customers = [customer(1), customer(2)];
  warnings = [];
  refuse = () => undefined;
  mfa = () => Response.json({}, { headers: { isMfaCompliant: 'true' } });
});

async function checks(more: Partial<DoctorDeps> = {}): Promise<Check[]> {
  const found: Check[] = [];
  const deps: DoctorDeps = {
    application: 'default',
    partnerTenantId: partner,
    hasManagedIdentity: true,
    store,
    tokens: {
      getToken: async (request) => {
        const refusal = refuse(request);
        if (refusal !== undefined) throw refusal;
        return {
          ...request,
          secret: new Secret('t'),
          scopes: ['User.Read'],
          expiresAtMs: 0,
          fromCache: false,
        };
      },
      forgetTenant: () => undefined,
    },
    directory: { snapshot: async () => ({ tenants: customers, warnings, asOfMs: 0, complete: true }) },
    graph: { alias: 'graph', identifier: 'https://graph.microsoft.com' },
    partnerCenter: { alias: 'partner-center', identifier: 'https://api.partnercenter.microsoft.com' },
    partnerCenterEndpoint: 'https://partner.test',
    fetch: scriptedFetch(() => mfa()).fetch,
    clock,
    newId: () => 'id',
    ...more,
  };
  for await (const check of examine(deps)) found.push(check);
  return found;
}
const statusOf = (found: readonly Check[]): Record<string, string> =>
  Object.fromEntries(found.map(({ check, status }) => [check, status]));
const one = (found: readonly Check[], name: string): Check | undefined => found.find(({ check }) => check === name);
const refusing =
  (wanted: Partial<TokenRequest>, code: 'consent_required' | 'credential_revoked' | 'client_credential_rejected') =>
  (request: TokenRequest): BrokerError | undefined =>
    Object.entries(wanted).every(([name, value]) => request[name as keyof TokenRequest] === value)
      ? new BrokerError(code, `${code} indeed`)
      : undefined;

describe('examine', () => {
  it('passes every check of a working credential', async () => {
    const found = await checks();
    expect(new Set(Object.values(statusOf(found)))).toEqual(new Set(['ok']));
    expect(one(found, 'Customers')?.message).toBe('2 customers, 2 of them with delegated access.');
    expect(one(found, 'Customer token')?.message).toBe('Entra issued a token for customer 1.');
    expect(one(found, 'Credential')?.message).toContain(
      'broker@partner.example, 90 days left; client credential: secret',
    );
  });

  it('skips all other checks when the vault does not answer', async () => {
    store.failure = new BrokerError('key_vault_unavailable', 'away');
    const found = await checks();
    expect(found[0]).toMatchObject({
      check: 'Key Vault',
      status: 'failed',
      code: 'key_vault_unavailable',
      message: 'away',
    });
    expect(found.slice(1).every(({ status }) => status === 'skipped')).toBe(true);
    expect(found).toHaveLength(6);
  });

  it('warns before the refresh token expires, fails after that, and notices a missed rotation', async () => {
    const stored = async (daysOld: number): Promise<Check[]> => {
      await store.saveRefreshToken('default', refreshTokenOf('r', clock.nowMs() - daysOld * 86_400_000));
      return (await checks()).filter(({ check }) => check === 'Credential');
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
    await store.disableRefreshTokenVersion('default', 'v1');
    const found = await checks();
    expect(statusOf(found)).toMatchObject({
      'Key Vault': 'ok',
      'Client credential': 'ok',
      'Partner tenant': 'skipped',
    });
    expect(one(found, 'Credential')).toMatchObject({ status: expect.stringMatching(/failed|warning/) as string });
  });

  it('checks only what is stored, without a failure, on a machine without the managed identity', async () => {
    const { client } = await store.load('default');
    await store.saveClientCredential('default', { ...client, credential: { kind: 'federated' } });
    refuse = () => new BrokerError('config_invalid', 'no identity here');
    const found = await checks({ hasManagedIdentity: false });
    expect(statusOf(found)).toEqual({
      'Key Vault': 'ok',
      Credential: 'ok',
      'Client credential': 'notice',
      'Partner tenant': 'skipped',
      'Partner Center': 'skipped',
      Customers: 'skipped',
      'Customer token': 'skipped',
    });
    expect(one(await checks(), 'Client credential')?.status).toBe('failed');
  });

  it('fails when Entra rejects the client credential or the partner tenant', async () => {
    refuse = refusing({ grant: 'application' }, 'client_credential_rejected');
    expect(one(await checks(), 'Client credential')).toMatchObject({
      status: 'failed',
      code: 'client_credential_rejected',
    });
    refuse = refusing({ tenantId: partner, grant: 'delegated' }, 'credential_revoked');
    expect(statusOf(await checks())).toMatchObject({
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
    mfa = answer;
    expect(one(await checks(), 'Partner Center')?.status).toBe(status);
  });
});

describe('examine of another application', () => {
  const named = async (): Promise<Check[]> => {
    const { client, refreshToken } = await store.load('default');
    await store.saveClientCredential('reader', client);
    await store.saveRefreshToken('reader', { ...refreshToken!, clientId: client.clientId });
    return checks({ application: 'reader' });
  };

  it('skips Partner Center when the application has no permission for it', async () => {
    const refusing = (aadsts: number) => (request: TokenRequest) =>
      request.resource.alias === 'partner-center'
        ? new BrokerError('entra_request_rejected', 'no', { logFields: { aadsts } })
        : undefined;
    refuse = refusing(650057);
    expect(one(await named(), 'Partner Center')?.status).toBe('skipped');
    refuse = refusing(65005);
    expect(one(await named(), 'Partner Center')?.status).toBe('failed');
  });

  it('names the application in remedies, except for problems of the default one', async () => {
    refuse = refusing({ grant: 'delegated', tenantId: partner }, 'credential_revoked');
    expect(one(await named(), 'Partner tenant')?.remedy).toContain('`ptb consent --application reader`');
    refuse = () => undefined;
    mfa = () => Response.json({}, { headers: { isMfaCompliant: 'false' } });
    expect(one(await named(), 'Partner Center')?.remedy).toContain('`ptb consent --application reader`');
    refuse = refusing({ tenantId: customer(1).tenantId }, 'consent_required');
    customers = [customer(1)];
    expect(one(await named(), 'Customer token')?.remedy).toContain('--tenant <id> --application reader`');
    const directory = { snapshot: () => Promise.reject(new BrokerError('credential_revoked', 'no')) };
    refuse = () => undefined;
    const found = await checks({ application: 'reader', directory });
    expect(one(found, 'Customers')?.remedy).toContain('run `ptb consent` and');
  });
});

describe('examine of the customers', () => {
  it('warns that there are none and names the usual reason', async () => {
    customers = [];
    const found = await checks();
    expect(one(found, 'Customers')).toMatchObject({
      status: 'warning',
      remedy: expect.stringContaining('AdminAgents') as string,
    });
    expect(one(found, 'Customer token')?.status).toBe('skipped');
  });

  it('warns about an incomplete list and fails when the list cannot be read', async () => {
    warnings = ['The list of contracts could not be read.'];
    expect(one(await checks(), 'Customers')).toMatchObject({
      status: 'warning',
      message: '2 customers, 2 of them with delegated access. The list of contracts could not be read.',
    });
    const failing = { snapshot: () => Promise.reject(new BrokerError('directory_unavailable', 'no')) };
    expect(statusOf(await checks({ directory: failing }))).toMatchObject({
      Customers: 'failed',
      'Customer token': 'skipped',
    });
  });

  it('tries the first five customers and reports the last failure', async () => {
    refuse = refusing({ tenantId: customer(1).tenantId }, 'consent_required');
    expect(one(await checks(), 'Customer token')?.message).toBe('Entra issued a token for customer 2.');
    refuse = (request) => (request.tenantId === partner ? undefined : new BrokerError('consent_required', 'nobody'));
    customers = [1, 2, 3, 4, 5, 6].map((n) => customer(n));
    expect(one(await checks(), 'Customer token')).toMatchObject({
      status: 'failed',
      code: 'consent_required',
      message: 'customer 5: nobody',
    });
  });

  it('tries the given customer, by id or domain', async () => {
    expect(one(await checks({ customer: 'C2.example' }), 'Customer token')?.message).toBe(
      'Entra issued a token for customer 2.',
    );
    expect(one(await checks({ customer: customer(1).tenantId }), 'Customer token')?.status).toBe('ok');
    expect(one(await checks({ customer: 'nobody.example' }), 'Customer token')?.message).toBe(
      '"nobody.example" is not a customer.',
    );
  });

  it('fails when no customer is reachable, and names the reason for the given one', async () => {
    customers = [customer(1, { reachable: false, reason: 'no_relationship' })];
    expect(one(await checks(), 'Customer token')?.message).toBe('No customer has delegated access.');
    expect(one(await checks({ customer: 'c1.example' }), 'Customer token')).toMatchObject({
      code: 'tenant_not_delegated',
    });
  });
});
