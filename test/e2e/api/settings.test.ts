import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isOpen } from '../../../src/lib/api/route.ts';
import { type RunningChild, startChild } from '../../../src/cli/demo/child.ts';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { appFolder, ptbScript } from '../../paths.ts';
import { routes } from '../../../tools/docs/declared-routes.ts';
import { startQuietDemo } from '../../support/running-demo.ts';
import { createVisitor, type Visitor } from './visitor.ts';

const startHost = (environment: Readonly<Record<string, string | undefined>>): Promise<RunningChild<{ url: string }>> =>
  startChild(ptbScript, ['host', '--json', '--app', appFolder, '--port', '0'], { environment });

describe('while settings are wrong', () => {
  const secret = 'not-an-address-but-a-pasted-secret';
  let host: RunningChild<{ url: string }>;
  let visitor: Visitor;

  beforeAll(async () => {
    // The host itself does not start without a storage connection.
    const storage = { AzureWebJobsStorage: 'UseDevelopmentStorage=true' };
    host = await startHost({ ...storage, PARTNER_TENANT_ID: undefined, KEY_VAULT_URL: secret });
    visitor = await createVisitor(host.ready.url);
  });
  afterAll(() => host?.stop());

  it.each(routes.filter(({ access }) => !isOpen(access)))('$name answers 503 config_invalid', async ({ name }) => {
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
  let demo: Demo;
  const hosts: RunningChild<{ url: string }>[] = [];

  beforeAll(async () => {
    demo = await startQuietDemo(2);
  });
  afterAll(async () => {
    await Promise.all(hosts.map((host) => host.stop()));
    await demo?.stop();
  });

  /** A visitor of another host on the same cloud with additional settings. */
  async function visitorWith(settings: Readonly<Record<string, string>>): Promise<Visitor> {
    const host = await startHost({ ...demo.environment, ...settings });
    hosts.push(host);
    return createVisitor(host.ready.url);
  }

  it('answers 429 with Retry-After to a caller over CALLER_REQUESTS_PER_MINUTE', async () => {
    const visitor = await visitorWith({ CALLER_REQUESTS_PER_MINUTE: '10' });
    const token = await demo.callerToken();
    expect((await visitor.visit('jobs', { token })).status).toBe(200);
    const { status, code, body, headers } = await visitor.visit('jobs', { token });
    expect([status, code]).toEqual([429, 'caller_throttled']);
    expect(headers.get('retry-after')).toBe(String(body['retryAfterSeconds']));
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('issues tokens and reports degraded notifications while the Key Vault reference of the webhook is unresolved', async () => {
    const reference = '@Microsoft.KeyVault(VaultName=vault;SecretName=notification-webhook)';
    const visitor = await visitorWith({ NOTIFICATION_WEBHOOK: reference });
    const token = await demo.callerToken();
    const tenant = demo.cloud.tenants.find(({ state }) => state === 'ok')?.tenantId;
    expect((await visitor.visit('tokens', { token, body: { tenant, resource: 'graph' } })).status).toBe(200);
    const { status, body, text } = await visitor.visit('health', { token });
    expect([status, body['status']]).toEqual([200, 'degraded']);
    expect(body['notifications']).toMatchObject({
      status: 'degraded',
      problem: expect.stringMatching(/^NOTIFICATION_WEBHOOK: the Key Vault reference was not resolved/),
    });
    expect(text).not.toContain(reference);
  });
});
