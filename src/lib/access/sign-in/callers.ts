import type { CallerVerifier } from '../../core/caller.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { Fetch } from '../../core/outbound.ts';
import { createPolicyStore, type PolicyStore, type ReadPolicy } from '../policy/policy-store.ts';
import { type CallerRateLimit, createCallerRateLimit } from './rate-limit.ts';
import { type CallerVerifierSettings, createCallerVerifier } from './verify-caller.ts';

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

export interface CallersDeps {
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
  return {
    ...createCallerVerifier(deps, settings),
    limit: createCallerRateLimit(deps, settings),
    refusalRecords: createCallerRateLimit(deps, { requestsPerMinute: refusalsPerMinute, burst: refusalsPerMinute }),
    policy: createPolicyStore({ ...deps, read: deps.readPolicy }),
  };
}
