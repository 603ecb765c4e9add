import { randomUUID } from 'node:crypto';
import { AppFunctions } from '../../../src/app/functions.ts';
import { parseHostJson } from '../../../src/app/host-json.ts';
import { Invoker } from '../../../src/app/invoker.ts';
import { hubOperations } from '../../../src/durable/hub/hub-operations.ts';
import { HubStore } from '../../../src/durable/hub/hub-store.ts';
import { SharedHub, type SharedHubDeps } from '../../../src/durable/hub/shared-hub.ts';
import type { InstanceRecord } from '../../../src/durable/instance.ts';
import type { DurableClient } from '../../../src/durable/operations.ts';
import type { ChangeSet } from '../../../src/durable/store.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { ended, type TestApp } from './test-app.ts';

/** After this time without a sign of life a host of these tests counts as dead, milliseconds. */
const deadAfterMs = 400;

type Call = 'beat' | 'claimWork' | 'commit' | 'find' | 'finishWork' | 'loadPartitions' | 'mail';

/** Stops to write when its host is killed, and fails where a test says so. */
class MemberStore extends HubStore {
  killed = false;
  /** Called before each of these calls. It may throw. */
  before: (call: Call, changes?: ChangeSet) => void = () => undefined;
  override commit(changes: ChangeSet): void {
    this.before('commit', changes);
    if (!this.killed) super.commit(changes);
  }
  override finishWork(...args: Parameters<HubStore['finishWork']>): void {
    this.before('finishWork');
    if (!this.killed) super.finishWork(...args);
  }
  override freePartition(id: number): void {
    if (!this.killed) super.freePartition(id);
  }
  override leave(): void {
    if (!this.killed) super.leave();
  }
  override beat(): boolean {
    this.before('beat');
    return super.beat();
  }
  override claimWork(...args: Parameters<HubStore['claimWork']>): ReturnType<HubStore['claimWork']> {
    this.before('claimWork');
    return super.claimWork(...args);
  }
  override find(...args: Parameters<HubStore['find']>): ReturnType<HubStore['find']> {
    this.before('find');
    return super.find(...args);
  }
  override loadPartitions(...args: Parameters<HubStore['loadPartitions']>): ReturnType<HubStore['loadPartitions']> {
    this.before('loadPartitions');
    return super.loadPartitions(...args);
  }
  override mail(...args: Parameters<HubStore['mail']>): ReturnType<HubStore['mail']> {
    this.before('mail');
    return super.mail(...args);
  }
}

export interface MemberOptions {
  /** How far the clock of the host is ahead, milliseconds. */
  readonly skewMs?: number;
  readonly defaultVersion?: string;
  readonly newTriggers?: SharedHubDeps['newTriggers'];
}

/** A host on a hub, in this process. */
export interface Member {
  readonly store: MemberStore;
  readonly operations: DurableClient;
  /** How many activities it has run. */
  activities(): number;
  start(name: string, input: unknown, instanceId: string): string;
  finished(instanceId: string): Promise<InstanceRecord>;
  /** For this time it gives no sign of life, although it goes on working. */
  stall(ms: number): void;
  /** Ends without a word, as if the process had been killed. */
  kill(): void;
  leave(): void;
  /** Leaves, and closes what the test reads with. */
  close(): void;
}

const noTriggers: SharedHubDeps['newTriggers'] = () => ({ start: () => undefined, stop: () => undefined });

export function startMember(
  { registry }: TestApp,
  file: string,
  { skewMs = 0, defaultVersion, newTriggers = noTriggers }: MemberOptions = {},
): Member {
  const store = new MemberStore(file, 4);
  const observer = new HubStore(file, 4);
  const functions = new AppFunctions(registry, '{}');
  const invoker = new Invoker(registry);
  let activities = 0;
  let stalledAtMs = 0;
  let stalledUntilMs = 0;
  const deps = {
    store,
    clock: { ...systemClock, nowMs: () => Date.now() + skewMs },
    log: registry.log,
    settings: { ...parseHostJson({ version: '2.0' }).durable, maxConcurrentActivityFunctions: 5, defaultVersion },
    invoker: {
      invoke: ((target, request) => {
        activities += Number(functions.findByTrigger('activity', target.metadata.name) !== undefined);
        return invoker.invoke(target, request);
      }) satisfies Invoker['invoke'],
    },
    findFunction: functions.findByTrigger.bind(functions),
    extraInputs: () => [],
    fetch: () => Promise.reject(new Error('this test has no network')),
    newGuid: () => randomUUID(),
  };
  const hub = new SharedHub({
    ...deps,
    deadAfterMs,
    // A clock that stands still sends no beats.
    monotonicMs: () => (performance.now() < stalledUntilMs ? stalledAtMs : performance.now()),
    newTriggers,
  });
  let left = false;
  const leave = (): void => {
    if (left) return;
    left = true;
    hub.stop();
    hub.close();
    store.close();
  };
  const operations: DurableClient = {
    ...hubOperations(deps),
    // A test sees the state while the store of the host fails, and after the host has left.
    get: hubOperations({ ...deps, store: observer }).get,
  };
  hub.start();
  return {
    store,
    operations,
    activities: () => activities,
    start: (name, input, instanceId) => {
      const result = operations.start(name, { input: JSON.stringify(input), instanceId });
      if (result.kind !== 'started') throw new Error(`${name} did not start: ${JSON.stringify(result)}`);
      return instanceId;
    },
    finished: (instanceId) => ended(() => operations.get(instanceId)?.record, instanceId),
    stall: (ms) => {
      stalledAtMs = performance.now();
      stalledUntilMs = stalledAtMs + ms;
    },
    kill: () => {
      store.killed = true;
      leave();
    },
    leave,
    close: () => {
      leave();
      observer.close();
    },
  };
}
