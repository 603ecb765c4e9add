import type { Declaration, EntitySet } from '../declaration.ts';
import { shortName } from '../schema/schema.ts';

/** All declarations, by path and by type. */
export interface Catalog {
  readonly all: readonly Declaration[];
  /** @param path with `{}` for each key, letter case does not matter: `groups/{}/members`. */
  at(path: string): Declaration | undefined;
  /** @throws RangeError for a path that is not declared. */
  required(path: string): Declaration;
  /** The set without `{id}` whose objects have this type. */
  homeOf(typeName: string): EntitySet | undefined;
}

/** `groups/{id}/members` → `groups/{}/members`; `getX(period='{period}')` → `getx(period)`. */
const patternOf = (path: string): string =>
  path
    .split('/')
    .map((segment) => {
      const [, name, parameters] = /^([^(]+)\((.+)\)$/.exec(segment) ?? [];
      return name === undefined || parameters === undefined
        ? segment.replace(/^\{.*\}$/, '{}')
        : callPattern(
            name,
            parameters.split(',').map((each) => each.split('=')[0]?.trim() ?? ''),
          );
    })
    .join('/')
    .toLowerCase();

/** Whether a path is as a declaration writes it, and no pattern yet. */
const isWritten = (path: string): boolean => /\{\w|\(/.test(path);

/** The pattern of a function with parameters. Their order does not matter. */
export const callPattern = (name: string, parameters: readonly string[]): string =>
  `${name}(${parameters
    .map((each) => each.toLowerCase())
    .toSorted()
    .join(',')})`.toLowerCase();

/** A later declaration of a path replaces an earlier one. */
export function createCatalog(declarations: readonly Declaration[]): Catalog {
  const byPath = new Map(declarations.map((each) => [patternOf(each.path), each]));
  const homes = new Map<string, EntitySet>();
  for (const each of byPath.values()) {
    if (each.kind !== 'set' || each.path.includes('{')) continue;
    const name = shortName(each.type).toLowerCase();
    // Of two sets with the same type, the shorter path is the home: `groups` before `directory/…`.
    const known = homes.get(name);
    if (known === undefined || each.path.split('/').length < known.path.split('/').length) homes.set(name, each);
  }
  const at = (path: string): Declaration | undefined =>
    byPath.get(path.toLowerCase()) ?? (isWritten(path) ? byPath.get(patternOf(path)) : undefined);
  return {
    all: [...byPath.values()],
    at,
    required: (path) => {
      const found = at(path);
      if (found === undefined) throw new RangeError(`The path ${path} is not declared.`);
      return found;
    },
    homeOf: (typeName) => homes.get(shortName(typeName).toLowerCase()),
  };
}
