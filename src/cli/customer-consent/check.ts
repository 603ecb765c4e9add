import type { ErrorCode } from '../../lib/core/errors.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import { compareConsent, type ConsentDifference, type ScopedResource } from '../../lib/consent/customer-grants.ts';
import { say } from '../sign-in/output.ts';
import type { ConsentFlags, Consents } from './open.ts';
import { type ReadCustomer, readCustomers, selectCustomers } from './select.ts';

export interface CheckedTenant extends Partial<ConsentDifference> {
  readonly tenantId: TenantId;
  readonly name: string;
  /** `equal`: the consent is what the profile asks for, as far as the customer has the resources. */
  readonly outcome: 'equal' | 'different' | 'failed';
  readonly code?: ErrorCode;
  readonly detail?: string;
  readonly nextStep?: string;
}

/** Compares the consent of each customer with the profile. Changes nothing. */
export async function checkConsents(consents: Consents, flags: ConsentFlags): Promise<readonly CheckedTenant[]> {
  const interrupted = await consents.run.journal.list();
  if (interrupted.length > 0) {
    const names = interrupted.map(({ name }) => name).join(', ');
    say(
      `An earlier run was interrupted after it had withdrawn the consent of ${names}. Run the command without --check.`,
    );
  }
  const read = await readCustomers(consents, await selectCustomers(consents, flags));
  return read.map((each) => compare(each, consents.wanted));
}

function compare({ customer, consent, problem }: ReadCustomer, wanted: readonly ScopedResource[]): CheckedTenant {
  const { tenantId, name } = customer;
  if (consent === undefined) return { tenantId, name, outcome: 'failed', ...problem };
  const difference = compareConsent(wanted, consent);
  const isEqual = difference.missing.length === 0 && difference.excess.length === 0;
  return { tenantId, name, outcome: isEqual ? 'equal' : 'different', ...difference };
}
