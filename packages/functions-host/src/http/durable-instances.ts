import type { DurableClient, InstanceQuery } from '../durable/operations.ts';
import { type Instance, isFinal, type RuntimeStatus, statusNumbers } from '../durable/instance.ts';
import { statusJson } from '../durable/status.ts';
import { type DurableCall, flagOf, sendMessage } from './durable-call.ts';
import { sendEmpty, sendJson } from './exchange.ts';

/** `instances/{id}`: GET sends the status, DELETE purges the instance. */
export function statusOrPurge(operations: DurableClient, call: DurableCall, instanceId: string): void {
  const instance = operations.get(instanceId);
  if (!instance) sendEmpty(call.response, 404);
  else if (call.method === 'GET') sendStatus(operations, call, instance);
  else if (call.method === 'DELETE') {
    sendJson(call.response, 200, JSON.stringify({ instancesDeleted: operations.purge(instanceId) ?? 0 }));
  } else sendEmpty(call.response, 404);
}

function sendStatus(operations: DurableClient, call: DurableCall, instance: Instance): void {
  const flag = (name: string, defaultValue: boolean): boolean => flagOf(call.url.searchParams, name, defaultValue);
  const { status } = instance.record;
  const showHistory = flag('showHistory', false) && status !== 'Pending';
  const options = { showInput: flag('showInput', true), showHistoryOutput: flag('showHistoryOutput', false) };
  const json = statusJson(instance, showHistory ? operations.history(instance) : undefined, options);
  if (!isFinal(status)) sendJson(call.response, 202, json, { location: call.url.href, 'retry-after': '5' });
  else
    sendJson(call.response, status === 'Failed' && flag('returnInternalServerErrorOnFailure', false) ? 500 : 200, json);
}

/** `instances/`: GET sends a page of statuses, DELETE purges all matching instances. */
export function listOrPurge(operations: DurableClient, call: DurableCall): void {
  const query = queryOf(call.url.searchParams);
  if (call.method === 'GET') sendPage(operations, call, query);
  else if (call.method !== 'DELETE') sendEmpty(call.response, 404);
  else if (query.createdFromMs === undefined) {
    sendMessage(call.response, 400, "Please provide value for 'createdTimeFrom' parameter.");
  } else {
    const instancesDeleted = operations.purgeBy(query);
    if (instancesDeleted === 0) sendEmpty(call.response, 404);
    else sendJson(call.response, 200, JSON.stringify({ instancesDeleted }));
  }
}

/** The default of the Azure Storage provider. */
const defaultPageSize = 100;

function sendPage(operations: DurableClient, call: DurableCall, query: InstanceQuery): void {
  const { searchParams } = call.url;
  const top = Number(searchParams.get('top'));
  const size = Number.isInteger(top) && top > 0 ? top : defaultPageSize;
  const after = continuationOf(call.request.headers['x-ms-continuation-token']);
  const all = operations.list(query).filter(({ record }) => after === undefined || record.instanceId > after);
  const page = all.slice(0, size);
  const options = { showInput: flagOf(searchParams, 'showInput', true), showHistoryOutput: false };
  const last = page.at(-1)?.record.instanceId;
  const more = all.length > size && last !== undefined ? Buffer.from(last).toString('base64url') : '';
  const json = `[${page.map((instance) => statusJson(instance, undefined, options)).join(',')}]`;
  sendJson(call.response, 200, json, { 'x-ms-continuation-token': more });
}

const continuationOf = (header: string | string[] | undefined): string | undefined =>
  typeof header === 'string' && header !== '' ? Buffer.from(header, 'base64url').toString() : undefined;

function queryOf(params: URLSearchParams): InstanceQuery {
  const time = (name: string): number | undefined => {
    const ms = Date.parse(params.get(name) ?? '');
    return Number.isNaN(ms) ? undefined : ms;
  };
  const statuses = params
    .getAll('runtimeStatus')
    .flatMap((list) => list.split(','))
    .filter((name): name is RuntimeStatus => Object.hasOwn(statusNumbers, name));
  return {
    createdFromMs: time('createdTimeFrom'),
    createdToMs: time('createdTimeTo'),
    statuses: statuses.length > 0 ? new Set(statuses) : undefined,
    idPrefix: params.get('instanceIdPrefix') ?? undefined,
  };
}
