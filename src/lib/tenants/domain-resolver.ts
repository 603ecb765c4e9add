import { LRUCache } from 'lru-cache';
import * as z from 'zod';
import { type Clock, DeadlineError, hourMs, minuteMs, withDeadline } from '../core/clock.ts';
import { BrokerError } from '../core/errors.ts';
import {
  type Fetch,
  OutboundError,
  outboundFailure,
  type OutboundReply,
  parseJson,
  retryAfterSeconds,
  send,
} from '../core/outbound.ts';
import { type DomainName, parseTenantId, type TenantId } from '../core/identifiers.ts';
import { FairLimiter } from '../core/fair-limiter.ts';
import type { Requester, Requesters } from '../core/share.ts';
import { SingleFlight } from '../core/single-flight.ts';
import { safeParse } from '../core/json.ts';

/** Resolves a domain to the tenant in which it is verified. */
export interface DomainResolver {
  /**
   * @returns undefined if Entra does not know the domain.
   * @param callerId for whom the domain is looked up; absent: for the broker itself. Lookups take turns by caller.
   * @throws BrokerError entra_unavailable if Entra does not decide, with `retryAfterSeconds` if Entra throttles, fails or
   * does not answer; caller_throttled if too many lookups of the caller wait; busy if the lookup waits too long.
   */
  tenantOf(domain: DomainName, signal?: AbortSignal, callerId?: string): Promise<TenantId | undefined>;
}

/** How long a result is cached. A domain moves between tenants in days. An unknown domain may be verified any minute. */
const freshMs = { known: hourMs, unknown: 5 * minuteMs };
const timeoutMs = 5_000;
/** Concurrent requests. Callers may name any domain, and Entra's limits apply to redemptions from this address, too. */
const concurrency = 8;
/** Pause of all requests after Entra throttled or failed without a Retry-After, or did not answer. */
const pauseSeconds = { throttled: 60, silent: 5 };
/** Maximum number of waiting lookups per caller, and maximum wait for a result. */
const maxWaiting = 500;
const maxWaitMs = 30_000;
const maxBodyBytes = 64 * 1024;
/** Separate, so that made-up domains do not displace real ones. */
const cacheSize = { known: 20_000, unknown: 20_000 };

const documentSchema = z.object({ issuer: z.string() });
const tenantInIssuer = /\/([0-9a-f-]{36})\/v2\.0$/i;

interface DomainResolverDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
}

interface Answer {
  readonly tenantId: TenantId | undefined;
  readonly untilMs: number;
}

/**
 * Resolves domains with Entra: the discovery document of an authority that is named by a domain has the tenant's id in
 * its issuer ("OpenID Connect on the Microsoft identity platform"). The lists of customers contain only one domain per
 * tenant.
 */
export const createDomainResolver = (deps: DomainResolverDeps, entraEndpoint: string): DomainResolver =>
  new EntraDomainResolver(deps, entraEndpoint);

class EntraDomainResolver implements DomainResolver {
  readonly #deps: DomainResolverDeps;
  readonly #entraEndpoint: string;
  readonly #known = new LRUCache<string, Answer>({ max: cacheSize.known });
  readonly #unknown = new LRUCache<string, Answer>({ max: cacheSize.unknown });
  readonly #flights = new SingleFlight<TenantId | undefined>();
  readonly #limiter = new FairLimiter({ limit: concurrency, maxWaiting, peer: 'Entra' });
  #resumesAtMs = 0;

  constructor(deps: DomainResolverDeps, entraEndpoint: string) {
    this.#deps = deps;
    this.#entraEndpoint = entraEndpoint;
  }

  async tenantOf(domain: DomainName, signal?: AbortSignal, callerId?: string): Promise<TenantId | undefined> {
    const answer = this.#known.get(domain) ?? this.#unknown.get(domain);
    if (answer !== undefined && this.#deps.clock.nowMs() < answer.untilMs) return answer.tenantId;
    this.#throwIfPaused();
    const requester: Requester =
      callerId === undefined ? { id: 'broker', kind: 'broker' } : { id: callerId, kind: 'caller' };
    const resolve = (flight: AbortSignal, requesters: Requesters): Promise<TenantId | undefined> =>
      this.#limiter.run(() => this.#resolve(domain, flight), requesters, flight);
    const wait = (own: AbortSignal): Promise<TenantId | undefined> =>
      this.#flights.run(domain, resolve, own, requester);
    try {
      return await withDeadline(this.#deps.clock, maxWaitMs, wait, signal);
    } catch (thrown) {
      if (!(thrown instanceof DeadlineError)) throw thrown;
      const detail = `The domain was not resolved within ${maxWaitMs / 1000} seconds.`;
      throw new BrokerError('busy', detail, { cause: thrown, retryAfterSeconds: 10 });
    }
  }

  async #resolve(domain: DomainName, signal: AbortSignal): Promise<TenantId | undefined> {
    const { clock } = this.#deps;
    // Another request may have started a pause while this one waited for the limiter.
    this.#throwIfPaused();
    const reply = await this.#send(domain, signal);
    if (reply.status === 429 || reply.status >= 500) {
      const standard = reply.status === 429 ? pauseSeconds.throttled : pauseSeconds.silent;
      const seconds = retryAfterSeconds(reply.headers, clock.nowMs()) ?? standard;
      this.#pause(seconds);
      throw unresolved('Entra does not answer domain lookups.', seconds, reply.status);
    }
    const document = safeParse(documentSchema, parseJson(reply.body));
    const issuer = reply.status === 200 && document.success ? document.data.issuer : '';
    const tenantId = parseTenantId(tenantInIssuer.exec(issuer)?.[1]);
    // Entra answers 400 `invalid_tenant` for a domain that no tenant has. Other replies do not decide.
    if (tenantId === undefined && reply.status !== 400)
      throw unresolved("Entra's reply does not name the tenant of the domain.", undefined, reply.status);
    this.#remember(domain, tenantId);
    return tenantId;
  }

  #remember(domain: DomainName, tenantId: TenantId | undefined): void {
    const [kept, other] = tenantId === undefined ? [this.#unknown, this.#known] : [this.#known, this.#unknown];
    const lifeMs = tenantId === undefined ? freshMs.unknown : freshMs.known;
    other.delete(domain);
    kept.set(domain, { tenantId, untilMs: this.#deps.clock.nowMs() + lifeMs });
  }

  async #send(domain: DomainName, signal: AbortSignal): Promise<OutboundReply> {
    const url = `${this.#entraEndpoint}/${domain}/v2.0/.well-known/openid-configuration`;
    try {
      return await send(this.#deps.fetch, { method: 'GET', url, timeoutMs, maxBodyBytes, signal });
    } catch (error) {
      if (error instanceof OutboundError && (error.failure === 'timeout' || error.failure === 'network'))
        this.#pause(pauseSeconds.silent);
      throw outboundFailure(error, 'entra_unavailable', 'Entra');
    }
  }

  /** Stops requests for all domains, because the failure concerns Entra and not one domain. */
  #pause(seconds: number): void {
    this.#resumesAtMs = Math.max(this.#resumesAtMs, this.#deps.clock.nowMs() + seconds * 1000);
  }

  #throwIfPaused(): void {
    const waitMs = this.#resumesAtMs - this.#deps.clock.nowMs();
    if (waitMs > 0) throw unresolved('Entra does not answer domain lookups.', Math.ceil(waitMs / 1000));
  }
}

function unresolved(detail: string, seconds?: number, httpStatus?: number): BrokerError {
  return new BrokerError('entra_unavailable', detail, { retryAfterSeconds: seconds, logFields: { httpStatus } });
}
