import type { Rule } from '../../../../src/lib/access/policy/policy.ts';
import type { IdentityTrust } from '../../../../src/lib/tokens/credential/identity-trust.ts';
import type { GraphClient } from '../../../../src/lib/microsoft/graph.ts';
import type { JsonObject } from '../../../../src/lib/core/objects.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { Secret, type TokenRequest } from '../../../../src/lib/core/secrets.ts';
import { type Check, type DoctorDeps, examine } from '../../../../src/operator/doctor/doctor.ts';
import type { DelegatedTenant } from '../../../../src/lib/tenants/tenant.ts';
import { GdapBench } from './gdap-bench.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { type MemoryCredentialStore, storeWithCredential } from '../../../fakes/memory-credential-store.ts';
import { scriptedFetch } from '../../../fakes/scripted-fetch.ts';

export const partner = '99999999-9999-4999-8999-999999999999' as TenantId;

export const customer = (n: number, more: Partial<DelegatedTenant> = {}): DelegatedTenant =>
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

export const agentClaims = {
  accessToken: ['xms_act_fct', 'xms_sub_fct', 'xms_par_app_azp'].map((name) => ({ name })),
};

async function* listed(read: () => readonly JsonObject[]): AsyncGenerator<JsonObject> {
  yield* read();
}

/** A working credential with two customers. The fields script what Entra, Partner Center and the directory answer. */
export class DoctorBench {
  readonly clock: FakeClock;
  readonly store: MemoryCredentialStore;
  customers: readonly DelegatedTenant[] = [customer(1), customer(2)];
  warnings: readonly string[] = [];
  /** Returns an error for a token request that fails. */
  refuse: (request: TokenRequest) => BrokerError | undefined = () => undefined;
  /** The relationships and groups of the account. */
  readonly gdap: GdapBench;
  /** The answer of Partner Center. */
  mfa: () => Response = () => Response.json({}, { headers: { isMfaCompliant: 'true' } });

  /** The keys of the application, as Graph lists them. */
  keys: (path: string) => Promise<JsonObject> = async () => ({
    passwordCredentials: [],
    keyCredentials: [],
    servicePrincipalLockConfiguration: this.lock,
  });

  /** Which properties of the application's service principals are locked. */
  lock: unknown = { isEnabled: true, allProperties: true };

  /** The keys of its service principal. */
  principalKeys: () => Promise<JsonObject> = async () => ({ appRoleAssignmentRequired: true });

  /** The Conditional Access policies of every tenant. */
  policies: () => readonly JsonObject[] = () => [];

  /** The verified domains of every customer. */
  domains: () => readonly string[] = () => ['c1.example', 'C1.example.org'];

  /** The rules of the access policy. */
  rules: readonly Rule[] = [];

  /** The scopes of an application's tokens. */
  scopes: (application: string) => readonly string[] = () => ['User.Read'];

  /** The applications whose App ID URI has the id of the tenant. */
  apis: () => readonly JsonObject[] = () => [
    { identifierUris: ['api://t/broker'], appRoles: [{ value: 'Tokens.Request' }], optionalClaims: agentClaims },
    { identifierUris: ['api://t/broker-sign-in'], appRoles: [] },
  ];

  /** The federated credential that the identity of this machine needs. */
  trust: IdentityTrust | undefined;

  private constructor(clock: FakeClock, store: MemoryCredentialStore) {
    this.clock = clock;
    this.store = store;
    this.gdap = new GdapBench(clock);
    this.gdap.relationships = [
      { customer: 1, roles: ['Global Reader', 'Cloud Application Administrator'] },
      { customer: 2, roles: ['Global Reader', 'Cloud Application Administrator'] },
    ];
  }

  static async create(): Promise<DoctorBench> {
    const clock = new FakeClock();
    return new DoctorBench(clock, await storeWithCredential(partner, () => clock.nowMs()));
  }

  async checks(more: Partial<DoctorDeps> = {}): Promise<Check[]> {
    const found: Check[] = [];
    for await (const check of examine({ ...this.#deps(), ...more })) found.push(check);
    return found;
  }

  #graph(): GraphClient {
    const { client } = this.gdap;
    const isOfApplication = (path: string): boolean => path.startsWith('/applications');
    return {
      ...client,
      list: (path: string) => {
        if (path.startsWith('/identity/')) return listed(this.policies);
        if (path.startsWith('/organization?'))
          return listed(() => [{ verifiedDomains: this.domains().map((name) => ({ name })) }]);
        return path.startsWith('/applications?') ? listed(this.apis) : client.list(path);
      },
      get: (path) => {
        if (path.startsWith('/servicePrincipals(')) return this.principalKeys();
        return isOfApplication(path) ? this.keys(path) : client.get(path);
      },
    };
  }

  #deps(): DoctorDeps {
    const { clock, store, customers, warnings } = this;
    return {
      application: 'default',
      partnerTenantId: partner,
      hasManagedIdentity: true,
      identityTrust: async () => this.trust,
      store,
      tokens: {
        getToken: async (request) => {
          const refusal = this.refuse(request);
          if (refusal !== undefined) throw refusal;
          return {
            ...request,
            secret: new Secret('t'),
            scopes: this.scopes(request.application),
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
      fetch: scriptedFetch(() => this.mfa()).fetch,
      clock,
      newId: () => 'id',
      partnerGraph: () => this.#graph(),
      requirements: [],
      rules: this.rules,
    };
  }
}

export const statusOf = (found: readonly Check[]): Record<string, string> =>
  Object.fromEntries(found.map(({ check, status }) => [check, status]));
export const one = (found: readonly Check[], name: string): Check | undefined =>
  found.find(({ check }) => check === name);
export const refusing =
  (wanted: Partial<TokenRequest>, code: 'consent_required' | 'credential_revoked' | 'client_credential_rejected') =>
  (request: TokenRequest): BrokerError | undefined =>
    Object.entries(wanted).every(([name, value]) => request[name as keyof TokenRequest] === value)
      ? new BrokerError(code, `${code} indeed`)
      : undefined;
