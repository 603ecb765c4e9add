import { minuteMs } from '../core/durations.ts';
import { toBrokerError } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import { Limiter } from '../core/limiter.ts';
import { errorFields, type Logger } from '../core/log.ts';
import { bundleOf, fewNotices, groupsOf } from './bundle.ts';
import { claimMs, isClaimed, isDue, isOver, isPaused, isStopped, nextAtMs, pauseEndMs } from './delivery-times.ts';
import type { Filter } from './filter.ts';
import type { Notice } from './notice.ts';
import type { Delivery, Outbox, TargetState } from './outbox.ts';
import type { Outcome, Target } from './target.ts';

/** Failures of the target in a row after which the rest waits for the next pass. */
const maxFailures = 3;
/** A pass ends after this time. The timer fires every five minutes. */
const passMs = 3 * minuteMs;
/** Rows of one message that are read or written at the same time. */
const parallelRows = 10;

const unknownGroup = 'got no request, because NOTIFICATION_FILTER names a group that the policy does not have';
const undecided = 'got no request, because the tags or domains in NOTIFICATION_FILTER could not be looked up';

export interface TargetDeliveriesDeps {
  readonly outbox: Outbox;
  readonly filter: Filter;
  /** For links. Undefined: it is not known. */
  readonly dashboardUrl: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

type Failure = Extract<Outcome, { readonly is: 'failed' }>;

/** A delivery and its notice, which the target should get. */
interface Addressed {
  readonly delivery: Delivery;
  readonly notice: Notice;
}
/** What one request tells. */
type Message = readonly Addressed[];

/**
 * Delivers notices to one target. Instances claim a delivery before they send it, so it is sent once. If a process dies
 * between sending and removing it, it is sent again, with the same id, after the claim has lapsed. Many notices of one kind
 * may be one message: each has been let through by the filter, is claimed, and succeeds or fails with the message.
 */
export class TargetDeliveries {
  readonly #deps: TargetDeliveriesDeps;
  readonly #target: Target;
  #running: Promise<void> | undefined;
  #again = false;

  constructor(deps: TargetDeliveriesDeps, target: Target) {
    this.#deps = deps;
    this.#target = target;
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
      try {
        await this.#pass();
      } catch (thrown) {
        this.#deps.log.log('warn', 'notice.delivery_failed', { target: this.#target.name, ...errorFields(thrown) });
      }
    }
    this.#running = undefined;
  }

  async #pass(): Promise<void> {
    const { outbox, clock } = this.#deps;
    const startMs = clock.nowMs();
    const { name, addressDigest } = this.#target;
    const stored = await outbox.state(name);
    const state = stored?.addressDigest === addressDigest ? stored : undefined;
    if (isPaused(state, startMs)) return;
    const waiting: Delivery[] = [];
    for await (const delivery of outbox.waiting(name)) waiting.push(delivery);
    if (isStopped(state, startMs)) return this.#giveUpOld(waiting);
    const deliveries = inTurn(waiting, startMs);
    let failures = 0;
    for (const group of this.#target.bundles ? groupsOf(deliveries) : deliveries.map((delivery) => [delivery])) {
      for (const message of await this.#messagesOf(group, startMs)) {
        const outcome = await this.#attempt(message);
        if (outcome === undefined) continue;
        await this.#note(state, outcome);
        if (outcome.is === 'gone' || (outcome.is === 'failed' && outcome.retryAfterMs !== undefined)) return;
        if (outcome.is === 'delivered') failures = 0;
        else if (outcome.concerns === 'target') failures += 1;
        if (failures >= maxFailures) return;
      }
    }
  }

  /** What to send of a group: nothing at the end of the pass. A few notices are a message each. */
  async #messagesOf(group: readonly Delivery[], startMs: number): Promise<readonly Message[]> {
    if (Math.abs(this.#deps.clock.nowMs() - startMs) > passMs) return [];
    const wanted = (await inParallel(group, (delivery) => this.#addressed(delivery))).filter(
      (each) => each !== undefined,
    );
    return wanted.length > fewNotices ? [wanted] : wanted.map((each) => [each]);
  }

  /** The notice of a delivery, unless the target should not get it, or this cannot be decided now. */
  async #addressed(delivery: Delivery): Promise<Addressed | undefined> {
    const { outbox, filter, log } = this.#deps;
    const { name } = this.#target;
    const notice = await outbox.find(delivery.noticeId);
    try {
      if (notice !== undefined && (await filter(name, notice))) return { delivery, notice };
    } catch (thrown) {
      // Health shows the reason to anybody, so the groups of the policy are in the log only.
      log.log('warn', 'notice.filter_failed', { target: name, ...errorFields(thrown) });
      const { code } = toBrokerError(thrown);
      const reason = code === 'request_invalid' ? unknownGroup : undecided;
      const attempted = { ...delivery, attempts: delivery.attempts + 1 };
      await this.#keep(attempted, { is: 'failed', reason, concerns: 'notice', retryAfterMs: undefined });
      return undefined;
    }
    await outbox.remove(delivery);
    return undefined;
  }

  /**
   * Claims deliveries, sends them as one message, and writes what became of them.
   * @returns undefined if other instances have all of them.
   * @throws BrokerError storage_unavailable
   */
  async #attempt(message: Message): Promise<Outcome | undefined> {
    const { outbox, clock, dashboardUrl } = this.#deps;
    const startMs = clock.nowMs();
    const claims = await inParallel(message, async ({ delivery, notice }) => {
      const attempts = delivery.attempts + 1;
      const claimed = await outbox.change({ ...delivery, attempts, claimedUntilMs: startMs + claimMs });
      return claimed && { delivery: claimed, notice };
    });
    const own = claims.filter((claim) => claim !== undefined);
    const [first] = own;
    // Storage may have been so slow that another instance has taken over.
    if (first === undefined || Math.abs(clock.nowMs() - startMs) > claimMs / 2) return undefined;
    const notices = own.map(({ notice }) => notice);
    const outcome = await this.#target.send(own.length === 1 ? first.notice : bundleOf(notices, dashboardUrl));
    await inParallel(own, async ({ delivery }) => {
      if (outcome.is === 'delivered') await outbox.remove(delivery);
      else if (outcome.is === 'failed') await this.#keep(delivery, outcome);
      else await outbox.change({ ...delivery, reason: 'answers 410', claimedUntilMs: 0 });
    });
    return outcome;
  }

  /** Writes that an attempt failed. If it was the last one, the delivery is given up. */
  async #keep(delivery: Delivery, { reason, retryAfterMs }: Failure): Promise<void> {
    const nowMs = this.#deps.clock.nowMs();
    const failed = { ...delivery, reason, claimedUntilMs: 0 };
    if (isOver(delivery, nowMs)) await this.#giveUp(failed);
    else await this.#deps.outbox.change({ ...failed, nextAtMs: nextAtMs(delivery.attempts, retryAfterMs, nowMs) });
  }

  async #giveUpOld(waiting: readonly Delivery[]): Promise<void> {
    const nowMs = this.#deps.clock.nowMs();
    for (const delivery of waiting)
      if (isOver(delivery, nowMs) && !isClaimed(delivery, nowMs)) await this.#giveUp(delivery);
  }

  async #giveUp(delivery: Delivery): Promise<void> {
    const { outbox, clock, log } = this.#deps;
    const nowMs = clock.nowMs();
    const claimed = await outbox.change({ ...delivery, claimedUntilMs: nowMs + claimMs });
    if (claimed === undefined || !(await outbox.giveUp({ ...claimed, claimedUntilMs: 0 }, nowMs))) return;
    const { noticeId, attempts, reason } = delivery;
    log.log('error', 'notice.given_up', { target: this.#target.name, noticeId, attempts, reason });
  }

  /** Writes what an outcome says about the target itself. */
  async #note(before: TargetState | undefined, outcome: Outcome): Promise<void> {
    const { outbox, clock, log } = this.#deps;
    const { name, addressDigest } = this.#target;
    const nowMs = clock.nowMs();
    if (outcome.is === 'gone') {
      await outbox.setState(name, { addressDigest, stoppedAtMs: nowMs });
      log.log('error', 'notice.target_gone', { target: name });
    } else if (outcome.is === 'failed' && outcome.retryAfterMs !== undefined) {
      await outbox.setState(name, { addressDigest, pausedUntilMs: pauseEndMs(outcome.retryAfterMs, nowMs) });
    } else if (outcome.is === 'delivered' && before?.stoppedAtMs !== undefined)
      await outbox.setState(name, { addressDigest });
  }
}

/** What may be tried now: first what was tried least often, so that nothing new waits for retries, and then the oldest. */
const inTurn = (waiting: readonly Delivery[], nowMs: number): readonly Delivery[] =>
  waiting.filter((delivery) => isDue(delivery, nowMs)).toSorted((one, other) => one.attempts - other.attempts);

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const limiter = new Limiter(parallelRows);
  return Promise.all(items.map((item) => limiter.run(() => work(item))));
}
