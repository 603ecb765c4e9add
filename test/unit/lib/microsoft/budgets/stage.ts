import { BudgetKeeper } from '../../../../../src/lib/microsoft/budgets/budget-keeper.ts';
import type { Budget } from '../../../../../src/lib/microsoft/budgets/ledger.ts';
import { FairLimiter } from '../../../../../src/lib/core/fair-limiter.ts';
import { Requesters } from '../../../../../src/lib/core/share.ts';
import { FakeClock, seededRandom } from '../../../../fakes/fake-clock.ts';
import { MemoryLedgerStore } from '../../../../fakes/memory-ledger-store.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';

export interface Instance {
  readonly keeper: BudgetKeeper;
  readonly limiter: FairLimiter;
  readonly log: ReturnType<typeof recordingLogger>;
  /** Operations in flight. */
  inFlight: number;
  done: number;
  /** Ends the process: it sends and writes nothing any more, and what it has sent ends. */
  kill(): void;
}

export interface LoadOptions {
  readonly kind?: 'caller' | 'background';
  readonly id?: string;
}

/** Instances that share one number of concurrent operations, and count what leaves together. Seeded. */
export function stage(limit: number, seed = 1) {
  const clock = new FakeClock();
  const random = seededRandom(seed);
  const store = new MemoryLedgerStore(clock);
  store.delayMs = () => 5 + random() * 25;
  const instances: Instance[] = [];
  const upstream = { inFlight: 0, most: 0, overLimit: 0, sent: 0, busyMs: 0, sinceMs: clock.nowMs(), longestMs: 150 };
  const account = (change: number): void => {
    const nowMs = clock.nowMs();
    upstream.busyMs += upstream.inFlight * (nowMs - upstream.sinceMs);
    upstream.sinceMs = nowMs;
    upstream.inFlight += change;
    upstream.most = Math.max(upstream.most, upstream.inFlight);
    if (change > 0) upstream.sent += 1;
    if (change > 0 && upstream.inFlight > limit) upstream.overLimit += 1;
  };
  /** Starts an instance whose clock is off by `skewMs`. */
  const start = (skewMs = 0): Instance => {
    const life = new AbortController();
    const log = recordingLogger();
    const client = store.client();
    const untilDeath = <T>(work: () => Promise<T>): Promise<T> =>
      life.signal.aborted ? new Promise<T>(() => undefined) : work();
    const keeper = new BudgetKeeper({
      store: {
        read: () => untilDeath(() => client.read()),
        write: (ledger, version) => untilDeath(() => client.write(ledger, version)),
      },
      clock: { nowMs: () => clock.nowMs() + skewMs, sleep: (ms, signal) => clock.sleep(ms, signal) },
      random,
      log: log.log,
      background: (work) => work(),
      id: `i${instances.length}`,
      budgetOf: (): Budget => ({ total: limit, whole: true }),
    });
    const limiter = new FairLimiter({ limit: keeper.share('entra'), maxWaiting: 1e6, peer: 'Entra' });
    const instance: Instance = { keeper, limiter, log, inFlight: 0, done: 0, kill: () => life.abort() };
    dead.set(instance, life.signal);
    instances.push(instance);
    return instance;
  };
  const dead = new Map<Instance, AbortSignal>();
  /** One operation, which takes a third of `longestMs` at least. */
  const operation = async (
    instance: Instance,
    { kind = 'background', id = 'run' }: LoadOptions = {},
  ): Promise<void> => {
    const isDead = (): boolean => dead.get(instance)?.aborted === true;
    await instance.keeper.ready();
    await instance.limiter.run(async () => {
      if (isDead()) return new Promise(() => undefined);
      account(1);
      instance.inFlight += 1;
      await clock.sleep(upstream.longestMs * (1 / 3 + (random() * 2) / 3));
      account(-1);
      instance.inFlight -= 1;
      instance.done += 1;
      return isDead() ? new Promise(() => undefined) : undefined;
    }, new Requesters({ id, kind }));
  };
  /** Keeps `width` operations waiting or in flight until the returned function is called. */
  const load = (instance: Instance, width: number, options: LoadOptions = {}): (() => void) => {
    const end = new AbortController();
    const worker = async (): Promise<void> => {
      while (!end.signal.aborted) await operation(instance, options);
    };
    for (let n = 0; n < width; n += 1) void worker();
    return () => end.abort();
  };
  /** Advances the clock. @returns the used part of the budget, transactions per second, and the operations over the limit. */
  const measure = async (seconds: number) => {
    account(0);
    const before = { busyMs: upstream.busyMs, overLimit: upstream.overLimit, transactions: store.transactions };
    await clock.advance(seconds * 1000);
    account(0);
    return {
      used: (upstream.busyMs - before.busyMs) / (limit * seconds * 1000),
      overLimit: upstream.overLimit - before.overLimit,
      transactionsPerSecond: (store.transactions - before.transactions) / seconds,
    };
  };
  return { clock, store, random, upstream, instances, start, operation, load, measure };
}
