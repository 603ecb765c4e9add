import { type FakeClock, settle } from '../fakes/fake-clock.ts';

/** The 99th percentile of some durations. */
export const p99 = (durations: readonly number[]): number =>
  durations.toSorted((a, b) => a - b)[Math.ceil(durations.length * 0.99) - 1] ?? Number.NaN;

/** Runs `ask` one after the other on a fake clock, and returns how long each took. */
export async function latencies(clock: FakeClock, times: number, ask: (nth: number) => Promise<unknown>) {
  const durations: number[] = [];
  for (let nth = 0; nth < times; nth += 1) {
    const startMs = clock.nowMs();
    const state = { isDone: false };
    const asked = ask(nth).finally(() => {
      state.isDone = true;
      durations.push(clock.nowMs() - startMs);
    });
    while (!state.isDone) await clock.advance(20);
    await asked;
  }
  return durations;
}

/**
 * Keeps `parallel` calls of `ask` waiting until the result is called, which advances the clock until all have ended.
 * Ignores their outcomes.
 */
export function attack(
  clock: FakeClock,
  parallel: number,
  ask: (nth: number) => Promise<unknown>,
): () => Promise<void> {
  const state = { isOver: false, running: parallel };
  let asked = 0;
  const attacker = async (): Promise<void> => {
    while (!state.isOver) {
      asked += 1;
      await ask(asked).catch(() => settle());
    }
    state.running -= 1;
  };
  for (let started = 0; started < parallel; started += 1) void attacker();
  return async () => {
    state.isOver = true;
    while (state.running > 0) await clock.advance(1_000);
  };
}
