import { jsonObjectOf } from '../../web/http.ts';
import { GraphError, NotSimulated, unreadableBody } from '../graph-error.ts';
import type { ReadRequest } from './read.ts';

/** A request that changes data. */
export interface WriteRequest extends ReadRequest {
  readonly method: string;
  readonly body: string;
  readonly ifMatch: string | undefined;
  /** `Prefer: return=representation`. */
  readonly wantsObject: boolean;
}

export const notAllowed = (): GraphError =>
  new GraphError(405, 'Request_BadRequest', 'Specified HTTP method is not allowed for the request target.');

/** What the real service accepts and the simulated cloud does not. */
export const notSimulated = (path: string): GraphError =>
  new NotSimulated(501, 'NotImplemented', `The simulated cloud does not answer this request at '${path}'.`);

/** Parses the body as a JSON object. @throws GraphError 400 */
export function jsonBody(text: string): Readonly<Record<string, unknown>> {
  const body = jsonObjectOf(text === '' ? '{}' : text);
  if (body !== undefined) return body;
  throw unreadableBody();
}
