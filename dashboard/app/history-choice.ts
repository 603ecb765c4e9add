import type { JobHistoryAnswer, TenantHistoryAnswer } from '../../src/lib/api/answers/history.ts';

/** What a chart shows. It is part of the address, so that users can share what they see. */
export type HistoryChoice = Readonly<Partial<Record<(typeof names)[number], string>>>;

const names = ['job', 'column', 'value', 'days', 'tenants'] as const;

/** Periods to choose from, in days. */
export const periods: Readonly<Record<string, string>> = { 30: '30 days', 90: '90 days', 365: 'a year' };
const defaultPeriod = '90';
const dayMs = 24 * 60 * 60 * 1000;

/** The number of rows. A column of this name comes before it. */
export const rowsColumn = 'rows';

/** @param query query string without `?`. Unknown and empty parameters are ignored. */
export function parseHistoryChoice(query: string): HistoryChoice {
  const given = new URLSearchParams(query);
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = given.get(name) ?? '';
      return value === '' || (name === 'days' && !Object.hasOwn(periods, value)) ? [] : [[name, value]];
    }),
  );
}

/** @param page address of the page without its query. */
export function historyLink(page: string, choice: HistoryChoice): string {
  const query = new URLSearchParams(names.flatMap((name) => (choice[name] ? [[name, choice[name]]] : [])));
  return query.size === 0 ? page : `${page}?${query.toString()}`;
}

export const periodOf = ({ days = defaultPeriod }: HistoryChoice): string => days;

/** The query of the API for a choice. */
export function historyQuery(choice: HistoryChoice, nowMs: number): Readonly<Record<string, string>> {
  const { value, tenants } = choice;
  return {
    since: new Date(nowMs - Number(periodOf(choice)) * dayMs).toISOString(),
    ...(value === undefined ? {} : { value }),
    ...(tenants === undefined ? {} : { tenants }),
  };
}

type Columns = (JobHistoryAnswer | TenantHistoryAnswer)['columns'];

/** The columns to choose from, with the number of rows. */
export const columnOptions = (columns: Columns): Columns =>
  columns.some(({ name }) => name === rowsColumn) ? columns : [...columns, { name: rowsColumn, title: 'Rows' }];

/** The column that is shown: the chosen one, or the first. */
export const columnOf = ({ column }: HistoryChoice, columns: Columns): string =>
  column ?? columnOptions(columns)[0]?.name ?? rowsColumn;
