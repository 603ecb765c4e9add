import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { account, adminToken, call, startTrustedCloud } from '../../src/testing.ts';

let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud();
});
afterAll(() => cloud.stop());

describe('sign-in page', () => {
  const authorize = (more: Readonly<Record<string, string>>): string =>
    `${cloud.document.entra}/organizations/oauth2/v2.0/authorize?${new URLSearchParams({
      client_id: cloud.document.application.clientId,
      redirect_uri: 'http://localhost:1234',
      response_type: 'code',
      scope: 'https://graph.microsoft.com/.default',
      state: 's',
      ...more,
    }).toString()}`;

  it('works as a form without scripts', async () => {
    const page = await (await fetch(authorize({}))).text();
    const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(page) ?? [];
    const [, context = ''] = /name="ctx" value="([^"]+)"/.exec(page) ?? [];
    const body = new URLSearchParams({
      ctx: context.replaceAll('&amp;', '&'),
      username: account(cloud, 'broker'),
      mfa: 'no',
      choice: 'accept',
    });
    const back = await fetch(`${cloud.document.entra}${action}`, { method: 'POST', body, redirect: 'manual' });
    expect(back.status).toBe(302);
    expect(back.headers.get('location')).toMatch(/^http:\/\/localhost:1234\?code=.+&state=s$/);
  });

  it('shows an error for an unknown redirect address instead of redirecting', async () => {
    const page = await fetch(authorize({ redirect_uri: 'https://elsewhere.example/<script>' }), { redirect: 'manual' });
    expect(page.status).toBe(400);
    const text = await page.text();
    expect(text).toContain('AADSTS50011');
    expect(text).not.toContain('<script>');
  });

  it.each([
    ['cancelled', { cancel: true }, 'broker', 'access_denied'],
    ['a disabled account', {}, 'disabled', 'access_denied'],
  ] as const)('redirects with an error: %s', async (_what, options, name, error) => {
    const back = new URL(await signIn(cloud.document.control, authorize({}), account(cloud, name), options));
    expect(back.searchParams.get('error')).toBe(error);
    expect(back.searchParams.get('code')).toBeNull();
  });

  it('lets only an administrator grant a missing consent', async () => {
    const token = await adminToken(cloud);
    const create = async (path: string, body: object) =>
      (await call(`${cloud.document.graph}/v1.0/${path}`, token, { method: 'POST', body: JSON.stringify(body) })).body;
    const { appId } = await create('applications', {
      displayName: 'Unconsented',
      signInAudience: 'AzureADMultipleOrgs',
      web: { redirectUris: ['http://localhost'] },
      requiredResourceAccess: [
        {
          resourceAppId: '00000003-0000-0000-c000-000000000000',
          resourceAccess: [{ id: 'e1fe6dd8-ba31-4d61-89e7-88639da4683d', type: 'Scope' }],
        },
      ],
    });
    await create('servicePrincipals', { appId });
    const attempt = async (name: 'broker' | 'admin', consent: boolean) =>
      new URL(
        await signIn(cloud.document.control, authorize({ client_id: String(appId) }), account(cloud, name), {
          consent,
        }),
      ).searchParams;
    expect((await attempt('broker', true)).get('error')).toBe('consent_required');
    expect((await attempt('admin', false)).get('error')).toBe('access_denied');
    expect((await attempt('admin', true)).get('code')).toMatch(/^.{20,}$/);
    expect((await attempt('broker', false)).get('code')).toMatch(/^.{20,}$/);
  });
});
