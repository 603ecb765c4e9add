import { Resolver } from 'node:dns/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listenDns } from '../../src/dns/listen-dns.ts';
import type { RunningListener } from '../../src/web/listener.ts';

const long = 'a'.repeat(300);
let server: RunningListener;
let resolver: Resolver;
beforeAll(async () => {
  const records = new Map([
    ['contoso.example', ['v=spf1 -all', 'MS=ms1']],
    ['long.example', [long]],
    ['empty.example', []],
  ]);
  server = await listenDns((name) => records.get(name), { port: 0, host: '127.0.0.1' });
  resolver = new Resolver({ timeout: 20_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${server.port}`]);
});
afterAll(() => server.close());

const codeOf = (asked: Promise<unknown>) => asked.catch((error: NodeJS.ErrnoException) => error.code);

it('answers with the text records of a name, whatever its case', async () => {
  expect(await resolver.resolveTxt('Contoso.example')).toEqual([['v=spf1 -all'], ['MS=ms1']]);
});

it('splits a long text into strings of 255 bytes', async () => {
  const [strings = []] = await resolver.resolveTxt('long.example');
  expect([strings.length, strings.join('')]).toEqual([2, long]);
});

it('tells a name without such a record from one that does not exist', async () => {
  expect(await codeOf(resolver.resolveTxt('empty.example'))).toBe('ENODATA');
  expect(await codeOf(resolver.resolve4('contoso.example'))).toBe('ENODATA');
  expect(await codeOf(resolver.resolveTxt('absent.example'))).toBe('ENOTFOUND');
});
