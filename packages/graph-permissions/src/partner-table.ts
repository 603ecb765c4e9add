import { buildPermissionMap, type MapEntry } from './build-map.ts';
import type { PermissionMap } from './permission-map.ts';
import { supplement } from './supplement.ts';
import { tableEntries } from './table.ts';

/**
 * Requests that partners send most, with the permissions that the "Permissions" section of their page in the Microsoft
 * Graph documentation names. Permissions for single objects, and outside Intune those of Intune, are left out: the gateway
 * honours neither there. The stars are the marks of Microsoft's permission file, which an operator may load instead.
 */
const table = `
# Users
GET /users: Directory.Read.All Directory.ReadWrite.All User.Read.All User.ReadBasic.All* User.ReadWrite.All | Directory.Read.All Directory.ReadWrite.All User.Read.All User.ReadBasic.All* User.ReadWrite.All User.ReadWrite.CrossCloud
POST /users: Directory.ReadWrite.All User.ReadWrite.All*
GET /users/{id}: Directory.Read.All Directory.ReadWrite.All User.Read User.Read.All User.ReadBasic.All* User.ReadWrite User.ReadWrite.All | Directory.Read.All Directory.ReadWrite.All User.Read.All User.ReadBasic.All* User.ReadWrite.All User.ReadWrite.CrossCloud
PATCH /users/{id}: Directory.ReadWrite.All User-Mail.ReadWrite.All User-PasswordProfile.ReadWrite.All User-Phone.ReadWrite.All User.EnableDisableAccount.All User.ManageIdentities.All User.ReadWrite User.ReadWrite.All* | Directory.ReadWrite.All User-Mail.ReadWrite.All User-PasswordProfile.ReadWrite.All User-Phone.ReadWrite.All User.EnableDisableAccount.All User.ManageIdentities.All User.ReadWrite.All* User.ReadWrite.CrossCloud
DELETE /users/{id}: User.DeleteRestore.All* User.ReadWrite.All* | User.DeleteRestore.All* User.ReadWrite.All* User.ReadWrite.CrossCloud
GET /users/delta: Directory.Read.All Directory.ReadWrite.All User.Read.All* User.ReadWrite.All
GET /users/{id}/manager: Directory.Read.All Directory.ReadWrite.All User.Read.All* User.ReadWrite.All
GET /users/{id}/directReports: Directory.Read.All Directory.ReadWrite.All User.Read* User.Read.All User.ReadWrite.All | Directory.Read.All Directory.ReadWrite.All User.Read.All* User.ReadWrite.All
GET /users/{id}/memberOf: Directory.Read.All Directory.ReadWrite.All Group.ReadBasic.All GroupMember.Read.All GroupMember.ReadBasic.All User.Read* | Directory.Read.All* Directory.ReadWrite.All Group.ReadBasic.All GroupMember.ReadBasic.All
GET /users/{id}/transitiveMemberOf: Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadBasic.All GroupMember.Read.All GroupMember.ReadBasic.All User.Read* User.Read.All | Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadBasic.All GroupMember.Read.All GroupMember.ReadBasic.All User.Read.All*
GET /users/{id}/licenseDetails: Directory.Read.All Directory.ReadWrite.All LicenseAssignment.Read.All* User.Read User.Read.All User.ReadWrite.All | Directory.Read.All Directory.ReadWrite.All LicenseAssignment.Read.All* User.Read.All User.ReadWrite.All
POST /users/{id}/assignLicense: Directory.ReadWrite.All LicenseAssignment.ReadWrite.All* User.ReadWrite.All
POST /users/{id}/revokeSignInSessions: Directory.ReadWrite.All User.ReadWrite.All User.RevokeSessions.All*
POST /users/{id}/getMemberGroups: Application.Read.All* Application.ReadWrite.All Device.Read.All Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All GroupMember.ReadBasic.All User.Read.All | Application.Read.All* Application.ReadWrite.All Device.Read.All Device.ReadWrite.All Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All GroupMember.ReadBasic.All User.Read.All
POST /users/{id}/checkMemberGroups: Application.Read.All* Application.ReadWrite.All Device.Read.All Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All GroupMember.ReadBasic.All User.Read.All User.ReadWrite.All | Application.Read.All* Application.ReadWrite.All Device.Read.All Device.ReadWrite.All Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All GroupMember.ReadBasic.All User.Read.All User.ReadWrite.All
GET /users/{id}/appRoleAssignments: AppRoleAssignment.ReadWrite.All Directory.Read.All | AppRoleAssignment.ReadWrite.All Directory.Read.All*
GET /users/{id}/oauth2PermissionGrants: DelegatedPermissionGrant.ReadWrite.All Directory.Read.All*
GET /users/{id}/authentication/methods: UserAuthenticationMethod.Read UserAuthenticationMethod.Read.All* UserAuthenticationMethod.ReadWrite UserAuthenticationMethod.ReadWrite.All | UserAuthenticationMethod.Read.All* UserAuthenticationMethod.ReadWrite.All
GET /users/{id}/authentication/phoneMethods: UserAuthMethod-Phone.Read* UserAuthMethod-Phone.Read.All UserAuthMethod-Phone.ReadWrite UserAuthMethod-Phone.ReadWrite.All UserAuthenticationMethod.Read UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite UserAuthenticationMethod.ReadWrite.All | UserAuthMethod-Phone.Read.All* UserAuthMethod-Phone.ReadWrite.All UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All
DELETE /users/{id}/authentication/phoneMethods/{id}: UserAuthMethod-Phone.ReadWrite* UserAuthMethod-Phone.ReadWrite.All* UserAuthenticationMethod.ReadWrite UserAuthenticationMethod.ReadWrite.All* | UserAuthMethod-Phone.ReadWrite.All UserAuthenticationMethod.ReadWrite.All
GET /users/{id}/authentication/microsoftAuthenticatorMethods: UserAuthMethod-MicrosoftAuthApp.Read* UserAuthMethod-MicrosoftAuthApp.Read.All UserAuthMethod-MicrosoftAuthApp.ReadWrite UserAuthMethod-MicrosoftAuthApp.ReadWrite.All UserAuthenticationMethod.Read UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite UserAuthenticationMethod.ReadWrite.All | UserAuthMethod-MicrosoftAuthApp.Read.All* UserAuthMethod-MicrosoftAuthApp.ReadWrite.All UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All
DELETE /users/{id}/authentication/microsoftAuthenticatorMethods/{id}: UserAuthMethod-MicrosoftAuthApp.ReadWrite* UserAuthMethod-MicrosoftAuthApp.ReadWrite.All* UserAuthenticationMethod.ReadWrite* UserAuthenticationMethod.ReadWrite.All | UserAuthMethod-MicrosoftAuthApp.ReadWrite.All UserAuthenticationMethod.ReadWrite.All
GET /users/{id}/authentication/fido2Methods: UserAuthMethod-Passkey.Read* UserAuthMethod-Passkey.Read.All UserAuthMethod-Passkey.ReadWrite UserAuthenticationMethod.Read UserAuthenticationMethod.ReadWrite | UserAuthMethod-Passkey.Read.All
GET /users/{id}/mailboxSettings: MailboxSettings.Read* MailboxSettings.ReadWrite
PATCH /users/{id}/mailboxSettings: MailboxSettings.ReadWrite
GET /users/{id}/messages: Mail.Read Mail.ReadBasic* Mail.ReadWrite | Mail.Read Mail.ReadBasic.All* Mail.ReadWrite
POST /users/{id}/sendMail: Mail.Send
GET /users/{id}/drive: Files.Read* Files.Read.All Files.ReadWrite Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All | Files.Read.All* Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All
GET /me: Directory.Read.All Directory.ReadWrite.All User.Read* User.Read.All User.ReadBasic.All User.ReadWrite User.ReadWrite.All |
GET /me/memberOf: Directory.Read.All Directory.ReadWrite.All Group.ReadBasic.All GroupMember.Read.All GroupMember.ReadBasic.All User.Read* |
GET /me/transitiveMemberOf: Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadBasic.All GroupMember.Read.All GroupMember.ReadBasic.All User.Read* User.Read.All |
GET /me/messages: Mail.Read Mail.ReadBasic* Mail.ReadWrite | Mail.Read Mail.ReadBasic.All* Mail.ReadWrite
POST /me/sendMail: Mail.Send
POST /me/checkMemberGroups: Application.Read.All* Application.ReadWrite.All Device.Read.All Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All GroupMember.ReadBasic.All User.Read.All User.ReadWrite.All | Application.Read.All* Application.ReadWrite.All Device.Read.All Device.ReadWrite.All
POST /me/checkMemberObjects: Application.Read.All* Application.ReadWrite.All Device.Read.All Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All GroupMember.ReadBasic.All User.Read User.Read.All User.ReadWrite.All | Application.Read.All* Application.ReadWrite.All Device.Read.All Device.ReadWrite.All
POST /me/revokeSignInSessions: Directory.ReadWrite.All User.ReadWrite.All User.RevokeSessions.All* | User.RevokeSessions.All
GET /users/{id}/ownedDevices: Directory.Read.All Directory.ReadWrite.All User.Read* User.Read.All User.ReadWrite.All | Directory.Read.All Directory.ReadWrite.All User.Read.All* User.ReadWrite.All
GET /users/{id}/ownedObjects: Directory.Read.All Directory.ReadWrite.All User.Read* User.Read.All User.ReadWrite.All | Directory.Read.All Directory.ReadWrite.All User.Read.All* User.ReadWrite.All
GET /users/{id}/registeredDevices: Directory.Read.All Directory.ReadWrite.All User.Read* User.Read.All User.ReadWrite.All | Directory.Read.All Directory.ReadWrite.All User.Read.All* User.ReadWrite.All
GET /users/{id}/joinedTeams: Directory.Read.All Directory.ReadWrite.All Team.ReadBasic.All* TeamSettings.Read.All TeamSettings.ReadWrite.All User.Read.All User.ReadWrite.All
GET /users/{id}/drives: Files.Read* Files.Read.All Files.ReadWrite Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All | Files.Read.All* Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All
GET /users/{id}/authentication/emailMethods: UserAuthMethod-Email.Read* UserAuthMethod-Email.Read.All UserAuthMethod-Email.ReadWrite UserAuthMethod-Email.ReadWrite.All UserAuthenticationMethod.Read UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite UserAuthenticationMethod.ReadWrite.All | UserAuthMethod-Email.Read.All* UserAuthMethod-Email.ReadWrite.All UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All
GET /users/{id}/authentication/passwordMethods: UserAuthMethod-Password.Read* UserAuthMethod-Password.Read.All UserAuthMethod-Password.ReadWrite UserAuthMethod-Password.ReadWrite.All UserAuthenticationMethod.Read UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite UserAuthenticationMethod.ReadWrite.All | UserAuthMethod-Password.Read.All* UserAuthMethod-Password.ReadWrite.All UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All
GET /users/{id}/authentication/softwareOathMethods: UserAuthMethod-SoftwareOATH.Read* UserAuthMethod-SoftwareOATH.Read.All UserAuthMethod-SoftwareOATH.ReadWrite UserAuthMethod-SoftwareOATH.ReadWrite.All UserAuthenticationMethod.Read UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite UserAuthenticationMethod.ReadWrite.All | UserAuthMethod-SoftwareOATH.Read.All* UserAuthMethod-SoftwareOATH.ReadWrite.All UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All
GET /users/{id}/authentication/temporaryAccessPassMethods: UserAuthMethod-TAP.Read* UserAuthMethod-TAP.Read.All UserAuthMethod-TAP.ReadWrite UserAuthMethod-TAP.ReadWrite.All UserAuthenticationMethod.Read UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite UserAuthenticationMethod.ReadWrite.All | UserAuthMethod-TAP.Read.All* UserAuthMethod-TAP.ReadWrite.All UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All
GET /users/{id}/authentication/windowsHelloForBusinessMethods: UserAuthMethod-WindowsHello.Read* UserAuthMethod-WindowsHello.Read.All UserAuthMethod-WindowsHello.ReadWrite UserAuthMethod-WindowsHello.ReadWrite.All UserAuthenticationMethod.Read UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite UserAuthenticationMethod.ReadWrite.All | UserAuthMethod-WindowsHello.Read.All* UserAuthMethod-WindowsHello.ReadWrite.All UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All
# Groups
GET /groups: Directory.Read.All Directory.ReadWrite.All Group-NestingSupport.ReadWrite.All Group-PreferredDataLocation.ReadWrite.All Group.ManageProtection.All Group.Read.All Group.ReadBasic.All* Group.ReadWrite.All GroupMember.Read.All
POST /groups: Directory.ReadWrite.All Group-PreferredDataLocation.ReadWrite.All Group.ReadWrite.All* | Directory.ReadWrite.All Group-PreferredDataLocation.ReadWrite.All Group.Create* Group.ReadWrite.All
GET /groups/{id}: Directory.Read.All Directory.ReadWrite.All Group-NestingSupport.ReadWrite.All Group-PreferredDataLocation.ReadWrite.All Group-XTenantIdentitySync.Read.All Group.ManageProtection.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All
PATCH /groups/{id}: Directory.ReadWrite.All Group-NestingSupport.ReadWrite.All* Group-PreferredDataLocation.ReadWrite.All Group.ManageProtection.All Group.ReadWrite.All
DELETE /groups/{id}: Group.ReadWrite.All
GET /groups/delta: Directory.Read.All Directory.ReadWrite.All Group-NestingSupport.ReadWrite.All Group.Read.All Group.ReadBasic.All* Group.ReadWrite.All GroupMember.Read.All
GET /groups/{id}/members: Directory.Read.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All GroupMember.ReadBasic.All* GroupMember.ReadWrite.All
DELETE /groups/{id}/members/{id}: Directory.ReadWrite.All Group.ReadWrite.All GroupMember.ReadWrite.All*
GET /groups/{id}/transitiveMembers: Directory.Read.All Group.Read.All Group.ReadBasic.All Group.ReadWrite.All GroupMember.Read.All GroupMember.ReadBasic.All* GroupMember.ReadWrite.All
GET /groups/{id}/owners: Directory.Read.All Group.Read.All Group.ReadWrite.All GroupMember.Read.All* GroupMember.ReadWrite.All
GET /groups/{id}/memberOf: Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadBasic.All GroupMember.Read.All GroupMember.ReadBasic.All*
GET /groups/{id}/transitiveMemberOf: Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadBasic.All GroupMember.Read.All GroupMember.ReadBasic.All* | Directory.Read.All Directory.ReadWrite.All Group.ReadBasic.All GroupMember.ReadBasic.All*
GET /groups/{id}/drive: Files.Read* Files.Read.All Files.ReadWrite Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All | Files.Read.All* Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All
GET /groups/{id}/drives: Files.Read* Files.Read.All Files.ReadWrite Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All | Files.Read.All* Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All
GET /groups/{id}/team: Group.Read.All
# Organization
GET /organization: Directory.Read.All Directory.ReadWrite.All Organization.Read.All Organization.ReadWrite.All User.Read User.Read.All | Directory.Read.All Directory.ReadWrite.All Organization.Read.All Organization.ReadWrite.All User.Read.All
GET /organization/{id}: User.Read.All
PATCH /organization/{id}: Organization.ReadWrite.All
GET /domains: Directory.Read.All Domain.Read.All* Domain.ReadWrite.All
GET /domains/{id}: Directory.Read.All Domain.Read.All* Domain.ReadWrite.All
GET /domains/{id}/serviceConfigurationRecords: Domain.Read.All* Domain.ReadWrite.All
GET /subscribedSkus: Directory.Read.All Directory.ReadWrite.All LicenseAssignment.Read.All* Organization.Read.All Organization.ReadWrite.All
GET /contracts: Directory.Read.All Directory.ReadWrite.All
GET /contacts: Directory.Read.All Directory.ReadWrite.All OrgContact.Read.All*
GET /contacts/{id}: Directory.Read.All Directory.ReadWrite.All OrgContact.Read.All*
GET /directoryObjects/{id}: Directory.Read.All
POST /directoryObjects/getByIds: Directory.Read.All
GET /directory/administrativeUnits: AdministrativeUnit.Read.All* AdministrativeUnit.ReadWrite.All Directory.Read.All Directory.ReadWrite.All | AdministrativeUnit.Read.All AdministrativeUnit.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
GET /directory/administrativeUnits/{id}: AdministrativeUnit.Read.All* AdministrativeUnit.ReadWrite.All Directory.Read.All Directory.ReadWrite.All | AdministrativeUnit.Read.All AdministrativeUnit.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
GET /directory/administrativeUnits/{id}/members: AdministrativeUnit.Read.All* AdministrativeUnit.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
# Roles
GET /directoryRoles: Directory.Read.All Directory.ReadWrite.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory
GET /directoryRoles/{id}: Directory.Read.All Directory.ReadWrite.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory
GET /directoryRoles/{id}/members: Directory.Read.All Directory.ReadWrite.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory
GET /roleManagement/directory/roleAssignments: Directory.Read.All Directory.ReadWrite.All RoleManagement.Read.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory | Directory.Read.All Directory.ReadWrite.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory
POST /roleManagement/directory/roleAssignments: RoleManagement.ReadWrite.Directory
GET /roleManagement/directory/roleAssignments/{id}: Directory.Read.All Directory.ReadWrite.All RoleManagement.Read.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory | Directory.Read.All Directory.ReadWrite.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory
DELETE /roleManagement/directory/roleAssignments/{id}: RoleManagement.ReadWrite.Directory
GET /roleManagement/directory/roleDefinitions: Directory.Read.All Directory.ReadWrite.All RoleManagement.Read.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory
GET /roleManagement/directory/roleDefinitions/{id}: Directory.Read.All Directory.ReadWrite.All RoleManagement.Read.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory
GET /roleManagement/directory/roleAssignmentScheduleInstances: RoleAssignmentSchedule.Read.Directory* RoleAssignmentSchedule.ReadWrite.Directory RoleManagement.Read.All RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory
GET /roleManagement/directory/roleEligibilityScheduleInstances: RoleEligibilitySchedule.Read.Directory* RoleEligibilitySchedule.ReadWrite.Directory RoleManagement.Read.All RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory
# Applications
GET /applications: Application.Read.All* Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All | Application.Read.All* Application.ReadWrite.All Directory.Read.All
POST /applications: AppRegistration.Create Application.ReadWrite.All | AppRegistration.Create* Application.ReadWrite.All
GET /applications/{id}: Application.Read.All* Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
PATCH,DELETE /applications/{id}: Application.ReadWrite.All
POST /applications/{id}/addPassword: Application.ReadWrite.All* Directory.ReadWrite.All | Application.ReadWrite.All Directory.ReadWrite.All
POST /applications/{id}/removePassword: Application.ReadWrite.All* Directory.ReadWrite.All | Application.ReadWrite.All Directory.ReadWrite.All
GET /applications/{id}/federatedIdentityCredentials: Application.Read.All* Application.ReadWrite.All
POST /applications/{id}/federatedIdentityCredentials: Application.ReadWrite.All
GET,PATCH,DELETE /applications/{id}/federatedIdentityCredentials/{id}: Application.ReadWrite.All
GET /applications/{id}/owners: Application.Read.All* Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
POST /applications/{id}/owners: Application.ReadWrite.All+Directory.Read.All* Directory.Read.All Directory.ReadWrite.All | Application.ReadWrite.All+Directory.Read.All Directory.Read.All Directory.ReadWrite.All
DELETE /applications/{id}/owners/{id}: Application.ReadWrite.All* Directory.ReadWrite.All | Application.ReadWrite.All Directory.ReadWrite.All
GET /servicePrincipals: Application.Read.All* Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All | Application.Read.All* Application.ReadWrite.All Directory.Read.All
POST /servicePrincipals: Application.ReadWrite.All* Directory.ReadWrite.All | Application.ReadWrite.All Directory.ReadWrite.All
GET /servicePrincipals/{id}: Application.Read.All* Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
PATCH,DELETE /servicePrincipals/{id}: Application.ReadWrite.All* Directory.ReadWrite.All | Application.ReadWrite.All Directory.ReadWrite.All
GET /servicePrincipals/{id}/memberOf: Application.Read.All* Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
GET /servicePrincipals/{id}/transitiveMemberOf: Application.Read.All* Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
GET /servicePrincipals/{id}/owners: Application.Read.All* Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
GET /servicePrincipals/{id}/appRoleAssignments: Application.Read.All* Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
POST /servicePrincipals/{id}/appRoleAssignments: AppRoleAssignment.ReadWrite.All+Application.Read.All AppRoleAssignment.ReadWrite.All+Directory.Read.All Application.Read.All+AppRoleAssignment.ReadWrite.All* Application.ReadWrite.All Directory.Read.All
DELETE /servicePrincipals/{id}/appRoleAssignments/{id}: AppRoleAssignment.ReadWrite.All* Application.ReadWrite.All
GET /servicePrincipals/{id}/appRoleAssignedTo: Application.Read.All* Application.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
POST /servicePrincipals/{id}/appRoleAssignedTo: AppRoleAssignment.ReadWrite.All+Application.Read.All AppRoleAssignment.ReadWrite.All+Directory.Read.All Application.Read.All+AppRoleAssignment.ReadWrite.All* Application.ReadWrite.All Directory.Read.All
DELETE /servicePrincipals/{id}/appRoleAssignedTo/{id}: AppRoleAssignment.ReadWrite.All* Application.ReadWrite.All
GET /servicePrincipals/{id}/oauth2PermissionGrants: DelegatedPermissionGrant.ReadWrite.All Directory.Read.All* Directory.ReadWrite.All
GET /oauth2PermissionGrants: DelegatedPermissionGrant.ReadWrite.All Directory.Read.All* Directory.ReadWrite.All
POST /oauth2PermissionGrants: DelegatedPermissionGrant.ReadWrite.All Directory.ReadWrite.All
GET /oauth2PermissionGrants/{id}: DelegatedPermissionGrant.ReadWrite.All Directory.Read.All* Directory.ReadWrite.All
PATCH,DELETE /oauth2PermissionGrants/{id}: DelegatedPermissionGrant.ReadWrite.All Directory.ReadWrite.All
# Partners
GET /tenantRelationships/delegatedAdminRelationships: DelegatedAdminRelationship.Read.All* DelegatedAdminRelationship.ReadWrite.All
POST /tenantRelationships/delegatedAdminRelationships: DelegatedAdminRelationship.ReadWrite.All
GET /tenantRelationships/delegatedAdminRelationships/{id}: DelegatedAdminRelationship.Read.All* DelegatedAdminRelationship.ReadWrite.All
PATCH,DELETE /tenantRelationships/delegatedAdminRelationships/{id}: DelegatedAdminRelationship.ReadWrite.All
GET /tenantRelationships/delegatedAdminRelationships/{id}/accessAssignments: DelegatedAdminRelationship.Read.All* DelegatedAdminRelationship.ReadWrite.All
POST /tenantRelationships/delegatedAdminRelationships/{id}/accessAssignments: DelegatedAdminRelationship.ReadWrite.All
GET /tenantRelationships/delegatedAdminRelationships/{id}/accessAssignments/{id}: DelegatedAdminRelationship.Read.All* DelegatedAdminRelationship.ReadWrite.All
PATCH,DELETE /tenantRelationships/delegatedAdminRelationships/{id}/accessAssignments/{id}: DelegatedAdminRelationship.ReadWrite.All
GET /tenantRelationships/delegatedAdminRelationships/{id}/requests: DelegatedAdminRelationship.Read.All* DelegatedAdminRelationship.ReadWrite.All
POST /tenantRelationships/delegatedAdminRelationships/{id}/requests: DelegatedAdminRelationship.ReadWrite.All
GET /tenantRelationships/delegatedAdminRelationships/{id}/operations: DelegatedAdminRelationship.Read.All* DelegatedAdminRelationship.ReadWrite.All
GET /tenantRelationships/delegatedAdminCustomers: DelegatedAdminRelationship.Read.All* DelegatedAdminRelationship.ReadWrite.All
GET /tenantRelationships/delegatedAdminCustomers/{id}: DelegatedAdminRelationship.Read.All* DelegatedAdminRelationship.ReadWrite.All
GET /tenantRelationships/delegatedAdminCustomers/{id}/serviceManagementDetails: DelegatedAdminRelationship.Read.All* DelegatedAdminRelationship.ReadWrite.All
GET /tenantRelationships/findTenantInformationByTenantId(tenantId={value}): CrossTenantInformation.ReadBasic.All
GET /tenantRelationships/findTenantInformationByDomainName(domainName={value}): CrossTenantInformation.ReadBasic.All
# Policies
GET /identity/conditionalAccess/policies: Policy.Read.All
POST /identity/conditionalAccess/policies: Application.Read.All Policy.Read.All Policy.ReadWrite.ConditionalAccess
GET /identity/conditionalAccess/policies/{id}: Policy.Read.All
PATCH /identity/conditionalAccess/policies/{id}: Application.Read.All Policy.Read.All Policy.ReadWrite.ConditionalAccess
DELETE /identity/conditionalAccess/policies/{id}: Policy.Read.All Policy.ReadWrite.ConditionalAccess
GET /identity/conditionalAccess/namedLocations: Policy.Read.All
POST /identity/conditionalAccess/namedLocations: Policy.Read.All Policy.ReadWrite.ConditionalAccess
GET /identity/conditionalAccess/namedLocations/{id}: Policy.Read.All
PATCH,DELETE /identity/conditionalAccess/namedLocations/{id}: Policy.Read.All Policy.ReadWrite.ConditionalAccess
GET /policies/identitySecurityDefaultsEnforcementPolicy: Policy.Read.All* Policy.ReadWrite.SecurityDefaults+Policy.Read.All
PATCH /policies/identitySecurityDefaultsEnforcementPolicy: Policy.Read.All Policy.ReadWrite.ConditionalAccess+Policy.Read.All Policy.ReadWrite.SecurityDefaults+Policy.Read.All*
GET /policies/authorizationPolicy: Policy.Read.All* Policy.ReadWrite.Authorization
PATCH /policies/authorizationPolicy: Policy.ReadWrite.Authorization
GET /policies/authenticationMethodsPolicy: Policy.Read.All Policy.Read.AuthenticationMethod* Policy.ReadWrite.AuthenticationMethod
PATCH /policies/authenticationMethodsPolicy: Policy.ReadWrite.AuthenticationMethod
GET /policies/authenticationMethodsPolicy/authenticationMethodConfigurations/{id}: Policy.Read.All Policy.Read.AuthenticationMethod* Policy.ReadWrite.AuthenticationMethod
GET /policies/crossTenantAccessPolicy: Policy.Read.All Policy.ReadWrite.CrossTenantAccess
GET /policies/roleManagementPolicyAssignments: RoleManagement.Read.All RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory RoleManagementPolicy.Read.Directory* RoleManagementPolicy.ReadWrite.Directory | RoleManagement.Read.All* RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory
GET /policies/roleManagementPolicies/{id}: RoleManagement.Read.All RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory RoleManagementPolicy.Read.Directory* RoleManagementPolicy.ReadWrite.Directory | RoleManagement.Read.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory
GET /policies/roleManagementPolicies/{id}/rules: RoleManagement.Read.All RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory RoleManagementPolicy.Read.Directory* RoleManagementPolicy.ReadWrite.Directory | RoleManagement.Read.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory
# Reports and security
GET /auditLogs/signIns: AuditLog.Read.All
GET /auditLogs/signIns/{id}: AuditLog.Read.All
GET /auditLogs/directoryAudits: AuditLog.Read.All* Directory.Read.All
GET /auditLogs/directoryAudits/{id}: AuditLog.Read.All* Directory.Read.All
GET /reports/authenticationMethods/userRegistrationDetails: AuditLog.Read.All
GET /reports/authenticationMethods/userRegistrationDetails/{id}: AuditLog.Read.All
GET /reports/getOffice365ActiveUserDetail(date={value}): Reports.Read.All
GET /reports/getOffice365ActiveUserDetail(period={value}): Reports.Read.All
GET /reports/getMailboxUsageDetail(period={value}): Reports.Read.All
GET /reports/getOneDriveUsageAccountDetail(date={value}): Reports.Read.All
GET /reports/getOneDriveUsageAccountDetail(period={value}): Reports.Read.All
GET /reports/getSharePointSiteUsageDetail(date={value}): Reports.Read.All
GET /reports/getSharePointSiteUsageDetail(period={value}): Reports.Read.All
GET /reports/getTeamsUserActivityUserDetail(date={value}): Reports.Read.All
GET /reports/getTeamsUserActivityUserDetail(period={value}): Reports.Read.All
GET /security/secureScores: SecurityEvents.Read.All* SecurityEvents.ReadWrite.All
GET /security/secureScores/{id}: SecurityEvents.Read.All* SecurityEvents.ReadWrite.All
GET /security/secureScoreControlProfiles: SecurityEvents.Read.All* SecurityEvents.ReadWrite.All
GET /security/alerts_v2: SecurityAlert.Read.All* SecurityAlert.ReadWrite.All
GET /security/alerts_v2/{id}: SecurityAlert.Read.All* SecurityAlert.ReadWrite.All
PATCH /security/alerts_v2/{id}: SecurityAlert.ReadWrite.All
GET /security/incidents: SecurityIncident.Read.All* SecurityIncident.ReadWrite.All
GET /security/incidents/{id}: SecurityIncident.Read.All* SecurityIncident.ReadWrite.All
PATCH /security/incidents/{id}: SecurityIncident.ReadWrite.All
POST /security/runHuntingQuery: ThreatHunting.Read.All
GET /identityProtection/riskyUsers: IdentityRiskyUser.Read.All
GET /identityProtection/riskyUsers/{id}: IdentityRiskyUser.Read.All
POST /identityProtection/riskyUsers/dismiss: IdentityRiskyUser.ReadWrite.All
GET /identityProtection/riskDetections: IdentityRiskEvent.Read.All
GET /admin/serviceAnnouncement/healthOverviews: ServiceHealth.Read.All
GET /admin/serviceAnnouncement/issues: ServiceHealth.Read.All
GET /admin/serviceAnnouncement/messages: ServiceMessage.Read.All
# Devices and Intune
GET /devices: Device.Read.All* Directory.Read.All Directory.ReadWrite.All | Device.Read.All* Device.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
GET /devices/{id}: Device.Read.All* Directory.Read.All Directory.ReadWrite.All | Device.Read.All* Device.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
GET /informationProtection/bitlocker/recoveryKeys: BitlockerKey.Read.All BitlockerKey.ReadBasic.All*
GET /informationProtection/bitlocker/recoveryKeys/{id}: BitlockerKey.Read.All BitlockerKey.ReadBasic.All*
GET /deviceManagement/managedDevices: DeviceManagementConfiguration.Read.All DeviceManagementConfiguration.ReadWrite.All DeviceManagementManagedDevices.Read.All* DeviceManagementManagedDevices.ReadWrite.All
GET /deviceManagement/managedDevices/{id}: DeviceManagementConfiguration.Read.All DeviceManagementConfiguration.ReadWrite.All DeviceManagementManagedDevices.Read.All* DeviceManagementManagedDevices.ReadWrite.All
POST /deviceManagement/managedDevices/{id}/syncDevice: DeviceManagementManagedDevices.PrivilegedOperations.All
POST /deviceManagement/managedDevices/{id}/wipe: DeviceManagementConfiguration.ReadWrite.All DeviceManagementManagedDevices.PrivilegedOperations.All DeviceManagementManagedDevices.ReadWrite.All*
GET /deviceManagement/deviceCompliancePolicies: DeviceManagementConfiguration.Read.All* DeviceManagementConfiguration.ReadWrite.All
GET /deviceManagement/deviceConfigurations: DeviceManagementConfiguration.Read.All* DeviceManagementConfiguration.ReadWrite.All
GET /deviceManagement/detectedApps: DeviceManagementConfiguration.Read.All DeviceManagementConfiguration.ReadWrite.All DeviceManagementManagedDevices.Read.All* DeviceManagementManagedDevices.ReadWrite.All
GET /deviceAppManagement/mobileApps: DeviceManagementApps.Read.All* DeviceManagementApps.ReadWrite.All
# Sites and Teams
GET /sites: Sites.Read.All* Sites.ReadWrite.All
GET /sites/{id}: Sites.Read.All* Sites.ReadWrite.All
GET /sites/{id}/drives: Files.Read* Files.Read.All Files.ReadWrite Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All | Files.Read.All* Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All
GET /drives/{id}: Files.Read* Files.Read.All Files.ReadWrite Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All | Files.Read.All* Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All
GET /drives/{id}/items/{id}: Files.Read* Files.Read.All Files.ReadWrite Files.ReadWrite.All Group.Read.All Group.ReadWrite.All Sites.Read.All Sites.ReadWrite.All | Files.Read.All* Files.ReadWrite.All Group.Read.All Group.ReadWrite.All Sites.Read.All Sites.ReadWrite.All
GET /teams: Team.ReadBasic.All* TeamSettings.Read.All TeamSettings.ReadWrite.All
GET /teams/{id}: Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadWrite.All Team.ReadBasic.All* TeamSettings.Read.All TeamSettings.ReadWrite.All | Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadWrite.All Team.ReadBasic.All TeamSettings.Read.All TeamSettings.ReadWrite.All
GET /teams/{id}/channels: Channel.ReadBasic.All* ChannelSettings.Read.All ChannelSettings.ReadWrite.All Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadWrite.All | Channel.ReadBasic.All ChannelSettings.Read.All ChannelSettings.ReadWrite.All Directory.Read.All Directory.ReadWrite.All Group.Read.All Group.ReadWrite.All
GET /teams/{id}/members: TeamMember.Read.All* TeamMember.ReadWrite.All | TeamMember.Read.All TeamMember.ReadWrite.All
# Devices, policies, roles and reports
GET /admin/reportSettings: ReportSettings.Read.All* ReportSettings.ReadWrite.All
GET /deviceManagement/managedDeviceOverview: DeviceManagementConfiguration.Read.All DeviceManagementConfiguration.ReadWrite.All DeviceManagementManagedDevices.Read.All* DeviceManagementManagedDevices.ReadWrite.All
GET /devices/{id}/memberOf: Device.Read.All* Directory.Read.All Directory.ReadWrite.All | Device.Read.All* Device.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
GET /devices/{id}/registeredOwners: Device.Read.All* Directory.Read.All Directory.ReadWrite.All | Device.Read.All* Device.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
GET /devices/{id}/registeredUsers: Device.Read.All* Directory.Read.All Directory.ReadWrite.All | Device.Read.All* Device.ReadWrite.All Directory.Read.All Directory.ReadWrite.All
GET /directoryRoleTemplates: Directory.Read.All Directory.ReadWrite.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory
GET /policies/adminConsentRequestPolicy: Directory.Read.All Directory.ReadWrite.All Policy.Read.All* Policy.ReadWrite.ConsentRequest
GET /policies/crossTenantAccessPolicy/default: Policy.Read.All Policy.ReadWrite.CrossTenantAccess
GET /reports/getEmailActivityUserDetail(date={value}): Reports.Read.All
GET /reports/getEmailActivityUserDetail(period={value}): Reports.Read.All
GET /reports/getMailboxUsageStorage(period={value}): Reports.Read.All
GET /reports/getOffice365ActivationsUserDetail: Reports.Read.All
GET /roleManagement/directory/roleAssignmentSchedules: RoleAssignmentSchedule.Read.Directory* RoleAssignmentSchedule.ReadWrite.Directory RoleManagement.Read.All RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory
GET /roleManagement/directory/roleEligibilitySchedules: RoleEligibilitySchedule.Read.Directory* RoleEligibilitySchedule.ReadWrite.Directory RoleManagement.Read.All RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory
GET /sites/{id}/drive: Files.Read* Files.Read.All Files.ReadWrite Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All | Files.Read.All* Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All
GET /admin/configurationManagement/configurationDrifts: ConfigurationMonitoring.Read.All* ConfigurationMonitoring.ReadWrite.All
GET /admin/configurationManagement/configurationMonitoringResults: ConfigurationMonitoring.Read.All* ConfigurationMonitoring.ReadWrite.All
GET /admin/configurationManagement/configurationMonitors: ConfigurationMonitoring.Read.All* ConfigurationMonitoring.ReadWrite.All
GET /admin/configurationManagement/configurationSnapshotJobs: ConfigurationMonitoring.Read.All* ConfigurationMonitoring.ReadWrite.All
GET /admin/configurationManagement/configurationSnapshots/{id}: ConfigurationMonitoring.Read.All* ConfigurationMonitoring.ReadWrite.All
GET /admin/microsoft365Apps/installationOptions: OrgSettings-Microsoft365Install.Read.All* OrgSettings-Microsoft365Install.ReadWrite.All
GET /admin/people/itemInsights: PeopleSettings.Read.All PeopleSettings.ReadWrite.All | PeopleSettings.Read.All* PeopleSettings.ReadWrite.All
GET /admin/people/pronouns: PeopleSettings.Read.All* PeopleSettings.ReadWrite.All
GET /admin/sharepoint/settings: SharePointTenantSettings.Read.All* SharePointTenantSettings.ReadWrite.All
PATCH /admin/sharepoint/settings: SharePointTenantSettings.ReadWrite.All
GET /directory/administrativeUnits/{id}/scopedRoleMembers: Directory.Read.All Directory.ReadWrite.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory
GET /directoryRoles/{id}/scopedMembers: Directory.Read.All Directory.ReadWrite.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory
GET /groupSettingTemplates: Directory.Read.All Directory.ReadWrite.All GroupSettings.Read.All* GroupSettings.ReadWrite.All
GET /identity/conditionalAccess/templates: Policy.Read.All
GET /policies/authenticationFlowsPolicy: Policy.Read.All* Policy.ReadWrite.AuthenticationFlows
GET /policies/authenticationStrengthPolicies: Policy.Read.All Policy.Read.AuthenticationMethod* Policy.ReadWrite.AuthenticationMethod Policy.ReadWrite.ConditionalAccess
GET /policies/defaultAppManagementPolicy: Policy.Read.All* Policy.ReadWrite.ApplicationConfiguration
GET /policies/deviceRegistrationPolicy: Policy.Read.All Policy.Read.DeviceConfiguration* Policy.ReadWrite.DeviceConfiguration | Policy.Read.DeviceConfiguration* Policy.ReadWrite.DeviceConfiguration
GET /policies/permissionGrantPolicies: Policy.Read.PermissionGrant* Policy.ReadWrite.PermissionGrant
GET /policies/roleManagementPolicies: RoleManagement.Read.All RoleManagement.Read.Directory RoleManagement.ReadWrite.Directory RoleManagementPolicy.Read.Directory* RoleManagementPolicy.ReadWrite.Directory | RoleManagement.Read.All RoleManagement.Read.Directory* RoleManagement.ReadWrite.Directory
GET /users/{id}/authentication/requirements: Policy.Read.All* Policy.ReadWrite.AuthenticationMethod
GET /users/{id}/scopedRoleMemberOf: Directory.Read.All* Directory.ReadWrite.All
`;

/** The lines of the table and of the supplement. */
export const partnerEntries = (): readonly MapEntry[] => [...tableEntries(table), ...supplement()];

/** The permission map of a broker that has not loaded Microsoft's published permission file. */
export const partnerMap = (): PermissionMap => buildPermissionMap(partnerEntries());
