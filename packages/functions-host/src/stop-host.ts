import type { Invoker } from './app/invoker.ts';
import type { Registry } from './app/registry.ts';
import type { Engine } from './durable/engine.ts';
import type { Journal } from './durable/journal.ts';
import type { Store } from './durable/store.ts';
import type { HostServer } from './http/server.ts';
import type { HostLog } from './runtime/host-log.ts';
import type { TimerTriggers } from './timers/timer-trigger.ts';

/** How long a stop waits for running invocations: the default of the real host. */
const stopGraceMs = 10_000;

interface StopDeps {
  readonly log: HostLog;
  readonly server: HostServer;
  readonly store: Store | undefined;
  readonly registry: Registry;
  readonly engine: Engine;
  readonly triggers: TimerTriggers;
  readonly invoker: Invoker;
  readonly journal: Journal;
}

/** Stops the triggers, waits for running invocations, runs the app's terminate hooks, and closes the store last. */
export async function stopHost(deps: StopDeps): Promise<void> {
  const { log, server, store, registry, journal } = deps;
  deps.triggers.stop();
  deps.engine.stop();
  const grace = AbortSignal.timeout(stopGraceMs);
  const timedOut = new Promise<void>((resolve) => grace.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([Promise.all([server.close(), deps.invoker.idle()]), timedOut]);
  server.abort();
  for (const hook of registry.hooks('appTerminate')) {
    try {
      await hook({ hookData: {}, appHookData: registry.appHookData });
    } catch (error) {
      log('error', 'system', `An appTerminate hook failed: ${String(error)}`);
    }
  }
  journal.commit();
  journal.close();
  store?.close();
}
