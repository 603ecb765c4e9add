import { type Method, methods, type Opening } from 'graph-permissions/permission-map';
import type { World } from '../world.ts';
import type { Caller } from './caller.ts';
import { hasDelegatedRole } from './delegated-roles.ts';
import { rolesFor } from './graph-roles.ts';
import { neededPermissions } from './needed-permissions.ts';

/** Whether a caller may send a request to Graph. */
export type GraphAccess =
  /** `properties`: the only properties of users that the caller may read, in lower case. Undefined: all. */
  | { readonly allowed: true; readonly properties: ReadonlySet<string> | undefined }
  | { readonly allowed: false; readonly lacks: 'permission' | 'role' };

/** "Microsoft Graph permissions reference", User.ReadBasic.All. The others of a user are null, or an empty list. */
const basicUser: ReadonlySet<string> = new Set([
  'displayname',
  'givenname',
  'id',
  'mail',
  'photo',
  'securityidentifier',
  'surname',
  'userprincipalname',
]);

/**
 * Decides by the permission map, and in a customer tenant by the roles of a delegated administrator.
 * @param path without version: `/users/0a1b/memberOf`.
 * @returns undefined for a path that the map does not contain.
 */
export function graphAccess(world: World, caller: Caller, method: string, path: string): GraphAccess | undefined {
  const listed = isMethod(method) ? neededPermissions(world, method, path) : undefined;
  if (listed === undefined) return undefined;
  const openings = caller.isApplication ? listed.application : listed.delegated;
  const held = openings.filter((opening) => opens(world, caller, opening, path));
  if (held.length === 0 && !hasRightsOfUser(caller)) return { allowed: false, lacks: 'permission' };
  if (lacksRole(world, caller, { method, path, isOwn: held.length > 0 && held.every(({ own }) => own) }))
    return { allowed: false, lacks: 'role' };
  const basicOnly = held.length > 0 && held.every(({ permission }) => permission === 'User.ReadBasic.All');
  return { allowed: true, properties: basicOnly ? basicUser : undefined };
}

/**
 * Members of a directory read its applications without a role ("Default user permissions"), and its administrative units
 * ("List administrativeUnits").
 */
const readByMembers = /^\/(?:applications|servicePrincipals|directory\/administrativeUnits)(?:[/(]|$)/i;

/** In the partner's own tenant, only administrators have a role. */
function lacksRole(
  world: World,
  caller: Caller,
  { method, path, isOwn }: { readonly method: string; readonly path: string; readonly isOwn: boolean },
): boolean {
  const roles = rolesFor(method, path);
  if (!hasDelegatedRole(world, caller, roles)) return true;
  const { customer, isApplication, isAdmin } = caller;
  if (customer !== undefined || isApplication || isAdmin || roles === undefined) return false;
  return !isOwn && !(method === 'GET' && readByMembers.test(path));
}

/** Whether the permission map contains a path. @param path without version. */
export const isListed = (world: World, method: string, path: string): boolean =>
  isMethod(method) && neededPermissions(world, method, path) !== undefined;

const isMethod = (method: string): method is Method => (methods as readonly string[]).includes(method);

/** Directory.AccessAsUser.All gives a client the rights of its user. Here, only administrators have rights. */
const hasRightsOfUser = ({ permissions, isAdmin, isApplication }: Caller): boolean =>
  !isApplication && isAdmin && permissions.has('Directory.AccessAsUser.All');

function opens(world: World, caller: Caller, { permission, alsoOneOf, own }: Opening, path: string): boolean {
  if (!caller.permissions.has(permission)) return false;
  if (alsoOneOf.length > 0 && !alsoOneOf.some((name) => caller.permissions.has(name))) return false;
  return !own || isOwn(world, caller, path);
}

/** `/me`, or the caller under `/users`. A delegated administrator is no object of the customer's directory. */
function isOwn(world: World, { customer, objectId }: Caller, path: string): boolean {
  if (customer !== undefined) return false;
  const [, first = '', key = ''] =
    /^\/(\w+)(?:\/([^/]+)|\('([^']*)'\))?/.exec(path.replace(/\('([^']*)'\)/, '/$1')) ?? [];
  if (first.toLowerCase() !== 'users') return true;
  const name = world.partner.directory.users.get(objectId)?.userPrincipalName;
  return [objectId, name].includes(key.toLowerCase());
}
