import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { DeadlineError } from '../../../../src/lib/runtime/deadline.ts';
import { type GetOptions, KeptCopy, type KeptCopySettings } from '../../../../src/lib/runtime/kept-copy.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';

const fresh = 600_000;
const usable = 86_400_000;
const pause = 30_000;

/** A copy whose source a test controls: `answer` is what the next load does. */
function stage(settings: Partial<KeptCopySettings<string>> = {}, background?: (work: () => void) => void) {
  const clock = new FakeClock();
  const kept: unknown[] = [];
  const copy = new KeptCopy<string>(
    { clock, background },
    {
      freshMs: () => fresh,
      usableMs: usable,
      pauseMs: () => pause,
      onKept: (failure) => kept.push(failure),
      ...settings,
    },
  );
  const source = { loads: 0, answer: (): Promise<string> => Promise.resolve('a'), signals: [] as AbortSignal[] };
  const load = (signal: AbortSignal): Promise<string> => {
    source.loads += 1;
    source.signals.push(signal);
    return source.answer();
  };
  const get = (options?: GetOptions) => copy.get(load, options);
  /** Resolves with `value: what the caller got` once it is settled, or with undefined while it is not. */
  const now = async (call: Promise<{ readonly value: string }>): Promise<string | undefined> => {
    let outcome: string | undefined;
    void call.then(
      ({ value }) => (outcome = value),
      (error: unknown) => (outcome = `failed: ${error instanceof Error ? error.message : String(error)}`),
    );
    await settle();
    return outcome;
  };
  const fail = (message: string): Error => {
    const error = new Error(message);
    source.answer = () => Promise.reject(error);
    return error;
  };
  const hang = (): PromiseWithResolvers<string> => {
    const pending = Promise.withResolvers<string>();
    source.answer = () => pending.promise;
    return pending;
  };
  return { clock, copy, source, get, now, fail, hang, kept };
}

describe('a fresh copy', () => {
  it('is returned without a load until its freshness ends', async () => {
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

  it('counts its freshness from the end of the load and its age from the start', async () => {
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

  it('has a freshness that depends on the value', async () => {
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

  it('is never returned without a load when the freshness is 0', async () => {
    const { source, get } = stage({ freshMs: () => 0 });
    await get();
    await get();
    expect(source.loads).toBe(2);
  });

  it('is loaded again after expire(), and again after the next freshness', async () => {
    const { clock, copy, source, get } = stage();
    copy.expire();
    await get();
    copy.expire();
    await get();
    expect(source.loads).toBe(2);
    await clock.advance(fresh - 1);
    await get();
    expect(source.loads).toBe(2);
  });

  it('is not returned to a caller that wants a more recent load', async () => {
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

  it('is returned to a caller that wants a more recent load when the last load failed a moment ago', async () => {
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

describe('concurrent callers', () => {
  it('share one load when there is no copy', async () => {
    const { source, get } = stage();
    const all = await Promise.all(Array.from({ length: 50 }, () => get()));
    expect(new Set(all.map(({ value }) => value))).toEqual(new Set(['a']));
    expect(source.loads).toBe(1);
  });

  it('share one load when the copy is stale, whatever their patience', async () => {
    const { clock, source, get } = stage();
    await get();
    await clock.advance(fresh);
    source.answer = () => Promise.resolve('b');
    const all = await Promise.all([get(), get({ patienceMs: 3_000 }), get({ freshMs: 1 })]);
    expect(all.map(({ value }) => value)).toEqual(['b', 'b', 'b']);
    expect(source.loads).toBe(2);
  });

  it('share the failure of a load', async () => {
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

describe('without a copy', () => {
  it('a failure is thrown, and repeated without a load until the pause ends', async () => {
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

  it('the pause counts from the end of the load', async () => {
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

  it('a failure with a pause of 0 is not repeated: the next call loads', async () => {
    const { source, get, now, fail } = stage({ pauseMs: () => 0 });
    fail('down');
    expect(await now(get())).toBe('failed: down');
    source.answer = () => Promise.resolve('a');
    expect(await now(get())).toBe('a');
    expect(source.loads).toBe(2);
  });

  it('a caller waits for the load, whatever its patience', async () => {
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

describe('a failure while there is a copy', () => {
  it('leaves the copy in use until the pause ends, and says why', async () => {
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

  it('does not keep a caller from a load that wants one more recent than the pause is long', async () => {
    const { clock, source, get, fail } = stage();
    await get();
    await clock.advance(fresh);
    fail('down');
    await get();
    source.answer = () => Promise.resolve('b');
    await clock.advance(5_000);
    expect(await get({ freshMs: 5_000 })).toMatchObject({ value: 'b' });
  });

  it('is thrown if the copy does not outlive it, and repeated without a load until the pause ends', async () => {
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
    // A later failure of the other kind is thrown too, although the copy stood in for the last one.
    fail('revoked');
    await clock.advance(pause);
    expect(await now(get())).toBe('failed: revoked');
    expect(await now(get())).toBe('failed: revoked');
    expect(source.loads).toBe(4);
  });

  it('leaves the freshness of a copy alone that does not outlive it', async () => {
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

  it('has a pause that depends on the failure and on whether the copy is served', async () => {
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

describe('the usability of a copy', () => {
  it('ends at its age, whatever the failures before', async () => {
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

  it('ends although the copy was never stale by its freshness', async () => {
    const { clock, source, get } = stage({ freshMs: () => 2 * usable });
    await get();
    await clock.advance(usable);
    source.answer = () => Promise.resolve('b');
    expect(await get()).toMatchObject({ value: 'b' });
  });

  it('never ends when it is infinite', async () => {
    const { clock, get, now, fail } = stage({ usableMs: Number.POSITIVE_INFINITY });
    await get();
    fail('down');
    await clock.advance(1000 * usable);
    expect(await now(get())).toBe('a');
  });
});

describe('patience', () => {
  it('ends with the copy while the load continues, and the late value counts', async () => {
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

  it('counts from the start of the load, so that later callers wait for the rest of it or not at all', async () => {
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

  it('that has ended does not hide a failure from the next callers', async () => {
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

  it('does not mistake a DeadlineError of the load for its own end', async () => {
    const { clock, get, source } = stage({ outlives: () => false });
    await get();
    await clock.advance(fresh);
    source.answer = () => Promise.reject(new DeadlineError(5));
    await expect(get({ patienceMs: 3_000 })).rejects.toThrow('not done within 5 ms');
  });

  it('of 0 returns the copy at once and loads in the background', async () => {
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

  it('of 0 starts no second load, and a failure in the background harms nobody', async () => {
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

  it('absent: the caller waits for the load as long as it takes', async () => {
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

describe('a clock that is set back', () => {
  it('makes a fresh copy due instead of postponing its next load', async () => {
    const { clock, source, get } = stage();
    await get();
    await clock.advance(-1);
    source.answer = () => Promise.resolve('b');
    expect(await get()).toMatchObject({ value: 'b' });
    await get();
    expect(source.loads).toBe(2);
  });

  it('ends the pause after a failure, with a copy and without', async () => {
    const { clock, source, get, now, fail } = stage();
    fail('down');
    await now(get());
    await clock.advance(-3_600_000);
    source.answer = () => Promise.resolve('a');
    expect(await now(get())).toBe('a');
    await clock.advance(fresh);
    fail('down');
    await get();
    await clock.advance(-1);
    source.answer = () => Promise.resolve('b');
    expect(await now(get())).toBe('b');
  });

  it('counts as no recent load for a caller that wants one', async () => {
    const { clock, source, get } = stage();
    await get();
    await clock.advance(-1);
    await get({ freshMs: 5_000 });
    expect(source.loads).toBe(2);
  });

  it('by more than the usability makes the copy unusable', async () => {
    const { clock, get, now, fail } = stage();
    await get();
    fail('down');
    await clock.advance(-usable + 1);
    expect(await now(get())).toBe('a');
    await clock.advance(-1);
    expect(await now(get())).toBe('failed: down');
  });
});

describe('a signal', () => {
  it('ends the wait of its caller; without a copy the load is aborted when the last caller leaves, without a trace', async () => {
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

  it('leaves no failure behind when the aborted load fails', async () => {
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

  it('that is aborted already starts no load, and does not matter to a fresh copy', async () => {
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

it('tells how the last load ended', async () => {
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
