import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type RunningChild, startChild } from '../../../src/cli/demo/child.ts';
import { addFault, clearFaults } from 'microsoft-cloud/client';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { appFolder, ptbScript } from '../../paths.ts';
import { startQuietDemo } from '../../support/running-demo.ts';
import { createVisitor } from './visitor.ts';

let demo: Demo;
let token: string;
const hosts: RunningChild<{ url: string }>[] = [];
beforeAll(async () => {
  demo = await startQuietDemo(5);
  token = await demo.callerToken();
});
afterEach(() => clearFaults(demo.cloud.control));
afterAll(async () => {
  await Promise.all(hosts.map((host) => host.stop()));
  await demo?.stop();
});

/** A customer whose default domain is not its initial domain. */
function renamed() {
  const tenant = demo.cloud.tenants.find(({ domain }) => domain.endsWith('.example'));
  if (tenant === undefined) throw new Error('the default domain of every tenant is its initial domain');
  return { ...tenant, initialDomain: tenant.domain.replace('.example', '.onmicrosoft.com') };
}

async function visitorWith(settings: Readonly<Record<string, string>>) {
  const environment = { ...demo.environment, ...settings };
  const host = await startChild<{ url: string }>(ptbScript, ['host', '--json', '--app', appFolder, '--port', '0'], {
    environment,
  });
  hosts.push(host);
  const visitor = await createVisitor(host.ready.url);
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

it('no token is issued for a tenant excluded by a domain that no list contains, nor for the excluded partner tenant', async () => {
  const { tenantId, domain, initialDomain } = renamed();
  const other = demo.cloud.tenants.find(({ state, tenantId: id }) => state === 'ok' && id !== tenantId);
  const { visitor, requestToken, sendRequest } = await visitorWith({
    TENANTS_EXCLUDE: `${initialDomain},${demo.cloud.partnerTenantId},typo.example`,
  });
  for (const name of [tenantId, domain, initialDomain, demo.cloud.partnerTenantId])
    expect([name, await requestToken(name)]).toEqual([name, 'tenant_excluded']);
  for (const name of [tenantId, domain, initialDomain])
    expect([name, await sendRequest(name)]).toEqual([name, 'tenant_excluded']);
  for (const ask of [requestToken, sendRequest]) expect(await ask(other?.tenantId ?? '')).toBe(200);
  const { body } = await visitor.visit('tenants', { token });
  expect(body['tenants']).toContainEqual(expect.objectContaining({ tenantId, reachable: false, reason: 'excluded' }));
  expect(body['warnings']).toEqual([expect.stringContaining('typo.example')]);
});

it('no token is issued while Entra cannot resolve an excluded domain', async () => {
  await addFault(demo.cloud.control, {
    service: 'entra',
    path: 'openid-configuration$',
    status: 503,
    headers: { 'retry-after': '1' },
  });
  const { tenantId, initialDomain } = renamed();
  const { requestToken } = await visitorWith({ TENANTS_EXCLUDE: initialDomain });
  for (const known of demo.cloud.tenants) expect(await requestToken(known.tenantId)).toBe('directory_unavailable');
  await clearFaults(demo.cloud.control);
  await expect.poll(() => requestToken(tenantId)).toBe('tenant_excluded');
});
