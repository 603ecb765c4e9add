import type { RunningCloud } from 'microsoft-cloud';
import { changeSettings, readLedger } from 'microsoft-cloud/client';
import { adminToken, call } from 'microsoft-cloud/testing';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { startQuietDemo } from '../../support/running-demo.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { launchOptions } from './browser-server.ts';
import { connectBrowser, noBrowser, openPage, poorContrast, type WatchedPage } from './browser.ts';
import { dashboardPage } from './dashboard-page.ts';

describe('sign-in with Microsoft', skippedBecause(noBrowser), () => {
  let demo: Demo;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  /** Complaints that a test expects. */
  let expected: RegExp[];

  beforeAll(async () => {
    [demo, browser] = await Promise.all([startQuietDemo(3), connectBrowser()]);
  });
  afterAll(async () => {
    await browser?.close();
    await demo?.stop();
  });
  afterEach(async () => {
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    const violations = await page.evaluate(() => sessionStorage.getItem('violations')).catch(() => null);
    await page.context().close();
    const complaints = watched.complaints.filter((text) => !expected.some((pattern) => pattern.test(text)));
    // Every test fails on script errors and on violations of the content security policy.
    if (violations !== null || complaints.length > 0)
      throw new Error(`the browser reported: ${violations ?? ''} ${complaints.join('; ')}`);
  });

  /** Opens the dashboard in a browser without a session at Microsoft. Its certificate is the simulated cloud's own. */
  async function open(hash = '', width = 1440, inBrowser = browser): Promise<void> {
    expected = [];
    watched = await openPage(inBrowser, { viewport: { width, height: 900 }, ignoreHTTPSErrors: true });
    ({ page } = watched);
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
        sessionStorage.setItem('violations', `${violatedDirective} ${blockedURI}`);
      });
    });
    await page.goto(`${demo.url}/api/dashboard${hash}`);
  }
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name });
  const entra = () => `${demo.cloud.entra}/**`;
  const account = (name: string): string =>
    demo.cloud.accounts.find(({ username }) => username.startsWith(`${name}@`))?.username ?? '';

  async function choose(name: 'Olivia Operator' | 'Amir Rahman' | 'Nadia Petrova'): Promise<void> {
    await page.getByLabel(name).check();
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  }
  async function signIn(name: Parameters<typeof choose>[0]): Promise<void> {
    await button('Sign in with Microsoft').click();
    await choose(name);
    await page.locator('.who').waitFor({ state: 'attached' });
  }
  /** Everything that the tab keeps. */
  const stored = (): Promise<string> => dashboardPage(page).stored();

  it.each([1440, 390])('signs in, returns to the view, survives a reload, and signs out, at %i px', async (width) => {
    await open('#/audit?outcome=denied', width);
    await heading('Sign in').waitFor();
    expect(await poorContrast(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    await signIn('Olivia Operator');
    await heading('Audit').waitFor();
    expect(page.url()).toBe(`${demo.url}/api/dashboard#/audit?outcome=denied`);
    // On a narrow screen the choices are behind one button, which says how many are set.
    if (width === 390) await page.getByRole('button', { name: 'Filter 1' }).click();
    expect(await page.getByLabel('Outcome').inputValue()).toBe('denied');
    expect(await page.locator('.who [title]').first().getAttribute('title')).toContain(account('operator'));
    expect([...watched.origins].toSorted()).toEqual([demo.url, demo.cloud.entra].toSorted());
    expect(await stored()).not.toMatch(/eyJ|1\.A|codeVerifier/);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);

    await page.reload();
    await heading('Audit').waitFor();
    expect(page.url()).toContain('#/audit?outcome=denied');

    const attempts: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/authorize')) attempts.push(request.url());
    });
    // On a narrow screen it is in the menu.
    if (width === 390) await button('Menu').click();
    await button('Sign out').click();
    await heading('Sign in').waitFor();
    expect(page.url()).toBe(`${demo.url}/api/dashboard`);
    await page.reload();
    await button('Sign in with Microsoft').waitFor();
    await page.getByRole('button', { name: 'Paste an access token instead' }).waitFor();
    expect(await stored()).not.toContain(account('operator'));
    // Nobody is signed in again behind their back.
    expect(attempts).toEqual([]);
  });

  it('renews the token without a page, keeps its data while Microsoft is down, and recovers', async () => {
    await changeSettings(demo.cloud.control, { accessTokenLifetimeSeconds: 6 });
    try {
      await open('#/runs');
      await signIn('Olivia Operator');
      await heading('Runs').waitFor();
      const tokens = new Set<string>();
      page.on('request', (request) => {
        const { authorization } = request.headers();
        if (authorization !== undefined) tokens.add(authorization);
      });
      await expect.poll(() => tokens.size).toBeGreaterThan(1);
      const { requests } = await readLedger(demo.cloud.control);
      expect(requests.filter(({ grant, service }) => service === 'entra' && grant === 'refresh_token')).not.toEqual([]);

      expected = [/net::ERR_FAILED/];
      await page.route(entra(), (route) => route.abort());
      await page.getByText('cannot renew the sign-in').waitFor();
      await page.getByText('The sign-in could not be renewed').first().waitFor();
      expect(await heading('Runs').isVisible()).toBe(true);
      await page.unroute(entra());
      await page.getByText('cannot renew the sign-in').waitFor({ state: 'detached' });
      await page.getByText('The sign-in could not be renewed').waitFor({ state: 'detached' });
      expect(await heading('Runs').isVisible()).toBe(true);
    } finally {
      await changeSettings(demo.cloud.control, { accessTokenLifetimeSeconds: 3600 });
    }
  });

  it('says how a person without a role gets one, and shows the views when it is given', async () => {
    await open('#/jobs', 390);
    await signIn('Nadia Petrova');
    await heading('You have no access yet').waitFor();
    const command = (await page.locator('pre code').textContent()) ?? '';
    const [, objectId = ''] = /--principal ([0-9a-f-]{36}) --role Runs\.Read$/.exec(command) ?? [];
    expect(command).toContain(`ptb setup api --partner-tenant ${demo.cloud.partnerTenantId} `);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    await button('Check again').click();
    await page.getByText('No new role yet').waitFor();
    await giveRole(objectId, 'Runs.Read');
    await button('Check again').click();
    await heading('Jobs').waitFor();
  });

  async function giveRole(principalId: string, role: string): Promise<void> {
    const token = await adminToken({ document: demo.cloud, control: demo.cloud.control } as RunningCloud);
    const { graph, brokerApplication } = demo.cloud;
    const filter = encodeURIComponent(`appId eq '${brokerApplication.clientId}'`);
    const { body } = await call(`${graph}/v1.0/servicePrincipals?$filter=${filter}`, token);
    const [api] = body['value'] as { id: string; appRoles: { id: string; value: string }[] }[];
    const appRoleId = api?.appRoles.find(({ value }) => value === role)?.id;
    const given = { principalId, resourceId: api?.id, appRoleId };
    const path = `${graph}/v1.0/servicePrincipals/${api?.id}/appRoleAssignedTo`;
    const { status } = await call(path, token, { method: 'POST', body: JSON.stringify(given) });
    expect(status).toBe(201);
  }

  it('names the role that a view needs to a person with another role', async () => {
    await open('#/tenants');
    await signIn('Amir Rahman');
    await page.getByText('Your account lacks the app role Tenants.Read, which this view needs.').waitFor();
    expect(await page.locator('pre code').textContent()).toMatch(/--role Tenants\.Read$/);
    await page.getByRole('link', { name: 'Audit' }).click();
    await heading('Audit').waitFor();
    await page.getByLabel('Outcome').waitFor();
  });

  it('says what is wrong with a pasted token that is foreign or expired', async () => {
    await open();
    expected = [/401/];
    const graphToken = await adminToken({ document: demo.cloud, control: demo.cloud.control } as RunningCloud);
    await dashboardPage(page).signIn(graphToken);
    await page.getByText('The token was issued for another application. Request a token for the broker.').waitFor();
    const old = Buffer.from(JSON.stringify({ exp: 1 })).toString('base64url');
    await dashboardPage(page).signIn(`e30.${old}.e30`);
    await page.getByText('This token has expired. Get a new one.').waitFor();
    expect(await page.getByRole('navigation').count()).toBe(0);
  });

  it('stays on its page while Microsoft is down, and signs in as soon as it answers', async () => {
    await open('#/jobs');
    expected = [/net::ERR_FAILED/];
    await page.route(entra(), (route) => route.abort());
    await button('Sign in with Microsoft').click();
    await page.getByText("Microsoft's sign-in service does not answer.").waitFor();
    await button('Open its page anyway').waitFor();
    await page.unroute(entra());
    await page.route(`${demo.cloud.entra}/*/oauth2/v2.0/token`, (route) => route.abort());
    await button('Sign in with Microsoft').click();
    await choose('Olivia Operator');
    await page.getByText("Microsoft's sign-in service does not answer.").waitFor();
    expect(page.url()).toBe(`${demo.url}/api/dashboard#/jobs`);
    await page.unroute(`${demo.cloud.entra}/*/oauth2/v2.0/token`);
    await signIn('Olivia Operator');
    await heading('Jobs').waitFor();
    // A reload signs in without a page, so it needs Microsoft as well.
    await page.route(entra(), (route) => route.abort());
    await page.reload();
    await page.getByText("Microsoft's sign-in service does not answer.").waitFor();
  });

  it('offers the sign-in again after the Back button, although the browser kept the page as it was left', async () => {
    // The browser of all page tests does not keep pages.
    const ignoreDefaultArgs = ['--disable-back-forward-cache'];
    const keeping = await chromium.launch({ ...launchOptions, ignoreDefaultArgs });
    onTestFinished(() => keeping.close());
    await open('#/jobs', 1440, keeping);
    await button('Sign in with Microsoft').waitFor();
    await page.evaluate(() => addEventListener('pageshow', ({ persisted }) => (document.title = `kept ${persisted}`)));
    await button('Sign in with Microsoft').click();
    await page.getByLabel('Olivia Operator').waitFor();
    // A page that was kept does not load.
    await page.goBack({ waitUntil: 'commit' });
    await expect.poll(() => page.title()).toBe('kept true');
    await signIn('Olivia Operator');
    await heading('Jobs').waitFor();
  });

  it('takes a pasted token where the browser blocks site data', async () => {
    await open();
    await page.addInitScript(() => {
      const denied = (): never => {
        throw new DOMException('Access is denied for this document.', 'SecurityError');
      };
      Object.defineProperty(globalThis, 'sessionStorage', { get: denied });
    });
    await page.reload();
    await page.getByText('This browser blocks site data for this page.').waitFor();
    expect(await button('Sign in with Microsoft').count()).toBe(0);
    expect(await poorContrast(page)).toEqual([]);
    await dashboardPage(page).signIn(await demo.callerToken());
    await button('Forget token').waitFor();
  });

  it('says that a sign-in was cancelled, or belongs to another tab', async () => {
    await open('#/jobs');
    await button('Sign in with Microsoft').click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('The sign-in was cancelled, or the consent was declined (AADSTS65004).').waitFor();
    expect(page.url()).toBe(`${demo.url}/api/dashboard#/jobs`);
    await page.goto('about:blank');
    await page.goto(`${demo.url}/api/dashboard#code=forged&state=forged`);
    await page.getByText('This sign-in was started in another tab.').waitFor();
    expect(page.url()).toBe(`${demo.url}/api/dashboard`);
  });

  it('says which setting is missing, and takes a pasted token', async () => {
    await open();
    const json = { problem: 'The setting SIGN_IN_CLIENT_ID is missing.', advice: 'Run `ptb setup api`.' };
    await page.route('**/api/sign-in', (route) => route.fulfill({ json }));
    await page.reload();
    await page.getByText('The setting SIGN_IN_CLIENT_ID is missing.').waitFor();
    expect(await button('Sign in with Microsoft').count()).toBe(0);
    await dashboardPage(page).signIn(await demo.callerToken());
    await button('Forget token').waitFor();
  });
});
