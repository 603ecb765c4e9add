import type { TableClient } from '@azure/data-tables';
import type { Clock, Random } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { AllBudgets } from '../../core/share.ts';
import { BudgetKeeper } from './budget-keeper.ts';
import { budgetNamed } from './budgets.ts';
import { RequestBudgets } from './request-budgets.ts';
import { budgetsTable, TableLedgerStore } from './table-ledger-store.ts';

/** The side effects of the budgets. */
export interface BudgetDeps {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly random: Random;
  readonly newId: () => string;
  readonly log: Logger;
  readonly background: (work: () => void) => void;
  readonly table: (name: string) => Promise<TableClient>;
}

/** The budgets of the app, with the ledger in its storage account. */
export function createBudgets(deps: BudgetDeps, entraConcurrency: number): AllBudgets {
  const { clock, random, log, background } = deps;
  // Nobody sets this clock, unlike that of the system.
  const steady: Clock = { nowMs: () => performance.now(), sleep: (ms, signal) => clock.sleep(ms, signal) };
  const store = new TableLedgerStore(() => deps.table(budgetsTable));
  const keeper = new BudgetKeeper(
    { store, clock: steady, random, log, background },
    // Eight characters distinguish the instances of one app, and each is in the ledger many times.
    { id: deps.newId().slice(0, 8), budgetOf: budgetNamed(entraConcurrency) },
  );
  const requests = new RequestBudgets({ budgets: keeper, clock: steady, random });
  return {
    share: (name) => keeper.share(name),
    release: (name) => keeper.release(name),
    ready: (signal) => keeper.ready(signal),
    pause: (name, ms) => keeper.pause(name, ms),
    pausedMs: (name) => keeper.pausedMs(name),
    admit: (request, signal) => requests.admit(request, signal),
    throttled: (...heard) => requests.throttled(...heard),
  };
}
