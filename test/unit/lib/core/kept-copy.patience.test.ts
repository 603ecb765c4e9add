import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { DeadlineError } from '../../../../src/lib/core/clock.ts';
import { settle } from '../../../fakes/fake-clock.ts';
import { fresh, stage, usable } from './kept-copy-stage.ts';

describe('KeptCopy with patienceMs', () => {
  it('returns the copy when patience ends, continues the load and returns its value afterwards', async () => {
    const { clock, source, get, now, hang } = stage();
    await get();
    await clock.advance(fresh);
    const { resolve } = hang();
    const call = get({ patienceMs: 3_000 });
    await clock.advance(2_999);
    expect(await now(call)).toBeUndefined();
    await clock.advance(1);
    expect(await call).toMatchObject({ value: 'a', isLate: true, failure: undefined });
    resolve('late');
    await settle();
    expect(await get({ patienceMs: 3_000 })).toMatchObject({ value: 'late', isLate: false });
    expect(source.loads).toBe(2);
    expect(clock.sleeping).toBe(0);
  });

  it('counts patience from the start of the load, so that later callers wait less or not at all', async () => {
    const { clock, source, get, now, hang } = stage();
    await get();
    await clock.advance(fresh);
    hang();
    const first = get({ patienceMs: 3_000 });
    await clock.advance(2_000);
    const second = get({ patienceMs: 3_000 });
    const third = get({ patienceMs: 60_000 });
    await clock.advance(1_000);
    expect(await now(first)).toBe('a');
    expect(await now(second)).toBe('a');
    expect(await now(get({ patienceMs: 3_000 }))).toBe('a');
    expect(await now(third)).toBeUndefined();
    await clock.advance(57_000);
    expect(await now(third)).toBe('a');
    expect(source.loads).toBe(2);
  });

  it('returns a failure that occurs after patience has ended to the next callers', async () => {
    const { clock, source, get, hang } = stage();
    await get();
    await clock.advance(fresh);
    const { reject } = hang();
    const call = get({ patienceMs: 3_000 });
    await clock.advance(3_000);
    await call;
    const error = new Error('down after all');
    reject(error);
    await settle();
    expect(await get({ patienceMs: 3_000 })).toMatchObject({ value: 'a', failure: error, isLate: false });
    expect(source.loads).toBe(2);
  });

  it('throws a DeadlineError of the load', async () => {
    const { clock, get, source } = stage({ outlives: () => false });
    await get();
    await clock.advance(fresh);
    source.answer = () => Promise.reject(new DeadlineError(5));
    await expect(get({ patienceMs: 3_000 })).rejects.toThrow('not done within 5 ms');
  });

  it('returns the copy immediately and loads in the background if it is 0', async () => {
    const contexts: (string | undefined)[] = [];
    const request = new AsyncLocalStorage<string>();
    const { clock, source, get, now } = stage({}, (work) => request.exit(work));
    await get();
    await clock.advance(fresh);
    source.answer = async () => {
      contexts.push(request.getStore());
      return 'b';
    };
    await request.run('request', async () => {
      expect(await get({ patienceMs: 0 })).toMatchObject({ value: 'a', isLate: true });
    });
    await settle();
    expect(await now(get({ patienceMs: 0 }))).toBe('b');
    expect(contexts).toEqual([undefined]);
    expect(source.loads).toBe(2);
  });

  it('starts no second load if it is 0, and leaves no unhandled rejection when the background load fails', async () => {
    const started: number[] = [];
    const { clock, source, get, hang } = stage({}, (work) => {
      started.push(1);
      work();
    });
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    await get();
    await clock.advance(usable - 1);
    const { reject } = hang();
    await get({ patienceMs: 0 });
    await get({ patienceMs: 0 });
    await clock.advance(1);
    // The copy has expired meanwhile, so that the failure is thrown.
    reject(new Error('down'));
    await settle();
    process.off('unhandledRejection', note);
    expect([source.loads, started.length, unhandled]).toEqual([2, 1, []]);
  });

  it('waits until the load ends if it is absent', async () => {
    const { clock, get, now, hang } = stage();
    await get();
    await clock.advance(fresh);
    const { resolve } = hang();
    const call = get();
    await clock.advance(3_600_000);
    expect(await now(call)).toBeUndefined();
    resolve('b');
    expect(await call).toMatchObject({ value: 'b' });
  });
});

describe('KeptCopy with a signal', () => {
  it('rejects the caller, and without a copy aborts the load and ignores its outcome when the last caller leaves', async () => {
    const { copy, source, get, now, hang } = stage();
    const pending = hang();
    const [one, other] = [new AbortController(), new AbortController()];
    const calls = [get({ signal: one.signal }), get({ signal: other.signal })];
    await settle();
    one.abort(new Error('one left'));
    expect(await now(calls[0]!)).toBe('failed: one left');
    expect(source.signals[0]?.aborted).toBe(false);
    other.abort(new Error('other left'));
    expect(await now(calls[1]!)).toBe('failed: other left');
    expect(source.signals[0]?.aborted).toBe(true);
    pending.resolve('too late');
    await settle();
    expect([copy.peek(), copy.lastLoad]).toEqual([undefined, undefined]);
    source.answer = () => Promise.resolve('b');
    expect(await now(get())).toBe('b');
  });

  it('does not record the failure of an aborted load', async () => {
    const { copy, get, now, hang } = stage();
    const pending = hang();
    const leaving = new AbortController();
    const call = get({ signal: leaving.signal });
    await settle();
    leaving.abort(new Error('left'));
    expect(await now(call)).toBe('failed: left');
    pending.reject(new Error('aborted'));
    await settle();
    expect(copy.lastLoad).toBeUndefined();
  });

  it('does not abort the load while there is a copy and patience', async () => {
    const { clock, source, get, now, hang } = stage();
    await get();
    await clock.advance(fresh);
    const { resolve } = hang();
    const leaving = new AbortController();
    const call = get({ patienceMs: 3_000, signal: leaving.signal });
    await settle();
    leaving.abort(new Error('left'));
    expect(await now(call)).toBe('failed: left');
    expect(source.signals[1]?.aborted).toBe(false);
    resolve('b');
    await settle();
    expect(await now(get())).toBe('b');
  });

  it('starts no load if the signal is already aborted, but returns a fresh copy', async () => {
    const { clock, source, get, now } = stage();
    const signal = AbortSignal.abort(new Error('gone'));
    expect(await now(get({ signal }))).toBe('failed: gone');
    expect(source.loads).toBe(0);
    await get();
    expect(await now(get({ signal }))).toBe('a');
    await clock.advance(fresh);
    expect(await now(get({ signal, patienceMs: 3_000 }))).toBe('failed: gone');
    expect(source.loads).toBe(1);
  });
});
