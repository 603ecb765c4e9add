import { LRUCache } from 'lru-cache';
import * as z from 'zod';
import type { Clock } from '../clock.ts';
import { type Fetch, outboundFailure, parseJson, send } from '../http/outbound.ts';
import { type DomainName, parseTenantId, type TenantId } from '../identifiers.ts';
import { SingleFlight } from '../single-flight.ts';
import { BrokerError } from '../errors.ts';

/** Tells which tenant a domain is verified in. */
export interface DomainResolver {
  /**
   * @returns undefined when Entra knows no such domain.
   * @throws BrokerError entra_unavailable when that cannot be told.
   */
  tenantOf(domain: DomainName, signal?: AbortSignal): Promise<TenantId | undefined>;
}

/** A domain moves between tenants in days, not hours; one that is not known yet may be verified any minute. */
const freshMs = { known: 3_600_000, unknown: 300_000 };
const timeoutMs = 10_000;
const maxBodyBytes = 64 * 1024;
const remembered = 20_000;

const documentSchema = z.object({ issuer: z.string() });
const tenantInIssuer = /\/([0-9a-f-]{36})\/v2\.0$/i;

interface Answer {
  readonly tenantId: TenantId | undefined;
  readonly untilMs: number;
}

/**
 * Entra's own word on a domain: the OpenID Connect discovery document of an authority that is named by a domain has
 * the tenant's id in its issuer ("OpenID Connect on the Microsoft identity platform"). The lists of customers name one
 * domain a tenant; this finds the others.
 */
export function createDomainResolver(
  deps: { readonly fetch: Fetch; readonly clock: Clock },
  entraEndpoint: string,
): DomainResolver {
  const answers = new LRUCache<string, Answer>({ max: remembered });
  const flights = new SingleFlight<TenantId | undefined>();

  const ask = async (domain: DomainName, signal: AbortSignal): Promise<TenantId | undefined> => {
    const url = `${entraEndpoint}/${domain}/v2.0/.well-known/openid-configuration`;
    const reply = await send(deps.fetch, { method: 'GET', url, timeoutMs, maxBodyBytes, signal }).catch(
      (error: unknown) => {
        throw outboundFailure(error, 'entra_unavailable', 'Entra');
      },
    );
    const document = documentSchema.safeParse(parseJson(reply.body));
    const issuer = reply.status === 200 && document.success ? document.data.issuer : '';
    const tenantId = parseTenantId(tenantInIssuer.exec(issuer)?.[1]);
    // 400 `invalid_tenant` is Entra's answer for a domain that nobody has; anything else says nothing about the domain.
    if (tenantId === undefined && reply.status !== 400) {
      throw new BrokerError('entra_unavailable', 'Entra did not say which tenant the domain belongs to.', {
        logFields: { httpStatus: reply.status },
      });
    }
    answers.set(domain, {
      tenantId,
      untilMs: deps.clock.nowMs() + (tenantId === undefined ? freshMs.unknown : freshMs.known),
    });
    return tenantId;
  };

  return {
    tenantOf: async (domain, signal) => {
      const answer = answers.get(domain);
      if (answer !== undefined && deps.clock.nowMs() < answer.untilMs) return answer.tenantId;
      return flights.run(domain, (flight) => ask(domain, flight), signal);
    },
  };
}
