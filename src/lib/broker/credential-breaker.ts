import type { Clock } from '../runtime/clock.ts';
import type { BrokerError } from '../model/errors.ts';
import type { Place } from './redemption-of.ts';

/** How often a dead credential's store is looked at: recovery shows within a minute of a new version. */
const lookEveryMs = 30_000;
/** Probes with the dead credential itself: for what heals without a new version (an unlocked account, a replicated key). */
const probe = { firstMs: 10_000, longestMs: 900_000 };

interface Dead {
  readonly error: BrokerError;
  /** The credential that failed; another version is another chance. */
  version: string;
  /** Where it failed, if its own tenant does not see the failure and so cannot see it healed. */
  readonly away: Place | undefined;
  nextLookMs: number;
  nextProbeMs: number;
  probeIntervalMs: number;
}

/** What a request may do about a dead credential at this moment; a probe is a look as well. */
export type NextStep = 'go' | 'look' | 'probe' | 'refuse';

/** Remembers that a credential is dead, so that a thousand tenants do not each find out by asking Entra. */
export class CredentialBreaker {
  readonly #clock: Clock;
  #dead: Dead | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The failure while the credential is dead. */
  get error(): BrokerError | undefined {
    return this.#dead?.error;
  }

  get deadVersion(): string | undefined {
    return this.#dead?.version;
  }

  /** Where to probe; undefined: in the partner's own tenant. */
  get away(): Place | undefined {
    return this.#dead?.away;
  }

  /** Claims the next step: of many concurrent requests one looks or probes, the others are refused. */
  next(): NextStep {
    const dead = this.#dead;
    if (dead === undefined) return 'go';
    const nowMs = this.#clock.nowMs();
    const look = nowMs >= dead.nextLookMs;
    const probes = nowMs >= dead.nextProbeMs;
    if (look || probes) dead.nextLookMs = nowMs + lookEveryMs;
    if (probes) {
      dead.probeIntervalMs = Math.min(dead.probeIntervalMs * 2, probe.longestMs);
      dead.nextProbeMs = nowMs + dead.probeIntervalMs;
      return 'probe';
    }
    if (look) return 'look';
    return 'refuse';
  }

  /**
   * A confirmed credential-wide failure.
   * @param away where it was met, if the partner's own tenant does not see it.
   * @returns false when it was known for this version already.
   */
  open(error: BrokerError, version: string, away?: Place): boolean {
    if (this.#dead?.version === version) return false;
    const nowMs = this.#clock.nowMs();
    this.#dead = {
      error,
      version,
      away,
      nextLookMs: nowMs + lookEveryMs,
      nextProbeMs: nowMs + probe.firstMs,
      probeIntervalMs: probe.firstMs,
    };
    return true;
  }

  /** A newer version was tried and fails like the one before: it is probed at the same pace. */
  stayOpen(version: string): void {
    if (this.#dead !== undefined) this.#dead.version = version;
  }

  /** A token was had with this version. */
  close(): void {
    this.#dead = undefined;
  }
}
