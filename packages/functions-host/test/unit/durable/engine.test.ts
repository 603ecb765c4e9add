import { beforeAll, describe, expect, it } from 'vitest';
import { StepClock } from '../step-clock.ts';
import type { OrchestrationContext, Task } from './library-types.ts';
import { type EngineUnderTest, testApp, type TestApp } from './test-app.ts';

const start2026 = Date.parse('2026-01-01T00:00:00.000Z');
const dayMs = 86_400_000;

let app: TestApp;
let releases: (() => void)[] = [];
let active = 0;
let mostActive = 0;

beforeAll(async () => {
  app = await testApp();
  const { df } = app;
  df.app.activity('echo', { handler: (value: unknown) => value });
  df.app.activity('fail', {
    handler: (message: string) => {
      throw new TypeError(message);
    },
  });
  df.app.activity('held', {
    handler: async () => {
      active += 1;
      mostActive = Math.max(mostActive, active);
      await new Promise<void>((resolve) => releases.push(resolve));
      active -= 1;
    },
  });
  df.app.activity('own', { handler: (_input, context) => context.triggerMetadata?.['instanceId'] });
  const orchestration = (
    name: string,
    body: (context: OrchestrationContext) => Generator<Task, unknown, never>,
  ): void => {
    df.app.orchestration(name, body);
  };
  orchestration('echoing', function* (context) {
    return yield context.df.callActivity('echo', context.df.getInput());
  });
  orchestration('retrying', function* (context) {
    const options = Object.assign(new df.RetryOptions(1000, 4), context.df.getInput());
    return yield context.df.callActivityWithRetry('fail', options, 'no luck');
  });
  orchestration('sleeping', function* (context) {
    const { days, cancel } = context.df.getInput<{ days: number; cancel: boolean }>();
    const timer = context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + days * dayMs));
    if (cancel) {
      yield context.df.Task.any([timer, context.df.callActivity('echo', 1)]);
      timer.cancel();
    } else yield timer;
    return yield context.df.callActivity('echo', context.df.currentUtcDateTime.toISOString());
  });
  orchestration('child', function* (context) {
    yield context.df.waitForExternalEvent('end');
    return `${context.df.instanceId} of ${context.df.parentInstanceId} ${context.df.version}`;
  });
  orchestration('parent', function* (context) {
    const { id, version } = context.df.getInput<{ id?: string; version?: string } | null>() ?? {};
    try {
      return yield context.df.callSubOrchestrator('child', null, id, version);
    } catch (error) {
      return `failed: ${(error as Error).message}`;
    }
  });
  orchestration('broken', function* (context) {
    yield context.df.callActivity('echo', 1);
    throw new Error(context.df.getInput<string>());
  });
  orchestration('asking', function* (context) {
    return yield context.df.callActivity(context.df.getInput<string>());
  });
  orchestration('calling', function* (context) {
    return yield context.df.callHttp(context.df.getInput<Parameters<typeof context.df.callHttp>[0]>());
  });
  orchestration('holding', function* (context) {
    yield context.df.Task.all(
      Array.from({ length: context.df.getInput<number>() }, () => context.df.callActivity('held')),
    );
  });
  orchestration('generations', function* (context) {
    const got: unknown[] = context.df.getInput<unknown[] | null>() ?? [];
    const event: unknown = yield context.df.waitForExternalEvent('next');
    if (got.length < 2) context.df.continueAsNew([...got, event]);
    return [...got, event];
  });
  orchestration('lockThenWait', function* (context) {
    yield context.df.lock([new df.EntityId('Box', 'a'), new df.EntityId('Box', 'b')]);
    yield context.df.waitForExternalEvent('never');
  });
  orchestration('lockThenCall', function* (context) {
    yield context.df.lock([new df.EntityId('Box', 'a'), new df.EntityId('Box', 'b')]);
    return yield context.df.callEntity(new df.EntityId('Box', 'b'), 'count');
  });
  orchestration('unknownEntity', function* (context) {
    return yield context.df.callEntity(new df.EntityId('Nothing', 'x'), 'get');
  });
  df.app.entity('Box', (context) => {
    const count = (context.df.getState(() => 0) as number) + 1;
    context.df.setState(count);
    context.df.return(count);
  });
});

async function runOnStepClock(
  engine: EngineUnderTest,
  clock: StepClock,
  name: string,
  input: unknown,
): Promise<string> {
  const id = engine.start(name, input);
  await clock.runUntilIdle();
  expect(engine.operations.get(id)?.record.status).not.toBe('Running');
  return id;
}

describe('a history', () => {
  it('holds one turn per batch, the activity’s result, and no input twice', async () => {
    const engine = app.newEngine({ settings: { defaultVersion: '1.0' } });
    const id = engine.start('echoing', { secret: 'once' });
    await engine.finished(id);
    const { executionId } = engine.operations.get(id)?.record ?? {};
    expect(engine.events(id)).toEqual([
      { event: 'OrchestratorStarted', EventId: -1 },
      {
        event: 'ExecutionStarted',
        EventId: -1,
        Name: 'echoing',
        Input: '{"secret":"once"}',
        Version: '1.0',
        OrchestrationInstance: { InstanceId: id, ExecutionId: executionId },
        ParentInstance: null,
      },
      { event: 'TaskScheduled', EventId: 0, Name: 'echo', Version: null },
      { event: 'OrchestratorCompleted', EventId: -1 },
      { event: 'OrchestratorStarted', EventId: -1 },
      { event: 'TaskCompleted', EventId: -1, TaskScheduledId: 0, Result: '{"secret":"once"}' },
      { event: 'ExecutionCompleted', EventId: -1, OrchestrationStatus: 1, Result: '{"secret":"once"}' },
      { event: 'OrchestratorCompleted', EventId: -1 },
    ]);
  });

  it('holds inputs where host.json asks for it', async () => {
    const engine = app.newEngine({ settings: { storeInputsInOrchestrationHistory: true } });
    const id = engine.start('echoing', 'text');
    await engine.finished(id);
    expect(engine.events(id)).toContainEqual({
      event: 'TaskScheduled',
      EventId: 0,
      Name: 'echo',
      Version: null,
      Input: '"text"',
    });
  });
});

describe('retries', () => {
  const created = (engine: EngineUnderTest, id: string): number[] =>
    engine
      .events(id)
      .flatMap((event) => (event['event'] === 'TimerCreated' ? [Date.parse(String(event['FireAt'])) - start2026] : []));

  it.each([
    ['a fixed interval', {}, [1000, 2000, 3000, 3000]],
    ['a growing interval', { backoffCoefficient: 3 }, [1000, 4000, 13_000, 13_000]],
    [
      'a growing interval with a cap',
      { backoffCoefficient: 3, maxRetryIntervalInMilliseconds: 2500 },
      [1000, 3500, 6000, 6000],
    ],
  ])('wait by %s, with the timer at once after the last attempt', async (_name, options, expected) => {
    const clock = new StepClock(start2026);
    const engine = app.newEngine({ clock });
    const id = await runOnStepClock(engine, clock, 'retrying', options);
    expect(created(engine, id)).toEqual(expected);
    expect(engine.events(id).filter(({ event }) => event === 'TaskFailed')).toHaveLength(4);
    expect(engine.output(id)).toContain(
      "Orchestrator function 'retrying' failed: Activity function 'fail' failed:  no luck",
    );
  });

  it('run nothing any more after the timeout', async () => {
    const clock = new StepClock(start2026);
    const engine = app.newEngine({ clock });
    const id = await runOnStepClock(engine, clock, 'retrying', { retryTimeoutInMilliseconds: 1500 });
    expect(created(engine, id)).toEqual([1000, 2000, 2000, 2000]);
    expect(engine.operations.get(id)?.record.status).toBe('Failed');
  });
});

describe('long timers', () => {
  const timerLimits = { maximumShortMs: 6 * dayMs, intervalMs: 3 * dayMs };

  it('are cut into pieces as the library expects', async () => {
    const clock = new StepClock(start2026);
    const engine = app.newEngine({ clock, timerLimits });
    const id = await runOnStepClock(engine, clock, 'sleeping', { days: 10, cancel: false });
    expect(engine.events(id).flatMap(({ event, FireAt }) => (event === 'TimerCreated' ? [FireAt] : []))).toEqual(
      ['2026-01-04', '2026-01-07', '2026-01-11'].map((day) => `${day}T00:00:00.000Z`),
    );
    expect(engine.output(id)).toBe('2026-01-11T00:00:00.000Z');
  });

  it('can be cancelled', async () => {
    const clock = new StepClock(start2026);
    const engine = app.newEngine({ clock, timerLimits });
    const id = await runOnStepClock(engine, clock, 'sleeping', { days: 10, cancel: true });
    expect(engine.output(id)).toBe('2026-01-01T00:00:00.000Z');
    expect(clock.nowMs()).toBe(start2026);
  });
});

describe('sub-orchestrations', () => {
  it('get an id from the execution and the task, and the version of their caller’s wish', async () => {
    const engine = app.newEngine({ settings: { defaultVersion: '2.1' } });
    const [first, second] = [engine.start('parent'), engine.start('parent', { id: 'mine', version: '1.9' })];
    const childId = `${engine.operations.get(first)?.record.executionId}:0`;
    await expect
      .poll(() => [childId, 'mine'].map((id) => engine.operations.raiseEvent(id, 'end', null)))
      .toEqual(['accepted', 'accepted']);
    expect((await engine.finished(first)).output).toBe(JSON.stringify(`${childId} of ${first} 2.1`));
    expect((await engine.finished(second)).output).toBe(JSON.stringify(`mine of ${second} 1.9`));
  });

  it('that are terminated fail in their parent with the reason', async () => {
    const engine = app.newEngine();
    const id = engine.start('parent', { id: 'doomed' });
    await expect.poll(() => engine.operations.control('doomed', 'terminate', 'not today')).toBe('accepted');
    expect(JSON.parse((await engine.finished(id)).output ?? '')).toMatch(/^failed: not today/);
  });

  it('with the id of one that runs fail', async () => {
    const engine = app.newEngine();
    engine.start('child', null, 'taken');
    expect((await engine.run('parent', { id: 'taken' })).output).toContain('already exists and has not ended');
  });
});

describe('failures', () => {
  it('carry the library’s own message, and end an orchestration that throws without one', async () => {
    const engine = app.newEngine();
    expect(await engine.run('broken', 'its own words')).toMatchObject({
      status: 'Failed',
      output: JSON.stringify("Orchestrator function 'broken' failed: its own words"),
    });
    expect(await engine.run('broken', '')).toMatchObject({
      status: 'Failed',
      output: expect.stringContaining('An error without a message was thrown.'),
    });
  });

  it('say which function does not exist', async () => {
    const { output } = await app.newEngine().run('asking', 'nobody');
    expect(output).toContain(
      "Orchestrator function 'asking' failed: The function 'nobody' doesn't exist, is disabled, or is not an activity function.",
    );
  });

  it('reach the orchestrator with the properties that the app chose', async () => {
    app.df.app.setExceptionPropertiesProvider({ getExceptionProperties: () => ({ code: 'E42' }) });
    const engine = app.newEngine();
    const id = engine.start('retrying', { maxNumberOfAttempts: 1 });
    await engine.finished(id);
    app.df.app.setExceptionPropertiesProvider({ getExceptionProperties: () => undefined });
    expect(engine.events(id).find(({ event }) => event === 'TaskFailed')).toMatchObject({
      Reason: "Activity function 'fail' failed:  no luck",
      FailureDetails: { ErrorType: 'TypeError', ErrorMessage: 'no luck', Properties: { code: 'E42' } },
    });
    expect(engine.output(id)).toContain("Orchestrator function 'retrying' failed: TypeError: no luck");
  });
});

describe('durable HTTP', () => {
  it('polls a 202 at its location, in the time that Retry-After names', async () => {
    const clock = new StepClock(start2026);
    const asked: string[] = [];
    const fetch = (url: string, init: RequestInit): Promise<Response> => {
      asked.push(
        `${(clock.nowMs() - start2026) / 1000} ${init.method} ${url} ${typeof init.body === 'string' ? init.body : ''}`.trim(),
      );
      const headers = { location: '/status', 'retry-after': '7' };
      return Promise.resolve(asked.length < 3 ? new Response('', { status: 202, headers }) : new Response('done'));
    };
    const engine = app.newEngine({ clock, fetch });
    const id = await runOnStepClock(engine, clock, 'calling', {
      method: 'POST',
      url: 'http://x.test/a',
      body: { b: 1 },
    });
    expect(asked).toEqual([
      '0 POST http://x.test/a {"b":1}',
      '7 GET http://x.test/status',
      '14 GET http://x.test/status',
    ]);
    expect(engine.output(id)).toMatchObject({ statusCode: 200, content: 'done' });
  });

  it('gives any answer when polling is off, and fails without one', async () => {
    const fetch = (url: string): Promise<Response> =>
      url.includes('down')
        ? Promise.reject(new Error('connect refused'))
        : Promise.resolve(new Response('', { status: 202, headers: { location: '/s' } }));
    const engine = app.newEngine({ fetch });
    const answered = await engine.run('calling', { method: 'GET', url: 'http://x.test/', enablePolling: false });
    expect(answered).toMatchObject({ status: 'Completed', output: expect.stringContaining('"statusCode":202') });
    expect(await engine.run('calling', { method: 'GET', url: 'http://down.test/' })).toMatchObject({
      status: 'Failed',
      output: expect.stringContaining('connect refused'),
    });
  });

  it('refuses a managed identity', async () => {
    const { status, output } = await app.newEngine().run('calling', {
      method: 'GET',
      url: 'http://x.test/',
      tokenSource: { kind: 'AzureManagedIdentity', resource: 'r' },
    });
    expect([status, output]).toEqual(['Failed', expect.stringContaining('needs a managed identity')]);
  });
});

describe('limits of host.json', () => {
  it('bound the activities that run at once', async () => {
    [releases, active, mostActive] = [[], 0, 0];
    const engine = app.newEngine({ settings: { maxConcurrentActivityFunctions: 3 } });
    const ids = [engine.start('holding', 5), engine.start('holding', 4)];
    for (let released = 0; released < 9; released += 1) {
      await expect.poll(() => releases.length).toBeGreaterThan(released);
      expect(active).toBeLessThanOrEqual(3);
      releases[released]?.();
    }
    await Promise.all(ids.map((id) => engine.finished(id)));
    expect(mostActive).toBe(3);
  });

  it('bound the actions of an orchestration', async () => {
    const { status, output } = await app.newEngine({ settings: { maxOrchestrationActions: 3 } }).run('holding', 4);
    expect([status, output]).toEqual([
      'Failed',
      expect.stringContaining('Maximum amount of orchestration actions (3) has been reached.'),
    ]);
  });

  it('let a start replace a running instance where any state may be overridden', async () => {
    const strict = app.newEngine();
    strict.start('child', null, 'same');
    expect(strict.operations.start('echoing', { input: '1', instanceId: 'same' })).toEqual({
      kind: 'conflict',
      status: 'Pending',
    });
    const loose = app.newEngine({ settings: { overridableExistingInstanceStates: 'AnyState' } });
    loose.start('child', null, 'same');
    expect(loose.operations.start('echoing', { input: '1', instanceId: 'same' })).toEqual({
      kind: 'started',
      instanceId: 'same',
    });
    expect((await loose.finished('same')).output).toBe('1');
  });

  it('fail an orchestration of another version where they say so', async () => {
    const engine = app.newEngine({
      settings: { defaultVersion: '1.0', versionMatchStrategy: 'Strict', versionFailureStrategy: 'Fail' },
    });
    engine.operations.start('echoing', { input: '1', instanceId: 'newer', version: '1.1' });
    expect(await engine.finished('newer')).toMatchObject({
      status: 'Failed',
      output: expect.stringContaining('VersionMismatch'),
    });
  });
});

describe('continue-as-new', () => {
  it('begins a fresh execution with the events that are left, in their order', async () => {
    const engine = app.newEngine();
    const id = engine.start('generations');
    const first = engine.operations.get(id)?.record.executionId;
    for (const value of ['1', '2', '3', '4']) engine.operations.raiseEvent(id, 'next', value);
    const record = await engine.finished(id);
    expect(record).toMatchObject({ output: '[1,2,3]', input: '[1,2]' });
    expect(record.executionId).not.toBe(first);
    expect(engine.events(id).filter(({ event }) => event === 'EventRaised')).toHaveLength(2);
  });
});

describe('entities', () => {
  it('are free again when the orchestration that held them is terminated', async () => {
    const engine = app.newEngine();
    const holder = engine.start('lockThenWait');
    await expect.poll(() => engine.events(holder).some(({ event }) => event === 'EventRaised')).toBe(true);
    const waiting = engine.start('lockThenWait');
    const later = engine.start('lockThenCall');
    await expect.poll(() => engine.events(later).some(({ event }) => event === 'EventSent')).toBe(true);
    engine.operations.control(waiting, 'terminate', 'gives up while it waits');
    await engine.finished(waiting);
    expect(engine.operations.get(later)?.record.status).toBe('Running');
    engine.operations.control(holder, 'terminate', 'lets go');
    expect((await engine.finished(later)).output).toBe('1');
  });

  it('that do not exist fail their caller', async () => {
    expect(await app.newEngine().run('unknownEntity')).toMatchObject({ status: 'Failed' });
    expect(app.logged).toContainEqual(
      expect.stringContaining("The function 'nothing' doesn't exist, is disabled, or is not an entity function."),
    );
  });
});
