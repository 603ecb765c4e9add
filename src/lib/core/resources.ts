import { BrokerError } from './errors.ts';
import type { Resource } from './secrets.ts';

/**
 * The hosts of the Microsoft clouds. Sources: "National clouds" (Microsoft identity platform documentation),
 * "Microsoft Graph national cloud deployments", Partner Center "Secure application model" for the China authority.
 */

export const cloudNames = ['public', 'usgovernment', 'china'] as const;
export type CloudName = (typeof cloudNames)[number];

/** Base addresses for requests, without a trailing slash. */
export interface CloudEndpoints {
  /** Base of the authorities. `/{tenant}` follows. */
  readonly entra: string;
  readonly graph: string;
  readonly aadGraph: string;
  readonly partnerCenter: string;
  readonly exchange: string;
  readonly arm: string;
}

/** The resource identifiers in Entra: prefix of scopes, and audience of version 1.0 tokens. Without a trailing slash. */
interface CloudResources {
  readonly graph: string;
  readonly 'aad-graph': string;
  readonly exchange: string;
  readonly 'partner-center': string;
  readonly arm: string;
}

/**
 * Resources that callers and jobs use and the broker itself does not. Sources: "Office 365 Management Activity API
 * reference", "Use Microsoft Defender for Endpoint APIs" (which still wants tokens for this address), and for Teams and
 * compliance the modules MicrosoftTeams and ExchangeOnlineManagement. Only the identifiers of the public cloud are known.
 */
interface FurtherResources {
  readonly 'office-management'?: string;
  readonly defender?: string;
  /** Teams administration has no address in Entra, only an application id. */
  readonly teams?: string;
  readonly compliance?: string;
}

export interface Cloud {
  readonly name: CloudName;
  readonly endpoints: CloudEndpoints;
  readonly resources: CloudResources;
  readonly furtherResources: FurtherResources;
  /** The audience of a federated credential's assertion ("Configure an application to trust a managed identity"). */
  readonly federationAudience: string;
  /** The suffix after `ACCOUNT.blob.` and `ACCOUNT.table.` ("Azure Government endpoints", "Azure China developer guide"). */
  readonly storageSuffix: string;
}

/** In Microsoft's clouds, the identifier of a resource is the address of its API. */
function cloud(
  name: CloudName,
  endpoints: CloudEndpoints,
  {
    furtherResources = {},
    ...names
  }: Pick<Cloud, 'federationAudience' | 'storageSuffix'> & Partial<Pick<Cloud, 'furtherResources'>>,
): Cloud {
  return {
    ...names,
    furtherResources,
    name,
    endpoints,
    resources: {
      graph: endpoints.graph,
      'aad-graph': endpoints.aadGraph,
      exchange: endpoints.exchange,
      'partner-center': endpoints.partnerCenter,
      arm: endpoints.arm,
    },
  };
}

export const clouds: Readonly<Record<CloudName, Cloud>> = {
  public: cloud(
    'public',
    {
      entra: 'https://login.microsoftonline.com',
      graph: 'https://graph.microsoft.com',
      aadGraph: 'https://graph.windows.net',
      partnerCenter: 'https://api.partnercenter.microsoft.com',
      exchange: 'https://outlook.office365.com',
      arm: 'https://management.azure.com',
    },
    {
      federationAudience: 'api://AzureADTokenExchange',
      storageSuffix: 'core.windows.net',
      furtherResources: {
        'office-management': 'https://manage.office.com',
        defender: 'https://api.securitycenter.microsoft.com',
        teams: '48ac35b8-9aa8-4d74-927d-1f4a14a0b239',
        compliance: 'https://ps.compliance.protection.outlook.com',
      },
    },
  ),
  usgovernment: cloud(
    'usgovernment',
    {
      entra: 'https://login.microsoftonline.us',
      graph: 'https://graph.microsoft.us',
      aadGraph: 'https://graph.microsoftazure.us',
      partnerCenter: 'https://api.partnercenter.microsoft.com',
      exchange: 'https://outlook.office365.us',
      arm: 'https://management.usgovcloudapi.net',
    },
    { federationAudience: 'api://AzureADTokenExchangeUSGov', storageSuffix: 'core.usgovcloudapi.net' },
  ),
  china: cloud(
    'china',
    {
      entra: 'https://login.partner.microsoftonline.cn',
      graph: 'https://microsoftgraph.chinacloudapi.cn',
      aadGraph: 'https://graph.chinacloudapi.cn',
      partnerCenter: 'https://partner.partnercenterapi.microsoftonline.cn',
      exchange: 'https://partner.outlook.cn',
      arm: 'https://management.chinacloudapi.cn',
    },
    { federationAudience: 'api://AzureADTokenExchangeChina', storageSuffix: 'core.chinacloudapi.cn' },
  ),
};

/** The cloud with some addresses replaced, for the simulated cloud, a proxy or a private link. */
export function withEndpoints(base: Cloud, replaced: Partial<CloudEndpoints>): Cloud {
  return { ...base, endpoints: { ...base.endpoints, ...replaced } };
}

/** The resources for which tokens can be requested, by alias. */
export interface ResourceRegistry {
  /** @throws BrokerError resource_not_allowed for an alias that is not configured. */
  get(alias: string): Resource;
  list(): readonly Resource[];
}

/** "Azure AD Graph retirement": deprecated on 2020-06-30, ended on 2025-08-31. */
const aadGraphRetired = { deprecatedAtMs: Date.UTC(2020, 5, 30), sunsetAtMs: Date.UTC(2025, 7, 31) };

/**
 * The resources of the cloud and those of RESOURCES, which may give another identifier to a resource that the broker
 * itself does not use.
 * @throws BrokerError config_invalid if an added alias is already taken.
 */
export function createResourceRegistry(
  cloud: Cloud,
  added: readonly (readonly [alias: string, identifier: string, applicationId?: string])[],
): ResourceRegistry {
  const resources = new Map<string, Resource>();
  for (const [alias, identifier] of Object.entries(cloud.resources) as [string, string][]) {
    resources.set(alias, { alias, identifier, ...(alias === 'aad-graph' ? { retired: aadGraphRetired } : {}) });
  }
  const taken = new Set(resources.keys());
  for (const [alias, identifier] of Object.entries(cloud.furtherResources) as [string, string][]) {
    resources.set(alias, { alias, identifier });
  }
  for (const [index, [alias, identifier]] of added.entries()) {
    // Names only the position, because /api/health is public.
    if (taken.has(alias))
      throw new BrokerError('config_invalid', `RESOURCES: entry ${index + 1} has an alias that is taken.`);
    taken.add(alias);
    resources.set(alias, { alias, identifier });
  }
  return {
    get: (alias) => {
      const resource = resources.get(alias);
      if (resource) return resource;
      throw new BrokerError(
        'resource_not_allowed',
        `The configured resources are ${[...resources.keys()].join(', ')}.`,
      );
    },
    list: () => [...resources.values()],
  };
}
