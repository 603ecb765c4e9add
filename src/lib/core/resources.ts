import type { Cloud } from './clouds.ts';
import { BrokerError } from './errors.ts';
import type { Resource } from './token.ts';

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
