import * as z from 'zod';
import { defineJob } from '../lib/runs/job/job.ts';
import type { Row } from '../lib/runs/job/row.ts';

const text = z.string().nullish();
const principal = z.object({
  id: z.string(),
  appId: z.string(),
  displayName: text,
  appOwnerOrganizationId: text,
  accountEnabled: z.boolean().nullish(),
  verifiedPublisher: z.object({ displayName: text }).nullish(),
});
const resource = z.object({
  id: z.string(),
  appId: z.string(),
  displayName: text,
  appRoles: z.array(z.object({ id: z.string(), value: text })).nullish(),
});
const grant = z.object({
  clientId: z.string(),
  resourceId: z.string(),
  consentType: text,
  principalId: text,
  scope: text,
});
const assignment = z.object({ principalId: z.string(), appRoleId: z.string() });

/** Microsoft Graph, Exchange Online and SharePoint Online: whose application permissions are read. */
const resources = [
  '00000003-0000-0000-c000-000000000000',
  '00000002-0000-0ff1-ce00-000000000000',
  '00000003-0000-0ff1-ce00-000000000000',
];

/** Tenants in which Microsoft registers its own applications ("Verify first-party Microsoft applications"). */
const microsoftTenants: ReadonlySet<string> = new Set([
  'f8cdef31-a31e-4b4a-93e4-5f571e91255a',
  '72f988bf-86f1-41af-91ab-2d7cd011db47',
]);

/** Permissions of Exchange Web Services, which end on 1 April 2027. A permission does not mean that it is used. */
const ewsPermissions: ReadonlySet<string> = new Set(['full_access_as_app', 'EWS.AccessAsUser.All']);

/**
 * Permissions of a high risk. A choice of the product on top of what Maester names (Test-MtHighRiskAppPermissions, which
 * follows emiliensocchi/azure-tiering). Some are in {@link highRiskFamilies}.
 */
const highRisk: ReadonlySet<string> = new Set(
  [
    // Take over the tenant: roles, credentials, applications, groups, policies, federation, synchronization.
    'AdministrativeUnit.ReadWrite.All AppRoleAssignment.ReadWrite.All CustomAuthenticationExtension.ReadWrite.All',
    'DelegatedAdminRelationship.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All Directory.AccessAsUser.All',
    'Directory.ReadWrite.All Domain.ReadWrite.All Domain-InternalFederation.ReadWrite.All',
    'EntitlementManagement.ReadWrite.All Group.ReadWrite.All GroupMember.ReadWrite.All IdentityProvider.ReadWrite.All',
    'ManagedTenants.ReadWrite.All OnPremDirectorySynchronization.ReadWrite.All Organization.ReadWrite.All',
    'PublicKeyInfrastructure.ReadWrite.All Synchronization.ReadWrite.All TenantGovernance-Relationship.ReadWrite.All',
    'User.DeleteRestore.All User.EnableDisableAccount.All User.ManageIdentities.All User.ReadWrite.All',
    'User-Mail.ReadWrite.All User-PasswordProfile.ReadWrite.All User-Phone.ReadWrite.All',
    'UserAuthenticationMethod.ReadWrite.All user_impersonation',
    // Change devices, or read their secrets.
    'BitlockerKey.Read.All CloudPC.ReadWrite.All Device.ReadWrite.All DeviceLocalCredential.Read.All',
    // Read or change mail.
    'EWS.AccessAsUser.All full_access_as_app full_access_as_user',
    // Read or change files, sites and conversations.
    'ChannelMessage.Read.All Chat.Read Chat.Read.All Chat.ReadWrite Chat.ReadWrite.All ChatMessage.Read.All',
    'CallRecordings.Read.All CallTranscripts.Read.All eDiscovery.Read.All eDiscovery.ReadWrite.All Files.Read.All',
    'Files.ReadWrite.All FileStorageContainer.Manage.All Notes.Read.All Notes.ReadWrite.All',
    'OnlineMeetingRecording.Read.All OnlineMeetingTranscript.Read.All Sites.FullControl.All Sites.Manage.All',
    'Sites.Read.All Sites.ReadWrite.All',
  ].flatMap((line) => line.split(' ')),
);
const highRiskFamilies =
  /^(?:(?:Application|Policy|PrivilegedAccess|PrivilegedAssignmentSchedule|PrivilegedEligibilitySchedule|RoleAssignmentSchedule|RoleEligibilitySchedule|RoleManagement|RoleManagementPolicy)\.ReadWrite\..+|(?:LifecycleWorkflows|UserAuthMethod-)[\w-]*\.ReadWrite\.All|DeviceManagement\w+\.(?:ReadWrite|PrivilegedOperations)\.All|(?:Calendars|Contacts|Mail|MailboxFolder|MailboxSettings)\.ReadWrite.*|Mail\.(?:Read|Send).*|MailboxItem\..+|(?:IMAP|POP)\.AccessAs.+|SMTP\.Send.*|Exchange\.Manage.*|AllSites\..+|TeamsAppInstallation\.ReadWriteAndConsent\w+\.All)$/;
const isHighRisk = (permission: string): boolean => highRisk.has(permission) || highRiskFamilies.test(permission);

/**
 * Reports what applications may do in the tenant: application permissions of Graph, Exchange and SharePoint, and delegated
 * permissions of every resource. Application access that Exchange grants by its own roles (RBAC for Applications) is not
 * among them.
 */
export default defineJob({
  name: 'application-grants',
  title: 'Permissions of applications',
  description:
    'Which applications hold which delegated and application permissions, for how many users, who owns them, and which permissions are for Exchange Web Services.',
  topic: 'security',
  resources: ['graph'],
  permissions: ['Directory.Read.All'],
  directoryRoles: [
    'Directory Readers',
    'Global Reader',
    'Cloud Application Administrator',
    'Application Administrator',
  ],
  timeoutSeconds: 600,
  parameters: z.object({
    only: z.enum(['high', 'all']).default('all').meta({
      title: 'Risk',
      description: 'high: only permissions with a high risk, and those whose name is not known.',
    }),
  }),
  columns: [
    { name: 'application', title: 'Application', type: 'text' },
    { name: 'appId', title: 'Application id', type: 'text' },
    { name: 'owner', title: 'Owner', type: 'text' },
    { name: 'ownerTenantId', title: 'Tenant of the owner', type: 'text' },
    { name: 'publisher', title: 'Verified publisher', type: 'text' },
    { name: 'verified', title: 'Verified', type: 'boolean' },
    { name: 'enabled', title: 'Enabled', type: 'boolean' },
    { name: 'kind', title: 'Kind', type: 'text' },
    { name: 'resource', title: 'Resource', type: 'text' },
    { name: 'permission', title: 'Permission', type: 'text' },
    { name: 'users', title: 'Users', type: 'number' },
    { name: 'risk', title: 'Risk', type: 'text' },
    { name: 'note', title: 'Note', type: 'text' },
    { name: 'resourceAppId', title: 'Resource id', type: 'text' },
    { name: 'permissionId', title: 'Permission id', type: 'text' },
  ],
  key: ['appId', 'resourceAppId', 'kind', 'permissionId'],
  historyBy: 'kind',
  async run({ graph, tenant, partnerTenantId, parameters: { only } }) {
    const principals = new Map<string, z.output<typeof principal>>();
    const path =
      '/servicePrincipals?$select=id,appId,displayName,appOwnerOrganizationId,verifiedPublisher,accountEnabled';
    for await (const each of graph.list(`${path}&$top=999`, { shape: principal })) principals.set(each.id, each);
    const rows = new Map<string, Row>();
    const users = new Map<string, Set<string>>();
    const add = (held: {
      readonly clientId: string;
      readonly resourceId: string;
      readonly kind: string;
      readonly id: string;
      readonly permission: string | null;
      readonly user?: string | undefined;
    }): void => {
      const { clientId, resourceId, kind, id, permission, user } = held;
      const risk = permission === null ? null : isHighRisk(permission) ? 'high' : 'other';
      if (only === 'high' && risk === 'other') return;
      const client = principals.get(clientId);
      const target = principals.get(resourceId);
      const [appId, resourceAppId] = [client?.appId ?? clientId, target?.appId ?? resourceId];
      const key = JSON.stringify([appId, resourceAppId, kind, id]);
      const known = users.get(key) ?? new Set<string>();
      if (user !== undefined) known.add(user);
      users.set(key, known);
      const ownerTenantId = client?.appOwnerOrganizationId ?? null;
      const { displayName: publisher } = client?.verifiedPublisher ?? {};
      rows.set(key, {
        application: client?.displayName ?? null,
        appId,
        owner:
          ownerTenantId === null
            ? null
            : microsoftTenants.has(ownerTenantId)
              ? 'Microsoft'
              : ownerTenantId === tenant.tenantId
                ? 'tenant'
                : ownerTenantId === partnerTenantId
                  ? 'partner'
                  : 'other',
        ownerTenantId,
        publisher: publisher ?? null,
        verified: client?.verifiedPublisher == null || publisher === undefined ? null : publisher !== null,
        enabled: client?.accountEnabled ?? null,
        kind,
        resource: target?.displayName ?? null,
        permission,
        users: kind === 'delegated by users' ? known.size : null,
        risk,
        note: permission !== null && ewsPermissions.has(permission) ? 'Exchange Web Services' : null,
        resourceAppId,
        permissionId: id,
      });
    };
    for await (const { clientId, resourceId, consentType, principalId, scope } of graph.list(
      '/oauth2PermissionGrants?$top=999',
      { shape: grant },
    ))
      for (const permission of new Set((scope ?? '').split(/\s+/).filter((word) => word !== '')))
        add({
          clientId,
          resourceId,
          kind: consentType === 'AllPrincipals' ? 'delegated for all' : 'delegated by users',
          id: permission,
          permission,
          user: principalId ?? undefined,
        });
    const offered = graph.list(
      `/servicePrincipals?$filter=appId in (${resources.map((id) => `'${id}'`).join(',')})&$select=id,appId,displayName,appRoles`,
      { shape: resource },
    );
    for await (const { id: resourceId, appRoles } of offered) {
      const names = new Map((appRoles ?? []).map(({ id, value }) => [id, value ?? null]));
      // Smaller pages leave out managed identities (issue 12243 of microsoftgraph/microsoft-graph-docs).
      for await (const { principalId: clientId, appRoleId } of graph.list(
        `/servicePrincipals/${resourceId}/appRoleAssignedTo?$top=999`,
        { shape: assignment },
      ))
        add({ clientId, resourceId, kind: 'application', id: appRoleId, permission: names.get(appRoleId) ?? null });
    }
    return [...rows.values()];
  },
});
