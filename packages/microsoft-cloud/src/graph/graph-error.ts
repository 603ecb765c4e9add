import { randomUUID } from 'node:crypto';
import { json, type Reply } from '../web/http.ts';

/** An error in Graph's format. Source: "Microsoft Graph error responses and resource types". */
export class GraphError extends Error {
  override readonly name = 'GraphError';
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** What the real service may answer, and the simulated cloud does not. Its request is unmatched in the ledger. */
export class NotSimulated extends GraphError {}

export const notFound = (id: string): GraphError =>
  new GraphError(
    404,
    'Request_ResourceNotFound',
    `Resource '${id}' does not exist or one of its queried reference-property objects are not present.`,
  );

export const badRequest = (message: string): GraphError => new GraphError(400, 'Request_BadRequest', message);

export const forbidden = (): GraphError =>
  new GraphError(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.');

export function graphErrorReply(error: GraphError, nowMs: number, clientRequestId: string | undefined): Reply {
  const id = randomUUID();
  const innerError = {
    date: new Date(nowMs).toISOString().slice(0, 19),
    'request-id': id,
    'client-request-id': clientRequestId ?? id,
  };
  return json(error.status, { error: { code: error.code, message: error.message, innerError } }, error.headers);
}

/** The body is no JSON object, or its content type is not JSON. */
export const unreadableBody = (): GraphError =>
  badRequest(
    'Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.',
  );
