import type { Budget } from '../../../../../src/lib/microsoft/budgets/ledger.ts';
import { BudgetKeeper } from '../../../../../src/lib/microsoft/budgets/budget-keeper.ts';
import type { Ledger, LedgerStore } from '../../../../../src/lib/microsoft/budgets/ledger.ts';
import type { ShareUser, Demand } from '../../../../../src/lib/core/share.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { MemoryLedgerStore } from '../../../../fakes/memory-ledger-store.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';

/** `n` operations are a whole budget of 8; anything else is a rate of 12. */
const budgetOf = (name: string): Budget =>
  name.startsWith('n') ? { total: name === 'n2' ? 2 : 8, whole: true } : { total: 12, whole: false };
export const nothing: Demand = { interactive: 0, background: 0 };

/** A user that wants `background` units and cannot give back `held`. */
export function user(background = 0, held = 0) {
  const made = {
    background,
    held: () => held,
    changes: 0,
    demand: (): Demand => ({ ...nothing, background: made.background }),
    changed: (): void => void (made.changes += 1),
  };
  return made satisfies ShareUser;
}

/** Processes with one ledger. The random part of each interval is half: a settled heartbeat is followed after 2,530 ms, another after 1,100 ms. */
export function stage() {
  const clock = new FakeClock(0);
  const store = new MemoryLedgerStore(clock);
  const start = (id: string, of: LedgerStore = store.client()) => {
    const recorded = recordingLogger();
    const keeper = new BudgetKeeper({
      store: of,
      clock,
      random: () => 0.5,
      log: recorded.log,
      background: (work) => work(),
      id,
      budgetOf,
    });
    return { keeper, recorded };
  };
  /** Starts a process that wants `background` units of `n`, and waits for its first heartbeat. */
  const startWanting = async (id: string, background: number) => {
    const started = start(id);
    const its = user(background);
    started.keeper.share('n').attach(its);
    await started.keeper.ready();
    return { ...started, its };
  };
  return { clock, store, start, startWanting };
}
/** The number that a process said last. */
export const countOf = (ledger: Ledger, id: string): number | undefined => ledger.members[id];
