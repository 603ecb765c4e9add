import type { Property, TypeInfo } from '../schema/schema.ts';

/**
 * What the directory does with a property in advanced queries only. The descriptions of the properties do not say it.
 * Source: the tables on filtering and sorting of "Advanced query capabilities on directory objects", and for `faxNumber`
 * a public thread (Microsoft Q&A 726469). They are those of users and groups; other types are not in the table here.
 */
const filtered: ReadonlySet<string> = new Set([
  'companyName',
  'employeeHireDate',
  'employeeType',
  'faxNumber',
  'mobilePhone',
  'officeLocation',
  'onPremisesExtensionAttributes',
  'onPremisesImmutableId',
  'onPremisesLastSyncDateTime',
  'onPremisesSamAccountName',
  'passwordPolicies',
  'postalCode',
  'preferredLanguage',
  'streetAddress',
]);

/** A user can be found by these values without the header, but not by their absence. */
const filteredByNull: ReadonlySet<string> = new Set([
  'city',
  'country',
  'department',
  'displayName',
  'employeeId',
  'givenName',
  'jobTitle',
  'mailNickname',
  'onPremisesSecurityIdentifier',
  'proxyAddresses',
  'state',
  'surname',
  'userType',
]);

/** The only ones by which a list is sorted without the header. */
const sorted: Readonly<Record<string, readonly string[]>> = {
  user: ['displayName', 'userPrincipalName'],
  group: ['displayName'],
};

/**
 * What can be compared by `eq` although the typings do not say so, by type. Sources: "Governing managed identities" sends
 * `servicePrincipals?$filter=(servicePrincipalType eq 'ManagedIdentity')`.
 */
const alsoCompared: Readonly<Record<string, readonly string[]>> = { servicePrincipal: ['servicePrincipalType'] };

/** Whether the property is compared by `eq` although its description does not say so. */
export const isAlsoCompared = ({ name }: Property, type: TypeInfo): boolean =>
  alsoCompared[type.name]?.includes(name) === true;

/** Whether a filter by the property needs an advanced query, whatever its operator is. */
export const needsAdvancedFilter = ({ name }: Property, type: TypeInfo, isNull: boolean): boolean =>
  type.name === 'user' && (filtered.has(name) || (isNull && filteredByNull.has(name)));

/** Whether a list of this type, which is no relation of another object, is sorted by the property in every query. */
export const isAlwaysSorted = ({ name }: Property, type: TypeInfo): boolean =>
  sorted[type.name]?.includes(name) === true;
