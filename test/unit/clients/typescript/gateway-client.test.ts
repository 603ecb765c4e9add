import { beforeEach, describe, expect, it, vi } from 'vitest';
import { GatewayClient, type GatewayClientOptions } from '../../../../clients/typescript/src/index.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { pendingFailure, pendingReply, problem } from './fake-broker.ts';

const base = 'https://broker.example/api/gateway/contoso.com/graph';

let clock: FakeClock;
let requests: { url: string; method: string; headers: Record<string, string>; body: unknown }[];
let answers: (() => Response | Promise<Response>)[];

function client(more: Partial<GatewayClientOptions> = {}): GatewayClient {
  return new GatewayClient({
    brokerUrl: 'https://broker.example',
    brokerScope: 'api://broker/.default',
    callerCredential: { getToken: async () => ({ token: 'caller-secret', expiresOnTimestamp: 0 }) },
    tenant: 'contoso.com',
    clock,
    fetch: async (url, { method = '', headers, body }) => {
      requests.push({ url, method, headers: Object.fromEntries(new Headers(headers)), body });
      const answer = answers.shift();
      if (answer === undefined) throw new Error('the test provides no answer to this request');
      return answer();
    },
    ...more,
  });
}

const fromBroker = (answer: Response): Response => {
  answer.headers.set('x-correlation-id', 'c1');
  return answer;
};
const json = (body: unknown, status = 200): Response => fromBroker(Response.json(body, { status }));
const refusal = (status: number, code: string, retryAfter?: number): Response => {
  const answer = problem(status, code, retryAfter);
  answer.headers.set('content-type', 'application/problem+json');
  return fromBroker(answer);
};

beforeEach(() => {
  clock = new FakeClock();
  requests = [];
  answers = [];
});

describe('request', () => {
  it("sends method, path, headers and body with the caller's token", async () => {
    answers = [() => json({ id: '1' }, 201)];
    const answer = await client().request('POST', '/v1.0/groups?$select=id', {
      headers: { Prefer: 'return=minimal' },
      body: { displayName: 'A' },
    });
    expect([answer.status, await answer.json()]).toEqual([201, { id: '1' }]);
    expect(requests).toEqual([
      {
        url: `${base}/v1.0/groups?$select=id`,
        method: 'POST',
        headers: {
          authorization: 'Bearer caller-secret',
          'content-type': 'application/json',
          prefer: 'return=minimal',
        },
        body: '{"displayName":"A"}',
      },
    ]);
  });

  it('sends bytes as they are, and escapes tenant and resource', async () => {
    answers = [() => fromBroker(new Response(null, { status: 204 }))];
    const body = new Uint8Array([1, 2]);
    const gateway = client({ tenant: 'a/b', resource: 'x y' });
    expect((await gateway.request('PUT', '/v1.0/x', { body, headers: { 'content-type': 'image/png' } })).status).toBe(
      204,
    );
    expect(requests).toMatchObject([
      {
        url: 'https://broker.example/api/gateway/a%2Fb/x%20y/v1.0/x',
        headers: { 'content-type': 'image/png' },
        body,
      },
    ]);
  });

  it('rejects with the code and advice of the broker', async () => {
    answers = [() => refusal(403, 'caller_forbidden')];
    await expect(client().request('GET', '/v1.0/users')).rejects.toMatchObject({
      name: 'BrokerRequestError',
      code: 'caller_forbidden',
      status: 403,
      advice: 'Advice.',
      correlationId: 'c1',
    });
  });

  it('rejects with the error of the resource', async () => {
    const error = { code: 'Request_ResourceNotFound', message: 'There is no such user.' };
    answers = [() => json({ error }, 404)];
    await expect(client().request('GET', '/v1.0/users/x')).rejects.toMatchObject({
      code: 'resource_refused',
      status: 404,
      resourceCode: 'Request_ResourceNotFound',
      correlationId: 'c1',
      message: 'The resource returned HTTP 404 (Request_ResourceNotFound: There is no such user.).',
    });
  });

  it.each(['[1]', 'null', '"x"', '', '<p>', '{"error":"text"}'])('rejects for the error body %j', async (body) => {
    answers = [() => fromBroker(new Response(body, { status: 500 }))];
    await expect(client().request('GET', '/v1.0/users')).rejects.toMatchObject({
      code: 'resource_refused',
      message: 'The resource returned HTTP 500.',
    });
  });

  it('returns redirects', async () => {
    answers = [() => fromBroker(new Response(null, { status: 302, headers: { location: `${base}/v1.0/x` } }))];
    expect((await client().request('GET', '/v1.0/users')).status).toBe(302);
  });

  it.each([
    ['is not from a broker', () => Response.json({ value: [] }), 'unexpected'],
    ['does not arrive', () => Promise.reject(new TypeError('fetch failed')), 'network'],
    [
      'breaks off',
      () => fromBroker(new Response(new ReadableStream({ start: (body) => body.error(new Error('broken')) }))),
      'network',
    ],
  ])('rejects if the answer %s', async (_, answer, code) => {
    answers = [answer];
    await expect(client().request('GET', '/v1.0/users')).rejects.toMatchObject({ code });
  });

  it.each([undefined, new AbortController().signal])(
    'ends at the deadline of the client, also with a signal of the caller: %j',
    async (signal) => {
      const deadline = new AbortController();
      const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(deadline.signal);
      const silent: GatewayClientOptions['fetch'] = (_url, init) =>
        new Promise((_resolve, reject) => {
          init.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error));
        });
      const request = client({ fetch: silent }).request('GET', '/v1.0/users', signal === undefined ? {} : { signal });
      await settle();
      deadline.abort(new DOMException('too long', 'TimeoutError'));
      await expect(request).rejects.toMatchObject({ code: 'network' });
      expect(timeout).toHaveBeenCalledWith(130_000);
    },
  );

  it('rejects with the reason of the caller that aborts', async () => {
    const reason = new Error('stop');
    answers = [() => Promise.reject(reason)];
    const request = client().request('GET', '/v1.0/users', { signal: AbortSignal.abort(reason) });
    await expect(request).rejects.toBe(reason);
  });

  it.each([
    '/../fabrikam.com/graph/v1.0/users',
    '/%2e%2e/%2e%2e/%2e%2e/tokens',
    'https://evil.example/v1.0/users',
    'https://broker.example/api/tokens',
    'https://broker.example/api/gateway/contoso.com/graph2/v1.0/users',
    'v1.0/users',
    '//evil.example/../../../../../tokens',
  ])('sends nothing to %s', async (path) => {
    await expect(client().request('POST', path, { body: {} })).rejects.toThrow(TypeError);
    expect(requests).toEqual([]);
  });

  it('repeats a request that the broker throttled, at most twice, and not one that the resource throttled', async () => {
    const ofResource = json({ error: { code: 'TooManyRequests' } }, 429);
    ofResource.headers.set('retry-after', '5');
    answers = [
      () => refusal(429, 'caller_throttled', 5),
      () => refusal(429, 'caller_throttled', 5),
      () => refusal(429, 'caller_throttled', 5),
      () => ofResource,
    ];
    const failed = client()
      .request('POST', '/v1.0/x', { body: {} })
      .catch((error: unknown) => error);
    await clock.advance(10_000);
    expect(await failed).toMatchObject({ code: 'caller_throttled', retryAfterSeconds: 5 });
    expect(requests).toHaveLength(3);
    await expect(client().request('GET', '/v1.0/x')).rejects.toMatchObject({ resourceCode: 'TooManyRequests' });
    expect(requests).toHaveLength(4);
  });

  it.each([undefined, 'soon', 'Wed, 21 Oct 2026 07:28:00 GMT'])(
    'does not repeat a throttled request without a time that it can wait: %s',
    async (retryAfter) => {
      const refused = refusal(429, 'caller_throttled');
      if (retryAfter !== undefined) refused.headers.set('retry-after', retryAfter);
      answers = [() => refused, () => refused, () => refused];
      const waits: number[] = [];
      const hasty = { nowMs: () => 0, sleep: async (ms: number) => void waits.push(ms) };
      const sent = client({ clock: hasty }).request('GET', '/v1.0/x');
      await expect(sent).rejects.toMatchObject({ code: 'caller_throttled' });
      expect([requests.length, waits]).toEqual([1, []]);
    },
  );

  it('does not wait for more than 30 seconds', async () => {
    answers = [() => refusal(429, 'caller_throttled', 31)];
    await expect(client().request('GET', '/v1.0/x')).rejects.toMatchObject({ code: 'caller_throttled' });
  });
});

describe('get', () => {
  it('returns the object', async () => {
    answers = [() => json({ id: '1' })];
    expect(await client().get('/v1.0/organization')).toEqual({ id: '1' });
  });

  it('rejects if the answer is not JSON', async () => {
    answers = [() => fromBroker(new Response('a,b'))];
    await expect(client().get('/v1.0/organization')).rejects.toMatchObject({ code: 'unexpected' });
  });
});

describe('pages', () => {
  const link = `${base}/v1.0/users?$skiptoken=a&ptb_link=b`;

  it('yields the entries of each page, and requests the next one when the page has been used', async () => {
    answers = [() => json({ value: [1, 2], '@odata.nextLink': link }), () => json({ value: [3] })];
    const pages = client().pages('/v1.0/users', { headers: { consistencylevel: 'eventual' } });
    expect((await pages.next()).value).toEqual([1, 2]);
    expect(requests).toHaveLength(1);
    expect((await pages.next()).value).toEqual([3]);
    expect((await pages.next()).done).toBe(true);
    expect(requests.map(({ url, headers }) => [url, headers['consistencylevel']])).toEqual([
      [`${base}/v1.0/users`, 'eventual'],
      [link, 'eventual'],
    ]);
  });

  it.each([
    'https://evil.example/v1.0/users',
    'https://broker.example/api/gateway/fabrikam.com/graph/v1.0/users',
    `${base}/../../../tokens`,
    '/v1.0/users',
    7,
  ])('rejects for the next link %s', async (next) => {
    answers = [() => json({ value: [1], '@odata.nextLink': next })];
    const pages = client().pages('/v1.0/users');
    await pages.next();
    await expect(pages.next()).rejects.toMatchObject({ code: 'unexpected' });
    expect(requests).toHaveLength(1);
  });

  it('rejects for a page that names itself as the next one, and for an answer that is no page', async () => {
    answers = [() => json({ value: [1], '@odata.nextLink': link }), () => json({ value: [], '@odata.nextLink': link })];
    const pages = client().pages('/v1.0/users');
    await pages.next();
    await pages.next();
    await expect(pages.next()).rejects.toMatchObject({ code: 'unexpected' });
    answers = [() => json({ id: '1' })];
    await expect(client().pages('/v1.0/organization').next()).rejects.toMatchObject({ code: 'unexpected' });
  });
});

it.each([
  ['tenant', { tenant: '' }],
  ['resource', { resource: '' }],
  ['brokerUrl', { brokerUrl: 'http://broker.example' }],
])('names the invalid option %s', (name, options) => {
  expect(() => client(options)).toThrow(new RegExp(`^${name}: `));
});

it('fails with the approval that a request waits for, also for an SDK', async () => {
  answers = [pendingReply, pendingReply];
  await expect(client().request('PATCH', '/v1.0/users/a', { body: {} })).rejects.toMatchObject(pendingFailure);
  await expect(client().fetch(`${base}/v1.0/users/a`, { method: 'PATCH' })).rejects.toMatchObject(pendingFailure);
  expect(requests).toHaveLength(2);
});

it('returns 202 of the resource', async () => {
  answers = [() => json({ id: '1' }, 202)];
  expect((await client().request('POST', '/v1.0/teams', { body: {} })).status).toBe(202);
});
