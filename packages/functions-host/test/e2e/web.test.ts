import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HostProcess, startHost } from '../../src/testing.ts';
import { ask } from '../unit/http/request.ts';
import { buildApp, removeFolder } from './built-app.ts';

interface ReceivedRequest {
  readonly name: string;
  readonly method: string;
  readonly url: string;
  readonly params: Record<string, string>;
  readonly query: Record<string, string>;
  readonly header: string | null;
  readonly body: string;
}

describe('the HTTP server', () => {
  let folder: string;
  let host: HostProcess;
  const call = (path: string, init?: RequestInit): Promise<Response> => fetch(`${host.url}${path}`, init);
  const received = async (path: string, init?: RequestInit): Promise<ReceivedRequest> =>
    (await (await call(path, init)).json()) as ReceivedRequest;

  beforeAll(async () => {
    folder = await buildApp('web', {
      format: 'cjs',
      extensions: { http: { routePrefix: 'svc/v1', customHeaders: { 'x-custom': 'of host.json' } } },
    });
    host = await startHost(folder, ['--keys'], { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '2000' });
  });
  afterAll(async () => {
    await host.end();
    removeFolder(folder);
  });

  it('lists functions with route, methods and authLevel', () => {
    expect(host.functions).toContainEqual({
      name: 'plain',
      trigger: 'httpTrigger',
      route: '/svc/v1/items/{id}',
      methods: ['GET', 'POST'],
      authLevel: 'anonymous',
    });
    expect(host.errors()).toContain(`plain: [GET,POST] ${host.url}/svc/v1/items/{id}`);
  });

  it('tries the most specific route first, and less specific ones if a constraint or the method does not match', async () => {
    expect((await received('/svc/v1/items/special')).name).toBe('literal');
    expect((await received('/svc/v1/ITEMS/12')).name).toBe('constrained');
    expect((await received('/svc/v1/items/9')).name).toBe('plain');
    expect((await received('/svc/v1/items/special', { method: 'POST' })).name).toBe('plain');
  });

  it('passes required, optional, default and catch-all parameters', async () => {
    expect((await received('/svc/v1/items/a%20b%2Fc')).params).toEqual({ id: 'a b%2Fc' });
    expect((await received('/svc/v1/files/a/b/c.txt')).params).toEqual({ path: 'a/b/c.txt' });
    expect((await received('/svc/v1/optional/x')).params).toEqual({ a: 'x' });
    expect((await received('/svc/v1/optional/x/y')).params).toEqual({ a: 'x', b: 'y' });
    expect((await received('/svc/v1/defaulted')).params).toEqual({ a: 'one' });
    expect((await received('/svc/v1/v2.17/x')).params).toEqual({ major: '2', minor: '17' });
  });

  it('returns 404 for an unknown path, an unlisted method and a wrong prefix', async () => {
    const paths: [string, RequestInit?][] = [
      ['/svc/v1/nowhere'],
      ['/svc/v1/items/9', { method: 'DELETE' }],
      ['/api/items/9'],
      ['/items/9'],
    ];
    for (const [path, init] of paths) expect([path, (await call(path, init)).status]).toEqual([path, 404]);
  });

  // What the library makes of an address that Microsoft's host 4.1037 has decoded before.
  it.each([
    ['/svc/v1/items/%2541lice', '/svc/v1/items/%41lice', { id: '%41lice' }],
    ['/svc/v1/files/a/%252e%252e/b', '/svc/v1/files/b', { path: 'a/%2e%2e/b' }],
    ['/svc/v1/files/%24batch', '/svc/v1/files/$batch', { path: '$batch' }],
    ['/svc/v1/items/a%2523b', '/svc/v1/items/a%23b', { id: 'a%23b' }],
    ['/svc/v1/items/%zz', '/svc/v1/items/%25zz', { id: '%zz' }],
    ['/svc/v1/items/%ff', '/svc/v1/items/%ff', { id: '%ff' }],
    [String.raw`/svc/v1/items/a\b`, '/svc/v1/items/a%5Cb', { id: String.raw`a\b` }],
  ])('passes %s as %s', async (path, seen, params) => {
    const { port } = new URL(host.url);
    const request = JSON.parse((await ask(Number(port), path)).body) as ReceivedRequest;
    expect([request.url, request.params]).toEqual([`${host.url}${seen}`, params]);
  });

  it('accepts a method in lower case', async () => {
    const { port } = new URL(host.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write('get /svc/v1/items/9 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  it('shows a page at /, unless AzureWebJobsDisableHomepage is true', async () => {
    const page = await call('/');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html']);
    const other = await startHost(folder, [], { AzureWebJobsDisableHomepage: 'True' });
    expect((await fetch(other.url)).status).toBe(204);
    await other.end();
  });

  it.each(['127.0.0.1@evil.example', 'evil.example/?', 'evil.example#'])(
    'returns 400 for the Host header %s',
    async (name) => {
      const status = await new Promise((resolve, reject) => {
        httpRequest(`${host.url}/svc/v1/items/9`, { headers: { host: name } }, (response) =>
          resolve(response.resume().statusCode),
        )
          .once('error', reject)
          .end();
      });
      expect(status).toBe(400);
    },
  );

  it('passes method, URL, headers, query and body as on the platform', async () => {
    const request = await received('/svc/v1/items/9?a=1&b=x%20y&a=2', {
      method: 'POST',
      headers: { 'X-Test': 'yes' },
      body: 'ü',
    });
    expect(request).toEqual({
      name: 'plain',
      method: 'POST',
      url: `${host.url}/svc/v1/items/9?a=1&b=x%20y&a=2`,
      params: { id: '9' },
      query: { a: '1,2', b: 'x y' },
      header: 'yes',
      body: 'ü',
    });
  });

  it('passes no body without Content-Length, and logs a warning', async () => {
    const text = await new Promise<string>((resolve, reject) => {
      const request = httpRequest(`${host.url}/svc/v1/items/9`, { method: 'POST' }, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString())).on('end', () => resolve(body));
      });
      request.on('error', reject).write('chunked');
      request.end();
    });
    expect((JSON.parse(text) as ReceivedRequest).body).toBe('');
    await expect.poll(() => host.errors()).toContain('A body without Content-Length reaches the function empty');
  });

  it('sends status, headers, cookies and bytes', async () => {
    const response = await call('/svc/v1/cookies');
    expect(response.status).toBe(201);
    expect(response.headers.get('x-answer')).toBe('42');
    expect(response.headers.get('x-custom')).toBe('of host.json');
    expect(response.headers.getSetCookie()).toEqual(['a=b%20c; max-age=60; path=/; secure; samesite=strict; httponly']);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array([1, 2, 3]));
  });

  it('returns 204 for undefined, and 500 without a body for an error, which it logs', async () => {
    expect((await call('/svc/v1/nothing')).status).toBe(204);
    const failed = await call('/svc/v1/throws');
    expect([failed.status, await failed.text()]).toEqual([500, '']);
    await expect
      .poll(() => host.errors())
      .toMatch(/ error throws: Executed with an error: Error: a failing handler\\n/);
    expect(host.errors()).toMatch(/ information throws: two\\nlines\n/);
  });

  it('survives an error that the app throws outside its handlers', async () => {
    expect(await (await call('/svc/v1/uncaught')).text()).toBe('response');
    await expect.poll(() => host.errors()).toContain('Uncaught: Error: after the response');
    expect((await call('/svc/v1/nothing')).status).toBe(204);
  });

  it('runs the hooks of the app before and after each invocation', async () => {
    expect((await call('/svc/v1/items/9')).headers.get('x-hooked')).toBe('yes');
  });

  it('requires the key that the authLevel names', async () => {
    const codes = async (path: string): Promise<number[]> => {
      const keys = ['', 'wrong', host.functionKey, host.systemKey, host.masterKey];
      const byHeader = keys.map((key) =>
        call(path, { headers: { 'x-functions-key': key } }).then(({ status }) => status),
      );
      return [...(await Promise.all(byHeader)), (await call(`${path}?code=${host.masterKey}`)).status];
    };
    expect(await codes('/svc/v1/needsFunctionKey')).toEqual([401, 401, 200, 403, 200, 200]);
    expect(await codes('/svc/v1/needsMasterKey')).toEqual([401, 401, 403, 403, 200, 200]);
    expect(await codes('/svc/v1/items/9')).toEqual([200, 200, 200, 200, 200, 200]);
  });

  it('returns 500 for a body over the limit on functions, the durable API and the admin API', async () => {
    const body = 'x'.repeat(2001);
    expect((await call('/svc/v1/items/9', { method: 'POST', body: body.slice(1) })).status).toBe(200);
    const urls = ['/svc/v1/items/9', '/durabletask/orchestrators/x', `/admin/functions/x?code=${host.masterKey}`];
    for (const url of urls) expect([url, (await call(url, { method: 'POST', body })).status]).toEqual([url, 500]);
  });

  it('requires the master key for the admin API', async () => {
    expect((await call('/admin/functions')).status).toBe(401);
    expect((await call(`/admin/functions?code=${host.functionKey}`)).status).toBe(403);
    expect(await (await call(`/admin/functions?code=${host.masterKey}`)).json()).toEqual(host.functions);
    expect(await (await call(`/admin/host/status?code=${host.masterKey}`)).json()).toMatchObject({ state: 'Running' });
    expect((await call(`/admin/functions/nothing?code=${host.masterKey}`, { method: 'POST', body: '{}' })).status).toBe(
      404,
    );
  });
});

describe('HTTP streaming', () => {
  let folder: string;
  let host: HostProcess;
  beforeAll(async () => {
    folder = await buildApp('stream');
    host = await startHost(folder, [], { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '2000' });
  });
  afterAll(async () => {
    await host.end();
    removeFolder(folder);
  });

  it('sends a response before the request has ended', async () => {
    const chunks: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const request = httpRequest(`${host.url}/api/upper/me`, { method: 'POST' }, (response) => {
        expect(response.headers['x-who']).toBe('me');
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk.toString());
          if (chunks.length === 1) request.end('second');
        });
        response.on('end', resolve);
      });
      request.on('error', reject).write('first');
    });
    expect(chunks).toEqual(['FIRST', 'SECOND']);
  });

  it('sends no other status within a response when the body of the request is no HTTP', async () => {
    const { port } = new URL(host.url);
    const socket = connect(Number(port), '127.0.0.1');
    const closed = once(socket, 'close');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.write('POST /api/upper/me HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n');
    await expect.poll(() => answer).toContain('FIRST');
    socket.write('no length\r\n');
    await closed;
    expect(answer.match(/HTTP\/1\.1/g)).toEqual(['HTTP/1.1']);
  });

  it('returns 500 for a body over the limit, with and without Content-Length', async () => {
    const url = `${host.url}/api/upper/me`;
    expect((await fetch(url, { method: 'POST', body: 'x'.repeat(2001) })).status).toBe(500);
    const code = await new Promise((resolve, reject) => {
      const request = httpRequest(`${host.url}/api/collect`, { method: 'POST' }, (response) =>
        resolve(response.resume().statusCode),
      );
      request.on('error', reject).write('x'.repeat(1500));
      request.end('x'.repeat(1500));
    });
    expect(code).toBe(500);
  });
});
