import { expect } from 'vitest';
import type { StepClock } from '../step-clock.ts';
import type { EngineUnderTest } from './test-app.ts';

/** Start time of the tests that use a step clock, milliseconds since 1970. */
export const start2026 = Date.parse('2026-01-01T00:00:00.000Z');

/** Ends an engine as a host that stops does. What it still had to do is in its store. */
export async function stopEngine({ engine, journal }: EngineUnderTest, clock: StepClock): Promise<void> {
  engine.stop();
  await clock.settle();
  journal.commit();
  journal.close();
}

/** Runs an orchestration to its end on a step clock. @returns its id. */
export async function runOnStepClock(
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
