import { addFault, clearFaults } from 'microsoft-cloud/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isOpen } from '../../../src/lib/api/route.ts';
import { type RunningChild, startChild } from '../../../src/cli/demo/child.ts';
import { appFolder, ptbScript } from '../../paths.ts';
import { routes } from '../../../tools/docs/declared-routes.ts';
import { tenantOf } from '../../support/running-demo.ts';
import { startDemoWithoutApp, type DemoWithoutApp } from '../../support/watched-demo.ts';
import { createVisitor, type Visitor } from './visitor.ts';

// Hosts with settings of their own. Those that are valid share one cloud and one storage account.

interface Ready {
  readonly url: string;
  readonly functionKey: string;
}

const startHost = (
  options: Parameters<typeof startChild>[2],
  ...more: readonly string[]
): Promise<RunningChild<Ready>> =>
  startChild(ptbScript, ['host', '--json', '--app', appFolder, '--port', '0', ...more], options);

const guardedRoutes = routes.filter(({ access }) => !isOpen(access));

describe('while settings are wrong', () => {
  const secret = 'not-an-address-but-a-pasted-secret';
  let host: RunningChild<Ready>;
  let visitor: Visitor;

  beforeAll(async () => {
    // The host itself does not start without a storage connection.
    const storage = { AzureWebJobsStorage: 'UseDevelopmentStorage=true' };
    host = await startHost({ environment: { ...storage, PARTNER_TENANT_ID: undefined, KEY_VAULT_URL: secret } });
    visitor = await createVisitor(host.ready.url);
  });
  afterAll(() => host?.stop());

  it.each(guardedRoutes)('$name answers 503 config_invalid', async ({ name }) => {
    const { status, code, text } = await visitor.visit(name, { token: 'e30.e30.e30' });
    expect([status, code]).toEqual([503, 'config_invalid']);
    expect(text).not.toContain(secret);
  });

  it('health is down and names the settings but no value', async () => {
    const { status, body, text } = await visitor.visit('health');
    expect([status, body['status']]).toEqual([503, 'down']);
    expect(text).toMatch(/KEY_VAULT_URL/);
    expect(text).toMatch(/PARTNER_TENANT_ID/);
    expect(text).not.toContain(secret);
  });

  it.each([
    ['openapi', {}],
    ['docs', {}],
    ['dashboard', {}],
    ['assets', { file: 'docs.js' }],
  ])('%s still works', async (name, path) => {
    expect((await visitor.visit(name, { path })).status).toBe(200);
  });
});

describe('with valid settings', () => {
  let demo: DemoWithoutApp;
  let token: string;
  const hosts: RunningChild<Ready>[] = [];

  beforeAll(async () => {
    demo = await startDemoWithoutApp({ tenants: 5 });
    token = await demo.callerToken();
  });
  afterEach(() => clearFaults(demo.cloud.control));
  afterAll(async () => {
    await Promise.all(hosts.map((host) => host.stop()));
    await demo?.stop();
  });

  async function hostWith(settings: Readonly<Record<string, string>>, ...more: readonly string[]): Promise<Ready> {
    const environment = { ...demo.environment, ...settings };
    const onLine = (line: string): void => demo.note('log of a host', line);
    const host = await startHost({ environment, onLine }, ...more);
    hosts.push(host);
    return host.ready;
  }
  const visitorWith = async (settings: Readonly<Record<string, string>>): Promise<Visitor> =>
    createVisitor((await hostWith(settings)).url);

  it('answers 429 with Retry-After to a caller over CALLER_REQUESTS_PER_MINUTE', async () => {
    const visitor = await visitorWith({ CALLER_REQUESTS_PER_MINUTE: '10' });
    expect((await visitor.visit('jobs', { token })).status).toBe(200);
    const { status, code, body, headers } = await visitor.visit('jobs', { token });
    expect([status, code]).toEqual([429, 'caller_throttled']);
    expect(headers.get('retry-after')).toBe(String(body['retryAfterSeconds']));
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('issues tokens and reports degraded notifications while the Key Vault reference of the webhook is unresolved', async () => {
    const reference = '@Microsoft.KeyVault(VaultName=vault;SecretName=notification-webhook)';
    const visitor = await visitorWith({ NOTIFICATION_WEBHOOK: reference });
    const { tenantId: tenant } = tenantOf(demo, 'ok');
    expect((await visitor.visit('tokens', { token, body: { tenant, resource: 'graph' } })).status).toBe(200);
    const { status, body, text } = await visitor.visit('health', { token });
    expect([status, body['status']]).toEqual([200, 'degraded']);
    expect(body['notifications']).toMatchObject({
      status: 'degraded',
      problem: expect.stringMatching(/^NOTIFICATION_WEBHOOK: the Key Vault reference was not resolved/),
    });
    expect(text).not.toContain(reference);
  });

  describe('TENANTS_EXCLUDE', () => {
    /** A customer whose default domain is not its initial domain. */
    function renamed() {
      const tenant = demo.cloud.tenants.find(({ domain }) => domain.endsWith('.example'));
      if (tenant === undefined) throw new Error('the default domain of every tenant is its initial domain');
      return { ...tenant, initialDomain: tenant.domain.replace('.example', '.onmicrosoft.com') };
    }

    async function excluding(names: string) {
      const visitor = await visitorWith({ TENANTS_EXCLUDE: names });
      const requestToken = async (tenant: string) => {
        const { status, code } = await visitor.visit('tokens', { token, body: { tenant, resource: 'graph' } });
        return code ?? status;
      };
      const sendRequest = async (tenant: string) => {
        const path = { tenant, resource: 'graph', path: 'v1.0/users' };
        const { status, code } = await visitor.visit('gateway', { token, path });
        return code ?? status;
      };
      return { visitor, requestToken, sendRequest };
    }

    it('issues no token for a tenant excluded by a domain that no list contains, nor for the excluded partner tenant', async () => {
      const { tenants, partnerTenantId } = demo.cloud;
      const { tenantId, domain, initialDomain } = renamed();
      const other = tenants.find(({ state, tenantId: id }) => state === 'ok' && id !== tenantId);
      const { visitor, requestToken, sendRequest } = await excluding(
        `${initialDomain},${partnerTenantId},typo.example`,
      );
      for (const name of [tenantId, domain, initialDomain, partnerTenantId])
        expect([name, await requestToken(name)]).toEqual([name, 'tenant_excluded']);
      for (const name of [tenantId, domain, initialDomain])
        expect([name, await sendRequest(name)]).toEqual([name, 'tenant_excluded']);
      for (const ask of [requestToken, sendRequest]) expect(await ask(other?.tenantId ?? '')).toBe(200);
      const { body } = await visitor.visit('tenants', { token });
      expect(body['tenants']).toContainEqual(
        expect.objectContaining({ tenantId, reachable: false, reason: 'excluded' }),
      );
      expect(body['warnings']).toEqual([expect.stringContaining('typo.example')]);
    });

    it('issues no token while Entra cannot resolve an excluded domain', async () => {
      const { control, tenants } = demo.cloud;
      const headers = { 'retry-after': '1' };
      await addFault(control, { service: 'entra', path: 'openid-configuration$', status: 503, headers });
      const { tenantId, initialDomain } = renamed();
      const { requestToken } = await excluding(initialDomain);
      for (const known of tenants) expect(await requestToken(known.tenantId)).toBe('directory_unavailable');
      await clearFaults(control);
      await expect.poll(() => requestToken(tenantId)).toBe('tenant_excluded');
    });
  });

  describe('FUNCTION_KEYS', () => {
    /** A host that requires function keys as registered, as Azure does. */
    const hostWithKeys = (settings: Readonly<Record<string, string>>): Promise<Ready> => hostWith(settings, '--keys');
    const bearer = (): Record<string, string> => ({ authorization: `Bearer ${token}` });

    async function send({ url }: Ready, { method, path }: (typeof routes)[number], headers: Record<string, string>) {
      const address = `${url}/api${path.replace('{file}', 'docs.js').replaceAll(/\{\w+\}/g, 'none')}`;
      const response = await fetch(address, { method, headers });
      const text = await response.text();
      return { status: response.status, code: /"code":"(\w+)"/.exec(text)?.[1] };
    }

    describe('with the value required', () => {
      let host: Ready;
      beforeAll(async () => {
        host = await hostWithKeys({ FUNCTION_KEYS: 'required' });
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

      it.each(routes.filter(({ access }) => access === 'anonymous'))('$name needs no key', async (route) => {
        expect((await send(host, route, {})).status).toBe(200);
      });

      it('health returns the status without a key, and the report to a caller without a key', async () => {
        expect(await (await fetch(`${host.url}/api/health`)).json()).toEqual({ status: 'ok' });
        const report = await (await fetch(`${host.url}/api/health`, { headers: bearer() })).json();
        expect(report).toHaveProperty('applications');
      });
    });

    it('is off by default: a token suffices on a host that supports keys', async () => {
      const host = await hostWithKeys({});
      const response = await fetch(`${host.url}/api/jobs`, { headers: bearer() });
      expect(response.status).toBe(200);
    });

    it('requires keys if it is invalid, and health names the setting', async () => {
      const host = await hostWithKeys({ FUNCTION_KEYS: 'yes' });
      expect((await fetch(`${host.url}/api/jobs`, { headers: bearer() })).status).toBe(401);
      const health = (await (await fetch(`${host.url}/api/health`)).json()) as { detail: string };
      expect(health.detail).toMatch(/FUNCTION_KEYS/);
    });
  });
});
