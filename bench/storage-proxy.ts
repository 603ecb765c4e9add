import { join } from 'node:path';
import { type RunningChild, startChild } from '../src/cli/demo/child.ts';

/** A proxy between the function app and Azurite. */
export interface StorageProxy {
  readonly connectionString: string;
  /** Requests since the last call, by kind: `POST $batch`, `PUT results`, … */
  counts(): Promise<Readonly<Record<string, number>>>;
  /** Everything since the start, by method and name of a table, container or queue; `poll …` for an empty queue. */
  traffic(): Promise<Readonly<Record<string, Traffic>>>;
  stop(): Promise<void>;
}

export interface Traffic {
  readonly requests: number;
  readonly bytes: number;
}

const endpoint = (connectionString: string, service: string): URL =>
  new URL(new RegExp(`${service}Endpoint=([^;]+)`).exec(connectionString)?.[1] ?? '');

/**
 * @param acknowledgeMs Acknowledges transactions of the audit log after this time, milliseconds, without storing them. If
 * absent, the proxy forwards every request to Azurite.
 */
export async function startStorageProxy(connectionString: string, acknowledgeMs?: number): Promise<StorageProxy> {
  const started: RunningChild<{ url: string }>[] = [];
  let between = connectionString;
  for (const service of ['Table', 'Blob', 'Queue']) {
    const { origin, pathname } = endpoint(connectionString, service);
    const script = join(import.meta.dirname, 'apps/storage-proxy.ts');
    const child = await startChild<{ url: string }>(script, [
      origin,
      ...(acknowledgeMs === undefined ? [] : [`${acknowledgeMs}`]),
    ]);
    started.push(child);
    between = between.replace(
      `${service}Endpoint=${origin}${pathname}`,
      `${service}Endpoint=${child.ready.url}${pathname}`,
    );
  }
  return {
    connectionString: between,
    counts: async () => {
      const all: Record<string, number> = {};
      for (const { ready } of started) {
        const counts = (await (await fetch(`${ready.url}/counts`)).json()) as Record<string, number>;
        for (const [kind, count] of Object.entries(counts)) all[kind] = (all[kind] ?? 0) + count;
      }
      return all;
    },
    traffic: async () => {
      const all: Record<string, Traffic> = {};
      for (const { ready } of started) Object.assign(all, await (await fetch(`${ready.url}/traffic`)).json());
      return all;
    },
    stop: async () => {
      for (const child of started) await child.stop();
    },
  };
}
