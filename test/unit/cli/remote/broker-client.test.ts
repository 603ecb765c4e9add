import { afterEach, describe, expect, test, vi } from 'vitest';
import { nextStep } from '../../../../src/cli/command-failure.ts';
import { exitCodeOf, exitCodes } from '../../../../src/cli/exit-codes.ts';
import { createBrokerClient } from '../../../../src/cli/remote/broker-client.ts';
import { brokerFetch } from '../../../../src/cli/remote/connection.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import type { BrokerError } from '../../../../src/lib/core/errors.ts';

const client = (answer: () => Response | Promise<Response>, clock = new FakeClock()) =>
  createBrokerClient(
    async () => answer(),
    'https://broker.example',
    async () => 'caller-token',
    clock,
  );
const problem = (status: number, body: object): Response => Response.json({ status, ...body }, { status });

describe('createBrokerClient', () => {
  test('throws the error of a problem document', async () => {
    const refusing = client(() => problem(503, { code: 'busy', detail: 'Too many.', retryAfterSeconds: 7 }));
    await expect(refusing.get('/jobs')).rejects.toMatchObject({
      code: 'busy',
      detail: 'Too many.',
      retryAfterSeconds: 7,
    });
  });

  test('glances once and says nothing, however long the broker asks to wait', async () => {
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    let asked = 0;
    const throttling = client(() => {
      asked += 1;
      return problem(429, { code: 'caller_throttled', detail: 'Too many.', retryAfterSeconds: 30 });
    });
    await expect(throttling.glance('/runs', { limit: '1' })).rejects.toMatchObject({ code: 'caller_throttled' });
    expect([asked, said.mock.calls]).toEqual([1, []]);
    expect(await client(() => Response.json({ runs: [] })).glance('/runs')).toEqual({ runs: [] });
  });

  test('repeats the start of a run with its key while the broker is not available', async () => {
    const keys: (string | null)[] = [];
    const clock = new FakeClock();
    const starting = createBrokerClient(
      async (_, { headers }) => {
        keys.push(new Headers(headers).get('idempotency-key'));
        if (keys.length % 2 === 1) return problem(503, { code: 'storage_unavailable', detail: 'Away.' });
        return Response.json({ runId: 'probe@w' }, { status: 202 });
      },
      'https://broker.example',
      async () => 'caller-token',
      clock,
    );
    for (let run = 0; run < 2; run += 1) {
      const started = starting.start('/jobs/probe/runs', {});
      await clock.advance(1_000);
      expect(await started).toEqual({ runId: 'probe@w' });
    }
    const [first, again, second, secondAgain] = keys;
    expect([again, secondAgain]).toEqual([first, second]);
    expect(first).toMatch(/^[0-9a-f-]{36}$/);
    expect(second).not.toBe(first);
  });

  test.each([
    ['a limit that a person must make room in', undefined, 1],
    ['a limit that the broker says will pass', 10, 2],
  ])('asks again for the start of a run after %s: %j', async (_, retryAfterSeconds, times) => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const clock = new FakeClock();
    let asked = 0;
    const busy = client(() => {
      asked += 1;
      return asked === 1
        ? problem(429, { code: 'busy', detail: 'At most four.', retryAfterSeconds })
        : Response.json({ runId: 'query@w' }, { status: 202 });
    }, clock);
    const started = busy.start('/queries', {}).catch((thrown: unknown) => thrown);
    await clock.advance(60_000);
    expect([asked, await started]).toMatchObject([times, times === 1 ? { code: 'busy' } : { runId: 'query@w' }]);
    vi.restoreAllMocks();
  });

  test.each(['get', 'post'] as const)(
    'repeats a throttled %s when the broker says, at most four times',
    async (method) => {
      vi.spyOn(process.stderr, 'write').mockReturnValue(true);
      const clock = new FakeClock();
      let asked = 0;
      const throttling = client(() => {
        asked += 1;
        return problem(429, { code: 'caller_throttled', detail: 'Too many.', retryAfterSeconds: 60 });
      }, clock);
      const failed = throttling[method]('/jobs', {}).catch((thrown: unknown) => thrown);
      await clock.advance(59_900);
      expect(asked).toBe(1);
      await clock.advance(200);
      expect(asked).toBe(2);
      await clock.advance(240_000);
      expect([await failed, asked]).toMatchObject([{ code: 'caller_throttled', detail: 'Too many.' }, 5]);
      vi.restoreAllMocks();
    },
  );

  test('fails at once if the broker asks for more than a minute, and says how long ptb waits', async () => {
    const failed: unknown = await client(() =>
      problem(429, { code: 'caller_throttled', detail: 'Too many.', retryAfterSeconds: 61 }),
    )
      .get('/jobs')
      .catch((thrown: unknown) => thrown);
    expect(failed).toMatchObject({
      code: 'caller_throttled',
      detail: 'Too many. The broker asks to wait 61 seconds, and ptb waits at most 60.',
    });
    expect(exitCodeOf((failed as BrokerError).code)).toBe(exitCodes.remote);
  });

  test.each([
    ['a page of another server', () => new Response('<html>hello</html>', { status: 404 }), 'resource_error'],
    ['an unknown error code', () => problem(418, { code: 'teapot' }), 'resource_error'],
    [
      'a redirect',
      () => new Response(null, { status: 302, headers: { location: 'https://evil.example' } }),
      'resource_error',
    ],
    ['a broken connection', () => Promise.reject(new TypeError('fetch failed')), 'resource_error'],
    ["the platform's empty 401", () => new Response(null, { status: 401 }), 'caller_unauthenticated'],
  ])('maps %s to an error code', async (_, answer, code) => {
    await expect(client(answer).get('/jobs')).rejects.toMatchObject({ code });
  });

  test.each([
    ['a page of another server', () => new Response('<html>hello</html>', { status: 404 }), 'Check BROKER_URL'],
    ['no answer', () => Promise.reject(new TypeError('fetch failed')), 'Check BROKER_URL'],
    [
      'a wrong setting of the app',
      () => problem(503, { code: 'config_invalid', detail: 'It is missing.' }),
      'app settings',
    ],
    ["the platform's empty 401", () => new Response(null, { status: 401 }), 'PTB_FUNCTION_KEY'],
    ["the broker's 401", () => problem(401, { code: 'caller_unauthenticated' }), '`az login`'],
    ['an error of a resource', () => problem(502, { code: 'resource_error' }), 'correlation id'],
  ])('names the next step for the operator: %s', async (_, answer, step) => {
    const failure: unknown = await client(answer)
      .get('/jobs')
      .catch((thrown: unknown) => thrown);
    expect(nextStep(failure as BrokerError)).toContain(step);
  });
});

async function textsOf(pages: AsyncIterable<string>): Promise<string[]> {
  const texts: string[] = [];
  for await (const text of pages) texts.push(text);
  return texts;
}

describe('pages', () => {
  const rowsPage = (text: string, link?: string) => new Response(text, link === undefined ? {} : { headers: { link } });
  const addresses: string[] = [];
  const reading = (answers: (() => Response)[], clock = new FakeClock()) => {
    addresses.length = 0;
    const paged = createBrokerClient(
      async (url) => {
        addresses.push(url);
        return (answers.shift() ?? (() => problem(404, { code: 'run_not_found' })))();
      },
      'https://broker.example/behind',
      async () => 'caller-token',
      clock,
    );
    return textsOf(paged.pages('/runs/x/results', { format: 'csv' }));
  };

  test('follow the links to the last page', async () => {
    const answers = [
      () => rowsPage('\uFEFFa\r\n1\r\n', '<?format=csv&continuation=two>; rel="next"'),
      () => rowsPage('2\r\n'),
    ];
    expect(await reading(answers)).toEqual(['\uFEFFa\r\n1\r\n', '2\r\n']);
    expect(addresses).toEqual([
      'https://broker.example/behind/api/runs/x/results?format=csv',
      'https://broker.example/behind/api/runs/x/results?format=csv&continuation=two',
    ]);
  });

  test('are repeated while storage is away, and as late as the broker says', async () => {
    const clock = new FakeClock();
    const texts = reading(
      [
        () => problem(503, { code: 'storage_unavailable' }),
        () => problem(429, { code: 'caller_throttled', retryAfterSeconds: 7 }),
        () => rowsPage('1\r\n'),
      ],
      clock,
    );
    await clock.advance(7_500);
    expect(addresses).toHaveLength(2);
    await clock.advance(1_000);
    expect(await texts).toEqual(['1\r\n']);
  });

  test('fail with the error of the broker when it lasts', async () => {
    const clock = new FakeClock();
    const failed = reading(
      Array.from({ length: 9 }, () => () => problem(503, { code: 'storage_unavailable' })),
      clock,
    ).catch((thrown: unknown) => thrown);
    await clock.advance(60_000);
    expect(await failed).toMatchObject({ code: 'storage_unavailable' });
    expect(addresses).toHaveLength(5);
  });

  test('send the token to no other server', async () => {
    await expect(reading([() => rowsPage('1', '<https://evil.example/x>; rel="next"')])).rejects.toMatchObject({
      code: 'resource_error',
    });
    expect(addresses).toHaveLength(1);
  });
});

describe('brokerFetch', () => {
  afterEach(() => vi.unstubAllGlobals());

  test.each([
    [{ functionKey: 'key-1' }, 'key-1'],
    [{ functionKey: '' }, null],
    [{}, null],
  ])('sends the function key of %j as %s', async (flags, sent) => {
    let headers = new Headers();
    vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
      headers = new Headers(init.headers);
      return new Response('{}');
    });
    await createBrokerClient(brokerFetch(flags), 'https://broker.example', async () => 'caller-token').get('/jobs');
    expect(headers.get('x-functions-key')).toBe(sent);
    expect(headers.get('authorization')).toBe('Bearer caller-token');
  });
});
