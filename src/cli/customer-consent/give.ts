import { toBrokerError } from '../../lib/core/errors.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import {
  type ConsentPlan,
  type ConsentResult,
  failedResult,
  isWhole,
  planConsent,
  planResumption,
  propagationSeconds,
} from '../../lib/consent/consent-result.ts';
import type { CustomerConsent, JournalEntry } from '../../lib/consent/customer-grants.ts';
import { consentInTenants } from '../../lib/consent/customer-consent.ts';
import { counted } from '../counted.ts';
import { say } from '../sign-in/output.ts';
import type { ConsentFlags, Consents } from './open.ts';
import { requirePartnerCenter } from './open.ts';
import { type ReadCustomer, readCustomers, selectCustomers } from './select.ts';
import { waitForTokens } from './wait-for-tokens.ts';

export interface GiveFlags extends ConsentFlags {
  readonly renew?: boolean;
  readonly wait?: boolean;
  readonly dryRun?: boolean;
}

export interface GiveOutcome {
  /** Customers in which something is to be given, with dryRun only. */
  readonly planned: readonly ConsentPlan[];
  readonly results: readonly ConsentResult[];
  readonly names: ReadonlyMap<TenantId, string>;
  /** How many of the consented tenants issue tokens now; with `wait` only. */
  readonly working?: number;
}

/**
 * Consents in customers, and finishes what an interrupted run withdrew.
 * @param confirmWithdrawals called with the customers whose consent has to be withdrawn first. Throws to cancel.
 */
export async function giveConsents(
  consents: Consents,
  flags: GiveFlags,
  confirmWithdrawals: (orders: readonly ConsentPlan[]) => Promise<void>,
): Promise<GiveOutcome> {
  const customers = await selectCustomers(consents, flags);
  const names = new Map(customers.map(({ tenantId, name }) => [tenantId, name]));
  const resumed = await resume(consents, flags, names);
  const finished = new Set(resumed.map(({ tenantId }) => tenantId));
  const read = await readCustomers(
    consents,
    customers.filter(({ tenantId }) => !finished.has(tenantId)),
  );
  const orders = read.flatMap((each) => planOf(consents, flags, each));
  const unread = read.flatMap(({ customer, problem }) =>
    problem === undefined ? [] : [failedResult(customer.tenantId, problem)],
  );
  if (flags.dryRun) {
    return { planned: orders.filter((order) => order.give.length > 0), results: unread, names };
  }
  const withdrawals = orders.filter((order) => order.withdrawsFirst);
  if (withdrawals.length > 0) await confirmWithdrawals(withdrawals);
  const given = await carryOut(consents, orders, names);
  const results = [...resumed, ...given, ...unread];
  if (!flags.wait || consents.toolbox.signal.aborted) return { planned: [], results, names };
  const consented = results.filter((each) => each.outcome === 'consented').map(({ tenantId }) => tenantId);
  return { planned: [], results, names, working: await waitForTokens(consents, consented) };
}

const planOf = ({ wanted }: Consents, { renew }: GiveFlags, read: ReadCustomer): readonly ConsentPlan[] =>
  read.consent === undefined ? [] : [planConsent(read.customer, wanted, read.consent, renew === true)];

/** Gives again what an interrupted run withdrew, whichever customers this run is for. */
async function resume(
  consents: Consents,
  { dryRun }: GiveFlags,
  names: Map<TenantId, string>,
): Promise<readonly ConsentResult[]> {
  const entries = await consents.run.journal.list();
  if (entries.length === 0) return [];
  say(`An earlier run was interrupted in ${counted(entries.length, 'customer')} after it had withdrawn the consent.`);
  if (dryRun) return [];
  for (const { tenantId, name } of entries) if (!names.has(tenantId)) names.set(tenantId, name);
  const orders = await Promise.all(entries.map((entry) => resumptionOf(consents, entry)));
  return carryOut(consents, orders.flat(), names);
}

/** The directory may show a consent for a while after its withdrawal, so only a later reading counts. */
export async function resumptionOf(
  { read, run: { clock, journal } }: Pick<Consents, 'read' | 'run'>,
  entry: JournalEntry,
): Promise<readonly ConsentPlan[]> {
  const isSettled = clock.nowMs() - entry.startedAtMs >= propagationSeconds * 1000;
  const consent = isSettled ? await readOrUndefined(read, entry.tenantId) : undefined;
  if (!isWhole(entry, consent)) return [planResumption(entry, consent)];
  await journal.drop(entry.tenantId);
  return [];
}

const readOrUndefined = (read: Consents['read'], tenantId: TenantId): Promise<CustomerConsent | undefined> =>
  read(tenantId).catch((thrown: unknown) => {
    if (toBrokerError(thrown).scope === 'credential') throw thrown;
    return undefined;
  });

async function carryOut(
  consents: Consents,
  orders: readonly ConsentPlan[],
  names: ReadonlyMap<TenantId, string>,
): Promise<readonly ConsentResult[]> {
  const { signal } = consents.toolbox;
  signal.throwIfAborted();
  const total = orders.filter(({ give }) => give.length > 0).length;
  if (total > 0) await requirePartnerCenter(consents);
  const sayFinishing = (): void =>
    say('Finishing the tenants that were started. After a second Ctrl+C, the next run of the command finishes them.');
  signal.addEventListener('abort', sayFinishing, { once: true });
  const withWork = new Set(orders.filter(({ give }) => give.length > 0).map(({ tenantId }) => tenantId));
  let done = 0;
  try {
    return await consentInTenants(consents.run, orders, ({ tenantId, outcome }) => {
      if (withWork.has(tenantId)) say(`${(done += 1)}/${total} ${names.get(tenantId)}: ${outcome}`);
    });
  } finally {
    signal.removeEventListener('abort', sayFinishing);
  }
}
