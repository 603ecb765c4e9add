import { SingleFlight } from '../single-flight.ts';
import type { Clock } from '../clock.ts';
import { type BrokerError, toBrokerError } from '../errors.ts';
import { errorFields, type Logger } from '../log.ts';
import type { Credential } from './credential.ts';
import type { CredentialStore } from './credential-store.ts';

interface Cached {
  readonly credential: Credential;
  readonly loadedAtMs: number;
}

/** The last look at the store, whatever it brought. */
export interface LastRead {
  readonly atMs: number;
  readonly failure: BrokerError | undefined;
}

/** Forced readings closer together than this share one answer: a storm of failures must not become a storm of reads. */
const shortestRereadMs = 5_000;

/**
 * Credentials in memory, read from the store again when they are old or when they stop working, as "Azure Key Vault
 * throttling guidance" advises. While the store does not answer, what is in memory stays in use.
 */
export class CachedCredentials {
  readonly #store: Pick<CredentialStore, 'load'>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #maxAgeMs: number;
  readonly #cached = new Map<string, Cached>();
  readonly #triedAtMs = new Map<string, number>();
  readonly #flights = new SingleFlight<Credential>();
  #lastRead: LastRead | undefined;

  constructor(deps: { store: Pick<CredentialStore, 'load'>; clock: Clock; log: Logger }, maxAgeSeconds: number) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#maxAgeMs = maxAgeSeconds * 1000;
  }

  /** How the store answered last: says whether it can be reached without asking it again. */
  get lastRead(): LastRead | undefined {
    return this.#lastRead;
  }

  /** @throws BrokerError credential_missing or key_vault_unavailable. */
  async get(application: string): Promise<Credential> {
    const cached = this.#cached.get(application);
    if (cached !== undefined && this.#age(cached) < this.#maxAgeMs) return cached.credential;
    return this.#read(application);
  }

  /** The credential as the store has it now (or had it seconds ago): asked for when the one in memory stopped working. */
  async reread(application: string): Promise<Credential> {
    const cached = this.#cached.get(application);
    // Counted from the last try, not from the last success: a vault that hangs must not be asked by every failure.
    const triedAtMs = this.#triedAtMs.get(application) ?? Number.NEGATIVE_INFINITY;
    if (cached !== undefined && this.#clock.nowMs() - triedAtMs < shortestRereadMs) return cached.credential;
    return this.#read(application);
  }

  #read(application: string): Promise<Credential> {
    return this.#flights.run(application, async () => {
      try {
        const credential = await this.#store.load(application);
        this.#cached.set(application, { credential, loadedAtMs: this.#clock.nowMs() });
        this.#lastRead = { atMs: this.#clock.nowMs(), failure: undefined };
        return credential;
      } catch (thrown) {
        const error = toBrokerError(thrown);
        // That nothing is stored is an answer, too.
        this.#lastRead = {
          atMs: this.#clock.nowMs(),
          failure: error.code === 'credential_missing' ? undefined : error,
        };
        const cached = this.#cached.get(application);
        if (cached === undefined || !error.transient) throw thrown;
        this.#log.log('warn', 'credential.reread_failed', { application, ...errorFields(thrown) });
        // Counts as read, so that a vault that is down is asked again after a pause and not by every request.
        this.#cached.set(application, { ...cached, loadedAtMs: this.#clock.nowMs() - this.#maxAgeMs + 30_000 });
        return cached.credential;
      } finally {
        this.#triedAtMs.set(application, this.#clock.nowMs());
      }
    });
  }

  #age(cached: Cached): number {
    return this.#clock.nowMs() - cached.loadedAtMs;
  }
}

/** Changes when anything that redeems changes: tells a replaced credential from the one that failed. */
export function credentialVersion(credential: Credential): string {
  return `${credential.client.version}/${credential.refreshToken?.version ?? '-'}`;
}
