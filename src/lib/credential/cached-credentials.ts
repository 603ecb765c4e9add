import { SingleFlight } from '../runtime/single-flight.ts';
import type { Clock } from '../runtime/clock.ts';
import { withinOr } from '../runtime/deadline.ts';
import { type BrokerError, toBrokerError } from '../model/errors.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import type { Credential } from '../model/credential.ts';
import type { CredentialStore } from './credential-store.ts';

interface Cached {
  readonly credential: Credential;
  readonly loadedAtMs: number;
}

/** The last look at the store for one application, whatever it brought. */
export interface LastRead {
  readonly atMs: number;
  readonly failure: BrokerError | undefined;
}

/**
 * Readings of one application closer together than this share one answer: a storm of failures must not become a storm of
 * reads. That there is nothing, or nothing that can be used, is an answer, too.
 */
const shortestRereadMs = 5_000;
/** How long a read may keep those waiting for whom there is one in memory, from its beginning. */
const patienceMs = 3_000;
/** After a read that failed, what is in memory serves for this long at least before the next. */
const pauseMs = 30_000;

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
  readonly #lastReads = new Map<string, LastRead>();
  readonly #flights = new SingleFlight<Credential>();
  readonly #readingSinceMs = new Map<string, number>();

  constructor(deps: { store: Pick<CredentialStore, 'load'>; clock: Clock; log: Logger }, maxAgeSeconds: number) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#maxAgeMs = maxAgeSeconds * 1000;
  }

  /** How the store answered last for this application: says so without asking it again. */
  lastRead(application: string): LastRead | undefined {
    return this.#lastReads.get(application);
  }

  /** @throws BrokerError credential_missing, client_credential_rejected or key_vault_unavailable. */
  async get(application: string): Promise<Credential> {
    const cached = this.#cached.get(application);
    if (cached !== undefined && this.#age(cached) < this.#maxAgeMs) return cached.credential;
    return this.#read(application);
  }

  /** The credential as the store has it now (or had it seconds ago): asked for when the one in memory stopped working. */
  async reread(application: string): Promise<Credential> {
    const cached = this.#cached.get(application);
    if (cached !== undefined && this.#readRecently(application)) return cached.credential;
    return this.#read(application);
  }

  /** What the store says; what is in memory where it takes its time, or fails for a while. */
  async #read(application: string): Promise<Credential> {
    const cached = this.#cached.get(application);
    const failure = this.#failureInForce(application, cached !== undefined);
    if (failure !== undefined) throw failure;
    if (cached === undefined) return this.#load(application);
    const sinceMs = this.#readingSinceMs.get(application) ?? this.#clock.nowMs();
    const leftMs = sinceMs + patienceMs - this.#clock.nowMs();
    return withinOr(
      this.#clock,
      leftMs,
      () => this.#load(application),
      () => cached.credential,
    );
  }

  #load(application: string): Promise<Credential> {
    return this.#flights.run(application, async () => {
      this.#readingSinceMs.set(application, this.#clock.nowMs());
      try {
        const credential = await this.#store.load(application);
        this.#cached.set(application, { credential, loadedAtMs: this.#clock.nowMs() });
        this.#lastReads.set(application, { atMs: this.#clock.nowMs(), failure: undefined });
        return credential;
      } catch (thrown) {
        const failure = toBrokerError(thrown);
        this.#lastReads.set(application, { atMs: this.#clock.nowMs(), failure });
        const cached = this.#cached.get(application);
        if (cached === undefined || !failure.transient) throw failure;
        this.#log.log('warn', 'credential.reread_failed', { application, ...errorFields(thrown) });
        // Counts as read, so that a vault that is down is asked again after a pause and not by every request.
        const restMs = Math.max(pauseMs, (failure.retryAfterSeconds ?? 0) * 1000);
        this.#cached.set(application, { ...cached, loadedAtMs: this.#clock.nowMs() - this.#maxAgeMs + restMs });
        return cached.credential;
      } finally {
        this.#readingSinceMs.delete(application);
      }
    });
  }

  /**
   * The failure of the last read where it stands for the next: one that does not pass by itself for a moment, and with
   * nothing in memory one that says when to come back until then.
   */
  #failureInForce(application: string, isCached: boolean): BrokerError | undefined {
    const last = this.#lastReads.get(application);
    if (last?.failure === undefined) return undefined;
    const { transient, retryAfterSeconds = 0 } = last.failure;
    const restMs = transient ? (isCached ? 0 : retryAfterSeconds * 1000) : shortestRereadMs;
    return this.#clock.nowMs() - last.atMs < restMs ? last.failure : undefined;
  }

  /** Whether the last read answers for the next. One that failed does, too: a vault that hangs is not asked by everybody. */
  #readRecently(application: string): boolean {
    const last = this.#lastReads.get(application);
    return last !== undefined && this.#clock.nowMs() - last.atMs < shortestRereadMs;
  }

  #age(cached: Cached): number {
    return this.#clock.nowMs() - cached.loadedAtMs;
  }
}

/** Changes when anything that redeems changes: tells a replaced credential from the one that failed. */
export function credentialVersion(credential: Credential): string {
  return `${credential.client.version}/${credential.refreshToken?.version ?? '-'}`;
}
