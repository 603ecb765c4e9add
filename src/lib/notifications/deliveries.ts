import { dayMs, hourMs, minuteMs } from '../model/durations.ts';
import { toBrokerError } from '../model/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorFields, type Logger } from '../runtime/log.ts';
import type { Filter } from './filter.ts';
import type { Notice } from './notice.ts';
import type { Delivery, Outbox, TargetState } from './outbox.ts';
import type { Outcome, Target, TargetName } from './target.ts';

/** A notice is given up when an attempt fails after this time. */
const giveUpMs = dayMs;
/** Pauses before a notice is tried again. The last one repeats. */
const pausesMs = [1, 2, 5, 10, 20, 40, 60].map((minutes) => minutes * minuteMs);
/** Retry-After counts for at most this long. */
const maxPauseMs = hourMs;
/** How long an instance has a notice for itself: twice what a request and three calls to storage may take. */
const claimMs = 4 * minuteMs;
/** Failures in a row after which the rest waits, because they are the target's. */
const maxFailures = 3;
/** Clocks of instances differ by less. */
const skewMs = 10 * minuteMs;
/** A pass ends after this time. The timer fires every five minutes. */
const passMs = 3 * minuteMs;

const unknownGroup = 'got no request, because NOTIFICATION_FILTER names a group that the policy does not have';
const undecided = 'got no request, because the tags or domains in NOTIFICATION_FILTER could not be looked up';

interface DeliveriesDeps {
  readonly outbox: Outbox;
  readonly targets: readonly Target[];
  readonly filter: Filter;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One attempt at a delivery. `skipped`: another instance has it, or it is not there any more. */
type Attempted = Outcome | { readonly is: 'skipped' };

/**
 * Delivers notices from the outbox, each to each target. Instances claim a delivery before they send it, so it is sent once.
 * If a process dies between sending and removing it, it is sent again, with the same id, after the claim has lapsed.
 */
export class Deliveries {
  readonly #deps: DeliveriesDeps;
  /** The stop of each target that this process found at its first look: it is from before, and does not count. */
  readonly #formerStops = new Map<TargetName, number | undefined>();
  #running: Promise<void> | undefined;
  #again = false;

  constructor(deps: DeliveriesDeps) {
    this.#deps = deps;
  }

  /** Delivers what is due. A call during a pass makes another pass follow. Never throws. */
  deliverDue(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await Promise.all(this.#deps.targets.map((target) => this.#guardedPass(target)));
    }
    this.#running = undefined;
  }

  async #guardedPass(target: Target): Promise<void> {
    try {
      await this.#pass(target);
    } catch (thrown) {
      this.#deps.log.log('warn', 'notice.delivery_failed', { target: target.name, ...errorFields(thrown) });
    }
  }

  async #pass(target: Target): Promise<void> {
    const { outbox, clock } = this.#deps;
    const startMs = clock.nowMs();
    const state = await this.#state(target);
    if (isAhead(state?.pausedUntilMs, startMs, maxPauseMs)) return;
    let isDown = this.#isStopped(target, state);
    let failures = 0;
    for await (const delivery of outbox.waiting(target.name)) {
      const nowMs = clock.nowMs();
      if (isDown) {
        if (!isOver(delivery, nowMs)) return;
        if (!isAhead(delivery.claimedUntilMs, nowMs, claimMs)) await this.#giveUp(target, delivery);
        continue;
      }
      if (Math.abs(nowMs - startMs) > passMs) return;
      if (!isDue(delivery, nowMs)) continue;
      const outcome = await this.#attempt(target, delivery);
      if (outcome.is === 'skipped') continue;
      if (outcome.is === 'delivered') failures = 0;
      else failures += 1;
      await this.#note(target, state, outcome);
      if (outcome.is === 'failed' && outcome.retryAfterMs !== undefined) return;
      isDown = outcome.is === 'gone' || failures >= maxFailures;
    }
  }

  /** Claims a delivery, sends it, and writes what became of it. @throws BrokerError storage_unavailable */
  async #attempt(target: Target, delivery: Delivery): Promise<Attempted> {
    const { outbox, clock } = this.#deps;
    const startMs = clock.nowMs();
    const attempts = delivery.attempts + 1;
    const claimed = await outbox.change({ ...delivery, attempts, claimedUntilMs: startMs + claimMs });
    if (claimed === undefined) return { is: 'skipped' };
    const notice = await outbox.find(delivery.noticeId);
    // Storage may have been so slow that another instance has taken over.
    if (Math.abs(clock.nowMs() - startMs) > claimMs / 2) return { is: 'skipped' };
    const outcome = notice === undefined ? ({ is: 'unwanted' } as const) : await this.#send(target, notice);
    if (outcome.is === 'unwanted') {
      await outbox.remove(claimed);
      return { is: 'skipped' };
    }
    if (outcome.is === 'delivered') {
      await outbox.remove(claimed);
      return outcome;
    }
    const nowMs = clock.nowMs();
    const reason = outcome.is === 'gone' ? 'answers 410' : outcome.reason;
    const failed = { ...claimed, reason, claimedUntilMs: 0 };
    if (isOver(delivery, nowMs)) await this.#giveUp(target, failed);
    else if (outcome.is === 'gone') await outbox.change(failed);
    else await outbox.change({ ...failed, nextAtMs: nowMs + pauseMs(attempts, outcome) });
    return outcome;
  }

  /** Sends a notice that the target should get. If that cannot be decided, the notice waits: others must not read it. */
  async #send(target: Target, notice: Notice): Promise<Outcome | { readonly is: 'unwanted' }> {
    try {
      if (!(await this.#deps.filter(target.name, notice))) return { is: 'unwanted' };
    } catch (thrown) {
      // Health shows the reason to anybody, so the groups of the policy are in the log only.
      this.#deps.log.log('warn', 'notice.filter_failed', { target: target.name, ...errorFields(thrown) });
      const { code } = toBrokerError(thrown);
      return { is: 'failed', reason: code === 'request_invalid' ? unknownGroup : undecided, retryAfterMs: undefined };
    }
    return target.send(notice);
  }

  async #giveUp(target: Target, delivery: Delivery): Promise<void> {
    const { outbox, clock, log } = this.#deps;
    if (!(await outbox.giveUp(delivery, clock.nowMs()))) return;
    const { noticeId, attempts, reason } = delivery;
    log.log('error', 'notice.given_up', { target: target.name, noticeId, attempts, reason });
  }

  /** Writes what an outcome says about the target itself. */
  async #note({ name, addressDigest }: Target, before: TargetState | undefined, outcome: Outcome): Promise<void> {
    const { outbox, clock, log } = this.#deps;
    const nowMs = clock.nowMs();
    if (outcome.is === 'gone') {
      await outbox.setState(name, { addressDigest, stoppedAtMs: nowMs });
      log.log('error', 'notice.target_gone', { target: name });
    } else if (outcome.is === 'failed' && outcome.retryAfterMs !== undefined) {
      const pausedUntilMs = nowMs + Math.min(outcome.retryAfterMs, maxPauseMs);
      await outbox.setState(name, { addressDigest, pausedUntilMs });
    } else if (outcome.is === 'delivered' && before?.stoppedAtMs !== undefined)
      await outbox.setState(name, { addressDigest });
  }

  /** What is known of the target at its present address. */
  async #state({ name, addressDigest }: Target): Promise<TargetState | undefined> {
    const state = await this.#deps.outbox.state(name);
    const current = state?.addressDigest === addressDigest ? state : undefined;
    if (!this.#formerStops.has(name)) this.#formerStops.set(name, current?.stoppedAtMs);
    return current;
  }

  #isStopped({ name }: Target, state: TargetState | undefined): boolean {
    return state?.stoppedAtMs !== undefined && state.stoppedAtMs !== this.#formerStops.get(name);
  }
}

const isOver = ({ addedAtMs }: Delivery, nowMs: number): boolean => nowMs - addedAtMs >= giveUpMs;

/**
 * Whether a stored time is still to come. One that is further ahead than anybody writes is from before the clock was set back,
 * and does not count.
 */
const isAhead = (atMs: number | undefined, nowMs: number, mostMs: number): boolean =>
  atMs !== undefined && atMs > nowMs && atMs - nowMs <= mostMs + skewMs;

const isDue = ({ nextAtMs, claimedUntilMs }: Delivery, nowMs: number): boolean =>
  !isAhead(nextAtMs, nowMs, maxPauseMs) && !isAhead(claimedUntilMs, nowMs, claimMs);

const pauseMs = (attempts: number, { retryAfterMs = 0 }: { readonly retryAfterMs: number | undefined }): number =>
  Math.min(maxPauseMs, Math.max(retryAfterMs, pausesMs[Math.min(attempts, pausesMs.length) - 1] ?? maxPauseMs));
