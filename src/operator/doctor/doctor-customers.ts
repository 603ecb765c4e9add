import { defaultApplication } from '../../lib/core/secrets.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import type { TenantDirectory } from '../../lib/tenants/directory.ts';
import { type DelegatedTenant, reasonTexts } from '../../lib/tenants/tenant.ts';
import { attempt, type Check, failed, ok, skipped } from './check.ts';

export interface CustomerCheckDeps {
  readonly application: string;
  readonly directory: Pick<TenantDirectory, 'snapshot'>;
  /** Requests a token of the service account for Microsoft Graph in a customer's tenant. */
  readonly token: (tenantId: TenantId) => Promise<unknown>;
  /** Check only this customer: a tenant id or domain. */
  readonly customer?: string | undefined;
}

/** Number of customers to try before the check fails. */
const maxCustomers = 5;

/** Checks the list of customers, and a token for one of them. */
export async function* customerChecks(deps: CustomerCheckDeps): AsyncGenerator<Check, void, undefined> {
  // The list is always read with the default application.
  const list = await attempt(defaultApplication, 'Customers', () => deps.directory.snapshot());
  if (!list.ok) {
    yield list.check;
    yield skipped('Customer token');
    return;
  }
  const { tenants, warnings } = list.value;
  const reachable = tenants.filter((tenant) => tenant.reachable);
  const counts = `${tenants.length} customers, ${reachable.length} of them with delegated access.`;
  if (tenants.length === 0) {
    yield {
      check: 'Customers',
      status: 'warning',
      message: 'Microsoft lists no customers.',
      remedy:
        'Add the service account to the group AdminAgents. An account outside the group gets an empty list and no error.',
    };
    yield skipped('Customer token');
    return;
  }
  yield warnings.length === 0
    ? ok('Customers', counts)
    : { check: 'Customers', status: 'warning', message: `${counts} ${warnings.join(' ')}` };
  yield await customerTokenCheck(deps, tenants);
}

async function customerTokenCheck(deps: CustomerCheckDeps, tenants: readonly DelegatedTenant[]): Promise<Check> {
  const wanted = deps.customer?.toLowerCase();
  const candidates =
    wanted === undefined
      ? tenants.filter(({ reachable }) => reachable).slice(0, maxCustomers)
      : tenants.filter(({ tenantId, defaultDomain }) => tenantId === wanted || defaultDomain === wanted);
  const [first] = candidates;
  if (first === undefined) {
    const detail = wanted === undefined ? 'No customer has delegated access.' : `"${wanted}" is not a customer.`;
    return failed(deps.application, 'Customer token', new BrokerError('tenant_not_delegated', detail));
  }
  if (!first.reachable)
    return failed(
      deps.application,
      'Customer token',
      new BrokerError('tenant_not_delegated', reasonTexts[first.reason]),
    );
  let last: Check = skipped('Customer token');
  for (const { tenantId, name } of candidates) {
    const result = await attempt(deps.application, 'Customer token', () => deps.token(tenantId));
    if (result.ok) return ok('Customer token', `Entra issued a token for ${name}.`);
    last = { ...result.check, message: `${name}: ${result.check.message}` };
  }
  return last;
}
