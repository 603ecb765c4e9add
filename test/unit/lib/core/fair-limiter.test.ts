import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairLimiter } from '../../../../src/lib/core/fair-limiter.ts';
import { type Requester, Requesters } from '../../../../src/lib/core/share.ts';
import { settle } from '../../../fakes/fake-clock.ts';

const caller = (id: string): Requester => ({ id, kind: 'caller' });
const background = (id: string): Requester => ({ id, kind: 'background' });

/** Work that records its start and ends when the test says. */
function stage(limit: number, maxWaiting = 100) {
  const limiter = new FairLimiter({ limit, maxWaiting, peer: 'Entra' });
  const started: string[] = [];
  const ends: (() => void)[] = [];
  const run = (name: string, requesters: Requesters, signal?: AbortSignal): Promise<string> =>
    limiter
      .run(
        () => {
          started.push(name);
          return new Promise<string>((resolve) => ends.push(() => resolve(name)));
        },
        requesters,
        signal,
      )
      .catch((thrown: unknown) => (thrown as { code?: string }).code ?? 'aborted');
  const endAll = async (): Promise<void> => {
    await settle();
    for (let at = 0; at < ends.length; at += 1) {
      ends[at]?.();
      await settle();
    }
  };
  const endFirst = async (): Promise<void> => {
    ends[0]?.();
    await settle();
  };
  return { limiter, started, run, endAll, endFirst };
}

describe('FairLimiter', () => {
  it('lets requesters take turns', async () => {
    const { started, run, endAll } = stage(1);
    for (const name of ['a1', 'a2', 'a3', 'b1', 'c1', 'b2']) void run(name, new Requesters(caller(name.charAt(0))));
    await endAll();
    expect(started).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2']);
  });

  it('serves interactive requesters first, and every eighth turn the background', async () => {
    const { started, run, endAll } = stage(1);
    for (let n = 0; n < 3; n += 1) void run('job', new Requesters(background('job')));
    for (let n = 0; n < 20; n += 1) void run('call', new Requesters(caller('a')));
    await endAll();
    expect(started.flatMap((name, at) => (name === 'job' ? [at] : []))).toEqual([0, 8, 16]);
  });

  it('does not queue work again for a requester that joins after its start', async () => {
    const { limiter, started, run, endAll, endFirst } = stage(1);
    const shared = new Requesters(caller('a'));
    void run('first', new Requesters(caller('a')));
    void run('shared', shared);
    await settle();
    await endFirst();
    expect(started).toEqual(['first', 'shared']);
    shared.add(caller('b'));
    expect([limiter.waiting, limiter.waitingUnits().interactive]).toEqual([0, 0]);
    void run('next', new Requesters(caller('c')));
    await endAll();
    expect([started, limiter.held(), limiter.waiting]).toEqual([['first', 'shared', 'next'], 0, 0]);
  });

  it('starts shared work in the turn of a requester that joins later', async () => {
    const { started, run, endAll } = stage(1);
    const shared = new Requesters(caller('a'));
    for (const name of ['a1', 'a2', 'a3']) void run(name, new Requesters(caller('a')));
    void run('shared', shared);
    await settle();
    shared.add(caller('b'));
    await endAll();
    expect(started).toEqual(['a1', 'a2', 'shared', 'a3']);
  });

  it('starts shared work of a requester whose queue is full, also after the others have left', async () => {
    const { limiter, started, run, endAll } = stage(1, 2);
    const shared = new Requesters(caller('b'));
    for (const name of ['a1', 'a2', 'a3']) void run(name, new Requesters(caller('a')));
    expect(await run('a4', new Requesters(caller('a')))).toBe('caller_throttled');
    void run('shared', shared);
    shared.add(caller('a'));
    shared.remove(caller('b'));
    await endAll();
    expect(started).toEqual(['a1', 'a2', 'a3', 'shared']);
    expect(limiter.waiting).toBe(0);
  });

  it('leaves one place of sixteen to others', async () => {
    const { started, run, endAll } = stage(16);
    for (let n = 0; n < 20; n += 1) void run('a', new Requesters(caller('a')));
    void run('b', new Requesters(caller('b')));
    await settle();
    expect([started.length, started.at(-1)]).toEqual([16, 'b']);
    await endAll();
    expect(started).toHaveLength(21);
  });

  it('keeps the place of sixteen free when an operation of the requester ends', async () => {
    const { limiter, started, run, endFirst } = stage(16);
    for (let n = 0; n < 20; n += 1) void run('a', new Requesters(caller('a')));
    await settle();
    await endFirst();
    expect([started.length, limiter.waiting]).toEqual([16, 4]);
    void run('b', new Requesters(caller('b')));
    await settle();
    expect(started.at(-1)).toBe('b');
  });

  it('ends the wait of an operation with the reason of its signal, which frees its place in the queue', async () => {
    const { limiter, started, endAll } = stage(1, 1);
    const requesters = new Requesters(caller('a'));
    const never = limiter.run(() => new Promise<never>(() => undefined), requesters);
    void never;
    const leaving = new AbortController();
    const waiting = limiter.run(async () => started.push('left'), new Requesters(caller('a')), leaving.signal);
    const refused = limiter.run(async () => undefined, new Requesters(caller('a')));
    await expect(refused).rejects.toMatchObject({ code: 'caller_throttled', retryAfterSeconds: 10 });
    leaving.abort(new Error('the client left'));
    await expect(waiting).rejects.toThrow('the client left');
    expect(limiter.waiting).toBe(0);
    const next = new AbortController();
    const later = limiter.run(async () => undefined, new Requesters(caller('a')), next.signal);
    await settle();
    expect(limiter.waiting).toBe(1);
    next.abort(new Error('done'));
    await expect(later).rejects.toThrow('done');
    await endAll();
    expect(started).toEqual([]);
  });

  it('does not start an operation whose signal has ended already', async () => {
    const { limiter } = stage(1);
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(limiter.run(async () => 1, new Requesters(caller('a')), signal)).rejects.toThrow('too late');
    expect(limiter.waiting).toBe(0);
  });

  it('knows whether every requester of shared work waits', async () => {
    const { limiter, run, endAll } = stage(1);
    for (const name of ['a', 'a', 'b']) void run(name, new Requesters(caller(name)));
    void run('job', new Requesters(background('job')));
    await settle();
    const waits = (...requesters: Requester[]): boolean => limiter.allWait(new Requesters(...requesters));
    expect([waits(caller('a')), waits(caller('a'), caller('b')), waits(background('job'))]).toEqual([true, true, true]);
    expect([waits(caller('c')), waits(caller('a'), caller('c')), waits(caller('job'))]).toEqual([false, false, false]);
    await endAll();
    expect([waits(caller('a')), waits(background('job'))]).toEqual([false, false]);
  });

  it('runs all work, at most `limit` at once, in every order of arrivals, joins and aborts', async () => {
    const step = fc.record({ ids: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }), aborts: fc.boolean() });
    const cases = fc.asyncProperty(
      fc.scheduler(),
      fc.constantFrom(1, 2, 16),
      fc.array(step, { maxLength: 30 }),
      async (s, limit, steps) => {
        const limiter = new FairLimiter({ limit, maxWaiting: 50, peer: 'Entra' });
        let active = 0;
        const outcomes = steps.map(async ({ ids: [first = 0, ...later], aborts }) => {
          const requesters = new Requesters(caller(`${first}`));
          const aborting = new AbortController();
          if (aborts) void s.schedule(Promise.resolve()).then(() => aborting.abort());
          for (const id of later) void s.schedule(Promise.resolve()).then(() => requesters.add(background(`${id}`)));
          const work = async (): Promise<string> => {
            active += 1;
            expect(active).toBeLessThanOrEqual(limit);
            await s.schedule(Promise.resolve());
            active -= 1;
            return 'done';
          };
          return limiter.run(work, requesters, aborting.signal).catch(() => 'aborted');
        });
        const ended = await s.waitFor(Promise.all(outcomes));
        for (const [at, { aborts }] of steps.entries()) if (!aborts) expect(ended[at]).toBe('done');
        expect([active, limiter.waiting]).toEqual([0, 0]);
      },
    );
    await fc.assert(cases, { numRuns: 500, seed: 5 });
  });
});
