import { empty, json, type Reply } from '../../web/http.ts';
import type { EntitySet, References, Row, Singleton, Writes } from '../declaration.ts';
import { badRequest, GraphError, notFound } from '../graph-error.ts';
import { readBody, type WriteBody } from './body.ts';
import type { Catalog } from './catalog.ts';
import { etagOf } from './etag.ts';
import { createShaper } from './expand.ts';
import type { Located } from './locate.ts';
import { checkReadOnly } from './read-only.ts';
import { addReference, idAt } from './references.ts';
import { keyOf, placeOf, type View } from './view.ts';
import { jsonBody, notAllowed, notSimulated, type WriteRequest } from './write-request.ts';

/** Creates, changes or deletes an object. @throws GraphError */
export function write(request: WriteRequest): Reply {
  const { located, method, target } = request;
  if (located.declared === undefined) throw notSimulated(located.context);
  if (target.isList) return method === 'POST' ? create(request, setOf(located)) : refuse();
  if (method === 'PATCH' || method === 'PUT') return update(request);
  return method === 'DELETE' ? remove(request) : refuse();
}

function refuse(): never {
  throw notAllowed();
}

function setOf({ declared, set }: Located): EntitySet {
  const found = set ?? declared;
  if (found?.kind !== 'set') throw notAllowed();
  return found;
}

function allowed(writes: Writes | undefined, operation: Writes['operations'][number], path: string): Writes {
  if (writes === undefined) throw notSimulated(path);
  if (!writes.operations.includes(operation)) throw notAllowed();
  return writes;
}

function create(request: WriteRequest, set: EntitySet): Reply {
  const { located, places, target } = request;
  const writes = allowed(set.writes, 'create', located.context);
  const { view } = places;
  const { values, bound } = readBody(jsonBody(request.body), target.type, places.schema);
  for (const name of writes.required ?? [])
    if (values[name] === undefined || values[name] === null || values[name] === '')
      throw badRequest(`A value is required for property '${name}' of resource '${resourceName(target.type.name)}'.`);
  checkReadOnly({ type: target.type, located, values, required: writes.required });
  const key = set.key ?? 'id';
  const id = view.world.seeded.guid('created', view.tenantId, set.path, view.changes.number);
  const started: Row = { [key]: id, ...creationTime(request), ...withoutSecrets(values) };
  const row = writes.complete?.(view, started) ?? started;
  writes.check?.(view, { values, row, before: undefined });
  checkUnique(request, set, row);
  checkBound(request, set, row, bound);
  store(request, set, row, undefined);
  for (const [navigation, found] of bound) bind(request, set, keyOf(set, row), { navigation, addresses: found });
  return json(201, {
    '@odata.context': `${request.root}/$metadata#${located.context}/$entity`,
    ...shown(request, set, row),
  });
}

const resourceName = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

const creationTime = ({ target, places }: WriteRequest): Row =>
  target.type.find('createdDateTime') === undefined
    ? {}
    : { createdDateTime: new Date(places.view.world.clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z') };

/** Graph never returns a password. */
const withoutSecrets = (values: Row): Row =>
  typeof values['passwordProfile'] === 'object' && values['passwordProfile'] !== null
    ? { ...values, passwordProfile: { ...values['passwordProfile'], password: null } }
    : values;

/** @throws GraphError 400 in the directory, 409 elsewhere, for a value that another object has. */
export function checkUnique({ places, located, target }: WriteRequest, set: EntitySet, row: Row): void {
  const key = keyOf(set, row);
  for (const name of set.writes?.unique ?? []) {
    const value = String(row[name]).toLowerCase();
    const others = places.view.related(set, located.keys.slice(0, keyCount(set.path)));
    if (!others.some((other) => keyOf(set, other) !== key && String(other[name]).toLowerCase() === value)) continue;
    const message = `Another object with the same value for property ${name} already exists.`;
    throw target.type.isA('directoryObject') ? badRequest(message) : new GraphError(409, 'Conflict', message);
  }
}

const keyCount = (path: string): number => path.split('{').length - 1;

function store({ places, located }: WriteRequest, set: EntitySet, row: Row, original: Row | undefined): void {
  const { view } = places;
  const place = placeOf(set.path, located.keys.slice(0, keyCount(set.path)));
  const visibleMs = visibleFrom(view, set);
  view.changes.putRow(place, { key: keyOf(set, row).toLowerCase(), row, original, visibleMs });
  set.writes?.applied?.(view, row);
}

/** Lists of the directory show a change later than a request for the object. */
const visibleFrom = ({ world }: View, { writes, type }: EntitySet): number =>
  world.clock.nowMs() +
  (writes?.visibleAfterMs ?? (directoryTypes.has(type) ? world.settings.directoryPropagationMs : 0));

const directoryTypes = new Set(
  ['user', 'group', 'device', 'administrativeUnit'].map((each) => `microsoft.graph.${each}`),
);

function update(request: WriteRequest): Reply {
  const { located, places, target } = request;
  const { declared } = located;
  if (declared?.kind === 'singleton') return updateSingleton(request, declared);
  const set = setOf(located);
  allowed(set.writes, 'update', located.context);
  const before = located.row;
  if (before === undefined) throw notFound(located.context);
  checkMatch(request, before, set.writes?.etag);
  const { values, bound } = readBody(jsonBody(request.body), target.type, places.schema);
  const key = set.key ?? 'id';
  if (values[key] !== undefined && values[key] !== before[key])
    throw badRequest(`Property '${key}' is read-only and cannot be set.`);
  checkReadOnly({ type: target.type, located, values, before });
  checkType(set, values, before);
  checkStillThere(set, values, target.type.name);
  const merged = { ...before, ...withoutSecrets(values) };
  const row = set.writes?.changed?.(places.view, { values, row: merged, before }) ?? merged;
  set.writes?.check?.(places.view, { values, row, before });
  checkUnique(request, set, row);
  checkBound(request, set, row, bound);
  store(request, set, row, before);
  for (const [navigation, found] of bound) bind(request, set, keyOf(set, row), { navigation, addresses: found });
  return changed(request, () => shown(request, set, row));
}

const isComplex = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * A complex value of a settings object is changed member by member, a list as a whole (OData 4.01 protocol, "Update an Entity";
 * the examples of "Update authorizationPolicy" name single members).
 */
const mergedRow = (before: Row, values: Row): Row => ({
  ...before,
  ...Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const known = before[name];
      return [name, isComplex(known) && isComplex(value) ? mergedRow(known, value) : value];
    }),
  ),
});

/** @throws GraphError 400 for an object that would become one of another type. */
function checkType({ type }: EntitySet, values: Row, before: Row): void {
  const { '@odata.type': present = `#${type}` } = before as { readonly '@odata.type'?: string };
  const { '@odata.type': wanted = present } = values as { readonly '@odata.type'?: string };
  if (wanted.toLowerCase() !== present.toLowerCase())
    throw badRequest(`The type of an object cannot be changed from '${present}' to '${wanted}'.`);
}

/** @throws GraphError 400 for a property that an object must have and that would be empty. */
function checkStillThere({ writes }: EntitySet, values: Row, typeName: string): void {
  for (const name of writes?.required ?? [])
    if (name in values && name !== 'passwordProfile' && (values[name] === null || values[name] === ''))
      throw badRequest(`Invalid value specified for property '${name}' of resource '${resourceName(typeName)}'.`);
}

function updateSingleton(request: WriteRequest, declared: Singleton): Reply {
  const { located, places, target } = request;
  const { view } = places;
  if (declared.writes === undefined) throw notSimulated(located.context);
  const before = located.row;
  if (before === undefined) throw notFound(located.context);
  checkMatch(request, before, declared.writes.etag);
  const { values } = readBody(jsonBody(request.body), target.type, places.schema);
  checkReadOnly({ type: target.type, located, values, before });
  const merged = mergedRow(before, values);
  const row = declared.writes.complete?.(view, merged) ?? merged;
  const visibleMs = view.world.clock.nowMs() + (declared.writes.visibleAfterMs ?? 0);
  view.changes.putRow(placeOf(declared.path, located.keys), { key: '', row, original: before, visibleMs });
  return changed(request, () => row);
}

/** Intune returns the object, other services only if they are asked to. */
function changed({ wantsObject, located }: WriteRequest, show: () => Row): Reply {
  const isIntune = /^device(?:app)?management\//i.test(located.pattern);
  return wantsObject || isIntune ? json(200, show()) : empty(204);
}

/** Kept in `identity/conditionalAccess/deletedItems` ("policyDeletableItem resource type"). */
const accessPolicies = ['conditionalAccessPolicy', 'namedLocation'];

function remove(request: WriteRequest): Reply {
  const { located, places, target } = request;
  const set = setOf(located);
  allowed(set.writes, 'delete', located.context);
  const before = located.row;
  if (before === undefined) throw notFound(located.context);
  checkMatch(request, before, set.writes?.etag);
  const { view } = places;
  const nowMs = view.world.clock.nowMs();
  const deletedDateTime = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const isKept = ['user', 'group', 'application', 'servicePrincipal', ...accessPolicies].some((each) =>
    target.type.isA(each),
  );
  view.changes.putRow(placeOf(set.path, located.keys.slice(0, keyCount(set.path))), {
    key: keyOf(set, before).toLowerCase(),
    row: undefined,
    original: before,
    removed: isKept ? { '@odata.type': `#${set.type}`, ...before, deletedDateTime } : undefined,
    visibleMs: visibleFrom(view, set),
  });
  if (isOfDeleted(set)) forget(request, set, before);
  return empty(204);
}

/** Whether a set has what was deleted and can be restored. */
export const isOfDeleted = ({ path }: Pick<EntitySet, 'path'>): boolean => /\/deletedItems(?:\/|$)/i.test(path);

/** The set in which a deleted object was. */
export function homeOfDeleted(catalog: Catalog, { path }: EntitySet, row: Row): EntitySet | undefined {
  if (path === 'directory/deletedItems') return catalog.homeOf(String(row['@odata.type']));
  const home = catalog.at(path.replace('/deletedItems', ''));
  return home?.kind === 'set' ? home : undefined;
}

/** An object that was deleted for good is not among those of its set that can be restored. */
function forget({ places }: WriteRequest, deleted: EntitySet, row: Row): void {
  const { view, catalog } = places;
  const set = homeOfDeleted(catalog, deleted, row);
  if (set === undefined) return;
  const key = keyOf(set, row).toLowerCase();
  view.changes.putRow(set.path, { key, row: undefined, original: row, visibleMs: view.world.clock.nowMs() });
}

/** @throws GraphError 412 if the object is not as the client knows it. */
function checkMatch({ ifMatch }: WriteRequest, row: Row, hasEtag: true | undefined): void {
  if (ifMatch === undefined || ifMatch === '*' || hasEtag !== true) return;
  if (ifMatch !== etagOf(row))
    throw new GraphError(
      412,
      'PreconditionFailed',
      'The precondition given in the request headers evaluated to false.',
    );
}

const shown = ({ places, target, options, located }: WriteRequest, set: EntitySet, row: Row): Row =>
  createShaper(
    { ...options, expand: [] },
    target.type,
    places,
    set.byDefault,
  )(set.writes?.etag === true ? { '@odata.etag': etagOf(row), ...row } : row, located);

interface Bound {
  readonly navigation: string;
  readonly addresses: readonly string[];
}

/** Called before anything is changed. @throws GraphError for references that cannot be added. */
function checkBound({ places }: WriteRequest, set: EntitySet, row: Row, bound: WriteBody['bound']): void {
  for (const [navigation, addresses] of bound) {
    const declared = navigationOf(places.catalog, set, navigation);
    declared.checkChange?.(row);
    for (const address of addresses) idAt(places.view, declared, address);
  }
}

function navigationOf(catalog: Catalog, { path }: EntitySet, navigation: string): References {
  const declared = catalog.at(`${path}/{}/${navigation}`);
  if (declared?.kind === 'references' && declared.writable === true) return declared;
  throw notSimulated(`${path}/${navigation}`);
}

function bind({ places }: WriteRequest, set: EntitySet, key: string, { navigation, addresses }: Bound): void {
  const declared = navigationOf(places.catalog, set, navigation);
  for (const address of addresses) addReference(places.view, declared, [key], address);
}
