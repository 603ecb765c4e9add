import { describe, expect, expectTypeOf, it } from 'vitest';
import { type ResultRow, runResults, type RunResultsOptions } from '../../../../clients/typescript/src/index.ts';
import { transientCodes } from '../../../../clients/typescript/src/patiently.ts';
import { errorCodes, errorTable } from '../../../../src/lib/core/errors.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { problem } from './fake-broker.ts';

type Answer = () => Response | Promise<Response>;

const tenant = { tenantId: 't', tenantName: 'Contoso', tenantDomain: null };
const row = (number: number) => ({ ...tenant, number });
const page = (numbers: readonly number[], link?: string): Response =>
  new Response(
    numbers.map((number) => `${JSON.stringify(row(number))}\n`).join(''),
    link === undefined ? {} : { headers: { link } },
  );
const next = '<?format=jsonl&continuation=two>; rel="next"';

/** Reads the rows that a broker with these answers returns. */
function reading(answers: Answer[], more: Partial<RunResultsOptions> = {}) {
  const clock = new FakeClock();
  const seen: { url: string; init: RequestInit }[] = [];
  let tokens = 0;
  const options: RunResultsOptions = {
    brokerUrl: 'https://broker.example/behind',
    brokerScope: 'api://broker/.default',
    callerCredential: { getToken: async () => ({ token: `caller-${(tokens += 1)}`, expiresOnTimestamp: 0 }) },
    clock,
    fetch: async (url, init) => {
      seen.push({ url, init });
      const answer = answers.shift();
      if (answer === undefined) throw new Error('the test provides no answer to this request');
      return answer();
    },
    ...more,
  };
  const rows: ResultRow<{ readonly number: number }>[] = [];
  const done = (async () => {
    for await (const each of runResults<{ readonly number: number }>(options, 'job@w:1')) rows.push(each);
    return rows;
  })();
  done.catch(() => undefined);
  return { clock, seen, rows, done };
}

describe('runResults', () => {
  it('yields the rows of all pages, and requests each page with a token of its own', async () => {
    const { done, seen } = reading([() => page([1, 2], next), () => page([3])]);
    expect(await done).toEqual([row(1), row(2), row(3)]);
    const base = 'https://broker.example/behind/api/runs/job%40w%3A1/results';
    expect(seen.map(({ url }) => url)).toEqual([
      `${base}?format=jsonl&limit=50000`,
      `${base}?format=jsonl&continuation=two`,
    ]);
    expect(seen.map(({ init }) => init)).toEqual([
      {
        redirect: 'error',
        headers: { authorization: 'Bearer caller-1' },
        signal: expect.any(AbortSignal) as AbortSignal,
      },
      {
        redirect: 'error',
        headers: { authorization: 'Bearer caller-2' },
        signal: expect.any(AbortSignal) as AbortSignal,
      },
    ]);
  });

  it('requests a page only when the rows before it have been used', async () => {
    const asked: string[] = [];
    const rows = runResults(
      {
        brokerUrl: 'https://broker.example',
        brokerScope: 'api://broker/.default',
        callerCredential: { getToken: async () => ({ token: 'caller', expiresOnTimestamp: 0 }) },
        fetch: async (url) => {
          asked.push(url);
          return page([1, 2], next);
        },
      },
      'job@w',
    );
    expect(asked).toHaveLength(0);
    await rows.next();
    await rows.next();
    expect(asked).toHaveLength(1);
    await rows.return();
    expect((await rows.next()).done).toBe(true);
    expect(asked).toHaveLength(1);
  });

  it('has the types of the tenant columns and of the columns of the job', () => {
    expectTypeOf<ResultRow<{ licences: number }>>().toExtend<{
      tenantId: string;
      tenantDomain: string | null;
      licences: number;
    }>();
    expectTypeOf<ResultRow['anything']>().toEqualTypeOf<string | number | boolean | null>();
  });

  it('reads a run without rows', async () => {
    expect(await reading([() => page([])]).done).toEqual([]);
  });

  it.each<[string, Answer]>([
    ['storage that is not available', () => problem(503, 'storage_unavailable')],
    ['an error inside the broker', () => problem(500, 'internal')],
    ['no response', () => Promise.reject(new TypeError('fetch failed'))],
    ['the response of a proxy', () => new Response('<html>Bad gateway', { status: 502 })],
    [
      'a body that breaks off',
      () =>
        new Response(
          new ReadableStream({
            start: (stream) => stream.enqueue(new TextEncoder().encode(`${JSON.stringify(row(3))}\n`)),
            pull: (stream) => stream.error(new TypeError('terminated')),
          }),
        ),
    ],
  ])('repeats a page after %s, and yields each row once', async (_, failing) => {
    const { clock, seen, done } = reading([() => page([1, 2], next), failing, failing, () => page([3])]);
    await clock.advance(999);
    expect(seen).toHaveLength(2);
    await clock.advance(1 + 1_999);
    expect(seen).toHaveLength(3);
    await clock.advance(1);
    expect(await done).toEqual([row(1), row(2), row(3)]);
    expect(new Set(seen.slice(1).map(({ url }) => url)).size).toBe(1);
  });

  it('waits as long as Retry-After says', async () => {
    const { clock, seen, done } = reading([() => problem(429, 'caller_throttled', 60), () => page([1])]);
    await clock.advance(59_999);
    expect(seen).toHaveLength(1);
    await clock.advance(1);
    expect(await done).toEqual([row(1)]);
  });

  it('rejects after five attempts, when the rows before the page have been yielded', async () => {
    const failing = Array.from({ length: 9 }, () => () => problem(503, 'storage_unavailable'));
    const { clock, seen, rows, done } = reading([() => page([1, 2], next), ...failing]);
    await clock.advance(60_000);
    await expect(done).rejects.toMatchObject({ name: 'BrokerRequestError', code: 'storage_unavailable', status: 503 });
    expect(rows).toEqual([row(1), row(2)]);
    expect(seen).toHaveLength(6);
  });

  it.each<[string, Answer, string]>([
    ['a run that does not exist', () => problem(404, 'run_not_found'), 'run_not_found'],
    ['a wrong setting of the app', () => problem(503, 'config_invalid'), 'config_invalid'],
    ['a Retry-After of more than a minute', () => problem(503, 'throttled', 61), 'throttled'],
    ['a page of another server', () => new Response('<html>Welcome'), 'unexpected'],
    ['a value that is not a row', () => new Response('7\n'), 'unexpected'],
    ['a missing page', () => new Response('nothing here', { status: 404 }), 'unexpected'],
  ])('rejects at once after %s', async (_, answer, code) => {
    const { seen, done } = reading([answer]);
    await expect(done).rejects.toMatchObject({ name: 'BrokerRequestError', code });
    expect(seen).toHaveLength(1);
  });

  it.each([
    'https://evil.example/behind/api/runs/x',
    '//evil.example/behind/api/x',
    'http://broker.example/behind/api/x',
    '/other/api/x',
    'https://[',
  ])('does not follow a link to %s', async (target) => {
    const { seen, rows, done } = reading([() => page([1], `<${target}>; rel="next"`)]);
    await expect(done).rejects.toMatchObject({ code: 'unexpected' });
    expect(rows).toEqual([row(1)]);
    expect(seen).toHaveLength(1);
  });

  it.each([
    ['<?p=1>; rel="prev", <?p=2>; rel="next"', '?p=2'],
    ['<?p=2>;rel=next', '?p=2'],
    ['<?p=2> ; title="x \\" y" ; Rel="last NEXT"', '?p=2'],
    ['<?p=9>; title="a, <?p=9>; rel=next"; rel="prev"', undefined],
    ['<?p=9>; rel="next-archive"', undefined],
    ['<?p=9>; rel="prev"; rel="next"', undefined],
    ['<?p=9>', undefined],
    ['', undefined],
  ])('follows the link `next` of the header %s', async (header, query) => {
    const { seen, done } = reading([() => page([1], header), () => page([2])]);
    expect(await done).toHaveLength(query === undefined ? 1 : 2);
    expect(seen[1] && new URL(seen[1].url).search).toBe(query);
  });

  it('calls the same codes temporary as the broker', () => {
    expect(transientCodes.toSorted()).toEqual(
      errorCodes.filter((code) => errorTable[code].retry === 'later').toSorted(),
    );
  });

  it.each([
    [{ pageRows: 0 }, 'job@w', /^pageRows: /],
    [{ pageRows: 50_001 }, 'job@w', /^pageRows: /],
    [{ pageRows: 1.5 }, 'job@w', /^pageRows: /],
    [{ brokerUrl: 'http://broker.example' }, 'job@w', /^brokerUrl: /],
    [{ brokerScope: '' }, 'job@w', /^brokerScope: /],
    [{}, '', /^runId: /],
  ])('throws a TypeError at once for %j and the run "%s"', (wrong, runId, message) => {
    const options = {
      brokerUrl: 'https://broker.example',
      brokerScope: 'api://broker/.default',
      callerCredential: { getToken: async () => null },
    };
    expect(() => runResults({ ...options, ...wrong }, runId)).toThrow(message);
  });
});
