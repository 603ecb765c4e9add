import { hourMs } from '../../core/durations.ts';
import type { Clock } from '../../core/clock.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import type { CachedCredentials } from './cached-credentials.ts';
import { isOlderThan } from './client-keys.ts';
import type { CareClaims } from './maintenance-claims.ts';
import type { CredentialStore } from './credential-store.ts';

/** Age of a refresh token from which its rotation is overdue. The timer runs daily. */
export const rotationOverdueMs = 36 * hourMs;

/** Minimum time between two checks of one instance. */
const checkMs = hourMs;

/**
 * Minimum time from the end of a maintenance to the next one of a dead credential. Shorter than {@link checkMs}, because a
 * maintenance ends some time after the check that starts it.
 */
const deadPauseMs = checkMs / 2;

export interface OverdueCareDeps {
  readonly store: Pick<CredentialStore, 'listApplications'>;
  readonly cached: Pick<CachedCredentials, 'get'>;
  readonly claims: Pick<CareClaims, 'lastEndedMs'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly background: (work: () => void) => void;
}

/** Does the maintenance of the given applications, except those with a maintenance that ended after the given time. */
export type StartCare = (unlessEndedSinceMs: number, applications: readonly string[]) => Promise<unknown>;

/**
 * Lets requests start the maintenance that the daily timer missed. On Flex Consumption, the timers of an app can stay
 * dead after a deployment although it serves HTTP (azure-functions-host issue 11828).
 */
export class OverdueCare {
  readonly #deps: OverdueCareDeps;
  #checkedAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: OverdueCareDeps) {
    this.#deps = deps;
  }

  /**
   * Checks in the background, at most once an hour, whether a maintenance is overdue. Returns at once and never throws.
   * A credential that the broker considers dead is maintained every hour: a version that a person stored by mistake is then
   * replaced by the previous one.
   */
  check(care: StartCare, isDead: (application: string) => boolean = () => false): void {
    const nowMs = this.#deps.clock.nowMs();
    // A clock that is set back does not postpone the next check.
    if (nowMs >= this.#checkedAtMs && nowMs - this.#checkedAtMs < checkMs) return;
    this.#checkedAtMs = nowMs;
    this.#deps.background(() => void this.#run(care, isDead, nowMs));
  }

  async #run(care: StartCare, isDead: (application: string) => boolean, nowMs: number): Promise<void> {
    const { store, log } = this.#deps;
    try {
      const dead: string[] = [];
      const overdue: string[] = [];
      for (const application of await store.listApplications()) {
        if (isDead(application)) dead.push(application);
        else if (await this.#isOverdue(application, nowMs)) overdue.push(application);
      }
      log.log('info', 'credential.care_checked', { overdue: overdue.length, dead: dead.length });
      if (dead.length > 0) await care(nowMs - deadPauseMs, dead);
      if (overdue.length === 0) return;
      log.log('warn', 'credential.care_overdue', { applications: overdue.join(',') });
      await care(nowMs - rotationOverdueMs, overdue);
    } catch (thrown) {
      log.log('error', 'credential.care_failed', errorFields(thrown));
    }
  }

  /** A failure concerns one application, and must not keep the others from being maintained. */
  async #isOverdue(application: string, nowMs: number): Promise<boolean> {
    try {
      const { refreshToken } = await this.#deps.cached.get(application);
      // Without a refresh token there is nothing to rotate.
      if (refreshToken === undefined || !isOlderThan(rotationOverdueMs - 1, refreshToken.obtainedAtMs, nowMs))
        return false;
      // Entra may have returned the same token, and a failed attempt also shows that something maintains the credential.
      return isOlderThan(rotationOverdueMs - 1, (await this.#deps.claims.lastEndedMs(application)) ?? 0, nowMs);
    } catch (thrown) {
      this.#deps.log.log('warn', 'credential.care_unknown', { application, ...errorFields(thrown) });
      return false;
    }
  }
}
