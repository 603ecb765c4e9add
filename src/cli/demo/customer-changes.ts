import { setTimeout as delay } from 'node:timers/promises';
import { changeTenant } from 'microsoft-cloud/client';
import type { EventsAnswer, TenantsAnswer } from '../../lib/api/answers/tenants.ts';
import { dayMs } from '../../lib/core/clock.ts';
import type { Demo } from './start-demo.ts';

type Changing = Pick<Demo, 'callerToken' | 'cloud' | 'masterKey' | 'url'>;

const pollMs = 500;

/**
 * Lets something happen to two customers of the simulated cloud, so that a visitor finds events: the relationship with one
 * ends soon, and that with another has ended. The broker looks at its customers before and after. Does nothing while the
 * broker cannot look, nor without the key that starts a timer.
 */
export async function changeCustomers(demo: Changing, signal: AbortSignal): Promise<void> {
  const { callerToken, cloud, masterKey, url } = demo;
  if (masterKey === undefined) return;
  const look = async (): Promise<void> => {
    const headers = { 'x-functions-key': masterKey, 'content-type': 'application/json' };
    await fetch(`${url}/admin/functions/watch-tenants`, { method: 'POST', headers, body: '{}', signal });
  };
  const read = async (path: string): Promise<unknown> => {
    const headers = { authorization: `Bearer ${await callerToken()}` };
    const response = await fetch(`${url}/api/${path}`, { headers, signal });
    return response.ok ? response.json() : {};
  };
  try {
    await look();
    // What is there at the first look is no event.
    while (((await read('events?limit=1')) as Partial<EventsAnswer>).lookedAt === undefined)
      await delay(pollMs, undefined, { signal });
    const { tenants = [] } = (await read('tenants')) as Partial<TenantsAnswer>;
    const works = new Set(cloud.tenants.flatMap(({ state, tenantId }) => (state === 'ok' ? [tenantId] : [])));
    // What its jobs last found must not contradict what happens now.
    const [ending, ended] = tenants
      .filter(({ reason, tenantId }) => reason === 'gdap_active' && works.has(tenantId))
      .toReversed();
    if (ending === undefined || ended === undefined) return;
    await changeTenant(cloud.control, ending.tenantId, { relationshipEndsInMs: 6 * dayMs });
    await changeTenant(cloud.control, ended.tenantId, { state: 'gdap_expired' });
    await look();
  } catch {
    // The demo also runs with faults, and may end at any time.
  }
}

/** Tags customers as the examples of the documentation do. It does nothing while the broker cannot take it. */
export async function tagCustomers(demo: Omit<Changing, 'masterKey'>): Promise<void> {
  const { callerToken, cloud, url } = demo;
  const [, ...working] = cloud.tenants.filter(({ state }) => state === 'ok');
  for (const [at, { tenantId }] of working.slice(0, 6).entries()) {
    const headers = { authorization: `Bearer ${await callerToken()}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ add: at === 0 ? ['managed', 'trial'] : ['managed'] });
    const address = `${url}/api/tenants/${tenantId}/tags`;
    await fetch(address, { method: 'PUT', headers, body, signal: AbortSignal.timeout(10_000) }).catch(() => undefined);
  }
}
