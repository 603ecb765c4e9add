import { type Clock, systemClock } from './runtime/clock.ts';
import { setEnvironment } from './app/environment.ts';
import { loadApp } from './app/load-app.ts';
import { Registry } from './app/registry.ts';
import { SqliteStore } from './durable/sqlite-store.ts';
import type { Store } from './durable/store.ts';
import { readHostJson } from './app/host-json.ts';
import { HostServer } from './http/server.ts';
import type { HostOptions, RunningHost } from './options.ts';
import { serveApp } from './serve-app.ts';

export { readSettingsFile } from './app/settings.ts';
export { lineLog } from './runtime/host-log.ts';
export {
  type FunctionSummary,
  type HostLog,
  type HostLogCategory,
  type HostLogLevel,
  type HostOptions,
  HostStartError,
  type RunningHost,
} from './options.ts';

/**
 * Loads a compiled Functions app into this process and serves it. Once per process: modules stay cached.
 * @throws HostStartError with a sentence for the person who started it.
 */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  const clock: Clock = options.clock ?? systemClock;
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
