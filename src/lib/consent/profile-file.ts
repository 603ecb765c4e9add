import * as z from 'zod';
import { BrokerError, SetupError, toBrokerError } from '../core/errors.ts';
import { parseGuid } from '../core/identifiers.ts';
import { parseJson } from '../core/outbound.ts';
import type { GraphClient } from '../microsoft/graph.ts';
import { type JsonObject, objectsIn, textOf } from '../core/objects.ts';
import { firstOf, permissionKey, type RegisteredApplication } from './directory-state.ts';
import {
  type Permission,
  type PermissionProfile,
  profileNames,
  profiles,
  requiredResourceAccess,
  type ResourcePermissions,
} from './permissions.ts';

const names = z.array(z.string().min(1)).default([]);

/** Permissions of one resource by value or id. */
const namedPermissions = z.strictObject({
  appId: z.string().transform((text, context) => {
    const id = parseGuid(text);
    if (id !== undefined) return id;
    context.addIssue({ code: 'custom', message: 'is not a GUID' });
    return z.NEVER;
  }),
  scopes: names,
  roles: names,
});
type NamedPermissions = z.output<typeof namedPermissions>;

/** A profile file lists permissions per resource. docs/permissions.md has an example. */
const profileFileSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be lower case letters, digits and hyphens'),
  resources: z.array(namedPermissions).min(1, 'names no resource'),
});

/**
 * Reads a profile from a file. Looks up every permission at the service principal of its resource, so that a misspelt one
 * is found before anything is changed.
 * @throws BrokerError config_invalid that names the wrong field or permission.
 */
export async function readProfile(graph: GraphClient, text: string, where: string): Promise<PermissionProfile> {
  const value = parseJson(text);
  if (value === undefined) throw new BrokerError('config_invalid', `${where}: is not JSON.`);
  const parsed = profileFileSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const problem = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is wrong'}`;
    throw new BrokerError('config_invalid', `${where}: ${problem}.`);
  }
  return { name: parsed.data.name, resources: await lookUpPermissions(graph, parsed.data.resources, where) };
}

/**
 * Looks up each permission at the service principal of its resource in the partner tenant.
 * @throws BrokerError config_invalid that names the missing resource or permission.
 */
async function lookUpPermissions(
  graph: GraphClient,
  named: readonly NamedPermissions[],
  where: string,
): Promise<readonly ResourcePermissions[]> {
  const resources: ResourcePermissions[] = [];
  for (const { appId, scopes, roles } of named) {
    const principal = await principalOf(graph, appId, where);
    const find = (kind: string, wanted: readonly string[]) =>
      wanted.map((name) => findPermission(principal, kind, name, where));
    resources.push({
      appId,
      name: textOf(principal, 'displayName') ?? appId,
      scopes: find('oauth2PermissionScopes', scopes),
      roles: find('appRoles', roles),
    });
  }
  return resources;
}

async function principalOf(graph: GraphClient, appId: string, where: string): Promise<JsonObject> {
  const path = `/servicePrincipals?$filter=appId eq '${appId}'&$select=id,appId,displayName,appRoles,oauth2PermissionScopes`;
  const principal = await firstOf(graph, path);
  if (principal !== undefined) return principal;
  throw new BrokerError('config_invalid', `${where}: no service principal in the partner tenant has the id ${appId}.`);
}

function findPermission(principal: JsonObject, kind: string, name: string, where: string): Permission {
  for (const item of objectsIn(principal[kind])) {
    const [id, value] = [textOf(item, 'id'), textOf(item, 'value')];
    if (id !== undefined && value !== undefined && (value === name || id === name.toLowerCase()))
      return { id, value, reason: `Requested by ${where}.` };
  }
  const resource = textOf(principal, 'displayName') ?? 'the resource';
  const permission = kind === 'appRoles' ? 'application permission' : 'delegated permission';
  throw new BrokerError('config_invalid', `${where}: ${resource} has no ${permission} "${name}".`);
}

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
