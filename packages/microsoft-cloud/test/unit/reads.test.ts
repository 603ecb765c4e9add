import { expect, it } from 'vitest';
import { readsOf } from '../../src/graph/reads.ts';

const request = (method: string, path: string, query = '', body = '') => ({
  method,
  path,
  query: new URLSearchParams(query),
  headers: {},
  body,
  facts: {},
});

it('records a request with its query, without tokens of links', () => {
  expect(readsOf(request('GET', "/v1.0/users('a b')", '$select=id,mail&$skiptoken=SECRET&deltaToken=SECRET'))).toEqual([
    "GET /v1.0/users('a%20b')?%24select=id%2Cmail",
  ]);
});

it('records the parts of a batch', () => {
  const requests = [
    { id: '1', method: 'GET', url: '/users?$top=5' },
    { id: '2', method: 'GET', url: 'groups/1' },
    { id: '3' },
    7,
  ];
  expect(readsOf(request('POST', '/v1.0/$batch', '', JSON.stringify({ requests })))).toEqual([
    'GET /v1.0/users?%24top=5',
    'GET /v1.0/groups/1',
  ]);
  expect(readsOf(request('POST', '/v1.0/$batch', '', 'nonsense'))).toEqual([]);
});
