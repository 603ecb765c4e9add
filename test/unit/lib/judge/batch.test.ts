import { describe, expect, it } from 'vitest';
import { partnerMap } from 'graph-permissions/partner-table';
import { type BatchVerdict, isBatch, judgeBatch, readBatch } from '../../../../src/lib/judge/batch.ts';
import type { Grant } from '../../../../src/lib/judge/verdict.ts';
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

const judged = (body: unknown, url = '/v1.0/$batch'): BatchVerdict =>
  judgeBatch(
    map,
    grant,
    readBatch({ method: 'POST', url, body: typeof body === 'string' ? body : JSON.stringify(body) }, grant.host),
  );

const part = (id: string, url: string, more: object = {}): object => ({ id, method: 'GET', url, ...more });

/** The verdicts by id: what would be sent, or the kind and reason of the refusal. */
function verdicts(requests: readonly object[], url?: string): Record<string, string> {
  const batch = judged({ requests }, url);
  if (!batch.readable) return { batch: batch.reason };
  return Object.fromEntries(
    batch.parts.map(({ id, verdict }) => [
      id,
      verdict.allowed ? verdict.request.url : `${verdict.kind}: ${verdict.reason}`,
    ]),
  );
}

describe('judgeBatch', () => {
  it('judges each part on its own', () => {
    expect(verdicts([part('1', '/users'), part('2', '/groups'), part('3', 'users/$count')])).toEqual({
      1: 'https://graph.microsoft.com/v1.0/users',
      2: expect.stringContaining('not-permitted') as string,
      3: 'https://graph.microsoft.com/v1.0/users/$count',
    });
  });

  it('reads the parts in the version of the batch', () => {
    expect(verdicts([part('1', '/users')], '/beta/$batch')).toEqual({ 1: 'https://graph.microsoft.com/beta/users' });
  });

  it('refuses a part that depends on a refused one', () => {
    const parts = [
      part('1', '/groups'),
      part('2', '/users', { dependsOn: ['1'] }),
      part('3', '/users', { dependsOn: ['2'] }),
    ];
    expect(verdicts(parts)).toMatchObject({
      2: 'failed-dependency: This part depends on a part that was refused; correct that one.',
      3: 'failed-dependency: This part depends on a part that was refused; correct that one.',
    });
  });

  it('keeps the order of allowed parts that depend on each other', () => {
    const batch = judged({ requests: [part('1', '/users'), part('2', '/users', { dependsOn: ['1'] })] });
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
  ])('refuses a part with %s', (_what, each, reason) => {
    expect(verdicts([each])['1']?.toLowerCase()).toContain(reason.toLowerCase());
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
  ])('refuses the whole batch with %s', (_what, body, reason) => {
    expect(judged(body)).toMatchObject({
      readable: false,
      kind: 'unreadable',
      reason: expect.stringContaining(reason) as string,
    });
  });

  it('refuses a batch with query options or another method', () => {
    expect(judged({ requests: [part('1', '/users')] }, '/v1.0/$batch?$top=1').readable).toBe(false);
    expect(judgeBatch(map, grant, readBatch({ method: 'GET', url: '/v1.0/$batch' }, grant.host)).readable).toBe(false);
  });

  it('refuses a batch that only its method, or the type of its body, makes another request', () => {
    const text = JSON.stringify({ requests: [part('1', '/users')] });
    const readable = (method: string, type: string): boolean =>
      judgeBatch(
        map,
        grant,
        readBatch({ method, url: '/v1.0/$batch', headers: { 'content-type': type }, body: text }, grant.host),
      ).readable;
    expect(readable('POST', 'application/json')).toBe(true);
    expect(readable('PUT', 'application/json')).toBe(false);
    expect(readable('POST', 'text/plain')).toBe(false);
  });

  it('takes a colon in a query for what it is', () => {
    const url = '/users?$filter=createdDateTime ge 2026-01-01T00:00:00Z';
    expect(verdicts([part('1', url)])['1']).toContain('https://graph.microsoft.com/v1.0/users?$filter=');
  });

  it('hands out the body of a part', () => {
    const batch = judged({ requests: [part('1', '/users', { method: 'POST', body: { displayName: 'x' } })] });
    expect(batch.readable && batch.parts[0]?.body).toBe('{"displayName":"x"}');
  });

  it('hands out bodies as they are written, whatever stands around them', () => {
    const body = '{"a" : [{"body":"}]"},9007199254740993], "b":"\\"body\\":", "c":{"requests":[{"body":1}]}}';
    const headers = '"headers":{"content-type":"application/json"}';
    const text = `{"req\\u0075ests" :[{"id":"1","method":"GET","url":"/users"},
      {"id":"2","method":"POST","b\\u006fdy":\t${body}\n,${headers},"url":"/users"},
      {${headers},"url":"/users","method":"POST","id":"3","body":{}}]}`;
    const batch = judged(text);
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
