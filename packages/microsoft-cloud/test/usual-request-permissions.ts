import { declarations } from '../src/population/graph/declarations.ts';
import { neededPermissions } from '../src/resource/needed-permissions.ts';
import type { World } from '../src/world.ts';

/** The permissions that open a GET request. */
export interface RequestPermissions {
  /** One of them is needed. */
  readonly oneOf: readonly string[];
  /** One of these is needed as well, for a property that the request names, or a navigation that it expands. */
  readonly properties: readonly { readonly property: string; readonly oneOf: readonly string[] }[];
}

/** @param request without version, with `{name}` in place of ids: `/users/{user}/memberOf?$select=id`. */
export function requestPermissions(
  world: Pick<World, 'graphPermissions'>,
  request: string,
  scheme: 'delegated' | 'application',
): RequestPermissions {
  const [path = '', query = ''] = request.split('?');
  const namesAt = (place: string): readonly string[] =>
    (neededPermissions(world, 'GET', place.replaceAll(/\{\w+\}/g, '{id}'))?.[scheme] ?? []).map(
      ({ permission, alsoOneOf }) => [permission, ...alsoOneOf.slice(0, 1)].join('+'),
    );
  const oneOf = namesAt(path);
  const declared = declarations.find((each) => `/${each.path}` === path);
  const properties = Object.entries(declared?.properties ?? {}).flatMap(([property, { permissions }]) =>
    permissions !== undefined && query.includes(property) ? [{ property, oneOf: permissions }] : [],
  );
  const navigations = [...query.matchAll(/\$expand=(\w+)/g)].flatMap(([, property = '']) => {
    const needed = namesAt(`${path}/{id}/${property}`);
    return needed.length === 0 || oneOf.every((name) => needed.includes(name)) ? [] : [{ property, oneOf: needed }];
  });
  return { oneOf, properties: [...properties, ...navigations] };
}
