import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningChild, startChild } from '../../../src/cli/demo/child.ts';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { routes } from '../../../src/lib/api/routes/index.ts';
import { appFolder, ptbScript } from '../../paths.ts';
import { startQuietDemo } from '../../support/running-demo.ts';

interface Ready {
  readonly url: string;
  readonly functionKey: string;
}

let demo: Demo;
let token: string;
const hosts: RunningChild<Ready>[] = [];
beforeAll(async () => {
  demo = await startQuietDemo(2);
  token = await demo.callerToken();
});
afterAll(async () => {
  await Promise.all(hosts.map((host) => host.stop()));
  await demo?.stop();
});

/** A host that asks for the keys that the registrations name, as Azure does. */
async function startHost(more: Readonly<Record<string, string>>): Promise<Ready> {
  const args = ['host', '--json', '--keys', '--app', appFolder, '--port', '0'];
  const host = await startChild<Ready>(ptbScript, args, { environment: { ...demo.environment, ...more } });
  hosts.push(host);
  return host.ready;
}

const guardedRoutes = routes.filter(({ access }) => access !== 'anonymous' && access !== 'optional');
const openRoutes = routes.filter(
  ({ name, access }) => access !== 'optional' && !guardedRoutes.some((r) => r.name === name),
);
const bearer = (): Record<string, string> => ({ authorization: `Bearer ${token}` });

async function ask({ url }: Ready, { method, path }: (typeof routes)[number], headers: Record<string, string>) {
  const address = `${url}/api${path.replace('{file}', 'docs.js').replaceAll(/\{\w+\}/g, 'none')}`;
  const response = await fetch(address, { method, headers });
  const text = await response.text();
  return { status: response.status, code: /"code":"(\w+)"/.exec(text)?.[1] };
}

describe('with FUNCTION_KEYS=required', () => {
  let host: Ready;
  beforeAll(async () => {
    host = await startHost({ FUNCTION_KEYS: 'required' });
  });

  it.each(guardedRoutes)('$name wants a key and a token, and is content with nothing less', async (route) => {
    const key = { 'x-functions-key': host.functionKey };
    expect((await ask(host, route, {})).status).toBe(401);
    // The host's own refusal: the app is not reached.
    expect(await ask(host, route, bearer())).toEqual({ status: 401, code: undefined });
    expect(await ask(host, route, { ...bearer(), 'x-functions-key': 'a-guess' })).toEqual({
      status: 401,
      code: undefined,
    });
    expect(await ask(host, route, key)).toEqual({ status: 401, code: 'caller_unauthenticated' });
    expect((await ask(host, route, { ...key, ...bearer() })).status).not.toBe(401);
  });

  it('a list is had with both', async () => {
    const response = await fetch(`${host.url}/api/jobs?code=${host.functionKey}`, { headers: bearer() });
    expect(response.status).toBe(200);
  });

  it.each(openRoutes)('$name is there without a key', async (route) => {
    expect((await ask(host, route, {})).status).toBe(200);
  });

  it('health says one word without a key, and the rest to a token', async () => {
    expect(await (await fetch(`${host.url}/api/health`)).json()).toEqual({ status: 'ok' });
    const report = await (await fetch(`${host.url}/api/health`, { headers: bearer() })).json();
    expect(report).toHaveProperty('applications');
  });
});

it('without FUNCTION_KEYS a token is enough, where the host asks for keys', async () => {
  const host = await startHost({});
  const response = await fetch(`${host.url}/api/jobs`, { headers: bearer() });
  expect(response.status).toBe(200);
});

it('with a FUNCTION_KEYS that means nothing the gate is shut, and health says so', async () => {
  const host = await startHost({ FUNCTION_KEYS: 'yes' });
  expect((await fetch(`${host.url}/api/jobs`, { headers: bearer() })).status).toBe(401);
  const health = (await (await fetch(`${host.url}/api/health`)).json()) as { detail: string };
  expect(health.detail).toMatch(/FUNCTION_KEYS/);
});
