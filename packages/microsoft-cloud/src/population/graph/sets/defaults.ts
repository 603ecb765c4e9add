import type { Declaration, Row } from '../../../graph/declaration.ts';
import { dayMs } from '../../../clock.ts';
import { deviceRow, devicesOf } from '../device-data.ts';
import { idOf, randomOf, time, type TenantFacts } from '../facts.ts';
import { needsIntune, needsSharePoint } from '../premium.ts';
import { roleDefinitionRow, roleNames } from '../role-data.ts';
import { entitySet, singleton } from './declare.ts';

/** What every tenant has from its first day: Microsoft's templates, built-in policies and settings. */

const resistant = ['windowsHelloForBusiness', 'fido2', 'x509CertificateMultiFactor'];
const passwordless = [...resistant, 'deviceBasedPush'];

/** Source: "Overview of authentication strengths". */
const strengths = [
  {
    id: '00000000-0000-0000-0000-000000000002',
    displayName: 'Multifactor authentication',
    allowedCombinations: [
      ...passwordless,
      'temporaryAccessPassOneTime',
      'temporaryAccessPassMultiUse',
      'password,microsoftAuthenticatorPush',
      'password,softwareOath',
      'password,hardwareOath',
      'password,sms',
      'password,voice',
      'federatedMultiFactor',
    ],
  },
  {
    id: '00000000-0000-0000-0000-000000000003',
    displayName: 'Passwordless MFA',
    allowedCombinations: passwordless,
  },
  {
    id: '00000000-0000-0000-0000-000000000004',
    displayName: 'Phishing-resistant MFA',
    allowedCombinations: resistant,
  },
].map((strength) => ({
  ...strength,
  createdDateTime: null,
  modifiedDateTime: null,
  description: `Built-in: ${strength.displayName}.`,
  policyType: 'builtIn',
  requirementsSatisfied: 'mfa',
}));

/** Some of Microsoft's templates. The texts are ours. Source: "Conditional Access templates". */
const conditionalAccessTemplates: readonly Row[] = (
  [
    ['c7503427-338e-4c5e-902d-abe252abfb43', 'Require multifactor authentication for admins', 'secureFoundation'],
    ['b8bda7f8-6584-4446-bce9-d871480e53fa', 'Securing security info registration', 'secureFoundation'],
    ['0b2282f9-2862-4178-88b5-d79340b36cb8', 'Block legacy authentication', 'secureFoundation'],
    ['a3d0a415-b068-4326-9251-f9cdf9feeb64', 'Require multifactor authentication for all users', 'secureFoundation'],
  ] as const
).map(([id, name, scenarios]) => ({ id, name, description: `${name}.`, scenarios }));

/** Source: "Cmdlets for configuring group settings". */
const settingTemplates: readonly Row[] = (
  [
    ['62375ab9-6b52-47ed-826b-58e47e0e304b', 'Group.Unified'],
    ['08d542b9-071f-4e16-94b0-74abb372e3d9', 'Group.Unified.Guest'],
    ['4bc7f740-180e-4586-adb6-38b2e9024e6b', 'Application'],
    ['898f1161-d651-43d1-805c-3b0b388a9fc2', 'Custom Policy Settings'],
    ['5cf42378-d67d-4f36-ba46-e8b86229381d', 'Password Rule Settings'],
    ['80661d51-be2f-4d46-9713-98a2fcaec5bc', 'Prohibited Names Settings'],
    ['dffd5d46-495d-40a9-8e21-954ff55e198a', 'Consent Policy Settings'],
  ] as const
).map(([id, displayName]) => ({ id, deletedDateTime: null, displayName, description: `${displayName}.`, values: [] }));

/** Source: "Manage app consent policies". */
const grantPolicies: readonly Row[] = [
  'microsoft-user-default-low',
  'microsoft-user-default-legacy',
  'microsoft-user-default-recommended',
  'microsoft-application-admin',
  'microsoft-company-admin',
  'microsoft-all-application-permissions',
].map((id) => ({ id, deletedDateTime: null, displayName: id, description: 'Includes permissions by their kind.' }));

const rolePolicyId = (facts: TenantFacts, role: (typeof roleNames)[number]): string =>
  `DirectoryRole_${facts.tenantId}_${idOf(facts, 'role policy', role)}`;

/** One policy for each role ("unifiedRoleManagementPolicy resource type"). */
const rolePolicies = (facts: TenantFacts): readonly Row[] =>
  roleNames.map((role) => ({
    id: rolePolicyId(facts, role),
    displayName: 'DirectoryRole',
    description: 'DirectoryRole',
    isOrganizationDefault: false,
    lastModifiedBy: { id: null, displayName: '' },
    lastModifiedDateTime: null,
    scopeId: '/',
    scopeType: 'DirectoryRole',
  }));

const rolePolicyAssignments = (facts: TenantFacts): readonly Row[] =>
  roleNames.map((role) => {
    const roleDefinitionId = String(roleDefinitionRow(role)['id']);
    const policyId = rolePolicyId(facts, role);
    return { id: `${policyId}_${roleDefinitionId}`, policyId, roleDefinitionId, scopeId: '/', scopeType: 'Directory' };
  });

/** Managed computers with Windows: they have a recovery key, and a local administrator if the tenant uses LAPS. */
const computersOf = (facts: TenantFacts): ReturnType<typeof devicesOf> =>
  devicesOf(facts).filter(({ isManaged, model }) => isManaged && model.system === 'Windows');

const localCredentials = (facts: TenantFacts): readonly Row[] =>
  randomOf(facts, 'local administrator passwords')() < 0.5
    ? []
    : computersOf(facts).map((device) => ({
        id: String(deviceRow(device)['deviceId']),
        deviceName: deviceRow(device)['displayName'],
        lastBackupDateTime: time(facts.startMs - 4 * dayMs),
        refreshDateTime: time(facts.startMs + 26 * dayMs),
      }));

const recoveryKeys = (facts: TenantFacts): readonly Row[] =>
  computersOf(facts).map((device) => ({
    id: idOf(facts, 'recovery key', device.id),
    createdDateTime: time(device.registeredMs),
    deviceId: deviceRow(device)['deviceId'],
    volumeType: 'operatingSystemVolume',
  }));

/** `admin/sharepoint/settings`. */
function sharePointSettings(facts: TenantFacts): Row {
  const random = randomOf(facts, 'sharepoint settings');
  const sharing = random();
  return {
    allowedDomainGuidsForSyncApp: [],
    availableManagedPathsForSiteCreation: ['/sites/', '/teams/'],
    deletedUserPersonalSiteRetentionPeriodInDays: 30,
    excludedFileExtensionsForSyncApp: [],
    idleSessionSignOut: {
      isEnabled: false,
      warnAfterInSeconds: 0,
      signOutAfterInSeconds: 0,
    },
    isCommentingOnSitePagesEnabled: true,
    isFileActivityNotificationEnabled: true,
    isLegacyAuthProtocolsEnabled: random() < 0.3,
    isLoopEnabled: true,
    isMacSyncAppEnabled: true,
    isRequireAcceptingUserToMatchInvitedUserEnabled: random() < 0.5,
    isResharingByExternalUsersEnabled: random() < 0.6,
    isSharePointMobileNotificationEnabled: true,
    isSharePointNewsfeedEnabled: false,
    isSiteCreationEnabled: true,
    isSiteCreationUIEnabled: true,
    isSitePagesCreationEnabled: true,
    isSitesStorageLimitAutomatic: true,
    isSyncButtonHiddenOnPersonalSite: false,
    isUnmanagedSyncAppForTenantRestricted: false,
    personalSiteDefaultStorageLimitInMB: 1_048_576,
    sharingAllowedDomainList: [],
    sharingBlockedDomainList: [],
    sharingCapability:
      sharing < 0.5 ? 'externalUserAndGuestSharing' : sharing < 0.8 ? 'externalUserSharingOnly' : 'disabled',
    sharingDomainRestrictionMode: 'none',
    siteCreationDefaultManagedPath: '/sites/',
    siteCreationDefaultStorageLimitInMB: 26_214_400,
    tenantDefaultTimezone: '(UTC) Dublin, Edinburgh, Lisbon, London',
  };
}

const everybody = { '@odata.type': '#microsoft.graph.allDeviceRegistrationMembership' };
const changes = { writes: {} };

export const defaultSets: readonly Declaration[] = [
  entitySet('policies/authenticationStrengthPolicies', 'authenticationStrengthPolicy', () => strengths),
  entitySet(
    'identity/conditionalAccess/authenticationStrength/policies',
    'authenticationStrengthPolicy',
    () => strengths,
  ),
  entitySet('identity/conditionalAccess/templates', 'conditionalAccessTemplate', () => conditionalAccessTemplates),
  entitySet('groupSettingTemplates', 'groupSettingTemplate', () => settingTemplates),
  entitySet('policies/permissionGrantPolicies', 'permissionGrantPolicy', () => grantPolicies),
  entitySet('policies/roleManagementPolicies', 'unifiedRoleManagementPolicy', rolePolicies),
  entitySet('policies/roleManagementPolicyAssignments', 'unifiedRoleManagementPolicyAssignment', rolePolicyAssignments),
  entitySet('directory/deviceLocalCredentials', 'deviceLocalCredentialInfo', localCredentials, {
    searched: ['deviceName'],
  }),
  entitySet('informationProtection/bitlocker/recoveryKeys', 'bitlockerRecoveryKey', recoveryKeys, {
    check: needsIntune,
  }),
  singleton('admin/sharepoint/settings', 'sharepointSettings', sharePointSettings, {
    ...changes,
    check: needsSharePoint,
  }),
  singleton('admin/people/pronouns', 'pronounsSettings', () => ({ isEnabledInOrganization: false }), changes),
  singleton(
    'admin/people/itemInsights',
    'insightsSettings',
    () => ({ isEnabledInOrganization: true, disabledForGroup: null }),
    changes,
  ),
  singleton(
    'admin/microsoft365Apps/installationOptions',
    'm365AppsInstallationOptions',
    () => ({
      updateChannel: 'current',
      appsForWindows: {
        isMicrosoft365AppsEnabled: true,
        isProjectEnabled: true,
        isSkypeForBusinessEnabled: true,
        isVisioEnabled: true,
      },
      appsForMac: { isMicrosoft365AppsEnabled: true, isSkypeForBusinessEnabled: true },
    }),
    changes,
  ),
  singleton(
    'policies/authenticationFlowsPolicy',
    'authenticationFlowsPolicy',
    () => ({
      id: 'authenticationFlowsPolicy',
      displayName: 'Authentication flows policy',
      description: 'Authentication flows policy allows modification of settings related to sign-up.',
      selfServiceSignUp: { isEnabled: false },
    }),
    changes,
  ),
  singleton(
    'policies/defaultAppManagementPolicy',
    'tenantAppManagementPolicy',
    () => ({
      id: '00000000-0000-0000-0000-000000000000',
      deletedDateTime: null,
      displayName: 'Default app management tenant policy',
      description: 'Default tenant policy that enforces app management restrictions on applications.',
      isEnabled: false,
      applicationRestrictions: { passwordCredentials: [], keyCredentials: [] },
      servicePrincipalRestrictions: { passwordCredentials: [], keyCredentials: [] },
    }),
    changes,
  ),
  singleton(
    'policies/deviceRegistrationPolicy',
    'deviceRegistrationPolicy',
    (facts) => ({
      id: 'deviceRegistrationPolicy',
      displayName: 'Device Registration Policy',
      description: 'Tenant-wide policy that manages initial provisioning controls.',
      userDeviceQuota: 50,
      multiFactorAuthConfiguration: randomOf(facts, 'device registration')() < 0.3 ? 'required' : 'notRequired',
      azureADRegistration: { isAdminConfigurable: false, allowedToRegister: everybody },
      azureADJoin: { isAdminConfigurable: true, allowedToJoin: everybody },
      localAdminPassword: { isEnabled: randomOf(facts, 'local administrator passwords')() >= 0.5 },
    }),
    changes,
  ),
];
