import { BrokerError } from './errors.ts';
import { parseGuid } from './identifiers.ts';
import type { Resource } from './secrets.ts';
import { didYouMean } from './text.ts';

export const cloudNames = ['public', 'usgovernment', 'china'] as const;
export type CloudName = (typeof cloudNames)[number];

/** What the product knows of a resource. A resource without one of these facts does not compile. */
export type ResourceFacts = {
  /** Version 2.0 tokens have it as `aud`. */
  readonly applicationId: string;
  /** Older addresses by which clients ask for the resource, and which tokens for it may have as `aud`. */
  readonly olderNames: readonly string[];
  /** Further values of `aud` that tokens for the resource may have. */
  readonly otherAudiences: readonly string[];
  /**
   * What decides which requests the gateway sends: the permission map, or `requests` of the rule alone. `cmdlets`: `requests`
   * as well, and requests name their tenant and cmdlet as those of Exchange do.
   */
  readonly judgedBy: 'permissions' | 'requests' | 'cmdlets';
  /** When Microsoft deprecated the resource (RFC 9745), and when it ended (RFC 8594). */
  readonly retired: Resource['retired'];
} & (UsedByBroker | UsedByOthers);

interface UsedByBroker {
  /** The name of its address in CLOUD_ENDPOINTS. */
  readonly endpoint: string;
  /** By cloud, its identifier in Entra: prefix of scopes, and `aud` of version 1.0 tokens. Without a trailing slash. */
  readonly identifiers: Readonly<Record<CloudName, string>>;
}

/** A resource that only callers and jobs use. RESOURCES may give its alias another identifier. */
interface UsedByOthers {
  readonly endpoint: undefined;
  /** Undefined: not known in that cloud. */
  readonly identifiers: Readonly<Record<CloudName, string | undefined>>;
}

/** A resource that has one name in each cloud and is in service. */
const ordinary = { olderNames: [], otherAudiences: [], retired: undefined } as const;
const publicOnly = { usgovernment: undefined, china: undefined };

/**
 * The resources that the product knows, by alias. Everything else that knows resources derives from this table or is compared
 * with it by a test. In Microsoft's clouds, the identifier of a resource that the broker uses is the address of its API.
 *
 * Sources: "National clouds" (Microsoft identity platform documentation), "Microsoft Graph national cloud deployments",
 * "Azure AD Graph retirement", "Office 365 Management Activity API reference", "Use Microsoft Defender for Endpoint APIs"
 * (which still wants tokens for this address), and for Teams and compliance the modules MicrosoftTeams and
 * ExchangeOnlineManagement.
 */
export const builtInResources = {
  graph: {
    ...ordinary,
    applicationId: '00000003-0000-0000-c000-000000000000',
    endpoint: 'graph',
    identifiers: {
      public: 'https://graph.microsoft.com',
      usgovernment: 'https://graph.microsoft.us',
      china: 'https://microsoftgraph.chinacloudapi.cn',
    },
    judgedBy: 'permissions',
  },
  'aad-graph': {
    ...ordinary,
    applicationId: '00000002-0000-0000-c000-000000000000',
    endpoint: 'aadGraph',
    identifiers: {
      public: 'https://graph.windows.net',
      usgovernment: 'https://graph.microsoftazure.us',
      china: 'https://graph.chinacloudapi.cn',
    },
    judgedBy: 'requests',
    retired: { deprecatedAtMs: Date.UTC(2020, 5, 30), sunsetAtMs: Date.UTC(2025, 7, 31) },
  },
  'partner-center': {
    ...ordinary,
    applicationId: 'fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd',
    endpoint: 'partnerCenter',
    identifiers: {
      public: 'https://api.partnercenter.microsoft.com',
      usgovernment: 'https://api.partnercenter.microsoft.com',
      china: 'https://partner.partnercenterapi.microsoftonline.cn',
    },
    judgedBy: 'requests',
  },
  exchange: {
    ...ordinary,
    applicationId: '00000002-0000-0ff1-ce00-000000000000',
    endpoint: 'exchange',
    identifiers: {
      public: 'https://outlook.office365.com',
      usgovernment: 'https://outlook.office365.us',
      china: 'https://partner.outlook.cn',
    },
    olderNames: ['https://outlook.office.com'],
    otherAudiences: ['https://ps.outlook.com'],
    judgedBy: 'cmdlets',
  },
  arm: {
    ...ordinary,
    applicationId: '797f4846-ba00-4fd7-ba43-dac1f8f63013',
    endpoint: 'arm',
    identifiers: {
      public: 'https://management.azure.com',
      usgovernment: 'https://management.usgovcloudapi.net',
      china: 'https://management.chinacloudapi.cn',
    },
    // The classic management API, by which Az for PowerShell and the Azure CLI ask for Azure Resource Manager.
    olderNames: [
      'https://management.core.windows.net',
      'https://management.core.usgovcloudapi.net',
      'https://management.core.chinacloudapi.cn',
    ],
    judgedBy: 'requests',
  },
  'office-management': {
    ...ordinary,
    applicationId: 'c5393580-f805-4401-95e8-94b7a6ef2fc2',
    endpoint: undefined,
    identifiers: { public: 'https://manage.office.com', ...publicOnly },
    judgedBy: 'requests',
  },
  defender: {
    ...ordinary,
    applicationId: 'fc780465-2017-40d4-a0c5-307022471b92',
    endpoint: undefined,
    identifiers: { public: 'https://api.securitycenter.microsoft.com', ...publicOnly },
    otherAudiences: ['https://api.security.microsoft.com'],
    judgedBy: 'requests',
  },
  teams: {
    ...ordinary,
    applicationId: '48ac35b8-9aa8-4d74-927d-1f4a14a0b239',
    endpoint: undefined,
    // Teams administration has no address in Entra, only an application id.
    identifiers: { public: '48ac35b8-9aa8-4d74-927d-1f4a14a0b239', ...publicOnly },
    judgedBy: 'requests',
  },
  compliance: {
    ...ordinary,
    // That of Exchange Online, which serves both addresses.
    applicationId: '00000002-0000-0ff1-ce00-000000000000',
    endpoint: undefined,
    identifiers: { public: 'https://ps.compliance.protection.outlook.com', ...publicOnly },
    judgedBy: 'cmdlets',
  },
} as const satisfies Readonly<Record<string, ResourceFacts>>;

type BuiltIn = typeof builtInResources;
type Alias = keyof BuiltIn;
type UsedAlias = { [A in Alias]: BuiltIn[A]['endpoint'] extends string ? A : never }[Alias];
type EndpointName = 'entra' | BuiltIn[UsedAlias]['endpoint'];

const facts: ReadonlyMap<string, BuiltIn[Alias]> = new Map(Object.entries(builtInResources));

/** The facts of a resource. Undefined for an alias that only RESOURCES has. */
export const factsOf = (alias: string): BuiltIn[Alias] | undefined => facts.get(alias);

/** What decides which requests to a resource the gateway sends. */
export const judgedBy = (alias: string): ResourceFacts['judgedBy'] => factsOf(alias)?.judgedBy ?? 'requests';

/** The names of addresses in CLOUD_ENDPOINTS. */
export const endpointNames: readonly EndpointName[] = [
  'entra',
  ...[...facts.values()].flatMap(({ endpoint }) => endpoint ?? []),
];

/** Base addresses for requests, without a trailing slash. `/{tenant}` follows the one of `entra`. */
export type CloudEndpoints = Readonly<Record<EndpointName, string>> & {
  /** The DNS server to ask, `dns://ADDRESS:PORT` (RFC 4501). Absent: those of the machine. */
  readonly dns?: string;
};

export interface Cloud {
  readonly name: CloudName;
  readonly endpoints: CloudEndpoints;
  /** The identifiers of resources in Entra by alias, without a trailing slash. */
  readonly resources: Readonly<Record<UsedAlias, string> & Partial<Record<Alias, string>>>;
  /** The audience of a federated credential's assertion ("Configure an application to trust a managed identity"). */
  readonly federationAudience: string;
  /** The suffix after `ACCOUNT.blob.` and `ACCOUNT.table.` ("Azure Government endpoints", "Azure China developer guide"). */
  readonly storageSuffix: string;
}

/** The identifiers in the clouds where they are known. */
const definedIn = (identifiers: ResourceFacts['identifiers']): readonly string[] =>
  Object.values(identifiers).filter((identifier) => identifier !== undefined);

function cloud(
  name: CloudName,
  { entra, ...names }: Pick<Cloud, 'federationAudience' | 'storageSuffix'> & Pick<CloudEndpoints, 'entra'>,
): Cloud {
  const known = [...facts].filter(([, { identifiers }]) => identifiers[name] !== undefined);
  const addresses = known.map(([, { endpoint, identifiers }]) => [endpoint, identifiers[name]]);
  return {
    ...names,
    name,
    endpoints: Object.fromEntries([['entra', entra], ...addresses.filter(([endpoint]) => endpoint)]) as CloudEndpoints,
    resources: Object.fromEntries(
      known.map(([alias, { identifiers }]) => [alias, identifiers[name]]),
    ) as Cloud['resources'],
  };
}

/** The Microsoft clouds. Source of the authority in China: Partner Center "Secure application model". */
export const clouds: Readonly<Record<CloudName, Cloud>> = {
  public: cloud('public', {
    entra: 'https://login.microsoftonline.com',
    federationAudience: 'api://AzureADTokenExchange',
    storageSuffix: 'core.windows.net',
  }),
  usgovernment: cloud('usgovernment', {
    entra: 'https://login.microsoftonline.us',
    federationAudience: 'api://AzureADTokenExchangeUSGov',
    storageSuffix: 'core.usgovcloudapi.net',
  }),
  china: cloud('china', {
    entra: 'https://login.partner.microsoftonline.cn',
    federationAudience: 'api://AzureADTokenExchangeChina',
    storageSuffix: 'core.chinacloudapi.cn',
  }),
};

/** Host of Microsoft Graph in the public cloud, for requests that are judged without the settings of a broker. */
export const publicGraphHost = new URL(clouds.public.resources.graph).host;

/** A path at Microsoft Graph with its version: `v1.0`, unless the path names one. Pure. */
export function graphPath(path: string): string {
  const rest = path.replace(/^\/+/, '');
  return `/${/^(?:v1\.0|beta)(?:[/?]|$)/i.test(rest) ? rest : `v1.0/${rest}`}`;
}

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
  const taken = new Set<string>();
  for (const [alias, identifier] of Object.entries(cloud.resources)) {
    const { endpoint, retired } = factsOf(alias) ?? {};
    resources.set(alias, { alias, identifier, ...(retired === undefined ? {} : { retired }) });
    if (endpoint !== undefined) taken.add(alias);
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
        `The resource is not configured${didYouMean(alias, [...resources.keys()]) || '.'} The configured resources are ${[...resources.keys()].join(', ')}.`,
      );
    },
    list: () => [...resources.values()],
  };
}

/** All values of `aud` by the identifier of a built-in resource in any cloud. */
const audiences: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  [...facts.values()].flatMap(({ identifiers, applicationId, olderNames, otherAudiences }) =>
    definedIn(identifiers).map((identifier) => [
      identifier,
      new Set<string>([identifier, applicationId, ...olderNames, ...otherAudiences]),
    ]),
  ),
);

/** Whether an identifier is that of a built-in resource in any cloud. */
export const isBuiltIn = (identifier: string): boolean => audiences.has(identifier);

/**
 * Whether a token with this `aud` is for the resource. Version 2.0 tokens of a resource in RESOURCES have its application
 * id, which is in its identifier (`api://GUID` or a GUID) or configured beside it.
 */
export function isAudienceOf(audience: string, identifier: string, applicationId?: string): boolean {
  const name = audience.replace(/(?<!\/)\/+$/, '');
  const known = audiences.get(identifier);
  if (known !== undefined) return known.has(name.toLowerCase());
  const id = parseGuid(applicationId ?? identifier.replace(/^api:\/\//i, ''));
  return name === identifier || (id !== undefined && [id, `api://${id}`].includes(name.toLowerCase()));
}

/**
 * The alias of a built-in resource by each name that clients ask for it: its identifiers in all clouds, older addresses and
 * application id. An application id that two resources share means the first.
 */
export const aliasByName: ReadonlyMap<string, string> = new Map(
  [...facts]
    .toReversed()
    .flatMap(([alias, { identifiers, applicationId, olderNames }]) =>
      [...definedIn(identifiers), ...olderNames, applicationId].map((name) => [name, alias]),
    ),
);
