import { beforeEach, describe, expect, it } from 'vitest';
import { GatedTokens } from '../../../../src/lib/tokens/issue-token.ts';
import type { PolicyState } from '../../../../src/lib/access/policy/policy-store.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { type AccessToken, Secret, type TokenRequest } from '../../../../src/lib/core/secrets.ts';
import type { DelegatedTenant } from '../../../../src/lib/tenants/tenant.ts';
import { delegatedTenant } from '../../../support/delegated-tenant.ts';

const partner = 'aaaaaaaa-0000-4000-8000-000000000000' as TenantId;
const contoso = 'bbbbbbbb-0000-4000-8000-000000000001' as TenantId;
const stranger = 'bbbbbbbb-0000-4000-8000-000000000009' as TenantId;
const reachable = delegatedTenant(contoso, 'Contoso');
const excluded: DelegatedTenant = { ...reachable, reachable: false, reason: 'excluded' };
const current: PolicyState = { policy: { rules: [], groups: new Map() }, state: 'current', loadedAtMs: 1 };

let listed: DelegatedTenant;
let policy: PolicyState;
let excludesPartner: boolean;
let fromCache: boolean;
/** Runs while the token is redeemed. */
let meanwhile: () => void;
let requests: TenantId[];
let gated: GatedTokens;

beforeEach(() => {
  listed = reachable;
  policy = current;
  excludesPartner = false;
  fromCache = false;
  meanwhile = () => undefined;
  requests = [];
  const issue = async (request: TokenRequest): Promise<AccessToken> => {
    requests.push(request.tenantId);
    meanwhile();
    return { ...request, secret: new Secret('t'), scopes: [], expiresAtMs: 0, fromCache };
  };
  gated = new GatedTokens({
    tokens: { getToken: issue, getNewerToken: issue, forgetTenant: () => undefined },
    policy: { current: async () => policy },
    directory: {
      find: async (reference) => (reference === listed.tenantId ? listed : undefined),
      excludes: async () => excludesPartner,
    },
    partnerTenantId: partner,
  });
});

const request = (tenantId: TenantId): TokenRequest => ({
  tenantId,
  resource: { alias: 'graph', identifier: 'https://graph.microsoft.com' },
  grant: 'delegated',
  application: 'default',
  minimumLifetimeSeconds: 60,
  correlationId: 'cccccccc-0000-4000-8000-000000000000',
});
const outcome = (token: Promise<AccessToken | undefined>): Promise<string> =>
  token.then(
    (issued) => issued?.secret.reveal() ?? 'none',
    (error: BrokerError) => error.code,
  );

describe.each([
  ['getToken', (tenantId: TenantId) => gated.getToken(request(tenantId))],
  ['getNewerToken', (tenantId: TenantId) => gated.getNewerToken(request(tenantId))],
])('GatedTokens.%s', (_, get) => {
  it('returns the token of a reachable customer and of the partner tenant', async () => {
    expect(await outcome(get(contoso))).toBe('t');
    expect(await outcome(get(partner))).toBe('t');
  });

  it.each([
    ['is excluded', excluded, 'tenant_excluded'],
    ['is not included', { ...excluded, reason: 'not_included' }, 'tenant_excluded'],
    ['has lost its relationship', { ...excluded, reason: 'gdap_terminated' }, 'tenant_not_delegated'],
  ] as const)('refuses a tenant that %s, without asking for its token', async (_, tenant, code) => {
    listed = tenant;
    expect(await outcome(get(contoso))).toBe(code);
    expect(requests).toEqual([]);
  });

  it('refuses a cached token of a tenant that is excluded now', async () => {
    fromCache = true;
    expect(await outcome(get(contoso))).toBe('t');
    listed = excluded;
    expect(await outcome(get(contoso))).toBe('tenant_excluded');
  });

  it('refuses a tenant that is not a customer, and the excluded partner tenant', async () => {
    expect(await outcome(get(stranger))).toBe('tenant_not_delegated');
    excludesPartner = true;
    expect(await outcome(get(partner))).toBe('tenant_excluded');
    expect(requests).toEqual([]);
  });

  it('refuses a token whose tenant was excluded while it was redeemed', async () => {
    meanwhile = () => {
      listed = excluded;
    };
    expect(await outcome(get(contoso))).toBe('tenant_excluded');
  });

  it('refuses every tenant with policy_missing while no policy is in force', async () => {
    policy = { ...current, state: 'deny-all', problem: 'There is no access policy.' };
    expect(await outcome(get(contoso))).toBe('policy_missing');
    expect(await outcome(get(partner))).toBe('policy_missing');
    expect(requests).toEqual([]);
  });

  it('refuses with storage_unavailable while the first read of the policy fails', async () => {
    policy = { ...current, state: 'deny-all', problem: 'The access policy cannot be read.', isTransient: true };
    expect(await outcome(get(contoso))).toBe('storage_unavailable');
  });

  it('returns tokens under the last good policy and under one without rules', async () => {
    policy = { ...current, state: 'last-good', problem: 'The policy is not JSON.' };
    expect(await outcome(get(contoso))).toBe('t');
  });
});
