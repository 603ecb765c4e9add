import type { TableClient } from '@azure/data-tables';
import type { SecretClient } from '@azure/keyvault-secrets';
import { type Clock, hourMs } from '../../core/clock.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import { CachedCredentials } from './cached-credentials.ts';
import { isOlderThan } from './client-keys.ts';
import { type CredentialJournal, journalTable, TableCredentialJournal } from './credential-journal.ts';
import type { CredentialStore } from './credential-store.ts';
import { KeyVaultCredentialStore } from './key-vault-credential-store.ts';
import { type CareClaims, TableCareClaims } from './maintenance-claims.ts';

/** Age of a refresh token from which its rotation is overdue. The timer runs daily. */
export const rotationOverdueMs = 36 * hourMs;

/** Minimum time between two checks of one instance. */
const checkMs = hourMs;

/**
 * Minimum time from the end of a maintenance to the next one of a dead credential. Shorter than {@link checkMs}, because a
 * maintenance ends some time after the check that starts it.
 */
const deadPauseMs = checkMs / 2;

interface OverdueMaintenanceDeps {
  readonly store: Pick<CredentialStore, 'listApplications'>;
  readonly cached: Pick<CachedCredentials, 'get'>;
  readonly claims: Pick<CareClaims, 'lastEndedMs'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly background: (work: () => void) => void;
}

/** Does the maintenance of the given applications, except those with a maintenance that ended after the given time. */
type StartMaintenance = (unlessEndedSinceMs: number, applications: readonly string[]) => Promise<unknown>;

/**
 * Lets requests start the maintenance that the daily timer missed. On Flex Consumption, the timers of an app can stay
 * dead after a deployment although it serves HTTP (azure-functions-host issue 11828).
 */
export class OverdueMaintenance {
  readonly #deps: OverdueMaintenanceDeps;
  #checkedAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: OverdueMaintenanceDeps) {
    this.#deps = deps;
  }

  /**
   * Checks in the background, at most once an hour, whether a maintenance is overdue. Returns at once and never throws.
   * A credential that the broker considers dead is maintained every hour: a version that a person stored by mistake is then
   * replaced by the previous one.
   */
  check(maintain: StartMaintenance, isDead: (application: string) => boolean = () => false): void {
    const nowMs = this.#deps.clock.nowMs();
    // A clock that is set back does not postpone the next check.
    if (nowMs >= this.#checkedAtMs && nowMs - this.#checkedAtMs < checkMs) return;
    this.#checkedAtMs = nowMs;
    this.#deps.background(() => void this.#run(maintain, isDead, nowMs));
  }

  async #run(maintain: StartMaintenance, isDead: (application: string) => boolean, nowMs: number): Promise<void> {
    const { store, log } = this.#deps;
    try {
      const dead: string[] = [];
      const overdue: string[] = [];
      for (const application of await store.listApplications()) {
        if (isDead(application)) dead.push(application);
        else if (await this.#isOverdue(application, nowMs)) overdue.push(application);
      }
      log.log('info', 'credential.care_checked', { overdue: overdue.length, dead: dead.length });
      if (dead.length > 0) await maintain(nowMs - deadPauseMs, dead);
      if (overdue.length === 0) return;
      log.log('warn', 'credential.care_overdue', { applications: overdue.join(',') });
      await maintain(nowMs - rotationOverdueMs, overdue);
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

/** The broker's credentials: in Key Vault, in memory, and the record of what happened to them. */
export interface Credentials {
  readonly store: CredentialStore;
  readonly cached: CachedCredentials;
  readonly journal: CredentialJournal;
  readonly claims: CareClaims;
  readonly overdue: OverdueMaintenance;
}

interface CredentialsDeps {
  readonly vault: SecretClient;
  readonly storage: { table(name: string): Promise<TableClient> };
  readonly clock: Clock;
  readonly log: Logger;
  readonly background: (work: () => void) => void;
}

/** @param rereadSeconds age at which a credential in memory is read from Key Vault again. */
export function createCredentials(deps: CredentialsDeps, rereadSeconds: number): Credentials {
  const store = new KeyVaultCredentialStore(deps.vault);
  const cached = new CachedCredentials({ ...deps, store }, rereadSeconds);
  const table = (): Promise<TableClient> => deps.storage.table(journalTable);
  const claims = new TableCareClaims(table);
  return {
    store,
    cached,
    journal: new TableCredentialJournal(table),
    claims,
    overdue: new OverdueMaintenance({ ...deps, store, cached, claims }),
  };
}
