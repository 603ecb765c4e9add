import type { TenantHistoryAnswer } from './answers/history.ts';

type Counted = Pick<TenantHistoryAnswer['runs'][number], 'numbers'>;

const isApart = ({ numbers }: Counted): boolean => numbers?.['assignedAtNoCost'] !== undefined;

/**
 * Whether a column of an earlier run counts what it counts in the newest one. The licence report once counted what is assigned
 * of free products among all that is assigned, so beside these numbers the new ones would look like a fall.
 */
export const countsAlike = (newest: Counted, earlier: Counted, column: string | undefined): boolean =>
  column !== 'assigned' || !isApart(newest) || isApart(earlier);
