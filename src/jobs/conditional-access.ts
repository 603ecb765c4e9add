import * as z from 'zod';
import type { GraphClient } from '../lib/microsoft/graph.ts';

const texts = z.array(z.string()).nullish();
const externalUsers = z
  .object({
    /** One text with commas. */
    guestOrExternalUserTypes: z.string().nullish(),
    externalTenants: z.object({ membershipKind: z.string().nullish(), members: texts }).nullish(),
  })
  .nullish();

/** A Conditional Access policy, as far as reports look at it ("conditionalAccessPolicy resource type"). */
const policy = z.object({
  id: z.string(),
  displayName: z.string().nullish(),
  state: z.string().nullish(),
  conditions: z
    .object({
      users: z
        .object({
          includeUsers: texts,
          excludeUsers: texts,
          includeGroups: texts,
          excludeGroups: texts,
          includeRoles: texts,
          excludeRoles: texts,
          includeGuestsOrExternalUsers: externalUsers,
          excludeGuestsOrExternalUsers: externalUsers,
        })
        .nullish(),
      applications: z
        .object({ includeApplications: texts, excludeApplications: texts, applicationFilter: z.unknown().optional() })
        .nullish(),
      clientAppTypes: texts,
      platforms: z.object({ includePlatforms: texts, excludePlatforms: texts }).nullish(),
      locations: z.object({ includeLocations: texts, excludeLocations: texts }).nullish(),
      devices: z.unknown().optional(),
      clientApplications: z.unknown().optional(),
      authenticationFlows: z.unknown().optional(),
      insiderRiskLevels: z.unknown().optional(),
      signInRiskLevels: texts,
      userRiskLevels: texts,
    })
    .nullish(),
  grantControls: z
    .object({
      operator: z.string().nullish(),
      builtInControls: texts,
      customAuthenticationFactors: texts,
      termsOfUse: texts,
      authenticationStrength: z.object({ requirementsSatisfied: z.string().nullish() }).nullish(),
    })
    .nullish(),
});
export type Policy = z.output<typeof policy>;

/** All policies. Needs Policy.Read.All. */
export const readPolicies = (graph: GraphClient): AsyncGenerator<Policy, void, undefined> =>
  graph.list('/identity/conditionalAccess/policies', { shape: policy });

/** Whether security defaults are on; null if Graph does not say. Needs Policy.Read.All. */
export async function securityDefaults(graph: GraphClient): Promise<boolean | null> {
  const { isEnabled } = await graph.get('/policies/identitySecurityDefaultsEnforcementPolicy');
  return typeof isEnabled === 'boolean' ? isEnabled : null;
}

const length = (list: readonly string[] | null | undefined): number => list?.length ?? 0;
const has = (list: readonly string[] | null | undefined, name: string): boolean => list?.includes(name) === true;

/** Whether the policy names a second factor among its controls. */
export const namesMfa = ({ grantControls }: Policy): boolean =>
  has(grantControls?.builtInControls, 'mfa') || grantControls?.authenticationStrength != null;

/** Whether nobody satisfies the policy without a second factor: it is demanded, and no other control does instead. */
export function demandsMfa({ grantControls }: Policy): boolean {
  const strength = grantControls?.authenticationStrength;
  const isStrength = strength?.requirementsSatisfied?.split(',').includes('mfa') === true;
  const demands = Number(has(grantControls?.builtInControls, 'mfa')) + Number(isStrength);
  const controls =
    length(grantControls?.builtInControls) +
    length(grantControls?.customAuthenticationFactors) +
    length(grantControls?.termsOfUse) +
    (strength == null ? 0 : 1);
  return demands > 0 && (grantControls?.operator !== 'OR' || controls === demands);
}

/** Names of the conditions because of which the policy holds for some sign-ins of its users only, without client types. */
export function narrowings({ conditions }: Policy): readonly string[] {
  const { applications, platforms, locations } = conditions ?? {};
  const all = (include: readonly string[] | null | undefined, exclude: readonly string[] | null | undefined): boolean =>
    include?.some((each) => each.toLowerCase() === 'all') === true && length(exclude) === 0;
  const found: Readonly<Record<string, boolean>> = {
    applications:
      !all(applications?.includeApplications, applications?.excludeApplications) ||
      applications?.applicationFilter != null,
    platforms: platforms != null && !all(platforms.includePlatforms, platforms.excludePlatforms),
    locations: locations != null && !all(locations.includeLocations, locations.excludeLocations),
    devices: conditions?.devices != null,
    'client applications': conditions?.clientApplications != null,
    'authentication flows': conditions?.authenticationFlows != null,
    'insider risk': conditions?.insiderRiskLevels != null,
    risk: length(conditions?.signInRiskLevels) + length(conditions?.userRiskLevels) > 0,
  };
  return Object.keys(found).filter((name) => found[name] === true);
}

/** Whether the policy holds for browsers and for applications with modern authentication. */
export const holdsForModernClients = ({ conditions }: Policy): boolean => {
  const types = conditions?.clientAppTypes;
  return has(types, 'all') || (has(types, 'browser') && has(types, 'mobileAppsAndDesktopClients'));
};

/** Whether the policy blocks all legacy authentication: Exchange ActiveSync and other clients. */
export const blocksLegacy = (policy: Policy): boolean => {
  const types = policy.conditions?.clientAppTypes;
  return (
    has(policy.grantControls?.builtInControls, 'block') &&
    has(types, 'other') &&
    has(types, 'exchangeActiveSync') &&
    narrowings(policy).length === 0
  );
};

export const includesEverybody = ({ conditions }: Policy): boolean => has(conditions?.users?.includeUsers, 'All');

/** Whether nobody whom the policy includes signs in anywhere without a second factor. */
export const demandsMfaEverywhere = (policy: Policy): boolean =>
  demandsMfa(policy) && holdsForModernClients(policy) && narrowings(policy).length === 0;

/** @param templateId of a directory role. */
export const excludesRole = ({ conditions }: Policy, templateId: string): boolean =>
  has(conditions?.users?.excludeRoles, templateId);

/** Whether the policy includes a role, and does not exclude it. */
export const concernsRole = (policy: Policy, templateId: string): boolean =>
  has(policy.conditions?.users?.includeRoles, templateId) && !excludesRole(policy, templateId);

/** All guests, in lists of users. Such policies are older than kinds of external users, and concern service providers too. */
const everyGuest = 'GuestsOrExternalUsers';

/** Whether a policy meets the service accounts of the partner, which are service providers in this tenant. */
export function serviceProviders({ conditions }: Policy, partnerTenantId: string): 'in' | 'excluded' | 'not concerned' {
  const { includeUsers, excludeUsers, includeGuestsOrExternalUsers, excludeGuestsOrExternalUsers } =
    conditions?.users ?? {};
  const names = (list: typeof includeUsers, users: z.output<typeof externalUsers>): boolean => {
    const { membershipKind, members } = users?.externalTenants ?? {};
    const isOfTenant =
      membershipKind !== 'enumerated' || members?.some((id) => id.toLowerCase() === partnerTenantId) === true;
    const isNamed = users?.guestOrExternalUserTypes?.split(',').some((type) => type.trim() === 'serviceProvider');
    return has(list, everyGuest) || (isNamed === true && isOfTenant);
  };
  if (!has(includeUsers, 'All') && !names(includeUsers, includeGuestsOrExternalUsers)) return 'not concerned';
  return names(excludeUsers, excludeGuestsOrExternalUsers) ? 'excluded' : 'in';
}

/** Users, groups, roles and kinds of external users that the policy excludes. */
export function exclusions({ conditions }: Policy): number {
  const { excludeUsers, excludeGroups, excludeRoles, excludeGuestsOrExternalUsers } = conditions?.users ?? {};
  const external = excludeGuestsOrExternalUsers?.guestOrExternalUserTypes?.split(',').length ?? 0;
  return length(excludeUsers) + length(excludeGroups) + length(excludeRoles) + external;
}

/** A list in few words: names such as All and None, or the number of ids. */
export function inWords(list: readonly string[] | null | undefined, one: string): string | undefined {
  if (list == null || list.length === 0) return undefined;
  const words = list.filter((each) => !/^[0-9a-f]{8}-/i.test(each));
  const ids = list.length - words.length;
  return [...words, ...(ids === 0 ? [] : [`${ids} ${one}${ids === 1 ? '' : 's'}`])].join(', ');
}
