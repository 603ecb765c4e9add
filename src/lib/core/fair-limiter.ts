import { BrokerError } from './errors.ts';
import type { Limiter } from './limiter.ts';
import { type Requester, Requesters, type Share, type Usage, wholeBudget } from './share.ts';

interface Running {
  readonly isInteractive: boolean;
  count: number;
}

/** Waiting operations by requester. */
type Waiting = ReadonlyMap<string, { readonly tickets: ReadonlySet<unknown> }>;

/** Counts the operations that run, by requester, and what was needed since the last reading. */
class UsageMeter {
  readonly #running = new Map<string, Running>();
  #active = { interactive: 0, background: 0 };
  #most = { interactive: 0, background: 0 };
  /** Requesters whose operations have started since the last reading. */
  #started = new Map<string, boolean>();

  get active(): number {
    return this.#active.interactive + this.#active.background;
  }

  activeOf(id: string): number {
    return this.#running.get(id)?.count ?? 0;
  }

  entered({ id, kind }: Requester): void {
    const isInteractive = kind !== 'background';
    const running = this.#running.get(id);
    if (running === undefined) this.#running.set(id, { isInteractive, count: 1 });
    else running.count += 1;
    this.#started.set(id, isInteractive);
    const name = isInteractive ? 'interactive' : 'background';
    this.#active[name] += 1;
    this.#most[name] = Math.max(this.#most[name], this.#active[name]);
  }

  left({ id, kind }: Requester): void {
    this.#active[kind === 'background' ? 'background' : 'interactive'] -= 1;
    const running = this.#running.get(id);
    if (running === undefined) return;
    running.count -= 1;
    if (running.count === 0) this.#running.delete(id);
  }

  /** What was needed since the last reading, and starts the next. */
  read(interactive: Waiting, background: Waiting): Usage {
    const callers = new Set(interactive.keys());
    const runs = new Set(background.keys());
    for (const [id, { isInteractive }] of this.#running) (isInteractive ? callers : runs).add(id);
    for (const [id, isInteractive] of this.#started) (isInteractive ? callers : runs).add(id);
    const most = this.#most;
    this.#most = { ...this.#active };
    this.#started = new Map();
    return {
      interactive: Math.max(most.interactive, this.#active.interactive + sizeOf(interactive)),
      callers: callers.size,
      background: Math.max(most.background, this.#active.background + sizeOf(background)),
      runs: runs.size,
    };
  }
}

function sizeOf(queues: Waiting): number {
  let size = 0;
  for (const { tickets } of queues.values()) size += tickets.size;
  return size;
}

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
/** From this limit on, a requester alone leaves one place free, so that another one does not wait for its operations. */
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

/**
 * Runs at most `limit` operations concurrently. Each requester has its own queue, and the queues take turns, so that one
 * requester with many operations does not delay the others. Callers and the broker come before background work.
 */
export class FairLimiter {
  readonly #settings: FairLimiterSettings;
  readonly #share: Share;
  readonly #meter = new UsageMeter();
  readonly #interactive: Queues = new Map();
  readonly #background: Queues = new Map();
  #waiting = 0;
  #turnsSinceBackground = 0;

  constructor(settings: FairLimiterSettings) {
    this.#settings = settings;
    this.#share = typeof settings.limit === 'number' ? wholeBudget(settings.limit) : settings.limit;
    this.#share.attach({
      usage: () => this.#meter.read(this.#interactive, this.#background),
      held: () => this.#meter.active,
      changed: () => this.#fill(),
    });
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
    return requesters.all.every((requester) => this.#queuesFor(requester).has(requester.id));
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
      this.#meter.left(requester);
      this.#fill();
    }
  }

  #queuesFor({ kind }: Requester): Queues {
    return kind === 'background' ? this.#background : this.#interactive;
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
    if (this.#waiting > 0 || this.#meter.active >= this.#share.amount()) return undefined;
    const most = this.#maxPerRequester();
    const free = requesters.all.filter(({ id }) => this.#meter.activeOf(id) < most);
    const requester = free.find(({ kind }) => kind !== 'background') ?? free[0];
    if (requester === undefined) return undefined;
    this.#turnsSinceBackground = 0;
    this.#start(requester, units);
    return requester;
  }

  #start(requester: Requester, units: number): void {
    this.#meter.entered(requester);
    this.#settings.onStart?.(units, requester);
  }

  #maxPerRequester(): number {
    const limit = this.#share.amount();
    return this.#settings.maxRunning ?? limit - (limit >= minLimitWithReserve ? 1 : 0);
  }

  /** Starts waiting operations while there are free places. */
  #fill(): void {
    while (this.#waiting > 0 && this.#meter.active < this.#share.amount()) {
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
    const order = isBackgroundTurn ? [this.#background, this.#interactive] : [this.#interactive, this.#background];
    for (const queues of order) {
      for (const [id, queue] of queues) {
        const [ticket] = queue.tickets;
        if (ticket === undefined || this.#meter.activeOf(id) >= most) continue;
        // The requester's next turn comes after those of all others.
        queues.delete(id);
        queues.set(id, queue);
        const backgroundWaits = queues !== this.#background && this.#background.size > 0;
        this.#turnsSinceBackground = backgroundWaits ? this.#turnsSinceBackground + 1 : 0;
        return { ticket, requester: queue.requester };
      }
    }
    return undefined;
  }

  /** Adds the ticket to the requester's queue, unless that is full. */
  #queue(ticket: Ticket, requester: Requester, maxWaiting = this.#settings.maxWaiting): void {
    const queues = this.#queuesFor(requester);
    const queue = queues.get(requester.id) ?? { requester, tickets: new Set() };
    if (requester.kind === 'caller' && queue.tickets.size >= maxWaiting) return;
    queue.tickets.add(ticket);
    queues.set(requester.id, queue);
    ticket.queuedFor.add(requester);
  }

  #unqueue(ticket: Ticket, requester: Requester): void {
    const queues = this.#queuesFor(requester);
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
