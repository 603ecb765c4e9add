import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moveClock } from '../../src/client.ts';
import type { RunningCloud } from '../../src/index.ts';
import { account, adminToken, call, type JsonReply, readReply, startTrustedCloud } from '../../src/testing.ts';

const origin = 'http://127.0.0.1:7071';
const redirectUri = `${origin}/api/dashboard`;
const verifier = 'v'.repeat(64);
const challenge = createHash('sha256').update(verifier).digest('base64url');
let cloud: RunningCloud;
let clientId: string;
let scope: string;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 1, plain: true });
  clientId = cloud.document.brokerApplication.signInClientId;
  scope = `api://${cloud.document.brokerApplication.clientId}/access_as_user openid offline_access`;
});
afterAll(() => cloud.stop());

const oauth = () => `${cloud.document.entra}/${cloud.document.partnerTenantId}/oauth2/v2.0`;

function authorizeUrl(change: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    response_mode: 'fragment',
    scope,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...change,
  });
  return `${oauth()}/authorize?${query.toString()}`;
}

/** Opens an address as a browser does that has a cookie. */
const open = (url: string, cookie = ''): Promise<Response> => fetch(url, { redirect: 'manual', headers: { cookie } });

const cookieOf = (response: Response): string => response.headers.get('set-cookie')?.split(';')[0] ?? '';

const returned = (response: Response): URLSearchParams =>
  new URLSearchParams(new URL(response.headers.get('location') ?? '').hash.slice(1));

/** Fills in the sign-in page. */
async function signIn(name: Parameters<typeof account>[1], url = authorizeUrl()): Promise<Response> {
  const page = await (await open(url)).text();
  const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(page) ?? [];
  const [, context = ''] = /name="ctx" value="([^"]+)"/.exec(page) ?? [];
  const body = new URLSearchParams({
    ctx: context.replaceAll('&amp;', '&'),
    username: account(cloud, name),
    choice: 'accept',
  });
  return fetch(`${cloud.document.entra}${action}`, { method: 'POST', body, redirect: 'manual' });
}

async function token(form: Readonly<Record<string, string>>, from = origin): Promise<JsonReply> {
  const body = new URLSearchParams({ client_id: clientId, ...form });
  return readReply(await fetch(`${oauth()}/token`, { method: 'POST', body, headers: { origin: from } }));
}

const codeForm = (code: string | null) => ({
  grant_type: 'authorization_code',
  code: code ?? '',
  redirect_uri: redirectUri,
  code_verifier: verifier,
});

const claimsOf = ({ body }: JsonReply): Record<string, unknown> =>
  JSON.parse(Buffer.from(String(body['access_token']).split('.')[1] ?? '', 'base64url').toString('utf8')) as Record<
    string,
    unknown
  >;

describe('single-page apps', () => {
  it('redeem a code with PKCE and no secret, and read the reply in the registered origin only', async () => {
    const reply = await token(codeForm(returned(await signIn('auditor')).get('code')));
    expect([reply.status, reply.headers.get('access-control-allow-origin')]).toEqual([200, origin]);
    expect(claimsOf(reply)).toMatchObject({ azp: clientId, scp: 'access_as_user', roles: ['Audit.Read'] });
    const elsewhere = await token(codeForm(returned(await signIn('auditor')).get('code')), 'https://evil.example');
    expect([elsewhere.status, elsewhere.headers.get('access-control-allow-origin')]).toEqual([200, null]);
  });

  it('need PKCE', async () => {
    const code = returned(await signIn('auditor', authorizeUrl({ code_challenge: '' }))).get('code');
    expect((await token(codeForm(code))).body).toMatchObject({ error_codes: [501481] });
    const withoutPkce = new URL(authorizeUrl());
    withoutPkce.searchParams.delete('code_challenge');
    const { code_verifier: _, ...form } = codeForm(returned(await signIn('auditor', withoutPkce.href)).get('code'));
    expect((await token(form)).body).toMatchObject({ error: 'invalid_request', error_codes: [9002325] });
  });

  it('do not free the other redirect addresses of the client from its secret', async () => {
    const { application } = cloud.document;
    const address = `${cloud.document.graph}/v1.0/applications(appId='${application.clientId}')`;
    const spa = JSON.stringify({ spa: { redirectUris: [redirectUri] } });
    await call(address, await adminToken(cloud), { method: 'PATCH', body: spa });
    const change = { client_id: application.clientId, scope: 'https://graph.microsoft.com/.default offline_access' };
    const web = await signIn('broker', authorizeUrl({ ...change, redirect_uri: 'http://localhost' }));
    const form = { ...codeForm(returned(web).get('code')), client_id: application.clientId };
    const body = new URLSearchParams({ ...form, redirect_uri: 'http://localhost' });
    const redeemed = await readReply(await fetch(`${oauth()}/token`, { method: 'POST', body }));
    expect(redeemed.body).toMatchObject({ error: 'invalid_client', error_codes: [7000218] });
  });

  it('have refresh tokens that end 24 hours after the sign-in, whether used or not', async () => {
    const first = await token(codeForm(returned(await signIn('operator')).get('code')));
    const refresh = (reply: JsonReply) =>
      token({ grant_type: 'refresh_token', refresh_token: String(reply.body['refresh_token']), scope });
    await moveClock(cloud.control, 23 * 3600_000);
    const second = await refresh(first);
    expect(second.status).toBe(200);
    await moveClock(cloud.control, 2 * 3600_000);
    expect((await refresh(second)).body).toMatchObject({ error: 'invalid_grant', error_codes: [700084] });
  });
});

describe('single sign-on', () => {
  it('answers prompt=none with login_required, and with a code once the browser has signed in', async () => {
    const silent = authorizeUrl({ prompt: 'none' });
    expect(returned(await open(silent)).get('error')).toBe('login_required');
    const cookie = cookieOf(await signIn('operator'));
    expect(returned(await open(silent, cookie)).get('code')).toMatch(/^.{20,}$/);
    expect(returned(await open(authorizeUrl(), cookie)).get('code')).toMatch(/^.{20,}$/);
    const hint = { prompt: 'none', login_hint: account(cloud, 'auditor') };
    expect(returned(await open(authorizeUrl(hint), cookie)).get('error')).toBe('login_required');
    const page = await open(authorizeUrl({ prompt: 'select_account' }), cookie);
    expect(await page.text()).toContain('<strong>Amir Rahman</strong>');
    expect(returned(await open(silent, 'ESTSAUTHPERSISTENT=forged')).get('error')).toBe('login_required');
  });

  it('ends at the logout endpoint, which returns to registered addresses only', async () => {
    const cookie = cookieOf(await signIn('operator'));
    const logout = (address: string) =>
      open(`${oauth()}/logout?${new URLSearchParams({ post_logout_redirect_uri: address }).toString()}`, cookie);
    expect((await logout('https://evil.example/')).headers.get('location')).toBeNull();
    const back = await logout(redirectUri);
    expect(back.headers.get('location')).toBe(redirectUri);
    expect(back.headers.get('set-cookie')).toContain('Max-Age=0');
    expect(returned(await open(authorizeUrl({ prompt: 'none' }), cookie)).get('error')).toBe('login_required');
  });
});

it('the sign-in page shows the names and the roles for the API of the client', async () => {
  const page = await (await open(authorizeUrl())).text();
  expect(page).toContain(
    `<strong>Amir Rahman</strong> ${account(cloud, 'auditor')} <span class="note">member; Audit.Read</span>`,
  );
  expect(page).toContain(`${account(cloud, 'newcomer')} <span class="note">member</span>`);
});
