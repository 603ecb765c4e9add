import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StepClock } from '../step-clock.ts';
import type { Context } from './library-types.ts';
import { start2026 } from './step-clock-run.ts';
import { type EngineUnderTest, testApp, type TestApp } from './test-app.ts';

let app: TestApp;
let clock: StepClock;
let engine: EngineUnderTest;
/** Each batch that ran: the entity and its operations. */
const batches: string[] = [];
const releases: (() => void)[] = [];

interface Step {
  readonly box: string;
  readonly value: number;
}

beforeAll(async () => {
  app = await testApp();
  const { df } = app;
  // oxlint-disable-next-line typescript/no-misused-promises -- the library waits for it
  df.app.entity('Box', async (context) => {
    const name = context.df.operationName ?? '';
    batches.push(`${context.df.entityKey} ${name}`);
    const values = (): number[] => context.df.getState(() => []) as number[];
    if (name === 'hold') await new Promise<void>((resolve) => releases.push(resolve));
    if (name === 'add') context.df.setState([...values(), context.df.getInput()]);
    if (name === 'get') context.df.return(values());
    if (name === 'break') throw new Error('broken on purpose');
    if (name === 'delete') context.df.destructOnExit();
    if (name === 'pass') context.df.signalEntity(new df.EntityId('Box', 'next'), 'add', context.df.getInput());
  });
  df.app.orchestration('calling', function* (context: Context) {
    const { box, operation, value } = context.df.getInput<{ box: string; operation: string; value?: number }>();
    try {
      return yield context.df.callEntity(new df.EntityId('Box', box), operation, value);
    } catch (error) {
      return `failed: ${(error as Error).message}`;
    }
  });
  df.app.orchestration('alone', function* (context: Context) {
    const { box, value } = context.df.getInput<Step>();
    const entity = new df.EntityId('Box', box);
    const lock: { release(): void } = yield context.df.lock([entity, new df.EntityId('Box', 'z')]);
    yield context.df.callEntity(entity, 'add', value);
    yield context.df.waitForExternalEvent('go');
    yield context.df.callEntity(entity, 'add', value);
    lock.release();
    yield context.df.waitForExternalEvent('go');
  });
});
beforeEach(() => {
  clock = new StepClock(start2026);
  engine = app.newEngine({ clock, settings: { maxEntityOperationBatchSize: 3 } });
  batches.length = 0;
  releases.length = 0;
});

const signal = (box: string, operation: string, value?: number): void =>
  engine.operations.signalEntity('BOX', box, operation, value === undefined ? undefined : String(value));
const state = (box: string): string | undefined => engine.operations.readEntity('box', box);

describe('an entity', () => {
  it('runs its operations in order, in batches of limited size, one batch at a time', async () => {
    signal('a', 'hold');
    await clock.settle();
    for (const value of [1, 2, 3, 4]) signal('a', 'add', value);
    signal('b', 'add', 9);
    await clock.settle();
    expect([state('a'), state('b')]).toEqual([undefined, '[9]']);
    expect(batches).toEqual(['a hold', 'b add']);
    releases[0]?.();
    await clock.settle();
    expect(state('a')).toBe('[1,2,3,4]');
  });

  it('may have a key with an @', async () => {
    signal('ada@contoso.com', 'add', 1);
    await clock.settle();
    expect([batches, state('ada@contoso.com')]).toEqual([['ada@contoso.com add'], '[1]']);
  });

  it('answers its caller, and a failing operation fails only the caller', async () => {
    signal('a', 'add', 1);
    expect((await engine.run('calling', { box: 'a', operation: 'get' })).output).toBe('[1]');
    expect((await engine.run('calling', { box: 'a', operation: 'break' })).output).toMatch(/^"failed: /);
    expect(app.logged).toContainEqual(expect.stringMatching(/^error: Operation break of @box@a failed: /));
    signal('a', 'add', 2);
    await clock.settle();
    expect(state('a')).toBe('[1,2]');
  });

  it('sends signals to others, with and without an input', async () => {
    signal('a', 'pass', 5);
    await clock.settle();
    expect(state('next')).toBe('[5]');
    expect(batches).toEqual(['a pass', 'next add']);
  });

  it('is gone after it deletes itself, and begins anew', async () => {
    signal('a', 'add', 1);
    await clock.settle();
    signal('a', 'delete');
    await clock.settle();
    expect(state('a')).toBeUndefined();
    signal('a', 'add', 2);
    await clock.settle();
    expect(state('a')).toBe('[2]');
  });

  it('is not made by a message that it does not keep', async () => {
    expect((await engine.run('calling', { box: 'a', operation: 'other' })).status).toBe('Completed');
    expect(state('a')).toBeUndefined();
  });
});

describe('a critical section', () => {
  it('lets nobody else work on its entities until it is over', async () => {
    const one = engine.start('alone', { box: 'a', value: 1 });
    await clock.settle();
    const two = engine.start('alone', { box: 'a', value: 2 });
    await clock.settle();
    signal('a', 'add', 3);
    await clock.settle();
    expect(state('a')).toBe('[1]');
    engine.operations.raiseEvent(one, 'go', 'null');
    await clock.settle();
    // The first section is over, although its orchestration goes on. The second one asked before the signal.
    expect(state('a')).toBe('[1,1,2]');
    engine.operations.raiseEvent(two, 'go', 'null');
    await clock.settle();
    expect(state('a')).toBe('[1,1,2,2,3]');
    for (const id of [one, two]) engine.operations.raiseEvent(id, 'go', 'null');
    for (const id of [one, two]) expect((await engine.finished(id)).status).toBe('Completed');
  });

  it('ends with its orchestration', async () => {
    const one = engine.start('alone', { box: 'a', value: 1 });
    await clock.settle();
    signal('a', 'add', 3);
    signal('z', 'add', 4);
    await clock.settle();
    expect([state('a'), state('z')]).toEqual(['[1]', undefined]);
    engine.operations.control(one, 'terminate', '');
    await clock.settle();
    expect([state('a'), state('z')]).toEqual(['[1,3]', '[4]']);
  });
});
