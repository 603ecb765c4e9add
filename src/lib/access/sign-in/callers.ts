import { LRUCache } from 'lru-cache';
import type { Caller, CallerVerifier } from '../../core/caller.ts';
import { type Clock, minuteMs } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import type { Fetch } from '../../core/outbound.ts';
import { createPolicyStore, type PolicyStore, type ReadPolicy } from '../policy/policy-store.ts';
import { type CallerVerifierSettings, createCallerVerifier } from './verify-caller.ts';

/** Limits for each caller, per instance of the app. */
export interface RateLimitSettings {
  /** Sustained rate for one application, requests per minute, at least 1. */
  readonly requestsPerMinute: number;
  /** Requests that may arrive at once after a pause, at least 1. Default: a tenth of `requestsPerMinute`. */
  readonly burst?: number;
  /**
   * Maximum number of applications, and of people, that are counted. The least recent one is forgotten, and starts again
   * with a full burst.
   */
  readonly maxCallers?: number;
}

/** The part of a caller that its requests are counted by. */
export type LimitedCaller = Pick<Caller, 'applicationId' | 'objectId' | 'kind' | 'actsFor'>;

/** Limits the rate of requests of each caller. */
interface CallerRateLimit {
  /**
   * Counts one request of the caller: for its application and, if a person is signed in to it or it is an agent that acts for
   * one, for that person over all applications. A request that is refused does not count.
   * @throws BrokerError `caller_throttled` with the seconds until the next request is accepted.
   */
  take(caller: LimitedCaller): void;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** One person may use half of the limit of an application, so that one cannot stop all others who work with it. */
const personShare = 0.5;

/** Creates a limit with token buckets in memory. Each instance of the app counts separately. */
export function createCallerRateLimit(deps: { readonly clock: Clock }, settings: RateLimitSettings): CallerRateLimit {
  const { requestsPerMinute, maxCallers = 10_000 } = settings;
  const burst = settings.burst ?? Math.ceil(requestsPerMinute / 10);
  const applications = new Buckets(requestsPerMinute, burst, maxCallers);
  const people = new Buckets(requestsPerMinute * personShare, burst * personShare, maxCallers);

  return {
    take: ({ applicationId, objectId, kind, actsFor }) => {
      const nowMs = deps.clock.nowMs();
      const application = applications.filled(applicationId, nowMs);
      const personId = kind === 'user' ? objectId : actsFor;
      const person = personId === undefined ? undefined : people.filled(personId, nowMs);
      const waitSeconds = Math.max(applications.waitSeconds(application), person ? people.waitSeconds(person) : 0);
      if (waitSeconds > 0) {
        const isPerson = person !== undefined && people.waitSeconds(person) > 0;
        const detail = isPerson
          ? `The person${kind === 'agent' ? ' that the agent acts for' : ''} exceeded the limit of ${people.perMinute} requests per minute.`
          : `The caller exceeded its limit of ${requestsPerMinute} requests per minute.`;
        const logFields = { caller: applicationId, person: isPerson ? personId : undefined };
        throw new BrokerError('caller_throttled', detail, { retryAfterSeconds: waitSeconds, logFields });
      }
      application.tokens -= 1;
      if (person !== undefined) person.tokens -= 1;
    },
  };
}

/** Token buckets by id, all of one rate. */
class Buckets {
  readonly perMinute: number;
  readonly #burst: number;
  readonly #buckets: LRUCache<string, Bucket>;

  constructor(perMinute: number, burst: number, max: number) {
    this.perMinute = perMinute;
    this.#burst = Math.max(1, Math.floor(burst));
    this.#buckets = new LRUCache({ max });
  }

  /** The bucket of an id, with the tokens that it has now. */
  filled(id: string, nowMs: number): Bucket {
    const bucket = this.#buckets.get(id) ?? { tokens: this.#burst, filledAtMs: nowMs };
    // A clock that is set back must neither add nor remove tokens.
    const elapsedMs = Math.max(0, nowMs - bucket.filledAtMs);
    bucket.tokens = Math.min(this.#burst, bucket.tokens + (elapsedMs * this.perMinute) / minuteMs);
    bucket.filledAtMs = nowMs;
    this.#buckets.set(id, bucket);
    return bucket;
  }

  /** Whole seconds until the bucket has a token; 0 if it has one. */
  waitSeconds({ tokens }: Bucket): number {
    return tokens >= 1 ? 0 : Math.max(1, Math.ceil((((1 - tokens) / this.perMinute) * minuteMs) / 1000));
  }
}

/** Who may call the broker: verification, rate limit and access policy. */
export interface Callers extends CallerVerifier {
  readonly limit: CallerRateLimit;
  /** Limits how many refusals of one caller the audit log keeps. */
  readonly refusalRecords: CallerRateLimit;
  readonly policy: PolicyStore;
}

/**
 * Refusals of one application that the audit log keeps, per minute and instance: at most 90 MB a day. Whoever is refused
 * may be anybody in the partner tenant.
 */
const refusalsPerMinute = 60;

interface CallersDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly log: Logger;
  readonly background: (work: () => void) => void;
  readonly readPolicy: ReadPolicy;
}

export function createCallers(
  deps: CallersDeps,
  settings: CallerVerifierSettings & { readonly requestsPerMinute: number },
): Callers {
  const policy = createPolicyStore({ ...deps, read: deps.readPolicy });
  const callerNames = async () => (await policy.current()).policy.callerNames;
  return {
    ...createCallerVerifier({ ...deps, callerNames }, settings),
    limit: createCallerRateLimit(deps, settings),
    refusalRecords: createCallerRateLimit(deps, { requestsPerMinute: refusalsPerMinute, burst: refusalsPerMinute }),
    policy,
  };
}
