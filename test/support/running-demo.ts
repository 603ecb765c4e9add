import { callerTokens } from '../../src/cli/demo/caller-token.ts';
import type { Demo, DemoOptions } from '../../src/cli/demo/start-demo.ts';
import { startWatchedDemo, type WatchedDemo } from './watched-demo.ts';

/** Starts the whole product with a credential. `stop` scans for leaks. */
export const startQuietDemo = (tenants: number, more: Pick<DemoOptions, 'hostSettings'> = {}): Promise<WatchedDemo> =>
  startWatchedDemo({ tenants, ...more });

/** A token of the caller in the simulated cloud that has exactly these roles. */
export async function tokenOfCaller({ cloud }: Pick<Demo, 'cloud'>, roles: readonly string[]): Promise<string> {
  const wanted = roles.toSorted().join();
  const caller = cloud.brokerApplication.callers.find((known) => known.roles.toSorted().join() === wanted);
  if (caller === undefined) throw new Error(`the simulated cloud has no caller with the roles ${wanted}`);
  return callerTokens(cloud, globalThis.fetch, caller)();
}

/** The first tenant in this state. */
export function tenantOf({ cloud }: Pick<Demo, 'cloud'>, state: string): Demo['cloud']['tenants'][number] {
  const tenant = cloud.tenants.find((known) => known.state === state);
  if (tenant === undefined) throw new Error(`the simulated cloud has no tenant in the state ${state}`);
  return tenant;
}

/** Lets a timer fire now. It runs after the answer. */
export async function runTimer({ masterKey = '', url }: Pick<Demo, 'masterKey' | 'url'>, name: string): Promise<void> {
  const headers = { 'x-functions-key': masterKey, 'content-type': 'application/json' };
  const { status } = await fetch(`${url}/admin/functions/${name}`, { method: 'POST', headers, body: '{}' });
  if (status !== 202) throw new Error(`the host does not run ${name}: ${status}`);
}
