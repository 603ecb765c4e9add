import type { AuditEntry } from '../../../../src/lib/audit/audit-log.ts';
import { clouds, createResourceRegistry } from '../../../../src/lib/core/resources.ts';
import type { BrokerError } from '../../../../src/lib/core/errors.ts';
import { parseTenantId, type TenantId } from '../../../../src/lib/core/identifiers.ts';
import { type AccessToken, Secret, type TokenRequest } from '../../../../src/lib/core/secrets.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { consentInNewTenants } from '../../../../src/lib/consent/consent-in-new-tenants.ts';
import { type PermissionProfile, profiles, requiredResourceAccess } from '../../../../src/lib/consent/permissions.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { problem, type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

export const partnerTenantId = parseTenantId('99999999-9999-4999-8999-999999999999')!;
export const tenant = (number: number): TenantId =>
  parseTenantId(`00000000-0000-4000-8000-${String(number).padStart(12, '0')}`)!;

/** A customer's directory: the resources that it has, and what is granted to the broker's application in it. */
export interface Customer {
  readonly resources: readonly string[];
  readonly granted: Map<string, string>;
  /** What is given is never visible. */
  readonly isBlind?: boolean;
}

const { graph, partnerCenter } = clouds.public.endpoints;
const startMs = Date.UTC(2026, 10, 24);

/** Microsoft Graph and Partner Center, for one application and some customers. Sleeping passes the time at once. */
export class NewTenantsBench {
  readonly audit = new MemoryAuditLog();
  readonly recorder = recordingLogger();
  readonly customers = new Map<TenantId, Customer>();
  readonly requests: TokenRequest[] = [];
  /** Tenants whose tokens were forgotten. */
  readonly forgotten: TenantId[] = [];
  profile: PermissionProfile = profiles.gdap;
  /** Refuses a token. */
  refuse: (request: TokenRequest) => BrokerError | undefined = () => undefined;
  /** Answers a request of Graph or Partner Center before they do. */
  answer: (request: SeenRequest) => Scripted | undefined = () => undefined;
  seen: readonly SeenRequest[] = [];
  nowMs = startMs;
  #ids = 0;

  /** A customer that has every resource. */
  add(number: number, more: Partial<Customer> = {}): TenantId {
    const resources = this.profile.resources.map(({ appId }) => appId);
    this.customers.set(tenant(number), { resources, granted: new Map(), ...more });
    return tenant(number);
  }

  async consentIn(...numbers: readonly number[]) {
    const scripted = scriptedFetch((request) => this.answer(request) ?? this.#work(request));
    this.seen = scripted.seen;
    const clock = {
      nowMs: () => this.nowMs,
      sleep: async (ms: number) => {
        this.nowMs += ms;
      },
    };
    const source = { getToken: (request: TokenRequest) => this.#token(request) };
    const consent = consentInNewTenants({
      fetch: scripted.fetch,
      clock,
      random: () => 0,
      limiter: new Limiter(8),
      audit: this.audit,
      log: this.recorder.log,
      newId: () => `id-${(this.#ids += 1)}`,
      resources: createResourceRegistry(clouds.public, []),
      endpoints: clouds.public.endpoints,
      partnerTenantId,
      ownTokens: source,
      customerTokens: { ...source, forgetTenant: (tenantId) => void this.forgotten.push(tenantId) },
      clientId: async () => 'client',
    });
    const results = await consent(numbers.map((number) => ({ tenantId: tenant(number), name: `Customer ${number}` })));
    return numbers.map((number) => results.get(tenant(number)));
  }

  /** The bodies of the consents that were sent, by tenant. */
  sent(number: number): unknown[] {
    return this.seen
      .filter(
        ({ method, url }) =>
          method === 'POST' && url.href.startsWith(`${partnerCenter}/v1/customers/${tenant(number)}/`),
      )
      .map(({ body }) => JSON.parse(body ?? '') as unknown);
  }

  recorded(): readonly AuditEntry[] {
    return this.audit.entries;
  }

  lines(): Record<string, unknown>[] {
    return this.recorder.lines.map(({ line }) => JSON.parse(line) as Record<string, unknown>);
  }

  async #token(request: TokenRequest): Promise<AccessToken> {
    this.requests.push(request);
    const refusal = this.refuse(request);
    if (refusal !== undefined) throw refusal;
    const { tenantId, grant, resource } = request;
    const secret = new Secret(`${tenantId} ${grant} ${resource.alias}`);
    return { secret, scopes: ['Directory.Read.All'], expiresAtMs: this.nowMs + 3_600_000 } as unknown as AccessToken;
  }

  #work(request: SeenRequest): Scripted {
    const [tenantId, grant, alias] = (request.headers.get('authorization') ?? '').replace('Bearer ', '').split(' ');
    if (request.url.href.startsWith(graph) && alias === 'graph')
      return tenantId === partnerTenantId
        ? this.#ownDirectory(request)
        : this.#directory(request, tenantId as TenantId);
    const isAllowed = tenantId === partnerTenantId && alias === 'partner-center' && grant === 'delegated';
    return isAllowed ? this.#give(request) : problem(401, 'Unauthorized');
  }

  #ownDirectory({ url }: SeenRequest): Scripted {
    const isAsked = url.searchParams.get('$filter') === "appId eq 'client'";
    if (!url.pathname.endsWith('/applications') || !isAsked) return { value: [] };
    const requiredAccess = requiredResourceAccess(this.profile);
    return {
      value: [{ id: 'object', appId: 'client', displayName: 'Broker', requiredResourceAccess: requiredAccess }],
    };
  }

  #directory({ url, body }: SeenRequest, tenantId: TenantId): Scripted {
    const { resources, granted, isBlind } = this.customers.get(tenantId)!;
    const known = isBlind === true ? new Map<string, string>() : granted;
    if (url.pathname.endsWith('/oauth2PermissionGrants')) {
      const grants = [...known].map(([appId, scope]) => ({
        id: appId,
        consentType: 'AllPrincipals',
        resourceId: `of ${appId}`,
        scope,
      }));
      return { value: grants };
    }
    const { requests } = JSON.parse(body ?? '') as { requests: { id: string }[] };
    const principals = [...resources, ...(known.size > 0 ? ['client'] : [])];
    return {
      responses: requests.map(({ id }) => {
        const found = principals.includes(id) ? [{ id: `of ${id}`, appId: id, displayName: id }] : [];
        return { id, status: 200, body: { value: found } };
      }),
    };
  }

  #give({ url, body }: SeenRequest): Scripted {
    const { granted } = this.customers.get(url.pathname.split('/')[3] as TenantId)!;
    const { applicationGrants } = JSON.parse(body ?? '') as {
      applicationGrants: { enterpriseApplicationId: string; scope: string }[];
    };
    for (const { enterpriseApplicationId, scope } of applicationGrants)
      granted.set(enterpriseApplicationId, scope.replaceAll(', ', ' '));
    return Response.json({}, { status: 201 });
  }
}
