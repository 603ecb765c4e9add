import type { Dispatcher } from 'undici';
import { describe, expect, it } from 'vitest';
import { collectAnswer } from '../../../../src/lib/core/collect-answer.ts';

/** A connection in which the test plays undici. */
function start(signal: AbortSignal, large: () => Promise<void> = () => Promise.resolve()) {
  let handler: Dispatcher.DispatchHandler | undefined;
  const dispatcher = {
    dispatch: (_: unknown, given: Dispatcher.DispatchHandler) => {
      handler = given;
      return true;
    },
  } as Pick<Dispatcher, 'dispatch'> as Dispatcher;
  const events: string[] = [];
  const controller = {
    pause: () => events.push('pause'),
    resume: () => events.push('resume'),
    abort: (reason: Error) => events.push(`abort: ${reason.message}`),
  } as unknown as Dispatcher.DispatchController;
  const answer = collectAnswer(dispatcher, { path: '/', method: 'GET' }, { signal, large });
  answer.catch(() => undefined);
  return { answer, events, controller, handler };
}

describe('collectAnswer', () => {
  it('does not dispatch a request whose signal has ended', async () => {
    const { answer, handler } = start(AbortSignal.abort(new Error('late')));
    await expect(answer).rejects.toThrow('late');
    expect(handler).toBeUndefined();
  });

  it('ends a request that waits for its connection, so that it does not leave later', async () => {
    const ending = new AbortController();
    const { answer, handler, events, controller } = start(ending.signal);
    ending.abort(new Error('late'));
    await expect(answer).rejects.toThrow('late');
    handler?.onRequestStart?.(controller, {});
    expect(events).toEqual(['abort: late']);
  });

  it('takes the final answer after an interim one', async () => {
    const { answer, handler, controller } = start(new AbortController().signal);
    handler?.onRequestStart?.(controller, {});
    handler?.onResponseStart?.(controller, 103, { link: '</a>' });
    handler?.onResponseStart?.(controller, 200, { etag: '"1"' });
    handler?.onResponseData?.(controller, Buffer.from('a'));
    handler?.onResponseData?.(controller, Buffer.from('b'));
    handler?.onResponseEnd?.(controller, {});
    expect(await answer).toEqual({ status: 200, headers: { etag: '"1"' }, body: Buffer.from('ab') });
  });

  it('stops reading a large answer until it has its place, and ends it if it gets none', async () => {
    const place = Promise.withResolvers<void>();
    const { answer, handler, events, controller } = start(new AbortController().signal, () => place.promise);
    handler?.onRequestStart?.(controller, {});
    handler?.onResponseStart?.(controller, 200, {});
    for (let part = 0; part < 4; part += 1) handler?.onResponseData?.(controller, Buffer.alloc(1024 * 1024));
    expect(events).toEqual(['pause']);
    place.reject(new Error('no place'));
    await expect(answer).rejects.toThrow('no place');
    expect(events).toEqual(['pause', 'abort: no place']);
  });
});
