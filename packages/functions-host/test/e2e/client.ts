import { setTimeout as delay } from 'node:timers/promises';
import type { HostProcess } from '../../src/testing.ts';

interface Status {
  readonly name: string;
  readonly instanceId: string;
  readonly runtimeStatus: string;
  readonly input: unknown;
  readonly output: unknown;
  readonly customStatus: unknown;
  readonly historyEvents?: Record<string, unknown>[];
}

/** Starts an orchestration through the HTTP function `start` of the app. */
export async function start(
  host: HostProcess,
  name: string,
  input: unknown,
  id?: string,
): Promise<{ id: string; statusQueryGetUri: string }> {
  const path = id === undefined ? name : `${name}/${id}`;
  const response = await fetch(`${host.url}/api/start/${path}`, { method: 'POST', body: JSON.stringify(input) });
  if (response.status !== 202)
    throw new Error(`start of ${name} returned ${response.status}: ${await response.text()}`);
  return (await response.json()) as { id: string; statusQueryGetUri: string };
}

export async function status(host: HostProcess, id: string, query = ''): Promise<Status> {
  const response = await fetch(
    `${host.url}/runtime/webhooks/durabletask/instances/${id}?code=${host.systemKey}${query}`,
  );
  if (!response.ok) throw new Error(`status of ${id} returned ${response.status}`);
  return (await response.json()) as Status;
}

/** Polls the status until `condition` holds. The timeout of the test limits the wait. */
export async function until(host: HostProcess, id: string, condition: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    const current = await status(host, id);
    if (condition(current)) return current;
    await delay(10);
  }
}

const finalStatuses = new Set(['Completed', 'Failed', 'Terminated']);

/** Waits until an orchestration has ended. @returns its status. */
export const finished = (host: HostProcess, id: string): Promise<Status> =>
  until(host, id, ({ runtimeStatus }) => finalStatuses.has(runtimeStatus));

/** Starts an orchestration and waits until it has ended. */
export async function run(host: HostProcess, name: string, input: unknown, id?: string): Promise<Status> {
  return finished(host, (await start(host, name, input, id)).id);
}

/** Raises an event through the webhook. @returns the response status. */
export async function raiseEvent(host: HostProcess, id: string, name: string, value: unknown): Promise<number> {
  const response = await fetch(
    `${host.url}/runtime/webhooks/durabletask/instances/${id}/raiseEvent/${name}?code=${host.systemKey}`,
    {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(value),
    },
  );
  return response.status;
}

/** Calls a method of the durable client through the HTTP function `client` of the app. */
export async function callClient(
  host: HostProcess,
  method: string,
  ...args: unknown[]
): Promise<{ value?: unknown; message?: string }> {
  const response = await fetch(`${host.url}/api/client`, {
    method: 'POST',
    body: JSON.stringify({ call: method, with: args }),
  });
  return (await response.json()) as { value?: unknown; message?: string };
}
