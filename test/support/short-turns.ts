import { onTestFinished, vi } from 'vitest';

// Later than the clock of any test that was shortened before: a clock is never set back.
let nowMs = 1e9;

/** Ends each turn of long work at its first step until the test is over, however fast the machine is. */
export function shortTurns(): void {
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => (nowMs += 1_000));
  onTestFinished(() => clock.mockRestore());
}

/** In how many passes of the event loop something is done. */
export async function passesOf(work: Promise<unknown> | undefined): Promise<number> {
  const progress = { isDone: false };
  const ended = work?.finally(() => (progress.isDone = true));
  let passes = 0;
  for (; !progress.isDone; passes += 1) await new Promise(setImmediate);
  await ended;
  return passes;
}
