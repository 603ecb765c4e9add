import type { TenantsAnswer } from '../../lib/api/answers/tenants.ts';

/** The tenant that a program runs for. */
export type ExecTenant = Pick<TenantsAnswer['tenants'][number], 'tenantId' | 'name' | 'defaultDomain'>;

/** How output and files name a tenant: by its domain, or by its id if it has none. */
export const labelOf = ({ defaultDomain, tenantId }: ExecTenant): string => defaultDomain ?? tenantId;
