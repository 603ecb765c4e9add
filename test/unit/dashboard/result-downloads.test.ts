import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ApiFailure } from '../../../dashboard/app/api-failure.ts';
import { type Api, createApi } from '../../../dashboard/app/api.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';

vi.mock('../../../dashboard/shared/api-base.ts', () => ({
  apiUrl: (path: string) => `https://broker.test/api/${path}`,
}));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const ended = { runId: 'job@w', status: 'completed' } as const;
const pages = ['\uFEFFa\r\n', '1\r\n', '2\r\n'];
const whole = pages.join('');

/** Answers each request of the page `index`, the `attempt`th from 1. */
type Answer = (index: number, attempt: number, init: RequestInit) => Response | Promise<Response> | undefined;

/** An API whose run has three pages. The answer replaces a page unless it is undefined. */
function threePages(answer: Answer): { api: Api; clock: FakeClock; asked: number[]; refusals: ApiFailure[] } {
  const clock = new FakeClock();
  const asked: number[] = [];
  const refusals: ApiFailure[] = [];
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    const index = Number(new URL(url).searchParams.get('continuation') ?? 0);
    asked.push(index);
    const attempt = asked.filter((other) => other === index).length;
    return (await answer(index, attempt, init)) ?? page(index);
  });
  return {
    api: createApi(
      async () => 'the-token',
      (failure) => void refusals.push(failure),
      clock,
    ),
    clock,
    asked,
    refusals,
  };
}

function page(index: number): Response {
  const link = index + 1 < pages.length ? { link: `<?continuation=${index + 1}>; rel="next"` } : {};
  return new Response(pages[index] ?? '', { headers: { 'content-type': 'text/csv', ...link } });
}

const problem = (status: number, code: string, retryAfter?: number): Response =>
  Response.json(
    { code, title: 'Title', detail: 'Storage is away.', advice: 'For callers.' },
    { status, headers: retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) } },
  );

const text = async (file: Promise<Blob>): Promise<string> => Buffer.from(await (await file).arrayBuffer()).toString();
const failureOf = (file: Promise<Blob>): Promise<ApiFailure> =>
  file.then(
    () => {
      throw new Error('the download did not fail');
    },
    (thrown: unknown) => thrown as ApiFailure,
  );

describe('the download of a run', () => {
  it.each([
    ['csv', ['\uFEFFa\r\n', '1\r\n2\r\n'], '\uFEFFa\r\n1\r\n2\r\n'],
    ['jsonl', ['{"a":1}\n', '{"a":2}\n'], '{"a":1}\n{"a":2}\n'],
    ['json', ['{"a":1}\n', '{"a":2}\n'], '[\n{"a":1},\n{"a":2}\n]\n'],
  ])('joins the pages of the results to one %s file', async (format, parts, file) => {
    const seen: string[] = [];
    vi.stubGlobal('fetch', async (url: string) => {
      seen.push(url);
      const link = seen.length < parts.length ? { link: `<?continuation=${seen.length}>; rel="next"` } : {};
      return new Response(parts[seen.length - 1] ?? '', { headers: { 'content-type': 'text/plain', ...link } });
    });
    expect(
      await text(
        createApi(
          async () => 'the-token',
          () => undefined,
        ).results(ended, format),
      ),
    ).toBe(file);
    expect(seen.map((url) => new URL(url).pathname)).toEqual(parts.map(() => '/api/runs/job%40w/results'));
    expect(new URL(seen[1] ?? '').search).toBe('?continuation=1');
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ['storage that is not available', () => problem(503, 'storage_unavailable')],
    ['an error inside the broker', () => problem(500, 'internal')],
    ['a broken connection', () => Promise.reject(new TypeError('fetch failed'))],
    ['the answer of a proxy', () => new Response('<html>Bad gateway', { status: 502 })],
    [
      'a body that ends too early',
      () => new Response(new ReadableStream({ pull: (stream) => stream.error(new TypeError('terminated')) })),
    ],
  ])('repeats a page after %s, with growing pauses', async (_, failing) => {
    const { api, clock, asked } = threePages((index, attempt) => (index === 1 && attempt < 4 ? failing() : undefined));
    const file = text(api.results(ended, 'csv'));
    await clock.advance(999);
    expect(asked).toEqual([0, 1]);
    await clock.advance(1 + 1_999);
    expect(asked).toEqual([0, 1, 1]);
    await clock.advance(1 + 4_000);
    expect(await file).toBe(whole);
    expect(asked).toEqual([0, 1, 1, 1, 1, 2]);
  });

  it('waits as long as Retry-After says', async () => {
    const { api, clock, asked } = threePages((index, attempt) =>
      index === 1 && attempt === 1 ? problem(429, 'caller_throttled', 20) : undefined,
    );
    const file = text(api.results(ended, 'csv'));
    await clock.advance(19_999);
    expect(asked).toEqual([0, 1]);
    await clock.advance(1);
    expect(await file).toBe(whole);
  });

  it('requests a page again that stalls', async () => {
    const timers: AbortController[] = [];
    vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
      timers.push(new AbortController());
      return timers.at(-1)!.signal;
    });
    const stalled = (signal: AbortSignal | null | undefined): Response =>
      new Response(
        new ReadableStream({
          start: (stream) => signal?.addEventListener('abort', () => stream.error(signal.reason)),
        }),
      );
    const { api, clock, asked } = threePages((index, attempt, { signal }) =>
      index === 1 && attempt === 1 ? stalled(signal) : undefined,
    );
    const file = text(api.results(ended, 'csv'));
    await clock.advance(1_000_000);
    expect(asked).toEqual([0, 1]);
    timers.at(-1)?.abort(new DOMException('timeout', 'TimeoutError'));
    await clock.advance(1_000);
    expect(await file).toBe(whole);
  });
});

describe('a download that gives up', () => {
  it('names the page after five attempts, and continues with it when started again', async () => {
    let isAway = true;
    const { api, clock, asked } = threePages((index) =>
      index === 1 && isAway ? problem(503, 'storage_unavailable') : undefined,
    );
    const failed = failureOf(api.results(ended, 'csv'));
    await clock.advance(60_000);
    expect(await failed).toMatchObject({
      name: 'ApiFailure',
      code: 'storage_unavailable',
      title: 'Title',
      message:
        'Page 2 of the rows could not be loaded. Storage is away. The pages before it are kept. Download again to continue with this page.',
    });
    expect(asked).toEqual([0, 1, 1, 1, 1, 1]);
    isAway = false;
    asked.length = 0;
    expect(await text(api.results(ended, 'csv'))).toBe(whole);
    expect(asked).toEqual([1, 2]);
    asked.length = 0;
    expect(await text(api.results(ended, 'csv'))).toBe(whole);
    expect(asked).toEqual([0, 1, 2]);
  });

  it('starts again for another format, another run, and a run that has ended since', async () => {
    let isAway = true;
    const { api, clock, asked } = threePages((index) =>
      index === 1 && isAway ? problem(503, 'storage_unavailable') : undefined,
    );
    const failed = failureOf(api.results({ ...ended, status: 'running' }, 'csv'));
    await clock.advance(60_000);
    await failed;
    isAway = false;
    for (const [run, format] of [
      [ended, 'csv'],
      [{ ...ended, status: 'running' }, 'jsonl'],
      [{ runId: 'job@v', status: 'running' }, 'csv'],
    ] as const) {
      asked.length = 0;
      await api.results(run, format);
      expect(asked).toEqual([0, 1, 2]);
    }
  });

  it.each([
    ['a run that is gone', () => problem(404, 'run_not_found'), 0],
    ['a continuation that is no longer valid', () => problem(400, 'request_invalid'), 0],
    ['a rejected token', () => problem(401, 'caller_unauthenticated'), 1],
  ])('does so at once after %s, and keeps no page', async (_, failing, times) => {
    let isAway = true;
    const { api, asked, refusals } = threePages((index) => (index === 1 && isAway ? failing() : undefined));
    const failure = await failureOf(api.results(ended, 'csv'));
    expect(failure.message).toBe('Page 2 of the rows could not be loaded. Storage is away.');
    expect(asked).toEqual([0, 1]);
    expect(refusals).toHaveLength(times);
    isAway = false;
    asked.length = 0;
    await api.results(ended, 'csv');
    expect(asked).toEqual([0, 1, 2]);
  });

  it('does so at once if it would have to wait for more than a minute', async () => {
    const { api, asked } = threePages((index) => (index === 1 ? problem(503, 'throttled', 61) : undefined));
    expect(await failureOf(api.results(ended, 'csv'))).toMatchObject({ code: 'throttled', retryAfterSeconds: 61 });
    expect(asked).toEqual([0, 1]);
  });

  it('shares no page with a download of the same run at the same time', async () => {
    const { api, clock } = threePages((index, attempt) =>
      index === 1 && attempt <= 5 ? problem(503, 'storage_unavailable') : undefined,
    );
    const failed = failureOf(api.results(ended, 'csv'));
    await clock.advance(60_000);
    await failed;
    const files = [text(api.results(ended, 'csv')), text(api.results(ended, 'csv'))];
    expect(await Promise.all(files)).toEqual([whole, whole]);
  });
});
