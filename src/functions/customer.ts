import type { Services } from '../composition.ts';
import type { Caller } from '../lib/core/caller.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { parseDomainName, parseTenantId, type TenantId } from '../lib/core/identifiers.ts';
import { mayRead, type ReadableTenants } from '../lib/access/tenants/visible-tenants.ts';
import type { DelegatedTenant } from '../lib/tenants/tenant.ts';
import { tenantIdFor } from './readable.ts';

interface Reader {
  readonly caller: Caller;
  readonly readable: ReadableTenants;
}

/**
 * The id of the tenant that a caller names in a path, for what outlives its place in the directory.
 * @throws BrokerError request_invalid; tenant_unknown, also for a tenant that the caller may not read; entra_unavailable.
 */
export async function findReadable(services: Services, reader: Reader, reference: string): Promise<TenantId> {
  requireReference(reference);
  const tenantId = await tenantIdFor(services, reader, reference);
  if (tenantId !== undefined && mayRead(reader.readable, tenantId)) return tenantId;
  throw new BrokerError('tenant_unknown', 'No tenant that this caller may read has this id or domain.');
}

function requireReference(reference: string): void {
  if (parseTenantId(reference) === undefined && parseDomainName(reference) === undefined)
    throw new BrokerError('request_invalid', 'The tenant must be given by its id or one of its domains.');
}

/**
 * Finds the customer that a caller names in a path. The same failure for a tenant that the caller may not read and for one
 * that is no customer, also while domains cannot be looked up.
 * @throws BrokerError request_invalid, tenant_unknown, or an error of the directory.
 */
export async function findCustomer(services: Services, reader: Reader, reference: string): Promise<DelegatedTenant> {
  requireReference(reference);
  const tenantId = await tenantIdFor(services, reader, reference);
  const found = mayRead(reader.readable, tenantId) && tenantId && (await services.directory.find(tenantId));
  if (found) return found;
  throw new BrokerError(
    'tenant_unknown',
    reader.readable === '*' || parseTenantId(reference) !== undefined
      ? 'The tenant is not among the customer tenants.'
      : 'No customer tenant that this caller may read has this domain, or the domain cannot be looked up now. Use the id of the tenant.',
  );
}
