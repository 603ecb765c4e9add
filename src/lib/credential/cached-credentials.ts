import type { Clock } from '../runtime/clock.ts';
import { KeptCopy } from '../runtime/kept-copy.ts';
import { type BrokerError, toBrokerError } from '../model/errors.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import type { Credential } from '../model/credential.ts';
import type { CredentialStore } from './credential-store.ts';

/** The outcome of the last read of one application's credential. */
export interface LastRead {
  readonly atMs: number;
  readonly failure: BrokerError | undefined;
}

/**
 * Minimum time between two reads of one application, so that a storm of failures does not become a storm of reads. A
 * failure that does not pass by itself (nothing stored, or nothing usable) is repeated for as long.
 */
const shortestRereadMs = 5_000;
/** How long a read may delay callers while there is a copy, from its start. */
const patienceMs = 3_000;
/** Minimum time to the next read after a failed one, while there is a copy. */
const pauseMs = 30_000;

export interface CachedCredentialsDeps {
  readonly store: Pick<CredentialStore, 'load'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Credentials in memory, read from the store again when they are old or stop working, as "Azure Key Vault throttling
 * guidance" advises. While the store does not answer, the copies stay in use.
 */
export class CachedCredentials {
  readonly #deps: CachedCredentialsDeps;
  readonly #maxAgeMs: number;
  readonly #copies = new Map<string, KeptCopy<Credential>>();

  constructor(deps: CachedCredentialsDeps, maxAgeSeconds: number) {
    this.#deps = deps;
    this.#maxAgeMs = maxAgeSeconds * 1000;
  }

  /** How the last read of this application ended. Reads nothing. */
  lastRead(application: string): LastRead | undefined {
    const last = this.#copies.get(application)?.lastLoad;
    return last && { atMs: last.atMs, failure: last.failure === undefined ? undefined : toBrokerError(last.failure) };
  }

  /** @throws BrokerError credential_missing, client_credential_rejected or key_vault_unavailable. */
  get(application: string): Promise<Credential> {
    return this.#get(application);
  }

  /** The credential as the store has it now, or had it seconds ago: for when the copy has stopped working. */
  reread(application: string): Promise<Credential> {
    return this.#get(application, shortestRereadMs);
  }

  async #get(application: string, freshMs?: number): Promise<Credential> {
    const load = async (): Promise<Credential> => {
      try {
        return await this.#deps.store.load(application);
      } catch (thrown) {
        throw toBrokerError(thrown);
      }
    };
    const { value } = await this.#copyOf(application).get(load, { patienceMs, freshMs });
    return value;
  }

  #copyOf(application: string): KeptCopy<Credential> {
    const known = this.#copies.get(application);
    if (known !== undefined) return known;
    const copy = new KeptCopy<Credential>(this.#deps, {
      freshMs: () => this.#maxAgeMs,
      usableMs: Number.POSITIVE_INFINITY,
      outlives: (failure) => toBrokerError(failure).transient,
      pauseMs: (failure, isCopyServed) => pauseAfter(toBrokerError(failure), isCopyServed),
      onKept: (failure) =>
        this.#deps.log.log('warn', 'credential.reread_failed', { application, ...errorFields(failure) }),
    });
    this.#copies.set(application, copy);
    return copy;
  }
}

function pauseAfter({ transient, retryAfterSeconds = 0 }: BrokerError, isCopyServed: boolean): number {
  if (!transient) return shortestRereadMs;
  return Math.max(isCopyServed ? pauseMs : 0, retryAfterSeconds * 1000);
}

/**
 * Changes when the client credential or the refresh token changes: tells a replaced credential from the one that
 * failed.
 */
export function credentialVersion(credential: Credential): string {
  return `${credential.client.version}/${credential.refreshToken?.version ?? '-'}`;
}
