import { LRUCache } from 'lru-cache';
import { minuteMs } from '../model/durations.ts';
import type { Clock } from '../runtime/clock.ts';
import { BrokerError } from '../model/errors.ts';

export interface RateLimitSettings {
  /** Sustained rate for one caller, requests per minute, at least 1. */
  readonly requestsPerMinute: number;
  /** Requests that may come at once after a pause; a tenth of a minute's worth unless said, at least 1. */
  readonly burst?: number;
  /** Callers that are told apart at one time; the one unseen longest is forgotten, and so starts afresh. */
  readonly maxCallers?: number;
}

export interface CallerRateLimit {
  /** @throws BrokerError `caller_throttled` with the seconds until the next request passes. */
  take(applicationId: string): void;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** One token bucket per caller, in memory: each instance of the app counts for itself. */
export function createCallerRateLimit(deps: { readonly clock: Clock }, settings: RateLimitSettings): CallerRateLimit {
  const { requestsPerMinute, maxCallers = 10_000 } = settings;
  const burst = Math.max(1, settings.burst ?? Math.ceil(requestsPerMinute / 10));
  const perMs = requestsPerMinute / minuteMs;
  const buckets = new LRUCache<string, Bucket>({ max: maxCallers });

  return {
    take: (applicationId) => {
      const nowMs = deps.clock.nowMs();
      const bucket = buckets.get(applicationId) ?? { tokens: burst, filledAtMs: nowMs };
      // A clock that is set back adds nothing and takes nothing away.
      const elapsedMs = Math.max(0, nowMs - bucket.filledAtMs);
      bucket.tokens = Math.min(burst, bucket.tokens + elapsedMs * perMs);
      bucket.filledAtMs = nowMs;
      buckets.set(applicationId, bucket);
      if (bucket.tokens < 1) {
        const waitSeconds = Math.max(1, Math.ceil((1 - bucket.tokens) / perMs / 1000));
        throw new BrokerError('caller_throttled', `The caller may send ${requestsPerMinute} requests a minute.`, {
          retryAfterSeconds: waitSeconds,
          logFields: { caller: applicationId },
        });
      }
      bucket.tokens -= 1;
    },
  };
}
