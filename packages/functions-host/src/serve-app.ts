import { randomUUID } from 'node:crypto';
import { AppFunctions, hasTrigger } from './app/functions.ts';
import type { DurableSettings, HostJson } from './app/host-json.ts';
import { Invoker } from './app/invoker.ts';
import type { Registry } from './app/registry.ts';
import { triggerOf } from './app/rpc.ts';
import { clientBindingJson } from './durable/client-links.ts';
import type { EngineDeps } from './durable/engine.ts';
import { HubStore } from './durable/hub/hub-store.ts';
import { Journal } from './durable/journal.ts';
import { ownRunner, sharedRunner } from './durable/runner.ts';
import type { Store } from './durable/store.ts';
import { listFunctions } from './function-list.ts';
import { type HostKeys, newKey } from './http/keys.ts';
import { RequestGate } from './http/request-gate.ts';
import { httpRoute, sortRoutes } from './http/router.ts';
import type { HostServer } from './http/server.ts';
import type { HostOptions, RunningHost } from './options.ts';
import type { Clock } from './runtime/clock.ts';
import { HostStartError } from './runtime/host-start-error.ts';
import { stopHost } from './stop-host.ts';
import { timerFunctions } from './timers/timer-functions.ts';
import { TimerTriggers } from './timers/timer-trigger.ts';

/** 100 MiB, the limit in Azure (Microsoft: "Azure Functions HTTP triggers", limits). */
const defaultMaxBodyBytes = 104_857_600;

interface LoadedApp {
  readonly options: HostOptions;
  readonly clock: Clock;
  readonly hostJson: HostJson;
  readonly server: HostServer;
  readonly port: number;
  readonly store: Store | undefined;
  readonly registry: Registry;
  /** Where the library serves streamed HTTP, if the app enabled it. */
  readonly streamUrl: string | undefined;
}

/**
 * Connects a loaded app to its triggers and starts them.
 * @throws HostStartError for an invalid route, schedule or setting.
 */
export function serveApp(app: LoadedApp): RunningHost {
  const { options, clock, hostJson, server, port, store, registry } = app;
  const { log } = options;
  const journal = new Journal(store);
  const keys = readOrCreateKeys(journal, store);
  const url = `http://127.0.0.1:${port}`;
  const links = { origin: url, hubName: hostJson.durable.hubName, systemKey: keys.system };
  const functions = new AppFunctions(registry, clientBindingJson(links));
  const invoker = new Invoker(registry);
  const shared = { clock, log, invoker, journal, extraInputs: functions.extraInputs.bind(functions) };

  const timers = timerFunctions(registry, process.env, clock.nowMs(), log);
  const http = functions.all().filter((item) => hasTrigger('http', item));
  const routes = sortRoutes(http.map(({ metadata }) => httpRoute(metadata, hostJson.http.routePrefix)));
  const settings = durableSettings(hostJson, options);
  const newTriggers = (own: Journal): TimerTriggers =>
    new TimerTriggers({ ...shared, journal: own, readValue: (key) => store?.readValue(key) }, timers);
  const triggers = newTriggers(journal);
  const { journal: _journal, ...withoutJournal } = shared;
  const engineDeps = { ...withoutJournal, ...engineWorld(functions), settings };
  const runner =
    store instanceof HubStore
      ? sharedRunner({ ...engineDeps, store, newTriggers })
      : ownRunner({ ...engineDeps, journal, store, triggers });
  const summaries = listFunctions(registry, routes, timers);
  const maxBodyBytes = options.maxRequestBodyBytes ?? bodyLimit(process.env['FUNCTIONS_REQUEST_BODY_SIZE_LIMIT']);
  server.serve({
    routes,
    findFunction: (name) => functions.find(name),
    keys,
    requireKeys: options.requireKeys,
    showHomepage: process.env['AzureWebJobsDisableHomepage']?.toLowerCase() !== 'true',
    cors: options.cors,
    customHeaders: hostJson.http.customHeaders,
    gate: new RequestGate(hostJson.http.maxConcurrentRequests, hostJson.http.maxOutstandingRequests),
    trigger: { ...shared, streamUrl: app.streamUrl, maxBodyBytes, stopping: server.stopping },
    durable: { operations: runner.operations, links, maxBodyBytes },
    admin: {
      functions: summaries,
      runFunction: (name, input) => triggers.runNow(name) || runByName({ functions, invoker }, name, input),
      startedAtMs: clock.nowMs(),
      nowMs: () => clock.nowMs(),
      maxBodyBytes,
    },
    log,
  });
  runner.start();
  const stopDeps = { log, server, store, registry, runner, invoker, journal };
  const { master: masterKey, function: functionKey, system: systemKey } = keys;
  return { url, port, functions: summaries, masterKey, functionKey, systemKey, stop: once(() => stopHost(stopDeps)) };
}

/** A function that calls `work` the first time and returns the same promise afterwards. */
function once(work: () => Promise<void>): () => Promise<void> {
  let started: Promise<void> | undefined;
  return () => {
    started ??= work();
    return started;
  };
}

/** The settings of host.json with the visibility timeout of the options. */
const durableSettings = ({ durable }: HostJson, { visibilityTimeoutMs }: HostOptions): DurableSettings =>
  visibilityTimeoutMs === undefined
    ? durable
    : {
        ...durable,
        controlQueueVisibilityTimeoutMs: visibilityTimeoutMs,
        workItemQueueVisibilityTimeoutMs: visibilityTimeoutMs,
      };

type EngineWorld = Pick<EngineDeps, 'findFunction' | 'fetch' | 'newGuid'>;

const engineWorld = (functions: AppFunctions): EngineWorld => ({
  findFunction: (kind, name) => functions.findByTrigger(kind, name),
  fetch: (address, init) => fetch(address, init),
  newGuid: () => randomUUID(),
});

/** @throws HostStartError when the setting is not a number of bytes. */
function bodyLimit(setting: string | undefined): number {
  if (setting === undefined || setting === '') return defaultMaxBodyBytes;
  if (!/^[1-9]\d{0,14}$/.test(setting))
    throw new HostStartError(`FUNCTIONS_REQUEST_BODY_SIZE_LIMIT must be a number of bytes, not "${setting}".`);
  return Number(setting);
}

/** Keys are kept in the store, so that status URLs that a client saved still work after a restart. */
function readOrCreateKeys(journal: Journal, store: Store | undefined): HostKeys {
  const keys: HostKeys = { master: newKey(), function: newKey(), system: newKey() };
  if (store instanceof HubStore) return JSON.parse(store.keepFirst('keys', JSON.stringify(keys))) as HostKeys;
  const stored = store?.readValue('keys');
  if (stored !== undefined) return JSON.parse(stored) as HostKeys;
  journal.saveValue('keys', JSON.stringify(keys));
  journal.commit();
  return keys;
}

/** Starts one run of a function without an HTTP trigger. @returns false when there is no such function. */
function runByName(
  { functions, invoker }: { functions: AppFunctions; invoker: Invoker },
  name: string,
  input: string | undefined,
): boolean {
  const target = functions.find(name);
  if (!target || hasTrigger('http', target)) return false;
  const trigger = { name: triggerOf(target.metadata).name, data: input === undefined ? {} : { string: input } };
  void invoker.invoke(target, { inputData: [trigger, ...functions.extraInputs(target)] });
  return true;
}
