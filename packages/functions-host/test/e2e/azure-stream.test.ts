import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HostProcess, startHost } from '../../src/testing.ts';
import { buildApp, removeFolder } from './built-app.ts';

let folder: string;
let host: HostProcess;
beforeAll(async () => {
  folder = await buildApp('stream');
  host = await startHost(folder);
});
afterAll(async () => {
  await host.end();
  removeFolder(folder);
});

const kilobytes = (count: number): Record<string, string> => ({ 'x-large': 'x'.repeat(count * 1024) });

/** Sends a request and waits for the log line of its failure. @returns what the client has got by then. */
async function received(path: string, logLine: RegExp, headers: Record<string, string> = {}): Promise<string[]> {
  const seen: string[] = [];
  const request = httpRequest(`${host.url}${path}`, { headers }, (response) => {
    seen.push(`status ${response.statusCode}`);
    response.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
    response.on('close', () => seen.push('closed'));
    response.on('error', () => undefined);
  });
  request.on('error', (error) => seen.push(String(error)));
  request.end();
  await expect.poll(() => host.errors()).toMatch(logLine);
  // A later request has been answered, so the host has had its turn.
  expect((await fetch(`${host.url}/api/params/after`)).status).toBe(200);
  const before = [...seen];
  request.destroy();
  return before;
}

describe('with HTTP streams', () => {
  it('never answers a request with 16 to 32 KB of headers', async () => {
    expect((await fetch(`${host.url}/api/params/x`, { headers: kilobytes(10) })).status).toBe(200);
    expect(await received('/api/params/x', /error params: .*16 KB.*never answered/, kilobytes(20))).toEqual([]);
  });

  it('answers 431 to more than 32 KB of headers', async () => {
    expect((await fetch(`${host.url}/api/params/x`, { headers: kilobytes(40) })).status).toBe(431);
  });

  it('never answers when the handler throws', async () => {
    expect(await received('/api/throws', /error throws: .*a failing handler.*/)).toEqual([]);
    await expect.poll(() => host.errors()).toMatch(/error throws: .*never answered/);
  });

  it('never answers when the handler returns nothing', async () => {
    expect(await received('/api/nothing', /error nothing: .*returned nothing.*never answered/)).toEqual([]);
  });

  it('never ends a response whose body breaks', async () => {
    const seen = await received('/api/broken', /error broken: .*the source broke/);
    expect(seen.filter((text) => text !== 'status 200' && text !== 'first')).toEqual([]);
  });

  it('has the query except code, and the top-level fields of a JSON body in request.params', async () => {
    const url = `${host.url}/api/params/1?a=2&code=secret&ID=3`;
    const body = JSON.stringify({ text: 'x', number: 4, flag: true, list: [1], nested: { a: 1 }, a: 'body' });
    const response = await fetch(url, { method: 'POST', body });
    expect(await response.json()).toEqual({ params: { text: 'x', number: '4', flag: 'True', a: '2', ID: '1' }, body });
  });

  it('does not wait for requests without an answer when it stops', async () => {
    const app = await startHost(folder);
    const pending = fetch(`${app.url}/api/nothing`).catch((error: unknown) => String(error));
    await expect.poll(() => app.errors()).toContain('returned nothing');
    expect(await app.end()).toBe(0);
    expect(app.errors()).not.toContain('before all invocations');
    expect(await pending).toContain('fetch failed');
  });
});

it('answers 431 to more than 32 KB of headers without streams, and accepts less', async () => {
  const app = await buildApp('settings');
  const running = await startHost(app);
  expect((await fetch(`${running.url}/api/settings`, { headers: kilobytes(30) })).status).toBe(200);
  expect((await fetch(`${running.url}/api/settings`, { headers: kilobytes(40) })).status).toBe(431);
  await running.end();
  removeFolder(app);
});
