import { buildPermissionMap } from 'graph-permissions/build-map';
import type { Method, Opening, PermissionMap } from 'graph-permissions/permission-map';
import { isRead, onlyReads } from 'graph-permissions/reads';
import { required, type Required } from 'graph-permissions/required';
import { tableEntries } from 'graph-permissions/table';
import type { World } from '../world.ts';

/** What a page of the documentation says and the permission file has lost. */
interface Correction {
  readonly methods: string;
  readonly path: RegExp;
  /** The permission that is needed in any case, and of which others one is needed as well. */
  readonly only?: readonly [permission: string, ...alsoOneOf: string[]];
  /** Permissions that open the request too. */
  readonly more?: readonly string[];
}

/**
 * The titles of the pages are above each line. The gateway keeps to the file: there, a permission that Microsoft refuses is
 * refused by Microsoft. Here, nobody else would refuse it.
 */
const corrections: readonly Correction[] = [
  // Create conditionalAccessPolicy, Update conditionalAccessPolicy, Delete conditionalAccessPolicy; Create namedLocation …
  {
    methods: 'POST PATCH PUT DELETE',
    path: /^\/identity\/conditionalaccess\/(?:policies|namedlocations)(?:\/[^/]+)?$/,
    only: ['Policy.ReadWrite.ConditionalAccess', 'Policy.Read.All'],
  },
  // Grant an appRoleAssignment to a service principal, Grant an appRoleAssignment for a service principal
  {
    methods: 'POST',
    path: /^\/serviceprincipals\/[^/]+\/approleassign(?:ments|edto)$/,
    only: ['AppRoleAssignment.ReadWrite.All', 'Application.Read.All', 'Directory.Read.All'],
  },
  // List directoryAudits, Get directoryAudit
  {
    methods: 'GET',
    path: /^\/auditlogs\/directoryaudits(?:\/[^/]+)?$/,
    only: ['AuditLog.Read.All', 'Directory.Read.All'],
  },
  // Get organization
  {
    methods: 'GET',
    path: /^\/organization\/[^/]+$/,
    more: ['Organization.Read.All', 'Organization.ReadWrite.All', 'Directory.Read.All', 'Directory.ReadWrite.All'],
  },
  // List riskyUsers, Get riskyUser
  {
    methods: 'GET',
    path: /^\/identityprotection\/riskyusers(?:\/[^/]+)?$/,
    more: ['IdentityRiskyUser.ReadWrite.All'],
  },
];

/**
 * "Get deleted item", "Permanently delete item", "Restore deleted item": each permission is for one type of object, which a
 * path with an id does not name. So a gateway must not have these lines, and here one permission opens all types.
 */
const deletedItems = `
GET /directory/deletedItems/{id}: AdministrativeUnit.Read.All Application.Read.All Group.Read.All User.Read.All
DELETE /directory/deletedItems/{id}: AdministrativeUnit.ReadWrite.All Application.ReadWrite.All Group.ReadWrite.All User.ReadWrite.All
POST /directory/deletedItems/{id}/restore: AdministrativeUnit.ReadWrite.All Application.ReadWrite.All Group.ReadWrite.All User.DeleteRestore.All User.ReadWrite.All
`;
let deletedItemsMap: PermissionMap | undefined;

/** What only the map says of a permission. */
const unlisted = { own: false, least: false } as const;

/** "sites: getAllSites": application permissions only. The table of the permission map would take its name for an id. */
const allSites: Required = {
  delegated: [],
  application: ['Sites.Read.All', 'Sites.ReadWrite.All'].map((permission) => ({
    permission,
    alsoOneOf: [],
    ...unlisted,
  })),
};

/** Where the permission map comes from. */
type MapSource = Pick<World, 'graphPermissions'>;

function listedFor(world: MapSource, method: Method, path: string): Required | undefined {
  if (method === 'GET' && /^\/sites\/(?:microsoft\.graph\.)?getallsites(?:\(\))?$/i.test(path)) return allSites;
  const listed = required(world.graphPermissions.map(), method, path);
  if (!/^\/directory\/deleteditems\//i.test(path)) return listed;
  deletedItemsMap ??= buildPermissionMap(tableEntries(deletedItems));
  const added = required(deletedItemsMap, method, path);
  if (listed === undefined || added === undefined) return listed ?? added;
  const both = (scheme: keyof Required): readonly Opening[] => {
    const known = new Set(listed[scheme].map(({ permission }) => permission));
    return [...listed[scheme], ...added[scheme].filter(({ permission }) => !known.has(permission))];
  };
  return { delegated: both('delegated'), application: both('application') };
}

/**
 * The permissions that open a request: those of the map, without permissions that only read on writes, and with what the
 * documentation adds.
 * @param path without version: `/users/0a1b/memberOf`.
 * @returns undefined for a path that the map does not contain.
 */
export function neededPermissions(world: MapSource, method: Method, path: string): Required | undefined {
  const listed = listedFor(world, method, path);
  if (listed === undefined) return undefined;
  const plain = plainPath(path);
  const found = corrections.filter((each) => each.path.test(plain) && each.methods.split(' ').includes(method));
  const mended = (openings: readonly Opening[]): readonly Opening[] =>
    found.reduce(corrected, isRead(method, plain) ? openings : openings.filter(writes));
  return { delegated: mended(listed.delegated), application: mended(listed.application) };
}

/** A permission that only reads may be the first half of a pair whose other half writes. */
const writes = ({ permission, alsoOneOf }: Opening): boolean =>
  !onlyReads(permission) || alsoOneOf.some((other) => !onlyReads(other));

function corrected(openings: readonly Opening[], { only, more = [] }: Correction): readonly Opening[] {
  if (only !== undefined) {
    const [permission, ...alsoOneOf] = only;
    return openings.some((each) => each.permission === permission) ? [{ permission, alsoOneOf, ...unlisted }] : [];
  }
  const known = new Set(openings.map(({ permission }) => permission));
  const added = more.filter((name) => !known.has(name));
  return [...openings, ...added.map((permission): Opening => ({ permission, alsoOneOf: [], ...unlisted }))];
}

/** In lower case, with keys as segments, without types, `$ref` and the empty brackets of an operation. */
const plainPath = (path: string): string =>
  path
    .toLowerCase()
    .replaceAll(/\(([^()]+)\)/g, '/$1')
    .replaceAll('()', '')
    .replaceAll(/\/microsoft\.graph\.(?=getbyids|checkmember|getmember|validateproperties)/g, '/')
    .replaceAll(/\/microsoft\.graph\.\w+|\/\$(?:count|value|ref)$/g, '')
    .replace(/\/$/, '');
