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

/** A customer whom the lists call by another domain than its first one. */
function renamed() {
  const tenant = demo.cloud.tenants.find(({ domain }) => domain.endsWith('.example'));
  if (tenant === undefined) throw new Error('every tenant has its first domain as default domain');
  return { ...tenant, firstDomain: tenant.domain.replace('.example', '.onmicrosoft.com') };
}

async function visitorWith(settings: Readonly<Record<string, string>>) {
  const environment = { ...demo.environment, ...settings };
  const host = await startChild<{ url: string }>(ptbScript, ['host', '--json', '--app', appFolder, '--port', '0'], {
    environment,
  });
  hosts.push(host);
  const visitor = await createVisitor(host.ready.url);
  const order = async (tenant: string) => {
    const { status, code } = await visitor.visit('tokens', { token, body: { tenant, resource: 'graph' } });
    return code ?? status;
  };
  return { visitor, order };
}

it('a tenant excluded by a domain that no list names gets no token by any name, nor does the partner tenant', async () => {
  const { tenantId, domain, firstDomain } = renamed();
  const other = demo.cloud.tenants.find(({ state, tenantId: id }) => state === 'ok' && id !== tenantId);
  const { visitor, order } = await visitorWith({
    TENANTS_EXCLUDE: `${firstDomain},${demo.cloud.partnerTenantId},typo.example`,
  });
  for (const name of [tenantId, domain, firstDomain, demo.cloud.partnerTenantId])
    expect([name, await order(name)]).toEqual([name, 'tenant_excluded']);
  expect(await order(other?.tenantId ?? '')).toBe(200);
  const { body } = await visitor.visit('tenants', { token });
  expect(body['tenants']).toContainEqual(expect.objectContaining({ tenantId, reachable: false, reason: 'excluded' }));
  expect(body['warnings']).toEqual([expect.stringContaining('typo.example')]);
});

it('while Entra does not say whose an excluded domain is, nobody gets a token', async () => {
  await addFault(demo.cloud.control, {
    service: 'entra',
    path: 'openid-configuration$',
    status: 503,
    headers: { 'retry-after': '1' },
  });
  const { tenantId, firstDomain } = renamed();
  const { order } = await visitorWith({ TENANTS_EXCLUDE: firstDomain });
  for (const known of demo.cloud.tenants) expect(await order(known.tenantId)).toBe('directory_unavailable');
  await clearFaults(demo.cloud.control);
  await expect.poll(() => order(tenantId), { timeout: 15_000 }).toBe('tenant_excluded');
});
