import { getEventListeners } from 'node:events';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type Fetch,
  OutboundError,
  outboundFailure,
  retryAfterSeconds,
  send,
} from '../../../../src/lib/core/outbound.ts';

const request = (fetch: Fetch, more: { timeoutMs?: number; maxBodyBytes?: number; signal?: AbortSignal } = {}) =>
  send(fetch, { method: 'GET', url: 'https://peer.test/path', timeoutMs: 60_000, maxBodyBytes: 100, ...more });
/** A peer that never answers. Its request ends when the signal is aborted. */
const silent: Fetch = (_url, { signal }) =>
  new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error));
  });

describe('send', () => {
  it('returns the reply for every status and follows no redirect', async () => {
    const inits: RequestInit[] = [];
    const fetch: Fetch = async (_url, init) => {
      inits.push(init);
      return new Response('there', { status: 302, headers: { location: 'https://evil.test' } });
    };
    expect(await request(fetch)).toMatchObject({ status: 302, body: 'there' });
    expect(inits).toHaveLength(1);
    expect(inits[0]?.redirect).toBe('manual');
    expect(await request(async () => new Response(null, { status: 204 }))).toMatchObject({ status: 204, body: '' });
  });

  it('throws timeout if the peer does not answer in time', async () => {
    await expect(request(silent, { timeoutMs: 1 })).rejects.toMatchObject({ failure: 'timeout' });
    const { signal } = new AbortController();
    await expect(request(silent, { timeoutMs: 1, signal })).rejects.toMatchObject({ failure: 'timeout' });
  });

  it('throws timeout if the reply does not end in time', async () => {
    const drip: Fetch = async (_url, { signal }) =>
      new Response(
        new ReadableStream({
          start: (controller) => {
            controller.enqueue(new Uint8Array(1));
            signal?.addEventListener('abort', () => controller.error(signal.reason));
          },
        }),
      );
    await expect(request(drip, { timeoutMs: 1 })).rejects.toMatchObject({ failure: 'timeout' });
  });

  it('throws aborted when the signal is aborted', async () => {
    const leaving = new AbortController();
    const pending = request(silent, { signal: leaving.signal });
    leaving.abort(new Error('left'));
    await expect(pending).rejects.toMatchObject({ failure: 'aborted' });
    const asked: (boolean | undefined)[] = [];
    const ended: Fetch = async (_url, { signal }) => {
      asked.push(signal?.aborted);
      throw signal?.reason;
    };
    await expect(request(ended, { signal: leaving.signal })).rejects.toMatchObject({ failure: 'aborted' });
    expect(asked).toEqual([true]);
  });

  it('keeps neither a timer nor a listener after the reply', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { signal } = new AbortController();
    const during: number[] = [];
    const fetch: Fetch = async () => {
      during.push(vi.getTimerCount(), getEventListeners(signal, 'abort').length);
      return new Response('there');
    };
    await request(fetch, { signal });
    expect(during).toEqual([1, 1]);
    expect([vi.getTimerCount(), getEventListeners(signal, 'abort').length]).toEqual([0, 0]);
  });

  it('throws too_large and closes the connection if the reply exceeds the limit', async () => {
    let isCancelled = false;
    const endless: Fetch = async () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(60)),
          cancel: () => void (isCancelled = true),
        }),
      );
    await expect(request(endless)).rejects.toMatchObject({ failure: 'too_large' });
    expect(isCancelled).toBe(true);
    expect((await request(async () => new Response('x'.repeat(100)))).body).toHaveLength(100);
  });
});

describe('outboundFailure', () => {
  it.each([
    ['timeout', 'Peer did not answer in time.'],
    ['aborted', 'Peer did not answer before the request was cancelled.'],
    ['network', 'Peer could not be reached.'],
    ['too_large', 'Peer sent a reply that is too large.'],
  ] as const)('converts %s to the detail "%s"', (failure, detail) => {
    const error = new OutboundError(failure, 'peer.test');
    expect(outboundFailure(error, 'resource_error', 'Peer')).toMatchObject({
      code: 'resource_error',
      detail,
      cause: error,
    });
  });

  it('treats any other error as a network failure', () => {
    expect(outboundFailure(new TypeError('x'), 'entra_unavailable', 'Peer').detail).toBe('Peer could not be reached.');
  });
});

describe('retryAfterSeconds', () => {
  it.each([
    ['7', 7],
    [' 7 ', 7],
    ['0', 1],
    ['99999', 3600],
    ['Tue, 24 Nov 2026 00:01:30 GMT', 90],
    ['Mon, 23 Nov 2026 00:00:00 GMT', 1],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('reads %j as %j seconds', (value, seconds) => {
    const headers = new Headers(value === undefined ? {} : { 'retry-after': value });
    expect(retryAfterSeconds(headers, Date.UTC(2026, 10, 24))).toBe(seconds);
  });
});
