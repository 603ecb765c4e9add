import { isIPv4, isIPv6 } from 'node:net';
import type { Change, Row, TenantView } from '../../../graph/declaration.ts';
import { GraphError } from '../../../graph/graph-error.ts';
import { needsEntraPremium } from '../premium.ts';

const refuse = (message: string): GraphError => new GraphError(400, 'BadRequest', message);

const objectAt = (row: Row, name: string): Row => (row[name] ?? {}) as Row;

const hasAny = (row: Row, ...names: readonly string[]): boolean =>
  names.some((name) => {
    const value = row[name];
    return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null;
  });

/**
 * Refuses a policy that says nothing about whom it covers, where, or what it asks for ("conditionalAccessConditionSet
 * resource type"). @throws GraphError 400, and 403 in a tenant without Microsoft Entra ID P1
 */
export function checkPolicy(tenant: TenantView, { row }: Change): void {
  needsEntraPremium(tenant);
  const conditions = objectAt(row, 'conditions');
  const people = hasAny(
    objectAt(conditions, 'users'),
    'includeUsers',
    'includeGroups',
    'includeRoles',
    'includeGuestsOrExternalUsers',
  );
  if (!people && !hasAny(objectAt(conditions, 'clientApplications'), 'includeServicePrincipals'))
    throw refuse("The policy is not valid: 'conditions' include no users and no service principals.");
  const places = ['includeApplications', 'includeUserActions', 'includeAuthenticationContextClassReferences'];
  const applications = objectAt(conditions, 'applications');
  if (!hasAny(applications, ...places, 'applicationFilter'))
    throw refuse("The policy is not valid: 'conditions' include no applications.");
  if (!hasAny(row, 'grantControls', 'sessionControls'))
    throw refuse("The policy is not valid: it has neither 'grantControls' nor 'sessionControls'.");
}

/** @throws GraphError 400, and 403 in a tenant without Microsoft Entra ID P1 */
export function checkLocation(tenant: TenantView, { row }: Change): void {
  needsEntraPremium(tenant);
  const { ipRanges, countriesAndRegions } = row;
  switch (row['@odata.type']) {
    case '#microsoft.graph.ipNamedLocation':
      if (!Array.isArray(ipRanges) || ipRanges.length === 0 || !(ipRanges as readonly Row[]).every(isRange))
        throw refuse("'ipRanges' must be a list of ranges such as 198.51.100.0/24.");
      return;
    case '#microsoft.graph.countryNamedLocation':
      if (
        !Array.isArray(countriesAndRegions) ||
        countriesAndRegions.length === 0 ||
        !countriesAndRegions.every(isCountry)
      )
        throw refuse("'countriesAndRegions' must be a list of country codes of two letters.");
      return;
    default:
      throw refuse(
        "'@odata.type' must be '#microsoft.graph.ipNamedLocation' or '#microsoft.graph.countryNamedLocation'.",
      );
  }
}

const isCountry = (value: unknown): boolean => typeof value === 'string' && /^[A-Za-z]{2}$/.test(value);

/** Masks of IPv4 are longer than /8 ("Conditional Access: Network assignment"). */
function isRange({ cidrAddress }: Row): boolean {
  const [address = '', mask = '', ...more] = String(cidrAddress).split('/');
  if (more.length > 0 || !/^\d{1,3}$/.test(mask)) return false;
  return isIPv4(address) ? Number(mask) >= 8 && Number(mask) <= 32 : isIPv6(address) && Number(mask) <= 128;
}
