import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningCloud } from '../../src/index.ts';
import { account, adminToken, call, startTrustedCloud } from '../../src/testing.ts';

declare module 'vitest' {
  interface TaskMeta {
    skipReason?: string;
  }
}

const program = process.env['PTB_CHROMIUM'] ?? '/usr/bin/chromium';
const skipped = existsSync(program)
  ? {}
  : { skip: true, meta: { skipReason: `${program} does not exist; set PTB_CHROMIUM to a Chromium browser` } };

const library = readFileSync(
  join(dirname(createRequire(import.meta.url).resolve('@azure/msal-browser')), 'msal-browser.min.js'),
);

/** What the page stores in `window`. */
interface Signed {
  readonly username: string;
  readonly scopes: string;
  readonly renewed: boolean;
  readonly me: { readonly userPrincipalName?: string };
}

/** Signs in by redirect, renews the token silently with the refresh token, and reads the user from Graph. */
const script = (settings: object): string => `
const { clientId, authority, host, graph } = ${JSON.stringify(settings)};
const scopes = ['https://graph.microsoft.com/User.Read'];
const app = new msal.PublicClientApplication({
  auth: { clientId, authority, knownAuthorities: [host], redirectUri: location.origin + '/' },
});
async function run() {
  await app.initialize();
  const answer = await app.handleRedirectPromise();
  const account = answer?.account ?? app.getAllAccounts()[0];
  if (!account) return app.loginRedirect({ scopes });
  const first = await app.acquireTokenSilent({ scopes, account });
  const second = await app.acquireTokenSilent({ scopes, account, forceRefresh: true });
  const reply = await fetch(graph + '/v1.0/me', { headers: { authorization: 'Bearer ' + second.accessToken } });
  window.signed = {
    username: account.username,
    scopes: second.scopes.join(' '),
    renewed: second.accessToken !== first.accessToken,
    me: await reply.json(),
  };
}
run().catch((error) => { window.signed = { username: String(error) }; });
`;

let cloud: RunningCloud;
let server: Server;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  if ('skip' in skipped) return;
  cloud = await startTrustedCloud({ tenants: 1, plain: true });
  const { entra, graph, partnerTenantId, application } = cloud.document;
  const settings = {
    clientId: application.clientId,
    authority: `${entra}/${partnerTenantId}`,
    host: new URL(entra).host,
    graph,
  };
  server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const [type, body] =
      path === '/msal.js'
        ? ['text/javascript', library]
        : path === '/app.js'
          ? ['text/javascript', script(settings)]
          : [
              'text/html',
              '<!doctype html><title>App</title><script src="msal.js"></script><script src="app.js"></script>',
            ];
    response.setHeader('content-type', type).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
  page = await browser.newPage({ ignoreHTTPSErrors: true });
  page.setDefaultTimeout(150_000);
});
afterAll(async () => {
  if ('skip' in skipped) return;
  await browser.close();
  server.close();
  await cloud.stop();
});

describe('@azure/msal-browser', skipped, () => {
  it('signs in by redirect in a browser, renews the token and reads the user from Graph', async () => {
    const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
    const address = `${cloud.document.graph}/v1.0/applications(appId='${cloud.document.application.clientId}')`;
    const body = JSON.stringify({ spa: { redirectUris: [`${origin}/`] } });
    await call(address, await adminToken(cloud), { method: 'PATCH', body });
    await page.goto(`${origin}/`);
    await page.getByText(account(cloud, 'broker')).click();
    await page.getByRole('button', { name: 'Sign in' }).click();
    const signed = await page.waitForFunction(() => (globalThis as unknown as { signed?: Signed }).signed);
    expect(await signed.jsonValue()).toMatchObject({
      username: account(cloud, 'broker'),
      renewed: true,
      me: { userPrincipalName: account(cloud, 'broker') },
    });
  });
});
