import { BudgetKeeper } from '../../../../../src/lib/microsoft/budgets/budget-keeper.ts';
import { budgetNamed } from '../../../../../src/lib/microsoft/budgets/graph-limits.ts';
import { RequestBudgets } from '../../../../../src/lib/microsoft/budgets/request-budgets.ts';
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

/** Instances that send requests to a resource which counts them, in any time of `windowMs`. Seeded. */
export function rateStage(limit: { requests: number; windowMs: number }, seed = 1) {
  const clock = new FakeClock();
  const random = seededRandom(seed);
  const store = new MemoryLedgerStore(clock);
  store.delayMs = () => 5 + random() * 25;
  let instances = 0;
  const sentMs: number[] = [];
  const upstream = { throttled: 0, sent: sentMs };
  const start = (skewMs = 0) => {
    const own = { nowMs: () => clock.nowMs() + skewMs, sleep: clock.sleep.bind(clock) };
    const budgets = new BudgetKeeper({
      id: `i${instances++}`,
      budgetOf: budgetNamed(32),
      store: store.client(),
      clock: own,
      random,
      log: silentLogger,
      background: (work) => work(),
    });
    return { budgets, requests: new RequestBudgets({ budgets, clock: own, random }) };
  };
  type Instance = ReturnType<typeof start>;
  const leave = (): void => {
    const nowMs = clock.nowMs();
    sentMs.push(nowMs);
    const first = sentMs.at(-1 - limit.requests);
    if (first !== undefined && nowMs - first < limit.windowMs) upstream.throttled += 1;
  };
  /** Sends one request after another on `width` lines, until the end of the test. @returns how many it has sent. */
  const load = (instance: Instance, width: number, request: BudgetedRequest) => {
    const count = { sent: 0 };
    const line = async (): Promise<never> => {
      for (;;) {
        await instance.requests.admit(request);
        count.sent += 1;
        leave();
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
