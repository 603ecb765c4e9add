import { addAbortListener } from 'node:events';
import type { Invoker } from './app/invoker.ts';
import type { Registry } from './app/registry.ts';
import type { Journal } from './durable/journal.ts';
import type { Runner } from './durable/runner.ts';
import type { Store } from './durable/store.ts';
import type { HostServer } from './http/server.ts';
import type { HostLog } from './runtime/host-log.ts';

/** How long a stop waits for running invocations: the default of the real host. */
const stopGraceMs = 10_000;

interface StopDeps {
  readonly log: HostLog;
  readonly server: HostServer;
  readonly store: Store | undefined;
  readonly registry: Registry;
  readonly runner: Pick<Runner, 'stop' | 'close'>;
  readonly invoker: Invoker;
  readonly journal: Journal;
}

/**
 * Stops the triggers, waits for running invocations, runs the app's terminate hooks, and closes the store last. It logs a
 * warning if it did not wait to the end.
 */
export async function stopHost(deps: StopDeps): Promise<void> {
  const { log, server, store, registry, journal } = deps;
  deps.runner.stop();
  const { promise: timedOut, resolve } = Promise.withResolvers<'late'>();
  using _ = addAbortListener(AbortSignal.timeout(stopGraceMs), () => resolve('late'));
  let idle = false;
  const ended = deps.invoker.idle().then(() => {
    idle = true;
  });
  if ((await Promise.race([Promise.all([server.close(), ended]), timedOut])) === 'late')
    log('warning', 'system', `Stopped after ${stopGraceMs / 1000} s, before all invocations and requests had ended.`);
  server.abort();
  for (const hook of registry.hooks('appTerminate')) {
    try {
      await hook({ ...registry.appHooks });
    } catch (error) {
      log('error', 'system', `An appTerminate hook failed: ${String(error)}`);
    }
  }
  deps.runner.close(idle);
  journal.commit();
  journal.close();
  store?.close();
}
