import { notPermitted, quoted, unreadable } from '../refusal.ts';
import type { PropertyPath } from '../reading/filter.ts';
import { type Expansion, noQuery, type QueryUse } from '../reading/query.ts';
import { type Location, navigate, placeOf } from '../resolve.ts';
import type { Question } from '../question.ts';
import { complexProperties, extensionProperty, navigationNames } from './navigation-names.ts';
import { supplementedNavigation } from './supplemented-navigations.ts';
import { refuseHiddenConditions } from './hidden-conditions.ts';
import { openedBy } from './opened-by.ts';
import { readProperty } from './property-permissions.ts';
import { refuseAddressNames, refuseSpecialEndpoints } from './special-endpoints.ts';

/**
 * Judges every navigation and property that a query names, as a GET of its own. The path itself is judged elsewhere.
 * @returns the permissions that they need, and the places whose objects are in the answer: expanded navigations, and those
 * that `$select` names.
 * @throws Refusal for the first one that the rule's permissions do not open.
 */
export function judgeQuery(question: Question): Navigated {
  const { query } = question;
  const answered = [
    ...(query.select ?? []).map((path) => judgePath(path, true, question)),
    ...query.expand.map((expansion) => judgeExpansion(expansion, question)),
  ];
  const conditions = query.conditions.map((path) => judgePath(path, false, question));
  return {
    permissions: [...answered, ...conditions].flatMap(({ permissions }) => permissions),
    places: answered.flatMap(({ places }) => places),
  };
}

/** What names in a query need and lead to. */
interface Navigated {
  readonly permissions: readonly string[];
  readonly places: readonly Location[];
}

/** A property path of `$select`, `$filter`, `$orderby` or `$search`. */
function judgePath({ names, collection }: PropertyPath, selected: boolean, question: Question): Navigated {
  refuseAddressNames(names);
  const [name = '', ...rest] = names;
  const own = readProperty(name, question.grant);
  const places = navigate(question.location, name);
  if (places.length > 0) {
    const found = judgePlaces(places, useOf({ names: rest, collection }, selected), question);
    return { permissions: [...own, ...found.permissions], places: [...places, ...found.places] };
  }
  if (navigationNames.has(name.toLowerCase())) throw unknownNavigation(name, question);
  const complex = rest.length > 0 || collection;
  if (complex && !complexProperties.has(name.toLowerCase()) && !extensionProperty.test(name)) {
    throw unreadable(
      `The query uses ${quoted(name)} with a path, and the gateway knows it neither as a navigation of ${question.location.written} nor as a complex property; leave it out.`,
    );
  }
  return { permissions: own, places: [] };
}

/** What a path reads of the navigation that it starts with. */
function useOf(path: PropertyPath, selected: boolean): QueryUse {
  // In a delta answer, a navigation in $select returns all of it.
  if (path.names.length === 0 && selected) return noQuery;
  const read = path.names.length === 0 ? { names: ['id'], collection: false } : path;
  return { ...noQuery, select: [read], conditions: selected ? [] : [read] };
}

function judgeExpansion({ names, query }: Expansion, question: Question): Navigated {
  refuseAddressNames(names);
  const [name = '', ...rest] = names;
  const own = readProperty(name, question.grant);
  const use: QueryUse = rest.length === 0 ? query : { ...noQuery, expand: [{ names: rest, query }] };
  const places = navigate(question.location, name);
  if (places.length > 0) {
    const found = judgePlaces(places, use, question);
    return { permissions: [...own, ...found.permissions], places: [...places, ...found.places] };
  }
  const supplemented = supplementedNavigation(question.location.template, names);
  if (supplemented === undefined) throw unknownNavigation(name, question);
  // Contained objects: whoever reads the entity reads them.
  const permissions = supplemented.flatMap((template) => judgeTemplate(template, query, question));
  return { permissions: [...own, ...permissions], places: [] };
}

function judgePlaces(places: readonly Location[], query: QueryUse, question: Question): Navigated {
  const permissions: string[] = [];
  const further: Location[] = [];
  for (const location of places) {
    const next: Question = {
      ...question,
      method: 'GET',
      location,
      query,
      bodyKeys: undefined,
      bodyNames: undefined,
      searchedTypes: undefined,
    };
    refuseSpecialEndpoints('GET', location, false);
    permissions.push(...requireOpened(next));
    refuseHiddenConditions(next);
    const found = judgeQuery(next);
    permissions.push(...found.permissions);
    further.push(...found.places);
  }
  return { permissions, places: further };
}

function judgeTemplate(template: readonly string[], query: QueryUse, question: Question): readonly string[] {
  const location = placeOf(question.map, template);
  if (location === undefined) throw unknownNavigation(template.join('/'), question);
  return judgePlaces([location], query, { ...question, own: false }).permissions;
}

/** @returns the permissions that open the place. @throws Refusal if none of the rule's does. */
function requireOpened(question: Question): readonly string[] {
  const { permissions, limits } = openedBy(question);
  if (permissions.length > 0) return permissions;
  const place = question.location.written;
  throw notPermitted(
    limits.length > 0
      ? `The query reads ${place}, and ${limits[0]}; add a permission that reads it, or leave it out.`
      : `The query reads ${place}, which none of the rule's permissions opens; add one that does, or leave it out.`,
  );
}

const unknownNavigation = (name: string, { location }: Question): Error =>
  unreadable(
    `The permission map does not contain the navigation ${quoted(name)} of ${location.written}; leave it out, or request it on its own.`,
  );
