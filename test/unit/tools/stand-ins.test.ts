import { globSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from '../../paths.ts';

interface Client {
  get(url: string, config?: object): Promise<{ status: number; data: unknown }>;
  post(url: string, body?: unknown, config?: object): Promise<{ status: number; data: unknown }>;
  delete(url: string): Promise<{ status: number; data: unknown }>;
}

const load = createRequire(import.meta.url);
const axios = load('../../../tools/stand-ins/axios.cjs') as { default: { create(config?: object): Client } };
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

it.each(['axios', 'validator'])('resolves to the same copy of %s as durable-functions', (name) => {
  const library = createRequire(load.resolve('durable-functions'));
  const standIn = createRequire(load.resolve(`../../../tools/stand-ins/${name}.cjs`));
  expect(standIn.resolve(name)).toBe(library.resolve(name));
});

describe('the stand-in for axios', () => {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      const type = request.headers['content-type'];
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ method: request.method, body, type }));
    });
  });
  let url: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterAll(() => void server.close());

  it('sends requests through axios with the given configuration', async () => {
    const client = axios.default.create({
      validateStatus: (status: number) => status < 600,
      headers: { post: { 'Content-Type': 'text/x-own' } },
    });
    expect(await client.get(url)).toMatchObject({ status: 404, data: { method: 'GET' } });
    expect(await client.post(url, '{}')).toMatchObject({ data: { method: 'POST', body: '{}', type: 'text/x-own' } });
    expect(await client.delete(url)).toMatchObject({ data: { method: 'DELETE' } });
    await expect(axios.default.create().get(url)).rejects.toThrow('404');
  });
});

it('the stand-in for validator recognizes an address', () => {
  expect(validator.isURL('http://localhost:7071', { require_tld: false })).toBe(true);
  expect(validator.isURL('no address')).toBe(false);
});
