import type { Budget } from './beat.ts';
import { graphLimits, isGraphLimit } from './graph-limits.ts';

/**
 * @returns the budget with a name: `entra`, or the name of a limit of Microsoft Graph and, after a space, what it is counted
 * for.
 */
export const budgetNamed =
  (entraConcurrency: number) =>
  (name: string): Budget => {
    if (name === 'entra') return { total: entraConcurrency, whole: true };
    const limit = name.slice(0, name.indexOf(' '));
    // An unknown one is from a newer version. It is kept in the ledger, and this version gives it nothing.
    return { total: isGraphLimit(limit) ? graphLimits[limit].perSecond : 0, whole: false };
  };
