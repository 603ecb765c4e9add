import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningChild, startChild } from '../../../src/cli/demo/child.ts';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { appFolder, ptbScript } from '../../paths.ts';
import { isOpen } from '../../../src/lib/api/route.ts';
import { routes } from '../../../tools/docs/declared-routes.ts';
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

/** Starts a host that requires function keys as registered, as Azure does. */
async function startHost(more: Readonly<Record<string, string>>): Promise<Ready> {
  const args = ['host', '--json', '--keys', '--app', appFolder, '--port', '0'];
  const host = await startChild<Ready>(ptbScript, args, { environment: { ...demo.environment, ...more } });
  hosts.push(host);
  return host.ready;
}

const guardedRoutes = routes.filter(({ access }) => !isOpen(access));
const openRoutes = routes.filter(({ access }) => access === 'anonymous');
const bearer = (): Record<string, string> => ({ authorization: `Bearer ${token}` });

async function send({ url }: Ready, { method, path }: (typeof routes)[number], headers: Record<string, string>) {
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

  it.each(guardedRoutes)('$name requires a key and a token', async (route) => {
    const key = { 'x-functions-key': host.functionKey };
    expect((await send(host, route, {})).status).toBe(401);
    // The host rejects the request before it reaches the app.
    expect(await send(host, route, bearer())).toEqual({ status: 401, code: undefined });
    expect(await send(host, route, { ...bearer(), 'x-functions-key': 'a-guess' })).toEqual({
      status: 401,
      code: undefined,
    });
    expect(await send(host, route, key)).toEqual({ status: 401, code: 'caller_unauthenticated' });
    expect((await send(host, route, { ...key, ...bearer() })).status).not.toBe(401);
  });

  it('jobs accepts a key in the query together with a token', async () => {
    const response = await fetch(`${host.url}/api/jobs?code=${host.functionKey}`, { headers: bearer() });
    expect(response.status).toBe(200);
  });

  it.each(openRoutes)('$name needs no key', async (route) => {
    expect((await send(host, route, {})).status).toBe(200);
  });

  it('health returns the status without a key, and the report to a caller without a key', async () => {
    expect(await (await fetch(`${host.url}/api/health`)).json()).toEqual({ status: 'ok' });
    const report = await (await fetch(`${host.url}/api/health`, { headers: bearer() })).json();
    expect(report).toHaveProperty('applications');
  });
});

it('without FUNCTION_KEYS, a token suffices on a host that supports keys', async () => {
  const host = await startHost({});
  const response = await fetch(`${host.url}/api/jobs`, { headers: bearer() });
  expect(response.status).toBe(200);
});

it('with an invalid FUNCTION_KEYS, keys are required and health names the setting', async () => {
  const host = await startHost({ FUNCTION_KEYS: 'yes' });
  expect((await fetch(`${host.url}/api/jobs`, { headers: bearer() })).status).toBe(401);
  const health = (await (await fetch(`${host.url}/api/health`)).json()) as { detail: string };
  expect(health.detail).toMatch(/FUNCTION_KEYS/);
});
