/** Public API of the package: the embedded Azure Functions host. */
import { setEnvironment } from './app/environment.ts';
import { readHostJson } from './app/host-json.ts';
import { loadApp } from './app/load-app.ts';
import { Registry } from './app/registry.ts';
import { SqliteStore } from './durable/sqlite-store.ts';
import type { Store } from './durable/store.ts';
import { HostServer } from './http/server.ts';
import type { HostOptions, RunningHost } from './options.ts';
import { systemClock } from './runtime/clock.ts';
import { serveApp } from './serve-app.ts';

export type { FunctionSummary } from './app/function-summary.ts';
export { readSettingsFile } from './app/settings.ts';
export type { HostOptions, RunningHost } from './options.ts';
export type { Clock } from './runtime/clock.ts';
export { type HostLog, type HostLogCategory, type HostLogLevel, lineLog } from './runtime/host-log.ts';
export { HostStartError } from './runtime/host-start-error.ts';

/**
 * Loads a compiled Functions app into this process and serves it. Call it once per process: Node.js caches the app's
 * modules.
 * @throws HostStartError when the app or an option is not valid, or the port or the store is in use.
 */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  const clock = options.clock ?? systemClock;
  const hostJson = readHostJson(options.appFolder);
  const server = new HostServer();
  const port = await server.listen(options.port);
  let store: Store | undefined;
  try {
    store = options.storePath === undefined ? undefined : new SqliteStore(options.storePath);
    setEnvironment(process.env, options.settings, port);
    const registry = new Registry(options.log);
    const { streamUrl } = await loadApp(options.appFolder, registry);
    return serveApp({ options, clock, hostJson, server, port, store, registry, streamUrl });
  } catch (error) {
    store?.close();
    server.abort();
    await server.close();
    throw error;
  }
}
