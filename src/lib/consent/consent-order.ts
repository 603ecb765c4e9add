import type { TenantId } from '../core/identifiers.ts';
import type { JournalEntry } from './consent-journal.ts';
import type { ConsentProblem } from './consent-problem.ts';
import {
  compareConsent,
  type CustomerConsent,
  isGranted,
  mergeScopes,
  scopesIn,
  type ScopedResource,
} from './customer-grants.ts';
import type { ConsentAnswer } from './partner-center-consents.ts';

/** What to do in one customer. */
export interface ConsentOrder {
  readonly tenantId: TenantId;
  readonly name: string;
  /** What to consent to, one request each. */
  readonly give: readonly ScopedResource[];
  /** Withdraw the whole consent first. */
  readonly withdrawsFirst: boolean;
  /** The grants before a withdrawal, by this run or by an interrupted one. */
  readonly former?: readonly ScopedResource[];
  readonly already: readonly ScopedResource[];
  /** Resources of the profile that are consented with fewer scopes. They need a withdrawal. */
  readonly outdated: readonly ScopedResource[];
  /** Whether all grants are known, so that a withdrawal loses none. */
  readonly canRenew: boolean;
  /** Resources of the profile that the customer does not have. */
  readonly unavailable: readonly ScopedResource[];
}

/** Answers per resource, and the problem that ended the work in this customer, if one did. */
export interface GivenConsent {
  readonly answers: ReadonlyMap<ScopedResource, ConsentAnswer>;
  readonly ended: ConsentProblem | undefined;
  /** Whether Partner Center refuses the token, so that no further customer need be tried. */
  readonly isTokenRefused: boolean;
}

interface Customer {
  readonly tenantId: TenantId;
  readonly name: string;
}

/**
 * Plans how a customer gets the consent that the profile asks for. Resources without any consent are added. Further scopes
 * of a resource need a withdrawal of everything ("GDAP FAQ"), which happens only with `renew`; then every existing grant is
 * given again, also those that the profile does not name. Pure.
 */
export function planConsent(
  { tenantId, name }: Customer,
  wanted: readonly ScopedResource[],
  consent: CustomerConsent,
  renew: boolean,
): ConsentOrder {
  const { missing, unavailable } = compareConsent(wanted, consent);
  const isPartial = ({ appId }: ScopedResource): boolean => scopesIn(consent.grants, appId).length > 0;
  const available = wanted.filter((each) => !unavailable.includes(each));
  const canRenew = consent.isComplete;
  const order = {
    tenantId,
    name,
    unavailable,
    canRenew,
    already: available.filter((each) => isGranted(consent, each)),
  };
  if (renew && canRenew && missing.some(isPartial)) {
    const give = mergeScopes(consent.grants, available);
    return { ...order, give, withdrawsFirst: true, former: consent.grants, already: [], outdated: [] };
  }
  const give = missing.filter((each) => !isPartial(each));
  return { ...order, give, withdrawsFirst: false, outdated: missing.filter(isPartial) };
}

/**
 * Whether nothing that an interrupted run may have withdrawn is missing, so that the customer is planned like any other: it
 * was interrupted before the withdrawal, or after everything was given again.
 */
export const isWhole = ({ before }: JournalEntry, consent: CustomerConsent | undefined): boolean =>
  consent !== undefined && before.every((each) => isGranted(consent, each));

/**
 * Plans to give what an interrupted run withdrew.
 * @param consent undefined if it cannot be read, or was withdrawn so recently that the directory may still show it.
 */
export function planResumption(entry: JournalEntry, consent: CustomerConsent | undefined): ConsentOrder {
  const { tenantId, name, before, after } = entry;
  const already = consent === undefined ? [] : after.filter((each) => isGranted(consent, each));
  const give = after.filter((each) => !already.includes(each));
  return {
    tenantId,
    name,
    give,
    withdrawsFirst: false,
    former: before,
    already,
    outdated: [],
    canRenew: true,
    unavailable: [],
  };
}
