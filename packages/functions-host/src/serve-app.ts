import { randomUUID } from 'node:crypto';
import type { Clock } from './runtime/clock.ts';
import { AppFunctions, isOf } from './app/functions.ts';
import { Invoker } from './app/invoker.ts';
import type { Registry } from './app/registry.ts';
import { triggerOf } from './app/rpc.ts';
import { DurableOperations } from './durable/operations.ts';
import { clientBindingJson } from './durable/client-links.ts';
import { Engine, type EngineDeps } from './durable/engine.ts';
import { Journal } from './durable/journal.ts';
import type { Store } from './durable/store.ts';
import { summarise, timerFunctions } from './function-list.ts';
import type { HostJson } from './app/host-json.ts';
import { type HostKeys, newKey } from './http/keys.ts';
import { RequestGate } from './http/request-gate.ts';
import { httpRoute, sortRoutes } from './http/router.ts';
import type { HostServer } from './http/server.ts';
import { type HostOptions, HostStartError, type RunningHost } from './options.ts';
import { stopHost } from './stop-host.ts';
import { TimerTriggers } from './timers/timer-trigger.ts';

/** 100 MiB, the limit of Azure Functions (Microsoft: "Azure Functions HTTP triggers", limits). */
const azureBodyLimitBytes = 104_857_600;

export interface LoadedApp {
  readonly options: HostOptions;
  readonly clock: Clock;
  readonly hostJson: HostJson;
  readonly server: HostServer;
  readonly port: number;
  readonly store: Store | undefined;
  readonly registry: Registry;
  readonly streamUrl: string | undefined;
}

/** Connects a loaded app with everything that calls it, and begins. @throws HostStartError for a bad route, schedule or setting. */
export function serveApp(app: LoadedApp): RunningHost {
  const { options, clock, hostJson, server, port, store, registry } = app;
  const { log } = options;
  const journal = new Journal(store);
  const keys = stableKeys(journal, store);
  const url = `http://127.0.0.1:${port}`;
  const links = { origin: url, hubName: hostJson.durable.hubName, systemKey: keys.system };
  const functions = new AppFunctions(registry, clientBindingJson(links));
  const invoker = new Invoker(registry);
  const common = { clock, log, invoker, journal, extraInputs: functions.extraInputs.bind(functions) };

  const timers = timerFunctions(registry, process.env, clock.nowMs(), log);
  const triggers = new TimerTriggers({ ...common, readValue: (key) => store?.readValue(key) }, timers);
  const http = functions.all().filter((item) => isOf('http', item));
  const routes = sortRoutes(http.map(({ metadata }) => httpRoute(metadata, hostJson.http.routePrefix)));
  const engine = createEngine({ ...common, settings: hostJson.durable }, functions, store);

  const summaries = summarise(registry, routes, timers);
  const maxBodyBytes = options.maxRequestBodyBytes ?? bodyLimit(process.env['FUNCTIONS_REQUEST_BODY_SIZE_LIMIT']);
  server.serve({
    routes,
    findFunction: (name) => functions.find(name),
    keys,
    requireKeys: options.requireKeys,
    customHeaders: hostJson.http.customHeaders,
    gate: new RequestGate(hostJson.http.maxConcurrentRequests, hostJson.http.maxOutstandingRequests),
    trigger: { ...common, streamUrl: app.streamUrl, maxBodyBytes },
    durable: { operations: new DurableOperations(engine), links, maxBodyBytes },
    admin: {
      functions: summaries,
      runFunction: (name, input) => triggers.runNow(name) || runByName({ functions, invoker }, name, input),
      startedAtMs: clock.nowMs(),
      nowMs: () => clock.nowMs(),
      maxBodyBytes,
    },
    log,
  });
  engine.start();
  triggers.start();

  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= stopHost({ log, server, store, registry, engine, triggers, invoker, journal });
    return stopped;
  };
  const { master: masterKey, function: functionKey, system: systemKey } = keys;
  return { url, port, functions: summaries, masterKey, functionKey, systemKey, stop };
}

function createEngine(
  deps: Omit<EngineDeps, 'findFunction' | 'fetch' | 'newGuid'>,
  functions: AppFunctions,
  store: Store | undefined,
): Engine {
  const engine = new Engine({
    ...deps,
    findFunction: (kind, name) => functions.findOf(kind, name),
    fetch: (address, init) => fetch(address, init),
    newGuid: () => randomUUID(),
  });
  if (store) engine.load(store.load());
  return engine;
}

/** @throws HostStartError when the setting is no number of bytes. */
function bodyLimit(setting: string | undefined): number {
  if (setting === undefined || setting === '') return azureBodyLimitBytes;
  if (!/^[1-9]\d{0,14}$/.test(setting))
    throw new HostStartError(`FUNCTIONS_REQUEST_BODY_SIZE_LIMIT is no number of bytes: ${setting}.`);
  return Number(setting);
}

/** Keys that outlive the process when there is a store: a status address handed out yesterday still works. */
function stableKeys(journal: Journal, store: Store | undefined): HostKeys {
  const known = store?.readValue('keys');
  if (known !== undefined) return JSON.parse(known) as HostKeys;
  const keys: HostKeys = { master: newKey(), function: newKey(), system: newKey() };
  journal.saveValue('keys', JSON.stringify(keys));
  journal.commit();
  return keys;
}

/** Runs a function that has no HTTP trigger once. @returns false when there is none of that name. */
function runByName(
  { functions, invoker }: { functions: AppFunctions; invoker: Invoker },
  name: string,
  input: string | undefined,
): boolean {
  const target = functions.find(name);
  if (!target || isOf('http', target)) return false;
  const trigger = { name: triggerOf(target.metadata).name, data: input === undefined ? {} : { string: input } };
  void invoker.invoke(target, { inputData: [trigger, ...functions.extraInputs(target)] });
  return true;
}
