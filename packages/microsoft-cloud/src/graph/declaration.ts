import type { TenantDirectory } from '../directory/tenant-directory.ts';
import type { CustomerTenant } from '../population/tenant.ts';
import type { World } from '../world.ts';

/**
 * The contract between the data and the engine that serves it. The data is a list of declarations: which path has which
 * type, and a function that creates its rows for a tenant. The engine does everything else: query options, keys, pages,
 * writes, errors, and the check that each property belongs to the type.
 *
 * A path with `{id}` belongs to an object of the set before it: `groups/{id}/members` are the members of one group. The
 * same declaration serves `/groups/ID/members`, `/groups?$expand=members` and `/users/ID/memberOf/…`, so a navigation is
 * declared once, below the set that is the home of its type. A type has one home: the set whose path has no `{id}`.
 *
 * Functions that create rows are pure: the same seed, tenant and keys give the same rows, in the same order. The engine
 * calls them on first use, keeps the result for a while, and may call them again.
 */

/**
 * An object as Graph returns it. `@odata.type` (`#microsoft.graph.user`) is needed only where a path mixes types.
 * A property that is missing is returned as null, or as an empty list. One that is `undefined` is left out of the reply,
 * for the few that Graph leaves out. An entity set needs `id`, or the property that `key` names.
 */
export type Row = Readonly<Record<string, unknown>>;

/** A tenant, as the data sees it. */
export interface TenantView {
  readonly world: World;
  readonly tenantId: string;
  /** Undefined: the partner's own tenant. */
  readonly customer: CustomerTenant | undefined;
  readonly directory: TenantDirectory;
  /** Whether the caller is a member of the partner's AdminAgents: only they see delegated relationships. */
  readonly isAgent: boolean;
  /** Midnight UTC of today by the cloud's clock, milliseconds since 1970, for rows with `refresh: 'daily'`. */
  readonly todayMs: number;
  /**
   * The rows of another declared path, with the writes of clients. @param keys values for each `{id}` of the path.
   * @throws RangeError for a path that is not declared.
   */
  rows(path: string, ...keys: readonly string[]): readonly Row[];
  /** One row by its key. */
  row(path: string, key: string): Row | undefined;
  /** The ids at a path with `references`, with the writes of clients. @throws RangeError for another path. */
  references(path: string, ...keys: readonly string[]): readonly string[];
  /** Whether a client wrote to an object at a path without keys. */
  hasWrites(path: string): boolean;
}

/** Refuses a request by throwing GraphError, such as Graph's 403 in a tenant without a premium licence. */
type Check = (tenant: TenantView) => void;

/** A query option that a list may refuse. */
export type QueryOption = 'select' | 'filter' | 'orderby' | 'search' | 'top' | 'skip' | 'count' | 'expand';

/** What Graph documents about a collection beyond OData. */
export interface CollectionRules {
  /** Page size without `$top`. Default: 100. */
  readonly defaultTop?: number;
  /** Highest `$top`, above which Graph answers 400. Default: 999. */
  readonly maxTop?: number;
  /** Largest page if it is smaller than the highest `$top`. */
  readonly maxPage?: number;
  /**
   * `directory`: the rules of directory objects (no `$skip`; `ne`, `not`, `endsWith`, `$count` and `$search` need
   * `ConsistencyLevel: eventual`). `plain`: everything that OData has, without the header. Default: `directory` for
   * types that derive from directoryObject.
   */
  readonly queries?: 'directory' | 'plain';
  /** Properties that `$search` looks at. Missing: those whose description says so. None: `$search` is refused. */
  readonly searched?: readonly string[];
  /** Properties that are returned without `$select`. Missing: all whose description does not say "only on $select". */
  readonly byDefault?: readonly string[];
  /** The only properties that the list returns, in lower case. The others are null there; a request for one object has all. */
  readonly listed?: ReadonlySet<string>;
  /** The list is answered only with a type in its path: `directory/deletedItems/microsoft.graph.user`. */
  readonly needsType?: true;
  /** Whether a path that ends in `/delta` is answered. */
  readonly delta?: boolean;
}

/** A property with conditions of its own: `signInActivity` needs another permission and a premium licence. */
export interface PropertyRule {
  /** Permissions, of which a caller needs one to select, filter or sort by the property. */
  readonly permissions?: readonly string[];
  readonly check?: Check;
  /** Its value where a request for one object selects it: the keys of an application. */
  readonly ofOne?: (tenant: TenantView, row: Row) => unknown;
  /** Returned for one object only: a list that selects it is refused. */
  readonly objectOnly?: true;
  /** A path whose permissions are needed as well: `users/{id}/mailboxSettings`. */
  readonly opens?: string;
  /** An object cannot be addressed by another key where a request for it uses the property. */
  readonly byIdOnly?: true;
  /** Largest page of a request that uses the property. */
  readonly maxPage?: number;
}

interface Common {
  /** Such as `users`, `identity/conditionalAccess/policies`, `groups/{id}/members`. Without version and first slash. */
  readonly path: string;
  /** Such as `microsoft.graph.user`. Of mixed rows, the base: `microsoft.graph.directoryObject`. */
  readonly type: string;
  readonly check?: Check;
  /** The rows follow the clock: they are created again each day. Default: they are created once. */
  readonly refresh?: 'daily';
  /** The rows come from state that others change, so they are not kept. */
  readonly live?: true;
  readonly properties?: Readonly<Record<string, PropertyRule>>;
}

/** A write, before it is done. */
export interface Change {
  /** What the client sets, also a password. */
  readonly values: Row;
  /** The object as it would become. */
  readonly row: Row;
  /** The object as it is. Undefined: it is new. */
  readonly before: Row | undefined;
}

/** What clients may write to a set, and how Graph reacts. Everything is kept in memory per tenant. */
export interface Writes {
  readonly operations: readonly ('create' | 'update' | 'delete')[];
  /** Properties that a create request must have. */
  readonly required?: readonly string[];
  /** Properties that two objects may not share: Graph answers 400 in the directory and 409 elsewhere. */
  readonly unique?: readonly string[];
  /** Refuses a write by throwing GraphError. Called before anything is changed. */
  readonly check?: (tenant: TenantView, change: Change) => void;
  /** Adds what the service sets itself to a new object. `id` is set by the engine if it is missing. */
  readonly complete?: (tenant: TenantView, row: Row) => Row;
  /** Adds what the service sets itself when an object is changed. */
  readonly changed?: (tenant: TenantView, change: Change) => Row;
  /** Called after a create or an update, for state outside the rows. */
  readonly applied?: (tenant: TenantView, row: Row) => void;
  /** Objects have `@odata.etag`, and `If-Match` is checked: 412. */
  readonly etag?: true;
  /** Time until a change is visible in lists, milliseconds of the cloud's clock. Default: at once. */
  readonly visibleAfterMs?: number;
}

/** A collection of objects. */
export interface EntitySet extends Common, CollectionRules {
  readonly kind: 'set';
  /** @param keys values for each `{id}` of the path. */
  readonly rows: (tenant: TenantView, ...keys: readonly string[]) => readonly Row[];
  /** More rows, which a list has only for a query that names the property. */
  readonly more?: { readonly property: string; readonly rows: (tenant: TenantView) => readonly Row[] };
  /** Property that is the key. Default: `id`. */
  readonly key?: string;
  /**
   * Other properties by which an object can be addressed, as `applications(appId='…')`. `userPrincipalName` and `name`
   * also take the place of the key: `users/a@b.example`.
   */
  readonly alternateKeys?: readonly string[];
  /** Finds the object for a text that is neither the key nor an alternate key: `sites/root`. */
  readonly named?: (rows: readonly Row[], text: string) => Row | undefined;
  readonly writes?: Writes;
}

/** A navigation to objects of other sets. The data holds ids, so that `$ref` can add and remove them. */
export interface References extends Common, CollectionRules {
  readonly kind: 'references';
  /** Paths of the sets that may hold the objects. */
  readonly targets: readonly string[];
  readonly ids: (tenant: TenantView, ...keys: readonly string[]) => readonly string[];
  /** At most one object: `users/{id}/manager`. */
  readonly single?: true;
  /** Who may read the objects may expand them as well: no permission for their own path is needed. */
  readonly opensWithOwner?: true;
  /** `$ref` can add and remove. */
  readonly writable?: true;
  /**
   * The references follow from objects of another set: the object that stands for a reference. Adding and removing the
   * reference writes this object.
   */
  readonly objectOf?: (tenant: TenantView, owner: Row, id: string) => { readonly set: string; readonly row: Row };
  /** Refuses to add to an object, or to remove from it, by throwing GraphError. */
  readonly checkChange?: (owner: Row) => void;
}

/** The other direction of references: `users/{id}/memberOf` of `groups/{id}/members`. Has no data of its own. */
export interface Inverse extends Common, CollectionRules {
  readonly kind: 'inverse';
  /** Paths with `references`. The objects are those of their sets that refer to the object. */
  readonly of: readonly string[];
  /** Follows the references of the found objects as well: `transitiveMemberOf`. */
  readonly transitive?: true;
}

/** One object without a key: `policies/authorizationPolicy`. */
export interface Singleton extends Common {
  readonly kind: 'singleton';
  /** Undefined: Graph answers 404. */
  readonly row: (tenant: TenantView, ...keys: readonly string[]) => Row | undefined;
  readonly writes?: Pick<Writes, 'complete' | 'etag' | 'visibleAfterMs'>;
}

/** A report: `reports/getMailboxUsageDetail(period='{period}')`. A CSV file, to whose address Graph redirects. */
export interface Report extends Omit<Common, 'type'> {
  readonly kind: 'report';
  /** @param parameters values of the path, such as `D7`. The first line has the names of the columns. */
  readonly lines: (tenant: TenantView, ...parameters: readonly string[]) => readonly (readonly string[])[];
  /** Largest page of JSON. Default 200. `whole`: the report has no pages. */
  readonly pageSize?: number | 'whole';
}

export type Declaration = EntitySet | References | Inverse | Singleton | Report;
