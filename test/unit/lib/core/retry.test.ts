import { describe, expect, it } from 'vitest';
import { backOffMs, retry, type RetryOptions } from '../../../../src/lib/core/clock.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

/** Work with the given outcomes. Records the time of each attempt, in milliseconds from the start. */
function stage(...outcomes: readonly (string | Error)[]) {
  const clock = new FakeClock();
  const startMs = clock.nowMs();
  const attemptsAtMs: number[] = [];
  const work = async (): Promise<string> => {
    const outcome = outcomes[Math.min(attemptsAtMs.length, outcomes.length - 1)] ?? '';
    attemptsAtMs.push(clock.nowMs() - startMs);
    if (outcome instanceof Error) throw outcome;
    return outcome;
  };
  const run = async (options: Omit<RetryOptions<string>, 'clock'>): Promise<string> => {
    const outcome = retry(work, { clock, ...options });
    outcome.catch(() => undefined);
    await clock.advance(60_000);
    return outcome;
  };
  return { clock, attemptsAtMs, work, run };
}

describe('retry with work that returns a value', () => {
  it('returns it unless afterValue returns a delay', async () => {
    const { run, attemptsAtMs } = stage('busy');
    expect(await run({ attempts: 4 })).toBe('busy');
    expect(await run({ attempts: 4, afterError: () => 100 })).toBe('busy');
    expect(await run({ attempts: 4, afterValue: () => undefined })).toBe('busy');
    expect(attemptsAtMs).toHaveLength(3);
  });

  it('repeats the work after each delay until a value is final', async () => {
    const { run, attemptsAtMs } = stage('busy', 'busy', 'done', 'never');
    const seen: [string, number][] = [];
    const afterValue = (value: string, attempt: number): number | undefined => {
      seen.push([value, attempt]);
      return value === 'busy' ? attempt * 1_000 : undefined;
    };
    expect(await run({ attempts: 9, afterValue })).toBe('done');
    expect(attemptsAtMs).toEqual([0, 1_000, 3_000]);
    expect(seen).toEqual([
      ['busy', 1],
      ['busy', 2],
      ['done', 3],
    ]);
  });

  it('returns the value of the last attempt without computing a delay', async () => {
    const { run, attemptsAtMs } = stage('busy 1', 'busy 2', 'busy 3');
    let computed = 0;
    const afterValue = (): number => (computed += 1);
    expect(await run({ attempts: 3, afterValue })).toBe('busy 3');
    expect([attemptsAtMs.length, computed]).toEqual([3, 2]);
  });
});

describe('retry with work that throws', () => {
  it('throws the error unless afterError returns a delay', async () => {
    const { run, attemptsAtMs } = stage(new Error('down'));
    await expect(run({ attempts: 4 })).rejects.toThrow('down');
    await expect(run({ attempts: 4, afterValue: () => 100 })).rejects.toThrow('down');
    expect(attemptsAtMs).toHaveLength(2);
  });

  it('repeats the work after each delay', async () => {
    const { run, attemptsAtMs } = stage(new Error('down'), new Error('down'), 'done');
    const delays = [2_000, 30_000];
    expect(await run({ attempts: 3, afterError: (_error, attempt) => delays[attempt - 1] })).toBe('done');
    expect(attemptsAtMs).toEqual([0, 2_000, 32_000]);
  });

  it('throws the error of the last attempt', async () => {
    const { run, attemptsAtMs } = stage(new Error('first'), new Error('last'));
    await expect(run({ attempts: 2, afterError: () => 1 })).rejects.toThrow('last');
    expect(attemptsAtMs).toHaveLength(2);
  });

  it('throws an error immediately if afterError returns no delay for it', async () => {
    const { run, attemptsAtMs } = stage(new Error('passes'), new TypeError('stays'));
    const afterError = (error: unknown): number | undefined => (error instanceof TypeError ? undefined : 5);
    await expect(run({ attempts: 9, afterError })).rejects.toThrow('stays');
    expect(attemptsAtMs).toEqual([0, 5]);
  });
});

describe('retry with a delay', () => {
  it('awaits the delay before the pause', async () => {
    const { clock, run, attemptsAtMs } = stage('busy', 'done');
    const afterValue = async (value: string): Promise<number | undefined> => {
      if (value === 'done') return undefined;
      await clock.sleep(500);
      return 1_000;
    };
    expect(await run({ attempts: 3, afterValue })).toBe('done');
    expect(attemptsAtMs).toEqual([0, 1_500]);
  });

  it('does not sleep if it is 0', async () => {
    const { clock, work, attemptsAtMs } = stage('busy', 'done');
    const afterValue = (value: string): number | undefined => (value === 'busy' ? 0 : undefined);
    expect(await retry(work, { clock, attempts: 3, afterValue })).toBe('done');
    expect(attemptsAtMs).toEqual([0, 0]);
  });

  it('throws the error of its computation', async () => {
    const { run, attemptsAtMs } = stage('busy');
    const afterValue = (): number => {
      throw new RangeError('no delay');
    };
    await expect(run({ attempts: 3, afterValue, afterError: () => 1 })).rejects.toThrow('no delay');
    expect(attemptsAtMs).toHaveLength(1);
  });
});

describe('retry with a signal', () => {
  it('rejects with its reason during a pause', async () => {
    const { clock, work, attemptsAtMs } = stage('busy');
    const ending = new AbortController();
    const outcome = retry(work, { clock, attempts: 3, afterValue: () => 10_000, signal: ending.signal });
    outcome.catch(() => undefined);
    await clock.advance(5_000);
    ending.abort(new Error('enough'));
    await expect(outcome).rejects.toThrow('enough');
    expect([attemptsAtMs.length, clock.sleeping]).toEqual([1, 0]);
  });

  it('makes no further attempt if it is aborted, but returns a final outcome', async () => {
    const { clock, work, attemptsAtMs } = stage('busy');
    const signal = AbortSignal.abort(new Error('gone'));
    await expect(retry(work, { clock, attempts: 3, afterValue: () => 0, signal })).rejects.toThrow('gone');
    expect(attemptsAtMs).toHaveLength(1);
    expect(await retry(work, { clock, attempts: 1, afterValue: () => 0, signal })).toBe('busy');
  });
});

describe('backOffMs', () => {
  it('grows from the first delay by the factor', () => {
    expect([1, 2, 3, 4].map((attempt) => backOffMs(attempt, 1_000))).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect([1, 2, 3].map((attempt) => backOffMs(attempt, 50, 4))).toEqual([50, 200, 800]);
  });
});
