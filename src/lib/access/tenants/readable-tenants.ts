import type { TenantId } from '../../core/identifiers.ts';

/** The tenants whose data a caller may see. `"*"`: no limit, also for data that belongs to no tenant. */
export type ReadableTenants = '*' | ReadonlySet<TenantId>;

/** Whether the caller may see data of the tenant. Data without a tenant is only for callers without a limit. */
export const mayRead = (readable: ReadableTenants, tenantId: TenantId | undefined): boolean =>
  readable === '*' || (tenantId !== undefined && readable.has(tenantId));
