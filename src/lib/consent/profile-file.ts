import * as z from 'zod';
import { BrokerError, SetupError, toBrokerError } from '../core/errors.ts';
import { parseGuid } from '../core/identifiers.ts';
import { parseJson } from '../core/outbound.ts';
import type { GraphClient } from '../microsoft/graph.ts';
import { asObject, type JsonObject, objectsIn, textOf } from '../core/objects.ts';
import { closest } from '../core/text.ts';
import { firstOf, permissionKey, type RegisteredApplication } from './directory-state.ts';
import {
  type Permission,
  type PermissionProfile,
  profileNames,
  profiles,
  requiredResourceAccess,
  type ResourcePermissions,
} from './permissions.ts';

/** A permission as a file names it. */
interface NamedPermission {
  /** Its value in a token, or its id. */
  readonly name: string;
  /** The value that the file states beside an id. */
  readonly value?: string | undefined;
}

interface NamedPermissions {
  readonly appId: string;
  readonly scopes: readonly NamedPermission[];
  readonly roles: readonly NamedPermission[];
}

const guid = z.string().transform((text, context) => {
  const id = parseGuid(text);
  if (id !== undefined) return id;
  context.addIssue({ code: 'custom', message: 'is not a GUID' });
  return z.NEVER;
});
const names = z
  .array(
    z
      .string()
      .min(1)
      .transform((name): NamedPermission => ({ name })),
  )
  .default([]);

/** A profile file lists permissions per resource. docs/permissions.md has an example. */
const profileFileSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be lower case letters, digits and hyphens'),
  resources: z.array(z.strictObject({ appId: guid, scopes: names, roles: names })).min(1, 'names no resource'),
});

/**
 * `requiredResourceAccess` of an application manifest ("requiredResourceAccess resource type"). Published lists state the
 * value beside the id, or have it for the id.
 */
const requiredAccessSchema = z
  .array(
    z.object({
      resourceAppId: guid,
      resourceAccess: z.array(
        z.object({ id: z.string().min(1), type: z.enum(['Scope', 'Role']), value: z.string().min(1).optional() }),
      ),
    }),
  )
  .min(1, 'names no resource');

/**
 * Reads permissions from a profile file, an application manifest, or its `requiredResourceAccess` alone. Looks up every
 * permission at the service principal of its resource, so that a wrong one is found before anything is changed.
 * @throws BrokerError config_invalid that names the wrong field, or every wrong permission.
 */
export async function readProfile(graph: GraphClient, text: string, where: string): Promise<PermissionProfile> {
  const value = parseJson(text);
  if (value === undefined) throw new BrokerError('config_invalid', `${where}: is not JSON.`);
  const list = Array.isArray(value) ? value : asObject(value)['requiredResourceAccess'];
  if (list === undefined) {
    const { name, resources } = parsed(profileFileSchema, value, where);
    return { name, resources: await lookUpPermissions(graph, resources, where) };
  }
  const resources = parsed(requiredAccessSchema, list, where).map(({ resourceAppId, resourceAccess }) => {
    const named = (kind: string) =>
      resourceAccess.flatMap(({ id, type, value: stated }) => (type === kind ? [{ name: id, value: stated }] : []));
    return { appId: resourceAppId, scopes: named('Scope'), roles: named('Role') };
  });
  return { name: where, resources: await lookUpPermissions(graph, resources, where) };
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  const path = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  throw new BrokerError('config_invalid', `${where}: ${path}${issue?.message ?? 'is wrong'}.`);
}

/**
 * Looks up each permission at the service principal of its resource in the partner tenant.
 * @throws BrokerError config_invalid that names each missing resource and permission.
 */
async function lookUpPermissions(
  graph: GraphClient,
  named: readonly NamedPermissions[],
  where: string,
): Promise<readonly ResourcePermissions[]> {
  const resources: ResourcePermissions[] = [];
  const problems: string[] = [];
  for (const appId of new Set(named.map((each) => each.appId))) {
    const path = `/servicePrincipals?$filter=appId eq '${appId}'&$select=id,appId,displayName,appRoles,oauth2PermissionScopes`;
    const principal = await firstOf(graph, path);
    if (principal === undefined) {
      problems.push(
        `no service principal in the partner tenant has the id ${appId}: create it with \`az ad sp create --id ${appId}\`, or leave the resource out.`,
      );
      continue;
    }
    const name = textOf(principal, 'displayName');
    const find = (kind: Kind): readonly Permission[] => {
      const found = new Map<string, Permission>();
      for (const permission of named.flatMap((each) => (each.appId === appId ? each[kind] : []))) {
        const match = matchOf(principal, kind, permission);
        if (match === undefined) problems.push(`${name ?? 'the resource'} ${missing(principal, kind, permission)}`);
        else found.set(match.id, { ...match, reason: `Requested by ${where}.` });
      }
      return [...found.values()];
    };
    resources.push({ appId, name: name ?? appId, scopes: find('scopes'), roles: find('roles') });
  }
  if (problems.length > 0) throw new BrokerError('config_invalid', `${where}: ${problems.join(' ')}`);
  return resources;
}

type Kind = 'scopes' | 'roles';

const kinds = {
  scopes: { list: 'oauth2PermissionScopes', text: 'delegated permission', other: 'roles' },
  roles: { list: 'appRoles', text: 'application permission', other: 'scopes' },
} as const;

const published = (principal: JsonObject, kind: Kind): readonly Pick<Permission, 'id' | 'value'>[] =>
  objectsIn(principal[kinds[kind].list]).flatMap((item) => {
    const [id, value] = [textOf(item, 'id'), textOf(item, 'value')];
    return id === undefined || value === undefined ? [] : [{ id, value }];
  });

/** What the resource publishes under this name. A value that is stated beside an id has to be that of the id. */
const matchOf = (principal: JsonObject, kind: Kind, { name, value }: NamedPermission) =>
  published(principal, kind).find(
    (each) => (each.value === name || each.id === name.toLowerCase()) && (value === undefined || each.value === value),
  );

/** Says that a permission is missing, and which one was probably meant. */
function missing(principal: JsonObject, kind: Kind, named: NamedPermission): string {
  const { text, other } = kinds[kind];
  const own = published(principal, kind);
  const written = named.value ?? named.name;
  const value = closest(
    written,
    own.map((each) => each.value),
  );
  // Ids that differ in three digits at most are the same id with a typing error.
  const id = closest(
    named.name,
    own.map((each) => each.id),
    3,
  );
  const near = own.find((each) => each.value === value) ?? own.find((each) => each.id === id);
  const elsewhere = near?.value === written ? undefined : matchOf(principal, other, named);
  const meant = elsewhere ?? near;
  const what = named.value === undefined ? `"${named.name}"` : `"${named.value}" with the id ${named.name}`;
  if (meant === undefined) return `has no ${text} ${what}.`;
  const otherKind = elsewhere === undefined ? '' : `the ${kinds[other].text} `;
  return `has no ${text} ${what}; did you mean ${otherKind}"${meant.value}" (${meant.id})?`;
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
  const where = `The registration of "${displayName}", which --permissions replaces`;
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
      split.flatMap(([resource, type, id]) =>
        resource === appId && type === kind && id !== undefined ? [{ name: id }] : [],
      );
    return { appId, scopes: ids('scope'), roles: ids('role') };
  });
}
