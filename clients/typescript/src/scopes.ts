/** URL or identifier of a resource, without trailing slash → alias in the broker. */
export type ResourceNames = Readonly<Record<string, string>>;

/** The built-in resources of the broker by address in Microsoft's three clouds and by application id. */
export const standardResources: ResourceNames = {
  'https://graph.microsoft.com': 'graph',
  'https://graph.microsoft.us': 'graph',
  'https://microsoftgraph.chinacloudapi.cn': 'graph',
  '00000003-0000-0000-c000-000000000000': 'graph',
  'https://graph.windows.net': 'aad-graph',
  'https://graph.microsoftazure.us': 'aad-graph',
  'https://graph.chinacloudapi.cn': 'aad-graph',
  '00000002-0000-0000-c000-000000000000': 'aad-graph',
  'https://api.partnercenter.microsoft.com': 'partner-center',
  'https://partner.partnercenterapi.microsoftonline.cn': 'partner-center',
  'fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd': 'partner-center',
  'https://outlook.office365.com': 'exchange',
  'https://outlook.office365.us': 'exchange',
  'https://partner.outlook.cn': 'exchange',
  'https://outlook.office.com': 'exchange',
  '00000002-0000-0ff1-ce00-000000000000': 'exchange',
  'https://management.azure.com': 'arm',
  'https://management.usgovcloudapi.net': 'arm',
  'https://management.chinacloudapi.cn': 'arm',
  'https://management.core.windows.net': 'arm',
  'https://management.core.usgovcloudapi.net': 'arm',
  'https://management.core.chinacloudapi.cn': 'arm',
  '797f4846-ba00-4fd7-ba43-dac1f8f63013': 'arm',
  'https://manage.office.com': 'office-management',
  'c5393580-f805-4401-95e8-94b7a6ef2fc2': 'office-management',
  'https://api.securitycenter.microsoft.com': 'defender',
  'fc780465-2017-40d4-a0c5-307022471b92': 'defender',
  '48ac35b8-9aa8-4d74-927d-1f4a14a0b239': 'teams',
  'https://ps.compliance.protection.outlook.com': 'compliance',
};

/** Resource and scopes of a token request. */
export interface Order {
  readonly resource: string;
  /** Scope names without the resource. Empty requests all consented scopes (`/.default`). */
  readonly scopes: readonly string[];
}

/** Scopes of the sign-in protocol, which SDKs may add. They belong to no resource. */
const signInScopes = new Set(['openid', 'profile', 'email', 'offline_access']);

/**
 * Translates scopes in the form of the Azure and Graph SDKs: `https://graph.microsoft.com/.default`,
 * `https://graph.microsoft.com/User.Read`, or `User.Read`, which means Microsoft Graph as it does in Entra.
 * @throws TypeError for no scope, for scopes of several resources, or for an unknown resource.
 */
export function parseScopes(scopes: string | readonly string[], resources: ResourceNames): Order {
  const parts = (typeof scopes === 'string' ? [scopes] : scopes)
    .flatMap((scope) => scope.split(' '))
    .filter((scope) => scope !== '' && !signInScopes.has(scope))
    .map((scope) => split(scope, resources));
  const [first] = parts;
  if (first === undefined) throw new TypeError('No scope was requested.');
  if (parts.some(({ resource }) => resource !== first.resource)) {
    throw new TypeError('The scopes belong to several resources. Request a token for one resource at a time.');
  }
  const names = parts.map(({ name }) => name).filter((name) => name !== '.default');
  return { resource: first.resource, scopes: [...new Set(names)].toSorted() };
}

function split(scope: string, resources: ResourceNames): { readonly resource: string; readonly name: string } {
  const cut = scope.lastIndexOf('/');
  if (cut === -1) return { resource: 'graph', name: scope };
  // The identifier of Azure Resource Manager ends with a slash, so its scope contains two.
  const identifier = scope.slice(0, cut).replace(/\/+$/, '').toLowerCase();
  const resource = resources[identifier];
  if (resource !== undefined) return { resource, name: scope.slice(cut + 1) };
  throw new TypeError(
    `The scope "${scope}" belongs to an unknown resource. Map it to its alias in the broker with the option resources: { "${identifier}": "ALIAS" }.`,
  );
}
