import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StepClock } from '../step-clock.ts';
import type { Context } from './library-types.ts';
import { start2026 } from './step-clock-run.ts';
import { type EngineUnderTest, testApp, type TestApp } from './test-app.ts';

const hourMs = 3_600_000;

let app: TestApp;
let clock: StepClock;
let engine: EngineUnderTest;
const ran: unknown[] = [];

beforeAll(async () => {
  app = await testApp();
  const { df } = app;
  df.app.activity('note', { handler: (value: unknown) => void ran.push(value) });
  df.app.orchestration('listening', function* (context: Context) {
    const words: unknown[] = [];
    while (words.length < 3) words.push(yield context.df.waitForExternalEvent('word'));
    return words;
  });
  df.app.orchestration('later', function* (context: Context) {
    yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + hourMs));
    yield context.df.callActivity('note', context.df.instanceId);
  });
  df.app.orchestration('leaving', function* (context: Context) {
    yield context.df.callActivity('note', 'waited for');
    const timer = context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + hourMs));
    yield context.df.Task.any([timer, context.df.callActivity('note', 'winner')]);
    return 'returned';
  });
  // oxlint-disable-next-line require-yield
  df.app.orchestration('quick', function* () {
    return 'done';
  });
});
beforeEach(() => {
  clock = new StepClock(start2026);
  engine = app.newEngine({ clock });
  ran.length = 0;
});

const status = (id: string): string | undefined => engine.operations.get(id)?.record.status;
const word = (id: string, value: number): unknown => engine.operations.raiseEvent(id, 'word', String(value));

async function listening(id: string): Promise<void> {
  engine.start('listening', null, id);
  await clock.settle();
}

describe('a suspended instance', () => {
  it('processes what arrived in the meantime after it is resumed, once and in order', async () => {
    await listening('one');
    word('one', 1);
    await clock.settle();
    expect(engine.operations.control('one', 'suspend', 'lunch')).toBe('accepted');
    await clock.settle();
    expect([word('one', 2), word('one', 3)]).toEqual(['accepted', 'accepted']);
    await clock.settle();
    expect(status('one')).toBe('Suspended');
    expect(engine.operations.get('one')?.inbox).toHaveLength(2);
    expect(engine.operations.control('one', 'resume', 'back')).toBe('accepted');
    expect((await engine.finished('one')).output).toBe('[1,2,3]');
  });

  it('keeps a timer that fires, and goes on after it is resumed', async () => {
    engine.start('later', null, 'one');
    await clock.settle();
    engine.operations.control('one', 'suspend', '');
    await clock.advance(2 * hourMs);
    expect([status('one'), ran]).toEqual(['Suspended', []]);
    engine.operations.control('one', 'resume', '');
    await engine.finished('one');
    expect(ran).toEqual(['one']);
  });

  it('can be terminated', async () => {
    await listening('one');
    engine.operations.control('one', 'suspend', '');
    await clock.settle();
    word('one', 1);
    engine.operations.control('one', 'terminate', 'enough');
    expect(await engine.finished('one')).toMatchObject({ status: 'Terminated', output: '"enough"' });
    expect(engine.operations.get('one')?.inbox).toEqual([]);
    const last = engine.events('one').slice(-4);
    expect(last.map(({ event }) => event)).toEqual([
      'OrchestratorStarted',
      'ExecutionTerminated',
      'ExecutionCompleted',
      'OrchestratorCompleted',
    ]);
    expect(last[2]).toMatchObject({ OrchestrationStatus: 5, Result: '"enough"' });
  });
});

describe('a command', () => {
  it('is processed after the messages that arrived before it', async () => {
    await listening('one');
    for (const value of [1, 2, 3]) word('one', value);
    engine.operations.control('one', 'terminate', 'too late');
    expect(await engine.finished('one')).toMatchObject({ status: 'Completed', output: '[1,2,3]' });
  });

  it('has no effect on an instance that has ended or does not exist', async () => {
    engine.start('quick', null, 'one');
    await engine.finished('one');
    for (const kind of ['suspend', 'resume', 'terminate'] as const) {
      expect(engine.operations.control('one', kind, '')).toBe('gone');
      expect(engine.operations.control('nobody', kind, '')).toBe('notFound');
    }
    expect([word('one', 1), word('nobody', 1)]).toEqual(['gone', 'notFound']);
    await clock.settle();
    expect(status('one')).toBe('Completed');
  });
});

describe('a terminated instance', () => {
  it('leaves no timer behind', async () => {
    engine.start('later', null, 'one');
    await clock.settle();
    engine.operations.control('one', 'terminate', '');
    await clock.runUntilIdle();
    expect(clock.nowMs()).toBe(start2026);
    expect(engine.operations.get('one')?.openTasks.size).toBe(0);
  });
});

describe('an orchestration that returns with open tasks', () => {
  it('ends when they have ended, and says what it waits for once', async () => {
    engine.start('leaving', null, 'one');
    await clock.settle();
    expect(status('one')).toBe('Running');
    await clock.advance(hourMs);
    expect((await engine.finished('one')).output).toBe('"returned"');
    expect(ran).toEqual(['waited for', 'winner']);
    const warnings = app.logged.filter((line) => line.includes('it ends only when its'));
    expect(warnings).toEqual([
      expect.stringContaining('one (leaving) has returned, but it ends only when its 1 open task'),
    ]);
  });
});

describe('a start', () => {
  it('names the instance as the caller wants, if the name is allowed', () => {
    const reason = (instanceId: string): unknown => engine.operations.start('quick', { instanceId, input: 'null' });
    const forbidden = 'Orchestration instance ids must not contain /, \\, #, ?, or control characters.';
    for (const id of ['a/b', 'a\\b', 'a#b', 'a?b', 'a\u0000b', 'a\u007Fb'])
      expect(reason(id)).toEqual({ kind: 'invalid', reason: forbidden });
    expect(reason('@a')).toEqual({ kind: 'invalid', reason: 'Orchestration instance ids must not start with @.' });
    const long = { kind: 'invalid', reason: 'Instance ID lengths must not exceed 100 characters.' };
    expect(reason('x'.repeat(101))).toEqual(long);
    expect(reason('x'.repeat(100))).toEqual({ kind: 'started', instanceId: 'x'.repeat(100) });
    expect(reason('a@b c')).toEqual({ kind: 'started', instanceId: 'a@b c' });
    expect(reason('')).toEqual({ kind: 'started', instanceId: expect.stringMatching(/^[0-9a-f]{32}$/) });
  });

  it('of a name that the app does not have fails in the orchestration', async () => {
    expect(await engine.run('nobody')).toMatchObject({ status: 'Failed', name: 'nobody' });
  });

  it('replaces an instance that has ended', async () => {
    engine.start('quick', 1, 'one');
    const before = (await engine.finished('one')).executionId;
    engine.start('listening', 2, 'one');
    expect(engine.operations.get('one')?.record).toMatchObject({ name: 'listening', input: '2', output: undefined });
    expect(engine.operations.get('one')?.record.executionId).not.toBe(before);
  });
});
