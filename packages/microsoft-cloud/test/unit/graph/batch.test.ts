import { describe, expect, it } from 'vitest';
import { answerBatch } from '../../../src/graph/batch.ts';
import { GraphError } from '../../../src/graph/graph-error.ts';

const send = (requests: readonly unknown[]): Readonly<Record<string, number>> => {
  const body = JSON.stringify({ requests });
  const outer = { method: 'POST', path: '/v1.0/$batch', query: new URLSearchParams(), headers: {}, body, facts: {} };
  const reply = answerBatch(outer, ({ path }) => ({ status: path.startsWith('/v1.0/users') ? 200 : 500 }));
  const { responses } = JSON.parse(reply.body ?? '') as { responses: { id: string; status: number }[] };
  return Object.fromEntries(responses.map(({ id, status }) => [id, status]));
};

const refusalOf = (requests: readonly unknown[]): string => {
  try {
    return JSON.stringify(send(requests));
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    return `${error.status} ${error.code} ${error.message}`;
  }
};

const read = { id: '1', method: 'GET', url: '/users' };
const json = { 'Content-Type': 'application/json' };

describe('a part of a batch', () => {
  it.each(['/users/%zz', '//['])('that cannot be read fails alone: %s', (url) => {
    expect(
      send([
        { id: '1', method: 'GET', url },
        { ...read, id: '2' },
      ]),
    ).toEqual({ 1: 400, 2: 200 });
  });

  it.each([
    ['/users', 200],
    ['/users/%zz', 424],
    ['/groups', 424],
  ])('that depends on %s gets %i', (url, status) => {
    const parts = [
      { id: '1', method: 'GET', url },
      { ...read, id: '2', dependsOn: ['1'] },
      { ...read, id: '3', dependsOn: ['2'] },
    ];
    expect(send(parts)).toMatchObject({ 2: status, 3: status });
  });

  it.each([
    [{ ...read, id: undefined }, 'Invalid batch payload format.'],
    [{ ...read, id: 1 }, 'Invalid batch payload format.'],
    [{ ...read, method: undefined }, 'Invalid batch payload format.'],
    [{ ...read, url: undefined }, 'Invalid batch payload format.'],
    [null, 'Invalid batch payload format.'],
    [{ ...read, id: 'A' }, 'Request Id values must be unique.'],
    [
      { ...read, id: '2', method: 'POST', body: { displayName: 'Ann' } },
      "Write request with id '2' does not contain a Content-Type header.",
    ],
    [
      { ...read, id: '2', method: 'post', headers: json },
      'Write request id : 2 does not contain Content-Type header or body.',
    ],
  ])('makes the whole batch fail: %j', (part, message) => {
    expect(refusalOf([{ ...read, id: 'a' }, part])).toBe(`400 BadRequest ${message}`);
  });

  it.each([
    { ...read, method: 'POST', body: {}, headers: json },
    { ...read, method: 'PATCH', body: {}, headers: { 'content-type': 'application/json' } },
    { ...read, method: 'DELETE' },
  ])('is answered: %j', (part) => {
    expect(send([part])).toEqual({ 1: 200 });
  });

  it('has the names of its headers as Graph writes them', () => {
    const body = JSON.stringify({ requests: [read] });
    const outer = { method: 'POST', path: '/v1.0/$batch', query: new URLSearchParams(), headers: {}, body, facts: {} };
    const headers = {
      'content-type': 'application/json',
      'retry-after': '1',
      etag: 'W/"1"',
      'x-ms-throttle-scope': 'Tenant/Read',
    };
    const reply = answerBatch(outer, () => ({ status: 429, headers, body: '{}' }));
    const { responses } = JSON.parse(reply.body ?? '') as { responses: { headers: unknown }[] };
    expect(responses[0]?.headers).toEqual({
      'Content-Type': 'application/json',
      'Retry-After': '1',
      ETag: 'W/"1"',
      'x-ms-throttle-scope': 'Tenant/Read',
    });
  });
});
