/** Public API of the package: the embedded Azure Functions host. */
import { resolve } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { setEnvironment } from './app/environment.ts';
import { type HostJson, readHostJson } from './app/host-json.ts';
import { loadApp } from './app/load-app.ts';
import { Registry } from './app/registry.ts';
import { HubStore } from './durable/hub/hub-store.ts';
import { SqliteStore } from './durable/sqlite-store.ts';
import type { Store } from './durable/store.ts';
import { HostServer } from './http/server.ts';
import { refuseEntities, removeUnserved, requireStorageSetting } from './app/served-functions.ts';
import { warnOfUnsupported } from './app/unsupported.ts';
import type { HostOptions, RunningHost } from './options.ts';
import { captureOutput } from './runtime/captured-output.ts';
import { HostStartError } from './runtime/host-start-error.ts';
import { systemClock } from './runtime/clock.ts';
import { filteredLog } from './runtime/log-filter.ts';
import { serveApp } from './serve-app.ts';

export type { FunctionSummary } from './app/function-summary.ts';
export { type CorsSettings, readHostSection, readSettingsFile } from './app/settings.ts';
export type { HostOptions, RunningHost } from './options.ts';
export type { Clock } from './runtime/clock.ts';
export {
  type HostLog,
  type HostLogCategory,
  type HostLogLevel,
  hostLogLevels,
  lineLog,
} from './runtime/host-log.ts';
export type { LogThreshold } from './runtime/log-filter.ts';
export { HostStartError } from './runtime/host-start-error.ts';

/**
 * Loads a compiled Functions app into this process and serves it. Call it once per process: Node.js caches the app's
 * modules.
 * @throws HostStartError when the app or an option is not valid, or the port or the store is in use.
 */
export async function startHost(given: HostOptions): Promise<RunningHost> {
  const appFolder = resolve(given.appFolder);
  const clock = given.clock ?? systemClock;
  const hostJson = readHostJson(appFolder);
  const levels = given.logLevel === undefined ? hostJson.logLevels : { default: given.logLevel };
  const log = filteredLog(given.log, levels);
  const options: HostOptions = { ...given, appFolder, log };
  const storePath = given.storePath === undefined ? undefined : resolve(given.storePath);
  if (given.shared === true && storePath === undefined)
    throw new HostStartError('Hosts can share only a file. Name it with storePath.');
  const server = new HostServer();
  const port = await server.listen(options.port);
  let store: Store | undefined;
  const release = options.captureOutput === true ? captureOutput(log) : () => undefined;
  try {
    store = storePath === undefined ? undefined : openStore(storePath, options, hostJson);
    setEnvironment(process.env, { settings: options.settings, appFolder, port });
    if (isMainThread) process.chdir(appFolder);
    const registry = new Registry(log);
    const { streamUrl } = await loadApp(appFolder, registry);
    removeUnserved(registry, process.env, log);
    requireStorageSetting(registry, process.env, hostJson.durable.connectionName);
    if (options.shared === true) refuseEntities(registry);
    warnOfUnsupported(registry, appFolder, log);
    const host = serveApp({ options, clock, hostJson, server, port, store, registry, streamUrl });
    return { ...host, stop: () => host.stop().finally(release) };
  } catch (error) {
    release();
    store?.close();
    server.abort();
    await server.close();
    throw error;
  }
}

const openStore = (path: string, { shared }: HostOptions, { durable }: HostJson): Store =>
  shared === true ? new HubStore(path, durable.partitionCount) : new SqliteStore(path);
