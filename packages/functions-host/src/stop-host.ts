import type { Invoker } from './app/invoker.ts';
import type { Registry } from './app/registry.ts';
import type { Engine } from './durable/engine.ts';
import type { Journal } from './durable/journal.ts';
import type { Store } from './durable/store.ts';
import type { HostServer } from './http/server.ts';
import type { HostLog } from './options.ts';
import type { TimerTriggers } from './timers/timer-trigger.ts';

/** How long a stop waits for running invocations, as the real host does by default. */
const stopGraceMs = 10_000;

export interface StopDeps {
  readonly log: HostLog;
  readonly server: HostServer;
  readonly store: Store | undefined;
  readonly registry: Registry;
  readonly engine: Engine;
  readonly triggers: TimerTriggers;
  readonly invoker: Invoker;
  readonly journal: Journal;
}

/** Begins nothing more, lets what runs end, runs the app's terminate hooks, and closes the store last. */
export async function stopHost({
  log,
  server,
  store,
  registry,
  engine,
  triggers,
  invoker,
  journal,
}: StopDeps): Promise<void> {
  triggers.stop();
  engine.stop();
  const grace = AbortSignal.timeout(stopGraceMs);
  const tooLong = new Promise<void>((resolve) => grace.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([Promise.all([server.close(), invoker.idle()]), tooLong]);
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
