import { jsonObjectOf } from '../web/http.ts';
import type { GraphContext } from './context.ts';
import type { Item } from './filter.ts';
import { badRequest, notFound } from './graph-error.ts';
import { servicePrincipalJson, userJson } from './json.ts';

/** Parses the body as a JSON object. An empty body counts as `{}`. @throws GraphError 400 */
export function bodyOf({ request }: GraphContext): Record<string, unknown> {
  const body = jsonObjectOf(request.body === '' ? '{}' : request.body);
  if (body !== undefined) return body;
  throw badRequest(
    'Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.',
  );
}

/** A user or service principal of the caller's tenant, with its `@odata.type`. */
export function directoryObjectJson({ world, directory }: GraphContext, id: string): Item | undefined {
  const user = directory.users.get(id);
  if (user !== undefined) return { '@odata.type': '#microsoft.graph.user', ...userJson(user) };
  const principal = directory.servicePrincipals.get(id);
  return principal && { '@odata.type': '#microsoft.graph.servicePrincipal', ...servicePrincipalJson(world, principal) };
}

/** Returns the id of the object that a `$ref` body refers to. @throws GraphError 404 for an unknown object. */
export function referencedObject(context: GraphContext): string {
  const reference = bodyOf(context)['@odata.id'];
  const id = typeof reference === 'string' ? reference.split('/').at(-1) : undefined;
  if (id === undefined || id === '') throw badRequest("A value is required for property '@odata.id'.");
  if (directoryObjectJson(context, id) === undefined) throw notFound(id);
  return id;
}
