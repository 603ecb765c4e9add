import { describe, expect, it } from 'vitest';
import { sharedReads, SingleFlight } from '../../../../src/lib/core/single-flight.ts';
import { settle } from '../../../fakes/fake-clock.ts';

/** Work that the test ends. */
function manual() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const state = { started: 0, signal: undefined as AbortSignal | undefined };
  const work = (signal: AbortSignal): Promise<string> => {
    state.started += 1;
    state.signal = signal;
    return promise;
  };
  return { state, work, resolve, reject };
}

describe('SingleFlight', () => {
  it('shares one execution among concurrent calls with the same key', async () => {
    const flights = new SingleFlight<string>();
    const { state, work, resolve } = manual();
    const both = Promise.all([flights.run('key', work), flights.run('key', work)]);
    expect(flights.size).toBe(1);
    await settle();
    resolve('done');
    expect(await both).toEqual(['done', 'done']);
    expect([state.started, flights.size]).toEqual([1, 0]);
  });

  it('rejects a caller whose signal is aborted, and resolves the others', async () => {
    const flights = new SingleFlight<string>();
    const { state, work, resolve } = manual();
    const leaving = new AbortController();
    const patient = flights.run('key', work, new AbortController().signal);
    const impatient = flights.run('key', work, leaving.signal);
    await settle();
    leaving.abort(new Error('left'));
    await expect(impatient).rejects.toThrow('left');
    expect([state.signal?.aborted, flights.size]).toEqual([false, 1]);
    resolve('done');
    expect(await patient).toBe('done');
  });

  it('aborts the work when the last caller leaves, and starts new work for the next caller', async () => {
    const flights = new SingleFlight<string>();
    const [first, second] = [manual(), manual()];
    const leaving = new AbortController();
    const left = flights.run('key', first.work, leaving.signal);
    await settle();
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    expect(first.state.signal?.reason).toMatchObject({ message: 'left' });
    const next = flights.run('key', second.work);
    await settle();
    // The aborted work ends later and does not affect the new work.
    first.resolve('late');
    await settle();
    expect(flights.size).toBe(1);
    second.resolve('fresh');
    expect(await next).toBe('fresh');
  });

  it('ignores a signal that is aborted after the call has resolved', async () => {
    const flights = new SingleFlight<string>();
    const [first, second] = [manual(), manual()];
    const late = new AbortController();
    const answered = flights.run('key', first.work, late.signal);
    first.resolve('done');
    expect(await answered).toBe('done');
    const next = flights.run('key', second.work, new AbortController().signal);
    await settle();
    late.abort();
    // The signal of finished work is not aborted.
    expect(first.state.signal?.aborted).toBe(false);
    expect(second.state.signal?.aborted).toBe(false);
    second.resolve('next');
    expect(await next).toBe('next');
  });

  it('leaves no unhandled rejection if the work fails after all callers have left', async () => {
    const flights = new SingleFlight<string>();
    const { work, reject } = manual();
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    const leaving = new AbortController();
    const left = flights.run('key', work, leaving.signal);
    await settle();
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    reject(new Error('failed'));
    await settle();
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('rejects a call whose signal is already aborted without starting the work', async () => {
    const { state, work } = manual();
    await expect(new SingleFlight<string>().run('key', work, AbortSignal.abort(new Error('gone')))).rejects.toThrow(
      'gone',
    );
    expect(state.started).toBe(0);
  });
});

describe('shared reads', () => {
  it('begin after each call, and are shared by those that wait', async () => {
    const works = [manual(), manual(), manual()];
    let begun = 0;
    const shared = sharedReads<string>();
    const read = (key: string): Promise<string> =>
      shared(key, () => {
        const { work } = works[begun] as ReturnType<typeof manual>;
        begun += 1;
        return work(AbortSignal.any([])).then((text) => `${key} ${text}`);
      });
    const first = [read('run'), read('run')];
    await settle();
    expect(begun).toBe(1);
    const second = [read('run'), read('run')];
    await settle();
    expect(begun).toBe(1);
    works[0]?.resolve('old');
    expect(await Promise.all(first)).toEqual(['run old', 'run old']);
    await settle();
    expect(begun).toBe(2);
    works[1]?.resolve('new');
    expect(await Promise.all(second)).toEqual(['run new', 'run new']);
    void read('run');
    await settle();
    expect(begun).toBe(3);
  });

  it('begin again after a failure', async () => {
    let begun = 0;
    const shared = sharedReads<number>();
    const read = (): Promise<number> =>
      shared('run', async () => {
        begun += 1;
        await settle();
        if (begun === 1) throw new Error('away');
        return begun;
      });
    const first = read();
    await Promise.resolve();
    await Promise.resolve();
    const both = await Promise.allSettled([first, read()]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });
});
