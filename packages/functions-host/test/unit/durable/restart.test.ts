import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SqliteStore } from '../../../src/durable/sqlite-store.ts';
import { StepClock } from '../step-clock.ts';
import { heldActivity } from './held-activity.ts';
import type { Context } from './library-types.ts';
import { start2026, stopEngine } from './step-clock-run.ts';
import { type EngineUnderTest, testApp, type TestApp } from './test-app.ts';

const hourMs = 3_600_000;

let app: TestApp;
let clock: StepClock;
let store: SqliteStore;
const { started, releases, handler } = heldActivity();

beforeAll(async () => {
  app = await testApp();
  const { df } = app;
  df.app.activity('held', { handler });
  df.app.orchestration('holding', function* (context: Context) {
    const labels = context.df.getInput<string[]>() ?? [];
    return yield context.df.Task.all(labels.map((label) => context.df.callActivity('held', label)));
  });
  // oxlint-disable-next-line require-yield
  df.app.orchestration('quick', function* () {
    return 'done';
  });
  df.app.orchestration('sleeping', function* (context: Context) {
    yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + 24 * hourMs));
    return context.df.currentUtcDateTime.toISOString();
  });
  df.app.orchestration('listening', function* (context: Context) {
    const words: unknown[] = [];
    while (words.length < 4) words.push(yield context.df.waitForExternalEvent('word'));
    return words;
  });
  df.app.orchestration('parent', function* (context: Context) {
    return yield context.df.callSubOrchestrator('listening', null, 'child');
  });
  df.app.orchestration('endless', function* (context: Context) {
    const before = context.df.getInput<unknown[] | null>() ?? [];
    context.df.continueAsNew([...before, yield context.df.waitForExternalEvent('word')]);
  });
  df.app.orchestration('locking', function* (context: Context) {
    yield context.df.lock([new df.EntityId('Box', 'a')]);
    yield context.df.waitForExternalEvent('word');
  });
  df.app.entity('Box', (context) => {
    context.df.setState([...(context.df.getState(() => []) as unknown[]), context.df.getInput()]);
  });
});
beforeEach(() => {
  clock = new StepClock(start2026);
  store = new SqliteStore(':memory:');
  started.length = 0;
  releases.length = 0;
});
afterEach(() => {
  store.close();
});

const begin = (): EngineUnderTest => app.newEngine({ store, clock });

async function restart(engine: EngineUnderTest): Promise<EngineUnderTest> {
  await stopEngine(engine, clock);
  return begin();
}

const word = (engine: EngineUnderTest, id: string, value: unknown): unknown =>
  engine.operations.raiseEvent(id, 'word', JSON.stringify(value));

describe('a host that starts again', () => {
  it('runs the activities again whose results are missing, and no others', async () => {
    const first = begin();
    first.start('holding', ['a', 'b', 'c'], 'one');
    await clock.settle();
    releases[1]?.();
    await clock.settle();
    const second = await restart(first);
    await clock.settle();
    expect(started).toEqual(['a', 'b', 'c', 'a', 'c']);
    for (const release of releases) release();
    expect((await second.finished('one')).output).toBe('["a","b","c"]');
  });

  it('uses a result that arrived while the host stopped', async () => {
    const first = begin();
    first.start('holding', ['a'], 'one');
    await clock.settle();
    first.engine.stop();
    releases[0]?.();
    const second = await restart(first);
    expect((await second.finished('one')).output).toBe('["a"]');
    expect(started).toEqual(['a']);
  });

  it('starts what was started and had not run', async () => {
    const first = begin();
    first.engine.stop();
    first.start('quick', null, 'one');
    const second = await restart(first);
    expect((await second.finished('one')).output).toBe('"done"');
  });

  it('fires a timer at its time', async () => {
    const first = begin();
    first.start('sleeping', null, 'one');
    await clock.advance(18 * hourMs);
    const second = await restart(first);
    await clock.advance(6 * hourMs - 1);
    expect(second.operations.get('one')?.record.status).toBe('Running');
    await clock.advance(1);
    expect(await second.finished('one')).toMatchObject({ output: '"2026-01-02T00:00:00.000Z"' });
  });

  it('keeps the events of a suspended instance in their order, over any number of starts', async () => {
    let engine = begin();
    engine.start('listening', null, 'one');
    await clock.settle();
    engine.operations.control('one', 'suspend', 'wait');
    await clock.settle();
    for (const value of [1, 2, 3, 4]) {
      expect(word(engine, 'one', value)).toBe('accepted');
      engine = await restart(engine);
      await clock.settle();
      expect(engine.operations.get('one')?.record.status).toBe('Suspended');
    }
    engine.operations.control('one', 'resume', 'go on');
    expect((await engine.finished('one')).output).toBe('[1,2,3,4]');
  });

  it('keeps the signals to a locked entity in their order', async () => {
    let engine = begin();
    engine.start('locking', null, 'holder');
    await clock.settle();
    for (const value of [1, 2, 3]) {
      engine.operations.signalEntity('Box', 'a', 'add', String(value));
      engine = await restart(engine);
      await clock.settle();
    }
    expect(engine.operations.readEntity('Box', 'a')).toBeUndefined();
    engine.operations.control('holder', 'terminate', 'enough');
    await clock.settle();
    expect(engine.operations.readEntity('Box', 'a')).toBe('[1,2,3]');
    engine = await restart(engine);
    await clock.settle();
    expect(engine.operations.readEntity('Box', 'a')).toBe('[1,2,3]');
  });

  it('tells a parent that its child has ended', async () => {
    let engine = begin();
    engine.start('parent', null, 'one');
    await clock.settle();
    engine = await restart(engine);
    for (const value of [1, 2, 3, 4]) word(engine, 'child', value);
    expect((await engine.finished('one')).output).toBe('[1,2,3,4]');
    expect((await restart(engine)).operations.get('child')?.record).toMatchObject({ output: '[1,2,3,4]' });
  });

  it('reads the complete history of an instance that has ended', async () => {
    let engine = begin();
    engine.start('holding', ['a'], 'one');
    await clock.settle();
    engine = await restart(engine);
    await clock.settle();
    for (const release of releases) release();
    await engine.finished('one');
    const events = ['OrchestratorStarted', 'ExecutionStarted', 'TaskScheduled', 'OrchestratorCompleted'];
    const ends = ['OrchestratorStarted', 'TaskCompleted', 'ExecutionCompleted', 'OrchestratorCompleted'];
    const names = (of: EngineUnderTest): unknown[] => of.events('one').map(({ event }) => event);
    expect(names(engine)).toEqual([...events, ...ends]);
    expect(names(await restart(engine))).toEqual([...events, ...ends]);
  });

  it('keeps only the current execution of an instance that continues as new', async () => {
    let engine = begin();
    engine.start('endless', null, 'one');
    for (const value of [1, 2]) word(engine, 'one', value);
    await clock.settle();
    engine = await restart(engine);
    word(engine, 'one', 3);
    await clock.settle();
    const { record } = engine.operations.get('one') ?? {};
    expect(record).toMatchObject({ status: 'Running', input: '[1,2,3]' });
    expect(store.readHistory('one').filter((text) => text.includes('[1,2]'))).toEqual([]);
    expect(engine.events('one').map(({ event }) => event)).toEqual([
      'OrchestratorStarted',
      'ExecutionStarted',
      'OrchestratorCompleted',
    ]);
  });

  it('has nothing left of an instance that was purged', async () => {
    const first = begin();
    first.start('quick', null, 'one');
    await first.finished('one');
    expect(first.operations.purge('one')).toBe(1);
    const second = await restart(first);
    expect(second.operations.get('one')).toBeUndefined();
    expect([store.readHistory('one'), store.load().tasks, store.load().messages]).toEqual([[], [], []]);
    second.start('quick', null, 'one');
    await second.finished('one');
    expect(second.events('one').filter(({ event }) => event === 'ExecutionStarted')).toHaveLength(1);
  });
});
