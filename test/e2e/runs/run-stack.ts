import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningChild, startChild } from '../../../src/cli/demo/child.ts';
import type { RunAnswer } from '../../../src/lib/api/answers/runs.ts';
import { ptbScript } from '../../paths.ts';
import { skewedClock } from '../../support/skewed-clock.ts';
import { tunedApp, type TuningChanges } from '../../support/tuned-app.ts';
import { startWatchedDemo, type WatchedDemo, type WatchedDemoOptions } from '../../support/watched-demo.ts';

interface ExtraHost {
  /** Whether other hosts are on the hub at the same time. */
  readonly shared?: boolean;
  /** How far its clock is ahead, milliseconds. */
  readonly skewMs?: number;
  /** The app, if it is not that of the others. */
  readonly appFolder?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface RunStack {
  readonly demo: WatchedDemo;
  /** The folder with host.json and the built app. */
  readonly appFolder: string;
  /** Starts another host on the hub of the tests, which a test may kill and restart. */
  startHost(options?: ExtraHost): Promise<RunningChild<{ url: string }>>;
  call(
    url: string,
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
  ): Promise<{ status: number; headers: Headers; text: string }>;
  /** Resolves when the run has ended. */
  ended(url: string, runId: string): Promise<RunAnswer>;
  /** Calls the control API of the simulated cloud. */
  control(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts the whole product with `tenants` customers. `stop` scans everything its hosts wrote for leaked secrets. */
export async function startRunStack(
  tenants: number,
  tuning: TuningChanges,
  more: Pick<WatchedDemoOptions, 'plain' | 'hostStorePath' | 'startApp'> = {},
): Promise<RunStack> {
  const tuned = await tunedApp(tuning);
  const demo = await startWatchedDemo({ tenants, delayMs: 20, appFolder: tuned, ...more });
  const hosts: RunningChild<{ url: string }>[] = [];
  const stack: RunStack = {
    demo,
    appFolder: tuned,
    startHost: async ({ shared = false, skewMs = 0, appFolder = tuned, environment } = {}) => {
      const host = await startChild<{ url: string }>(
        ptbScript,
        hostArguments(appFolder, join(demo.folder, 'hub.db'), shared),
        {
          environment: { ...demo.environment, ...environment, ...skewedClock(skewMs) },
          onLine: (line) => demo.note('log of another host', line),
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
      });
      return { status: response.status, headers: response.headers, text: await response.text() };
    },
    ended: async (url, runId) => {
      for (;;) {
        const { status, text } = await stack.call(url, 'GET', `/runs/${encodeURIComponent(runId)}`);
        if (status !== 200) throw new Error(`${status} ${text}`);
        const run = JSON.parse(text) as RunAnswer;
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
    },
  };
  return stack;
}

/** A real host waits for minutes after a kill (visibility timeouts of host.json); here the store is what counts. */
const hostArguments = (app: string, store: string, shared: boolean): string[] => [
  'host',
  '--json',
  '--app',
  app,
  '--port',
  '0',
  '--store',
  store,
  '--visibility-timeout',
  // Other hosts must not take one for dead that has no processor time for a moment.
  ...(shared ? ['5', '--shared'] : ['0']),
];

export const started = ({ text }: { readonly text: string }): string => (JSON.parse(text) as { runId: string }).runId;
