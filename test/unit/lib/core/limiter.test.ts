import { describe, expect, it } from 'vitest';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { settle } from '../../../fakes/fake-clock.ts';

/** Work that records its start and ends when the test says. */
function stage(limit: number) {
  const limiter = new Limiter(limit);
  const started: number[] = [];
  const ends = new Map<number, (error?: Error) => void>();
  const run = (number: number, signal?: AbortSignal): Promise<unknown> =>
    limiter
      .run(() => {
        started.push(number);
        return new Promise<number>((resolve, reject) =>
          ends.set(number, (error) => (error === undefined ? resolve(number) : reject(error))),
        );
      }, signal)
      .catch((thrown: unknown) => thrown);
  const end = async (number: number, error?: Error): Promise<void> => {
    await settle();
    ends.get(number)?.(error);
    await settle();
  };
  return { started, run, end };
}

describe('Limiter', () => {
  it('runs at most so many operations, and the others in the order of their arrival', async () => {
    const { started, run, end } = stage(2);
    const results = [1, 2, 3, 4].map((number) => run(number));
    await settle();
    expect(started).toEqual([1, 2]);
    await end(2);
    expect(started).toEqual([1, 2, 3]);
    await end(1);
    expect(started).toEqual([1, 2, 3, 4]);
    await end(3);
    await end(4);
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4]);
  });

  it('has a place again for each operation that ended, with or without success', async () => {
    const { started, run, end } = stage(1);
    const failure = new Error('failed');
    const first = run(1);
    await end(1, failure);
    expect(await first).toBe(failure);
    void run(2);
    void run(3);
    await settle();
    expect(started).toEqual([1, 2]);
    await end(2, failure);
    expect(started).toEqual([1, 2, 3]);
    await end(3);
    void run(4);
    void run(5);
    await settle();
    expect(started).toEqual([1, 2, 3, 4]);
  });

  it('ends the wait of an operation with the reason of its signal, and never starts it', async () => {
    const { started, run, end } = stage(1);
    const [leaving, staying] = [new AbortController(), new AbortController()];
    void run(1);
    const second = run(2, leaving.signal);
    void run(3, staying.signal);
    await settle();
    const reason = new Error('gone');
    leaving.abort(reason);
    expect(await second).toBe(reason);
    await end(1);
    expect(started).toEqual([1, 3]);
    // It runs already, so its signal is the work's own matter.
    staying.abort(reason);
    void run(4);
    await end(3);
    expect(started).toEqual([1, 3, 4]);
  });

  it('does not start an operation whose signal has ended already', async () => {
    const { started, run } = stage(1);
    const reason = new Error('gone');
    expect(await run(1, AbortSignal.abort(reason))).toBe(reason);
    expect(started).toEqual([]);
  });
});
