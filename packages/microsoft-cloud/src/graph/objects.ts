import { type CloudRequest, headerOf, jsonObjectOf } from '../web/http.ts';
import type { GraphContext } from './context.ts';
import { badRequest, notFound, unreadableBody } from './graph-error.ts';

/** Parses the body as a JSON object. An empty body counts as `{}`. @throws GraphError 400 */
export function bodyOf({ request }: GraphContext): Record<string, unknown> {
  const body = jsonObjectOf(request.body === '' ? '{}' : request.body);
  if (body !== undefined) return body;
  throw unreadableBody();
}

/** @throws GraphError 400 for a body of another type than JSON. A request without a body needs no type. */
export function checkContentType(request: CloudRequest): void {
  const type = headerOf(request, 'content-type')?.split(';')[0]?.trim().toLowerCase();
  if (request.body !== '' && type !== 'application/json') throw unreadableBody();
}

/** Returns the id of the object that a `$ref` body refers to. @throws GraphError 404 for an unknown object. */
export function referencedObject(context: GraphContext): string {
  const { users, servicePrincipals, groups } = context.directory;
  const reference = bodyOf(context)['@odata.id'];
  const id = typeof reference === 'string' ? reference.split('/').at(-1) : undefined;
  if (id === undefined || id === '') throw badRequest("A value is required for property '@odata.id'.");
  if (!users.has(id) && !servicePrincipals.has(id) && !groups.has(id)) throw notFound(id);
  return id;
}
