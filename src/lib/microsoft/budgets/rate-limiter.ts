import type { Clock } from '../../core/clock.ts';
import { FairLimiter } from '../../core/fair-limiter.ts';
import type { Requester, Requesters } from '../../core/requesters.ts';
import type { Share, ShareUser, Usage } from '../../core/share.ts';

interface RateSettings {
  /** Units per second that this process may spend. */
  readonly share: Share;
  /** Units that may leave at once, of all instances, and units per second of all. */
  readonly burst: number;
  readonly perSecond: number;
  /** Who answers the requests. */
  readonly peer: string;
}

/** Waiting requests of one caller. */
const maxWaiting = 100;

/**
 * A token bucket whose rate is a share that changes. Callers take turns and come before jobs, as in {@link FairLimiter}. A
 * request starts if there is one unit, and may cost more: the debt delays the next.
 */
export class RateLimiter implements ShareUser {
  readonly #clock: Clock;
  readonly #settings: RateSettings;
  readonly #turns: FairLimiter;
  #turnsUser: ShareUser | undefined;
  #units: number | undefined;
  #filledAtMs: number;
  #isTimed = false;
  #spent = { interactive: 0, background: 0, requests: 0 };
  #readAtMs: number;
  usedAtMs: number;

  constructor(clock: Clock, settings: RateSettings) {
    this.#clock = clock;
    this.#settings = settings;
    this.#filledAtMs = this.#readAtMs = this.usedAtMs = clock.nowMs();
    this.#turns = new FairLimiter({
      limit: {
        amount: () => (this.#fill() >= 1 ? Infinity : 0),
        wanted: (isShort) => this.#wanted(isShort),
        attach: (user) => {
          this.#turnsUser = user;
        },
      },
      maxWaiting,
      peer: settings.peer,
      onStart: (units, requester) => this.#spend(units, requester),
    });
    settings.share.attach(this);
  }

  get waiting(): number {
    return this.#turns.waiting;
  }

  /** Resolves when the units may be spent. @throws BrokerError `caller_throttled`; the reason of the signal. */
  take(units: number, requesters: Requesters, signal?: AbortSignal): Promise<void> {
    this.usedAtMs = this.#clock.nowMs();
    return this.#turns.run(() => Promise.resolve(), requesters, signal, units);
  }

  usage(): Usage {
    const nowMs = this.#clock.nowMs();
    const seconds = Math.max(0.1, (nowMs - this.#readAtMs) / 1000);
    const spent = this.#spent;
    this.#readAtMs = nowMs;
    this.#spent = { interactive: 0, background: 0, requests: 0 };
    const waiting = this.#turnsUser?.usage() ?? { interactive: 0, callers: 0, background: 0, runs: 0 };
    const each = spent.requests === 0 ? 1 : (spent.interactive + spent.background) / spent.requests;
    // Those that wait could all leave within a second. One counts as in progress.
    const isWaiting = this.#turns.waiting > 0;
    return {
      interactive: spent.interactive / seconds + (isWaiting ? waiting.interactive * each : 0),
      callers: waiting.callers,
      background: spent.background / seconds + (isWaiting ? waiting.background * each : 0),
      runs: waiting.runs,
    };
  }

  held(): number {
    return 0;
  }

  changed(): void {
    this.#turnsUser?.changed();
    if (this.#turns.waiting > 0) this.#time();
  }

  #spend(units: number, { kind }: Requester): void {
    this.#units = this.#fill() - units;
    this.#spent[kind === 'background' ? 'background' : 'interactive'] += units;
    this.#spent.requests += 1;
  }

  /** The units that are there now. */
  #fill(): number {
    const { share, burst, perSecond } = this.#settings;
    const nowMs = this.#clock.nowMs();
    const rate = share.amount();
    const most = Math.max(1, burst * Math.min(1, rate / perSecond));
    const gained = (rate * (nowMs - this.#filledAtMs)) / 1000;
    this.#filledAtMs = nowMs;
    this.#units = Math.min(most, (this.#units ?? most) + gained);
    return this.#units;
  }

  #wanted(isShort: boolean): void {
    this.#settings.share.wanted(isShort);
    if (isShort) this.#time();
  }

  /** Starts waiting requests when there are units for them. */
  #time(): void {
    if (this.#isTimed) return;
    this.#isTimed = true;
    const missing = 1 - this.#fill();
    const rate = this.#settings.share.amount();
    // Without a rate, the next change of the share starts them.
    const waitMs = rate > 0 ? Math.min(1_000, Math.max(1, Math.ceil((missing / rate) * 1000))) : 1_000;
    void this.#clock.sleep(waitMs).then(() => {
      this.#isTimed = false;
      this.changed();
    });
  }
}
