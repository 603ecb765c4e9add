import { InvalidArgumentError } from 'commander';
import { aliasByName, builtInResources } from '../../lib/core/resources.ts';
import { didYouMean } from '../../lib/core/text.ts';

/** The resources that a child may get tokens for: by identifier, without a trailing slash and in lower case, the alias. */
export type ResourceAliases = ReadonlyMap<string, string>;

const normal = (identifier: string): string => identifier.toLowerCase().replace(/\/$/, '');

/**
 * Adds a resource of the command line: an alias that the product knows, or ALIAS=IDENTIFIER for one of the setting
 * RESOURCES.
 * @throws InvalidArgumentError for an unknown alias.
 */
export function addResource(text: string, before: ResourceAliases = new Map()): ResourceAliases {
  const [, alias = text, given] = /^([A-Za-z][A-Za-z0-9-]*)=(.+)$/.exec(text) ?? [];
  // In all clouds: the broker knows its own, and issues only tokens of that.
  const known = [...aliasByName].flatMap(([name, owner]) => (owner === alias ? [name] : []));
  const names = Object.keys(builtInResources);
  const identifiers = given === undefined ? known : [given];
  if (identifiers.length === 0)
    throw new InvalidArgumentError(
      `The resource ${alias} is not one of ${names.join(', ')}${didYouMean(alias, names) || '.'} For one of the setting RESOURCES, give ALIAS=IDENTIFIER.`,
    );
  return new Map([...before, ...identifiers.map((identifier): [string, string] => [normal(identifier), alias])]);
}

/** The alias of a resource as a client names it, or undefined if the child may not have it. */
export const aliasOf = (aliases: ResourceAliases, identifier: string): string | undefined =>
  aliases.get(normal(identifier.replace(/\/\.default$/, '')));
