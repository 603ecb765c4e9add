import type { Case } from './case.ts';

/** Requests of the built-in jobs, of the set-up, and of the reports that partners write most. */
export const partnerCases: readonly Case[] = [
  // Built-in jobs
  ['allow', 'GET /v1.0/organization?$select=id,displayName', 'User.Read'],
  [
    'allow',
    'GET /v1.0/subscribedSkus?$select=skuId,skuPartNumber,capabilityStatus,consumedUnits,prepaidUnits',
    'Organization.Read.All',
  ],
  ['allow', 'GET /v1.0/reports/authenticationMethods/userRegistrationDetails?$top=999', 'AuditLog.Read.All'],
  [
    'allow',
    'GET /v1.0/applications?$top=999&$select=appId,displayName,passwordCredentials,keyCredentials',
    'Application.Read.All',
  ],
  // Tenant directory
  [
    'allow',
    'GET /v1.0/tenantRelationships/delegatedAdminRelationships?$top=300',
    'DelegatedAdminRelationship.Read.All',
  ],
  [
    'allow',
    'GET /v1.0/tenantRelationships/delegatedAdminRelationships/a-b1/accessAssignments',
    'DelegatedAdminRelationship.Read.All',
  ],
  ['allow', 'GET /v1.0/tenantRelationships/delegatedAdminCustomers', 'DelegatedAdminRelationship.Read.All'],
  ['allow', 'GET /v1.0/contracts', 'Directory.Read.All'],
  // Set-up
  ['allow', "GET /v1.0/applications(appId='{u}')", 'Application.Read.All'],
  ['allow', 'PATCH /v1.0/applications/{u}', 'Application.ReadWrite.All', { keyCredentials: [] }],
  [
    'allow',
    'POST /v1.0/applications/{u}/addPassword',
    'Application.ReadWrite.All',
    { passwordCredential: { displayName: 'x' } },
  ],
  [
    'allow',
    'POST /v1.0/applications/{u}/federatedIdentityCredentials',
    'Application.ReadWrite.All',
    { name: 'x', issuer: 'y' },
  ],
  [
    'allow',
    'POST /v1.0/oauth2PermissionGrants',
    'DelegatedPermissionGrant.ReadWrite.All',
    { clientId: 'a', scope: 'b' },
  ],
  ['allow', 'DELETE /v1.0/oauth2PermissionGrants/abc-1', 'DelegatedPermissionGrant.ReadWrite.All'],
  [
    'allow',
    "GET /v1.0/oauth2PermissionGrants?$filter=clientId eq '{u}' and consentType eq 'AllPrincipals'",
    'Directory.Read.All',
  ],
  // Usual reports
  [
    'allow',
    'GET /v1.0/users?$select=id,displayName,userPrincipalName,accountEnabled,assignedLicenses&$top=999',
    'User.Read.All',
  ],
  ['allow', "GET /v1.0/users?$filter=userType eq 'Guest'&$count=true", 'User.Read.All'],
  ['allow', 'GET /v1.0/users?$filter=assignedLicenses/$count eq 0&$count=true', 'User.Read.All'],
  ['allow', 'GET /v1.0/users/{u}/licenseDetails', 'LicenseAssignment.Read.All'],
  ['allow', 'GET /v1.0/domains', 'Domain.Read.All'],
  ['allow', 'GET /v1.0/directoryRoles?$expand=members', 'RoleManagement.Read.Directory'],
  ['allow', 'GET /v1.0/roleManagement/directory/roleAssignments', 'RoleManagement.Read.Directory'],
  ['allow', 'GET /v1.0/identity/conditionalAccess/policies', 'Policy.Read.All'],
  ['allow', 'GET /v1.0/identity/conditionalAccess/namedLocations', 'Policy.Read.All'],
  ['allow', 'GET /v1.0/policies/authorizationPolicy', 'Policy.Read.All'],
  ['allow', 'GET /v1.0/policies/authenticationMethodsPolicy', 'Policy.Read.All'],
  [
    'allow',
    'GET /v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2',
    'Policy.Read.All',
  ],
  [
    'allow',
    "GET /v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations('sms')",
    'Policy.Read.All',
  ],
  ['allow', 'GET /v1.0/auditLogs/signIns?$top=50&$orderby=createdDateTime desc', 'AuditLog.Read.All'],
  [
    'allow',
    "GET /v1.0/auditLogs/directoryAudits?$filter=activityDateTime ge 2026-01-01T00:00:00Z and category eq 'UserManagement'",
    'AuditLog.Read.All',
  ],
  ['allow', 'GET /v1.0/security/secureScores?$top=1', 'SecurityEvents.Read.All'],
  ['allow', "GET /v1.0/security/alerts_v2?$filter=severity eq 'high'", 'SecurityAlert.Read.All'],
  ['allow', 'GET /v1.0/identityProtection/riskyUsers', 'IdentityRiskyUser.Read.All'],
  [
    'allow',
    'GET /v1.0/deviceManagement/managedDevices?$select=id,deviceName,complianceState',
    'DeviceManagementManagedDevices.Read.All',
  ],
  ['allow', 'GET /v1.0/deviceManagement/deviceCompliancePolicies', 'DeviceManagementConfiguration.Read.All'],
  ['allow', 'GET /v1.0/devices?$top=100', 'Device.Read.All'],
  ['allow', 'GET /v1.0/groups?$select=id,displayName,groupTypes&$top=999', 'Group.Read.All'],
  ['allow', 'GET /v1.0/admin/serviceAnnouncement/healthOverviews', 'ServiceHealth.Read.All'],
  ['allow', 'GET /v1.0/admin/serviceAnnouncement/messages', 'ServiceMessage.Read.All'],
  ['allow', 'GET /v1.0/sites?search=*', 'Sites.Read.All'],
  // Helpdesk
  ['allow', 'POST /v1.0/users/{u}/revokeSignInSessions', 'User.RevokeSessions.All'],
  [
    'allow',
    'POST /v1.0/users/{u}/assignLicense',
    'LicenseAssignment.ReadWrite.All',
    { addLicenses: [], removeLicenses: [] },
  ],
  ['allow', 'DELETE /v1.0/users/{u}/authentication/phoneMethods/{u}', 'UserAuthenticationMethod.ReadWrite.All'],
];
