import { setTimeout as delay } from 'node:timers/promises';
import type { EventsAnswer } from '../../src/lib/api/answers/tenants.ts';
import type { Demo } from '../../src/cli/demo/start-demo.ts';

type Running = Pick<Demo, 'callerToken' | 'masterKey' | 'url'>;

async function send({ callerToken, url }: Running, path: string, put?: object): Promise<unknown> {
  const headers = { authorization: `Bearer ${await callerToken()}`, 'content-type': 'application/json' };
  const body = put === undefined ? {} : { method: 'PUT', body: JSON.stringify(put) };
  const response = await fetch(`${url}/api/${path}`, { headers, ...body });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Looks at the tenants until the log of events satisfies a condition. The timer does the same every ten minutes. */
async function lookUntil(demo: Running, isDone: (answer: EventsAnswer) => boolean): Promise<void> {
  for (;;) {
    await fetch(`${demo.url}/admin/functions/watch-tenants`, {
      method: 'POST',
      headers: { 'x-functions-key': demo.masterKey ?? '', 'content-type': 'application/json' },
      body: '{}',
    });
    if (isDone((await send(demo, 'events?kind=tags_changed')) as EventsAnswer)) return;
    await delay(200);
  }
}

/** Makes an event in each of these tenants, in this order: each gets a tag. */
export async function makeEvents(demo: Running, tenantIds: readonly string[], tag: string): Promise<void> {
  // What is there at the first look is no event.
  await lookUntil(demo, ({ lookedAt }) => lookedAt !== undefined);
  for (const tenantId of tenantIds) {
    await send(demo, `tenants/${tenantId}/tags`, { add: [tag] });
    await lookUntil(demo, ({ events: [newest] }) => newest?.tenantId === tenantId);
  }
}
