/** URL or identifier of a resource, without trailing slash → alias in the broker. */
export type ResourceNames = Readonly<Record<string, string>>;

/** The built-in resources of the broker, in Microsoft's three clouds. */
export const standardResources: ResourceNames = {
  'https://graph.microsoft.com': 'graph',
  'https://graph.microsoft.us': 'graph',
  'https://microsoftgraph.chinacloudapi.cn': 'graph',
  'https://graph.windows.net': 'aad-graph',
  'https://graph.microsoftazure.us': 'aad-graph',
  'https://graph.chinacloudapi.cn': 'aad-graph',
  'https://outlook.office365.com': 'exchange',
  'https://outlook.office365.us': 'exchange',
  'https://partner.outlook.cn': 'exchange',
  'https://api.partnercenter.microsoft.com': 'partner-center',
  'https://partner.partnercenterapi.microsoftonline.cn': 'partner-center',
  'https://management.azure.com': 'arm',
  'https://management.core.windows.net': 'arm',
  'https://management.usgovcloudapi.net': 'arm',
  'https://management.core.usgovcloudapi.net': 'arm',
  'https://management.chinacloudapi.cn': 'arm',
  'https://management.core.chinacloudapi.cn': 'arm',
  'https://manage.office.com': 'office-management',
  'https://api.securitycenter.microsoft.com': 'defender',
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
