import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routes } from '../../../src/lib/http/api/routes/index.ts';
import { type RunningChild, startChild } from '../../../src/local/child.ts';
import type { Demo } from '../../../src/local/demo/start-demo.ts';
import { appFolder, ptbScript } from '../../paths.ts';
import { startQuietDemo } from '../../support/running-demo.ts';
import { createVisitor, type Visitor } from './visitor.ts';

const startHost = (environment: Readonly<Record<string, string | undefined>>): Promise<RunningChild<{ url: string }>> =>
  startChild(ptbScript, ['host', '--json', '--app', appFolder, '--port', '0'], { environment });

describe('while a setting is wrong', () => {
  const secret = 'not-an-address-but-a-pasted-secret';
  let host: RunningChild<{ url: string }>;
  let visitor: Visitor;

  beforeAll(async () => {
    host = await startHost({ PARTNER_TENANT_ID: undefined, KEY_VAULT_URL: secret });
    visitor = await createVisitor(host.ready.url);
  });
  afterAll(() => host?.stop());

  it.each(routes.filter(({ access }) => access !== 'anonymous' && access !== 'optional'))(
    '$name answers 503 config_invalid, as documented',
    async ({ name }) => {
      const { status, code, text } = await visitor.visit(name, { token: 'e30.e30.e30' });
      expect([status, code]).toEqual([503, 'config_invalid']);
      expect(text).not.toContain(secret);
    },
  );

  it('health is down and names the settings, never a value', async () => {
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
  ])('%s is there all the same', async (name, path) => {
    expect((await visitor.visit(name, { path })).status).toBe(200);
  });
});

describe('with a limit per caller', () => {
  let demo: Demo;
  let host: RunningChild<{ url: string }>;

  beforeAll(async () => {
    demo = await startQuietDemo(2);
    host = await startHost({ ...demo.environment, CALLER_REQUESTS_PER_MINUTE: '10' });
  });
  afterAll(async () => {
    await host?.stop();
    await demo?.stop();
  });

  it('a caller that asks too often is told when to come back', async () => {
    const visitor = await createVisitor(host.ready.url);
    const token = await demo.callerToken();
    expect((await visitor.visit('jobs', { token })).status).toBe(200);
    const { status, code, body, headers } = await visitor.visit('jobs', { token });
    expect([status, code]).toEqual([429, 'caller_throttled']);
    expect(headers.get('retry-after')).toBe(String(body['retryAfterSeconds']));
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
