import { InvalidArgumentError } from 'commander';
import { clouds } from '../../lib/core/resources.ts';

/** The resources that a child may get tokens for: by identifier, without a trailing slash and in lower case, the alias. */
export type ResourceAliases = ReadonlyMap<string, string>;

/**
 * What clients call a resource besides its address: the application id, and the address of the classic management API, by
 * which Az for PowerShell and the Azure CLI ask for Azure Resource Manager.
 */
const furtherNames: ReadonlyMap<string, readonly string[]> = new Map([
  ['graph', ['00000003-0000-0000-c000-000000000000']],
  [
    'arm',
    [
      'https://management.core.windows.net',
      'https://management.core.usgovcloudapi.net',
      'https://management.core.chinacloudapi.cn',
    ],
  ],
]);

/** The identifiers of an alias in all clouds. The broker knows its cloud, and issues only tokens of that. */
const identifiersOf = (alias: string): string[] =>
  Object.values(clouds).flatMap(({ resources, furtherResources }) =>
    Object.entries({ ...resources, ...furtherResources }).flatMap(([known, identifier]) =>
      known === alias ? [identifier] : [],
    ),
  );

const normal = (identifier: string): string => identifier.toLowerCase().replace(/\/$/, '');

/**
 * Adds a resource of the command line: an alias that the product knows, or ALIAS=IDENTIFIER for one of the setting
 * RESOURCES.
 * @throws InvalidArgumentError for an unknown alias.
 */
export function addResource(text: string, before: ResourceAliases = new Map()): ResourceAliases {
  const [, alias = text, given] = /^([A-Za-z][A-Za-z0-9-]*)=(.+)$/.exec(text) ?? [];
  const known = [...identifiersOf(alias), ...(furtherNames.get(alias) ?? [])];
  const identifiers = given === undefined ? known : [given];
  if (identifiers.length === 0)
    throw new InvalidArgumentError(
      `The resource ${alias} is not one of ${Object.keys({ ...clouds.public.resources, ...clouds.public.furtherResources }).join(', ')}. For one of the setting RESOURCES, give ALIAS=IDENTIFIER.`,
    );
  return new Map([...before, ...identifiers.map((identifier): [string, string] => [normal(identifier), alias])]);
}

/** The alias of a resource as a client names it, or undefined if the child may not have it. */
export const aliasOf = (aliases: ResourceAliases, identifier: string): string | undefined =>
  aliases.get(normal(identifier.replace(/\/\.default$/, '')));
