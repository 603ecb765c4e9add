import { describe, expect, it } from 'vitest';
import { partnerMap } from 'graph-permissions/partner-table';
import { type BatchVerdict, isBatch, judgeBatch, readBatch } from '../../../../src/lib/judge/batch.ts';
import type { GatewayRequest, Grant } from '../../../../src/lib/judge/verdict.ts';
import { account } from './cases/case.ts';

const map = partnerMap();
const grant: Grant = {
  scheme: 'delegated',
  permissions: new Set(['User.Read.All']),
  signedIn: account,
  beta: true,
  me: true,
  host: 'graph.microsoft.com',
};

const judge = (request: GatewayRequest, pause = async (): Promise<void> => undefined): Promise<BatchVerdict> =>
  judgeBatch(map, grant, readBatch(request, grant.host), pause);

const judged = (body: unknown, url = '/v1.0/$batch', more: Partial<GatewayRequest> = {}): Promise<BatchVerdict> =>
  judge({ method: 'POST', url, body: typeof body === 'string' ? body : JSON.stringify(body), ...more });

const part = (id: string, url: string, more: object = {}): object => ({ id, method: 'GET', url, ...more });

/** The verdicts by id: what would be sent, or the kind and reason of the refusal. */
async function verdicts(
  requests: readonly object[],
  url?: string,
  more?: Partial<GatewayRequest>,
): Promise<Record<string, string>> {
  const batch = await judged({ requests }, url, more);
  if (!batch.readable) return { batch: batch.reason };
  return Object.fromEntries(
    batch.parts.map(({ id, verdict }) => [
      id,
      verdict.allowed ? verdict.request.url : `${verdict.kind}: ${verdict.reason}`,
    ]),
  );
}

describe('judgeBatch', () => {
  it('judges each part on its own', async () => {
    expect(await verdicts([part('1', '/users'), part('2', '/groups'), part('3', 'users/$count')])).toEqual({
      1: 'https://graph.microsoft.com/v1.0/users',
      2: expect.stringContaining('not-permitted') as string,
      3: 'https://graph.microsoft.com/v1.0/users/$count',
    });
  });

  it('pauses between two parts', async () => {
    let pauses = 0;
    const body = JSON.stringify({ requests: [part('1', '/users'), part('2', '/groups'), part('3', '/users')] });
    await judge({ method: 'POST', url: '/v1.0/$batch', body }, async () => void (pauses += 1));
    expect(pauses).toBe(2);
  });

  // The addresses as the Graph SDK for .NET writes them with the gateway as base address.
  it.each(['gateway/contoso.com/graph/v1.0/users?$top=1', '/gateway/contoso.com/graph/v1.0/users?$top=1'])(
    'takes %s for the path behind the gateway',
    async (url) => {
      const gatewayUrl = 'https://broker.example/api/gateway/contoso.com/graph';
      const sent = 'https://graph.microsoft.com/v1.0/users?$top=1';
      expect(await verdicts([part('1', url)], undefined, { gatewayUrl })).toEqual({ 1: sent });
    },
  );

  it.each([
    'gateway/fabrikam.com/graph/v1.0/users',
    'gateway/contoso.com/arm/v1.0/users',
    'gateway/contoso.com/graph/beta/users',
    'gateway/contoso.com/graph/v1.0',
    'api/gateway/contoso.com/graph/v1.0/users',
    'gateway/contoso.com/graph/v1.0/gateway/contoso.com/graph/v1.0/users',
    'x/gateway/contoso.com/graph/v1.0/users',
  ])('refuses %s in a batch for another place', async (url) => {
    const gatewayUrl = 'https://broker.example/api/gateway/contoso.com/graph';
    expect((await verdicts([part('1', url)], undefined, { gatewayUrl }))['1']).toMatch(/does not contain|no resource/);
  });

  it('reads the parts in the version of the batch', async () => {
    expect(await verdicts([part('1', '/users')], '/beta/$batch')).toEqual({
      1: 'https://graph.microsoft.com/beta/users',
    });
  });

  it('refuses a part that depends on a refused one', async () => {
    const parts = [
      part('1', '/groups'),
      part('2', '/users', { dependsOn: ['1'] }),
      part('3', '/users', { dependsOn: ['2'] }),
    ];
    expect(await verdicts(parts)).toMatchObject({
      2: 'failed-dependency: This part depends on a part that was refused; correct that one.',
      3: 'failed-dependency: This part depends on a part that was refused; correct that one.',
    });
  });

  it('keeps the order of allowed parts that depend on each other', async () => {
    const batch = await judged({ requests: [part('1', '/users'), part('2', '/users', { dependsOn: ['1'] })] });
    expect(batch.readable && batch.parts.map(({ id, dependsOn }) => [id, dependsOn])).toEqual([
      ['1', []],
      ['2', ['1']],
    ]);
  });

  it.each([
    [
      'a nested batch',
      part('1', '/$batch', { method: 'POST', body: { requests: [] } }),
      'A batch is judged by its parts',
    ],
    ['another version', part('1', '/v1.0/users'), 'does not contain this resource'],
    ['a dot segment', part('1', '/../beta/users'), 'dot segment'],
    ['a double slash', part('1', '//evil.example/users'), 'empty segment'],
    ['a method override', part('1', '/users', { headers: { 'X-HTTP-Method': 'DELETE' } }), 'replaces method or path'],
    ['a body with GET', part('1', '/users', { body: {} }), 'has no body'],
    ['a write', part('1', '/users/a1', { method: 'DELETE' }), 'none'],
  ])('refuses a part with %s', async (_what, each, reason) => {
    expect((await verdicts([each]))['1']?.toLowerCase()).toContain(reason.toLowerCase());
  });

  it.each([
    ['an absolute URL', { requests: [part('1', 'https://evil.example/v1.0/users')] }, 'absolute'],
    ['no parts', { requests: [] }, 'not {"requests"'],
    ['no list', { requests: {} }, 'not {"requests"'],
    ['more keys', { requests: [part('1', '/users')], x: 1 }, 'not {"requests"'],
    ['21 parts', { requests: Array.from({ length: 21 }, (_, n) => part(String(n), '/users')) }, 'more than 20'],
    ['an id twice', { requests: [part('a', '/users'), part('A', '/groups')] }, 'same id'],
    ['a part without id', { requests: [{ method: 'GET', url: '/users' }] }, 'lacks id'],
    ['a part that is no object', { requests: ['/users'] }, 'not an object'],
    [
      'an unknown key in a part',
      { requests: [part('1', '/users', { atomicityGroup: 'a' })] },
      'has the key "atomicityGroup"',
    ],
    ['headers that are no texts', { requests: [part('1', '/users', { headers: { a: 1 } })] }, 'not texts'],
    ['a text as body', { requests: [part('1', '/users', { method: 'POST', body: 'eA==' })] }, 'not a JSON object'],
    ['dependsOn that is no list', { requests: [part('1', '/users', { dependsOn: '2' })] }, 'not a list of ids'],
    [
      'dependsOn of a later part',
      { requests: [part('1', '/users', { dependsOn: ['2'] }), part('2', '/users')] },
      'no earlier part',
    ],
    ['a key twice', '{"requests":[],"requests":[]}', 'twice'],
    ['no JSON', 'x', 'not JSON'],
  ])('refuses the whole batch with %s', async (_what, body, reason) => {
    expect(await judged(body)).toMatchObject({
      readable: false,
      kind: 'unreadable',
      reason: expect.stringContaining(reason) as string,
    });
  });

  it('refuses a batch with query options or another method', async () => {
    expect((await judged({ requests: [part('1', '/users')] }, '/v1.0/$batch?$top=1')).readable).toBe(false);
    expect((await judge({ method: 'GET', url: '/v1.0/$batch' })).readable).toBe(false);
  });

  it('refuses a batch that only its method, or the type of its body, makes another request', async () => {
    const text = JSON.stringify({ requests: [part('1', '/users')] });
    const readable = async (method: string, type: string): Promise<boolean> =>
      (await judge({ method, url: '/v1.0/$batch', headers: { 'content-type': type }, body: text })).readable;
    expect(await readable('POST', 'application/json')).toBe(true);
    expect(await readable('PUT', 'application/json')).toBe(false);
    expect(await readable('POST', 'text/plain')).toBe(false);
  });

  it('takes a colon in a query for what it is', async () => {
    const url = '/users?$filter=createdDateTime ge 2026-01-01T00:00:00Z';
    expect((await verdicts([part('1', url)]))['1']).toContain('https://graph.microsoft.com/v1.0/users?$filter=');
  });

  it('hands out the body of a part', async () => {
    const batch = await judged({ requests: [part('1', '/users', { method: 'POST', body: { displayName: 'x' } })] });
    expect(batch.readable && batch.parts[0]?.body).toBe('{"displayName":"x"}');
  });

  it('hands out bodies as they are written, whatever stands around them', async () => {
    const body = '{"a" : [{"body":"}]"},9007199254740993], "b":"\\"body\\":", "c":{"requests":[{"body":1}]}}';
    const headers = '"headers":{"content-type":"application/json"}';
    const text = `{"req\\u0075ests" :[{"id":"1","method":"GET","url":"/users"},
      {"id":"2","method":"POST","b\\u006fdy":\t${body}\n,${headers},"url":"/users"},
      {${headers},"url":"/users","method":"POST","id":"3","body":{}}]}`;
    const batch = await judged(text);
    expect(batch.readable && batch.parts.map((each) => each.body)).toEqual([undefined, body, '{}']);
  });
});

describe('isBatch', () => {
  it.each([
    ['/v1.0/$batch', true],
    ['/beta/$BATCH', true],
    ['https://graph.microsoft.com/v1.0/$batch', true],
    ['/v1.0/users', false],
    ['/v1.0/users/$batch', false],
    ['https://evil.example/v1.0/$batch', false],
  ])('of %s is %s', (url, expected) => {
    expect(isBatch({ url }, 'graph.microsoft.com')).toBe(expected);
  });
});
