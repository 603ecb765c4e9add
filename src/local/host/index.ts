import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { Invoker } from './app/invoker.ts';
import { loadApp } from './app/load-app.ts';
import { type RegisteredFunction, Registry } from './app/registry.ts';
import { type NamedData, triggerOf } from './app/rpc.ts';
import { DurableOperations } from './durable/client.ts';
import { clientBindingJson } from './durable/client-links.ts';
import { Engine } from './durable/engine.ts';
import { EntityEngine } from './durable/entity-engine.ts';
import { Journal } from './durable/journal.ts';
import { SqliteStore } from './durable/sqlite-store.ts';
import type { Store } from './durable/store.ts';
import { TaskRunner } from './durable/task-runner.ts';
import { type HostJson, readHostJson } from './host-json.ts';
import { type HostKeys, newKey } from './http/keys.ts';
import { RequestGate } from './http/request-gate.ts';
import { httpRoute, sortRoutes } from './http/router.ts';
import { HostServer } from './http/server.ts';
import { summarise, timerFunctions } from './function-list.ts';
import type { HostOptions, RunningHost } from './options.ts';
import { TimerTriggers } from './timers/timer-trigger.ts';

export { readSettingsFile } from './app/settings.ts';
export {
  type FunctionSummary,
  type HostLog,
  type HostLogCategory,
  type HostLogLevel,
  type HostOptions,
  HostStartError,
  type RunningHost,
} from './options.ts';

/** 100 MiB, the limit of Azure Functions (Microsoft: "Azure Functions HTTP triggers", limits). */
const azureBodyLimitBytes = 104_857_600;
/** How long a stop waits for running invocations, as the real host does by default. */
const stopGraceMs = 10_000;

/**
 * Loads a compiled Functions app into this process and serves it. Once per process: modules stay cached.
 * @throws HostStartError with a sentence for the person who started it.
 */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  const clock = options.clock ?? systemClock;
  const hostJson = readHostJson(options.appFolder);
  const server = new HostServer();
  const port = await server.listen(options.port);
  let store: Store | undefined;
  try {
    store = options.storePath === undefined ? undefined : new SqliteStore(options.storePath);
    setEnvironment(options.settings, port);
    const registry = new Registry(options.log);
    const { streamUrl } = await loadApp(options.appFolder, registry);
    return serve({ options, clock, hostJson, server, port, store, registry, streamUrl });
  } catch (error) {
    store?.close();
    server.abort();
    await server.close();
    throw error;
  }
}

function setEnvironment(settings: Readonly<Record<string, string>>, port: number): void {
  for (const [name, value] of Object.entries(settings)) process.env[name] = value;
  process.env['FUNCTIONS_WORKER_RUNTIME'] = 'node';
  process.env['AZURE_FUNCTIONS_ENVIRONMENT'] ??= 'Development';
  // Without it the durable client rewrites every address to port 7071.
  process.env['WEBSITE_HOSTNAME'] = `127.0.0.1:${port}`;
  // The durable client obeys HTTP_PROXY, and a proxy cannot reach this machine's loopback interface.
  for (const name of ['NO_PROXY', 'no_proxy']) {
    const listed = (process.env[name] ?? '').split(',').filter((item) => item !== '');
    process.env[name] = [...new Set([...listed, '127.0.0.1', 'localhost'])].join(',');
  }
}

interface Parts {
  readonly options: HostOptions;
  readonly clock: Clock;
  readonly hostJson: HostJson;
  readonly server: HostServer;
  readonly port: number;
  readonly store: Store | undefined;
  readonly registry: Registry;
  readonly streamUrl: string | undefined;
}

function serve(parts: Parts): RunningHost {
  const { options, clock, hostJson, server, port, store, registry } = parts;
  const journal = new Journal(store);
  const keys = stableKeys(journal, store);
  const url = `http://127.0.0.1:${port}`;
  const links = { origin: url, hubName: hostJson.durable.hubName, systemKey: keys.system };
  const invoker = new Invoker(registry);
  const extraInputs = (target: RegisteredFunction): NamedData[] => clientInputs(target, clientBindingJson(links));
  const findFunction = (name: string): RegisteredFunction | undefined => registry.functions.get(name.toLowerCase());
  const engine = createEngine(parts, { journal, invoker, extraInputs, findFunction });

  const timers = timerFunctions(registry, process.env, clock.nowMs(), options.log);
  const triggers = new TimerTriggers(
    { clock, log: options.log, invoker, extraInputs, journal, readValue: (key) => store?.readValue(key) },
    timers,
  );
  const routes = sortRoutes(
    [...registry.functions.values()]
      .filter((item) => isHttp(item))
      .map((item) => httpRoute(item.metadata, hostJson.http.routePrefix)),
  );
  const functions = summarise(registry, routes, timers);
  const maxBodyBytes = options.maxRequestBodyBytes ?? azureBodyLimitBytes;
  server.serve({
    routes,
    findFunction,
    keys,
    requireKeys: options.requireKeys,
    customHeaders: hostJson.http.customHeaders,
    gate: new RequestGate(hostJson.http.maxConcurrentRequests, hostJson.http.maxOutstandingRequests),
    trigger: { invoker, extraInputs, streamUrl: parts.streamUrl, maxBodyBytes, log: options.log },
    durable: { operations: new DurableOperations(engine), links, maxBodyBytes },
    admin: {
      functions,
      runFunction: (name, input) => triggers.runNow(name) || runByName(findFunction(name), invoker, extraInputs, input),
      startedAtMs: clock.nowMs(),
      nowMs: () => clock.nowMs(),
      log: options.log,
      maxBodyBytes,
    },
    log: options.log,
  });
  engine.resume();
  engine.entities.resume();
  triggers.start();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= stopHost({ ...parts, engine, triggers, invoker, journal });
    return stopped;
  };
  return { url, port, functions, masterKey: keys.master, functionKey: keys.function, systemKey: keys.system, stop };
}

function createEngine(
  { options, clock, hostJson, store, registry }: Parts,
  {
    journal,
    invoker,
    extraInputs,
    findFunction,
  }: {
    journal: Journal;
    invoker: Invoker;
    extraInputs: (target: RegisteredFunction) => NamedData[];
    findFunction: (name: string) => RegisteredFunction | undefined;
  },
): Engine {
  const ofKind = (kind: string, name: string): RegisteredFunction | undefined => {
    const found = findFunction(name);
    return found && triggerOf(found.metadata).binding.type.toLowerCase() === `${kind}trigger` ? found : undefined;
  };
  const engine = new Engine({
    clock,
    log: options.log,
    settings: hostJson.durable,
    invoker,
    journal,
    findFunction: ofKind,
    extraInputs,
    newGuid: () => randomUUID(),
  });
  engine.entities = new EntityEngine(engine);
  engine.tasks = new TaskRunner({
    invoker,
    findActivity: (name) => ofKind('activity', name),
    extraInputs,
    fetch: (address, init) => fetch(address, init),
    maxConcurrent: hostJson.durable.maxConcurrentActivityFunctions,
    log: options.log,
  });
  const state = store?.load();
  if (state) {
    engine.table.load(state);
    engine.entities.load(state);
  }
  options.log(
    'debug',
    'system',
    `${registry.functions.size} function(s) loaded, ${state?.instances.length ?? 0} orchestration(s) found in the store.`,
  );
  return engine;
}

const isHttp = (item: RegisteredFunction): boolean =>
  triggerOf(item.metadata).binding.type.toLowerCase() === 'httptrigger';

/** Keys that outlive the process when there is a store: a status address handed out yesterday still works. */
function stableKeys(journal: Journal, store: Store | undefined): HostKeys {
  const known = store?.readValue('keys');
  if (known !== undefined) return JSON.parse(known) as HostKeys;
  const keys: HostKeys = { master: newKey(), function: newKey(), system: newKey() };
  journal.saveValue('keys', JSON.stringify(keys));
  journal.commit();
  return keys;
}

/** The durable client for each input binding that asks for one. */
function clientInputs(target: RegisteredFunction, clientJson: string): NamedData[] {
  return Object.entries(target.metadata.bindings)
    .filter(([, { type }]) => type === 'durableClient' || type === 'orchestrationClient')
    .map(([name]) => ({ name, data: { string: clientJson } }));
}

function runByName(
  target: RegisteredFunction | undefined,
  invoker: Invoker,
  extraInputs: (target: RegisteredFunction) => NamedData[],
  input: string | undefined,
): boolean {
  if (!target || isHttp(target)) return false;
  void invoker.invoke(target, {
    inputData: [
      { name: triggerOf(target.metadata).name, data: input === undefined ? {} : { string: input } },
      ...extraInputs(target),
    ],
  });
  return true;
}

async function stopHost({
  options,
  server,
  store,
  registry,
  engine,
  triggers,
  invoker,
  journal,
}: Parts & { engine: Engine; triggers: TimerTriggers; invoker: Invoker; journal: Journal }): Promise<void> {
  triggers.stop();
  engine.stop();
  engine.entities.stop();
  const grace = AbortSignal.timeout(stopGraceMs);
  const tooLong = new Promise<void>((resolve) => grace.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([Promise.all([server.close(), invoker.idle()]), tooLong]);
  server.abort();
  for (const hook of registry.hooks('appTerminate')) {
    try {
      await hook({ hookData: {}, appHookData: registry.hookStores.app });
    } catch (error) {
      options.log('error', 'system', `An appTerminate hook failed: ${String(error)}`);
    }
  }
  journal.commit();
  store?.close();
}
