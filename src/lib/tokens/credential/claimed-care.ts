import { minuteMs } from '../../core/durations.ts';
import { errorFields } from '../../core/log.ts';
import type { CareClaims } from './maintenance-claims.ts';
import { keepAlive, type KeepAliveDeps, type KeepAliveResult } from './keep-alive.ts';

export interface ClaimedCareDeps extends KeepAliveDeps {
  readonly claims: CareClaims;
}

/** The default time limit of a function on Flex Consumption. After it, the holder of a claim no longer runs. */
const claimMs = 30 * minuteMs;

/**
 * Runs {@link keepAlive}, unless another instance is running it.
 * @param unlessEndedSinceMs given if a request, not the timer, starts the maintenance: nothing is done if another one
 * ended after this time, or if the claims cannot be read or written. The timer works without claims, too, because two
 * rotations at the same time do no harm.
 * @returns undefined if nothing was done.
 */
export async function claimedCare(
  deps: ClaimedCareDeps,
  application: string,
  unlessEndedSinceMs?: number,
): Promise<KeepAliveResult | undefined> {
  const atMs = deps.clock.nowMs();
  const request = { atMs, untilMs: atMs + claimMs, unlessEndedSinceMs };
  try {
    if (!(await deps.claims.claim(application, request))) {
      deps.log.log('info', 'credential.care_in_progress', { application });
      return undefined;
    }
  } catch (thrown) {
    deps.log.log('warn', 'credential.journal_unavailable', errorFields(thrown));
    if (unlessEndedSinceMs !== undefined) return undefined;
  }
  const result = await keepAlive(deps, application);
  try {
    await deps.claims.end(application, deps.clock.nowMs());
  } catch (thrown) {
    deps.log.log('warn', 'credential.journal_unavailable', errorFields(thrown));
  }
  return result;
}
