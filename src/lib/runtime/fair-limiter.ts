import { BrokerError } from '../model/errors.ts';
import type { Requester, Requesters } from './requesters.ts';

export interface FairLimiterSettings {
  /** Maximum number of concurrent operations. */
  readonly limit: number;
  /** Maximum number of concurrent operations of one requester. Default: `limit`, or one less from 16 on. */
  readonly maxRunning?: number;
  /** Maximum number of waiting operations of one caller. Its next operation is rejected. */
  readonly maxWaiting: number;
  /** Who answers the operations, for the rejection. */
  readonly peer: string;
}

/** One of this many turns goes to the background while others wait, too, so that jobs end. */
const backgroundTurn = 8;
/** From this limit on, a requester alone leaves one place free, so that another one does not wait for its operations. */
const minLimitWithReserve = 16;
const retryAfterSeconds = 10;

interface Ticket {
  /** The requesters in whose queues the ticket is. */
  readonly queuedFor: Set<Requester>;
  /** Stops listening to changes, once the ticket has started or its wait has ended. */
  end: () => void;
  /** Starts the operation in the turn of the requester with this id. */
  readonly start: (id: string) => void;
}

type Queues = Map<string, Set<Ticket>>;

/**
 * Runs at most `limit` operations concurrently. Each requester has its own queue, and the queues take turns, so that one
 * requester with many operations does not delay the others. Callers and the broker come before background work.
 */
export class FairLimiter {
  readonly #settings: FairLimiterSettings;
  readonly #maxPerRequester: number;
  readonly #interactive: Queues = new Map();
  readonly #background: Queues = new Map();
  /** Running operations by requester id. */
  readonly #running = new Map<string, number>();
  #active = 0;
  #waiting = 0;
  #turnsSinceBackground = 0;

  constructor(settings: FairLimiterSettings) {
    this.#settings = settings;
    const { limit, maxRunning = limit - (limit >= minLimitWithReserve ? 1 : 0) } = settings;
    this.#maxPerRequester = maxRunning;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Whether an operation of each of the requesters waits. */
  allWait(requesters: Requesters): boolean {
    return requesters.all.every((requester) => this.#queuesFor(requester).has(requester.id));
  }

  /**
   * @param requesters Those that wait for the operation. It waits in the queue of each, also of those that join later, so
   * that it starts as early as if each had asked alone.
   * @param signal Ends the wait: `run` rejects with its reason. It does not end the work.
   * @throws BrokerError `caller_throttled` if every requester already has too many waiting operations.
   */
  async run<T>(work: () => Promise<T>, requesters: Requesters, signal?: AbortSignal): Promise<T> {
    const id = await this.#enter(requesters, signal);
    try {
      return await work();
    } finally {
      this.#leave(id);
    }
  }

  #queuesFor({ kind }: Requester): Queues {
    return kind === 'background' ? this.#background : this.#interactive;
  }

  async #enter(requesters: Requesters, signal: AbortSignal | undefined): Promise<string> {
    signal?.throwIfAborted();
    const immediate = this.#startAtOnce(requesters);
    if (immediate !== undefined) return immediate;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const ticket: Ticket = { queuedFor: new Set(), end: () => undefined, start: resolve };
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
  #startAtOnce(requesters: Requesters): string | undefined {
    if (this.#waiting > 0 || this.#active >= this.#settings.limit) return undefined;
    const free = requesters.all.filter(({ id }) => this.#runningFor(id) < this.#maxPerRequester);
    const requester = free.find(({ kind }) => kind !== 'background') ?? free[0];
    if (requester === undefined) return undefined;
    this.#turnsSinceBackground = 0;
    this.#occupy(requester.id);
    return requester.id;
  }

  #occupy(id: string): void {
    this.#active += 1;
    this.#running.set(id, this.#runningFor(id) + 1);
  }

  #leave(id: string): void {
    this.#active -= 1;
    const left = this.#runningFor(id) - 1;
    if (left > 0) this.#running.set(id, left);
    else this.#running.delete(id);
    this.#fill();
  }

  /** Starts waiting operations while there are free places. */
  #fill(): void {
    while (this.#active < this.#settings.limit) {
      const next = this.#next();
      if (next === undefined) return;
      const { ticket, id } = next;
      this.#withdraw(ticket);
      this.#occupy(id);
      ticket.start(id);
    }
  }

  #next(): { readonly ticket: Ticket; readonly id: string } | undefined {
    const isBackgroundTurn = this.#turnsSinceBackground >= backgroundTurn - 1;
    const order = isBackgroundTurn ? [this.#background, this.#interactive] : [this.#interactive, this.#background];
    for (const queues of order) {
      for (const [id, queue] of queues) {
        const [ticket] = queue;
        if (ticket === undefined || this.#runningFor(id) >= this.#maxPerRequester) continue;
        // The requester's next turn comes after those of all others.
        queues.delete(id);
        queues.set(id, queue);
        const backgroundWaits = queues !== this.#background && this.#background.size > 0;
        this.#turnsSinceBackground = backgroundWaits ? this.#turnsSinceBackground + 1 : 0;
        return { ticket, id };
      }
    }
    return undefined;
  }

  /** Adds the ticket to the requester's queue, unless that is full. */
  #queue(ticket: Ticket, requester: Requester, maxWaiting = this.#settings.maxWaiting): void {
    const queues = this.#queuesFor(requester);
    const queue = queues.get(requester.id) ?? new Set();
    if (requester.kind === 'caller' && queue.size >= maxWaiting) return;
    queues.set(requester.id, queue.add(ticket));
    ticket.queuedFor.add(requester);
  }

  #unqueue(ticket: Ticket, requester: Requester): void {
    const queues = this.#queuesFor(requester);
    const queue = queues.get(requester.id);
    queue?.delete(ticket);
    if (queue?.size === 0) queues.delete(requester.id);
  }

  #withdraw(ticket: Ticket): void {
    ticket.end();
    this.#waiting -= 1;
    for (const requester of ticket.queuedFor) this.#unqueue(ticket, requester);
  }

  #runningFor(id: string): number {
    return this.#running.get(id) ?? 0;
  }
}
