import { describe, expect, it } from 'vitest';
import { SingleFlight } from '../../../../src/lib/runtime/single-flight.ts';
import { settle } from '../../../fakes/fake-clock.ts';

/** Work that a test ends when it likes. */
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

describe('single flight', () => {
  it('shares one execution among those who ask for the same', async () => {
    const flights = new SingleFlight<string>();
    const { state, work, resolve } = manual();
    const both = Promise.all([flights.run('key', work), flights.run('key', work)]);
    expect(flights.size).toBe(1);
    await settle();
    resolve('done');
    expect(await both).toEqual(['done', 'done']);
    expect([state.started, flights.size]).toEqual([1, 0]);
  });

  it('lets one who leaves go with his reason, and the others have the answer', async () => {
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

  it('gives the work up when the last one leaves, and starts afresh for who comes then', async () => {
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
    // What was given up ends later, and takes nothing of the new one along.
    first.resolve('late');
    await settle();
    expect(flights.size).toBe(1);
    second.resolve('fresh');
    expect(await next).toBe('fresh');
  });

  it('is not troubled by a signal that fires after the answer', async () => {
    const flights = new SingleFlight<string>();
    const [first, second] = [manual(), manual()];
    const late = new AbortController();
    const answered = flights.run('key', first.work, late.signal);
    first.resolve('done');
    expect(await answered).toBe('done');
    const next = flights.run('key', second.work, new AbortController().signal);
    await settle();
    late.abort();
    // Work that is done is not told to stop.
    expect(first.state.signal?.aborted).toBe(false);
    expect(second.state.signal?.aborted).toBe(false);
    second.resolve('next');
    expect(await next).toBe('next');
  });

  it('hears of a failure that nobody waits for any more without making it everybody’s', async () => {
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

  it('refuses who comes with a signal that has fired', async () => {
    const { state, work } = manual();
    await expect(new SingleFlight<string>().run('key', work, AbortSignal.abort(new Error('gone')))).rejects.toThrow(
      'gone',
    );
    expect(state.started).toBe(0);
  });
});
