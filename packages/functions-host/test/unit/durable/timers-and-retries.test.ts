import { beforeAll, describe, expect, it } from 'vitest';
import { StepClock } from '../step-clock.ts';
import { registerSamples } from './sample-orchestrations.ts';
import { runOnStepClock, start2026 } from './step-clock-run.ts';
import { type EngineUnderTest, testApp, type TestApp } from './test-app.ts';

const dayMs = 86_400_000;

let app: TestApp;
beforeAll(async () => {
  app = await testApp();
  registerSamples(app);
});

describe('an activity with retries', () => {
  const timerTimes = (engine: EngineUnderTest, id: string): number[] =>
    engine
      .events(id)
      .flatMap((event) => (event['event'] === 'TimerCreated' ? [Date.parse(String(event['FireAt'])) - start2026] : []));

  it.each([
    ['a fixed interval', {}, [1000, 2000, 3000, 3000]],
    ['a growing interval', { backoffCoefficient: 3 }, [1000, 4000, 13_000, 13_000]],
    [
      'a growing interval with a maximum',
      { backoffCoefficient: 3, maxRetryIntervalInMilliseconds: 2500 },
      [1000, 3500, 6000, 6000],
    ],
  ])('waits for %s, and creates an immediate timer after the last attempt', async (_name, options, expected) => {
    const clock = new StepClock(start2026);
    const engine = app.newEngine({ clock });
    const id = await runOnStepClock(engine, clock, 'retrying', options);
    expect(timerTimes(engine, id)).toEqual(expected);
    expect(engine.events(id).filter(({ event }) => event === 'TaskFailed')).toHaveLength(4);
    expect(engine.output(id)).toContain(
      "Orchestrator function 'retrying' failed: Activity function 'fail' failed: no luck",
    );
  });

  it('runs no attempt after the retry timeout', async () => {
    const clock = new StepClock(start2026);
    const engine = app.newEngine({ clock });
    const id = await runOnStepClock(engine, clock, 'retrying', { retryTimeoutInMilliseconds: 1500 });
    expect(timerTimes(engine, id)).toEqual([1000, 2000, 2000, 2000]);
    expect(engine.operations.get(id)?.record.status).toBe('Failed');
  });
});

describe('a long timer', () => {
  const timerLimits = { maximumShortMs: 6 * dayMs, intervalMs: 3 * dayMs };

  it('is split into the chunks that the library expects', async () => {
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
