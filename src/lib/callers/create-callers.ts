import type { CallerVerifier } from '../model/caller.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';
import type { Fetch } from '../runtime/outbound.ts';
import { createPolicyStore, type PolicyStore, type ReadPolicy } from './policy-store.ts';
import { type CallerRateLimit, createCallerRateLimit } from './rate-limit.ts';
import { type CallerVerifierSettings, createCallerVerifier } from './verify-caller.ts';

/** Who may call the broker: verification, rate limit and access policy. */
export interface Callers extends CallerVerifier {
  readonly limit: CallerRateLimit;
  readonly policy: PolicyStore;
}

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
    policy: createPolicyStore({ ...deps, read: deps.readPolicy }),
  };
}
