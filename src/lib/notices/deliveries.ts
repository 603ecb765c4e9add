import { type Clock, dayMs, hourMs, isAhead, minuteMs } from '../core/clock.ts';
import { toBrokerError } from '../core/errors.ts';
import { Limiter } from '../core/limiter.ts';
import { errorFields, type Logger } from '../core/log.ts';
import type { Filter } from './filter.ts';
import { cut, type Notice, quoted, type TenantNoticeKind, tenantTitles } from './notice.ts';
import type { Delivery, Outbox, TargetState } from './outbox.ts';
import type { Outcome, Target } from './target.ts';

/** A notice is given up when an attempt fails after this time. */
const giveUpMs = dayMs;
/** Pauses before a notice is tried again. The last one repeats. */
const pausesMs = [1, 2, 5, 10, 20, 40, 60].map((minutes) => minutes * minuteMs);
/** Retry-After counts for at most this long. */
const maxPauseMs = hourMs;
/** A pass waits itself for a Retry-After of up to this. Chats ask for seconds when they get several messages at once. */
const shortPauseMs = 30_000;
/** The shortest wait, whatever the receiver asks for. */
const leastPauseMs = 1_000;
/** How long a receiver that answered 410 gets nothing. */
const stopMs = dayMs;
/** How long an instance has a notice for itself: more than twice what a request and two calls to storage may take. */
const claimMs = 4 * minuteMs;
/**
 * Clocks of instances differ by less. Longer than for other claims: docs/notices.md promises that only a clock that was set
 * back by less than this and the longest pause delays notices.
 */
const skewMs = 10 * minuteMs;

/** Whether the next failure is the last. */
const isOver = ({ addedAtMs }: Delivery, nowMs: number): boolean => nowMs - addedAtMs >= giveUpMs;

/** Whether a stored time is still to come. */
const isToCome = (atMs: number | undefined, nowMs: number, mostMs: number): boolean =>
  isAhead(atMs, nowMs, mostMs, skewMs);

/** Whether an instance has a claim on the delivery. */
const isClaimed = ({ claimedUntilMs }: Delivery, nowMs: number): boolean => isToCome(claimedUntilMs, nowMs, claimMs);

/** Whether the delivery may be tried now. */
const isDue = (delivery: Delivery, nowMs: number): boolean =>
  !isToCome(delivery.nextAtMs, nowMs, maxPauseMs) && !isClaimed(delivery, nowMs);

/** Whether the receiver wants no request now. */
const isPaused = (state: TargetState | undefined, nowMs: number): boolean =>
  isToCome(state?.pausedUntilMs, nowMs, maxPauseMs);

/** Whether the receiver has answered 410 within the last day. */
const isStopped = (state: TargetState | undefined, nowMs: number): boolean =>
  state?.stoppedAtMs !== undefined && isToCome(state.stoppedAtMs + stopMs, nowMs, stopMs);

/** The end of a pause that begins now. */
const pauseEndMs = (pauseMs: number, nowMs: number): number =>
  nowMs + Math.min(Math.max(pauseMs, leastPauseMs), maxPauseMs);

/**
 * When a delivery is tried again. Retry-After says when, because it is about the receiver and not about this notice, unless
 * this notice was refused often: others must get their turn.
 * @param attempts its number of attempts so far, from 1.
 */
function nextAtMs(attempts: number, retryAfterMs: number | undefined, nowMs: number): number {
  const isFew = retryAfterMs !== undefined && attempts < maxFailures;
  const pauseMs = isFew ? 0 : (pausesMs[Math.min(attempts, pausesMs.length) - 1] ?? maxPauseMs);
  return pauseEndMs(Math.max(retryAfterMs ?? 0, pauseMs), nowMs);
}

/** Up to this many notices of one kind are a message each. */
const fewNotices = 5;
/** Most notices in one message. All of them are claimed before it is sent, which must not take long. */
const mostNotices = 500;
const mostNames = 10;
const mostTexts = 3;

const isTenantKind = (kind: string): kind is TenantNoticeKind => Object.hasOwn(tenantTitles, kind);
/** What may come in large numbers: many tenants at once, or a caller that asks and asks. */
const isBundled = (kind: string): boolean => isTenantKind(kind) || kind === 'approval.needed';

/** Puts deliveries together whose notices may become one message, each where its first one is. */
function groupsOf(deliveries: readonly Delivery[]): readonly (readonly Delivery[])[] {
  const open = new Map<string, Delivery[]>();
  const groups: Delivery[][] = [];
  for (const delivery of deliveries) {
    const group = open.get(delivery.kind);
    if (group !== undefined && group.length < mostNotices) group.push(delivery);
    else {
      const begun = [delivery];
      groups.push(begun);
      if (isBundled(delivery.kind)) open.set(delivery.kind, begun);
    }
  }
  return groups;
}

/** The first names of a list, each short, and how many more there are. */
function firstNames(names: readonly string[]): string {
  const shown = names.slice(0, mostNames).map((name) => quoted(cut(name, 60)));
  return `${shown.join(', ')}${names.length > mostNames ? ` and ${names.length - mostNames} more` : ''}`;
}

/** One message about several requests that wait for approvals: how many, who asks, for which tenants, and where to see all. */
function approvalsBundle(notices: readonly Notice[], dashboardUrl: string | undefined): Notice {
  const valuesOf = (name: string): string[] =>
    notices.flatMap(({ facts }) => facts.filter((fact) => fact.name === name).map(({ value }) => value));
  return {
    kind: 'approval.needed',
    key: '',
    severity: 'warning',
    atMs: Math.max(...notices.map(({ atMs }) => atMs)),
    title: `${notices.length} approvals needed`,
    text: 'Other people must approve the requests. `ptb approvals list` lists them, and so does the dashboard.',
    facts: ['Asked by', 'Tenant'].map((name) => ({ name, value: firstNames([...new Set(valuesOf(name))]) })),
    ...(dashboardUrl === undefined ? {} : { link: `${dashboardUrl}#/approvals` }),
  };
}

/**
 * One message about several notices of one kind: how many tenants, the names of the first ones, and where to see all.
 * @param notices clean ones, at least two.
 */
export function bundleOf(notices: readonly Notice[], dashboardUrl: string | undefined): Notice {
  const [first] = notices;
  if (first?.kind === 'approval.needed') return approvalsBundle(notices, dashboardUrl);
  if (first === undefined || notices.length === 1 || !isTenantKind(first.kind))
    throw new Error('A message has several notices about tenants or approvals.');
  const { kind, severity } = first;
  const names = new Map(notices.map(({ tenantId, tenantName }) => [tenantId, tenantName ?? tenantId ?? '']));
  const repeated = names.size === notices.length ? '' : `, ${notices.length} times`;
  const texts = [...Map.groupBy(notices, ({ text }) => text)];
  const ofEvents = kind.slice('tenant.'.length);
  const list = `\`ptb tenants events --kind ${ofEvents}\` lists them.`;
  return {
    kind,
    key: '',
    severity,
    atMs: Math.max(...notices.map(({ atMs }) => atMs)),
    title: `${names.size} tenants: ${tenantTitles[kind]}${repeated}`,
    text: texts.length === 1 ? `${first.text} ${list}` : list,
    facts: [
      { name: 'Tenants', value: firstNames([...names.values()]) },
      // Advice that names the tenant differs each time.
      ...(texts.length === 1 || texts.length > mostTexts
        ? []
        : texts.map(([text, alike]) => ({ name: `${alike.length} of them`, value: text }))),
    ],
    ...(dashboardUrl === undefined ? {} : { link: `${dashboardUrl}#/events?kind=${ofEvents}` }),
  };
}

/** Failures of the target in a row after which the rest waits for the next pass. */
const maxFailures = 3;
/** A pass ends after this time. The timer fires every five minutes. */
const passMs = 3 * minuteMs;
/** Rows of one message that are read or written at the same time. */
const parallelRows = 10;

const unknownGroup = 'got no request, because NOTIFICATION_FILTER names a group that the policy does not have';
const undecided = 'got no request, because the tags or domains in NOTIFICATION_FILTER could not be looked up';

interface TargetDeliveriesDeps {
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

interface Pass {
  readonly state: TargetState | undefined;
  readonly startMs: number;
  /** Of the target. */
  readonly failures: { inARow: number };
}

/**
 * Delivers notices to one target. Instances claim a delivery before they send it, so it is sent once. If a process dies
 * between sending and removing it, it is sent again, with the same id, after the claim has lapsed. Many notices of one kind
 * may be one message: each has been let through by the filter, is claimed, and succeeds or fails with the message.
 */
class TargetDeliveries {
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
    const failures = { inARow: 0 };
    let goesOn: boolean;
    do {
      this.#again = false;
      const waiting: Delivery[] = [];
      for await (const delivery of outbox.waiting(name)) waiting.push(delivery);
      if (isStopped(state, startMs)) return this.#giveUpOld(waiting);
      goesOn = await this.#send(inTurn(waiting, clock.nowMs()), { state, startMs, failures });
    } while (goesOn && !this.#isOver(startMs));
  }

  readonly #isOver = (startMs: number, soonMs = 0): boolean =>
    Math.abs(this.#deps.clock.nowMs() + soonMs - startMs) > passMs;

  /**
   * Sends until something new has come, which may be more urgent, or until the receiver has enough.
   * @returns whether the pass goes on with what waits then.
   */
  async #send(deliveries: readonly Delivery[], pass: Pass): Promise<boolean> {
    const { state, startMs, failures } = pass;
    for (const group of this.#target.bundles ? groupsOf(deliveries) : deliveries.map((delivery) => [delivery])) {
      for (const message of this.#isOver(startMs) ? [] : await this.#messagesOf(group)) {
        const outcome = await this.#attempt(message);
        if (outcome === undefined) continue;
        await this.#note(state, outcome);
        if (outcome.is === 'gone') return false;
        if (outcome.is === 'delivered') failures.inARow = 0;
        else if (outcome.concerns === 'target') failures.inARow += 1;
        if (failures.inARow >= maxFailures) return false;
        if (outcome.is === 'failed' && outcome.retryAfterMs !== undefined)
          return this.#wait(outcome.retryAfterMs, startMs);
        if (this.#again) return true;
      }
    }
    return false;
  }

  /** Waits for a short Retry-After. @returns false for a longer one, which is left to the timer. */
  async #wait(retryAfterMs: number, startMs: number): Promise<boolean> {
    const waitMs = Math.max(retryAfterMs, leastPauseMs);
    if (waitMs > shortPauseMs || this.#isOver(startMs, waitMs)) return false;
    await this.#deps.clock.sleep(waitMs);
    return true;
  }

  /** What to send of a group. A few notices are a message each. */
  async #messagesOf(group: readonly Delivery[]): Promise<readonly Message[]> {
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

/**
 * What may be tried now: first what is critical, then what was tried least often, so that nothing new waits for retries, and
 * then the oldest.
 */
const inTurn = (waiting: readonly Delivery[], nowMs: number): readonly Delivery[] =>
  waiting
    .filter((delivery) => isDue(delivery, nowMs))
    .toSorted((one, other) => urgency(other) - urgency(one) || one.attempts - other.attempts);

const urgency = ({ severity }: Delivery): number => (severity === 'critical' ? 1 : 0);

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const limiter = new Limiter(parallelRows);
  return Promise.all(items.map((item) => limiter.run(() => work(item))));
}

interface DeliveriesDeps extends TargetDeliveriesDeps {
  readonly targets: readonly Target[];
}

/** Delivers notices from the outbox, to each target on its own: one that is slow delays no other. */
export class Deliveries {
  readonly #targets: readonly TargetDeliveries[];

  constructor({ targets, ...deps }: DeliveriesDeps) {
    this.#targets = targets.map((target) => new TargetDeliveries(deps, target));
  }

  /** Delivers what is due. A call during a pass makes another pass follow. Never throws. */
  async deliverDue(): Promise<void> {
    await Promise.all(this.#targets.map((target) => target.deliverDue()));
  }
}
