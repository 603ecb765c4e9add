import { readLedger, resetLedger } from 'microsoft-cloud/client';
import { type RunningChild, startChild } from '../../../src/cli/demo/child.ts';
import { Limiter } from '../../../src/lib/core/limiter.ts';
import { appFolder, ptbScript } from '../../paths.ts';
import { startWatchedDemo, type WatchedDemo } from '../../support/watched-demo.ts';

interface Host {
  readonly url: string;
  readonly child: RunningChild<{ url: string }> | undefined;
}

export interface Instances {
  readonly demo: WatchedDemo;
  readonly hosts: readonly Host[];
  /** Requests tokens for tenants and resources on one host, `atOnce` at a time. @returns the statuses. */
  readonly askForTokens: (
    host: Host,
    tenants: readonly string[],
    resources: readonly string[],
    atOnce?: number,
  ) => Promise<number[]>;
  stop(): Promise<void>;
}

/** Starts hosts that share the storage account, the policy and the credential, as instances of one app do. */
export async function startInstances(
  count: number,
  { tenants, delayMs, settings }: { tenants: number; delayMs: number; settings: Readonly<Record<string, string>> },
): Promise<Instances> {
  const hostSettings = { CALLER_REQUESTS_PER_MINUTE: '1000000', ...settings };
  const demo = await startWatchedDemo({ tenants, delayMs, plain: true, hostSettings: async () => hostSettings });
  const hosts: Host[] = [{ url: demo.url, child: undefined }];
  for (let n = 1; n < count; n += 1) {
    const child = await startChild<{ url: string }>(ptbScript, ['host', '--json', '--app', appFolder, '--port', '0'], {
      environment: { ...demo.environment, ...hostSettings },
      onLine: (line) => demo.note(`log of instance ${n}`, line),
    });
    hosts.push({ url: child.ready.url, child });
  }
  const authorization = `Bearer ${await demo.callerToken()}`;
  const ask = async ({ url }: Host, tenant: string, resource: string): Promise<number> => {
    const response = await fetch(`${url}/api/tokens`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ tenant, resource }),
    });
    await response.arrayBuffer();
    return response.status;
  };
  // The lists of tenants and the credential are loaded first, as in instances that have run for a minute.
  await Promise.all(hosts.map((host) => ask(host, demo.cloud.tenants[0]?.tenantId ?? '', 'graph')));
  await resetLedger(demo.cloud.control);
  return {
    demo,
    hosts,
    askForTokens: (host, wanted, resources, atOnce = Infinity) => {
      const limiter = new Limiter(atOnce);
      const pairs = wanted.flatMap((tenant) => resources.map((resource) => [tenant, resource] as const));
      return Promise.all(pairs.map((pair) => limiter.run(() => ask(host, ...pair))));
    },
    stop: async () => {
      for (const { child } of hosts) await child?.stop();
      await demo.stop();
    },
  };
}

/** The part of a budget of concurrent requests that was used between two moments, from the ledger of the cloud. */
export async function usedPart(control: string, limit: number, delayMs: number): Promise<number> {
  const { requests } = await readLedger(control);
  const times = requests.filter(({ grant }) => grant === 'refresh_token').map(({ atMs }) => atMs);
  const [firstMs, lastMs] = [Math.min(...times), Math.max(...times)];
  // The instances find their shares in the first quarter, and the last fifth is not full.
  const [fromMs, toMs] = [firstMs + (lastMs - firstMs) * 0.25, firstMs + (lastMs - firstMs) * 0.8];
  const inside = times.filter((atMs) => atMs >= fromMs && atMs < toMs).length;
  return (inside * delayMs) / ((toMs - fromMs) * limit);
}
