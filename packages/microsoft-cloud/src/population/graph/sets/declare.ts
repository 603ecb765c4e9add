import type { EntitySet, References, Report, Row, Singleton } from '../../../graph/declaration.ts';
import { GraphError } from '../../../graph/graph-error.ts';
import { dayMs } from '../../../clock.ts';
import { dateOf, factsOf, hexOf, randomOf, type TenantFacts } from '../facts.ts';

type More<T> = Partial<Omit<T, 'kind' | 'path' | 'type'>>;

/** Declares a collection whose rows come from the facts of a tenant. @param type without `microsoft.graph.`. */
export const entitySet = (
  path: string,
  type: string,
  rows: (facts: TenantFacts, ...keys: readonly string[]) => readonly Row[],
  more: More<EntitySet> = {},
): EntitySet => ({
  kind: 'set',
  path,
  type: `microsoft.graph.${type}`,
  rows: (tenant, ...keys) => rows(factsOf(tenant), ...keys),
  ...more,
});

/** Declares an object without a key whose content comes from the facts of a tenant. */
export const singleton = (
  path: string,
  type: string,
  row: (facts: TenantFacts, ...keys: readonly string[]) => Row | undefined,
  more: More<Singleton> = {},
): Singleton => ({
  kind: 'singleton',
  path,
  type: `microsoft.graph.${type}`,
  row: (tenant, ...keys) => row(factsOf(tenant), ...keys),
  ...more,
});

/** Declares a navigation whose ids come from the facts of a tenant. */
export const references = (
  path: string,
  targets: readonly string[],
  ids: (facts: TenantFacts, ...keys: readonly string[]) => readonly string[],
  more: More<References> = {},
): References => ({
  kind: 'references',
  path,
  type: 'microsoft.graph.directoryObject',
  targets,
  ids: (tenant, ...keys) => ids(factsOf(tenant), ...keys),
  ...more,
});

const periods: ReadonlyMap<string, number> = new Map([
  ['D7', 7],
  ['D30', 30],
  ['D90', 90],
  ['D180', 180],
]);

type Lines = readonly (readonly string[])[];

const namedColumns = /^(?:Owner )?(?:Display|Principal) Name$|^User Principal Name$/;

/** Whether usage reports of the tenant hide names: the default since 2021, which some have changed. */
export const concealsNames = (facts: TenantFacts): boolean => randomOf(facts, 'concealed names')() < 0.3;

/** A report with 32 hexadecimal digits in place of each name where the tenant hides them ("adminReportSettings"). */
export function conceal(facts: TenantFacts, [head = [], ...rows]: Lines): Lines {
  if (!concealsNames(facts)) return [head, ...rows];
  const hidden = (text: string, at: number): string =>
    namedColumns.test(head[at] ?? '') && text !== '' ? hexOf(facts, 32, 'concealed', text).toUpperCase() : text;
  return [head, ...rows.map((row) => row.map(hidden))];
}

/** Days of which there are reports about one date. Source: issue 8946 of microsoftgraph/microsoft-graph-docs, with the text. */
const reportedDays = 28;

/**
 * Declares a usage report about one date.
 * @param wasActive whether a line of the report is about somebody, or a site, that was active on the date.
 */
export const dateReport = (
  name: string,
  lines: (facts: TenantFacts, period: { readonly todayMs: number; readonly days: number }) => Lines,
  wasActive: (facts: TenantFacts, date: string) => (line: readonly string[]) => boolean,
  more: Pick<Report, 'pageSize'> = {},
): Report => ({
  ...more,
  kind: 'report',
  path: `reports/${name}(date={date})`,
  refresh: 'daily',
  lines: (tenant, date = '') => {
    const { todayMs } = tenant;
    const dateMs = /^\d{4}-\d\d-\d\d$/.test(date) ? Date.parse(date) : Number.NaN;
    if (!(dateMs < todayMs && dateMs >= todayMs - reportedDays * dayMs))
      throw new GraphError(
        400,
        'InvalidArgument',
        `Invalid date value specified: ${date.slice(0, 20)}. Only support data for the past ${reportedDays} days.`,
      );
    const facts = factsOf(tenant);
    const [head = [], ...rows] = lines(facts, { todayMs: dateMs + dayMs, days: 1 });
    const refreshDate = dateOf(todayMs - 2 * dayMs);
    // Yesterday is not in the reports yet.
    if (date > refreshDate) return [head];
    return conceal(facts, [head, ...rows.filter(wasActive(facts, date)).map(([, ...rest]) => [refreshDate, ...rest])]);
  },
});

/** Declares a usage report over a period of 7, 30, 90 or 180 days. */
export const periodReport = (
  name: string,
  lines: (facts: TenantFacts, period: { readonly todayMs: number; readonly days: number }) => Lines,
  more: Pick<Report, 'pageSize'> = {},
): Report => ({
  ...more,
  kind: 'report',
  path: `reports/${name}(period='{period}')`,
  refresh: 'daily',
  lines: (tenant, period = '') => {
    const days = periods.get(period.toUpperCase());
    if (days === undefined)
      throw new GraphError(
        400,
        'BadRequest',
        `Invalid value '${period.slice(0, 20)}' specified for parameter 'period'. Supported values: D7, D30, D90, D180.`,
      );
    const facts = factsOf(tenant);
    return conceal(facts, lines(facts, { todayMs: tenant.todayMs, days }));
  },
});
