import { beforeAll, describe, expect, it } from 'vitest';
import { registerSamples } from './sample-orchestrations.ts';
import { testApp, type TestApp } from './test-app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp();
  registerSamples(app);
});

describe('a history', () => {
  it('has one turn per batch with the result of the activity, and contains the input once', async () => {
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

  it('contains the inputs of activities if storeInputsInOrchestrationHistory is set', async () => {
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

describe('a sub-orchestration', () => {
  it('gets an id from execution and task, and the default version, unless the caller chooses them', async () => {
    const engine = app.newEngine({ settings: { defaultVersion: '2.1' } });
    const [first, second] = [engine.start('parent'), engine.start('parent', { id: 'mine', version: '1.9' })];
    const childId = `${engine.operations.get(first)?.record.executionId}:0`;
    await expect
      .poll(() => [childId, 'mine'].map((id) => engine.operations.raiseEvent(id, 'end', null)))
      .toEqual(['accepted', 'accepted']);
    expect((await engine.finished(first)).output).toBe(JSON.stringify(`${childId} of ${first} 2.1`));
    expect((await engine.finished(second)).output).toBe(JSON.stringify(`mine of ${second} 1.9`));
  });

  it('fails in its parent with the reason when it is terminated', async () => {
    const engine = app.newEngine();
    const id = engine.start('parent', { id: 'doomed' });
    await expect.poll(() => engine.operations.control('doomed', 'terminate', 'not today')).toBe('accepted');
    expect(JSON.parse((await engine.finished(id)).output ?? '')).toMatch(/^failed: not today/);
  });

  it('fails when an instance with its id is running', async () => {
    const engine = app.newEngine();
    engine.start('child', null, 'taken');
    expect((await engine.run('parent', { id: 'taken' })).output).toContain('already exists and has not ended');
  });
});

describe('a failure', () => {
  it('has the message of the library, and a fixed message for an error without one', async () => {
    const engine = app.newEngine();
    expect(await engine.run('failing', 'its own words')).toMatchObject({
      status: 'Failed',
      output: JSON.stringify("Orchestrator function 'failing' failed: its own words"),
    });
    expect(await engine.run('failing', '')).toMatchObject({
      status: 'Failed',
      output: expect.stringContaining('An error without a message was thrown.'),
    });
  });

  it('names a function that does not exist', async () => {
    const { output } = await app.newEngine().run('callingActivity', 'nobody');
    expect(output).toContain(
      "Orchestrator function 'callingActivity' failed: The function 'nobody' doesn't exist, is disabled, or is not an activity function.",
    );
  });

  it('passes the properties of an exception properties provider to the orchestrator', async () => {
    app.df.app.setExceptionPropertiesProvider({ getExceptionProperties: () => ({ code: 'E42' }) });
    const engine = app.newEngine();
    const id = engine.start('retrying', { maxNumberOfAttempts: 1 });
    await engine.finished(id);
    app.df.app.setExceptionPropertiesProvider({ getExceptionProperties: () => undefined });
    expect(engine.events(id).find(({ event }) => event === 'TaskFailed')).toMatchObject({
      Reason: "Activity function 'fail' failed: no luck",
      FailureDetails: { ErrorType: 'TypeError', ErrorMessage: 'no luck', Properties: { code: 'E42' } },
    });
    expect(engine.output(id)).toContain("Orchestrator function 'retrying' failed: TypeError: no luck");
  });
});

describe('continue-as-new', () => {
  it('starts a new execution with the remaining events in their order', async () => {
    const engine = app.newEngine();
    const id = engine.start('executions');
    const first = engine.operations.get(id)?.record.executionId;
    for (const value of ['1', '2', '3', '4']) engine.operations.raiseEvent(id, 'next', value);
    const record = await engine.finished(id);
    expect(record).toMatchObject({ output: '[1,2,3]', input: '[1,2]' });
    expect(record.executionId).not.toBe(first);
    expect(engine.events(id).filter(({ event }) => event === 'EventRaised')).toHaveLength(2);
  });
});

describe('an entity', () => {
  it('is unlocked when the orchestration that holds its lock is terminated', async () => {
    const engine = app.newEngine();
    const holder = engine.start('lockThenWait');
    await expect.poll(() => engine.events(holder).some(({ event }) => event === 'EventRaised')).toBe(true);
    const waiting = engine.start('lockThenWait');
    const later = engine.start('lockThenCall');
    await expect.poll(() => engine.events(later).some(({ event }) => event === 'EventSent')).toBe(true);
    engine.operations.control(waiting, 'terminate', 'cancelled while it waits');
    await engine.finished(waiting);
    expect(engine.operations.get(later)?.record.status).toBe('Running');
    engine.operations.control(holder, 'terminate', 'release the locks');
    expect((await engine.finished(later)).output).toBe('1');
  });

  it('fails its caller if it does not exist', async () => {
    expect(await app.newEngine().run('unknownEntity')).toMatchObject({ status: 'Failed' });
    expect(app.logged).toContainEqual(
      expect.stringContaining("The function 'nothing' doesn't exist, is disabled, or is not an entity function."),
    );
  });
});
