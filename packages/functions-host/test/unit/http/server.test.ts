import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { InvocationOutcome } from '../../../src/app/invoker.ts';
import { RequestGate } from '../../../src/http/request-gate.ts';
import { HostServer } from '../../../src/http/server.ts';
import { ask } from './request.ts';
import { end, keys, serve, type Served } from './served.ts';

const open: Served[] = [];
afterEach(async () => {
  for (const served of open.splice(0)) await end(served);
});

async function start(options: Parameters<typeof serve>[0] = {}): Promise<Served> {
  const served = await serve(options);
  open.push(served);
  return served;
}

const key = (value: string | undefined): Record<string, string> =>
  value === undefined ? {} : { 'x-functions-key': value };

describe('a key', () => {
  const webhook = '/runtime/webhooks/durabletask/instances';
  it.each([
    ['/admin/host/status', { master: 200, function: 403, system: 403 }],
    [webhook, { master: 200, function: 403, system: 200 }],
    ['/api/forCallers', { master: 200, function: 200, system: 403 }],
    ['/api/forAdmins', { master: 200, function: 403, system: 403 }],
    ['/api/forAll', { master: 200, function: 200, system: 200, none: 200 }],
  ])('opens %s for some', async (path, expected) => {
    const { port } = await start();
    const of = async (value: string | undefined): Promise<number> =>
      (await ask(port, path, { headers: key(value) })).status;
    const none = 'none' in expected ? expected.none : 401;
    expect({
      master: await of(keys.master),
      function: await of(keys.function),
      system: await of(keys.system),
    }).toEqual({ master: expected.master, function: expected.function, system: expected.system });
    // Of the right length, longer, shorter, empty, and none.
    for (const wrong of ['key-of-nobody', `${keys.master}x`, keys.master.slice(0, -1), '', undefined])
      expect([wrong, await of(wrong)]).toEqual([wrong, none]);
  });

  it('may be in the query, unless the header has one', async () => {
    const { port } = await start();
    const path = `/api/forCallers?code=${keys.function}`;
    expect((await ask(port, path)).status).toBe(200);
    expect((await ask(port, path, { headers: key('') })).status).toBe(200);
    expect((await ask(port, path, { headers: key('key-of-nobody') })).status).toBe(401);
    expect((await ask(port, `/api/forCallers?CODE=${keys.function}`)).status).toBe(200);
    expect((await ask(port, `/api/forCallers?key=${keys.function}`)).status).toBe(401);
  });

  it('is needed for the admin API and the webhook even if functions need none', async () => {
    const { port, ran } = await start({ requireKeys: false });
    expect((await ask(port, '/api/forAdmins')).status).toBe(200);
    expect((await ask(port, '/admin/host/status')).status).toBe(401);
    expect((await ask(port, webhook)).status).toBe(401);
    expect(ran).toEqual(['forAdmins']);
  });

  it('that is missing keeps the function from running, and is not logged', async () => {
    const { port, ran, logged } = await start();
    await ask(port, '/api/forCallers?code=key-of-nobody');
    expect(ran).toEqual([]);
    await expect
      .poll(() => logged)
      .toEqual([expect.stringMatching(/^information http: GET \/api\/forCallers 401 \d+ ms$/)]);
  });
});

describe('the durable API without a key', () => {
  it.each([
    [{ host: 'localhost' }, 200],
    [{ host: 'LOCALHOST:7071' }, 200],
    [{ host: '127.0.0.1:1' }, 200],
    [{ host: '[::1]:7071' }, 200],
    [{ host: 'evil.test' }, 403],
    [{ host: 'localhost.evil.test' }, 403],
    [{ host: 'evil-localhost' }, 403],
    [{ host: '127.0.0.1.evil.test:80' }, 403],
    [{ host: '127-0-0-1' }, 403],
    [{ host: 'localhost', origin: 'http://localhost' }, 403],
  ] as const)('answers %j with %i', async (headers, status) => {
    const { port } = await start();
    expect((await ask(port, '/durabletask/instances', { headers })).status).toBe(status);
  });
});

describe('a path', () => {
  it.each([
    ['/ADMIN/host/status', 200],
    ['/admin/host/status/', 200],
    ['/admin', 404],
    ['/administrator/host/status', 404],
    ['/x/admin/host/status', 404],
    ['/admin/%E0%A4%A', 404],
    ['/%61dmin/host/status', 200],
    ['/x/../admin/host/status', 200],
    ['/api/forall', 200],
    ['/api/nothing', 404],
    ['/api/f%6FrAll', 200],
    [String.raw`/api\forAll`, 404],
    ['http://other.test/api/forAll', 400],
    ['http://', 400],
    ['*', 400],
  ])('%s is answered with %i', async (path, status) => {
    const { port } = await start();
    expect((await ask(port, path, { headers: key(keys.master) })).status).toBe(status);
  });

  it('is the same with an empty host', async () => {
    const { port, invocations } = await start();
    const socket = connect(port, '127.0.0.1');
    socket.end('GET /api/forAll HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
    expect(invocations[0]?.inputData[0]?.data.http?.url).toBe('http://localhost/api/forAll');
  });

  it.each(['a@b', 'a/b', 'a?b', 'a#b', String.raw`a\b`, 'a b', '1.2.3.256', 'a:b', '[::1'])(
    'with the host "%s" is refused',
    async (host) => {
      const { port, ran } = await start();
      expect((await ask(port, '/api/forAll', { headers: { host } })).status).toBe(400);
      expect(ran).toEqual([]);
    },
  );
});

// The answers are those of Microsoft's host 4.1037.
describe('the limits', () => {
  const empty = (status: number) => ({ status, body: '', headers: expect.objectContaining({ connection: 'close' }) });

  it('of a request line are 8,192 bytes: 414 above', async () => {
    const { port, ran } = await start();
    const target = (length: number): string => '/api/forAll?'.padEnd(length, 'x');
    expect((await ask(port, target(8_177))).status).toBe(200);
    expect(await ask(port, target(8_178))).toMatchObject(empty(414));
    expect((await ask(port, target(8_176), { method: 'POST' })).status).toBe(200);
    expect(await ask(port, target(8_177), { method: 'POST' })).toMatchObject(empty(414));
    expect(await ask(port, target(1_000_000))).toMatchObject(empty(414));
    expect(ran).toHaveLength(2);
  });

  it('of headers are 100, and 32 KB with the ends of their lines: 431 above', async () => {
    const { port, ran } = await start();
    const many = (count: number): Record<string, string> =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, '1']));
    // Two more come from the client.
    expect((await ask(port, '/api/forAll', { headers: many(98) })).status).toBe(200);
    expect(await ask(port, '/api/forAll', { headers: many(99) })).toMatchObject(empty(431));
    const fixed = 'Host: h\r\nConnection: close\r\nx: \r\n'.length;
    const large = (bytes: number): Record<string, string> => ({ host: 'h', x: 'x'.repeat(bytes - fixed) });
    expect((await ask(port, '/api/forAll', { headers: large(32_768) })).status).toBe(200);
    expect(await ask(port, '/api/forAll', { headers: large(32_769) })).toMatchObject(empty(431));
    expect(await ask(port, '/api/forAll', { headers: large(3_000_000) })).toMatchObject({ status: 431, body: '' });
    expect(ran).toHaveLength(2);
  });

  it('apply before the app is loaded', async () => {
    const server = new HostServer();
    const port = await server.listen(0);
    expect((await ask(port, `/${'x'.repeat(9_000)}`)).status).toBe(414);
    await server.close();
  });
});

describe('a method', () => {
  /** Sends a request as it is written and reads until the host ends the connection. */
  async function send(port: number, ...parts: readonly string[]): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    const closed = once(socket, 'close');
    for (const part of parts) {
      const before = answer;
      socket.write(part);
      // Two requests that arrive together are none that this host reads.
      if (part.endsWith('\r\n\r\n')) await expect.poll(() => answer).not.toBe(before);
      else await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await closed;
    return answer;
  }

  it('in lower case is accepted, and reaches the app as it is written', async () => {
    const { port, invocations } = await start();
    const head = 'HTTP/1.1\r\nHost: h\r\n';
    expect(await send(port, `get /api/forAll ${head}\r\n`)).toMatch(/^HTTP\/1\.1 200 [^]*forAll$/);
    const body = `Content-Length: 10\r\n\r\nhello`;
    const both = await send(port, `GET /api/forAll ${head}\r\n`, `Post /api/forAll ${head}${body}`, 'world');
    expect(both).toMatch(/^HTTP\/1\.1 200 [^]*forAllHTTP\/1\.1 200 [^]*forAll$/);
    expect(invocations.map(({ inputData }) => inputData[0]?.data.http)).toMatchObject([
      { method: 'get' },
      { method: 'GET' },
      { method: 'Post', body: { bytes: Buffer.from('helloworld') } },
    ]);
    expect(await send(port, `delete /api/forAll ${head}\r\n`)).toMatch(/^HTTP\/1\.1 404 /);
  });

  it.each(['HEAD', 'OPTIONS'])('that no function lists, such as %s, has nothing', async (method) => {
    const { port, ran } = await start();
    expect(await ask(port, '/api/forAll', { method })).toMatchObject({ status: 404, body: '' });
    expect(ran).toEqual([]);
  });

  it.each([
    'what is this\r\n\r\n',
    'nothing /api/forAll HTTP/1.1\r\nHost: h\r\n\r\n',
    'GET /ü HTTP/1.1\r\nHost: h\r\n\r\n',
  ])('in a request that is no HTTP gets 400: %j', async (text) => {
    const { port, ran } = await start();
    expect(await send(port, text)).toBe('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    expect(ran).toEqual([]);
  });
});

describe('without a key', () => {
  it('/ is a page of the host for every method, unless the app disables it: then 204', async () => {
    const { port } = await start();
    const page = await ask(port, '/');
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html']);
    expect(page.body).toContain('The Functions host is running.');
    expect((await ask(port, '/?a=1', { method: 'DELETE' })).status).toBe(200);
    const disabled = await start({ showHomepage: false });
    expect(await ask(disabled.port, '/')).toMatchObject({ status: 204, body: '' });
  });

  it.each([
    ['GET', 200],
    ['POST', 200],
    ['DELETE', 401],
  ])('%s /admin/host/ping is answered with %i', async (method, status) => {
    const { port } = await start();
    expect(await ask(port, '/admin/host/ping', { method })).toMatchObject({ status, body: '' });
  });
});

describe('requests that arrive together on one connection', () => {
  const requests = (count: number): string => 'GET /api/forAll HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(count);

  it('run one after another', async () => {
    const answers: (() => void)[] = [];
    const invoke = async (): Promise<InvocationOutcome> => {
      await new Promise<void>((resolve) => answers.push(resolve));
      return { ok: true, raw: 1, response: { invocationId: '', returnValue: {} } };
    };
    const { port, ran } = await start({ invoke });
    const socket = connect(port, '127.0.0.1');
    socket.resume().write(requests(3));
    for (const nth of [1, 2, 3]) {
      await expect.poll(() => answers.length).toBe(nth);
      expect(ran).toHaveLength(nth);
      answers.at(-1)?.();
    }
    socket.destroy();
  });

  it('are answered before what follows them and cannot be read', async () => {
    const { port } = await start({});
    const socket = connect(port, '127.0.0.1');
    socket.write(`${requests(2)}no request\r\n\r\n`);
    let text = '';
    for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString();
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 400']);
  });

  it('do not run once the client has gone', async () => {
    let answer = (): void => undefined;
    const invoke = async (name: string): Promise<InvocationOutcome> => {
      if (name === 'forAll') await new Promise<void>((resolve) => (answer = resolve));
      return { ok: true, raw: 1, response: { invocationId: '', returnValue: {} } };
    };
    const { port, ran } = await start({ invoke, requireKeys: false });
    const socket = connect(port, '127.0.0.1');
    socket.write(requests(2));
    await expect.poll(() => ran).toEqual(['forAll']);
    socket.destroy();
    await ask(port, '/api/forAdmins');
    answer();
    await ask(port, '/api/forCallers');
    expect(ran).toEqual(['forAll', 'forAdmins', 'forCallers']);
  });
});

describe('an answer', () => {
  it('has the headers of host.json if it is about a function', async () => {
    const { port } = await start({ customHeaders: { 'x-frame-options': 'DENY' } });
    const header = async (path: string): Promise<unknown> =>
      (await ask(port, path, { headers: key(keys.master) })).headers['x-frame-options'];
    expect(await header('/api/forAll')).toBe('DENY');
    expect(await header('/api/nothing')).toBe('DENY');
    expect(await header('/admin/host/status')).toBeUndefined();
  });

  it('to a preflight request comes from the host, if it has CORS settings', async () => {
    const headers = { origin: 'https://page.test', 'access-control-request-method': 'GET' };
    const { port, ran } = await start({ cors: { origins: ['https://page.test'], credentials: false } });
    const answer = await ask(port, '/api/forCallers', { method: 'OPTIONS', headers });
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([204, 'https://page.test']);
    expect(ran).toEqual([]);
    const other = await start();
    expect((await ask(other.port, '/api/forCallers', { method: 'OPTIONS', headers })).status).toBe(404);
  });

  it('is 500 without a body for one that is too large, with and without its length', async () => {
    // Each of them also leaves its place for the next one.
    const { port, ran, logged } = await start({ maxBodyBytes: 10, gate: new RequestGate(1, 1) });
    const statusOf = async (body: string | string[]): Promise<number> =>
      (await ask(port, '/api/forAll', { method: 'POST', body })).status;
    expect(await statusOf('x'.repeat(10))).toBe(200);
    expect(await statusOf('x'.repeat(11))).toBe(500);
    expect(await statusOf(['xxxxxx', 'xxxxxx'])).toBe(500);
    const { headers, body } = await ask(port, '/api/forAll', { method: 'POST', body: 'x'.repeat(11) });
    expect([headers.connection, body]).toEqual(['close', '']);
    expect(ran).toEqual(['forAll']);
    expect(logged).toContain('warning system: The body of a request has more than 10 bytes.');
    expect(logged.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  it('is 500 if the function fails, and after the next error of the host, which it logs', async () => {
    const { port, logged } = await start({
      invoke: () => Promise.resolve({ ok: false, error: new Error('the function broke') }),
    });
    expect(await ask(port, '/api/forAll')).toMatchObject({ status: 500, body: '' });
    expect(
      logged.some((line) => line.startsWith('error system: Executed with an error: Error: the function broke')),
    ).toBe(true);
    const broken = await start({
      findFunction: () => {
        throw new Error('the host broke');
      },
    });
    expect((await ask(broken.port, '/api/forAll')).status).toBe(500);
    expect(broken.logged.some((line) => line.startsWith('error system: A request failed: Error: the host broke'))).toBe(
      true,
    );
  });

  it('is 429 while too many requests are outstanding, and no longer', async () => {
    const done: InvocationOutcome = { ok: true, raw: undefined, response: { invocationId: '' } };
    const gates: ((outcome: InvocationOutcome) => void)[] = [];
    const { port, ran } = await start({
      gate: new RequestGate(1, 1),
      invoke: () => new Promise((resolve) => gates.push(resolve)),
    });
    const first = ask(port, '/api/forAll');
    await expect.poll(() => gates.length).toBe(1);
    expect((await ask(port, '/api/forAll')).status).toBe(429);
    expect((await ask(port, '/admin/host/ping')).status).toBe(200);
    gates[0]?.(done);
    expect((await first).status).toBe(204);
    const next = ask(port, '/api/forAll');
    await expect.poll(() => gates.length).toBe(2);
    gates[1]?.(done);
    expect((await next).status).toBe(204);
    expect(ran).toHaveLength(2);
  });

  it('is 503 before the app is loaded', async () => {
    const server = new HostServer();
    const port = await server.listen(0);
    expect((await ask(port, '/api/forAll')).status).toBe(503);
    expect(server.stopping.aborted).toBe(false);
    await server.close();
    expect(server.stopping.aborted).toBe(true);
  });
});

describe('a function', () => {
  it('gets the request, the other bindings and the trace', async () => {
    const { port, invocations } = await start();
    const headers = { traceparent: 'the trace', 'content-type': 'text/plain' };
    await ask(port, '/api/forAll?a=1', { method: 'POST', body: 'hello', headers });
    expect(invocations).toEqual([
      {
        inputData: [
          {
            name: 'request',
            data: {
              http: expect.objectContaining({
                method: 'POST',
                url: `http://127.0.0.1:${port}/api/forAll?a=1`,
                query: { a: '1' },
                params: {},
                body: { bytes: Buffer.from('hello') },
              }),
            },
          },
          { name: 'client', data: { string: 'binding' } },
        ],
        trace: { traceParent: 'the trace', traceState: undefined },
      },
    ]);
  });

  it('gets no body without its length, as on the platform, and the host says so', async () => {
    const { port, invocations, logged } = await start();
    const bodyOf = (at: number): unknown => invocations[at]?.inputData[0]?.data.http?.body;
    await ask(port, '/api/forAll', { method: 'POST', body: ['hello'] });
    await ask(port, '/api/forAll');
    expect([bodyOf(0), bodyOf(1)]).toEqual([undefined, undefined]);
    const warnings = logged.filter((line) => line.startsWith('warning'));
    expect(warnings).toEqual([expect.stringContaining('A body without Content-Length reaches the function empty')]);
  });
});
