import { BrokerError, SetupError, toBrokerError } from '../../lib/core/errors.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import { readingProblem, type ConsentProblem } from '../../lib/consent/consent-problem.ts';
import type { CustomerConsent } from '../../lib/consent/customer-grants.ts';
import { selectTenants } from '../../lib/access/tenants/selected-tenants.ts';
import { isTenantName, tenantNamed } from '../remote/named-tenants.ts';
import { say } from '../sign-in/output.ts';
import type { ConsentFlags, Consents } from './open.ts';

export interface Customer {
  readonly tenantId: TenantId;
  readonly name: string;
}

/** The consent of a customer, or why it could not be read. */
export type ReadCustomer =
  | { readonly customer: Customer; readonly consent: CustomerConsent; readonly problem?: undefined }
  | { readonly customer: Customer; readonly problem: ConsentProblem; readonly consent?: undefined };

/** The given customers, or all that are reachable. */
export async function selectCustomers({ toolbox, local }: Consents, flags: ConsentFlags): Promise<readonly Customer[]> {
  const { directory } = local;
  const { customers } = flags;
  if (customers !== undefined) {
    const known = customers.some(isTenantName) ? await directory.list(toolbox.signal) : [];
    const references = customers.map((text) => (isTenantName(text) ? tenantNamed(known, text).tenantId : text));
    return selectTenants(directory, references);
  }
  const reachable = (await directory.list(toolbox.signal)).filter((tenant) => tenant.reachable);
  if (reachable.length === 0) {
    say(
      'Microsoft lists no customer that can be reached. An account outside the group AdminAgents gets an empty list.',
    );
  }
  return reachable;
}

/**
 * Reads the consents of customers. What prevents that in one customer is a value.
 * @throws BrokerError if the credential itself failed, because that says nothing about the customers.
 */
export async function readCustomers(
  consents: Consents,
  customers: readonly Customer[],
): Promise<readonly ReadCustomer[]> {
  if (customers.length > 1) say(`Reading the consents of ${customers.length} customers …`);
  const { toolbox, read, run } = consents;
  return Promise.all(
    customers.map(async (customer): Promise<ReadCustomer> => {
      try {
        toolbox.signal.throwIfAborted();
        return { customer, consent: await read(customer.tenantId) };
      } catch (thrown) {
        toolbox.signal.throwIfAborted();
        if (thrown instanceof SetupError) throw thrown;
        const error: BrokerError = toBrokerError(thrown);
        if (error.scope === 'credential') throw thrown;
        return { customer, problem: readingProblem(error, run.application) };
      }
    }),
  );
}
