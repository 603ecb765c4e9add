/** Address or identifier of a resource, as scopes begin → its alias with the broker. */
export type ResourceNames = Readonly<Record<string, string>>;

/** The resources that every broker knows, in Microsoft's three clouds. */
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
};

/** What the broker is asked for. */
export interface Order {
  readonly resource: string;
  /** Short names; empty: all that is consented (`/.default`). */
  readonly scopes: readonly string[];
}

/** Scopes that concern sign-in and not a resource; SDKs add them out of habit. */
const signInScopes = new Set(['openid', 'profile', 'email', 'offline_access']);

/**
 * The order that stands for a list of scopes as Azure and Graph SDKs give them: `https://graph.microsoft.com/.default`,
 * `https://graph.microsoft.com/User.Read`, or `User.Read`, which means Graph as it does with Entra.
 * @throws TypeError for scopes of several resources, of one that is not known, or for none.
 */
export function orderOf(scopes: string | readonly string[], resources: ResourceNames): Order {
  const parts = (typeof scopes === 'string' ? [scopes] : scopes)
    .flatMap((scope) => scope.split(' '))
    .filter((scope) => scope !== '' && !signInScopes.has(scope))
    .map((scope) => split(scope, resources));
  const [first] = parts;
  if (first === undefined) throw new TypeError('No scope is asked for.');
  if (parts.some(({ resource }) => resource !== first.resource)) {
    throw new TypeError('The scopes belong to several resources; a token is for one.');
  }
  const names = parts.map(({ name }) => name).filter((name) => name !== '.default');
  return { resource: first.resource, scopes: [...new Set(names)].toSorted() };
}

function split(scope: string, resources: ResourceNames): { readonly resource: string; readonly name: string } {
  const cut = scope.lastIndexOf('/');
  if (cut === -1) return { resource: 'graph', name: scope };
  // Azure Resource Manager's own name ends with a slash, and so its scope has two.
  const identifier = scope.slice(0, cut).replace(/\/+$/, '').toLowerCase();
  const resource = resources[identifier];
  if (resource !== undefined) return { resource, name: scope.slice(cut + 1) };
  throw new TypeError(
    `The scope "${scope}" belongs to no resource that is known here. Name the broker's alias for it in the option resources: { "${identifier}": "ALIAS" }.`,
  );
}
