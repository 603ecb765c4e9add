import { BudgetKeeper } from '../../../../../src/lib/microsoft/budgets/budget-keeper.ts';
import { budgetNamed } from '../../../../../src/lib/microsoft/budgets/graph-limits.ts';
import { RequestBudgets } from '../../../../../src/lib/microsoft/budgets/request-budgets.ts';
import { type Ledger, type LedgerStore, mapValues } from '../../../../../src/lib/microsoft/budgets/ledger.ts';
import { type BudgetedRequest, type Requester, Requesters } from '../../../../../src/lib/core/share.ts';
import { FakeClock, seededRandom } from '../../../../fakes/fake-clock.ts';
import { MemoryLedgerStore } from '../../../../fakes/memory-ledger-store.ts';
import { silentLogger } from '../../../../../src/lib/core/log.ts';

const tenantId = '00000000-0000-4000-8000-000000000001';

export const requestTo = (
  path: string,
  requester: Requester,
  more: Partial<BudgetedRequest> = {},
): BudgetedRequest => ({
  resource: 'graph',
  tenantId,
  application: 'default',
  method: 'GET',
  paths: [path],
  requesters: new Requesters(requester),
  ...more,
});

/** The store as a version sees it that knows the usual totals only. It writes 0 for the others, also for other instances. */
const earlier = (store: LedgerStore): LedgerStore => {
  const strip = (ledger: Ledger): Ledger => ({
    ...ledger,
    budgets: mapValues(ledger.budgets, (entries) =>
      mapValues(entries, ({ share, interactive, background }) => ({ share, interactive, background })),
    ),
  });
  return {
    read: async () => {
      const stored = await store.read();
      return { ...stored, ledger: strip(stored.ledger) };
    },
    write: (ledger, version) => store.write(strip(ledger), version),
  };
};

interface StartOptions {
  /** What this instance finds out about the number of users. Default: it is not known. */
  readonly users?: number;
  /** Whether the instance is of the version before larger totals. */
  readonly isEarlier?: boolean;
}

/**
 * Instances that send requests to a resource which counts them, in any time of `windowMs`. It refuses nothing, but tells the
 * instance whose request is above the limit, with the `scope` if there is one. Seeded.
 */
export function rateStage(limit: { requests: number; windowMs: number; scope?: string }, seed = 1) {
  const clock = new FakeClock();
  const random = seededRandom(seed);
  const store = new MemoryLedgerStore(clock);
  store.delayMs = () => 5 + random() * 25;
  let instances = 0;
  const sentMs: number[] = [];
  const upstream = { throttled: 0, sent: sentMs };
  const start = (skewMs = 0, { users, isEarlier = false }: StartOptions = {}) => {
    const own = { nowMs: () => clock.nowMs() + skewMs, sleep: clock.sleep.bind(clock) };
    const budgets = new BudgetKeeper({
      id: `i${instances++}`,
      budgetOf: (name) => {
        const budget = budgetNamed(32)(name);
        return isEarlier ? { total: budget.total, whole: budget.whole } : budget;
      },
      store: isEarlier ? earlier(store.client()) : store.client(),
      clock: own,
      random,
      log: silentLogger,
      background: (work) => work(),
    });
    const background = (work: () => void): void => work();
    const usersOf = async (): Promise<number | undefined> => users;
    return { budgets, requests: new RequestBudgets({ budgets, clock: own, random, background, usersOf }) };
  };
  type Instance = ReturnType<typeof start>;
  const leave = (): boolean => {
    const nowMs = clock.nowMs();
    sentMs.push(nowMs);
    const first = sentMs.at(-1 - limit.requests);
    const isAbove = first !== undefined && nowMs - first < limit.windowMs;
    if (isAbove) upstream.throttled += 1;
    return isAbove;
  };
  /** Sends one request after another on `width` lines, until the end of the test. @returns how many it has sent. */
  const load = (instance: Instance, width: number, request: BudgetedRequest) => {
    const count = { sent: 0 };
    const line = async (): Promise<never> => {
      for (;;) {
        await instance.requests.admit(request);
        count.sent += 1;
        if (leave() && limit.scope !== undefined) instance.requests.throttled(request, 10, limit.scope);
        await clock.sleep(50 + random() * 100);
      }
    };
    for (let n = 0; n < width; n += 1) void line();
    return count;
  };
  /** @returns the used part of the limit, and storage transactions, both per second. */
  const measure = async (seconds: number) => {
    const before = { sent: sentMs.length, transactions: store.transactions, throttled: upstream.throttled };
    await clock.advance(seconds * 1000);
    return {
      used: ((sentMs.length - before.sent) / seconds) * (limit.windowMs / 1000 / limit.requests),
      throttled: upstream.throttled - before.throttled,
      transactionsPerSecond: (store.transactions - before.transactions) / seconds,
    };
  };
  return { clock, store, upstream, start, load, measure };
}
