import { randomUUID } from 'node:crypto';
import { request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { RegisteredFunction } from '../app/registry.ts';
import { triggerOf } from '../app/rpc.ts';
import { stackOf } from '../runtime/errors.ts';
import { BodyTooLargeError, readBody } from './exchange.ts';
import type { HttpTriggerDeps, RoutedExchange } from './routed-exchange.ts';
import { incomingTrace } from './rpc-http.ts';
import { streamedMetadata } from './streamed-metadata.ts';

const invocationHeader = 'x-ms-invocation-id';

/**
 * Runs a function with HTTP streaming. The invocation has no body: the host forwards the request to the library's own
 * server and pipes the response back. That server has no error path (azure-functions-nodejs-library issue 324), so
 * failures leave the request unanswered, as they do on the real host.
 */
export async function runStreamed(
  deps: HttpTriggerDeps,
  streamUrl: string,
  target: RegisteredFunction,
  exchange: RoutedExchange,
): Promise<void> {
  const { request, response, url } = exchange;
  if (Number(request.headers['content-length'] ?? 0) > deps.maxBodyBytes)
    throw new BodyTooLargeError(deps.maxBodyBytes);
  // The real host reads a body of known length for the trigger metadata before it forwards the request.
  const hasBody = Number(request.headers['content-length'] ?? 0) > 0;
  const body = hasBody ? await readBody(request, deps.maxBodyBytes) : undefined;
  const invocationId = randomUUID();
  const reply = forwardRequest({
    url: new URL(url.forwarded, streamUrl),
    request,
    body,
    maxBodyBytes: deps.maxBodyBytes,
    headers: { [invocationHeader]: invocationId, 'x-forwarded-host': url.host, 'x-forwarded-proto': 'http' },
  });
  response.once('close', reply.abort);
  const running = deps.invoker.invoke(target, {
    invocationId,
    triggerMetadata: streamedMetadata(exchange, body),
    inputData: [{ name: triggerOf(target.metadata).name, data: { http: {} } }, ...deps.extraInputs(target)],
    trace: incomingTrace(request),
  });
  const piped = reply.response.then((incoming) => pipeReply(incoming, response));
  piped.catch(() => undefined);
  const outcome = await Promise.race([running, reply.refused, reply.lost]);
  if (outcome === undefined) {
    deps.invoker.forget(running);
    if (reply.tooLarge()) throw new BodyTooLargeError(deps.maxBodyBytes);
    return giveUp(deps, target, response);
  }
  if (typeof outcome === 'string') {
    // The invocation waits for the request for ever.
    deps.invoker.forget(running);
    return neverAnswered(deps, target, response, outcome);
  }
  if (reply.tooLarge()) throw new BodyTooLargeError(deps.maxBodyBytes);
  if (!outcome.ok) {
    deps.log('error', 'system', `Executed with an error: ${stackOf(outcome.error)}`, target.metadata.name);
    await neverAnswered(deps, target, response, 'The function failed.');
  } else if (outcome.raw === undefined || outcome.raw === null)
    await neverAnswered(deps, target, response, 'The function returned nothing.');
  else
    await piped.catch((error: unknown) =>
      deps.log('warning', 'system', `The streamed response was interrupted: ${String(error)}`, target.metadata.name),
    );
}

function giveUp({ log }: HttpTriggerDeps, target: RegisteredFunction, response: ServerResponse): void {
  log('warning', 'system', 'The request ended before the library received it.', target.metadata.name);
  response.destroy();
}

/** Leaves the response open until the client leaves or the host stops. */
async function neverAnswered(
  { log, stopping }: HttpTriggerDeps,
  target: RegisteredFunction,
  response: ServerResponse,
  reason: string,
): Promise<void> {
  const consequence = 'With HTTP streams this request is never answered, as on the real host.';
  log('error', 'system', `${reason} ${consequence}`, target.metadata.name);
  if (stopping.aborted) response.destroy();
  if (response.closed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const destroy = (): void => {
    response.destroy();
  };
  stopping.addEventListener('abort', destroy, { once: true });
  response.once('close', () => {
    stopping.removeEventListener('abort', destroy);
    resolve();
  });
  await promise;
}

async function pipeReply(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const { [invocationHeader]: _invocationId, ...headers } = incoming.headers;
  response.writeHead(incoming.statusCode ?? 200, headers);
  await pipeline(incoming, response);
}

/** The response of the library's server to a forwarded request. */
interface ForwardedReply {
  /** A response of the function. */
  readonly response: Promise<IncomingMessage>;
  /** Resolves with the reason if the server refuses the request before it reaches the function. */
  readonly refused: Promise<string>;
  /** Resolves if the connection ends before the server has the whole request. The invocation may then wait for ever. */
  readonly lost: Promise<undefined>;
  readonly tooLarge: () => boolean;
  readonly abort: () => void;
}

interface ForwardOptions {
  readonly url: URL;
  readonly request: IncomingMessage;
  /** The body, if it has been read already. */
  readonly body: Buffer | undefined;
  readonly maxBodyBytes: number;
  readonly headers: Readonly<Record<string, string>>;
}

function forwardRequest({ url, request, body, maxBodyBytes, headers }: ForwardOptions): ForwardedReply {
  const outgoing = forward(url, { method: request.method, headers: { ...request.headers, ...headers } });
  const response = Promise.withResolvers<IncomingMessage>();
  const refused = Promise.withResolvers<string>();
  const lost = Promise.withResolvers<undefined>();
  let isAborted = false;
  outgoing.once('response', (incoming) => {
    // Only a response of the function has the id of the invocation.
    if (incoming.headers[invocationHeader] !== undefined) {
      response.resolve(incoming);
      return;
    }
    incoming.resume();
    const limit = incoming.statusCode === 431 ? ': it accepts 16 KB of headers' : '';
    refused.resolve(`The server of the library refused the request with ${incoming.statusCode}${limit}.`);
  });
  outgoing.on('error', (error) => {
    response.reject(error);
    // If only the client has left, an invocation with the whole request ends by itself.
    if (!isAborted || !outgoing.writableFinished) lost.resolve(undefined);
  });
  let size = 0;
  if (body === undefined) {
    request.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > maxBodyBytes) outgoing.destroy(new BodyTooLargeError(maxBodyBytes));
    });
    request.pipe(outgoing);
  } else outgoing.end(body);
  return {
    response: response.promise,
    refused: refused.promise,
    lost: lost.promise,
    tooLarge: () => size > maxBodyBytes,
    abort: () => {
      isAborted = true;
      outgoing.destroy();
    },
  };
}
