import type { Declaration, Row } from '../../../graph/declaration.ts';
import { dayMs } from '../../../clock.ts';
import { conditionalAccessOf, namedLocationsOf } from '../policy-data.ts';
import { randomOf, time, type TenantFacts } from '../facts.ts';
import { checkLocation, checkPolicy } from '../write-checks/policies.ts';
import { securityDefaults } from '../security-defaults.ts';
import { concealsNames, entitySet, singleton } from './declare.ts';

/** Role ids of guests in the authorization policy. Source: "authorizationPolicy resource type". */
const guestRoles = {
  limited: '10dae51f-b6af-4016-8d66-8c2a99b929b3',
  restricted: '2af84b1e-32c8-42b7-82bc-daa82404023b',
} as const;

function authorizationPolicy(facts: TenantFacts): Row {
  const random = randomOf(facts, 'authorization policy');
  const [consents, creates, invites] = [random() < 0.5, random() < 0.6, random() < 0.5];
  return {
    id: 'authorizationPolicy',
    deletedDateTime: null,
    displayName: 'Authorization Policy',
    description: 'Used to manage authorization related settings across the company.',
    allowedToSignUpEmailBasedSubscriptions: true,
    allowedToUseSSPR: true,
    allowEmailVerifiedUsersToJoinOrganization: false,
    allowInvitesFrom: invites ? 'everyone' : 'adminsAndGuestInviters',
    allowUserConsentForRiskyApps: null,
    blockMsolPowerShell: random() < 0.4,
    guestUserRoleId: random() < 0.7 ? guestRoles.limited : guestRoles.restricted,
    defaultUserRolePermissions: {
      allowedToCreateApps: creates,
      allowedToCreateSecurityGroups: true,
      allowedToCreateTenants: creates,
      allowedToReadBitlockerKeysForOwnedDevice: true,
      allowedToReadOtherUsers: true,
      permissionGrantPoliciesAssigned: consents
        ? ['ManagePermissionGrantsForSelf.microsoft-user-default-legacy']
        : ['ManagePermissionGrantsForSelf.microsoft-user-default-low'],
    },
  };
}

const everybody = [{ targetType: 'group', id: 'all_users', isRegistrationRequired: false }];

const methods = [
  { id: 'Fido2', type: 'fido2AuthenticationMethodConfiguration', share: 0.6 },
  { id: 'MicrosoftAuthenticator', type: 'microsoftAuthenticatorAuthenticationMethodConfiguration', share: 1 },
  { id: 'Sms', type: 'smsAuthenticationMethodConfiguration', share: 0.6 },
  { id: 'TemporaryAccessPass', type: 'temporaryAccessPassAuthenticationMethodConfiguration', share: 0.4 },
  { id: 'SoftwareOath', type: 'softwareOathAuthenticationMethodConfiguration', share: 0.8 },
  { id: 'Voice', type: 'voiceAuthenticationMethodConfiguration', share: 0.2 },
  { id: 'Email', type: 'emailAuthenticationMethodConfiguration', share: 0.5 },
] as const;

/** A method that a user has registered is allowed. */
const methodConfigurations = (facts: TenantFacts): readonly Row[] => {
  const used = new Set(facts.users.flatMap((user) => user.methods));
  const isUsed: Readonly<Record<string, boolean>> = {
    Fido2: used.has('fido2SecurityKey'),
    Sms: used.has('mobilePhone'),
    SoftwareOath: used.has('softwareOneTimePasscode'),
  };
  return methods.map(({ id, type, share }) => ({
    '@odata.type': `#microsoft.graph.${type}`,
    id,
    state: isUsed[id] === true || randomOf(facts, 'method policy', id)() < share ? 'enabled' : 'disabled',
    excludeTargets: [],
    includeTargets: everybody,
  }));
};

const methodsPolicy = (facts: TenantFacts): Row => ({
  id: 'authenticationMethodsPolicy',
  displayName: 'Authentication Methods Policy',
  description: 'The tenant-wide policy that controls which authentication methods are allowed in the tenant.',
  lastModifiedDateTime: time(facts.startMs - 150 * dayMs),
  policyMigrationState: 'migrationComplete',
  policyVersion: '1.5',
  reconfirmationInDays: null,
  registrationEnforcement: {
    authenticationMethodsRegistrationCampaign: {
      snoozeDurationInDays: 1,
      enforceRegistrationAfterAllowedSnoozes: true,
      state: 'default',
      excludeTargets: [],
      includeTargets: [],
    },
  },
  authenticationMethodConfigurations: methodConfigurations(facts),
});

const changes = { operations: ['create', 'update', 'delete'] } as const;

export const policySets: readonly Declaration[] = [
  securityDefaults,
  entitySet(
    'identity/conditionalAccess/policies',
    'conditionalAccessPolicy',
    (facts) => conditionalAccessOf(facts).map(({ row }) => row),
    { writes: { ...changes, required: ['displayName', 'state', 'conditions'], check: checkPolicy } },
  ),
  entitySet(
    'identity/conditionalAccess/namedLocations',
    'namedLocation',
    (facts) => namedLocationsOf(facts).map(({ row }) => row),
    { writes: { ...changes, required: ['displayName'], check: checkLocation } },
  ),
  singleton('policies/authorizationPolicy', 'authorizationPolicy', authorizationPolicy, { writes: {} }),
  singleton('policies/authenticationMethodsPolicy', 'authenticationMethodsPolicy', methodsPolicy, { writes: {} }),
  entitySet(
    'policies/authenticationMethodsPolicy/authenticationMethodConfigurations',
    'authenticationMethodConfiguration',
    methodConfigurations,
    { writes: { operations: ['update'] } },
  ),
  singleton(
    'policies/adminConsentRequestPolicy',
    'adminConsentRequestPolicy',
    (facts) => ({
      isEnabled: randomOf(facts, 'consent requests')() < 0.4,
      notifyReviewers: true,
      remindersEnabled: true,
      requestDurationInDays: 30,
      reviewers: [],
      version: 0,
    }),
    { writes: {} },
  ),
  singleton('policies/crossTenantAccessPolicy', 'crossTenantAccessPolicy', () => ({
    id: 'crossTenantAccessPolicy',
    displayName: 'CrossTenantAccessPolicy',
    allowedCloudEndpoints: [],
  })),
  singleton('policies/crossTenantAccessPolicy/default', 'crossTenantAccessPolicyConfigurationDefault', () => ({
    isServiceDefault: true,
    inboundTrust: {
      isCompliantDeviceAccepted: false,
      isHybridAzureADJoinedDeviceAccepted: false,
      isMfaAccepted: false,
    },
  })),
  singleton(
    'admin/reportSettings',
    'adminReportSettings',
    (facts) => ({ id: facts.tenantId, displayConcealedNames: concealsNames(facts) }),
    { writes: {} },
  ),
];
