import {
  aadGraphPermissions,
  exchangePermissions,
  graphPermissions,
  type PermissionTable,
  userImpersonation,
} from './microsoft-permissions.ts';

/** One of Microsoft's own APIs. */
export interface MicrosoftResource {
  readonly appId: string;
  readonly displayName: string;
  /** Identifiers that token requests use beside the application id, without a trailing slash. */
  readonly identifiers: readonly string[];
  readonly permissions: PermissionTable;
}

const resource = (
  appId: string,
  displayName: string,
  identifiers: readonly string[],
  permissions: PermissionTable,
): MicrosoftResource => ({ appId, displayName, identifiers, permissions });

export const graphAppId = '00000003-0000-0000-c000-000000000000';
export const aadGraphAppId = '00000002-0000-0000-c000-000000000000';
export const exchangeAppId = '00000002-0000-0ff1-ce00-000000000000';
export const partnerCenterAppId = 'fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd';
export const armAppId = '797f4846-ba00-4fd7-ba43-dac1f8f63013';
const sharePointAppId = '00000003-0000-0ff1-ce00-000000000000';
export const keyVaultAppId = 'cfa8b339-82a2-471a-a3c9-0fc0be7a4093';

export const microsoftResources: readonly MicrosoftResource[] = [
  resource(graphAppId, 'Microsoft Graph', ['https://graph.microsoft.com'], graphPermissions),
  resource(aadGraphAppId, 'Windows Azure Active Directory', ['https://graph.windows.net'], aadGraphPermissions),
  resource(
    exchangeAppId,
    'Office 365 Exchange Online',
    ['https://outlook.office365.com', 'https://outlook.office.com', 'https://ps.compliance.protection.outlook.com'],
    exchangePermissions,
  ),
  resource(
    partnerCenterAppId,
    'Microsoft Partner Center',
    ['https://api.partnercenter.microsoft.com'],
    userImpersonation('1cebfa2a-fb4d-419e-b5f9-839b4383e05a'),
  ),
  resource(
    armAppId,
    'Windows Azure Service Management API',
    ['https://management.azure.com', 'https://management.core.windows.net'],
    userImpersonation('41094075-9dad-400e-a0bd-54e686782033'),
  ),
  resource(
    keyVaultAppId,
    'Azure Key Vault',
    ['https://vault.azure.net'],
    userImpersonation('f53da476-18e3-4152-8e01-aec403e6edc0'),
  ),
  resource('c5393580-f805-4401-95e8-94b7a6ef2fc2', 'Office 365 Management APIs', ['https://manage.office.com'], {
    scopes: {
      'ActivityFeed.Read': '594c1fb6-4f81-4475-ae41-0c394909246c',
      'ActivityFeed.ReadDlp': '4807a72c-ad38-4250-94c9-4eabfe26cd55',
      'ServiceHealth.Read': 'e2cea78f-e743-4d8f-a16a-75b629a038ae',
    },
    roles: {
      'ActivityFeed.Read': '594c1fb6-4f81-4475-ae41-0c394909246c',
      'ActivityFeed.ReadDlp': '4807a72c-ad38-4250-94c9-4eabfe26cd55',
      'ServiceHealth.Read': 'e2cea78f-e743-4d8f-a16a-75b629a038ae',
    },
  }),
  resource(
    '48ac35b8-9aa8-4d74-927d-1f4a14a0b239',
    'Skype and Teams Tenant Admin API',
    ['https://api.interfaces.records.teams.microsoft.com'],
    {
      scopes: {
        'MailboxSettings.Read': '0e276de4-189b-47b3-8c80-ce726cfb7671',
        'Team.ReadBasic.All': 'd326a74b-6caa-4da2-95a3-e2a64a01e18c',
        sharepoint_service: '98a74943-4bc4-416e-8028-288cf2f36197',
        user_impersonation: 'e60370c1-e451-437e-aa6e-d76df38e5f15',
      },
      roles: {},
    },
  ),
  resource('fc780465-2017-40d4-a0c5-307022471b92', 'WindowsDefenderATP', ['https://api.securitycenter.microsoft.com'], {
    scopes: {
      'Alert.Read': 'b2069dc0-9fe9-4e6d-9aca-ccf3dd503819',
      'Alert.ReadWrite': 'cbc3b413-21e6-416d-95a4-af87687efbd0',
      'File.Read.All': '8fce64a0-67c8-4e39-8f47-cac9ff7e13bb',
      'IntegrationConfiguration.ReadWrite': '7c6f6912-60e9-4fcd-bb2a-c25bc35e8c59',
      'Ip.Read.All': 'b65a97e8-c8e8-4908-b19a-f654615de1a9',
      'Machine.CollectForensics': '5eb7b9dc-cbce-4c7e-9d73-5be248260ae6',
      'Machine.Isolate': '479231ef-3b86-4933-ae6b-1fa84bba9e31',
      'Machine.LiveResponse': '25fb0c21-5877-492a-8d0c-e7893a9585cc',
      'Machine.Read': 'fbd3d33a-b1f5-4573-906c-51b39682fbcf',
      'Machine.ReadWrite': 'f6846c57-9e3c-4a65-81aa-2f5e09ff4f0b',
      'Machine.RestrictExecution': 'abddfa88-80bb-4aef-81ff-18cbf29363a9',
      'Machine.Scan': 'b4618115-647e-42a5-bd0d-0ea9878fb376',
      'Machine.StopAndQuarantine': '69e036b7-3f10-4d4c-a85e-82295629eca8',
      'RemediationTasks.Read': '19956c04-168f-4f44-b471-48c8f50dc0c8',
      'Score.Read': 'df4ed126-3a4c-460a-b0fc-67aea84fc332',
      'SecurityBaselinesAssessment.Read': 'd42e2aa1-a664-43a9-b7c6-2766d44a6687',
      'SecurityConfiguration.ReadWrite': 'bfc81a3a-4f6d-4bfe-b945-d7fe6747d2a0',
      'SecurityRecommendation.Read': '1ab96238-1253-4059-a32f-4087f20ed65d',
      'Software.Read': '5f216ada-3f51-4a22-ace5-06b198328476',
      'Url.Read.All': '42b4777c-6196-49ad-9cfc-207e73f2eb61',
      'Vulnerability.Read': '63a677ce-818c-4409-9d12-5c6d2e2a6bfe',
    },
    roles: {
      'Alert.Read.All': '71fe6b80-7034-4028-9ed8-0f316df9c3ff',
      'Machine.Read.All': 'ea8291d3-4b9a-44b5-bc3a-6cea3026dc79',
      'Vulnerability.Read.All': '41269fc5-d04d-4bfd-bce7-43a51cea049a',
    },
  }),
  // Its identifier names the tenant: https://contoso-admin.sharepoint.com.
  resource(sharePointAppId, 'Office 365 SharePoint Online', [], {
    scopes: {
      'AllSites.FullControl': '56680e0d-d2a3-4ae1-80d8-3c4f2100e3d0',
      'AllSites.Manage': 'b3f70a70-8a4b-4f95-9573-d71c496a53f4',
      'AllSites.Write': '640ddd16-e5b7-4d71-9690-3f4022699ee7',
      'MyFiles.Read': 'dd2c8d78-58e1-46d7-82dd-34d411282686',
      'MyFiles.Write': '2cfdc887-d7b4-4798-9b33-3d98d6b95dd2',
      'Sites.Search.All': '1002502a-9a71-4426-8551-69ab83452fab',
      'TermStore.ReadWrite.All': '59a198b5-0420-45a8-ae59-6da1cb640505',
    },
    roles: { 'Sites.FullControl.All': '678536fe-1083-478a-9c59-b99265e6b0d3' },
  }),
  resource('aeb86249-8ea3-49e2-900b-54cc8e308f85', 'M365 License Manager', [], {
    scopes: { 'LicenseManager.AccessAsUser': 'fc946a4f-bc4d-413b-a090-b2c86113ec4f' },
    roles: {},
  }),
  resource('00000012-0000-0000-c000-000000000000', 'Microsoft Rights Management Services', ['https://aadrm.com'], {
    scopes: { user_impersonation: 'c9c9a04d-3b66-4ca8-a00c-fca953e2afd3' },
    roles: {
      'Application.Read.All': 'e23bd57d-bfd5-4906-867f-89fb5ed8cd43',
      'Content.SuperUser': '7347eb49-7a1a-43c5-8eac-a5cd1d1c7cf0',
    },
  }),
  // Its identifier names the environment: https://contoso.crm.dynamics.com.
  resource(
    '00000007-0000-0000-c000-000000000000',
    'Dataverse',
    [],
    userImpersonation('78ce3f0f-a1ce-49c2-8cde-64b5c0896db4'),
  ),
  resource('8578e004-a5c6-46e7-913e-12f58912df43', 'Power Platform API', ['https://api.powerplatform.com'], {
    scopes: { 'Licensing.IsvContracts.Read': '9dafb9c1-c236-48b1-b142-20dcaab58675' },
    roles: {},
  }),
  resource('475226c6-020e-4fb2-8a90-7a972cbfc1d4', 'PowerApps Service', ['https://service.powerapps.com'], {
    scopes: { User: '0eb56b90-a7b5-43b5-9402-8137a8083e90' },
    roles: {},
  }),
  resource('c9a559d2-7aab-4f13-a6ed-e7e9c52aec87', 'Microsoft Forms', ['https://forms.office.com'], {
    scopes: {
      'Forms.Read': '06b7d4cf-7757-4402-b310-dfc29621dc81',
      'Forms.ReadWrite': '2b46f208-3e71-4016-b165-71b4918b527b',
      'Responses.Read.All': '67959cf5-ad1e-4b18-b9df-58fad1e7eb40',
      'Responses.ReadWrite': '17a73123-533c-4f69-a37c-be22ec00e5fe',
    },
    roles: {},
  }),
];

/**
 * Microsoft's own public clients: client id → display name. They need no registration in the tenant, no secret and, for
 * Microsoft's resources, no consent.
 */
export const publicClients: Readonly<Record<string, string>> = {
  '04b07795-8ddb-461a-bbee-02f9e1bf7b46': 'Microsoft Azure CLI',
  '1950a258-227b-4e31-a9cf-717495945fc2': 'Microsoft Azure PowerShell',
  '14d82eec-204b-4c2f-b7e8-296a70dab67e': 'Microsoft Graph Command Line Tools',
  'a0c73c16-a7e3-4564-9a95-2bdf47383716': 'Microsoft Exchange Online Remote PowerShell',
};

export const withoutTrailingSlash = (name: string): string => (name.endsWith('/') ? name.slice(0, -1) : name);

const byIdentifier = new Map<string, MicrosoftResource>();
for (const entry of microsoftResources) {
  for (const identifier of [entry.appId, ...entry.identifiers]) byIdentifier.set(identifier, entry);
}

/** @param name an identifier or application id, with or without a trailing slash. */
export function findMicrosoftResource(name: string): MicrosoftResource | undefined {
  const plain = withoutTrailingSlash(name.toLowerCase());
  return byIdentifier.get(/^https:\/\/[\w-]+\.sharepoint\.com$/.test(plain) ? sharePointAppId : plain);
}
