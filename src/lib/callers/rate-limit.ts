import { LRUCache } from 'lru-cache';
import { minuteMs } from '../model/durations.ts';
import type { Clock } from '../runtime/clock.ts';
import { BrokerError } from '../model/errors.ts';

/** Limits for each caller, per instance of the app. */
export interface RateLimitSettings {
  /** Sustained rate for one caller, requests per minute, at least 1. */
  readonly requestsPerMinute: number;
  /** Requests that may arrive at once after a pause, at least 1. Default: a tenth of `requestsPerMinute`. */
  readonly burst?: number;
  /** Maximum number of callers that are counted. The least recent one is forgotten, and starts again with a full burst. */
  readonly maxCallers?: number;
}

/** Limits the rate of requests of each caller. */
export interface CallerRateLimit {
  /**
   * Counts one request of the caller.
   * @throws BrokerError `caller_throttled` with the seconds until the next request is accepted.
   */
  take(applicationId: string): void;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** Creates a limit with one token bucket per caller, in memory. Each instance of the app counts separately. */
export function createCallerRateLimit(deps: { readonly clock: Clock }, settings: RateLimitSettings): CallerRateLimit {
  const { requestsPerMinute, maxCallers = 10_000 } = settings;
  const burst = Math.max(1, settings.burst ?? Math.ceil(requestsPerMinute / 10));
  const perMs = requestsPerMinute / minuteMs;
  const buckets = new LRUCache<string, Bucket>({ max: maxCallers });

  return {
    take: (applicationId) => {
      const nowMs = deps.clock.nowMs();
      const bucket = buckets.get(applicationId) ?? { tokens: burst, filledAtMs: nowMs };
      // A clock that is set back must neither add nor remove tokens.
      const elapsedMs = Math.max(0, nowMs - bucket.filledAtMs);
      bucket.tokens = Math.min(burst, bucket.tokens + elapsedMs * perMs);
      bucket.filledAtMs = nowMs;
      buckets.set(applicationId, bucket);
      if (bucket.tokens < 1) {
        const waitSeconds = Math.max(1, Math.ceil((1 - bucket.tokens) / perMs / 1000));
        throw new BrokerError(
          'caller_throttled',
          `The caller exceeded its limit of ${requestsPerMinute} requests per minute.`,
          {
            retryAfterSeconds: waitSeconds,
            logFields: { caller: applicationId },
          },
        );
      }
      bucket.tokens -= 1;
    },
  };
}
