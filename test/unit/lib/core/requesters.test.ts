import { describe, expect, it } from 'vitest';
import { type Requester, Requesters } from '../../../../src/lib/core/share.ts';
import { SingleFlight } from '../../../../src/lib/core/single-flight.ts';
import { settle } from '../../../fakes/fake-clock.ts';

const caller = (id: string): Requester => ({ id, kind: 'caller' });

function watched(...first: Requester[]) {
  const requesters = new Requesters(...first);
  const events: string[] = [];
  const stop = requesters.watch({
    joined: ({ id }) => events.push(`${id} joined`),
    left: ({ id }) => events.push(`${id} left`),
  });
  return { requesters, events, stop, ids: () => requesters.all.map(({ id }) => id) };
}

describe('Requesters', () => {
  it('are each there once, until each add was undone', () => {
    const { requesters, events, ids } = watched(caller('a'));
    requesters.add(caller('a'));
    requesters.add(caller('b'));
    expect(ids()).toEqual(['a', 'b']);
    requesters.remove(caller('a'));
    expect(ids()).toEqual(['a', 'b']);
    requesters.remove(caller('a'));
    expect(ids()).toEqual(['b']);
    expect(events).toEqual(['b joined', 'a left']);
  });

  it('are not the same if their kinds differ', () => {
    const { requesters, ids } = watched(caller('a'));
    requesters.add({ id: 'a', kind: 'background' });
    expect(ids()).toEqual(['a', 'a']);
  });

  it('ignore one that is not there, and tell nobody who has stopped watching', () => {
    const { requesters, events, stop, ids } = watched(caller('a'));
    requesters.remove(caller('b'));
    stop();
    requesters.remove(caller('a'));
    requesters.add(caller('c'));
    expect([ids(), events]).toEqual([['c'], []]);
  });
});

describe('shared work', () => {
  it('knows for whom it is done, also those that join later or leave', async () => {
    const flights = new SingleFlight<string>();
    let present: Requesters | undefined;
    const { promise, resolve } = Promise.withResolvers<string>();
    const run = (id: string | undefined, signal?: AbortSignal) =>
      flights.run(
        'key',
        (_, requesters) => {
          present = requesters;
          return promise;
        },
        signal,
        id === undefined ? undefined : caller(id),
      );
    const leaving = new AbortController();
    const results = [run('a'), run('b', leaving.signal).catch(() => 'left'), run(undefined)];
    await settle();
    const ids = () => present?.all.map(({ id }) => id);
    expect(ids()).toEqual(['a', 'b']);
    leaving.abort();
    await settle();
    expect(ids()).toEqual(['a']);
    results.push(run('c'));
    await settle();
    expect(ids()).toEqual(['a', 'c']);
    resolve('done');
    expect(await Promise.all(results)).toEqual(['done', 'left', 'done', 'done']);
  });
});
