import type { Method, PermissionMap } from 'graph-permissions/permission-map';
import type { BodyNames } from './reading/body.ts';
import type { QueryUse } from './reading/query.ts';
import type { Location } from './resolve.ts';
import type { Grant } from './verdict.ts';

/** One thing that a request does: a method on a place, with the properties that it names. */
export interface Question {
  readonly map: PermissionMap;
  readonly grant: Grant;
  readonly method: Method;
  readonly location: Location;
  /** The place belongs to the signed-in account, and the rule allows that. */
  readonly own: boolean;
  readonly query: QueryUse;
  /** Names of the properties in a JSON body; undefined without a body. */
  readonly bodyKeys: readonly string[] | undefined;
  /** Names of the members of a JSON body at any depth; undefined without a body. */
  readonly bodyNames?: BodyNames | undefined;
  /** The types of objects that a search asks for; undefined for other requests. */
  readonly searchedTypes: readonly string[] | undefined;
}

/** Returns why a permission does not open a place, although the map lists it there; undefined if it does. */
export type PermissionRule = (permission: string, question: Question) => string | undefined;
