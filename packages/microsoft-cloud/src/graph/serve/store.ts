import type { CloudClock } from '../../clock.ts';
import type { Row } from '../declaration.ts';
import { type Changes, createChanges } from './changes.ts';

/** Rows that were created for a tenant, and what clients wrote there. */
interface TenantRows {
  /** Place → rows, with the day for which they were created. */
  readonly created: Map<string, { readonly rows: readonly Row[]; readonly todayMs: number }>;
  size: number;
}

/** Keeps what the data created, up to a number of rows over all tenants, and what clients wrote, without a limit. */
export interface Store {
  changesOf(tenantId: string): Changes;
  /** Returns the rows of a place, or creates them. @param todayMs undefined: the rows do not follow the clock. */
  rows(tenantId: string, place: string, todayMs: number | undefined, create: () => readonly Row[]): readonly Row[];
}

/** Rows of up to 10 KB in memory: some 400 MB at most. A tenant whose rows were dropped creates the same rows again. */
const defaultRows = 40_000;

export function createStore(clock: Pick<CloudClock, 'nowMs'>, maxRows = defaultRows): Store {
  const changes = new Map<string, Changes>();
  // In the order of their last use.
  const tenants = new Map<string, TenantRows>();
  let total = 0;
  const use = (tenantId: string): TenantRows => {
    const found = tenants.get(tenantId) ?? { created: new Map(), size: 0 };
    tenants.delete(tenantId);
    tenants.set(tenantId, found);
    return found;
  };
  const shrink = (): void => {
    for (const [tenantId, { size }] of tenants) {
      // The tenant in use stays, however large it is.
      if (total <= maxRows || tenants.size === 1) return;
      tenants.delete(tenantId);
      total -= size;
    }
  };
  return {
    changesOf: (tenantId) => {
      const found = changes.get(tenantId) ?? createChanges(() => clock.nowMs());
      changes.set(tenantId, found);
      return found;
    },
    rows: (tenantId, place, todayMs, create) => {
      const tenant = use(tenantId);
      const known = tenant.created.get(place);
      const day = todayMs ?? 0;
      if (known?.todayMs === day) return known.rows;
      const rows = create();
      const added = rows.length - (known?.rows.length ?? 0);
      tenant.created.set(place, { rows, todayMs: day });
      // Counted only while the tenant is kept: creating rows may use other tenants.
      if (tenants.get(tenantId) === tenant) {
        tenant.size += added;
        total += added;
        shrink();
      }
      return rows;
    },
  };
}
