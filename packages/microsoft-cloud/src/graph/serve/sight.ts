import type { Declaration, Row } from '../declaration.ts';
import { type Schema, shortName, type TypeInfo } from '../schema/schema.ts';
import type { Catalog } from './catalog.ts';

/** What a caller may read at a path: all properties, none, or only these, in lower case. */
export type Readable = 'all' | 'none' | ReadonlySet<string>;

/** Whether a list takes objects from other sets. */
export const isMixed = (declared: Declaration | undefined): boolean =>
  declared?.kind === 'references' ||
  declared?.kind === 'inverse' ||
  (declared?.kind === 'set' && shortName(declared.type) === 'directoryObject');

/** Leaves of an object what the caller may read of its type. @param type of the list. */
export type Sight = (row: Row, type: TypeInfo) => Row;

interface SightOptions {
  readonly catalog: Catalog;
  readonly schema: Schema;
  /** @param path of a set. */
  readonly readable: (path: string) => Readable;
}

/**
 * Objects of the directory that are reached through other objects: without a permission for their type, a caller gets
 * their type and id, and the other properties are null or empty. Source: "Overview of Microsoft Graph permissions",
 * "Limited information returned for inaccessible member objects".
 */
export function createSight({ catalog, schema, readable }: SightOptions): Sight {
  const known = new Map<string, Readable>();
  const ofType = (name: string): Readable => {
    const found = known.get(name) ?? readableType(name);
    known.set(name, found);
    return found;
  };
  const readableType = (name: string): Readable => {
    if (schema.type(name)?.isA('directoryObject') !== true) return 'all';
    const home = catalog.homeOf(name);
    return home === undefined ? 'none' : readable(home.path);
  };
  return (row, type) => {
    const written = row['@odata.type'];
    return limited(row, ofType(typeof written === 'string' ? shortName(written) : type.name));
  };
}

const identity: ReadonlySet<string> = new Set(['id']);

/** The row with the properties that may be read; the others are null, and lists are empty. */
export function limited(row: Row, readable: Readable): Row {
  if (readable === 'all') return row;
  const allowed = readable === 'none' ? identity : readable;
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) =>
      name.startsWith('@') || allowed.has(name.toLowerCase())
        ? [name, value]
        : [name, Array.isArray(value) ? [] : null],
    ),
  );
}
