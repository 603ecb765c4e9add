import { anyText, viewFilter } from './view-filter.ts';
import { csvLine } from '../../src/lib/core/csv.ts';
import { namesOfTags } from '../../src/lib/tenants/tags.ts';
import { endsSoon, isWell, rankOf, type Tenant, titleOf, troublesOf } from '../../src/lib/api/trouble.ts';
import type { LastResult } from '../../src/lib/api/answers/tenants.ts';
import { isApplyWindow } from '../../src/lib/runs/store/run.ts';
import { sortBy } from './sort.ts';

const shows: Readonly<Record<string, (tenant: Tenant) => boolean>> = {
  'needs action': (tenant) => troublesOf(tenant).length > 0,
  unreachable: ({ reachable }) => !reachable,
  'last run failed': ({ lastResults = [] }) => lastResults.some(({ outcome }) => outcome === 'failed'),
  'ends soon': endsSoon,
  'no trouble': (tenant) => groupOf(tenant) === 'well',
};

/** Values of `show`. */
const showOptions = Object.keys(shows);

/** Filter and order of the tenants. */
export const { parse: parseTenantFilter, link: tenantsLink } = viewFilter('#/tenants', {
  search: anyText,
  show: showOptions,
  cause: anyText,
  group: anyText,
  tag: anyText,
  sort: anyText,
});
export type TenantFilter = ReturnType<typeof parseTenantFilter>;

/** The tenants that the filter lets through, in their order. */
export function filterTenants(tenants: readonly Tenant[], filter: TenantFilter): readonly Tenant[] {
  const { search = '', show, cause, group, tag } = filter;
  const wanted = search.trim().toLowerCase();
  const isShown = (show === undefined ? undefined : shows[show]) ?? (() => true);
  return tenants.filter(
    (tenant) =>
      isShown(tenant) &&
      (cause === undefined || troublesOf(tenant).some((trouble) => trouble.cause === cause)) &&
      (group === undefined || tenant.groups?.includes(group) === true) &&
      (tag === undefined || namesOfTags(tenant.tags ?? []).has(tag)) &&
      `${tenant.name} ${tenant.defaultDomain ?? ''} ${tenant.tenantId}`.toLowerCase().includes(wanted),
  );
}

/** What the filters of groups and tags offer: all groups, and the tags that a tenant has, with and without their values. */
export const markOptions = (
  tenants: readonly Tenant[],
  groups: readonly string[],
): { readonly groups: readonly string[]; readonly tags: readonly string[] } => ({
  groups: groups.toSorted(),
  tags: [...new Set(tenants.flatMap(({ tags = [] }) => [...namesOfTags(tags)]))].toSorted(),
});

/** The tenants as a spreadsheet opens them, with the names of columns that the rows of runs have. */
export const tenantsCsv = (tenants: readonly Tenant[]): string =>
  `\uFEFF${[
    ['tenantName', 'tenantDomain', 'tenantId', 'access', 'trouble', 'failedJobs', 'accessEnds', 'groups', 'tags'],
    ...tenants.map((tenant) => [
      tenant.name,
      tenant.defaultDomain,
      tenant.tenantId,
      tenant.reasonTitle,
      troublesOf(tenant)
        .map(({ cause }) => titleOf(cause))
        .join(', '),
      (tenant.lastResults ?? []).flatMap(({ outcome, job }) => (outcome === 'failed' ? job : [])).join(', '),
      tenant.relationshipEndsAt,
      tenant.groups?.join(', '),
      tenant.tags?.join(', '),
    ]),
  ]
    .map(csvLine)
    .join('')}`;

/** What tenants are sorted by: a column of the matrix, and its direction. Default: trouble, the worst first. */
export interface TenantOrder {
  readonly column: string;
  readonly descending: boolean;
}

/** @param sort name of a column, with a leading `-` for descending order. */
export const parseOrder = (sort = 'trouble'): TenantOrder =>
  sort.startsWith('-') ? { column: sort.slice(1), descending: true } : { column: sort, descending: false };

export const orderText = ({ column, descending }: TenantOrder): string => `${descending ? '-' : ''}${column}`;

/** Tenants with equal keys stay in the order of their names, those without a key come last. */
export const sortTenants = (tenants: readonly Tenant[], { column, descending }: TenantOrder): readonly Tenant[] =>
  sortBy(
    tenants,
    (tenant) => keyOf(tenant, column),
    descending,
    ({ name }) => name,
  );

/** The column of all applies. No job can have this name. */
export const changesColumn = '~changes';

/** Whether a run changed the tenant, or tried to: a plan of the same job only looked. */
export const isApply = ({ runId }: Pick<LastResult, 'runId'>): boolean =>
  isApplyWindow(runId.slice(runId.indexOf('@') + 1));

/** The last result that a column shows. Of several applies, one that failed. */
export function lastOf(results: readonly LastResult[] = [], column: string): LastResult | undefined {
  if (column !== changesColumn) return results.find(({ job }) => job === column);
  const applied = results.filter(isApply);
  return applied.find(({ outcome }) => outcome === 'failed') ?? applied[0];
}

/** Failed results come first. */
const outcomeRank: Readonly<Record<string, number>> = { failed: 0, retrying: 1, skipped: 2, succeeded: 3 };

function keyOf(tenant: Tenant, column: string): number | string | undefined {
  if (column === 'trouble') return rankOf(tenant);
  if (column === 'tenant') return tenant.name;
  if (column === 'access') return tenant.reachable ? 1 : 0;
  if (column === 'ends') return tenant.relationshipEndsAt;
  const result = lastOf(tenant.lastResults, column);
  return result && (outcomeRank[result.outcome] ?? 1);
}

/** The group of a tenant in the order by trouble: the worst of its causes, or what else is known of it. */
export function groupOf(tenant: Tenant): string {
  const [worst] = troublesOf(tenant).toSorted((a, b) => a.tone.localeCompare(b.tone));
  if (worst !== undefined) return worst.cause;
  if (!tenant.reachable) return 'left out';
  return endsSoon(tenant) ? 'ends' : isWell(tenant) ? 'well' : 'unknown';
}
