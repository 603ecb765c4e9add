import { setTimeout as delay } from 'node:timers/promises';
import type { HostProcess } from '../../src/testing.ts';

export interface Status {
  readonly name: string;
  readonly instanceId: string;
  readonly runtimeStatus: string;
  readonly input: unknown;
  readonly output: unknown;
  readonly customStatus: unknown;
  readonly historyEvents?: Record<string, unknown>[];
}

/** Starts an orchestration through the app's own HTTP function. */
export async function start(
  host: HostProcess,
  name: string,
  input: unknown,
  id?: string,
): Promise<{ id: string; statusQueryGetUri: string }> {
  const path = id === undefined ? name : `${name}/${id}`;
  const response = await fetch(`${host.url}/api/start/${path}`, { method: 'POST', body: JSON.stringify(input) });
  if (response.status !== 202)
    throw new Error(`start of ${name} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as { id: string; statusQueryGetUri: string };
}

export async function status(host: HostProcess, id: string, query = ''): Promise<Status> {
  const response = await fetch(
    `${host.url}/runtime/webhooks/durabletask/instances/${id}?code=${host.systemKey}${query}`,
  );
  if (!response.ok) throw new Error(`status of ${id} answered ${response.status}`);
  return (await response.json()) as Status;
}

/** Asks until the status satisfies `reached`; the test's own timeout ends it otherwise. */
export async function until(host: HostProcess, id: string, reached: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    const now = await status(host, id);
    if (reached(now)) return now;
    await delay(10);
  }
}

const ended = new Set(['Completed', 'Failed', 'Terminated']);

/** The status of an orchestration after its end. */
export const finished = (host: HostProcess, id: string): Promise<Status> =>
  until(host, id, ({ runtimeStatus }) => ended.has(runtimeStatus));

/** Starts an orchestration and waits for its end. */
export async function run(host: HostProcess, name: string, input: unknown, id?: string): Promise<Status> {
  return finished(host, (await start(host, name, input, id)).id);
}

export async function raise(host: HostProcess, id: string, event: string, data: unknown): Promise<number> {
  const response = await fetch(
    `${host.url}/runtime/webhooks/durabletask/instances/${id}/raiseEvent/${event}?code=${host.systemKey}`,
    {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(data),
    },
  );
  return response.status;
}

/** Calls a method of the durable client inside the app. */
export async function viaClient(
  host: HostProcess,
  call: string,
  ...given: unknown[]
): Promise<{ value?: unknown; message?: string }> {
  const response = await fetch(`${host.url}/api/client`, {
    method: 'POST',
    body: JSON.stringify({ call, with: given }),
  });
  return (await response.json()) as { value?: unknown; message?: string };
}
