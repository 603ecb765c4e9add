import { describe, expect, it } from 'vitest';
import { fresh, pause, stage } from './kept-copy-stage.ts';

describe('KeptCopy without a copy', () => {
  it('throws a failure, and throws it again without a load until the pause ends', async () => {
    const { clock, source, get, now, fail, copy } = stage();
    fail('down');
    expect(await now(get())).toBe('failed: down');
    source.answer = () => Promise.resolve('a');
    await clock.advance(pause - 1);
    expect(await now(get())).toBe('failed: down');
    expect([source.loads, copy.peek()]).toEqual([1, undefined]);
    await clock.advance(1);
    expect(await now(get())).toBe('a');
  });

  it('counts the pause from the end of the load', async () => {
    const { clock, source, get, now, hang } = stage();
    const { reject } = hang();
    const first = now(get());
    await clock.advance(5_000);
    reject(new Error('down'));
    await first;
    await clock.advance(pause - 1);
    expect(await now(get())).toBe('failed: down');
    expect(source.loads).toBe(1);
  });

  it('loads at the next call after a failure with a pause of 0', async () => {
    const { source, get, now, fail } = stage({ pauseMs: () => 0 });
    fail('down');
    expect(await now(get())).toBe('failed: down');
    source.answer = () => Promise.resolve('a');
    expect(await now(get())).toBe('a');
    expect(source.loads).toBe(2);
  });

  it('waits for the load, whatever the patience of the caller', async () => {
    const { clock, get, now, hang } = stage();
    const { resolve } = hang();
    const calls = [get({ patienceMs: 3_000 }), get({ patienceMs: 0 })];
    await clock.advance(60_000);
    expect(await now(calls[0]!)).toBeUndefined();
    resolve('at last');
    expect((await Promise.all(calls)).map(({ value, isLate }) => [value, isLate])).toEqual([
      ['at last', false],
      ['at last', false],
    ]);
  });
});

describe('KeptCopy with a copy, after a failed load', () => {
  it('returns the copy with the failure until the pause ends', async () => {
    const { clock, source, get, fail, kept } = stage();
    const startMs = clock.nowMs();
    await get();
    await clock.advance(fresh);
    const error = fail('down');
    expect(await get()).toEqual({ value: 'a', asOfMs: startMs, failure: error, isLate: false });
    source.answer = () => Promise.resolve('b');
    await clock.advance(pause - 1);
    expect(await get()).toMatchObject({ value: 'a', failure: error });
    expect([source.loads, kept]).toEqual([2, [error]]);
    await clock.advance(1);
    expect(await get()).toMatchObject({ value: 'b', failure: undefined });
  });

  it('replaces the rest of the freshness by the pause when the load was wanted early', async () => {
    const { clock, source, get, fail } = stage();
    await get();
    await clock.advance(5_000);
    fail('down');
    expect(await get({ freshMs: 5_000 })).toMatchObject({ value: 'a' });
    source.answer = () => Promise.resolve('b');
    await clock.advance(pause - 1);
    expect(await get()).toMatchObject({ value: 'a' });
    await clock.advance(1);
    expect(await get()).toMatchObject({ value: 'b' });
  });

  it('loads during the pause for a caller whose freshMs is shorter than the time since the failure', async () => {
    const { clock, source, get, fail } = stage();
    await get();
    await clock.advance(fresh);
    fail('down');
    await get();
    source.answer = () => Promise.resolve('b');
    await clock.advance(5_000);
    expect(await get({ freshMs: 5_000 })).toMatchObject({ value: 'b' });
  });

  it('throws a failure that the copy does not outlive, again without a load until the pause ends', async () => {
    const { clock, source, get, now, fail, kept } = stage({
      outlives: (failure) => (failure as Error).message === 'down',
    });
    await get();
    await clock.advance(fresh);
    fail('revoked');
    expect(await now(get())).toBe('failed: revoked');
    expect(await now(get({ patienceMs: 3_000 }))).toBe('failed: revoked');
    expect([source.loads, kept]).toEqual([2, []]);
    fail('down');
    await clock.advance(pause);
    expect(await now(get())).toBe('a');
    // A later failure of the other kind is thrown too, although the copy replaced the last one.
    fail('revoked');
    await clock.advance(pause);
    expect(await now(get())).toBe('failed: revoked');
    expect(await now(get())).toBe('failed: revoked');
    expect(source.loads).toBe(4);
  });

  it('keeps the freshness of a copy that does not outlive the failure', async () => {
    const { clock, get, now, fail } = stage({ outlives: () => false });
    await get();
    await clock.advance(5_000);
    fail('revoked');
    expect(await now(get({ freshMs: 5_000 }))).toBe('failed: revoked');
    expect(await now(get())).toBe('a');
    await clock.advance(fresh - 5_001);
    expect(await now(get())).toBe('a');
    await clock.advance(1);
    expect(await now(get())).toBe('failed: revoked');
  });

  it('computes the pause from the failure and from whether the copy is served', async () => {
    const pauses: [string, boolean][] = [];
    const { clock, source, get, now, fail } = stage({
      outlives: (failure) => (failure as Error).message === 'down',
      pauseMs: (failure, isCopyServed) => {
        pauses.push([(failure as Error).message, isCopyServed]);
        return 0;
      },
    });
    fail('down');
    await now(get());
    source.answer = () => Promise.resolve('a');
    await get();
    await clock.advance(fresh);
    for (const message of ['down', 'revoked']) {
      fail(message);
      await now(get());
    }
    expect(pauses).toEqual([
      ['down', false],
      ['down', true],
      ['revoked', false],
    ]);
  });
});
