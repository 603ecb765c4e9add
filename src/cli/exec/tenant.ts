import type { TenantsAnswer } from '../../lib/api/answers/tenants.ts';

/** The tenant that a program runs for. */
export type ExecTenant = Pick<TenantsAnswer['tenants'][number], 'tenantId' | 'name' | 'defaultDomain'>;

/** How output and files name a tenant: by its domain, or by its id if it has none. */
export const labelOf = ({ defaultDomain, tenantId }: ExecTenant): string => defaultDomain ?? tenantId;

const domainName = /^[A-Za-z0-9][A-Za-z0-9.-]*$/;

/** A text that is safe in arguments: the domain, or the id if there is no domain or it is not written like one. */
export const domainOf = (tenant: ExecTenant): string =>
  domainName.test(labelOf(tenant)) ? labelOf(tenant) : tenant.tenantId;

/** Windows takes such names for devices and drops a dot at the end ("Naming Files, Paths, and Namespaces"). */
const specialNames = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)|\.$/i;

/** A name for a folder that leads nowhere else. */
export const folderNameOf = (tenant: ExecTenant): string =>
  specialNames.test(labelOf(tenant)) ? tenant.tenantId : domainOf(tenant);
