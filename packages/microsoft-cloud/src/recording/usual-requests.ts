/** A request that reports of partners usually make. */
export interface UsualRequest {
  /** Without version. `{user}`, `{group}` and `{mailbox}` stand for the first user, group, and user with a mailbox. */
  readonly request: string;
  readonly what: string;
  /** `data`: at least one object, with every licence. `list`: objects, or none where nothing happened. `file`: a redirect to a CSV file. */
  readonly answer: 'data' | 'list' | 'file';
  /** It needs `ConsistencyLevel: eventual`. */
  readonly isAdvanced?: true;
}

const usual = (what: string, request: string, answer: UsualRequest['answer'] = 'data'): UsualRequest => ({
  what,
  request,
  answer,
});

/** The 44 requests of issue trackers, scripts and products that partners use for reports, chosen by what they ask for. */
export const usualRequests: readonly UsualRequest[] = [
  usual('Tenant', '/organization'),
  usual('Domains', '/domains'),
  usual('Subscriptions and their licences', '/subscribedSkus'),
  usual('Renewal dates of subscriptions', '/directory/subscriptions'),
  usual(
    'Users with licences',
    '/users?$select=id,displayName,userPrincipalName,accountEnabled,assignedLicenses&$top=999',
  ),
  usual('Users with their last sign-in', '/users?$select=displayName,userPrincipalName,signInActivity&$top=500'),
  usual('Users that are synchronized', '/users?$select=displayName,onPremisesSyncEnabled,onPremisesLastSyncDateTime'),
  usual(
    'Guests',
    "/users?$filter=userType eq 'Guest'&$select=displayName,mail,createdDateTime,externalUserState",
    'list',
  ),
  {
    ...usual('Users without a licence', '/users?$filter=assignedLicenses/$count eq 0&$count=true'),
    isAdvanced: true,
  },
  usual('Users with their managers', '/users?$expand=manager($select=id,displayName)&$select=id,displayName'),
  usual('Groups and roles of a user', '/users/{user}/memberOf'),
  usual('Licences of a user', '/users/{user}/licenseDetails', 'list'),
  usual('Sign-in methods of a user', '/users/{user}/authentication/methods'),
  usual('Settings of a mailbox', '/users/{mailbox}/mailboxSettings'),
  usual('Registration for MFA', '/reports/authenticationMethods/userRegistrationDetails'),
  usual('Groups with members', '/groups?$expand=members($select=id,displayName)'),
  usual('Members of a group', '/groups/{group}/members'),
  usual('Owners of a group', '/groups/{group}/owners'),
  usual('Microsoft 365 groups', "/groups?$filter=groupTypes/any(g:g eq 'Unified')"),
  usual('Directory roles with members', '/directoryRoles?$expand=members'),
  usual('Role assignments', '/roleManagement/directory/roleAssignments?$expand=principal'),
  usual('Role definitions', '/roleManagement/directory/roleDefinitions'),
  usual('Conditional Access policies', '/identity/conditionalAccess/policies', 'list'),
  usual('Named locations', '/identity/conditionalAccess/namedLocations'),
  usual('Security defaults', '/policies/identitySecurityDefaultsEnforcementPolicy'),
  usual('Authorization policy', '/policies/authorizationPolicy'),
  usual('Policy of authentication methods', '/policies/authenticationMethodsPolicy'),
  usual('Sign-ins', '/auditLogs/signIns?$top=50&$orderby=createdDateTime desc'),
  usual('Audits of the directory', "/auditLogs/directoryAudits?$filter=result eq 'success'&$top=50"),
  usual('Secure scores', '/security/secureScores?$top=1'),
  usual('Controls of secure scores', '/security/secureScoreControlProfiles'),
  usual('Alerts', "/security/alerts_v2?$filter=status ne 'resolved'", 'list'),
  usual('Risky users', '/identityProtection/riskyUsers', 'list'),
  usual('Devices of the directory', '/devices'),
  usual(
    'Managed devices',
    '/deviceManagement/managedDevices?$select=deviceName,operatingSystem,complianceState,userPrincipalName',
  ),
  usual('Compliance policies', '/deviceManagement/deviceCompliancePolicies'),
  usual('Usage of mailboxes', "/reports/getMailboxUsageDetail(period='D7')", 'file'),
  usual('Use of Microsoft 365', "/reports/getOffice365ActiveUserDetail(period='D30')", 'file'),
  usual('Sites', '/sites?search=*'),
  usual('Teams', '/teams'),
  usual('Health of services', '/admin/serviceAnnouncement/healthOverviews'),
  usual('Messages of services', '/admin/serviceAnnouncement/messages'),
  usual('Applications and their secrets', '/applications?$select=displayName,appId,passwordCredentials,keyCredentials'),
  usual('Consents', '/oauth2PermissionGrants'),
];
