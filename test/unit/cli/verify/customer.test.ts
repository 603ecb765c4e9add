import { environmentOf } from 'microsoft-cloud';
import { accessToken, createCloud, type TestCloud } from 'microsoft-cloud/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runInProcess } from '../../../support/command-in-process.ts';
import { consentTo } from '../../../support/consent-to.ts';
import { callerToken, knownTenant, serveApp } from './secure-app.ts';

const tenantId = '11111111-2222-4333-8444-555555555555';
let cloud: TestCloud;
beforeAll(async () => {
  cloud = await createCloud({ tenants: [{ tenantId, domain: knownTenant }], settings: { consentPropagationMs: 0 } });
});
afterAll(() => cloud.close());

async function verified(permissions: readonly string[], more: Readonly<Record<string, string | undefined>> = {}) {
  await consentTo(cloud.document, tenantId, permissions);
  const token = await accessToken(cloud, tenantId);
  const { url, server } = await serveApp(({ url: path }, { tenant, resource }) =>
    path === '/api/tokens' && tenant === knownTenant && resource === 'graph'
      ? { status: 200, headers: { 'cache-control': 'no-store' }, body: { accessToken: token, scopes: permissions } }
      : undefined,
  );
  const { stdout } = await runInProcess(['verify', '--url', url, '--tenant', knownTenant, '--json'], {
    environment: { PATH: process.env['PATH'], ...environmentOf(cloud.document), PTB_TOKEN: callerToken, ...more },
    folder: '.',
    control: cloud.document.control,
    account: '',
  });
  server.close();
  const { checks } = JSON.parse(stdout) as { checks: readonly { check: string; result: string; evidence: string }[] };
  return checks.find(({ check }) => check === 'policies');
}

it('reads the policies of the customer with the token that the broker issues', async () => {
  expect(await verified(['Policy.Read.All'])).toMatchObject({
    result: 'passed',
    evidence: expect.stringContaining(knownTenant) as string,
  });
});

it('says what it lacks to read them', async () => {
  expect(await verified(['User.Read.All'])).toMatchObject({
    result: 'skipped',
    evidence: expect.stringContaining('needs Policy.Read.All') as string,
  });
  expect(await verified(['Policy.Read.All'], { PARTNER_TENANT_ID: undefined })).toMatchObject({
    result: 'skipped',
    evidence: expect.stringContaining('PARTNER_TENANT_ID') as string,
  });
});
