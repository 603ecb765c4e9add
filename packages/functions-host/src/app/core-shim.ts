import Module, { registerHooks } from 'node:module';
import type { HostLogCategory, HostLogLevel } from '../runtime/host-log.ts';
import type { Registry } from './registry.ts';
import type { FunctionCallback, FunctionMetadata, HookCallback, ProgrammingModel } from './rpc.ts';

const coreModuleId = '@azure/functions-core';
const globalKey = Symbol.for('functions-core.local-host');

/** The library disposes of it to undo a registration. */
class Disposable {
  readonly #undo: () => unknown;
  constructor(undo: () => unknown) {
    this.#undo = undo;
  }
  dispose(): void {
    this.#undo();
  }
}

/** A replacement for the module that exists only inside a Functions worker. It writes to `registry`. */
function coreModule(registry: Registry): Record<string, unknown> {
  return {
    version: '4.0.0-local',
    hostVersion: '4.1000.0-local',
    Disposable,
    setProgrammingModel: (model: ProgrammingModel) => {
      registry.model = model;
    },
    getProgrammingModel: () => registry.model,
    registerFunction: (metadata: FunctionMetadata, callback: FunctionCallback) =>
      new Disposable(registry.registerFunction(metadata, callback)),
    registerHook: (name: string, callback: HookCallback) => new Disposable(registry.registerHook(name, callback)),
    log: (level: HostLogLevel, category: HostLogCategory, message: string) => registry.log(level, category, message),
  };
}

/**
 * Makes `@azure/functions-core` resolvable in this process, for `import` and for `require`. The library uses
 * `require`, in bundles through `createRequire`. Call it before the app is loaded: the library caches a failed lookup.
 * @throws Error on the second call. Node.js caches the app's modules, so a process can load one app once.
 */
export function installCoreModule(registry: Registry): void {
  const holder = globalThis as Record<symbol, unknown>;
  if (holder[globalKey] !== undefined) throw new Error('a process can start the host only once');
  const core = coreModule(registry);
  holder[globalKey] = core;

  // `_load` is not part of Node's typed API. The Functions worker patches the same loader.
  const loader = Module as unknown as { _load: (this: unknown, request: string, ...rest: unknown[]) => unknown };
  const load = loader._load;
  loader._load = function (request, ...rest) {
    return request === coreModuleId ? core : load.call(this, request, ...rest);
  };

  const source = [
    `const core = globalThis[Symbol.for(${JSON.stringify(globalKey.description)})];`,
    'export default core;',
    ...Object.keys(core).map((name) => `export const ${name} = core.${name};`),
  ].join('\n');
  const url = `data:text/javascript,${encodeURIComponent(source)}`;
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === coreModuleId ? { url, format: 'module', shortCircuit: true } : next(specifier, context),
  });
}
