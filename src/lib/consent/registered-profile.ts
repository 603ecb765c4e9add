import { SetupError, toBrokerError } from '../core/errors.ts';
import type { GraphClient } from '../microsoft/client.ts';
import { permissionKey, type RegisteredApplication } from './directory-state.ts';
import { type PermissionProfile, profileNames, profiles, requiredResourceAccess } from './permissions.ts';
import { lookUpPermissions, type NamedPermissions } from './profile-file.ts';

/**
 * Returns the registered permissions of an application as a profile. The application keeps them unless the operator gives
 * another profile. A built-in profile is recognized without a lookup, because the partner tenant may lack its resources.
 * @throws SetupError setup_refused for a permission that its resource does not have; what Graph answers.
 */
export async function registeredProfile(
  graph: GraphClient,
  { displayName, permissions }: Pick<RegisteredApplication, 'displayName' | 'permissions'>,
): Promise<PermissionProfile> {
  const builtIn = profileNames.find((name) => isExactly(permissions, profiles[name]));
  if (builtIn !== undefined) return profiles[builtIn];
  const where = `The registration of "${displayName}", which --profile replaces`;
  const resources = await lookUpPermissions(graph, byResource(permissions), where).catch(asSetupError);
  return { name: 'registered', resources };
}

/** The application has to be corrected, not a setting or a file. */
function asSetupError(thrown: unknown): never {
  const { code, detail } = toBrokerError(thrown);
  throw code === 'config_invalid' ? new SetupError('setup_refused', detail, { cause: thrown }) : thrown;
}

/** Whether the permissions are exactly those of the profile. */
export function isExactly(permissions: readonly string[], profile: PermissionProfile): boolean {
  const wanted = new Set(
    requiredResourceAccess(profile).flatMap(({ resourceAppId, resourceAccess }) =>
      resourceAccess.map(({ type, id }) => permissionKey(resourceAppId, type, id)),
    ),
  );
  const registered = new Set(permissions);
  return registered.size === wanted.size && [...registered].every((key) => wanted.has(key));
}

function byResource(permissions: readonly string[]): readonly NamedPermissions[] {
  const split = permissions.map((key) => key.split(' '));
  return [...new Set(split.map(([appId = '']) => appId))].map((appId) => {
    const ids = (kind: string) =>
      split.flatMap(([resource, type, id]) => (resource === appId && type === kind && id !== undefined ? [id] : []));
    return { appId, scopes: ids('scope'), roles: ids('role') };
  });
}
