import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DurableClient, SendResult } from '../durable/operations.ts';
import { type LinkBase, managementUrls } from '../durable/client-links.ts';
import { isFinal } from '../durable/instance.ts';
import {
  bodyText,
  type DurableCall,
  flagOf,
  isJsonRequest,
  isJsonText,
  jsonBody,
  sendMessage,
} from './durable-call.ts';
import { listOrPurge, statusOrPurge } from './durable-instances.ts';
import { sendEmpty, sendJson } from './exchange.ts';
import type { RequestAddress } from './request-address.ts';

export interface DurableApiDeps {
  readonly operations: DurableClient;
  readonly links: LinkBase;
  readonly maxBodyBytes: number;
}

/** The request, its response and its parsed URL. */
interface UrlExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: RequestAddress;
}

/**
 * The HTTP API of the Durable Task extension (Microsoft: "HTTP APIs in Durable Functions"). The caller must have
 * checked the key.
 * @param path the decoded segments below the base path.
 */
export async function answerDurableApi(
  deps: DurableApiDeps,
  path: readonly string[],
  { request, response, url }: UrlExchange,
): Promise<void> {
  const { maxBodyBytes, operations } = deps;
  const call: DurableCall = { request, response, url, method: request.method ?? 'GET', maxBodyBytes };
  const [collection, first = '', second, third] = path;
  const post = call.method === 'POST';
  const shape = path.some((part) => part === '') ? 'malformed' : `${collection} ${path.length}`;
  if (shape === 'instances 1') listOrPurge(operations, call);
  else if (shape === 'instances 2') statusOrPurge(operations, call, first);
  else if ((shape === 'orchestrators 2' || shape === 'orchestrators 3') && post) await start(deps, call, first, second);
  else if (shape === 'instances 3' && post) manage(deps, call, first, (second ?? '').toLowerCase());
  else if (shape === 'instances 4' && post && second?.toLowerCase() === 'raiseevent')
    await raiseEvent(deps, call, first, third ?? '');
  else if (shape === 'entities 3') await handleEntity(deps, call, first, second ?? '');
  else sendEmpty(response, 404);
}

async function start(
  deps: DurableApiDeps,
  call: DurableCall,
  name: string,
  instanceId: string | undefined,
): Promise<void> {
  const input = await jsonBody(call);
  if (input === undefined) return;
  const version = call.url.searchParams.get('version') ?? undefined;
  const result = deps.operations.start(name, { instanceId, input, version });
  if (result.kind === 'started') sendStarted(deps, call.response, result.instanceId);
  else if (result.kind === 'invalid') sendMessage(call.response, 400, result.reason);
  else sendMessage(call.response, 409, `An Orchestration instance with the status ${result.status} already exists.`);
}

function sendStarted(deps: DurableApiDeps, response: ServerResponse, instanceId: string): void {
  const links = managementUrls(deps.links, instanceId);
  sendJson(response, 202, JSON.stringify(links), { location: links['statusQueryGetUri'] ?? '', 'retry-after': '10' });
}

const statusOf: Readonly<Record<SendResult, number>> = { accepted: 202, notFound: 404, gone: 410, refused: 500 };

function manage(deps: DurableApiDeps, call: DurableCall, instanceId: string, operation: string): void {
  if (operation === 'terminate' || operation === 'suspend' || operation === 'resume') {
    const reason = call.url.searchParams.get('reason') ?? '';
    const result = deps.operations.control(instanceId, operation, reason);
    if (result === 'refused') sendRefused(deps, call, instanceId, operation);
    else sendEmpty(call.response, statusOf[result]);
  } else if (operation === 'rewind') {
    if (!deps.operations.get(instanceId)) sendEmpty(call.response, 404);
    else sendMessage(call.response, 501, 'The rewind operation is not supported by the local host.');
  } else if (operation === 'restart') restart(deps, call, instanceId);
  else sendEmpty(call.response, 404);
}

function sendRefused(deps: DurableApiDeps, call: DurableCall, instanceId: string, operation: string): void {
  const status = deps.operations.get(instanceId)?.record.status ?? 'unknown';
  const reason = `Cannot ${operation} the orchestration instance ${instanceId} because instance is in the ${status} state.`;
  const message = 'Something went wrong while processing your request';
  sendJson(call.response, 500, JSON.stringify({ Message: message, ExceptionMessage: reason }));
}

function restart(deps: DurableApiDeps, call: DurableCall, instanceId: string): void {
  const record = deps.operations.get(instanceId)?.record;
  if (!record) {
    sendMessage(call.response, 400, 'InstanceId does not match a valid orchestration instance.');
    return;
  }
  const newId = flagOf(call.url.searchParams, 'restartWithNewInstanceId', true);
  const result = deps.operations.start(record.name, {
    instanceId: newId ? undefined : instanceId,
    input: record.input,
  });
  if (result.kind === 'started') sendStarted(deps, call.response, result.instanceId);
  else if (result.kind === 'invalid') sendMessage(call.response, 400, result.reason);
  else sendMessage(call.response, 409, 'The instance has not ended.');
}

async function raiseEvent(deps: DurableApiDeps, call: DurableCall, instanceId: string, name: string): Promise<void> {
  const instance = deps.operations.get(instanceId);
  if (!instance || isFinal(instance.record.status)) {
    sendEmpty(call.response, instance ? 410 : 404);
    return;
  }
  if (!isJsonRequest(call.request)) {
    sendMessage(call.response, 400, 'Only application/json request content is supported');
    return;
  }
  const input = await jsonBody(call);
  // The instance may have ended while the body arrived.
  if (input !== undefined) sendEmpty(call.response, statusOf[deps.operations.raiseEvent(instanceId, name, input)]);
}

async function handleEntity(deps: DurableApiDeps, call: DurableCall, name: string, key: string): Promise<void> {
  if (call.method === 'GET') {
    const state = deps.operations.readEntity(name, key);
    if (state === undefined) sendEmpty(call.response, 404);
    else sendJson(call.response, 200, state);
    return;
  }
  if (call.method !== 'POST' && call.method !== 'DELETE') {
    sendEmpty(call.response, 404);
    return;
  }
  const body = await bodyText(call);
  if (isJsonRequest(call.request) && body !== '' && !isJsonText(body)) {
    sendMessage(call.response, 400, 'Could not parse JSON content.');
    return;
  }
  const input = body === '' ? undefined : isJsonRequest(call.request) ? body : JSON.stringify(body);
  const operation = call.method === 'DELETE' ? 'delete' : (call.url.searchParams.get('op') ?? '');
  deps.operations.signalEntity(name, key, operation, input);
  sendEmpty(call.response, 202);
}
