import type { Clock } from '../../core/clock.ts';
import { KeptCopy } from '../../core/kept-copy.ts';
import { type BrokerError, toBrokerError } from '../../core/errors.ts';
import { errorFields, type Logger } from '../../core/log.ts';
import type { Credential, StoredClientCredential } from '../../core/secrets.ts';
import { type CredentialStore, UnreadableCredentialError } from './credential-store.ts';
import { type FindClientDeps, findWorkingClient, type RedeemAsApplicationDeps } from './prove-client-credential.ts';

/** The outcome of the last read of one application's credential. */
export interface LastRead {
  readonly atMs: number;
  readonly failure: BrokerError | undefined;
}

interface StandIn {
  /** The version in force. */
  readonly rejected: string;
  readonly client: StoredClientCredential;
}

/**
 * Minimum time between two reads of one application, so that many failing requests do not cause many reads. A permanent
 * failure (nothing stored, or nothing usable) is thrown again for this long without a read.
 */
const minRereadMs = 5_000;
/** How long callers wait for a read while there is a copy, from the start of the read. */
const patienceMs = 3_000;
/** Minimum time from a failed read to the next, while there is a copy. */
const pauseMs = 30_000;

export interface CachedCredentialsDeps {
  readonly store: Pick<CredentialStore, 'load'> & FindClientDeps['store'];
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Keeps credentials in memory ("Azure Key Vault throttling guidance"). Reads them again when they are older than the
 * maximum age or stop working. While the store does not answer, or holds enabled versions that cannot be read, the copies
 * stay in use. If no version is enabled, they do not: a person has decided so.
 */
export class CachedCredentials {
  readonly #deps: CachedCredentialsDeps;
  readonly #maxAgeMs: number;
  readonly #copies = new Map<string, KeptCopy<Credential>>();
  /** Skipped versions that were logged. */
  readonly #logged = new Set<string>();
  /** By application: the client credential that is used while Entra rejects the version in force. */
  readonly #standIns = new Map<string, StandIn>();

  /** @param maxAgeSeconds age at which a copy is read again. */
  constructor(deps: CachedCredentialsDeps, maxAgeSeconds: number) {
    this.#deps = deps;
    this.#maxAgeMs = maxAgeSeconds * 1000;
  }

  /** Returns the outcome of the last read of this application; undefined before the first. Reads nothing. */
  lastRead(application: string): LastRead | undefined {
    const last = this.#copies.get(application)?.lastLoad;
    return last && { atMs: last.atMs, failure: last.failure === undefined ? undefined : toBrokerError(last.failure) };
  }

  /**
   * Returns the copy, or reads the store if the copy is too old.
   * @throws BrokerError credential_missing, client_credential_rejected or key_vault_unavailable.
   */
  get(application: string): Promise<Credential> {
    return this.#get(application);
  }

  /**
   * Reads the store unless the last read ended less than 5 seconds ago. For a copy that has stopped working.
   * @throws BrokerError as {@link get}.
   */
  reread(application: string): Promise<Credential> {
    return this.#get(application, minRereadMs);
  }

  /**
   * Reads the store now. For a credential that this process has just changed.
   * @throws BrokerError as {@link get}.
   */
  reload(application: string): Promise<Credential> {
    return this.#get(application, 0);
  }

  /**
   * Uses an older client credential while Entra rejects the version in force, if an older one works. That version stays
   * enabled: the daily maintenance disables it.
   * @returns the usable credential; undefined if there is none.
   * @throws BrokerError from the store, or with the failure of the version in force.
   */
  async fallBack(deps: RedeemAsApplicationDeps, application: string): Promise<Credential | undefined> {
    const { store } = this.#deps;
    const stored = await store.load(application);
    const versions = await store.listClientCredentialVersions(application);
    const hasOlder = versions.some(({ enabled, version }) => enabled && version !== stored.client.version);
    if (!hasOlder) return undefined;
    const { client } = await findWorkingClient({ ...deps, ...this.#deps }, application, stored);
    const isInForce = client.version === stored.client.version;
    if (isInForce) return this.#standIns.delete(application) ? stored : undefined;
    this.#standIns.set(application, { rejected: stored.client.version, client });
    return this.#withStandIn(stored);
  }

  #withStandIn(credential: Credential): Credential {
    const standIn = this.#standIns.get(credential.application);
    if (standIn === undefined || standIn.rejected !== credential.client.version) return credential;
    const skipped = {
      part: 'client credential',
      version: standIn.rejected,
      reason: 'Entra rejects it, so the previous one is in use.',
    } as const;
    return { ...credential, client: standIn.client, skipped: [skipped, ...(credential.skipped ?? [])] };
  }

  async #get(application: string, freshMs?: number): Promise<Credential> {
    const load = async (): Promise<Credential> => {
      try {
        const credential = await this.#deps.store.load(application);
        this.#logSkipped(credential);
        return credential;
      } catch (thrown) {
        throw toBrokerError(thrown);
      }
    };
    const { value } = await this.#copyOf(application).get(load, { patienceMs, freshMs });
    return this.#withStandIn(value);
  }

  /** Logs each version once. */
  #logSkipped({ application, skipped = [] }: Credential): void {
    for (const { part, version, reason } of skipped) {
      const key = `${application} ${part} ${version}`;
      if (this.#logged.has(key)) continue;
      this.#logged.add(key);
      this.#deps.log.log('warn', 'credential.version_skipped', { application, part, version, detail: reason });
    }
  }

  #copyOf(application: string): KeptCopy<Credential> {
    const known = this.#copies.get(application);
    if (known !== undefined) return known;
    const copy = new KeptCopy<Credential>(this.#deps, {
      freshMs: () => this.#maxAgeMs,
      usableMs: Number.POSITIVE_INFINITY,
      outlives: (failure) => failure instanceof UnreadableCredentialError || toBrokerError(failure).transient,
      pauseMs: (failure, isCopyServed) => pauseAfter(toBrokerError(failure), isCopyServed),
      onKept: (failure) =>
        this.#deps.log.log('warn', 'credential.reread_failed', { application, ...errorFields(failure) }),
    });
    this.#copies.set(application, copy);
    return copy;
  }
}

function pauseAfter({ transient, retryAfterSeconds = 0 }: BrokerError, isCopyServed: boolean): number {
  if (!transient) return minRereadMs;
  return Math.max(isCopyServed ? pauseMs : 0, retryAfterSeconds * 1000);
}

/**
 * Identifies one state of a credential: the value changes with the client credential and with the refresh token. Used
 * to tell a replaced credential from the one that failed.
 */
export function credentialVersion(credential: Credential): string {
  return `${credential.client.version}/${credential.refreshToken?.version ?? '-'}`;
}
