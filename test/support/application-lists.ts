import { publishedPermissions } from 'graph-permissions/permission-ids';

// The permissions that two projects of partners publish for their applications: CIPP in Config/SAMManifest.json of
// KelvinTegelaar/CIPP-API (2026-08-08), MspGdap in manifests/partner-app.full.json of GCIT-Dev/gdap-partner-toolkit (0.2.1).
// The files here have their shape, and their texts are our own.

const graphAppId = '00000003-0000-0000-c000-000000000000';

/** A permission that a list asks for. */
export interface Listed {
  readonly appId: string;
  readonly type: 'Scope' | 'Role';
  readonly value: string;
  readonly id: string;
}

/** Microsoft's published ids do not contain those of OpenID Connect. */
const signInIds: Readonly<Record<string, string>> = {
  offline_access: '7427e0e9-2fba-42fe-b0c0-848c9e6a8182',
  openid: '37f7f235-527c-4136-accd-4a02d197296e',
  profile: '14dad69e-099b-42c9-810b-d002981feec1',
};

function ofGraph(type: Listed['type'], names: string): readonly Listed[] {
  const published = new Map(publishedPermissions());
  return names
    .trim()
    .split(/\s+/)
    .map((value) => {
      const known = published.get(value);
      const id = (type === 'Scope' ? known?.scope : known?.role) ?? signInIds[value];
      if (id === undefined) throw new RangeError(`No id of ${value} is known.`);
      return { appId: graphAppId, type, value, id };
    });
}

/** Each line is the resource, the type, the value and the id. */
const ofOthers = (lines: string): readonly Listed[] =>
  lines
    .trim()
    .split('\n')
    .map((line) => {
      const [appId = '', type = '', value = '', id = ''] = line.split(' ');
      return { appId, type: type === 'Role' ? 'Role' : 'Scope', value, id };
    });

export const cipp: readonly Listed[] = [
  ...ofGraph(
    'Scope',
    `
AppRoleAssignment.ReadWrite.All Application.ReadWrite.All AuditLog.Read.All BitlockerKey.Read.All Channel.Create
Channel.Delete.All Channel.ReadBasic.All ChannelMember.Read.All ChannelMember.ReadWrite.All ChannelMessage.Edit
ChannelMessage.Read.All ChannelMessage.Send ChannelSettings.ReadWrite.All ConsentRequest.Read.All
CopilotPolicySettings.ReadWrite DelegatedAdminRelationship.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All
Device.Command Device.Read Device.Read.All DeviceLocalCredential.Read.All DeviceManagementApps.ReadWrite.All
DeviceManagementConfiguration.ReadWrite.All DeviceManagementManagedDevices.PrivilegedOperations.All
DeviceManagementManagedDevices.ReadWrite.All DeviceManagementRBAC.ReadWrite.All DeviceManagementScripts.ReadWrite.All
DeviceManagementServiceConfig.ReadWrite.All Directory.AccessAsUser.All Directory.ReadWrite.All Domain.Read.All
Domain.ReadWrite.All Group.ReadWrite.All GroupMember.ReadWrite.All IdentityRiskEvent.ReadWrite.All
IdentityRiskyServicePrincipal.ReadWrite.All IdentityRiskyUser.ReadWrite.All Mail.Send Mail.Send.Shared
MailboxSettings.ReadWrite Member.Read.Hidden OrgSettings-AppsAndServices.Read.All OrgSettings-Forms.ReadWrite.All
Organization.ReadWrite.All PeopleSettings.ReadWrite.All Place.ReadWrite.All Policy.Read.All
Policy.ReadWrite.ApplicationConfiguration Policy.ReadWrite.AuthenticationFlows Policy.ReadWrite.AuthenticationMethod
Policy.ReadWrite.Authorization Policy.ReadWrite.ConditionalAccess Policy.ReadWrite.ConsentRequest
Policy.ReadWrite.DeviceConfiguration Policy.ReadWrite.MobilityManagement PrivilegedAccess.ReadWrite.AzureResources
ReportSettings.ReadWrite.All Reports.Read.All RoleAssignmentSchedule.ReadWrite.Directory
RoleEligibilitySchedule.ReadWrite.Directory RoleManagement.Read.Exchange RoleManagement.ReadWrite.Directory
RoleManagementPolicy.ReadWrite.Directory SecurityActions.ReadWrite.All SecurityEvents.ReadWrite.All
SecurityIncident.ReadWrite.All ServiceHealth.Read.All ServiceMessage.Read.All SharePointTenantSettings.ReadWrite.All
Sites.ReadWrite.All Team.Create Team.ReadBasic.All TeamMember.ReadWrite.All TeamMember.ReadWriteNonOwnerRole.All
TeamSettings.ReadWrite.All TeamsActivity.Read TeamsTab.Create TeamsTab.ReadWrite.All
TeamsTelephoneNumber.ReadWrite.All TeamsUserConfiguration.Read.All ThreatAssessment.ReadWrite.All
UnifiedGroupMember.Read.AsGuest User.ManageIdentities.All User.ReadWrite.All UserAuthenticationMethod.ReadWrite
UserAuthenticationMethod.ReadWrite.All offline_access openid profile
`,
  ),
  ...ofGraph(
    'Role',
    `
Application.ReadWrite.All AuditLog.Read.All AuditLogsQuery.Read.All BitlockerKey.Read.All Channel.Create
Channel.ReadBasic.All ChannelMember.ReadWrite.All Contacts-OnPremisesSyncBehavior.ReadWrite.All
CopilotPackages.Read.All CopilotPackages.ReadWrite.All CopilotPolicySettings.Read CopilotPolicySettings.ReadWrite
CrossTenantInformation.ReadBasic.All Device.ReadWrite.All DeviceManagementApps.ReadWrite.All
DeviceManagementConfiguration.ReadWrite.All DeviceManagementManagedDevices.PrivilegedOperations.All
DeviceManagementManagedDevices.ReadWrite.All DeviceManagementRBAC.ReadWrite.All DeviceManagementScripts.ReadWrite.All
DeviceManagementServiceConfig.ReadWrite.All Directory.ReadWrite.All Domain.Read.All Domain.ReadWrite.All
Files.ReadWrite.All Group-OnPremisesSyncBehavior.ReadWrite.All Group.Create Group.ReadWrite.All
GroupMember.ReadWrite.All InformationProtectionPolicy.Read.All MailboxSettings.ReadWrite
OrgSettings-Forms.ReadWrite.All Organization.ReadWrite.All PeopleSettings.ReadWrite.All Place.Read.All Policy.Read.All
Policy.ReadWrite.ApplicationConfiguration Policy.ReadWrite.AuthenticationFlows Policy.ReadWrite.AuthenticationMethod
Policy.ReadWrite.ConditionalAccess Policy.ReadWrite.ConsentRequest Policy.ReadWrite.CrossTenantAccess
PrivilegedAccess.ReadWrite.AzureADGroup ReportSettings.ReadWrite.All Reports.Read.All
RoleAssignmentSchedule.ReadWrite.Directory RoleEligibilitySchedule.ReadWrite.Directory
RoleManagement.ReadWrite.Directory RoleManagement.ReadWrite.Exchange RoleManagementPolicy.ReadWrite.Directory
SecurityAnalyzedMessage.ReadWrite.All SecurityEvents.Read.All SecurityIncident.ReadWrite.All
SharePointTenantSettings.ReadWrite.All Sites.FullControl.All TeamMember.ReadWrite.All
TeamMember.ReadWriteNonOwnerRole.All TeamsTelephoneNumber.ReadWrite.All TeamsUserConfiguration.Read.All
ThreatSubmission.ReadWrite.All User-OnPremisesSyncBehavior.ReadWrite.All User.ReadWrite.All
UserAuthenticationMethod.ReadWrite.All
`,
  ),
  ...ofOthers(`
aeb86249-8ea3-49e2-900b-54cc8e308f85 Scope LicenseManager.AccessAsUser fc946a4f-bc4d-413b-a090-b2c86113ec4f
fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd Scope user_impersonation 1cebfa2a-fb4d-419e-b5f9-839b4383e05a
00000012-0000-0000-c000-000000000000 Role Application.Read.All e23bd57d-bfd5-4906-867f-89fb5ed8cd43
00000012-0000-0000-c000-000000000000 Role Content.SuperUser 7347eb49-7a1a-43c5-8eac-a5cd1d1c7cf0
00000012-0000-0000-c000-000000000000 Scope user_impersonation c9c9a04d-3b66-4ca8-a00c-fca953e2afd3
00000002-0000-0ff1-ce00-000000000000 Role Calendars.ReadWrite.All ef54d2bf-783f-4e0f-bca1-3210c0444d99
00000002-0000-0ff1-ce00-000000000000 Role Exchange.ManageAsApp dc50a0fb-09a3-484d-be87-e023b12c6440
00000002-0000-0ff1-ce00-000000000000 Role MailboxSettings.ReadWrite f9156939-25cd-4ba8-abfe-7fabcf003749
00000002-0000-0ff1-ce00-000000000000 Scope Calendars.ReadWrite.All bbd1ca91-75e0-4814-ad94-9c5dbbae3415
00000002-0000-0ff1-ce00-000000000000 Scope Exchange.Manage ab4f2b77-0b06-4fc1-a9de-02113fc2ab7c
00000002-0000-0ff1-ce00-000000000000 Scope MailboxSettings.ReadWrite 2e83d72d-8895-4b66-9eea-abb43449ab8b
c5393580-f805-4401-95e8-94b7a6ef2fc2 Scope ActivityFeed.Read 594c1fb6-4f81-4475-ae41-0c394909246c
00000003-0000-0ff1-ce00-000000000000 Scope AllSites.FullControl 56680e0d-d2a3-4ae1-80d8-3c4f2100e3d0
00000003-0000-0ff1-ce00-000000000000 Role Sites.FullControl.All 678536fe-1083-478a-9c59-b99265e6b0d3
48ac35b8-9aa8-4d74-927d-1f4a14a0b239 Scope user_impersonation e60370c1-e451-437e-aa6e-d76df38e5f15
fc780465-2017-40d4-a0c5-307022471b92 Role Vulnerability.Read.All 41269fc5-d04d-4bfd-bce7-43a51cea049a
fc780465-2017-40d4-a0c5-307022471b92 Scope Vulnerability.Read 63a677ce-818c-4409-9d12-5c6d2e2a6bfe
`),
];

export const mspGdap: readonly Listed[] = [
  ...ofGraph(
    'Scope',
    `
AppCatalog.ReadWrite.All AppCatalog.Submit AppRoleAssignment.ReadWrite.All Application.Read.All
Application.ReadWrite.All AuditLog.Read.All BitlockerKey.Read.All Channel.ReadBasic.All ChannelMessage.Read.All
Chat.Create Chat.ReadWrite CopilotPackages.Read.All CopilotPackages.ReadWrite.All
DelegatedAdminRelationship.ReadWrite.All DeviceManagementApps.ReadWrite.All DeviceManagementConfiguration.Read.All
DeviceManagementConfiguration.ReadWrite.All DeviceManagementManagedDevices.Read.All
DeviceManagementManagedDevices.ReadWrite.All DeviceManagementServiceConfig.ReadWrite.All Directory.Read.All
Directory.ReadWrite.All Domain.Read.All Domain.ReadWrite.All Files.ReadWrite.All Group.ReadWrite.All
IdentityRiskEvent.Read.All IdentityRiskyUser.Read.All Mail.ReadWrite Mail.Send MailboxSettings.ReadWrite
Organization.Read.All Policy.Read.All Policy.ReadWrite.AccessReview Policy.ReadWrite.ApplicationConfiguration
Policy.ReadWrite.AuthenticationFlows Policy.ReadWrite.AuthenticationMethod Policy.ReadWrite.Authorization
Policy.ReadWrite.ConditionalAccess Policy.ReadWrite.ConsentRequest Policy.ReadWrite.CrossTenantAccess
Policy.ReadWrite.CrossTenantCapability Policy.ReadWrite.DeviceConfiguration Policy.ReadWrite.ExternalIdentities
Policy.ReadWrite.FeatureRollout Policy.ReadWrite.FedTokenValidation Policy.ReadWrite.IdentityProtection
Policy.ReadWrite.MobilityManagement Policy.ReadWrite.PermissionGrant Policy.ReadWrite.SecurityDefaults
Policy.ReadWrite.TrustFramework Presence.Read.All Reports.Read.All RoleManagement.ReadWrite.Directory
SecurityAlert.Read.All SecurityAlert.ReadWrite.All SecurityEvents.Read.All SecurityEvents.ReadWrite.All
SecurityIncident.Read.All ServiceMessage.Read.All Sites.FullControl.All Sites.ReadWrite.All Tasks.ReadWrite
Team.ReadBasic.All TeamsAppInstallation.ReadWriteAndConsentForChat TeamsAppInstallation.ReadWriteForChat
TeamsAppInstallation.ReadWriteForTeam TeamsAppInstallation.ReadWriteForUser TeamsAppInstallation.ReadWriteSelfForChat
TeamsAppInstallation.ReadWriteSelfForTeam ThreatHunting.Read.All ThreatIntelligence.Read.All User.Read
User.ReadWrite.All UserAuthenticationMethod.Read.All UserAuthenticationMethod.ReadWrite.All offline_access openid
profile
`,
  ),
  ...ofOthers(`
fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd Scope user_impersonation 1cebfa2a-fb4d-419e-b5f9-839b4383e05a
00000002-0000-0ff1-ce00-000000000000 Scope Exchange.Manage ab4f2b77-0b06-4fc1-a9de-02113fc2ab7c
00000003-0000-0ff1-ce00-000000000000 Scope AllSites.FullControl 56680e0d-d2a3-4ae1-80d8-3c4f2100e3d0
00000003-0000-0ff1-ce00-000000000000 Scope AllSites.Manage b3f70a70-8a4b-4f95-9573-d71c496a53f4
00000003-0000-0ff1-ce00-000000000000 Scope AllSites.Write 640ddd16-e5b7-4d71-9690-3f4022699ee7
00000003-0000-0ff1-ce00-000000000000 Scope MyFiles.Read dd2c8d78-58e1-46d7-82dd-34d411282686
00000003-0000-0ff1-ce00-000000000000 Scope MyFiles.Write 2cfdc887-d7b4-4798-9b33-3d98d6b95dd2
00000003-0000-0ff1-ce00-000000000000 Scope Sites.Search.All 1002502a-9a71-4426-8551-69ab83452fab
00000003-0000-0ff1-ce00-000000000000 Scope TermStore.ReadWrite.All 59a198b5-0420-45a8-ae59-6da1cb640505
c5393580-f805-4401-95e8-94b7a6ef2fc2 Scope ActivityFeed.Read 594c1fb6-4f81-4475-ae41-0c394909246c
c5393580-f805-4401-95e8-94b7a6ef2fc2 Scope ActivityFeed.ReadDlp 4807a72c-ad38-4250-94c9-4eabfe26cd55
c5393580-f805-4401-95e8-94b7a6ef2fc2 Scope ServiceHealth.Read e2cea78f-e743-4d8f-a16a-75b629a038ae
fc780465-2017-40d4-a0c5-307022471b92 Scope Alert.Read b2069dc0-9fe9-4e6d-9aca-ccf3dd503819
fc780465-2017-40d4-a0c5-307022471b92 Scope Alert.ReadWrite cbc3b413-21e6-416d-95a4-af87687efbd0
fc780465-2017-40d4-a0c5-307022471b92 Scope File.Read.All 8fce64a0-67c8-4e39-8f47-cac9ff7e13bb
fc780465-2017-40d4-a0c5-307022471b92 Scope IntegrationConfiguration.ReadWrite 7c6f6912-60e9-4fcd-bb2a-c25bc35e8c59
fc780465-2017-40d4-a0c5-307022471b92 Scope Ip.Read.All b65a97e8-c8e8-4908-b19a-f654615de1a9
fc780465-2017-40d4-a0c5-307022471b92 Scope Machine.CollectForensics 5eb7b9dc-cbce-4c7e-9d73-5be248260ae6
fc780465-2017-40d4-a0c5-307022471b92 Scope Machine.Isolate 479231ef-3b86-4933-ae6b-1fa84bba9e31
fc780465-2017-40d4-a0c5-307022471b92 Scope Machine.LiveResponse 25fb0c21-5877-492a-8d0c-e7893a9585cc
fc780465-2017-40d4-a0c5-307022471b92 Scope Machine.Read fbd3d33a-b1f5-4573-906c-51b39682fbcf
fc780465-2017-40d4-a0c5-307022471b92 Scope Machine.ReadWrite f6846c57-9e3c-4a65-81aa-2f5e09ff4f0b
fc780465-2017-40d4-a0c5-307022471b92 Scope Machine.RestrictExecution abddfa88-80bb-4aef-81ff-18cbf29363a9
fc780465-2017-40d4-a0c5-307022471b92 Scope Machine.Scan b4618115-647e-42a5-bd0d-0ea9878fb376
fc780465-2017-40d4-a0c5-307022471b92 Scope Machine.StopAndQuarantine 69e036b7-3f10-4d4c-a85e-82295629eca8
fc780465-2017-40d4-a0c5-307022471b92 Scope RemediationTasks.Read 19956c04-168f-4f44-b471-48c8f50dc0c8
fc780465-2017-40d4-a0c5-307022471b92 Scope Score.Read df4ed126-3a4c-460a-b0fc-67aea84fc332
fc780465-2017-40d4-a0c5-307022471b92 Scope SecurityBaselinesAssessment.Read d42e2aa1-a664-43a9-b7c6-2766d44a6687
fc780465-2017-40d4-a0c5-307022471b92 Scope SecurityConfiguration.ReadWrite bfc81a3a-4f6d-4bfe-b945-d7fe6747d2a0
fc780465-2017-40d4-a0c5-307022471b92 Scope SecurityRecommendation.Read 1ab96238-1253-4059-a32f-4087f20ed65d
fc780465-2017-40d4-a0c5-307022471b92 Scope Software.Read 5f216ada-3f51-4a22-ace5-06b198328476
fc780465-2017-40d4-a0c5-307022471b92 Scope Url.Read.All 42b4777c-6196-49ad-9cfc-207e73f2eb61
fc780465-2017-40d4-a0c5-307022471b92 Scope Vulnerability.Read 63a677ce-818c-4409-9d12-5c6d2e2a6bfe
48ac35b8-9aa8-4d74-927d-1f4a14a0b239 Scope MailboxSettings.Read 0e276de4-189b-47b3-8c80-ce726cfb7671
48ac35b8-9aa8-4d74-927d-1f4a14a0b239 Scope Team.ReadBasic.All d326a74b-6caa-4da2-95a3-e2a64a01e18c
48ac35b8-9aa8-4d74-927d-1f4a14a0b239 Scope sharepoint_service 98a74943-4bc4-416e-8028-288cf2f36197
48ac35b8-9aa8-4d74-927d-1f4a14a0b239 Scope user_impersonation e60370c1-e451-437e-aa6e-d76df38e5f15
797f4846-ba00-4fd7-ba43-dac1f8f63013 Scope user_impersonation 41094075-9dad-400e-a0bd-54e686782033
00000007-0000-0000-c000-000000000000 Scope user_impersonation 78ce3f0f-a1ce-49c2-8cde-64b5c0896db4
c9a559d2-7aab-4f13-a6ed-e7e9c52aec87 Scope Forms.Read 06b7d4cf-7757-4402-b310-dfc29621dc81
c9a559d2-7aab-4f13-a6ed-e7e9c52aec87 Scope Forms.ReadWrite 2b46f208-3e71-4016-b165-71b4918b527b
c9a559d2-7aab-4f13-a6ed-e7e9c52aec87 Scope Responses.Read.All 67959cf5-ad1e-4b18-b9df-58fad1e7eb40
c9a559d2-7aab-4f13-a6ed-e7e9c52aec87 Scope Responses.ReadWrite 17a73123-533c-4f69-a37c-be22ec00e5fe
`),
];

const byResource = <T>(list: readonly Listed[], build: (each: Listed) => T): Map<string, T[]> => {
  const resources = new Map<string, T[]>();
  for (const each of list) resources.set(each.appId, [...(resources.get(each.appId) ?? []), build(each)]);
  return resources;
};

/** The manifest of an application, as CIPP publishes it. */
export const cippFile = (list: readonly Listed[] = cipp): object => ({
  isFallbackPublicClient: true,
  signInAudience: 'AzureADMultipleOrgs',
  displayName: 'An application',
  web: { redirectUris: ['https://localhost'] },
  servicePrincipalLockConfiguration: { isEnabled: true, allProperties: true },
  requiredResourceAccess: [...byResource(list, ({ id, type }) => ({ id, type }))].map(
    ([resourceAppId, resourceAccess]) => ({ resourceAppId, resourceAccess }),
  ),
});

/** A list that documents each id with its value, as MspGdap publishes it. */
export const mspGdapFile = (list: readonly Listed[] = mspGdap): object => ({
  manifestVersion: 1,
  name: 'An.application 1',
  description: 'What an application asks for.',
  requiredResourceAccess: [...byResource(list, ({ id, type, value }) => ({ id, type, value }))].map(
    ([resourceAppId, resourceAccess]) => ({ resourceAppId, resourceDisplayName: 'A resource', resourceAccess }),
  ),
});

/** A list alone, with values for ids, as CIPP publishes what it asks for beside its manifest. */
export const additionalFile = (list: readonly Listed[]): object =>
  [...byResource(list, ({ value, type }) => ({ id: value, type }))].map(([resourceAppId, resourceAccess]) => ({
    resourceAppId,
    resourceAccess,
  }));
