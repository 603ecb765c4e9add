import { dayMs } from '../../clock.ts';
import type { Row } from '../../graph/declaration.ts';
import { directoryRoles } from '../roles.ts';
import { idOf, perTenant, randomOf, type TenantFacts, time } from './facts.ts';
import { groupDataOf } from './group-data.ts';
import { hasEntraPremium } from './licensing.ts';

/** Security defaults are on in most tenants without Conditional Access, and never together with it. */
export const hasSecurityDefaults = (facts: TenantFacts): boolean =>
  facts.seeded.random('security-defaults', facts.tenantId)() < (hasEntraPremium(facts) ? 0.3 : 0.67);

export interface NamedLocationData {
  readonly id: string;
  readonly row: Row;
}

/** Named locations: the offices, in a range that is reserved for documentation, and the countries of the staff. */
export const namedLocationsOf = perTenant((facts): readonly NamedLocationData[] => {
  if (!hasEntraPremium(facts)) return [];
  const created = {
    createdDateTime: time(facts.startMs - 300 * dayMs),
    modifiedDateTime: time(facts.startMs - 200 * dayMs),
  };
  const offices = idOf(facts, 'location offices');
  const countries = idOf(facts, 'location countries');
  return [
    {
      id: offices,
      row: {
        '@odata.type': '#microsoft.graph.ipNamedLocation',
        id: offices,
        ...created,
        displayName: 'Offices',
        isTrusted: true,
        ipRanges: [{ '@odata.type': '#microsoft.graph.iPv4CidrRange', cidrAddress: '198.51.100.0/24' }],
      },
    },
    {
      id: countries,
      row: {
        '@odata.type': '#microsoft.graph.countryNamedLocation',
        id: countries,
        ...created,
        displayName: 'Allowed countries',
        countriesAndRegions: ['GB', 'IE'],
        countryLookupMethod: 'clientIpAddress',
        includeUnknownCountriesAndRegions: false,
      },
    },
  ];
});

interface PolicyPlan {
  readonly key: string;
  readonly displayName: string;
  /** Share of the tenants that have the policy. */
  readonly share: number;
  readonly conditions: (facts: TenantFacts) => Row;
  readonly grant: Row | null;
  readonly session?: Row;
}

const demand = (...builtInControls: readonly string[]): Row => ({
  operator: 'OR',
  builtInControls,
  customAuthenticationFactors: [],
  termsOfUse: [],
  authenticationStrength: null,
});

/** The built-in strength "Phishing-resistant MFA". Source: "authenticationStrengthPolicy resource type". */
const phishingResistant: Row = {
  id: '00000000-0000-0000-0000-000000000004',
  displayName: 'Phishing-resistant MFA',
  description: 'Methods that resist phishing.',
  policyType: 'builtIn',
  requirementsSatisfied: 'mfa',
  allowedCombinations: ['windowsHelloForBusiness', 'fido2', 'x509CertificateMultiFactor'],
};

const everybody = (facts: TenantFacts, more: Row = {}): Row => ({
  includeUsers: ['All'],
  excludeUsers: [],
  includeGroups: [],
  excludeGroups: groupDataOf(facts)
    .filter(({ displayName }) => displayName === 'SG Conditional Access Exclusions')
    .map(({ id }) => id),
  includeRoles: [],
  excludeRoles: [],
  includeGuestsOrExternalUsers: null,
  excludeGuestsOrExternalUsers: exceptProviders(facts),
  ...more,
});

/** Some tenants leave the accounts of their partners out of every policy for all users. */
const exceptProviders = (facts: TenantFacts): Row | null =>
  randomOf(facts, 'policy', 'except providers')() < 0.4
    ? {
        guestOrExternalUserTypes: 'serviceProvider',
        externalTenants: {
          '@odata.type': '#microsoft.graph.conditionalAccessAllExternalTenants',
          membershipKind: 'all',
        },
      }
    : null;

const anywhere = (more: Row): Row => ({
  applications: {
    includeApplications: ['All'],
    excludeApplications: [],
    includeUserActions: [],
    includeAuthenticationContextClassReferences: [],
    applicationFilter: null,
  },
  authenticationFlows: null,
  clientAppTypes: ['all'],
  clientApplications: null,
  devices: null,
  insiderRiskLevels: null,
  locations: null,
  platforms: null,
  servicePrincipalRiskLevels: [],
  signInRiskLevels: [],
  userRiskLevels: [],
  ...more,
});

const plans: readonly PolicyPlan[] = [
  {
    key: 'mfa all',
    displayName: 'CA001 Require multifactor authentication for all users',
    share: 0.85,
    conditions: (facts) => anywhere({ users: everybody(facts) }),
    grant: demand('mfa'),
  },
  {
    key: 'mfa admins',
    displayName: 'CA002 Require multifactor authentication for administrators',
    share: 0.8,
    conditions: (facts) =>
      anywhere({
        users: everybody(facts, {
          includeUsers: [],
          includeRoles: [directoryRoles['Global Administrator'], directoryRoles['Exchange Administrator']],
        }),
      }),
    grant: demand('mfa'),
  },
  {
    key: 'legacy',
    displayName: 'CA003 Block legacy authentication',
    share: 0.7,
    conditions: (facts) => anywhere({ users: everybody(facts), clientAppTypes: ['exchangeActiveSync', 'other'] }),
    grant: demand('block'),
  },
  {
    key: 'countries',
    displayName: 'CA004 Block sign-in from other countries',
    share: 0.5,
    conditions: (facts) =>
      anywhere({
        users: everybody(facts),
        locations: { includeLocations: ['All'], excludeLocations: namedLocationsOf(facts).map(({ id }) => id) },
      }),
    grant: demand('block'),
  },
  {
    key: 'devices',
    displayName: 'CA005 Require a compliant device',
    share: 0.4,
    conditions: (facts) =>
      anywhere({ users: everybody(facts), platforms: { includePlatforms: ['windows', 'iOS'], excludePlatforms: [] } }),
    grant: demand('compliantDevice', 'domainJoinedDevice'),
  },
  {
    key: 'browser',
    displayName: 'CA006 Sign in again every day in browsers',
    share: 0.3,
    conditions: (facts) => anywhere({ users: everybody(facts), clientAppTypes: ['browser'] }),
    grant: null,
    session: {
      applicationEnforcedRestrictions: null,
      cloudAppSecurity: null,
      disableResilienceDefaults: null,
      persistentBrowser: { isEnabled: true, mode: 'never' },
      secureSignInSession: null,
      signInFrequency: {
        isEnabled: true,
        value: 1,
        type: 'days',
        authenticationType: 'primaryAndSecondaryAuthentication',
        frequencyInterval: 'timeBased',
      },
    },
  },
  {
    key: 'mfa elsewhere',
    displayName: 'CA007 Require multifactor authentication outside the offices',
    share: 0.3,
    conditions: (facts) =>
      anywhere({
        users: everybody(facts),
        locations: { includeLocations: ['All'], excludeLocations: ['AllTrusted'] },
      }),
    grant: demand('mfa'),
  },
  {
    key: 'mfa or device',
    displayName: 'CA008 Require multifactor authentication or a compliant device',
    share: 0.3,
    conditions: (facts) => anywhere({ users: everybody(facts) }),
    grant: demand('mfa', 'compliantDevice'),
  },
  {
    key: 'strength',
    displayName: 'CA009 Require phishing-resistant methods for administrators',
    share: 0.4,
    conditions: (facts) =>
      anywhere({
        users: everybody(facts, { includeUsers: [], includeRoles: [directoryRoles['Global Administrator']] }),
        clientAppTypes: ['browser', 'mobileAppsAndDesktopClients'],
      }),
    grant: { ...demand(), authenticationStrength: phishingResistant },
  },
  {
    key: 'legacy in part',
    displayName: 'CA010 Block Exchange ActiveSync',
    share: 0.3,
    conditions: (facts) => anywhere({ users: everybody(facts), clientAppTypes: ['exchangeActiveSync'] }),
    grant: demand('block'),
  },
];

export interface PolicyData {
  readonly id: string;
  readonly key: string;
  readonly displayName: string;
  readonly state: 'enabled' | 'disabled' | 'enabledForReportingButNotEnforced';
  readonly row: Row;
}

/** Conditional Access policies. A tenant without Entra ID P1, or with security defaults, has none. */
export const conditionalAccessOf = perTenant((facts): readonly PolicyData[] => {
  if (!hasEntraPremium(facts) || hasSecurityDefaults(facts)) return [];
  return plans.flatMap(({ key, displayName, share, conditions, grant, session }): readonly PolicyData[] => {
    const random = randomOf(facts, 'policy', key);
    if (random() >= share) return [];
    const [mood, age] = [random(), random()];
    const state = mood < 0.75 ? 'enabled' : mood < 0.9 ? 'enabledForReportingButNotEnforced' : 'disabled';
    const id = idOf(facts, 'policy', key);
    const createdMs = facts.startMs - Math.floor((30 + age * 300) * dayMs);
    const row: Row = {
      id,
      templateId: null,
      displayName,
      createdDateTime: time(createdMs),
      modifiedDateTime: age < 0.5 ? null : time(createdMs + 7 * dayMs),
      state,
      conditions: conditions(facts),
      grantControls: grant,
      sessionControls: session ?? null,
    };
    return [{ id, key, displayName, state, row }];
  });
});
