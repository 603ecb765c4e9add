import { Engine, type EngineDeps } from './engine.ts';
import { Heartbeat, readLostWork } from './heartbeat.ts';
import { hubOperations } from './hub/hub-operations.ts';
import type { HubStore } from './hub/hub-store.ts';
import { SharedHub, type SharedHubDeps } from './hub/shared-hub.ts';
import { type DurableClient, DurableOperations } from './operations.ts';
import type { Store } from './store.ts';

/** What runs the orchestrations and the timer triggers of a host. */
export interface Runner {
  readonly operations: DurableClient;
  start(): void;
  /** Starts no further work. */
  stop(): void;
  /** @param idle whether all work has ended. */
  close(idle: boolean): void;
}

interface OwnRunnerDeps extends EngineDeps {
  readonly store: Store | undefined;
  readonly triggers: { start(): void; stop(): void };
}

/** For a host that has its store, or its memory, for itself. */
export function ownRunner({ store, triggers, ...deps }: OwnRunnerDeps): Runner {
  const engine = new Engine(deps);
  if (store) engine.load(store.load(), readLostWork(store, deps.settings));
  const heartbeat = new Heartbeat(deps.clock, deps.journal, deps.settings);
  return {
    operations: new DurableOperations(engine),
    start: () => {
      heartbeat.start();
      engine.start();
      triggers.start();
    },
    stop: () => {
      triggers.stop();
      engine.stop();
    },
    close: (idle) => heartbeat.stop(idle),
  };
}

/** A host that stalls for less than this on a busy machine must not lose its work, milliseconds. */
const shortestLifeSignMs = 1_000;

/** For one of several hosts on a hub. */
export function sharedRunner(
  deps: Omit<SharedHubDeps, 'deadAfterMs' | 'monotonicMs'> & { readonly store: HubStore },
): Runner {
  const hub = new SharedHub({
    ...deps,
    deadAfterMs: Math.max(shortestLifeSignMs, deps.settings.controlQueueVisibilityTimeoutMs),
    monotonicMs: () => performance.now(),
  });
  return {
    operations: hubOperations(deps),
    start: () => hub.start(),
    stop: () => hub.stop(),
    close: () => hub.close(),
  };
}
