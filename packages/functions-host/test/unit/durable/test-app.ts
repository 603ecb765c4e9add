import type * as Durable from 'durable-functions';
import { expect } from 'vitest';
import { installCoreModule } from '../../../src/app/core-shim.ts';
import { AppFunctions } from '../../../src/app/functions.ts';
import { type DurableSettings, parseHostJson } from '../../../src/app/host-json.ts';
import { Invoker } from '../../../src/app/invoker.ts';
import { Registry } from '../../../src/app/registry.ts';
import type { HttpFetch } from '../../../src/durable/call-http.ts';
import type { TimerLimits } from '../../../src/durable/draft.ts';
import { Engine } from '../../../src/durable/engine.ts';
import { eventName, parseEvent } from '../../../src/durable/history.ts';
import { type InstanceRecord, isFinal } from '../../../src/durable/instance.ts';
import { Journal } from '../../../src/durable/journal.ts';
import { DurableOperations } from '../../../src/durable/operations.ts';
import type { LostWork } from '../../../src/durable/recovery.ts';
import type { Store } from '../../../src/durable/store.ts';
import { type Clock, systemClock } from '../../../src/runtime/clock.ts';

interface EngineOptions {
  readonly settings?: Partial<DurableSettings>;
  readonly store?: Store;
  readonly clock?: Clock;
  readonly timerLimits?: TimerLimits;
  readonly fetch?: HttpFetch;
  /** What the host before had taken when it was killed. */
  readonly lost?: LostWork;
}

const noNetwork: HttpFetch = () => Promise.reject(new Error('this test has no network'));

/** The real library's registered functions and the real invoker, on as many engines as a test needs. */
export interface TestApp {
  readonly df: typeof Durable;
  readonly logged: string[];
  readonly registry: Registry;
  newEngine(options?: EngineOptions): EngineUnderTest;
}

/** Creates the app. Call it once per test file: the library keeps the first host that it finds. */
export async function testApp(): Promise<TestApp> {
  const logged: string[] = [];
  const registry = new Registry((level, _category, message) => logged.push(`${level}: ${message}`));
  installCoreModule(registry);
  const df = await import('durable-functions');
  return { df, logged, registry, newEngine: (options) => newEngine(registry, options) };
}

function newEngine(
  registry: Registry,
  { settings = {}, store, clock = systemClock, timerLimits, fetch = noNetwork, lost }: EngineOptions = {},
): EngineUnderTest {
  const functions = new AppFunctions(registry, '{}');
  const journal = new Journal(store);
  let guids = 0;
  const engine = new Engine({
    clock,
    log: registry.log,
    settings: { ...parseHostJson({ version: '2.0' }).durable, ...settings },
    invoker: new Invoker(registry),
    journal,
    findFunction: (kind, name) => functions.findByTrigger(kind, name),
    extraInputs: () => [],
    fetch,
    newGuid: () => `00000000-0000-4000-8000-${String((guids += 1)).padStart(12, '0')}`,
    ...(timerLimits ? { timerLimits } : {}),
  });
  if (store) engine.load(store.load(), lost);
  engine.start();
  return new EngineUnderTest(engine, journal);
}

/** Waits until `find` returns the record of an ended orchestration. @throws AssertionError if it never does. */
export async function ended(find: () => InstanceRecord | undefined, instanceId: string): Promise<InstanceRecord> {
  let record: InstanceRecord | undefined;
  const isEnded = (): boolean => isFinal((record = find())?.status ?? 'Pending');
  await expect.poll(isEnded, { interval: 1, message: `${instanceId} has not ended` }).toBe(true);
  return record!;
}

/** An engine with the operations that tests need. */
export class EngineUnderTest {
  readonly engine: Engine;
  readonly journal: Journal;
  readonly operations: DurableOperations;

  constructor(engine: Engine, journal: Journal) {
    this.engine = engine;
    this.journal = journal;
    this.operations = new DurableOperations(engine);
  }

  /** Starts an orchestration. @returns its id. */
  start(name: string, input: unknown = null, instanceId?: string): string {
    const result = this.operations.start(name, { input: JSON.stringify(input), instanceId });
    if (result.kind !== 'started') throw new Error(`${name} did not start: ${JSON.stringify(result)}`);
    return result.instanceId;
  }

  /** Waits until the orchestration has ended. @throws AssertionError if it does not end in the time of `expect.poll`. */
  finished(instanceId: string): Promise<InstanceRecord> {
    return ended(() => this.operations.get(instanceId)?.record, instanceId);
  }

  run(name: string, input?: unknown): Promise<InstanceRecord> {
    return this.finished(this.start(name, input));
  }

  /** The events so far with type names and without times. */
  events(instanceId: string): Record<string, unknown>[] {
    const instance = this.operations.get(instanceId);
    return (instance ? this.operations.history(instance) : []).map((text) => {
      const { EventType, Timestamp: _time, IsPlayed: _played, ...rest } = parseEvent(text);
      return { event: eventName(EventType), ...rest };
    });
  }

  /** The output of an ended orchestration. */
  output(instanceId: string): unknown {
    return JSON.parse(this.operations.get(instanceId)?.record.output ?? 'null') as unknown;
  }
}

/** Pseudo-random numbers in [0, 1) from a seed (mulberry32), the same in every replay. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
