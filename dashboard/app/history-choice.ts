import { anyText, viewFilter } from './view-filter.ts';
import type { JobHistoryAnswer, TenantHistoryAnswer } from '../../src/lib/api/answers/history.ts';

/** Periods to choose from, in days. */
export const periods: Readonly<Record<string, string>> = { 30: '30 days', 90: '90 days', 365: 'a year' };
const defaultPeriod = '90';
const dayMs = 24 * 60 * 60 * 1000;

/** The number of rows. A column of this name comes before it. */
export const rowsColumn = 'rows';

/** What a chart shows. */
export const { parse: parseHistoryChoice, link: historyLink } = viewFilter('', {
  job: anyText,
  column: anyText,
  value: anyText,
  days: Object.keys(periods),
  tenants: anyText,
});
export type HistoryChoice = ReturnType<typeof parseHistoryChoice>;

export const periodOf = ({ days = defaultPeriod }: HistoryChoice): string => days;

/** The query of the API for a choice. */
export const historyQuery = (choice: HistoryChoice, nowMs = Date.now()) => ({
  since: new Date(nowMs - Number(periodOf(choice)) * dayMs).toISOString(),
  value: choice.value,
  tenants: choice.tenants,
});

type Columns = (JobHistoryAnswer | TenantHistoryAnswer)['columns'];

/** The columns to choose from, with the number of rows. */
export const columnOptions = (columns: Columns): Columns =>
  columns.some(({ name }) => name === rowsColumn) ? columns : [...columns, { name: rowsColumn, title: 'Rows' }];

/** The column that is shown: the chosen one, or the first. */
export const columnOf = ({ column }: HistoryChoice, columns: Columns): string =>
  column ?? columnOptions(columns)[0]?.name ?? rowsColumn;
