import { describe, expect, test } from 'vitest';
import type { BrokerError } from '../../../../src/lib/core/errors.ts';
import { createGraphClient, type GraphClient } from '../../../../src/lib/microsoft/graph.ts';
import type { JsonObject } from '../../../../src/lib/core/objects.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { type RequestBudget, Requesters } from '../../../../src/lib/core/share.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { inTurn, problem, type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

const baseUrl = 'https://graph.test';

const counted = { resource: 'graph', tenantId: 't', application: 'default', requesters: new Requesters() };

function stage(answer: (request: SeenRequest, count: number) => Scripted | Promise<Scripted>, signal?: AbortSignal) {
  const throttled: Parameters<RequestBudget['throttled']>[] = [];
  const budgets: RequestBudget = { admit: async () => {}, throttled: (...told) => void throttled.push(told) };
  const clock = new FakeClock();
  const { fetch, seen } = scriptedFetch(answer);
  let tokens = 0;
  const client = createGraphClient(
    { fetch, clock, random: () => 0.5, limiter: new Limiter(4), budgets },
    { baseUrl, signal, correlationId: 'c0', counted, token: () => Promise.resolve(new Secret(`token-${++tokens}`)) },
  );
  return { client, clock, seen, throttled };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** The failure of a call, after all its waits have passed. */
async function failureOf(clock: FakeClock, call: Promise<unknown>): Promise<BrokerError> {
  const settled = call.then(
    () => undefined,
    (error: unknown) => error as BrokerError,
  );
  await clock.advance(600_000);
  const failure = await settled;
  if (failure === undefined) throw new Error('the call did not fail');
  return failure;
}

describe('get and find', () => {
  test('send the token, and use v1.0 unless the path names a version', async () => {
    const { client, seen } = stage(() => ({ id: 'o' }));
    await expect(client.get('/organization')).resolves.toEqual({ id: 'o' });
    await client.get('/beta/organization');
    expect(seen.map(({ url }) => url.href)).toEqual([
      'https://graph.test/v1.0/organization',
      'https://graph.test/beta/organization',
    ]);
    expect(seen[0]?.headers.get('authorization')).toBe('Bearer token-1');
    expect(seen[0]?.headers.get('client-request-id')).toBe('c0');
  });

  test('reject a full address, so that the token goes only to Graph', async () => {
    const { client, seen } = stage(() => ({}));
    await expect(client.get('https://evil.test/v1.0/users')).rejects.toThrow(TypeError);
    await expect(client.get('//evil.test/users')).resolves.toEqual({});
    expect(seen.map(({ url }) => url.host)).toEqual(['graph.test']);
  });

  test('differ for a missing object: find returns undefined, get throws', async () => {
    const { client } = stage(() => problem(404, 'Request_ResourceNotFound'));
    await expect(client.find('/users/x')).resolves.toBeUndefined();
    await expect(client.get('/users/x')).rejects.toMatchObject({ code: 'job_failed', transient: false });
  });
});

describe('get when the request fails', () => {
  test.each([
    [401, 'InvalidAuthenticationToken', '', 'access_denied'],
    [403, 'Authorization_RequestDenied', 'Insufficient privileges', 'access_denied'],
    [403, 'Authorization_IdentityNotFound', '', 'access_denied'],
    [400, 'Request_BadRequest', 'Request not applicable to target tenant.', 'resource_unavailable'],
    [
      403,
      'Authentication_RequestFromNonPremiumTenantOrB2CTenant',
      'Neither tenant is B2C or tenant does not have premium license',
      'resource_unavailable',
    ],
    [400, 'BadRequest', 'Tenant does not have a SPO license.', 'resource_unavailable'],
    [400, 'Request_UnsupportedQuery', 'No such property', 'job_failed'],
    [409, 'Conflict', '', 'job_failed'],
    [302, '', '', 'resource_error'],
  ] as const)('maps status %i with %s %s to %s without a retry', async (status, code, message, expected) => {
    const { client, clock, seen } = stage(() => problem(status, code, message));
    const failure = await failureOf(clock, client.get('/organization'));
    expect(failure.code).toBe(expected);
    expect(failure.logFields['status']).toBe(status);
    expect(seen).toHaveLength(1);
  });

  test('logs the message of Graph but does not put it into the detail', async () => {
    const { client, clock } = stage(() => problem(403, 'Authorization_RequestDenied', 'user secret-name@contoso.com'));
    const failure = await failureOf(clock, client.get('/organization'));
    expect(failure.detail).not.toContain('contoso');
    expect(failure.logFields).toMatchObject({
      resourceCode: 'Authorization_RequestDenied',
      resourceMessage: 'user secret-name@contoso.com',
    });
  });

  test.each([
    ['an HTML page', () => new Response('<html>login</html>', { headers: { 'content-type': 'text/html' } })],
    ['truncated JSON', () => new Response('{"value":[{"id":')],
    ['a list instead of an object', () => Response.json([1])],
    ['an empty body', () => new Response('')],
  ])('throws resource_error for %s with status 200', async (_name, reply) => {
    const { client, clock } = stage(reply);
    expect(await failureOf(clock, client.get('/organization'))).toMatchObject({ code: 'resource_error' });
  });

  test('throws resource_error for a body above the size limit', async () => {
    const { client, clock } = stage(() => new Response(new Uint8Array(21 * 1024 * 1024)));
    expect(await failureOf(clock, client.get('/organization'))).toMatchObject({ code: 'resource_error' });
  });
});

describe('get after a transient failure', () => {
  test('waits for Retry-After plus jitter, and retries with a new token', async () => {
    const { client, clock, seen } = stage(
      inTurn(
        () => problem(429, 'TooManyRequests', '', { 'retry-after': '7' }),
        () => ({ id: 'o' }),
      ),
    );
    const answer = client.get('/organization');
    await clock.advance(7_499);
    expect(seen).toHaveLength(1);
    await clock.advance(1);
    await expect(answer).resolves.toEqual({ id: 'o' });
    expect(seen.map(({ headers }) => headers.get('authorization'))).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  test('retries after one, two and four seconds without Retry-After, then gives up', async () => {
    const times: number[] = [];
    const now = (): number => clock.nowMs();
    const { client, clock } = stage(() => {
      times.push(now());
      return problem(503, 'serviceNotAvailable');
    });
    expect(await failureOf(clock, client.get('/organization'))).toMatchObject({
      code: 'resource_error',
      transient: true,
    });
    expect(times.map((time) => time - (times[0] ?? 0))).toEqual([0, 1_000, 3_000, 7_000]);
  });

  test('throws at once for a long Retry-After, so that the worker is free', async () => {
    const { client, clock, seen } = stage(() => problem(429, 'TooManyRequests', '', { 'retry-after': '120' }));
    await expect(client.get('/organization')).rejects.toMatchObject({ code: 'throttled', retryAfterSeconds: 120 });
    expect(seen).toHaveLength(1);
    expect(clock.sleeping).toBe(0);
  });

  test('treats a plain-text 429 as throttling', async () => {
    const { client, clock } = stage(() => new Response('Too Many Requests', { status: 429 }));
    expect(await failureOf(clock, client.get('/organization'))).toMatchObject({
      code: 'throttled',
      retryAfterSeconds: 60,
    });
  });

  test('retries after a dropped connection', async () => {
    const { client, clock, seen } = stage((_request, count) => {
      if (count === 1) throw new TypeError('fetch failed');
      return { id: 'o' };
    });
    const answer = client.get('/organization');
    await clock.advance(2_000);
    await expect(answer).resolves.toEqual({ id: 'o' });
    expect(seen).toHaveLength(2);
  });

  test('ends at the deadline with the reason of the deadline', async () => {
    const deadline = new AbortController();
    const { client, seen } = stage(() => problem(503, 'x'), deadline.signal);
    const answer = client.get('/organization');
    answer.catch(() => undefined);
    await settle();
    deadline.abort(new Error('time is up'));
    await expect(answer).rejects.toThrow('time is up');
    expect(seen).toHaveLength(1);
  });
});

test('get throws the reason of a deadline that passes while Graph is silent, without a retry', async () => {
  const deadline = new AbortController();
  const silent = new Promise<never>((_resolve, reject) => {
    deadline.signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
  });
  const { client, seen } = stage(() => silent, deadline.signal);
  const answer = client.get('/organization');
  answer.catch(() => undefined);
  await settle();
  deadline.abort(new Error('time is up'));
  await expect(answer).rejects.toThrow('time is up');
  expect(seen).toHaveLength(1);
});

describe('list', () => {
  const list = (client: GraphClient): Promise<JsonObject[]> => all(client.list('/users?$top=2'));

  test('returns the items of all pages in order, following nextLink', async () => {
    const { client, seen } = stage(
      inTurn(
        () => ({ value: [{ id: 1 }, { id: 2 }], '@odata.nextLink': `${baseUrl}/v1.0/users?$skiptoken=a` }),
        () => ({ value: [], '@odata.nextLink': `${baseUrl}/v1.0/users?$skiptoken=b` }),
        () => ({ value: [{ id: 3 }] }),
      ),
    );
    await expect(list(client)).resolves.toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
    expect(seen.map(({ url }) => url.search)).toEqual(['?$top=2', '?$skiptoken=a', '?$skiptoken=b']);
  });

  test('sends its headers with each page', async () => {
    const { client, seen } = stage(
      inTurn(
        () => ({ value: [], '@odata.nextLink': `${baseUrl}/v1.0/users?$skiptoken=a` }),
        () => ({ value: [{ id: 1 }] }),
      ),
    );
    await all(client.list('/users?$count=true', { headers: { ConsistencyLevel: 'eventual' } }));
    expect(seen.map(({ headers }) => headers.get('consistencylevel'))).toEqual(['eventual', 'eventual']);
  });

  test('fetches a page only when its items are requested', async () => {
    const { client, seen } = stage(() => ({
      value: [{ id: 1 }],
      '@odata.nextLink': `${baseUrl}/v1.0/users?$skiptoken=${Math.random()}`,
    }));
    for await (const _item of client.list('/users')) break;
    expect(seen).toHaveLength(1);
  });

  test.each([
    'https://evil.test/v1.0/users',
    'http://graph.test/v1.0/users',
    'https://graph.test.evil.test/',
    'https://graph.test@evil.test/',
    'not an address',
  ])('refuses a nextLink to %s and sends nothing there', async (link) => {
    const { client, seen } = stage(() => ({ value: [], '@odata.nextLink': link }));
    await expect(list(client)).rejects.toMatchObject({ code: 'resource_error' });
    expect(seen).toHaveLength(1);
  });

  test('throws when a nextLink leads back to the same page', async () => {
    const { client, seen } = stage(({ url }) => ({ value: [], '@odata.nextLink': url.href }));
    await expect(list(client)).rejects.toMatchObject({ code: 'resource_error' });
    expect(seen).toHaveLength(1);
  });

  test('throws when the reply has no value, instead of returning an empty list', async () => {
    const { client } = stage(() => ({}));
    await expect(list(client)).rejects.toMatchObject({ code: 'resource_error' });
  });

  test('checks each item against the shape', async () => {
    const { client } = stage(() => ({ value: [{ id: 1 }] }));
    const shape = {
      parse: (): string => {
        throw new Error('not this');
      },
    };
    await expect(all(client.list('/users', { shape }))).rejects.toMatchObject({ code: 'resource_error' });
    await expect(all(client.list('/users', { shape: { parse: (value) => JSON.stringify(value) } }))).resolves.toEqual([
      '{"id":1}',
    ]);
  });
});

describe('batch', () => {
  const requestsOf = (request: SeenRequest): { id: string; url: string }[] =>
    (JSON.parse(request.body ?? '') as { requests: { id: string; url: string }[] }).requests;
  const wanted = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ id: `r${index}`, path: `/users/${index}` }));

  test('sends at most 20 requests at once, and returns the replies in request order', async () => {
    const { client, seen } = stage((request) => ({
      responses: requestsOf(request)
        .map(({ id, url }) => ({ id, status: 200, body: { url } }))
        .toReversed(),
    }));
    const replies = await client.batch(wanted(41));
    expect(seen.map((request) => requestsOf(request).length)).toEqual([20, 20, 1]);
    expect(seen[0]?.url.href).toBe('https://graph.test/v1.0/$batch');
    expect(replies).toHaveLength(41);
    expect(replies[40]).toEqual({ id: 'r40', ok: true, value: { url: '/users/40' } });
  });

  test('retries only the throttled items, after their Retry-After', async () => {
    const headers = { 'Retry-After': '3', 'x-ms-throttle-scope': 'Tenant_Application/Read/x' };
    const { client, clock, seen, throttled } = stage((request, count) => ({
      responses: requestsOf(request).map(({ id }) =>
        id === 'r1' && count === 1 ? { id, status: 429, headers, body: {} } : { id, status: 200, body: { count } },
      ),
    }));
    const batch = client.batch(wanted(3));
    await clock.advance(3_499);
    expect(seen).toHaveLength(1);
    await clock.advance(1);
    const replies = await batch;
    expect(seen.map((request) => requestsOf(request).map(({ id }) => id))).toEqual([['r0', 'r1', 'r2'], ['r1']]);
    expect(replies.map((reply) => reply.ok && reply.value)).toEqual([{ count: 1 }, { count: 2 }, { count: 1 }]);
    expect(throttled).toMatchObject([
      [{ resource: 'graph', paths: ['/v1.0/users/1'] }, 3, 'Tenant_Application/Read/x'],
    ]);
  });

  test('waits for the longest Retry-After of a batch, whatever its position', async () => {
    const waits: Readonly<Record<string, string>> = { r0: '9', r1: '2', r2: '5' };
    const { client, clock, seen } = stage((request, count) => ({
      responses: requestsOf(request).map(({ id }) =>
        count === 1
          ? { id, status: 429, headers: { 'Retry-After': waits[id] }, body: {} }
          : { id, status: 200, body: { count } },
      ),
    }));
    const batch = client.batch(wanted(3));
    await clock.advance(9_499);
    expect(seen).toHaveLength(1);
    await clock.advance(1);
    expect((await batch).map((reply) => reply.ok && reply.value)).toEqual([{ count: 2 }, { count: 2 }, { count: 2 }]);
  });

  test('returns a failed or missing item as a value', async () => {
    const { client, clock } = stage(() => ({
      responses: [{ id: 'r0', status: 403, body: { error: { code: 'Authorization_RequestDenied' } } }],
    }));
    const batch = client.batch(wanted(2));
    await clock.advance(60_000);
    expect((await batch).map((reply) => (reply.ok ? '' : reply.error.code))).toEqual([
      'access_denied',
      'resource_error',
    ]);
  });

  test('rejects duplicate ids and a path of another version', async () => {
    const { client, seen } = stage(() => ({ responses: [] }));
    await expect(client.batch([...wanted(1), ...wanted(1)])).rejects.toThrow(TypeError);
    await expect(client.batch([{ id: 'a', path: '/beta/users' }])).rejects.toThrow(TypeError);
    expect(seen).toEqual([]);
  });
});
