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
    userImpersonation('e60370c1-e451-437e-aa6e-d76df38e5f15'),
  ),
  resource('fc780465-2017-40d4-a0c5-307022471b92', 'WindowsDefenderATP', ['https://api.securitycenter.microsoft.com'], {
    scopes: {
      'Alert.Read': 'b2069dc0-9fe9-4e6d-9aca-ccf3dd503819',
      'Machine.Read': 'fbd3d33a-b1f5-4573-906c-51b39682fbcf',
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
    scopes: { 'AllSites.FullControl': '56680e0d-d2a3-4ae1-80d8-3c4f2100e3d0' },
    roles: { 'Sites.FullControl.All': '678536fe-1083-478a-9c59-b99265e6b0d3' },
  }),
  resource('aeb86249-8ea3-49e2-900b-54cc8e308f85', 'M365 License Manager', [], {
    scopes: { 'LicenseManager.AccessAsUser': 'fc946a4f-bc4d-413b-a090-b2c86113ec4f' },
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
