import { BrokerError } from './errors.ts';
import type { Limiter } from './limiter.ts';
import { type Demand, type Requester, Requesters, type Share, type ShareUser, wholeBudget } from './share.ts';

interface FairLimiterSettings {
  /** Maximum number of concurrent operations, or the share that says how many there may be now. */
  readonly limit: number | Share;
  /** Maximum number of concurrent operations of one requester. Default: the limit, or one less from 16 on. */
  readonly maxRunning?: number;
  /** Maximum number of waiting operations of one caller. Its next operation is rejected. */
  readonly maxWaiting: number;
  /** Who answers the operations, for the rejection. */
  readonly peer: string;
  /** Called when an operation starts, with what it was said to take. */
  readonly onStart?: (units: number, requester: Requester) => void;
}

/** One of this many turns goes to the background while others wait, too, so that jobs end. */
const backgroundTurn = 8;
/** From this limit on, a requester alone leaves one slot free, so that another one does not wait for its operations. */
const minLimitWithReserve = 16;
const retryAfterSeconds = 10;

interface Ticket {
  readonly units: number;
  /** The requesters in whose queues the ticket is. */
  readonly queuedFor: Set<Requester>;
  /** Stops listening to changes, once the ticket has started or its wait has ended. */
  end: () => void;
  /** Starts the operation in the turn of this requester. */
  readonly start: (requester: Requester) => void;
}

interface Queue {
  readonly requester: Requester;
  readonly tickets: Set<Ticket>;
}
type Queues = Map<string, Queue>;

export const kindOf = ({ kind }: Requester): keyof Demand => (kind === 'background' ? 'background' : 'interactive');

function unitsOf(queues: Queues): number {
  let sum = 0;
  for (const { tickets } of queues.values()) for (const { units } of tickets) sum += units;
  return sum;
}

/**
 * Runs at most `limit` operations concurrently. Each requester has its own queue, and the queues take turns, so that one
 * requester with many operations does not delay the others. Callers and the broker come before background work.
 */
export class FairLimiter implements ShareUser {
  readonly #settings: FairLimiterSettings;
  readonly #share: Share;
  /** Running operations by requester and by kind, and the most of each kind since the last reading. */
  readonly #runningOf = new Map<string, number>();
  #running = { interactive: 0, background: 0 };
  #most = { interactive: 0, background: 0 };
  readonly #queues: Readonly<Record<keyof Demand, Queues>> = { interactive: new Map(), background: new Map() };
  #waiting = 0;
  #turnsSinceBackground = 0;

  constructor(settings: FairLimiterSettings) {
    this.#settings = settings;
    this.#share = typeof settings.limit === 'number' ? wholeBudget(settings.limit) : settings.limit;
    this.#share.attach(this);
  }

  demand(): Demand {
    const { interactive, background } = this.#running;
    const [most, waiting] = [this.#most, this.waitingUnits()];
    this.#most = { interactive, background };
    return {
      interactive: Math.max(most.interactive, interactive + waiting.interactive),
      background: Math.max(most.background, background + waiting.background),
    };
  }

  waitingUnits(): Demand {
    return { interactive: unitsOf(this.#queues.interactive), background: unitsOf(this.#queues.background) };
  }

  held(): number {
    return this.#running.interactive + this.#running.background;
  }

  changed(): void {
    this.#fill();
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** The limiter as one requester uses it. */
  as(requester: Requester): Pick<Limiter, 'run'> {
    return { run: (work, signal) => this.run(work, new Requesters(requester), signal) };
  }

  /** Whether an operation of each of the requesters waits. */
  allWait(requesters: Requesters): boolean {
    return requesters.all.every((requester) => this.#queues[kindOf(requester)].has(requester.id));
  }

  /**
   * @param requesters Those that wait for the operation. It waits in the queue of each, also of those that join later, so
   * that it starts as early as if each had asked alone.
   * @param signal Ends the wait: `run` rejects with its reason. It does not end the work.
   * @param units What `onStart` is told. The limit counts operations.
   * @throws BrokerError `caller_throttled` if every requester already has too many waiting operations.
   */
  async run<T>(work: () => Promise<T>, requesters: Requesters, signal?: AbortSignal, units = 1): Promise<T> {
    const requester = await this.#enter(requesters, units, signal);
    try {
      return await work();
    } finally {
      this.#leave(requester);
      this.#fill();
    }
  }

  async #enter(requesters: Requesters, units: number, signal: AbortSignal | undefined): Promise<Requester> {
    signal?.throwIfAborted();
    const immediate = this.#startAtOnce(requesters, units);
    this.#share.wanted(immediate === undefined);
    if (immediate !== undefined) return immediate;
    const { promise, resolve, reject } = Promise.withResolvers<Requester>();
    const ticket: Ticket = { units, queuedFor: new Set(), end: () => undefined, start: resolve };
    for (const requester of requesters.all) this.#queue(ticket, requester);
    if (ticket.queuedFor.size === 0) {
      const detail = `The caller already waits for ${this.#settings.maxWaiting} answers of ${this.#settings.peer}.`;
      throw new BrokerError('caller_throttled', detail, { retryAfterSeconds });
    }
    this.#waiting += 1;
    const abort = (): void => {
      this.#withdraw(ticket);
      reject(signal?.reason);
    };
    // At once, and not when the caller continues: a ticket that has started must not be queued again.
    ticket.end = () => {
      stopWatching();
      signal?.removeEventListener('abort', abort);
    };
    signal?.addEventListener('abort', abort, { once: true });
    const stopWatching = requesters.watch({
      joined: (requester) => {
        this.#queue(ticket, requester);
        this.#fill();
      },
      left: (requester) => {
        this.#unqueue(ticket, requester);
        ticket.queuedFor.delete(requester);
        if (ticket.queuedFor.size > 0) return;
        // Those that stay may have a full queue. They have waited already.
        for (const remaining of requesters.all) this.#queue(ticket, remaining, Infinity);
        this.#fill();
      },
    });
    this.#fill();
    return promise;
  }

  /** Where nothing waits, an operation needs no queue, which would take most of the time of this class. */
  #startAtOnce(requesters: Requesters, units: number): Requester | undefined {
    if (this.#waiting > 0 || this.held() >= this.#share.amount()) return undefined;
    const most = this.#maxPerRequester();
    const free = requesters.all.filter(({ id }) => (this.#runningOf.get(id) ?? 0) < most);
    const requester = free.find(({ kind }) => kind !== 'background') ?? free[0];
    if (requester === undefined) return undefined;
    this.#turnsSinceBackground = 0;
    this.#start(requester, units);
    return requester;
  }

  #start(requester: Requester, units: number): void {
    const kind = kindOf(requester);
    this.#runningOf.set(requester.id, (this.#runningOf.get(requester.id) ?? 0) + 1);
    this.#running[kind] += 1;
    this.#most[kind] = Math.max(this.#most[kind], this.#running[kind]);
    this.#settings.onStart?.(units, requester);
  }

  #leave(requester: Requester): void {
    const others = (this.#runningOf.get(requester.id) ?? 0) - 1;
    if (others > 0) this.#runningOf.set(requester.id, others);
    else this.#runningOf.delete(requester.id);
    this.#running[kindOf(requester)] -= 1;
  }

  #maxPerRequester(): number {
    const limit = this.#share.amount();
    return this.#settings.maxRunning ?? limit - (limit >= minLimitWithReserve ? 1 : 0);
  }

  /** Starts waiting operations while there are free slots. */
  #fill(): void {
    while (this.#waiting > 0 && this.held() < this.#share.amount()) {
      const next = this.#next();
      if (next === undefined) return;
      const { ticket, requester } = next;
      this.#withdraw(ticket);
      this.#start(requester, ticket.units);
      ticket.start(requester);
    }
  }

  #next(): { readonly ticket: Ticket; readonly requester: Requester } | undefined {
    const most = this.#maxPerRequester();
    const isBackgroundTurn = this.#turnsSinceBackground >= backgroundTurn - 1;
    const { interactive, background } = this.#queues;
    for (const queues of isBackgroundTurn ? [background, interactive] : [interactive, background]) {
      for (const [id, queue] of queues) {
        const [ticket] = queue.tickets;
        if (ticket === undefined || (this.#runningOf.get(id) ?? 0) >= most) continue;
        // The requester's next turn comes after those of all others.
        queues.delete(id);
        queues.set(id, queue);
        const backgroundWaits = queues !== background && background.size > 0;
        this.#turnsSinceBackground = backgroundWaits ? this.#turnsSinceBackground + 1 : 0;
        return { ticket, requester: queue.requester };
      }
    }
    return undefined;
  }

  /** Adds the ticket to the requester's queue, unless that is full. */
  #queue(ticket: Ticket, requester: Requester, maxWaiting = this.#settings.maxWaiting): void {
    const queues = this.#queues[kindOf(requester)];
    const queue = queues.get(requester.id) ?? { requester, tickets: new Set() };
    if (requester.kind === 'caller' && queue.tickets.size >= maxWaiting) return;
    queue.tickets.add(ticket);
    queues.set(requester.id, queue);
    ticket.queuedFor.add(requester);
  }

  #unqueue(ticket: Ticket, requester: Requester): void {
    const queues = this.#queues[kindOf(requester)];
    const queue = queues.get(requester.id);
    queue?.tickets.delete(ticket);
    if (queue?.tickets.size === 0) queues.delete(requester.id);
  }

  #withdraw(ticket: Ticket): void {
    ticket.end();
    this.#waiting -= 1;
    for (const requester of ticket.queuedFor) this.#unqueue(ticket, requester);
  }
}
