import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RegisteredFunction } from '../app/registry.ts';
import { triggerOf } from '../app/rpc.ts';
import { stackOf } from '../runtime/errors.ts';
import { readBody, sendEmpty } from './exchange.ts';
import type { HttpTriggerDeps, RoutedExchange } from './routed-exchange.ts';
import { incomingTrace, toRpcRequest, writeRpcResponse } from './rpc-http.ts';
import { runStreamed } from './streamed-trigger.ts';

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
    trace: incomingTrace(request),
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
