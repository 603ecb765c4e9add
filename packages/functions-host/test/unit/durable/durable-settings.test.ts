import { beforeAll, describe, expect, it } from 'vitest';
import { registerSamples } from './sample-orchestrations.ts';
import { testApp, type TestApp } from './test-app.ts';

let app: TestApp;
const releases: (() => void)[] = [];
let active = 0;
let mostActive = 0;

beforeAll(async () => {
  app = await testApp();
  registerSamples(app);
  const { df } = app;
  df.app.activity('held', {
    handler: async () => {
      active += 1;
      mostActive = Math.max(mostActive, active);
      await new Promise<void>((resolve) => releases.push(resolve));
      active -= 1;
    },
  });
  df.app.orchestration('holding', function* (context) {
    yield context.df.Task.all(
      Array.from({ length: context.df.getInput<number>() ?? 0 }, () => context.df.callActivity('held')),
    );
  });
});

describe('durableTask settings of host.json', () => {
  it('maxConcurrentActivityFunctions limits the activities that run at the same time', async () => {
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

  it('maxOrchestrationActions limits the actions of an orchestration', async () => {
    const { status, output } = await app.newEngine({ settings: { maxOrchestrationActions: 3 } }).run('holding', 4);
    expect([status, output]).toEqual([
      'Failed',
      expect.stringContaining('Maximum amount of orchestration actions (3) has been reached.'),
    ]);
  });

  it('overridableExistingInstanceStates AnyState lets a start replace a running instance', async () => {
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

  it('versionFailureStrategy Fail fails an orchestration of another version', async () => {
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
