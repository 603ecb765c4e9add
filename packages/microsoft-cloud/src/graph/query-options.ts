import type { QueryOption } from './declaration.ts';

/**
 * The query options of lists outside the directory, as the section "Optional query parameters" of their pages in the
 * Microsoft Graph documentation names them. `all`: the page says that it supports OData's options. `unsaid`: the page does
 * not say which, so that all are accepted. `filter=a,b`: only these properties can be filtered. The title of the page is
 * above each line.
 */
const table = `
# List federatedIdentityCredentials
applications/{id}/federatedIdentityCredentials: filter select
# List delegatedAdminRelationships
tenantRelationships/delegatedAdminRelationships: select filter top orderby count
# List accessAssignments
tenantRelationships/delegatedAdminRelationships/{id}/accessAssignments: select filter top orderby count
# List delegatedAdminCustomers
tenantRelationships/delegatedAdminCustomers: select filter top orderby count
# List licenseDetails
users/{id}/licenseDetails: select
# List methods
users/{id}/authentication/methods: none
# List phoneMethods, and the pages of the other methods
users/{id}/authentication/passwordMethods: none
users/{id}/authentication/microsoftAuthenticatorMethods: none
users/{id}/authentication/softwareOathMethods: none
users/{id}/authentication/phoneMethods: none
users/{id}/authentication/fido2Methods: none
users/{id}/authentication/emailMethods: none
users/{id}/authentication/windowsHelloForBusinessMethods: none
users/{id}/authentication/temporaryAccessPassMethods: none
# List unifiedRoleDefinitions
roleManagement/directory/roleDefinitions: filter=id,displayName,isBuiltIn expand
# List unifiedRoleAssignments
roleManagement/directory/roleAssignments: filter expand select
# List roleEligibilitySchedules, and the pages of the other schedules
roleManagement/directory/roleEligibilitySchedules: select filter expand
roleManagement/directory/roleEligibilityScheduleInstances: select filter expand
roleManagement/directory/roleAssignmentSchedules: select filter expand
roleManagement/directory/roleAssignmentScheduleInstances: select filter expand
# List scopedRoleMembers, List scopedMembers; the list of a user has no page
directory/administrativeUnits/{id}/scopedRoleMembers: unsaid
directoryRoles/{id}/scopedMembers: unsaid
users/{id}/scopedRoleMemberOf: unsaid
# List policies (conditionalAccessRoot)
identity/conditionalAccess/policies: skip top count filter orderby select
# List namedLocations
identity/conditionalAccess/namedLocations: count filter orderby select skip top
# Get authenticationMethodsPolicy: the configurations have no page of their own
policies/authenticationMethodsPolicy/authenticationMethodConfigurations: unsaid
# List signIns, which names neither $orderby nor $select: scripts use them
auditLogs/signIns: top filter orderby select
# List directoryAudits, in the same way
auditLogs/directoryAudits: top filter orderby select
# List userRegistrationDetails, and Get-EntraAuthenticationMethodUserRegistrationDetailReport of Microsoft Entra PowerShell
reports/authenticationMethods/userRegistrationDetails: filter orderby top select
# List secureScores
security/secureScores: count filter skip top
# List secureScoreControlProfiles
security/secureScoreControlProfiles: count filter skip top
# List alerts_v2
security/alerts_v2: count filter=assignedTo,classification,determination,createdDateTime,lastUpdateDateTime,severity,serviceSource,status skip top
# List incidents
security/incidents: count filter=assignedTo,classification,createdDateTime,determination,lastUpdateDateTime,severity,status skip top expand
# There is no page for the alerts of one incident, and the issues of one service
security/incidents/{id}/alerts: unsaid
admin/serviceAnnouncement/healthOverviews/{id}/issues: unsaid
# List riskyUsers: "some of the OData query parameters"
identityProtection/riskyUsers: unsaid
# List riskDetections, which does not name $orderby: scripts use it
identityProtection/riskDetections: filter select top orderby
# List healthOverviews, List issues, List serviceAnnouncement messages
admin/serviceAnnouncement/healthOverviews: all
admin/serviceAnnouncement/issues: all
admin/serviceAnnouncement/messages: all
# List managedDevices, and the other pages of Intune
users/{id}/managedDevices: unsaid
deviceManagement/managedDevices: unsaid
deviceManagement/deviceCompliancePolicies: unsaid
deviceManagement/deviceConfigurations: unsaid
deviceManagement/detectedApps: unsaid
# Search for sites
sites: unsaid
# sites: getAllSites, which names none: scripts use several
sites/getAllSites: unsaid
# List available drives
sites/{id}/drives: expand select top orderby
users/{id}/drives: expand select top orderby
groups/{id}/drives: expand select top orderby
# There is no page
drives: unsaid
# List teams
teams: filter select top count
# List channels
teams/{id}/channels: filter select expand
# List members of team
teams/{id}/members: filter select
# List joinedTeams
users/{id}/joinedTeams: none
# List authenticationStrengthPolicies, and the same list elsewhere
policies/authenticationStrengthPolicies: filter select expand
identity/conditionalAccess/authenticationStrength/policies: filter select expand
# List conditionalAccessTemplates
identity/conditionalAccess/templates: filter select
# List roleManagementPolicies, List roleManagementPolicyAssignments
policies/roleManagementPolicies: filter select expand
policies/roleManagementPolicyAssignments: filter select expand
# List deviceLocalCredentialInfo
directory/deviceLocalCredentials: filter select orderby search top count
# List recoveryKeys
informationProtection/bitlocker/recoveryKeys: filter top
# List configurationMonitors, configurationDrifts, configurationMonitoringResults, configurationSnapshotJobs
admin/configurationManagement/configurationMonitors: select filter orderby top
admin/configurationManagement/configurationDrifts: select filter orderby top
admin/configurationManagement/configurationMonitoringResults: select filter orderby top
admin/configurationManagement/configurationSnapshotJobs: select filter orderby top
# There is no page
admin/configurationManagement/configurationSnapshots: unsaid
# List domains
domains: all
# List subscribedSkus
subscribedSkus: select
# List subscriptions (companySubscription)
directory/subscriptions: all
`;

interface ListOptions {
  /** The properties that can be filtered, in lower case. Undefined: all. */
  readonly filtered: ReadonlySet<string> | undefined;
  /** Undefined: all. */
  readonly allowed: readonly QueryOption[] | undefined;
}

const names: readonly QueryOption[] = ['select', 'filter', 'orderby', 'search', 'top', 'skip', 'count', 'expand'];

/** @throws Error for a line that is not of this form. */
function lineOf(text: string): readonly [path: string, options: ListOptions] {
  const [path = '', words = ''] = text.split(': ');
  if (words === 'all' || words === 'unsaid') return [path, { allowed: undefined, filtered: undefined }];
  const [, properties] = /\bfilter=(\S+)/.exec(words) ?? [];
  const found = words === 'none' ? [] : words.split(' ').map((word) => word.replace(/=.*$/, ''));
  const allowed = names.filter((name) => found.includes(name));
  if (allowed.length !== found.length) throw new Error(`The line "${text}" of the query options is broken.`);
  const filtered = properties === undefined ? undefined : new Set(properties.toLowerCase().split(','));
  return [path, { allowed, filtered }];
}

/** Options by the path of a declaration. Lists of the directory have rules of their own and are not here. */
export const optionsOfLists: ReadonlyMap<string, ListOptions> = new Map(
  table
    .split('\n')
    .filter((text) => text !== '' && !text.startsWith('#'))
    .map(lineOf),
);
