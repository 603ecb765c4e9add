import { describe, expect, it } from 'vitest';
import { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import { type LoadedRows, loadRows, maxHeldCharacters, maxHeldRows } from '../../../dashboard/app/load-rows.ts';
import type { ResultRow, ResultsAnswer } from '../../../src/lib/api/answers/runs.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';

const row = (n: number, text = ''): ResultRow => ({ tenantId: 't', tenantName: 'T', tenantDomain: null, n, text });
const page = (first: number, length: number, continuation?: string): ResultsAnswer => ({
  rows: Array.from({ length }, (_, index) => row(first + index)),
  ...(continuation === undefined ? {} : { continuation }),
});
const failure = (transient: boolean, retryAfterSeconds?: number): ApiFailure =>
  new ApiFailure({ title: 'T', detail: 'D', advice: 'A', transient, retryAfterSeconds });

/** Loads from pages or failures, in the order in which they are asked for. */
function loading(answers: readonly (ResultsAnswer | ApiFailure)[]) {
  const clock = new FakeClock();
  const asked: (string | undefined)[] = [];
  const states: LoadedRows[] = [];
  const ending = new AbortController();
  const done = loadRows({
    clock,
    signal: ending.signal,
    onChange: (loaded) => void states.push(loaded),
    fetchPage: async (continuation) => {
      const answer = answers[asked.length];
      asked.push(continuation);
      if (answer === undefined) throw new Error('no further page');
      if (answer instanceof ApiFailure) throw answer;
      return answer;
    },
  });
  const last = () => states.at(-1);
  return { clock, asked, states, done, ending, last };
}

describe('loadRows', () => {
  it('shows each page as it arrives, until the last one', async () => {
    const { done, states, asked } = loading([page(0, 3, 'a'), page(3, 2, 'b'), page(5, 1)]);
    await done;
    expect(states.map(({ rows, state }) => [rows.length, state])).toEqual([
      [3, 'loading'],
      [5, 'loading'],
      [6, 'complete'],
    ]);
    expect(states.at(-1)?.rows.map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(asked).toEqual([undefined, 'a', 'b']);
  });

  it('waits a moment after a page without rows, until the last one', async () => {
    const { clock, done, asked, last } = loading([page(0, 0, 'a'), page(0, 2, 'b'), page(0, 0, 'c'), page(2, 1)]);
    await clock.advance(0);
    expect([asked.length, last()?.state]).toEqual([1, 'loading']);
    await clock.advance(1_000);
    expect([asked.length, last()?.rows.length]).toEqual([3, 2]);
    await clock.advance(1_000);
    await done;
    expect([last()?.state, last()?.rows.length]).toEqual(['complete', 3]);
  });

  it('keeps the rows and asks for the same page until it arrives, with growing pauses', async () => {
    const { clock, done, asked, last } = loading([page(0, 3, 'a'), failure(true), failure(true), page(3, 1)]);
    await clock.advance(0);
    expect(last()).toMatchObject({ state: 'waiting', retryAtMs: clock.nowMs() + 1_000 });
    expect([last()?.rows.length, last()?.failure?.message]).toEqual([3, 'D']);
    await clock.advance(1_000);
    expect(asked).toEqual([undefined, 'a', 'a']);
    await clock.advance(1_999);
    expect(asked).toHaveLength(3);
    await clock.advance(1);
    await done;
    expect(last()).toEqual({ rows: [0, 1, 2, 3].map((n) => row(n)), state: 'complete' });
  });

  it('begins with a short pause again after a page has arrived', async () => {
    const failing = [failure(true), failure(true), failure(true)];
    const { clock, last } = loading([...failing, page(0, 3, 'a'), failure(true)]);
    await clock.advance(1_000 + 2_000 + 4_000);
    expect(last()).toMatchObject({ state: 'waiting', retryAtMs: clock.nowMs() + 1_000 });
  });

  it('waits as long as Retry-After says, and never longer than a minute on its own', async () => {
    const { clock, asked } = loading([failure(true, 20), ...Array.from({ length: 12 }, () => failure(true))]);
    await clock.advance(19_999);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    expect(asked).toHaveLength(2);
    for (let minute = 0; minute < 5; minute += 1) await clock.advance(60_000);
    const before = asked.length;
    await clock.advance(60_000);
    expect(asked.length).toBe(before + 1);
  });

  it('gives up on a page that will never arrive', async () => {
    const { done, last, asked } = loading([page(0, 3, 'a'), failure(false)]);
    await done;
    expect([last()?.state, last()?.rows.length, last()?.failure?.title]).toEqual(['failed', 3, 'T']);
    expect(asked).toHaveLength(2);
  });

  it('holds no more rows than it says', async () => {
    const { done, last, asked } = loading([page(0, maxHeldRows - 2, 'a'), page(maxHeldRows - 2, 5, 'b')]);
    await done;
    expect([last()?.state, last()?.rows.length]).toEqual(['full', maxHeldRows]);
    expect(asked).toHaveLength(2);
  });

  it('is complete with exactly as many rows as it may hold', async () => {
    const { done, last } = loading([page(0, maxHeldRows)]);
    await done;
    expect([last()?.state, last()?.rows.length]).toEqual(['complete', maxHeldRows]);
  });

  it('holds fewer rows if they are large', async () => {
    const large = { rows: [row(0, 'x'.repeat(maxHeldCharacters))], continuation: 'a' };
    const { done, last, asked } = loading([large, page(1, 1)]);
    await done;
    expect([last()?.state, last()?.rows.length, asked.length]).toEqual(['full', 1, 1]);
  });

  it('stops when the reader leaves, also while it waits', async () => {
    const { clock, done, ending, asked, states } = loading([failure(true), page(0, 1)]);
    await clock.advance(0);
    ending.abort();
    await done;
    await clock.advance(600_000);
    expect([asked.length, states.length]).toEqual([1, 1]);
  });
});
