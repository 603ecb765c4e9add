import type { RunTenant } from '../../src/lib/api/answers/runs.ts';
import { causeOfVisit, titleOf } from '../../src/lib/api/trouble.ts';
import type { RowsSort } from './virtual-rows.tsx';
import { sortBy } from './sort.ts';

export interface RunTenantFilter {
  /** Part of a name, id, error code or its title, whatever the case. */
  readonly search: string;
  /** An outcome, or empty for all. */
  readonly outcome: string;
  /** A cause, or empty for all. */
  readonly code: string;
}

export const noFilter: RunTenantFilter = { search: '', outcome: '', code: '' };

/** The tenants that the filter lets through, in their order. */
export function filterTenants(
  tenants: readonly RunTenant[],
  { search, outcome, code }: RunTenantFilter,
): readonly RunTenant[] {
  const wanted = search.trim().toLowerCase();
  return tenants.filter(
    (tenant) =>
      (outcome === '' || tenant.outcome === outcome) &&
      (code === '' || causeOfVisit(tenant) === code) &&
      `${tenant.name} ${tenant.tenantId} ${tenant.code ?? ''} ${titleOf(causeOfVisit(tenant) ?? '')}`
        .toLowerCase()
        .includes(wanted),
  );
}

/** Trouble first. */
const order: readonly string[] = ['failed', 'not_attempted', 'retrying', 'waiting', 'skipped', 'succeeded'];

/** How long the last attempt took. Undefined without one. */
export const tookMs = ({ startedAt, finishedAt, attempts }: RunTenant): number | undefined =>
  startedAt === undefined || finishedAt === undefined || attempts === 0
    ? undefined
    : Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt));

/** Sorts by a column. Tenants without a value come last in both directions, equal ones are sorted by name. */
export const sortTenants = (tenants: readonly RunTenant[], { column, descending }: RowsSort): readonly RunTenant[] =>
  sortBy(
    tenants,
    (tenant) => keyOf(tenant, column),
    descending,
    ({ name }) => name,
  );

function keyOf(tenant: RunTenant, column: string): string | number | undefined {
  switch (column) {
    case 'outcome':
      // An outcome of a newer broker is trouble until somebody knows better. Failures of one kind stay together.
      return `${Math.max(0, order.indexOf(tenant.outcome))} ${causeOfVisit(tenant) ?? ''}`;
    case 'attempts':
      return tenant.attempts;
    case 'rows':
      return tenant.rows;
    case 'took':
      return tookMs(tenant);
    default:
      return tenant.name;
  }
}
