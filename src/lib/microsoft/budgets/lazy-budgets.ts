import type { AllBudgets, BudgetedRequest, RequestBudget, Share, ShareUser } from '../../core/share.ts';
import { once } from '../../core/single-flight.ts';
import type { BudgetDeps } from './request-budgets.ts';

/** Budgets that are loaded when they are first used, to keep start-up short. Before that, every share is 0. */
export class LazyBudgets implements AllBudgets {
  readonly #users = new Map<string, ShareUser>();
  readonly #load: () => Promise<AllBudgets>;
  #loaded: AllBudgets | undefined;

  constructor(load: () => Promise<AllBudgets>) {
    this.#load = once(async () => {
      const loaded = await load();
      for (const [name, user] of this.#users) loaded.share(name).attach(user);
      return (this.#loaded = loaded);
    });
  }

  share(name: string): Share {
    let loaded: Share | undefined;
    const share = (): Share | undefined => (loaded ??= this.#loaded?.share(name));
    return {
      amount: () => share()?.amount() ?? 0,
      wanted: (isShort) => share()?.wanted(isShort),
      attach: (user) => {
        this.#users.set(name, user);
        share()?.attach(user);
      },
    };
  }

  async ready(signal?: AbortSignal): Promise<void> {
    await (this.#loaded ?? (await this.#load())).ready(signal);
  }

  pause(name: string, ms: number): void {
    this.#loaded?.pause(name, ms);
  }

  pausedMs(name: string): number {
    return this.#loaded?.pausedMs(name) ?? 0;
  }

  async admit(request: BudgetedRequest, signal?: AbortSignal): Promise<void> {
    await (this.#loaded ?? (await this.#load())).admit(request, signal);
  }

  throttled(...heard: Parameters<RequestBudget['throttled']>): void {
    this.#loaded?.throttled(...heard);
  }
}

/** The budgets of the app. They, and the client of their table, are loaded with the first request to Entra. */
export const createLazyBudgets = (deps: BudgetDeps, entraConcurrency: number): LazyBudgets =>
  new LazyBudgets(async () => {
    const { createBudgets } = await import('./request-budgets.ts');
    return createBudgets(deps, entraConcurrency);
  });
