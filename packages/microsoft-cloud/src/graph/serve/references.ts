import { empty, type Reply } from '../../web/http.ts';
import type { References } from '../declaration.ts';
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
  if (method === 'POST' && target.isList) {
    addReference(view, declared, list.keys, addressIn(request.body));
    return empty(204);
  }
  if (method === 'PUT' && declared.single === true) {
    for (const id of view.references(declared.path, ...list.keys))
      put(view, declared, list.keys, { id, isAdded: false });
    addReference(view, declared, list.keys, addressIn(request.body));
    return empty(204);
  }
  if (method !== 'DELETE' || target.isList) throw notAllowed();
  if (located.row === undefined) throw notFound(list.context);
  put(view, declared, list.keys, { id: String(located.row['id']), isAdded: false });
  return empty(204);
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
  const id = /([^/('"]+)['")]*$/.exec(address)?.[1] ?? '';
  const found = view.findIn(declared.targets, id);
  if (found === undefined) throw notFound(id);
  const known = String(found.row['id']);
  if (view.references(declared.path, ...keys).includes(known))
    throw badRequest(
      `One or more added object references already exist for the following modified properties: '${declared.path.split('/').at(-1)}'.`,
    );
  put(view, declared, keys, { id: known, isAdded: true });
}

const put = (
  view: View,
  declared: References,
  keys: readonly string[],
  { id, isAdded }: { readonly id: string; readonly isAdded: boolean },
): void => view.changes.putReference(placeOf(declared.path, keys), id, isAdded);
