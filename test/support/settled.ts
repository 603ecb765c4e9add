import type { FakeClock } from '../fakes/fake-clock.ts';

/** Advances the clock by `stepMs` whenever somebody sleeps, until the work has settled. Returns its outcome. */
export async function settled<T>(work: Promise<T>, clock: FakeClock, stepMs: number): Promise<T> {
  const outcome = work.then(
    () => true,
    () => true,
  );
  const turn = (): Promise<boolean> => new Promise((resolve) => setImmediate(() => resolve(false)));
  while (!(await Promise.race([outcome, turn()]))) {
    if (clock.sleeping > 0) await clock.advance(stepMs);
  }
  return work;
}
