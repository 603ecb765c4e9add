import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUpstream } from '../../../../../src/lib/gateway/send/upstream.ts';
import { OutboundError } from '../../../../../src/lib/core/outbound.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let url: string;
let handle: Handler;
const received: { method: string; path: string; headers: IncomingMessage['headers']; body: string }[] = [];
const upstream = createUpstream();

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      received.push({ method, path, headers, body: Buffer.concat(chunks).toString('utf8') });
      handle(request, response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

interface More {
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
  readonly large?: () => Promise<void>;
}

function send(path: string, answer: Handler, more: More = {}) {
  received.length = 0;
  handle = answer;
  const method = more.body === undefined ? 'GET' : 'POST';
  const request = { method, url: `${url}${path}`, headers: { accept: 'a/b' }, body: undefined };
  const large = () => Promise.resolve();
  return upstream({ ...request, signal: new AbortController().signal, large, ...more });
}

const failure = (kind: string) => expect.objectContaining({ failure: kind }) as OutboundError;

describe('a request', () => {
  it('is sent as it is written, with its body', async () => {
    const path = "/v1.0/users('a%20b')/$ref?$filter=a%20eq%20'b'&x=%2F";
    const answer = await send(path, (_, response) => response.end('ok'), { body: Buffer.from('{"a":1}') });
    expect([answer.status, Buffer.from(answer.body).toString()]).toEqual([200, 'ok']);
    expect(received).toMatchObject([{ method: 'POST', path, body: '{"a":1}', headers: { accept: 'a/b' } }]);
    expect(received[0]?.headers['content-length']).toBe('7');
  });

  it('does not follow redirects', async () => {
    const answer = await send('/a', (_, response) => response.writeHead(302, { location: `${url}/b` }).end());
    expect([answer.status, answer.headers['location'], received.length]).toEqual([302, `${url}/b`, 1]);
  });

  it('keeps no cookies', async () => {
    await send('/a', (_, response) => response.writeHead(200, { 'set-cookie': 'a=b' }).end());
    await send('/a', (_, response) => response.end());
    expect(received[0]?.headers.cookie).toBeUndefined();
  });

  it('ends with its signal, before and during the answer', async () => {
    const aborted = (ms: number) => AbortSignal.timeout(ms);
    await expect(send('/a', () => undefined, { signal: aborted(50) })).rejects.toThrow(failure('timeout'));
    const dripping: Handler = (_, response) => response.writeHead(200, { 'content-length': '10' }).write('a');
    await expect(send('/a', dripping, { signal: aborted(50) })).rejects.toThrow(failure('timeout'));
  });
});

describe('an answer', () => {
  const mebibyte = 1024 * 1024;
  const zipped = (bytes: number) => gzipSync(Buffer.alloc(bytes, 32));
  const gzip = { 'content-encoding': 'gzip' };

  it.each([
    ['small', Buffer.alloc(2 * mebibyte), {}, false],
    ['large', Buffer.alloc(2 * mebibyte + 1), {}, true],
    ['small when decompressed', zipped(2 * mebibyte), gzip, false],
    ['large when decompressed', zipped(2 * mebibyte + 1), gzip, true],
  ])('that is %s waits for its place only if it needs one', async (_, body, headers, expected) => {
    let isAsked = false;
    const large = async () => {
      isAsked = true;
    };
    await send('/a', (__, response) => response.writeHead(200, headers).end(body), { large });
    expect(isAsked).toBe(expected);
  });

  it('that is large is not read while it waits for its place', async () => {
    const controller = new AbortController();
    const large = () => {
      controller.abort();
      return Promise.reject(new Error('aborted'));
    };
    const body = Buffer.alloc(19 * mebibyte);
    const sending = send('/a', (_, response) => response.end(body), { large, signal: controller.signal });
    await expect(sending).rejects.toThrow(failure('timeout'));
  });

  it('is decompressed', async () => {
    const answer = await send('/a', (_, response) => response.writeHead(200, gzip).end(zipped(19 * mebibyte)));
    expect([answer.body.length, answer.headers['content-encoding']]).toEqual([19 * mebibyte, undefined]);
    expect(received[0]?.headers['accept-encoding']).toBe('gzip');
  });

  it('that is too large is not kept, also if it only expands to that', async () => {
    const large = Buffer.alloc(21 * mebibyte, 32);
    await expect(send('/a', (_, response) => response.end(large))).rejects.toThrow(failure('too_large'));
    const bomb = zipped(200 * mebibyte);
    const unzipping = send('/a', (_, response) => response.writeHead(200, gzip).end(bomb));
    await expect(unzipping).rejects.toThrow(failure('too_large'));
  });

  it.each([
    ['with broken compression', (_, response) => response.writeHead(200, gzip).end('abc')],
    [
      'with a coding that was not asked for',
      (_, response) => response.writeHead(200, { 'content-encoding': 'br' }).end('a'),
    ],
    [
      'that breaks off',
      (_, response) => response.writeHead(200, { 'content-length': '9' }).write('a', () => response.destroy()),
    ],
    ['with 64 KB of headers', (_, response) => response.writeHead(200, { a: 'x'.repeat(65_536) }).end()],
  ] satisfies readonly [string, Handler][])('%s is a failure', async (_, answer) => {
    await expect(send('/a', answer)).rejects.toThrow(failure('network'));
  });
});

it('leaves the dispatcher behind the global fetch alone', async () => {
  const symbols = [1, 2].map((version) => Symbol.for(`undici.globalDispatcher.${version}`));
  handle = (_, response) => response.end();
  const before = symbols.map((symbol) => Reflect.get(globalThis, symbol) as unknown);
  await createUpstream()({
    method: 'GET',
    url: `${url}/a`,
    headers: {},
    body: undefined,
    signal: new AbortController().signal,
    large: () => Promise.resolve(),
  });
  expect(symbols.map((symbol) => Reflect.get(globalThis, symbol) as unknown)).toEqual(before);
});
