import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DurableOperations, InstanceQuery } from '../durable/client.ts';
import { type LinkBase, managementUrls } from '../durable/client-links.ts';
import { type Instance, isFinal, type RuntimeStatus, statusNumbers } from '../durable/instance.ts';
import { statusJson } from '../durable/status.ts';
import { readBody, sendEmpty, sendJson } from './exchange.ts';

export interface DurableApiDeps {
  readonly operations: DurableOperations;
  readonly links: LinkBase;
  readonly maxBodyBytes: number;
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly method: string;
}

/**
 * The HTTP API of the Durable Task extension (Microsoft: "HTTP APIs in Durable Functions").
 * @param path the decoded segments below the base.
 */
export async function answerDurableApi(
  deps: DurableApiDeps,
  path: readonly string[],
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const call: Call = { request, response, url, method: request.method ?? 'GET' };
  const [room, first, second, third] = path;
  const parts = path.filter((part) => part !== '').length;
  if (room === 'orchestrators' && call.method === 'POST' && first && parts <= 3) await start(deps, call, first, second);
  else if (room === 'instances' && parts === 1) listOrPurge(deps, call);
  else if (room === 'instances' && first && parts === 2) statusOrPurge(deps, call, first);
  else if (room === 'instances' && first && parts === 3 && call.method === 'POST')
    manage(deps, call, first, second ?? '');
  else if (
    room === 'instances' &&
    first &&
    second?.toLowerCase() === 'raiseevent' &&
    third &&
    parts === 4 &&
    call.method === 'POST'
  ) {
    await raiseEvent(deps, call, first, third);
  } else if (room === 'entities' && first && second !== undefined && parts <= 3)
    await entity(deps, call, first, second);
  else sendEmpty(response, 404);
}

async function start(deps: DurableApiDeps, call: Call, name: string, instanceId: string | undefined): Promise<void> {
  const input = await jsonBody(deps, call, 'null');
  if (input === undefined) return;
  const version = call.url.searchParams.get('version') ?? undefined;
  const result = deps.operations.start(name, { instanceId, input, version });
  if (result.kind === 'invalid') sendMessage(call.response, 400, result.reason);
  else if (result.kind === 'conflict')
    sendMessage(call.response, 409, `An Orchestration instance with the status ${result.status} already exists.`);
  else sendStarted(deps, call.response, result.instanceId);
}

function sendStarted(deps: DurableApiDeps, response: ServerResponse, instanceId: string): void {
  const links = managementUrls(deps.links, instanceId);
  sendJson(response, 202, JSON.stringify(links), { location: links['statusQueryGetUri'] ?? '', 'retry-after': '10' });
}

function statusOrPurge(deps: DurableApiDeps, call: Call, instanceId: string): void {
  const instance = deps.operations.get(instanceId);
  if (!instance) sendEmpty(call.response, 404);
  else if (call.method === 'GET') sendStatus(deps, call, instance);
  else if (call.method === 'DELETE')
    sendJson(call.response, 200, JSON.stringify({ instancesDeleted: deps.operations.purge(instanceId) ?? 0 }));
  else sendEmpty(call.response, 404);
}

function sendStatus(deps: DurableApiDeps, call: Call, instance: Instance): void {
  const flag = (name: string, fallback: boolean): boolean => flagOf(call.url.searchParams, name, fallback);
  const showHistory = flag('showHistory', false) && instance.record.status !== 'Pending';
  const options = {
    showInput: flag('showInput', true),
    showHistory,
    showHistoryOutput: flag('showHistoryOutput', false),
  };
  const json = statusJson(instance, showHistory ? deps.operations.history(instance) : undefined, options);
  const { status } = instance.record;
  if (!isFinal(status)) sendJson(call.response, 202, json, { location: call.url.href, 'retry-after': '5' });
  else
    sendJson(call.response, status === 'Failed' && flag('returnInternalServerErrorOnFailure', false) ? 500 : 200, json);
}

/** How many instances a page holds when the caller does not say (the Azure Storage provider's default). */
const defaultPageSize = 100;

function listOrPurge(deps: DurableApiDeps, call: Call): void {
  const { searchParams } = call.url;
  const query = queryOf(searchParams);
  if (call.method === 'DELETE') {
    if (query.createdFromMs === undefined) {
      sendMessage(call.response, 400, "Please provide value for 'createdTimeFrom' parameter.");
      return;
    }
    const instancesDeleted = deps.operations.purgeBy(query);
    if (instancesDeleted === 0) sendEmpty(call.response, 404);
    else sendJson(call.response, 200, JSON.stringify({ instancesDeleted }));
    return;
  }
  if (call.method !== 'GET') {
    sendEmpty(call.response, 404);
    return;
  }
  const top = Number(searchParams.get('top'));
  const size = Number.isInteger(top) && top > 0 ? top : defaultPageSize;
  const after = tokenText(call.request.headers['x-ms-continuation-token']);
  const all = deps.operations.list(query).filter(({ record }) => after === undefined || record.instanceId > after);
  const page = all.slice(0, size);
  const options = { showInput: flagOf(searchParams, 'showInput', true), showHistory: false, showHistoryOutput: false };
  const last = page.at(-1)?.record.instanceId;
  const more = all.length > size && last !== undefined ? Buffer.from(last).toString('base64url') : '';
  sendJson(call.response, 200, `[${page.map((instance) => statusJson(instance, undefined, options)).join(',')}]`, {
    'x-ms-continuation-token': more,
  });
}

const tokenText = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' && header !== '' ? Buffer.from(header, 'base64url').toString() : undefined;

function queryOf(params: URLSearchParams): InstanceQuery {
  const time = (name: string): number | undefined => {
    const ms = Date.parse(params.get(name) ?? '');
    return Number.isNaN(ms) ? undefined : ms;
  };
  const statuses = params
    .getAll('runtimeStatus')
    .flatMap((list) => list.split(','))
    .filter((name): name is RuntimeStatus => name in statusNumbers);
  return {
    createdFromMs: time('createdTimeFrom'),
    createdToMs: time('createdTimeTo'),
    statuses: statuses.length > 0 ? new Set(statuses) : undefined,
    idPrefix: params.get('instanceIdPrefix') ?? undefined,
  };
}

function manage(deps: DurableApiDeps, call: Call, instanceId: string, operation: string): void {
  const kind = operation.toLowerCase();
  const reason = call.url.searchParams.get('reason') ?? '';
  if (kind === 'terminate' || kind === 'suspend' || kind === 'resume') {
    sendEmpty(
      call.response,
      { accepted: 202, notFound: 404, gone: 410 }[deps.operations.control(instanceId, kind, reason)],
    );
  } else if (kind === 'rewind') {
    if (!deps.operations.get(instanceId)) sendEmpty(call.response, 404);
    else sendMessage(call.response, 501, 'The rewind operation is not supported by the local host.');
  } else if (kind === 'restart') restart(deps, call, instanceId);
  else sendEmpty(call.response, 404);
}

function restart(deps: DurableApiDeps, call: Call, instanceId: string): void {
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
  else
    sendMessage(
      call.response,
      result.kind === 'conflict' ? 409 : 400,
      result.kind === 'invalid' ? result.reason : 'The instance has not ended.',
    );
}

async function raiseEvent(deps: DurableApiDeps, call: Call, instanceId: string, name: string): Promise<void> {
  const instance = deps.operations.get(instanceId);
  if (!instance || isFinal(instance.record.status)) {
    sendEmpty(call.response, instance ? 410 : 404);
    return;
  }
  if (!isJson(call.request)) {
    sendMessage(call.response, 400, 'Only application/json request content is supported');
    return;
  }
  const input = await jsonBody(deps, call, 'null');
  if (input === undefined) return;
  // It may have ended while the body arrived.
  sendEmpty(
    call.response,
    { accepted: 202, notFound: 404, gone: 410 }[deps.operations.raiseEvent(instanceId, name, input)],
  );
}

async function entity(deps: DurableApiDeps, call: Call, name: string, key: string): Promise<void> {
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
  const body = (await readBody(call.request, deps.maxBodyBytes)).toString('utf8');
  const input = body === '' ? undefined : isJson(call.request) ? body : JSON.stringify(body);
  if (input !== undefined && !isJsonText(input)) {
    sendMessage(call.response, 400, 'Could not parse JSON content.');
    return;
  }
  const operation = call.method === 'DELETE' ? 'delete' : (call.url.searchParams.get('op') ?? '');
  deps.operations.signalEntity(name, key, operation, input);
  sendEmpty(call.response, 202);
}

/** The body as JSON text; answers 400 itself and gives undefined when it is none. */
async function jsonBody(deps: DurableApiDeps, call: Call, empty: string): Promise<string | undefined> {
  const text = (await readBody(call.request, deps.maxBodyBytes)).toString('utf8');
  if (text.trim() === '') return empty;
  if (isJsonText(text)) return text;
  sendMessage(call.response, 400, 'Invalid JSON content');
  return undefined;
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const isJson = (request: IncomingMessage): boolean =>
  (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() === 'application/json';

const flagOf = (params: URLSearchParams, name: string, fallback: boolean): boolean => {
  const value = params.get(name)?.toLowerCase();
  return value === 'true' ? true : value === 'false' ? false : fallback;
};

const sendMessage = (response: ServerResponse, status: number, message: string): void =>
  sendJson(response, status, JSON.stringify({ message }));
