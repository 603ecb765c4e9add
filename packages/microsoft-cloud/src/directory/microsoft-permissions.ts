/**
 * Permissions of a resource: value → id. Scopes are delegated permissions, roles are application permissions. The tables
 * hold what partner applications request. Sources: "Microsoft Graph permissions reference" and the service principals of
 * the resources.
 */
export interface PermissionTable {
  readonly scopes: Readonly<Record<string, string>>;
  readonly roles: Readonly<Record<string, string>>;
}

export const graphPermissions: PermissionTable = {
  scopes: {
    'Application.Read.All': 'c79f8feb-a9db-4090-85f9-90d820caa0eb',
    'Application.ReadWrite.All': 'bdfbf15f-ee85-4955-8675-146e8e5296b5',
    'AppRoleAssignment.ReadWrite.All': '84bccea3-f856-4a8a-967b-dbe0a3d53a64',
    'AuditLog.Read.All': 'e4c9e354-4dc5-45b8-9e7c-e1393b0b1a20',
    'CrossTenantInformation.ReadBasic.All': '81594d25-e88e-49cf-ac8c-fecbff49f994',
    'DelegatedAdminRelationship.Read.All': '0c0064ea-477b-4130-82a5-4c2cc4ff68aa',
    'DelegatedAdminRelationship.ReadWrite.All': '885f682f-a990-4bad-a642-36736a74b0c7',
    'DelegatedPermissionGrant.ReadWrite.All': '41ce6ca6-6826-4807-84f1-1c82854f7ee5',
    'Directory.AccessAsUser.All': '0e263e50-5827-48a4-b97c-d940288653c7',
    'Directory.Read.All': '06da0dbc-49e2-44d2-8312-53f166ab848a',
    'Directory.ReadWrite.All': 'c5366453-9fb0-48a5-a156-24f0c49a4b84',
    'Domain.Read.All': '2f9ee017-59c1-4f1d-9472-bd5529a7b311',
    'Group.Read.All': '5f8c59db-677d-491f-a6b8-5f174b11ec1d',
    'Group.ReadWrite.All': '4e46008b-f24c-477d-8fff-7bb4ec7aafe0',
    'GroupMember.Read.All': 'bc024368-1153-4739-b217-4326f2e966d0',
    'GroupMember.ReadWrite.All': 'f81125ac-d3b7-4573-a3b2-7099cc39df9e',
    'Organization.Read.All': '4908d5b9-3fb2-4b1e-9336-1888b7937185',
    'Organization.ReadWrite.All': '46ca0847-7e6b-426e-9775-ea810a948356',
    'Policy.Read.All': '572fea84-0151-49b2-9301-11cb16974376',
    'Reports.Read.All': '02e97553-ed7b-43d0-ab3c-f8bace0d040c',
    'RoleManagement.Read.Directory': '741c54c3-0c1e-44a1-818b-3f97ab4e8c83',
    'RoleManagement.ReadWrite.Directory': 'd01b97e9-cbc0-49fe-810a-750afd5527a3',
    'SecurityEvents.Read.All': '64733abd-851e-478a-bffb-e47a14b18235',
    'User.Read': 'e1fe6dd8-ba31-4d61-89e7-88639da4683d',
    'User.Read.All': 'a154be20-db9c-4678-8ab7-66f6cc099a59',
    'User.ReadWrite.All': '204e0828-b5ca-4ad8-b9f3-f32a958e7cc4',
    'User.RevokeSessions.All': 'fc30e98b-8810-4501-81f5-c20a3196387b',
    'UserAuthenticationMethod.Read.All': 'aec28ec7-4d02-4e8c-b864-50163aea77eb',
    email: '64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0',
    offline_access: '7427e0e9-2fba-42fe-b0c0-848c9e6a8182',
    openid: '37f7f235-527c-4136-accd-4a02d197296e',
    profile: '14dad69e-099b-42c9-810b-d002981feec1',
  },
  roles: {
    'Application.Read.All': '9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30',
    'Application.ReadWrite.All': '1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9',
    'Application.ReadWrite.OwnedBy': '18a4783c-866b-4cc7-a460-3d5e5662c884',
    'AppRoleAssignment.ReadWrite.All': '06b708a9-e830-4db3-a914-8e69da51d44f',
    'AuditLog.Read.All': 'b0afded3-3588-46d8-8b3d-9842eff778da',
    'CrossTenantInformation.ReadBasic.All': 'cac88765-0581-4025-9725-5ebc13f729ee',
    'DelegatedAdminRelationship.Read.All': 'f6e9e124-4586-492f-adc0-c6f96e4823fd',
    'DelegatedAdminRelationship.ReadWrite.All': 'cc13eba4-8cd8-44c6-b4d4-f93237adce58',
    'DelegatedPermissionGrant.ReadWrite.All': '8e8e4742-1d95-4f68-9d56-6ee75648c72a',
    'Directory.Read.All': '7ab1d382-f21e-4acd-a863-ba3e13f7da61',
    'Directory.ReadWrite.All': '19dbc75e-c2e2-444c-a770-ec69d8559fc7',
    'Domain.Read.All': 'dbb9058a-0e50-45d7-ae91-66909b5d4664',
    'Group.Read.All': '5b567255-7703-4780-807c-7be8301ae99b',
    'Group.ReadWrite.All': '62a82d76-70ea-41e2-9197-370581804d09',
    'GroupMember.Read.All': '98830695-27a2-44f7-8c18-0c3ebc9698f6',
    'Organization.Read.All': '498476ce-e0fe-48b0-b801-37ba7e2685c6',
    'Policy.Read.All': '246dd0d5-5bd0-4def-940b-0421030a5b68',
    'Reports.Read.All': '230c1aed-a721-4c5d-9cb4-a90514e508ef',
    'RoleManagement.Read.Directory': '483bed4a-2ad3-4361-a73b-c83ccdbdc53c',
    'SecurityEvents.Read.All': 'bf394140-e372-4bf9-a898-299cfc7564e5',
    'User.Read.All': 'df021288-bdef-4463-88db-98f22de89214',
    'User.ReadWrite.All': '741f803b-c850-494e-b5df-cde7c675a1ca',
    'User.RevokeSessions.All': '77f3a031-c388-4f99-b373-dc68676a979e',
    'UserAuthenticationMethod.Read.All': '38d9df27-64da-44fd-b7c5-a6fbac20248f',
  },
};

export const aadGraphPermissions: PermissionTable = {
  scopes: {
    'Directory.AccessAsUser.All': 'a42657d6-7f20-40e3-b6f0-cee03008a62a',
    'Directory.Read.All': '5778995a-e1bf-45b8-affa-663a9f3f4d04',
    'User.Read': '311a71cc-e848-46a1-bdf8-97ff7156d8e6',
  },
  roles: { 'Directory.Read.All': '5778995a-e1bf-45b8-affa-663a9f3f4d04' },
};

export const exchangePermissions: PermissionTable = {
  scopes: { 'Exchange.Manage': 'ab4f2b77-0b06-4fc1-a9de-02113fc2ab7c' },
  roles: { 'Exchange.ManageAsApp': 'dc50a0fb-09a3-484d-be87-e023b12c6440' },
};

/** The permissions of a resource whose only permission is `user_impersonation`. */
export const userImpersonation = (id: string): PermissionTable => ({ scopes: { user_impersonation: id }, roles: {} });
