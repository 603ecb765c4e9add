import { LRUCache } from 'lru-cache';
import * as z from 'zod';
import { hourMs, minuteMs } from '../model/durations.ts';
import type { Clock } from '../runtime/clock.ts';
import { BrokerError } from '../model/errors.ts';
import {
  type Fetch,
  OutboundError,
  outboundFailure,
  type OutboundReply,
  parseJson,
  retryAfterSeconds,
  send,
} from '../runtime/outbound.ts';
import { type DomainName, parseTenantId, type TenantId } from '../model/identifiers.ts';
import { Limiter } from '../runtime/limiter.ts';
import { SingleFlight } from '../runtime/single-flight.ts';
import { safeParse } from '../runtime/safe-parse.ts';

/** Tells which tenant a domain is verified in. */
export interface DomainResolver {
  /**
   * @returns undefined when Entra knows no such domain.
   * @throws BrokerError entra_unavailable when that cannot be told; with the seconds after which to ask again, where
   * Entra named them or does not answer at all.
   */
  tenantOf(domain: DomainName, signal?: AbortSignal): Promise<TenantId | undefined>;
}

/** A domain moves between tenants in days, not hours; one that is not known yet may be verified any minute. */
const freshMs = { known: hourMs, unknown: 5 * minuteMs };
const timeoutMs = 5_000;
/** Questions at one time: callers may name any domain, and redemptions share Entra's patience with this address. */
const concurrency = 8;
/** How long nobody asks again after Entra throttled without saying for how long, or did not answer. */
const pauseSeconds = { throttled: 60, silent: 5 };
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
  const limiter = new Limiter(concurrency);
  let resumesAtMs = 0;

  /** Notes that Entra as a whole, not this domain, is why there is no answer. */
  const pause = (seconds: number): void => {
    resumesAtMs = Math.max(resumesAtMs, deps.clock.nowMs() + seconds * 1000);
  };
  const throwIfPaused = (): void => {
    const waitMs = resumesAtMs - deps.clock.nowMs();
    if (waitMs > 0) throw undecided('Entra does not answer questions about domains.', Math.ceil(waitMs / 1000));
  };

  const exchange = async (domain: DomainName, signal: AbortSignal): Promise<OutboundReply> => {
    const url = `${entraEndpoint}/${domain}/v2.0/.well-known/openid-configuration`;
    try {
      return await send(deps.fetch, { method: 'GET', url, timeoutMs, maxBodyBytes, signal });
    } catch (error) {
      if (error instanceof OutboundError && (error.failure === 'timeout' || error.failure === 'network'))
        pause(pauseSeconds.silent);
      throw outboundFailure(error, 'entra_unavailable', 'Entra');
    }
  };

  const ask = async (domain: DomainName, signal: AbortSignal): Promise<TenantId | undefined> => {
    // Others may have met the pause while this question waited for its turn.
    throwIfPaused();
    const reply = await exchange(domain, signal);
    if (reply.status === 429 || reply.status >= 500) {
      const standard = reply.status === 429 ? pauseSeconds.throttled : pauseSeconds.silent;
      const seconds = retryAfterSeconds(reply.headers, deps.clock.nowMs()) ?? standard;
      pause(seconds);
      throw undecided('Entra does not answer questions about domains.', seconds, reply.status);
    }
    const document = safeParse(documentSchema, parseJson(reply.body));
    const issuer = reply.status === 200 && document.success ? document.data.issuer : '';
    const tenantId = parseTenantId(tenantInIssuer.exec(issuer)?.[1]);
    // 400 `invalid_tenant` is Entra's answer for a domain that nobody has; anything else says nothing about the domain.
    if (tenantId === undefined && reply.status !== 400)
      throw undecided('Entra did not say which tenant the domain belongs to.', undefined, reply.status);
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
      throwIfPaused();
      return flights.run(domain, (flight) => limiter.run(() => ask(domain, flight), flight), signal);
    },
  };
}

function undecided(detail: string, seconds?: number, httpStatus?: number): BrokerError {
  return new BrokerError('entra_unavailable', detail, { retryAfterSeconds: seconds, logFields: { httpStatus } });
}
