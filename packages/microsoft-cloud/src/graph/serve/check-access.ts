import type { Caller } from '../../resource/caller.ts';
import type { Expand } from '../odata/expression.ts';
import { QueryError } from '../odata/tokens.ts';
import type { Schema, TypeInfo } from '../schema/schema.ts';
import type { Catalog } from './catalog.ts';
import { findProperty } from './project.ts';
import type { Readable } from './sight.ts';

/** Refuses a caller without the permissions or roles that a request needs. @throws GraphError 403 */
export interface Access {
  /**
   * @param path without version, as the client wrote it.
   * @returns names of the only properties of users that the caller may read, in lower case. Undefined: all.
   */
  check(caller: Caller, method: string, path: string): ReadonlySet<string> | undefined;
  /** One of these permissions is needed as well. */
  checkProperty(caller: Caller, permissions: readonly string[]): void;
  /** Whether the permission map has the path. */
  lists(method: string, path: string): boolean;
  /** What the caller may read at a path. */
  readable(caller: Caller, path: string): Readable;
}

interface Expanding {
  readonly access: Access;
  readonly caller: Caller;
  readonly schema: Schema;
  readonly catalog: Catalog;
}

/** @param path of the objects, without version; `{id}` stands for an object of a list. */
interface Parent {
  readonly path: string;
  readonly type: TypeInfo;
}

/**
 * Checks each expanded navigation as its own path. Navigations to directory objects that the permission map does not list
 * are open: what the caller may not read of their objects is left out.
 * @throws GraphError 403
 */
export function checkExpanded(expand: readonly Expand[], parent: Parent, using: Expanding): void {
  const { schema } = using;
  for (const { navigation, cast, options } of expand) {
    const property = findProperty(navigation, parent.type, schema);
    // The shaper reports it as an unknown property.
    if (property === undefined) continue;
    const type = schema.type(cast ?? property.typeName);
    if (type === undefined) continue;
    checkNavigation({ path: `${parent.path}/${property.name}`, type }, { parent, name: property.name }, using);
    const path = `${parent.path}/${property.name}${property.isList ? '/{id}' : ''}`;
    if (options.expand.length > 0 && type.isA('directoryObject'))
      throw new QueryError('The directory does not expand navigations of expanded objects.');
    checkExpanded(options.expand, { path, type }, using);
  }
}

function checkNavigation(
  target: Parent,
  from: { readonly parent: Parent; readonly name: string },
  { access, caller, catalog }: Expanding,
): void {
  const declared = catalog.at(target.path);
  if (declared?.kind === 'references' && declared.opensWithOwner === true) return;
  const home = catalog.homeOf(from.parent.type.name);
  const listed = [target.path, ...(home === undefined ? [] : [`${home.path}/{id}/${from.name}`])].find((path) =>
    access.lists('GET', path),
  );
  if (listed !== undefined) access.check(caller, 'GET', listed);
  else if (!target.type.isA('directoryObject'))
    access.check(caller, 'GET', catalog.homeOf(target.type.name)?.path ?? target.path);
}
