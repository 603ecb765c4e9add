import type { TokenReply } from '../../../../src/lib/microsoft/token-reply.ts';
import type { Redemption } from '../../../../src/lib/microsoft/redeemer.ts';
import type { Fetch } from '../../../../src/lib/core/outbound.ts';
import { type PermissionProfile, profiles, requiredResourceAccess } from '../../../../src/lib/consent/permissions.ts';
import type { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

export const clientId = '11111111-1111-4111-8111-111111111111';
export const customerId = (number: number): string => `bbbbbbbb-0000-4000-8000-${String(number).padStart(12, '0')}`;

/** Customers, the consents in them and the Partner Center that gives and withdraws these. */
export class CustomerCloud {
  readonly redeemer: FakeRedeemer;
  /** Customers with an active relationship, by number. */
  customers: readonly number[] = [1, 2];
  /** The permissions of the application in the partner tenant. */
  profile: PermissionProfile = profiles.reader;
  /** The consented scopes of Microsoft Graph, by customer. Absent: there is no consent. */
  readonly granted = new Map<string, readonly string[]>();
  /** Answers a request to Partner Center in place of the service. */
  partnerCenter: (request: SeenRequest) => Response | undefined = () => undefined;
  /** Method and customer of each request that changes a consent. */
  readonly changes: string[] = [];
  readonly fetch: Fetch = scriptedFetch((request) => this.#answer(request)).fetch;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
    this.redeemer = new FakeRedeemer(clock);
    this.redeemer.script = (redemption) => this.token(redemption);
  }

  /** The token names its tenant. Without a consent, Entra issues none. */
  token({ tenantId }: Redemption): TokenReply {
    const isCustomer = this.customers.some((number) => customerId(number) === tenantId);
    return isCustomer && !this.granted.has(tenantId) ? aadstsFailure(65001) : this.redeemer.token(`for ${tenantId}`);
  }

  /** What the profile asks for in Microsoft Graph. */
  get wanted(): readonly string[] {
    return this.profile.resources[0]?.scopes.map(({ value }) => value) ?? [];
  }

  #answer(request: SeenRequest): Scripted {
    const { url, body } = request;
    if (url.hostname === 'api.partnercenter.microsoft.com')
      return this.partnerCenter(request) ?? this.#partnerCenter(request);
    const path = decodeURIComponent(`${url.pathname}${url.search}`).replace('/v1.0', '');
    const tenantId = request.headers.get('authorization')?.replace('Bearer for ', '') ?? '';
    if (path !== '/$batch') return { value: this.#list(path, tenantId) };
    const { requests } = JSON.parse(body ?? '') as { requests: { id: string; url: string }[] };
    return {
      responses: requests.map(({ id, url: part }) => ({
        id,
        status: 200,
        body: { value: this.#list(decodeURIComponent(part), tenantId) },
      })),
    };
  }

  #list(path: string, tenantId: string): object[] {
    const appId = /appId eq '([^']*)'/.exec(path)?.[1];
    if (path.startsWith('/applications')) {
      return [
        { id: 'object', appId, displayName: 'Broker', requiredResourceAccess: requiredResourceAccess(this.profile) },
      ];
    }
    if (path.startsWith('/tenantRelationships')) return this.customers.map((number) => this.#relationship(number));
    const scopes = this.granted.get(tenantId);
    if (path.startsWith('/servicePrincipals?')) {
      if (appId === clientId && scopes === undefined) return [];
      return [{ id: `principal of ${appId}`, appId }];
    }
    if (!path.startsWith('/oauth2PermissionGrants') || scopes === undefined) return [];
    const resourceId = `principal of ${this.profile.resources[0]?.appId}`;
    return [{ id: 'grant', consentType: 'AllPrincipals', resourceId, scope: scopes.join(' ') }];
  }

  #relationship(number: number): object {
    return {
      id: `relationship-${number}`,
      displayName: 'ours',
      customer: { tenantId: customerId(number), displayName: `Customer ${number}` },
      status: 'active',
      endDateTime: new Date(this.#clock.nowMs() + 400 * 86_400_000).toISOString(),
    };
  }

  #partnerCenter({ method, url, body }: SeenRequest): Response {
    const tenantId = url.pathname.split('/')[3] ?? '';
    if (method === 'GET') return Response.json({ items: [] });
    this.changes.push(`${method} ${tenantId}`);
    if (method === 'DELETE') {
      this.granted.delete(tenantId);
      return new Response(null, { status: 204 });
    }
    const { applicationGrants } = JSON.parse(body ?? '') as { applicationGrants: { scope: string }[] };
    this.granted.set(tenantId, applicationGrants[0]?.scope.split(', ') ?? []);
    return Response.json({}, { status: 201 });
  }
}
