import { randomUUID } from 'node:crypto';
import { request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Invoker } from '../app/invoker.ts';
import type { RegisteredFunction } from '../app/registry.ts';
import { type NamedData, type TypedData, triggerOf } from '../app/rpc.ts';
import { stackOf } from '../runtime/errors.ts';
import type { HostLog } from '../runtime/host-log.ts';
import { BodyTooLargeError, readBody, sendEmpty } from './exchange.ts';
import { joinedHeaders, joinedQuery, toRpcRequest, writeRpcResponse } from './rpc-http.ts';

export interface HttpTriggerDeps {
  readonly invoker: Invoker;
  /** Values of the function's other input bindings (durable clients). */
  readonly extraInputs: (target: RegisteredFunction) => NamedData[];
  /** Where the library serves streamed HTTP; undefined when the app did not enable it. */
  readonly streamUrl: string | undefined;
  readonly maxBodyBytes: number;
  readonly log: HostLog;
}

/** A request that has been routed to a function. */
interface RoutedExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly params: Readonly<Record<string, string>>;
}

/** Runs an HTTP function and sends its response. @throws BodyTooLargeError */
export async function runHttpTrigger(
  deps: HttpTriggerDeps,
  target: RegisteredFunction,
  exchange: RoutedExchange,
): Promise<void> {
  const { request, response, url, params } = exchange;
  const name = triggerOf(target.metadata).name;
  if (deps.streamUrl !== undefined) {
    await runStreamed(deps, deps.streamUrl, target, exchange);
    return;
  }
  const body = await readWholeBody(deps, target, request);
  const outcome = await deps.invoker.invoke(target, {
    inputData: [{ name, data: { http: toRpcRequest(request, url, params, body) } }, ...deps.extraInputs(target)],
  });
  if (outcome.ok) writeRpcResponse(response, outcome.response.returnValue);
  else sendFailure(deps, target, response, outcome.error);
}

async function readWholeBody(
  deps: HttpTriggerDeps,
  target: RegisteredFunction,
  request: IncomingMessage,
): Promise<Buffer> {
  const body = await readBody(request, deps.maxBodyBytes);
  if (body.length > 0 && request.headers['content-length'] === undefined) {
    // The real host reads a body only if the request has a Content-Length.
    deps.log(
      'warning',
      'system',
      'A body without Content-Length reaches the function empty, unless HTTP streaming is enabled.',
      target.metadata.name,
    );
    return Buffer.alloc(0);
  }
  return body;
}

function sendFailure(deps: HttpTriggerDeps, target: RegisteredFunction, response: ServerResponse, error: Error): void {
  deps.log('error', 'system', `Executed with an error: ${stackOf(error)}`, target.metadata.name);
  if (response.headersSent) response.destroy();
  else sendEmpty(response, 500);
}

/**
 * Runs a function with HTTP streaming. The invocation has no body: the host forwards the request to the library's own
 * server and pipes the response back.
 */
async function runStreamed(
  deps: HttpTriggerDeps,
  streamUrl: string,
  target: RegisteredFunction,
  { request, response, url, params }: RoutedExchange,
): Promise<void> {
  if (Number(request.headers['content-length'] ?? 0) > deps.maxBodyBytes) throw new BodyTooLargeError();
  const invocationId = randomUUID();
  const triggerMetadata: Record<string, TypedData> = {
    Query: { json: JSON.stringify(joinedQuery(url)) },
    Headers: { json: JSON.stringify(joinedHeaders(request)) },
  };
  for (const [name, value] of Object.entries(params)) triggerMetadata[name] = { string: value };
  const reply = forwardRequest(new URL(`${url.pathname}${url.search}`, streamUrl), request, deps.maxBodyBytes, {
    'x-ms-invocation-id': invocationId,
    'x-forwarded-host': url.host,
    'x-forwarded-proto': 'http',
  });
  const piped = reply.response.then(async (incoming) => {
    const { 'x-ms-invocation-id': _invocationId, ...headers } = incoming.headers;
    response.writeHead(incoming.statusCode ?? 200, headers);
    await pipeline(incoming, response);
  });
  piped.catch(() => undefined);
  const inputData = [{ name: triggerOf(target.metadata).name, data: { http: {} } }, ...deps.extraInputs(target)];
  const outcome = await deps.invoker.invoke(target, { invocationId, triggerMetadata, inputData });
  if (outcome.ok && outcome.raw !== undefined && outcome.raw !== null) {
    await piped.catch((error: unknown) =>
      deps.log('warning', 'system', `The streamed response was interrupted: ${String(error)}`, target.metadata.name),
    );
    return;
  }
  // The library sends no response when the function returns nothing or throws.
  reply.abort();
  if (reply.tooLarge()) throw new BodyTooLargeError();
  if (outcome.ok) sendEmpty(response, 204);
  else sendFailure(deps, target, response, outcome.error);
}

/** The response of the library's server to a forwarded request. */
interface ForwardedReply {
  readonly response: Promise<IncomingMessage>;
  readonly tooLarge: () => boolean;
  readonly abort: () => void;
}

function forwardRequest(
  url: URL,
  request: IncomingMessage,
  maxBodyBytes: number,
  headers: Record<string, string>,
): ForwardedReply {
  const outgoing = forward(url, { method: request.method, headers: { ...request.headers, ...headers } });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size > maxBodyBytes) outgoing.destroy(new BodyTooLargeError());
  });
  request.pipe(outgoing);
  return { response, tooLarge: () => size > maxBodyBytes, abort: () => outgoing.destroy() };
}
