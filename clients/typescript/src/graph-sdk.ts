import { parseObject } from './broker-exchange.ts';
import { isBrokerFailure, failureOf } from './gateway-exchange.ts';
import type { GatewayClient } from './gateway-client.ts';

/** The used part of the context that `@microsoft/microsoft-graph-client` passes to its middleware. */
export interface GraphContext {
  request: string | Request | URL;
  options?: RequestInit;
  response?: Response;
}

/** A middleware of `@microsoft/microsoft-graph-client`. */
export interface GraphMiddleware {
  execute(context: GraphContext): Promise<void>;
}

/**
 * The last middleware of a client of `@microsoft/microsoft-graph-client`, which sends its requests through the gateway:
 * `Client.initWithMiddleware({ baseUrl: gateway.baseUrl, middleware: graphMiddleware(gateway) })`. Errors of the broker become
 * a `GraphError` with the broker's code.
 */
export function graphMiddleware(gateway: GatewayClient): GraphMiddleware {
  const send = graphFetch(gateway);
  return {
    execute: async (context) => {
      context.response = await send(context.request, context.options);
    },
  };
}

/**
 * A `fetch` for SDKs of Microsoft Graph that accept one, with `gateway.baseUrl` as their base URL. It sends the caller's token
 * instead of any other, and returns errors of the broker in the form of Graph's.
 */
export function graphFetch(
  gateway: GatewayClient,
): (input: string | URL | Request, init?: RequestInit) => Promise<Response> {
  return async (input, init) => {
    const isRequest = input instanceof Request;
    const response = await gateway.fetch(
      isRequest ? input.url : String(input),
      isRequest ? await initOf(input, init) : init,
    );
    return isBrokerFailure(response) ? inFormOfGraph(response) : response;
  };
}

/** The parts of a request, so that it can be sent again. */
async function initOf(request: Request, init?: RequestInit): Promise<RequestInit> {
  const { method, headers, signal } = request;
  const body = request.body === null ? {} : { body: await request.arrayBuffer() };
  return { method, headers, signal, ...body, ...init };
}

async function inFormOfGraph(response: Response): Promise<Response> {
  const { code, message, advice, correlationId } = failureOf(response, parseObject(await response.text()));
  const innerError = { advice, 'request-id': correlationId, 'client-request-id': correlationId, date: new Date() };
  const headers = new Headers(response.headers);
  headers.set('content-type', 'application/json');
  headers.delete('content-length');
  return new Response(JSON.stringify({ error: { code, message: `${message} ${advice ?? ''}`.trim(), innerError } }), {
    status: response.status,
    headers,
  });
}
