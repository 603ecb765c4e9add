import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningChild, startChild } from '../../../src/local/child.ts';
import { type Demo, startDemo } from '../../../src/local/demo/start-demo.ts';
import type { RunSummary, RunView } from '../../../src/lib/runs/run-view.ts';
import { appFolder, ptbScript } from '../../paths.ts';

export interface RunStack {
  readonly demo: Demo;
  /** A second host on a store of its own, that a test may kill and start again. */
  startHost(): Promise<RunningChild<{ url: string }>>;
  call(
    url: string,
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
  ): Promise<{ status: number; headers: Headers; text: string }>;
  /** Waits until the run has ended. */
  ended(url: string, runId: string): Promise<RunView>;
  /** Steers the simulated cloud. */
  control(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

/** Azurite, the simulated cloud with `tenants` customers, a credential, and the compiled app on the embedded host. */
export async function startRunStack(
  tenants: number,
  settings: Readonly<Record<string, string>> = {},
  more: { readonly plain?: boolean; readonly hostStorePath?: string } = {},
): Promise<RunStack> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-runs-'));
  const demo = await startDemo({
    tenants,
    faults: undefined,
    delayMs: 20,
    port: 0,
    ptbScript,
    appFolder,
    say: () => undefined,
    hostSettings: async () => settings,
    ...more,
  });
  const hosts: RunningChild<{ url: string }>[] = [];
  const stack: RunStack = {
    demo,
    startHost: async () => {
      const host = await startChild<{ url: string }>(
        ptbScript,
        ['host', '--json', '--app', appFolder, '--port', '0', '--store', join(folder, 'hub.db')],
        {
          environment: { ...demo.environment, ...settings },
        },
      );
      hosts.push(host);
      return host;
    },
    call: async (url, method, path, body) => {
      const response = await fetch(`${url}/api${path}`, {
        method,
        headers: { authorization: `Bearer ${await demo.callerToken()}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(30_000),
      });
      return { status: response.status, headers: response.headers, text: await response.text() };
    },
    ended: async (url, runId) => {
      for (;;) {
        const { status, text } = await stack.call(url, 'GET', `/runs/${encodeURIComponent(runId)}`);
        if (status !== 200) throw new Error(`${status} ${text}`);
        const run = JSON.parse(text) as RunView;
        if (run.status !== 'pending' && run.status !== 'running') return run;
        await sleep(50);
      }
    },
    control: async (method, path, body) => {
      const response = await fetch(`${demo.cloud.control}${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (!response.ok) throw new Error(`control ${path}: ${response.status} ${await response.text()}`);
      const text = await response.text();
      return text === '' ? undefined : (JSON.parse(text) as unknown);
    },
    stop: async () => {
      await Promise.all(hosts.map((host) => host.stop()));
      await demo.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return stack;
}

export const started = ({ text }: { readonly text: string }): string => (JSON.parse(text) as { runId: string }).runId;
export type { RunSummary };
