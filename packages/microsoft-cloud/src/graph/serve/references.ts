import { empty, type Reply } from '../../web/http.ts';
import type { References, Row } from '../declaration.ts';
import { badRequest, notFound } from '../graph-error.ts';
import type { Located } from './locate.ts';
import { jsonBody, notAllowed, notSimulated, type WriteRequest } from './write-request.ts';
import { placeOf, type View } from './view.ts';

/** Adds, sets or removes references: `POST …/members/$ref`, `PUT …/manager/$ref`, `DELETE …/members/ID/$ref`. */
export function writeReferences(request: WriteRequest): Reply {
  const { located, method, target, places } = request;
  const { view } = places;
  const list = target.isList || located.row === undefined ? located : (located.from ?? located);
  const declared = writable(list);
  const owner = ownerOf(view, declared, list.keys);
  if (owner !== undefined) declared.checkChange?.(owner);
  if (method === 'POST' && target.isList) {
    addReference(view, declared, list.keys, addressIn(request.body));
    return empty(204);
  }
  if (method === 'PUT' && declared.single === true) {
    replaceReference(view, declared, list.keys, addressIn(request.body));
    return empty(204);
  }
  if (method !== 'DELETE' || target.isList) throw notAllowed();
  if (located.row === undefined) throw notFound(list.context);
  put(view, declared, list.keys, { id: String(located.row['id']), isAdded: false });
  return empty(204);
}

/** The object that the references belong to, if its set has no keys of its own. */
function ownerOf(view: View, { path }: References, keys: readonly string[]): Row | undefined {
  const home = path.slice(0, path.indexOf('/{'));
  return view.catalog.at(home)?.kind === 'set' ? view.row(home, keys[0] ?? '') : undefined;
}

function writable({ declared, context }: Located): References {
  if (declared?.kind === 'references' && declared.writable === true) return declared;
  if (declared === undefined) throw notSimulated(context);
  throw notAllowed();
}

function addressIn(body: string): string {
  const address = jsonBody(body)['@odata.id'];
  if (typeof address !== 'string' || address === '') throw badRequest("A value is required for property '@odata.id'.");
  return address;
}

/** @throws GraphError 404 for an unknown object, 400 for one that is there already. */
export function addReference(view: View, declared: References, keys: readonly string[], address: string): void {
  const known = idAt(view, declared, address);
  if (view.references(declared.path, ...keys).includes(known))
    throw badRequest(
      `One or more added object references already exist for the following modified properties: '${declared.path.split('/').at(-1)}'.`,
    );
  put(view, declared, keys, { id: known, isAdded: true });
}

/** Sets a reference to one object, which may be the present one. @throws GraphError 404 for an unknown object. */
function replaceReference(view: View, declared: References, keys: readonly string[], address: string): void {
  // Before anything is removed: a request that fails changes nothing.
  const wanted = idAt(view, declared, address);
  const present = view.references(declared.path, ...keys);
  for (const id of present) if (id !== wanted) put(view, declared, keys, { id, isAdded: false });
  if (!present.includes(wanted)) put(view, declared, keys, { id: wanted, isAdded: true });
}

/** The id of the object that an address names. @throws GraphError 404 for an unknown object. */
export function idAt(view: View, declared: References, address: string): string {
  const id = /([^/('"]+)['")]*$/.exec(address)?.[1] ?? '';
  const found = view.findIn(declared.targets, id);
  if (found === undefined) throw notFound(id);
  return String(found.row['id']);
}

function put(
  view: View,
  declared: References,
  keys: readonly string[],
  { id, isAdded }: { readonly id: string; readonly isAdded: boolean },
): void {
  const owner = ownerOf(view, declared, keys);
  const stands = owner === undefined ? undefined : declared.objectOf?.(view, owner, id);
  if (stands === undefined) {
    view.changes.putReference(placeOf(declared.path, keys), id, isAdded);
    return;
  }
  const { set, row } = stands;
  const key = String(row['id']).toLowerCase();
  const original = view.row(set, key);
  view.changes.putRow(set, { key, row: isAdded ? row : undefined, original, visibleMs: view.world.clock.nowMs() });
}
