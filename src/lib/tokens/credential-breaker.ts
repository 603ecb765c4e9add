import type { Clock } from '../core/clock.ts';
import type { BrokerError } from '../core/errors.ts';

/** Interval between reads of the store while the credential is dead. A new version takes effect within a minute. */
const rereadIntervalMs = 30_000;
/**
 * First and maximum interval between probes with the dead credential itself. They detect failures that end without a new
 * version (an unlocked account, a replicated key). The interval doubles after each failed probe.
 */
const probeInterval = { firstMs: 10_000, maxMs: 900_000 };

interface Dead {
  readonly error: BrokerError;
  /** Version of the credential that failed. Another version may work. */
  version: string;
  nextRereadMs: number;
  nextProbeMs: number;
  probeIntervalMs: number;
}

/**
 * What a request may do now. `proceed`: the credential is not known to be dead. `reread`: read the store. `probe`: read
 * the store and try the credential. `refuse`: fail with the known error.
 */
export type NextStep = 'proceed' | 'reread' | 'probe' | 'refuse';

/** Records that a credential is dead, so that requests for other tenants fail without a request to Entra. */
export class CredentialBreaker {
  readonly #clock: Clock;
  #dead: Dead | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The failure, while the credential is dead. */
  get error(): BrokerError | undefined {
    return this.#dead?.error;
  }

  /** The version of the credential that failed, while the credential is dead. */
  get deadVersion(): string | undefined {
    return this.#dead?.version;
  }

  /** Claims the next step: of concurrent requests one rereads or probes, and the others are refused. */
  next(): NextStep {
    const dead = this.#dead;
    if (dead === undefined) return 'proceed';
    const nowMs = this.#clock.nowMs();
    const rereadDue = nowMs >= dead.nextRereadMs;
    const probeDue = nowMs >= dead.nextProbeMs;
    if (rereadDue || probeDue) dead.nextRereadMs = nowMs + rereadIntervalMs;
    if (probeDue) {
      dead.nextProbeMs = nowMs + dead.probeIntervalMs;
      return 'probe';
    }
    return rereadDue ? 'reread' : 'refuse';
  }

  /**
   * Records a confirmed failure of the credential.
   * @returns false if the failure of this version was already recorded.
   */
  open(error: BrokerError, version: string): boolean {
    if (this.#dead?.version === version) return false;
    const nowMs = this.#clock.nowMs();
    this.#dead = {
      error,
      version,
      nextRereadMs: nowMs + rereadIntervalMs,
      nextProbeMs: nowMs + probeInterval.firstMs,
      probeIntervalMs: probeInterval.firstMs,
    };
    return true;
  }

  /** Records that a newer version failed as well. */
  stayOpen(version: string): void {
    if (this.#dead !== undefined) this.#dead.version = version;
  }

  /**
   * Records that a probe with this version failed. Only this makes the interval longer; the requests of callers do not.
   * The interval does not restart with a newer version.
   */
  recordFailedProbe(version: string): void {
    const dead = this.#dead;
    if (dead === undefined) return;
    dead.version = version;
    dead.probeIntervalMs = Math.min(dead.probeIntervalMs * 2, probeInterval.maxMs);
    dead.nextProbeMs = this.#clock.nowMs() + dead.probeIntervalMs;
  }

  /** Records that the credential works. */
  close(): void {
    this.#dead = undefined;
  }
}
