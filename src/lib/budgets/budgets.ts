import type { Budget } from './beat.ts';

/** @returns the budget with a name. */
export const budgetNamed =
  (entraConcurrency: number) =>
  (name: string): Budget => {
    if (name === 'entra') return { total: entraConcurrency, whole: true };
    throw new RangeError(`there is no budget "${name}"`);
  };
