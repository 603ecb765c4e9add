import { onTestFinished, vi } from 'vitest';

/** Ends each turn of long work at its first step until the test is over, however fast the machine is. */
export function shortTurns(): void {
  let nowMs = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => (nowMs += 1_000));
  onTestFinished(() => clock.mockRestore());
}
