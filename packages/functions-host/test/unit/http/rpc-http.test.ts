import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { RpcCookie, TypedData } from '../../../src/app/rpc.ts';
import {
  incomingTrace,
  joinedHeaders,
  joinedQuery,
  toRpcRequest,
  writeRpcResponse,
} from '../../../src/http/rpc-http.ts';
import { type Answer, ask } from './request.ts';

const incoming = (headers: Record<string, string | string[]>, method: string | undefined = 'POST'): IncomingMessage => {
  const rawHeaders = Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().flatMap((text) => [name, text]),
  );
  return { method, headers, rawHeaders, socket: {} } as unknown as IncomingMessage;
};

describe('toRpcRequest', () => {
  it('passes method, address, headers, query and parameters, and a body only if there is one', () => {
    const url = new URL('http://host.test/api/a?x=1&y=2');
    const request = toRpcRequest(incoming({ accept: 'text/plain' }), url, { id: '5' }, Buffer.from('body'));
    expect(request).toEqual({
      method: 'POST',
      url: 'http://host.test/api/a?x=1&y=2',
      headers: { accept: 'text/plain' },
      query: { x: '1', y: '2' },
      params: { id: '5' },
      body: { bytes: Buffer.from('body') },
    });
    expect(toRpcRequest(incoming({}), url, {}, Buffer.alloc(0))).not.toHaveProperty('body');
  });
});

it('joins repeated headers and repeated names of a query with commas, without blanks', () => {
  const headers = { A: '1', b: ['2', '3'], a: '4', Cookie: ['c', 'd'], Authorization: ['x', 'y'], e: ['', 'z', ''] };
  expect(joinedHeaders(incoming(headers))).toEqual({ a: '1,4', b: '2,3', cookie: 'c,d', authorization: 'x,y', e: 'z' });
  expect(joinedQuery(new URL('http://host.test/?a=1&b=&a=2&a=3'))).toEqual({ a: '1,2,3', b: '' });
});

it('takes the trace of a request from its headers', () => {
  expect(incomingTrace(incoming({ traceparent: 'p', tracestate: ['a=1', 'b=2'] }))).toEqual({
    traceParent: 'p',
    traceState: 'a=1,b=2',
  });
  expect(incomingTrace(incoming({}))).toEqual({ traceParent: undefined, traceState: undefined });
});

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function written(returned: TypedData | null | undefined): Promise<Answer> {
  const server = createServer((_request, response) => writeRpcResponse(response, returned)).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return ask((server.address() as AddressInfo).port, '/');
}

const response = (http: object): Promise<Answer> => written({ http });

describe('writeRpcResponse', () => {
  it('answers 204 if the function returned nothing', async () => {
    for (const nothing of [undefined, null, {}, { json: '1' }]) expect((await written(nothing)).status).toBe(204);
  });

  it.each([
    ['201', 201],
    [undefined, 200],
    ['999', 999],
    ['1000', 200],
    ['99', 200],
    ['200.5', 200],
    ['none', 200],
  ])('makes the status %s %i', async (statusCode, expected) => {
    const answer = await response({ ...(statusCode === undefined ? {} : { statusCode }), body: { string: 'x' } });
    expect(answer.status).toBe(expected);
  });

  it.each<[TypedData | null | undefined, string]>([
    [{ bytes: Buffer.from('bytes') }, 'bytes'],
    [{ string: 'té' }, 'té'],
    [{ json: '{"a":1}' }, '{"a":1}'],
    [{}, ''],
    [null, ''],
  ])('sends the body %j with its length', async (body, expected) => {
    const answer = await response({ statusCode: '200', body: body ?? null });
    expect(answer.body).toBe(expected);
    expect(answer.headers['content-length']).toBe(String(Buffer.byteLength(expected)));
  });

  it.each(['204', '304'])('sends no body with %s', async (statusCode) => {
    const answer = await response({ statusCode, body: { string: 'x' } });
    expect([answer.body, answer.headers['content-length']]).toEqual(['', undefined]);
  });

  it('passes the headers of the function, but not those of the connection', async () => {
    const headers = { 'X-Own': '1', 'Content-Length': '99', 'Transfer-Encoding': 'chunked', Upgrade: 'x' };
    const answer = await response({ statusCode: '200', headers, body: { string: 'four' } });
    expect(answer.headers['x-own']).toBe('1');
    expect(answer.headers['content-length']).toBe('4');
    expect(answer.headers['transfer-encoding']).toBeUndefined();
    expect(answer.headers.upgrade).toBeUndefined();
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  it.each<[RpcCookie, string]>([
    [{ name: 'a', value: 'b' }, 'a=b; path=/'],
    [{ name: 'a b', value: 'c;d' }, 'a%20b=c%3Bd; path=/'],
    [
      {
        name: 'a',
        value: 'b',
        expires: { value: { seconds: 1_767_268_800 } },
        maxAge: { value: 0 },
        domain: { value: 'host.test' },
        path: { value: '/x' },
        secure: { value: true },
        sameSite: 'strict',
        httpOnly: { value: true },
      },
      'a=b; expires=Thu, 01 Jan 2026 12:00:00 GMT; max-age=0; domain=host.test; path=/x; secure; samesite=strict; httponly',
    ],
    [{ name: 'a', value: 'b', sameSite: 'lax', secure: { value: false }, httpOnly: {} }, 'a=b; path=/; samesite=lax'],
    [
      { name: 'a', value: 'b', sameSite: 'explicitNone', expires: {}, maxAge: {}, domain: {} },
      'a=b; path=/; samesite=none',
    ],
    [{ name: 'a', value: 'b', sameSite: 'none' }, 'a=b; path=/'],
  ])('sets the cookie %j', async (cookie, expected) => {
    const answer = await response({ statusCode: '200', cookies: [cookie, { name: 'z', value: '1' }] });
    expect(answer.headers['set-cookie']).toEqual([expected, 'z=1; path=/']);
  });
});
