import { globSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../paths.ts';

interface Reply {
  readonly status: number;
  readonly data: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

interface Client {
  get(url: string, config?: object): Promise<Reply>;
  post(url: string, body?: unknown, config?: object): Promise<Reply>;
  delete(url: string): Promise<Reply>;
}

interface Axios {
  readonly default: { create(config?: object): Client };
}

const load = createRequire(import.meta.url);
const axios = load('../../../tools/stand-ins/axios.cjs') as Axios;
const realAxios = createRequire(load.resolve('durable-functions'))('axios') as Axios;
const validator = load('../../../tools/stand-ins/validator.cjs') as { isURL(text: string, options?: object): boolean };

/** Names in the compiled library that `pattern` captures. */
function used(pattern: RegExp): string[] {
  const folder = join(projectRoot, 'node_modules/durable-functions/lib/src');
  const code = globSync('**/*.js', { cwd: folder }).map((file) => readFileSync(join(folder, file), 'utf8'));
  return [...new Set([...code.join('\n').matchAll(pattern)].map(([, name]) => name ?? ''))].toSorted();
}

describe('the stand-ins export everything that durable-functions uses', () => {
  it('from axios', () => {
    expect(used(/axios_1(?:\.default)?\.(?!default\b)(\w+)/g)).toEqual(Object.keys(axios.default));
    expect(used(/axiosInstance\.(\w+)/g)).toEqual(Object.keys(axios.default.create()).toSorted());
  });

  it('from validator', () => {
    expect(used(/validator_1\.(\w+)/g)).toEqual(Object.keys(validator));
  });
});

it('the stand-in for validator loads the copy that durable-functions loads', () => {
  const library = createRequire(load.resolve('durable-functions'));
  const standIn = createRequire(load.resolve('../../../tools/stand-ins/validator.cjs'));
  expect(standIn.resolve('validator')).toBe(library.resolve('validator'));
});

describe('the stand-in for axios', () => {
  const answers: Readonly<Record<string, readonly [number, string, string]>> = {
    '/json': [200, 'application/json', '{"id":"a"}'],
    '/list': [202, 'application/json; charset=utf-8', '[1,2]'],
    '/json-of-another-type': [200, 'text/plain', '{"id":"a"}'],
    '/missing': [404, 'application/json', '{"message":"No instance"}'],
    '/text': [409, 'text/plain', 'An instance already exists.'],
    '/empty': [410, 'text/plain', ''],
    '/broken': [500, 'application/json', '{"id":'],
    '/number': [200, 'application/json', '5'],
  };
  const received: unknown[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      const { 'content-type': type, traceparent, 'x-ms-continuation-token': token } = request.headers;
      received.push({ method: request.method, url: request.url, body, type, traceparent, token });
      const [status, contentType, text] = answers[request.url ?? ''] ?? [200, 'text/plain', ''];
      response.writeHead(status, { 'content-type': contentType, 'X-MS-Continuation-Token': 'next' }).end(text);
    });
  });
  let origin: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  // The configuration of the durable client.
  const config = {
    validateStatus: (status: number) => status < 600,
    headers: { post: { 'Content-Type': 'application/json' } },
    maxContentLength: Number.POSITIVE_INFINITY,
  };
  const calls: Readonly<Record<string, (client: Client, url: string) => Promise<Reply>>> = {
    get: (client, url) => client.get(url),
    'get with a header': (client, url) => client.get(url, { headers: { 'x-ms-continuation-token': 'more' } }),
    'get with an undefined configuration': (client, url) => client.get(url, undefined),
    'post without a body': (client, url) => client.post(url),
    'post with JSON': (client, url) => client.post(url, '{"ü":[1, 2]}'),
    'post with the JSON of a text': (client, url) => client.post(url, '"text"'),
    'post with an empty text and headers': (client, url) => client.post(url, '', { headers: { traceparent: '00-1' } }),
    delete: (client, url) => client.delete(url),
  };
  const outcome = async (library: Axios, path: string, call: (client: Client, url: string) => Promise<Reply>) => {
    received.length = 0;
    const { status, data, headers } = await call(library.default.create(config), `${origin}${path}`);
    return { status, data, token: headers['x-ms-continuation-token'], received: [...received] };
  };

  it.each(Object.keys(answers).flatMap((path) => Object.keys(calls).map((name) => [path, name] as const)))(
    'sends and returns what axios does: %s, %s',
    async (path, name) => {
      const call = calls[name]!;
      expect(await outcome(axios, path, call)).toEqual(await outcome(realAxios, path, call));
    },
  );

  it('rejects if there is no server', async () => {
    await expect(axios.default.create(config).get('http://127.0.0.1:9/')).rejects.toThrow();
  });
});

it('the stand-in for validator recognizes an address', () => {
  expect(validator.isURL('http://localhost:7071', { require_tld: false })).toBe(true);
  expect(validator.isURL('no address')).toBe(false);
});
