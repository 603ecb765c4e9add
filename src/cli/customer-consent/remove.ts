import type { TenantId } from '../../lib/core/identifiers.ts';
import { type WithdrawalResult, withdrawConsents } from '../../lib/consent/customer-consent.ts';
import { say } from '../sign-in/output.ts';
import { type ConsentFlags, type Consents, requirePartnerCenter } from './open.ts';
import { type Customer, readCustomers, selectCustomers } from './select.ts';

export interface RemoveOutcome {
  /** Customers whose consent would be withdrawn, with dryRun only. */
  readonly planned: readonly Customer[];
  readonly results: readonly WithdrawalResult[];
  readonly names: ReadonlyMap<TenantId, string>;
}

/**
 * Withdraws the consent in customers.
 * @param confirmRemoval called with the customers that have a consent, or whose consent could not be read. Throws to cancel.
 */
export async function removeConsents(
  consents: Consents,
  flags: ConsentFlags & { readonly dryRun?: boolean },
  confirmRemoval: (customers: readonly Customer[]) => Promise<void>,
): Promise<RemoveOutcome> {
  const { run, toolbox } = consents;
  const customers = await selectCustomers(consents, flags);
  const names = new Map(customers.map(({ tenantId, name }) => [tenantId, name]));
  const read = await readCustomers(consents, customers);
  const absent = read.filter(({ consent }) => consent?.grants.length === 0).map(({ customer }) => customer);
  const chosen = customers.filter((customer) => !absent.includes(customer));
  if (flags.dryRun) return { planned: chosen, results: [], names };
  const already = absent.map(({ tenantId }): WithdrawalResult => ({ tenantId, outcome: 'absent' }));
  if (chosen.length > 0) {
    await confirmRemoval(chosen);
    await requirePartnerCenter(consents);
  }
  toolbox.signal.throwIfAborted();
  // What an interrupted run withdrew stays withdrawn.
  for (const { tenantId } of absent) await run.journal.drop(tenantId);
  let done = 0;
  const results = await withdrawConsents(
    run,
    chosen.map(({ tenantId }) => tenantId),
    ({ tenantId, outcome }) => say(`${(done += 1)}/${chosen.length} ${names.get(tenantId)}: ${outcome}`),
  );
  return { planned: [], results: [...results, ...already], names };
}
