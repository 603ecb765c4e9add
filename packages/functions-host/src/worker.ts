import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { setEnvironment } from './app/environment.ts';
import { AppFunctions, hasTrigger } from './app/functions.ts';
import { readHostJson } from './app/host-json.ts';
import { type InvocationOutcome, Invoker } from './app/invoker.ts';
import { loadApp } from './app/load-app.ts';
import { Registry } from './app/registry.ts';
import { type NamedData, triggerOf } from './app/rpc.ts';
import { sendEmpty } from './http/exchange.ts';
import { runHttpTrigger } from './http/http-trigger.ts';
import { addressOf } from './http/request-address.ts';
import { findRoute, httpRoute, sortRoutes } from './http/router.ts';
import type { HostLog } from './runtime/host-log.ts';

/** A function and the type of its trigger, such as `activityTrigger`. */
interface WorkerFunction {
  readonly name: string;
  readonly kind: string;
}

/** An app without a host: its durable functions are called from outside. */
interface AppWorker {
  /** Where its HTTP functions are served. They answer 503 until {@link AppWorker.serve}. */
  readonly url: string;
  readonly functions: readonly WorkerFunction[];
  /** Starts to serve the HTTP functions. @param clientBinding the value of every durable client binding. */
  serve(clientBinding: string): void;
  /** Runs an orchestrator or an activity. @param input the value of its trigger; absent: `undefined`. */
  invoke(name: string, input: string | undefined, instanceId: string | undefined): Promise<InvocationOutcome>;
}

/** Larger than any request of a test. */
const maxBodyBytes = 104_857_600;

/**
 * Loads an app into this process for an engine in another one. It serves the HTTP functions itself, without keys, and no
 * timers. Call it once per process.
 * @throws HostStartError when the app cannot be loaded.
 */
export async function startWorker(folder: string, log: HostLog): Promise<AppWorker> {
  const appFolder = resolve(folder);
  const { http } = readHostJson(appFolder);
  const server = createServer({ maxHeaderSize: 32_768 });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', 4096, done));
  const { port } = server.address() as AddressInfo;
  setEnvironment(process.env, { settings: {}, appFolder, port });
  process.chdir(appFolder);
  const registry = new Registry(log);
  const { streamUrl } = await loadApp(appFolder, registry);
  const invoker = new Invoker(registry);
  let functions: AppFunctions | undefined;
  const extraInputs: AppFunctions['extraInputs'] = (target): NamedData[] => functions?.extraInputs(target) ?? [];
  const all = [...registry.functions.values()];
  const routes = sortRoutes(
    all.filter((item) => hasTrigger('http', item)).map(({ metadata }) => httpRoute(metadata, http.routePrefix)),
  );
  const deps = { invoker, extraInputs, streamUrl, maxBodyBytes, log, stopping: new AbortController().signal };
  server.on('request', (request, response) => {
    const url = addressOf(request);
    if (url === undefined) return sendEmpty(response, 400);
    const match = findRoute(routes, request.method ?? 'GET', url.path);
    const target = match && functions?.find(match.route.functionName);
    if (target === undefined) return sendEmpty(response, functions === undefined ? 503 : 404);
    runHttpTrigger(deps, target, { request, response, url, params: match?.params ?? {} }).catch(() => {
      sendEmpty(response, 500, { connection: 'close' });
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    functions: all.map(({ metadata }) => ({ name: metadata.name, kind: triggerOf(metadata).binding.type })),
    serve: (clientBinding) => {
      functions = new AppFunctions(registry, clientBinding);
    },
    invoke: async (name, input, instanceId) => {
      const target = registry.functions.get(name.toLowerCase());
      if (target === undefined) return { ok: false, error: new Error(`There is no function "${name}".`) };
      return invoker.invoke(target, {
        inputData: [
          { name: triggerOf(target.metadata).name, data: input === undefined ? {} : { string: input } },
          ...extraInputs(target),
        ],
        triggerMetadata: instanceId === undefined ? {} : { instanceId: { json: JSON.stringify(instanceId) } },
      });
    },
  };
}
