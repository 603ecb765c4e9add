import { parseTenantId, type TenantId } from '../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import {
  type CustomerConsent,
  type JournalEntry,
  mergeScopes,
  noConsent,
  type ScopedResource,
} from '../../../../src/lib/consent/customer-grants.ts';
import { type ConsentPlan, planConsent } from '../../../../src/lib/consent/consent-result.ts';
import { consentInTenants, type ConsentRun } from '../../../../src/lib/consent/customer-consent.ts';
import { PartnerCenterConsents } from '../../../../src/lib/consent/partner-center-consents.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

export const tenants = (count: number): TenantId[] =>
  Array.from({ length: count }, (_, at) => parseTenantId(`00000000-0000-4000-8000-${String(at).padStart(12, '0')}`)!);

export const graph: ScopedResource = {
  appId: 'graph',
  name: 'Microsoft Graph',
  scopes: ['User.Read.All', 'Group.Read.All'],
};
export const exchange: ScopedResource = { appId: 'exchange', name: 'Exchange', scopes: ['Exchange.Manage'] };
export const teams: ScopedResource = { appId: 'teams', name: 'Teams', scopes: ['user_impersonation'] };
export const wanted = [graph, exchange];

export const refusal = (status: number, code: number | string = '', description = ''): Response =>
  new Response(`\uFEFF${JSON.stringify({ code, description })}`, { status });

interface SentConsent {
  readonly applicationId: string;
  readonly displayName: string;
  readonly applicationGrants: { enterpriseApplicationId: string; scope: string }[];
}

/** A Partner Center whose consents become visible in the customers at once, or after `delayMs`. */
export class ConsentBench {
  readonly clock = new FakeClock();
  readonly journal = new Map<TenantId, JournalEntry>();
  readonly granted = new Map<TenantId, { readonly grants: readonly ScopedResource[]; readonly visibleAtMs: number }>();
  readonly missingResources = new Map<TenantId, string>();
  readonly sentAtMs: number[] = [];
  readonly #interruption = new AbortController();
  /** Answers a request before the service does. */
  answer: (request: SeenRequest, count: number) => Scripted | undefined = () => undefined;
  delayMs = 0;
  seen: readonly SeenRequest[] = [];

  interrupt(): void {
    this.#interruption.abort();
  }

  get run(): ConsentRun {
    const scripted = scriptedFetch((request, count) => {
      this.sentAtMs.push(this.clock.nowMs());
      return this.answer(request, count) ?? this.work(request);
    });
    this.seen = scripted.seen;
    let ids = 0;
    return {
      clock: this.clock,
      application: 'default',
      signal: this.#interruption.signal,
      read: async (tenantId) => this.read(tenantId),
      consents: new PartnerCenterConsents(
        {
          fetch: scripted.fetch,
          clock: this.clock,
          newId: () => `id-${(ids += 1)}`,
          partnerCenterEndpoint: 'https://partner.test',
          token: async () => new Secret('partner-token'),
        },
        { clientId: 'client', displayName: 'Broker' },
      ),
      journal: {
        save: async (entry) => void this.journal.set(entry.tenantId, entry),
        list: async () => [...this.journal.values()],
        drop: async (tenantId) => void this.journal.delete(tenantId),
      },
    };
  }

  /** What Partner Center does with a request that nothing prevents. */
  work({ method, url, body }: SeenRequest): Response {
    const tenantId = url.pathname.split('/')[3] as TenantId;
    const present = this.granted.get(tenantId)?.grants ?? [];
    const visibleAtMs = this.clock.nowMs() + this.delayMs;
    if (method === 'DELETE') {
      this.granted.set(tenantId, { grants: [], visibleAtMs });
      return new Response(null, { status: 204 });
    }
    const [grant] = consentOf(body).applicationGrants;
    const appId = grant?.enterpriseApplicationId ?? '';
    if (this.missingResources.get(tenantId) === appId) return refusal(400, 2000, 'The application was not found.');
    if (present.some((each) => each.appId === appId)) return refusal(409, 2000, 'Permission entry already exists.');
    const given = { appId, name: appId, scopes: (grant?.scope ?? '').split(', ') };
    this.granted.set(tenantId, { grants: mergeScopes(present, [given]), visibleAtMs });
    return Response.json({}, { status: 201 });
  }

  read(tenantId: TenantId): CustomerConsent {
    const { grants, visibleAtMs } = this.granted.get(tenantId) ?? { grants: [], visibleAtMs: 0 };
    if (grants.length === 0 || visibleAtMs > this.clock.nowMs()) return noConsent;
    const missing = this.missingResources.get(tenantId);
    return {
      grants,
      absent: new Set(missing === undefined ? [] : [missing]),
      isComplete: true,
    };
  }

  orders(count: number, renew = false, resources = wanted): ConsentPlan[] {
    return tenants(count).map((tenantId, at) =>
      planConsent({ tenantId, name: `Customer ${at}` }, resources, this.read(tenantId), renew),
    );
  }

  async give(orders: readonly ConsentPlan[], report?: Parameters<typeof consentInTenants>[2]) {
    const results = consentInTenants(this.run, orders, report);
    await this.clock.advance(900_000);
    return results;
  }

  posted(): string[] {
    return this.seen
      .filter(({ method }) => method === 'POST')
      .map(({ body }) => consentOf(body).applicationGrants[0]?.scope ?? '');
  }

  methods(): string[] {
    return this.seen.map(({ method }) => method);
  }
}

export const consentOf = (body: string | undefined): SentConsent => JSON.parse(body ?? '{}') as SentConsent;
