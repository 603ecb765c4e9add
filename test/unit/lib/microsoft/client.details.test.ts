import { describe, expect, test } from 'vitest';
import type { BrokerError } from '../../../../src/lib/core/errors.ts';
import { createGraphClient, createGraphWriter, graphStatus } from '../../../../src/lib/microsoft/graph.ts';
import { isObject } from '../../../../src/lib/core/objects.ts';
import { pages } from '../../../../src/lib/microsoft/reply.ts';
import { createPartnerCenterClient } from '../../../../src/lib/microsoft/partner-center.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { inTurn, problem, type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

function stage(answer: (request: SeenRequest, count: number) => Scripted, random = 0.5) {
  const clock = new FakeClock();
  const { fetch, seen } = scriptedFetch(answer);
  const deps = { fetch, clock, random: () => random, limiter: new Limiter(4) };
  const binding = { baseUrl: 'https://api.test', correlationId: 'c0', token: async () => new Secret('token') };
  return {
    client: createGraphClient(deps, binding),
    writer: createGraphWriter(deps, binding),
    partnerCenter: createPartnerCenterClient(deps, binding),
    clock,
    seen,
  };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** The result of a call, or its error, after all its waits have passed. */
async function outcomeOf(clock: FakeClock, call: Promise<unknown>): Promise<unknown> {
  const settled = call.catch((error: unknown) => error);
  await clock.advance(600_000);
  return settled;
}

describe('GraphClient', () => {
  test('reads with low priority, unless the caller sets another one', async () => {
    const { client, seen } = stage(() => ({ id: 'o' }));
    await client.get('/organization');
    await client.get('/users', { headers: { 'x-ms-throttle-priority': 'high', ConsistencyLevel: 'eventual' } });
    expect(seen.map(({ method }) => method)).toEqual(['GET', 'GET']);
    expect(seen.map(({ headers }) => headers.get('x-ms-throttle-priority'))).toEqual(['low', 'high']);
    expect(seen[1]?.headers.get('consistencylevel')).toBe('eventual');
    expect(seen[0]?.headers.get('accept')).toBe('application/json');
  });

  test('find returns an object that exists, and throws any failure other than 404', async () => {
    const { client } = stage(
      inTurn(
        () => ({ id: 'o' }),
        () => problem(403, 'Authorization_RequestDenied'),
      ),
    );
    await expect(client.find('/users/x')).resolves.toEqual({ id: 'o' });
    await expect(client.find('/users/x')).rejects.toMatchObject({ code: 'access_denied' });
    await expect(client.find('users/x')).rejects.toThrow(TypeError);
  });

  test('names Microsoft Graph in a failure', async () => {
    const { client, clock } = stage(() => problem(429, 'x'));
    expect(await outcomeOf(clock, client.get('/users'))).toMatchObject({
      code: 'throttled',
      detail: expect.stringMatching(/^Microsoft Graph /) as string,
    });
  });

  test('looks for the version only at the start of a path', async () => {
    const { client, seen } = stage(() => ({ responses: [{ id: 'a', status: 200, body: {} }] }));
    await client.get('/users/v1.0/beta/x');
    await client.batch([{ id: 'a', path: '/users/v1.0/x' }]);
    await client.batch([{ id: 'a', path: '/v1.0/users' }]);
    expect(seen[0]?.url.pathname).toBe('/v1.0/users/v1.0/beta/x');
    const urls = seen.slice(1).map(({ body }) => (JSON.parse(body ?? '') as { requests: { url: string }[] }).requests);
    expect(urls).toEqual([
      [expect.objectContaining({ url: '/users/v1.0/x' })],
      [expect.objectContaining({ url: '/users' })],
    ]);
  });

  test('skips items of a list that are no objects', async () => {
    const { client } = stage(() => ({ value: [{ id: 'a' }, null, 'text', [1], { id: 'b' }] }));
    expect(await all(client.list('/users'))).toEqual([{ id: 'a' }, { id: 'b' }]);
  });

  test('keeps the cause when an item has another shape', async () => {
    const cause = new Error('the shape');
    const { client } = stage(() => ({ value: [{ id: 'a' }] }));
    const shape = {
      parse: (): never => {
        throw cause;
      },
    };
    await expect(all(client.list('/users', { shape }))).rejects.toMatchObject({ code: 'resource_error', cause });
  });

  test('does not send to another host, and logs its name', async () => {
    const { client } = stage(() => ({ value: [], '@odata.nextLink': 'https://evil.test/v1.0/users' }));
    const failure = await all(client.list('/users')).catch((error: unknown) => error as BrokerError);
    expect((failure as BrokerError).logFields).toEqual({ host: 'evil.test' });
  });

  test.each([
    [0, 500],
    [0.5, 1_000],
    [1, 1_500],
  ])('waits a second with jitter %d before the second attempt', async (random, delayMs) => {
    const { client, clock, seen } = stage(
      inTurn(
        () => problem(503, 'x'),
        () => ({ id: 'o' }),
      ),
      random,
    );
    const call = client.get('/organization');
    await clock.advance(delayMs - 1);
    expect(seen).toHaveLength(1);
    await clock.advance(1);
    await expect(call).resolves.toEqual({ id: 'o' });
  });

  test.each([
    [20, 2],
    [21, 1],
  ])('with a Retry-After of %i s sends %i requests', async (retryAfter, requests) => {
    const throttled = problem(429, 'x', '', { 'retry-after': String(retryAfter) });
    const { client, clock, seen } = stage(
      inTurn(
        () => throttled.clone(),
        () => ({ id: 'o' }),
      ),
    );
    await outcomeOf(clock, client.get('/organization'));
    expect(seen).toHaveLength(requests);
  });
});

describe('batch', () => {
  const wanted = [{ id: 'a', path: '/users/a' }];
  const throttled = (headers: unknown) => ({ responses: [{ id: 'a', status: 429, headers, body: {} }] });
  const done = { responses: [{ id: 'a', status: 200, body: { id: 'o' } }] };

  test('posts reads as JSON', async () => {
    const { client, seen } = stage(() => done);
    expect(await client.batch(wanted)).toEqual([{ id: 'a', ok: true, value: { id: 'o' } }]);
    expect(seen.map(({ method, headers }) => [method, headers.get('content-type')])).toEqual([
      ['POST', 'application/json'],
    ]);
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ requests: [{ id: 'a', method: 'GET', url: '/users/a' }] });
  });

  test('sends nothing for no reads, and one request for 20', async () => {
    const { client, seen } = stage(() => ({ responses: [] }));
    expect(await client.batch([])).toEqual([]);
    expect(seen).toEqual([]);
  });

  test.each([
    [299, true],
    [300, false],
  ])('takes the status %i of an item for success: %s', async (status, ok) => {
    const { client } = stage(() => ({ responses: [{ id: 'a', status, body: {} }] }));
    expect((await client.batch(wanted)).map((reply) => reply.ok)).toEqual([ok]);
  });

  test.each([
    ['a string', { 'Retry-After': '7' }, 7_000],
    ['a number', { 'retry-after': 7 }, 7_000],
    ['zero', { 'Retry-After': '0' }, 0],
    ['negative', { 'Retry-After': '-5' }, 1_000],
    ['a date', { 'Retry-After': 'tomorrow' }, 1_000],
    ['another type', { 'Retry-After': { seconds: 7 } }, 1_000],
    ['absent', { other: '7' }, 1_000],
    ['absent with the headers', undefined, 1_000],
    ['the limit', { 'Retry-After': '20' }, 20_000],
  ])('waits for a Retry-After that is %s', async (_title, headers, delayMs) => {
    const { client, clock, seen } = stage(
      inTurn(
        () => throttled(headers),
        () => done,
      ),
      0,
    );
    const call = client.batch(wanted);
    await clock.advance(Math.max(0, delayMs - 1));
    expect(seen).toHaveLength(delayMs > 0 ? 1 : 2);
    await clock.advance(1);
    expect((await call).map((reply) => reply.ok)).toEqual([true]);
  });

  test('does not wait more than 20 seconds, and names the wait, at most an hour', async () => {
    for (const [header, retryAfterSeconds] of [
      ['21', 21],
      ['9999999', 3_600],
    ] as const) {
      const { client, seen } = stage(() => throttled({ 'Retry-After': header }));
      const [reply] = await client.batch(wanted);
      expect(reply).toMatchObject({ ok: false, error: { code: 'throttled', retryAfterSeconds } });
      expect(seen).toHaveLength(1);
    }
  });

  test('reads the failure of an item from its body', async () => {
    const body = { error: { code: 'Authorization_RequestDenied', message: 'm' } };
    const { client } = stage(() => ({ responses: [{ id: 'a', status: 403, body }] }));
    const [reply] = await client.batch(wanted);
    expect(reply).toMatchObject({
      ok: false,
      error: { code: 'access_denied', logFields: { resourceCode: 'Authorization_RequestDenied' } },
    });
  });
});

describe('GraphWriter', () => {
  test('deletes with DELETE', async () => {
    const { writer, seen } = stage(() => new Response(null, { status: 204 }));
    await writer.remove('/applications/x');
    expect(seen.map(({ method }) => method)).toEqual(['DELETE']);
  });

  test.each([
    [undefined, 2],
    ['30', 2],
    ['31', 1],
  ])('repeats a throttled post with a Retry-After of %s seconds: %i requests', async (retryAfter, requests) => {
    const headers: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
    const { writer, clock, seen } = stage(
      inTurn(
        () => problem(429, 'x', '', headers),
        () => ({ id: 'o' }),
      ),
    );
    await outcomeOf(clock, writer.post('/applications', {}));
    expect(seen).toHaveLength(requests);
  });

  test('names Microsoft Graph in a failure, and graphStatus reads its status', async () => {
    const { writer, clock } = stage(() => problem(403, 'Authorization_RequestDenied'));
    const failure = await outcomeOf(clock, writer.post('/applications', {}));
    expect(failure).toMatchObject({ detail: expect.stringContaining('Microsoft Graph') as string });
    expect(graphStatus(failure)).toBe(403);
    expect(graphStatus(new Error('403'))).toBeUndefined();
    expect(graphStatus(undefined)).toBeUndefined();
  });
});

describe('PartnerCenterClient', () => {
  const next = (uri: string, headers: unknown): object => ({ items: [], links: { next: { uri, headers } } });

  test('sends GET with correlation id and locale', async () => {
    const { partnerCenter, seen } = stage(() => ({ items: [] }));
    await all(partnerCenter.list('/v1/customers'));
    expect(
      seen.map(({ method, headers }) => [method, headers.get('ms-correlationid'), headers.get('x-locale')]),
    ).toEqual([['GET', 'c0', 'en-US']]);
  });

  test('ends if a page refers to itself with the same token, and names Partner Center', async () => {
    const { partnerCenter, seen } = stage(() => next('/customers?x', [{ key: 'MS-ContinuationToken', value: 'same' }]));
    await expect(all(partnerCenter.list('/v1/customers'))).rejects.toMatchObject({
      code: 'resource_error',
      detail: 'Partner Center sends pages that do not end.',
    });
    expect(seen).toHaveLength(2);
  });

  test('manages a next page without usable headers', async () => {
    for (const headers of [undefined, 'text', [null, 'text', {}, { key: 'MS-ContinuationToken' }, { value: 'x' }]]) {
      const { partnerCenter, seen } = stage(
        inTurn(
          () => next('/customers?x', headers),
          () => ({ items: [{ id: 'a' }] }),
        ),
      );
      expect(await all(partnerCenter.list('/v1/customers'))).toEqual([{ id: 'a' }]);
      expect(seen[1]?.headers.has('ms-continuationtoken')).toBe(false);
    }
  });

  test('takes an address inside the query of a relative one for a part of it', async () => {
    const { partnerCenter, seen } = stage(
      inTurn(
        () => next('/customers?from=https://x.test/', []),
        () => ({ items: [] }),
      ),
    );
    await all(partnerCenter.list('/v1/customers'));
    expect(seen[1]?.url.href).toBe('https://api.test/v1/customers?from=https://x.test/');
  });
});

test('pages reads exactly 10,000 pages before it assumes a loop', async () => {
  let count = 0;
  const read = async (last: number) => {
    count = 0;
    return all(
      pages('Microsoft Graph', { key: '0' }, async () => {
        count += 1;
        return { items: [], next: count === last ? undefined : { key: String(count) } };
      }),
    );
  };
  await expect(read(10_000)).resolves.toEqual([]);
  await expect(read(10_001)).rejects.toMatchObject({ code: 'resource_error' });
  expect(count).toBe(10_000);
});

test.each([
  [{}, true],
  [{ a: 1 }, true],
  [[], false],
  [null, false],
  ['text', false],
  [1, false],
  [undefined, false],
])('isObject of %j is %s', (value, is) => {
  expect(isObject(value)).toBe(is);
});
