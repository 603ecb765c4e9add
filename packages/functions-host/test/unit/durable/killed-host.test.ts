import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SqliteStore } from '../../../src/durable/sqlite-store.ts';
import { StepClock } from '../step-clock.ts';
import { heldActivity } from './held-activity.ts';
import type { Context } from './library-types.ts';
import { start2026, stopEngine } from './step-clock-run.ts';
import { type EngineUnderTest, testApp, type TestApp } from './test-app.ts';

const hourMs = 3_600_000;
/** Until when the messages are hidden that the killed host had taken. */
const lost = { controlUntilMs: start2026 + hourMs, activitiesUntilMs: start2026 + 2 * hourMs };

let app: TestApp;
let clock: StepClock;
let store: SqliteStore;
const { started, releases, handler } = heldActivity();

beforeAll(async () => {
  app = await testApp();
  const { df } = app;
  df.app.activity('held', { handler });
  df.app.orchestration('holding', function* (context: Context) {
    return yield context.df.callActivity('held', context.df.getInput());
  });
  df.app.orchestration('listening', function* (context: Context) {
    const words: unknown[] = [];
    while (words.length < 4) words.push(yield context.df.waitForExternalEvent('word'));
    return words;
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

/** Ends the engine, and starts one that finds its work hidden. */
async function replaced(engine: EngineUnderTest): Promise<EngineUnderTest> {
  await stopEngine(engine, clock);
  return app.newEngine({ store, clock, lost });
}

const word = (engine: EngineUnderTest, id: string, value: unknown): unknown =>
  engine.operations.raiseEvent(id, 'word', JSON.stringify(value));

describe('a host that starts after another one was killed', () => {
  it('runs an activity again when its message is visible', async () => {
    const first = begin();
    first.start('holding', 'a', 'one');
    await clock.settle();
    const second = await replaced(first);
    await clock.advance(2 * hourMs - 1);
    expect(started).toEqual(['a']);
    await clock.advance(1);
    expect(started).toEqual(['a', 'a']);
    for (const release of releases) release();
    expect((await second.finished('one')).output).toBe('"a"');
  });

  it('does not run an activity of an instance that has been terminated or replaced in the meantime', async () => {
    const first = begin();
    first.start('holding', 'a', 'one');
    await clock.settle();
    const second = await replaced(first);
    second.operations.control('one', 'terminate', 'enough');
    await clock.settle();
    expect(second.operations.get('one')?.record.status).toBe('Terminated');
    await clock.advance(2 * hourMs);
    expect(started).toEqual(['a']);
  });

  it('processes the messages of an instance, and new ones, when they are visible', async () => {
    const first = begin();
    first.engine.stop();
    first.start('listening', null, 'one');
    word(first, 'one', 1);
    const second = await replaced(first);
    for (const value of [2, 3, 4]) word(second, 'one', value);
    await clock.advance(hourMs - 1);
    expect(second.operations.get('one')?.record.status).toBe('Pending');
    await clock.advance(1);
    expect((await second.finished('one')).output).toBe('[1,2,3,4]');
  });

  it('starts new instances at once', async () => {
    const first = begin();
    first.engine.stop();
    first.start('listening', null, 'one');
    const second = await replaced(first);
    second.start('holding', 'b', 'two');
    await clock.settle();
    expect(started).toEqual(['b']);
  });
});
