import type { Clock } from '../runtime/clock.ts';
import type { BrokerError } from '../model/errors.ts';
import type { RedemptionTarget } from './redemption-request.ts';

/** How often the store of a dead credential is read: recovery shows within a minute of a new version. */
const lookEveryMs = 30_000;
/**
 * Intervals between probes with the dead credential itself, for failures that end without a new version (an unlocked
 * account, a replicated key).
 */
const probe = { firstMs: 10_000, longestMs: 900_000 };

interface Dead {
  readonly error: BrokerError;
  /** Version of the credential that failed. Another version may work. */
  version: string;
  /** Where to probe, if the partner's own tenant shows neither the failure nor its end. */
  readonly probeTarget: RedemptionTarget | undefined;
  nextLookMs: number;
  nextProbeMs: number;
  probeIntervalMs: number;
}

/** What a request may do about a dead credential now. A probe includes a look at the store. */
export type NextStep = 'go' | 'look' | 'probe' | 'refuse';

/** Remembers that a credential is dead, so that requests for other tenants do not each ask Entra again. */
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
  get probeTarget(): RedemptionTarget | undefined {
    return this.#dead?.probeTarget;
  }

  /** Claims the next step: of concurrent requests one looks or probes, the others are refused. */
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
   * Records a confirmed failure of the credential.
   * @param probeTarget where to probe, if the partner's own tenant does not show the failure.
   * @returns false if the failure of this version was recorded already.
   */
  open(error: BrokerError, version: string, probeTarget?: RedemptionTarget): boolean {
    if (this.#dead?.version === version) return false;
    const nowMs = this.#clock.nowMs();
    this.#dead = {
      error,
      version,
      probeTarget,
      nextLookMs: nowMs + lookEveryMs,
      nextProbeMs: nowMs + probe.firstMs,
      probeIntervalMs: probe.firstMs,
    };
    return true;
  }

  /** A newer version was tried and fails like the one before. It is probed at the same intervals. */
  stayOpen(version: string): void {
    if (this.#dead !== undefined) this.#dead.version = version;
  }

  /** A token was issued with this version. */
  close(): void {
    this.#dead = undefined;
  }
}
