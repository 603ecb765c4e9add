import { describe, expect, it } from 'vitest';
import { fresh, stage, usable } from './kept-copy-stage.ts';

describe('KeptCopy with a fresh copy', () => {
  it('returns it without a load until its freshness ends', async () => {
    const { clock, source, get } = stage();
    const startMs = clock.nowMs();
    expect(await get()).toEqual({ value: 'a', asOfMs: startMs, failure: undefined, isLate: false });
    source.answer = () => Promise.resolve('b');
    await clock.advance(fresh - 1);
    expect(await get()).toMatchObject({ value: 'a', asOfMs: startMs });
    expect(source.loads).toBe(1);
    await clock.advance(1);
    expect(await get()).toMatchObject({ value: 'b', asOfMs: startMs + fresh });
    expect(source.loads).toBe(2);
  });

  it('counts freshness from the end of the load and age from its start', async () => {
    const { clock, source, get, hang } = stage();
    const startMs = clock.nowMs();
    const { resolve } = hang();
    const first = get();
    await clock.advance(5_000);
    resolve('slow');
    expect(await first).toMatchObject({ value: 'slow', asOfMs: startMs });
    source.answer = () => Promise.resolve('b');
    await clock.advance(fresh - 1);
    expect(await get()).toMatchObject({ value: 'slow' });
    await clock.advance(1);
    expect(await get()).toMatchObject({ value: 'b' });
  });

  it('computes the freshness from the value', async () => {
    const { clock, source, get } = stage({ freshMs: (value) => (value === 'short' ? 1_000 : fresh) });
    source.answer = () => Promise.resolve('short');
    await get();
    source.answer = () => Promise.resolve('long');
    await clock.advance(1_000);
    expect(await get()).toMatchObject({ value: 'long' });
    await clock.advance(1_000);
    await get();
    expect(source.loads).toBe(2);
  });

  it('loads at every call if the freshness is 0', async () => {
    const { source, get } = stage({ freshMs: () => 0 });
    await get();
    await get();
    expect(source.loads).toBe(2);
  });

  it('loads again when the freshness ends', async () => {
    const { clock, source, get } = stage();
    await get();
    await clock.advance(fresh - 1);
    await get();
    expect(source.loads).toBe(1);
    await clock.advance(1);
    await get();
    expect(source.loads).toBe(2);
  });

  it('loads for a caller that wants a more recent load', async () => {
    const { clock, source, get } = stage();
    await get();
    await clock.advance(4_999);
    await get({ freshMs: 5_000 });
    expect(source.loads).toBe(1);
    await clock.advance(1);
    await get({ freshMs: 5_000 });
    expect(source.loads).toBe(2);
    await get({ freshMs: 5_000 });
    expect(source.loads).toBe(2);
  });

  it('returns it to a caller that wants a more recent load if the last load failed recently', async () => {
    const { clock, source, get, now, fail } = stage({ outlives: () => false, pauseMs: () => 5_000 });
    await get();
    await clock.advance(5_000);
    fail('gone');
    expect(await now(get({ freshMs: 5_000 }))).toBe('failed: gone');
    expect(await now(get({ freshMs: 5_000 }))).toBe('a');
    expect(source.loads).toBe(2);
    await clock.advance(5_000);
    expect(await now(get({ freshMs: 5_000 }))).toBe('failed: gone');
    expect(source.loads).toBe(3);
  });
});

describe('KeptCopy with concurrent callers', () => {
  it('shares one load if there is no copy', async () => {
    const { source, get } = stage();
    const all = await Promise.all(Array.from({ length: 50 }, () => get()));
    expect(new Set(all.map(({ value }) => value))).toEqual(new Set(['a']));
    expect(source.loads).toBe(1);
  });

  it('shares one load if the copy is stale, whatever the patience of the callers', async () => {
    const { clock, source, get } = stage();
    await get();
    await clock.advance(fresh);
    source.answer = () => Promise.resolve('b');
    const all = await Promise.all([get(), get({ patienceMs: 3_000 }), get({ freshMs: 1 })]);
    expect(all.map(({ value }) => value)).toEqual(['b', 'b', 'b']);
    expect(source.loads).toBe(2);
  });

  it('shares the failure of a load', async () => {
    const { source, get, fail } = stage();
    const error = fail('down');
    const all = await Promise.allSettled([get(), get()]);
    expect(all).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ]);
    expect(source.loads).toBe(1);
  });
});

describe('KeptCopy with usableMs', () => {
  it('returns the copy until that age, whatever failed before', async () => {
    const { clock, copy, get, now, fail } = stage();
    await get();
    fail('down');
    await clock.advance(usable - 1);
    expect(await now(get())).toBe('a');
    expect(copy.peek()?.value).toBe('a');
    await clock.advance(1);
    // The pause after the failed load has not ended: the failure is repeated.
    expect(copy.peek()).toBeUndefined();
    expect(await now(get())).toBe('failed: down');
  });

  it('loads at that age although freshMs is longer', async () => {
    const { clock, source, get } = stage({ freshMs: () => 2 * usable });
    await get();
    await clock.advance(usable);
    source.answer = () => Promise.resolve('b');
    expect(await get()).toMatchObject({ value: 'b' });
  });

  it('returns the copy at any age if usableMs is infinite', async () => {
    const { clock, get, now, fail } = stage({ usableMs: Number.POSITIVE_INFINITY });
    await get();
    fail('down');
    await clock.advance(1000 * usable);
    expect(await now(get())).toBe('a');
  });
});

describe('KeptCopy', () => {
  it('reports the time and the failure of the last load', async () => {
    const { clock, copy, get, now, fail } = stage();
    expect(copy.lastLoad).toBeUndefined();
    await get();
    expect(copy.lastLoad).toMatchObject({ atMs: clock.nowMs(), failure: undefined });
    await clock.advance(fresh);
    const failure = fail('down');
    await now(get());
    expect(copy.lastLoad).toMatchObject({ atMs: clock.nowMs(), failure });
  });

  it('peeks at a stale copy without a load', async () => {
    const { clock, copy, source, get } = stage();
    expect(copy.peek()).toBeUndefined();
    await get();
    await clock.advance(fresh);
    expect(copy.peek()).toMatchObject({ value: 'a' });
    expect(source.loads).toBe(1);
  });
});
