import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditAnswer } from '../../../src/lib/api/answers/audit.ts';
import { tokenOfCaller } from '../../support/running-demo.ts';
import { type AuditStage, rule, startAuditStage } from './audit-stage.ts';
import { launchBrowser, noBrowser, openPage, poorContrast, type WatchedPage } from './browser.ts';
import { dashboardPage, type DashboardPage } from './dashboard-page.ts';

describe.skipIf(noBrowser !== undefined)('the audit view', () => {
  let stage: AuditStage;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  let dashboard: DashboardPage;
  let { demo, token, helpdesk, customer, records } = {} as AuditStage;

  beforeAll(async () => {
    [stage, browser] = await Promise.all([startAuditStage(), launchBrowser()]);
    ({ demo, token, helpdesk, customer, records } = stage);
  });
  afterAll(async () => {
    await browser?.close();
    await stage?.stop();
  });
  beforeEach(async () => {
    watched = await openPage(browser);
    ({ page } = watched);
    dashboard = dashboardPage(page);
    await page.goto(`${demo.url}/api/dashboard`);
  });
  afterEach(async () => {
    await page.close();
    // Errors of scripts and refusals of the content security policy, over every test of this file.
    if (watched.complaints.length > 0) throw new Error(`the browser complains: ${watched.complaints.join('; ')}`);
  });

  const rows = () => page.locator('table.audit tbody tr:has(time)');
  const said = (text: string) => page.getByRole('status').getByText(text, { exact: true }).waitFor();
  const query = () => new URLSearchParams(new URL(page.url()).hash.split('?')[1]);

  it('lists who got and who was refused which token, newest first, by the names of the tenants', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await page.getByText(customer.name).first().waitFor();
    const cells = async (index: number) => rows().nth(index).locator('th, td').allTextContents();
    const [unknown, refused, repeated, first, ofJob] = await Promise.all([0, 1, 2, 3, 4].map(cells));
    const [who, denied] = [helpdesk.clientId, 'deniedcaller_forbidden'];
    expect(unknown?.slice(1, 8)).toEqual([who, customer.domain, 'exchange', 'delegated', denied, '', '']);
    expect(refused?.slice(1, 6)).toEqual([who, customer.name, 'graph', 'delegated', denied]);
    const issued = expect.stringMatching(/^issued\d excess scopes$/) as string;
    expect(repeated?.slice(1, 8)).toEqual([who, customer.name, 'graph', 'delegated', issued, rule, 'yes']);
    expect(first?.[6]).toBe(rule);
    expect(ofJob?.[1]).toBe('the broker itself');
    expect(ofJob?.[6]).toBe('job:access-check');
  });

  it('unfolds a record by the keyboard: scopes, what is beyond the rule, ids; never the token', async () => {
    await dashboard.signIn(token);
    await page.goto(`${demo.url}/api/dashboard#/audit?caller=${helpdesk.clientId}&outcome=issued`);
    const button = rows()
      .first()
      .getByRole('button', { name: /, details of graph for / });
    await button.focus();
    expect(await button.getAttribute('aria-expanded')).toBe('false');
    await page.keyboard.press('Enter');
    expect(await button.getAttribute('aria-expanded')).toBe('true');
    const [record] = records.filter(({ rule: allowed }) => allowed === rule);
    const details = page.locator(`#${await button.getAttribute('aria-controls')}`);
    const scopes = details.locator('.scopes').first().locator('li');
    expect(await scopes.allTextContents()).toEqual(record?.scopes);
    expect(record?.excessScopes).not.toHaveLength(0);
    expect(await details.locator('.scopes').nth(1).locator('li').allTextContents()).toEqual(record?.excessScopes);
    for (const text of [record?.tokenId, record?.correlationId, record?.tokenFingerprint, customer.tenantId])
      expect(await details.textContent()).toContain(text);
    await page.keyboard.press('Enter');
    expect(await details.count()).toBe(0);
    expect(await page.content()).not.toContain('eyJ');
  });

  it('loads the next page, says how many there are, and leaves the focus where the list ends', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await said('100 records so far');
    expect(await rows().count()).toBe(100);
    await page.getByRole('button', { name: 'Show more' }).focus();
    await page.keyboard.press('Enter');
    await said(`${records.length} records, all there are`);
    expect(await rows().count()).toBe(records.length);
    expect(await page.getByRole('button', { name: 'Show more' }).count()).toBe(0);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(
      'There are no older records in this time.',
    );
  });

  it('is narrowed by tenant, caller and outcome, in the address, and back by the browser', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await page.getByLabel('Tenant').fill(customer.domain);
    await page.getByLabel('Caller').fill(helpdesk.clientId);
    await page.keyboard.press('Enter');
    await said('3 records, all there are');
    expect(Object.fromEntries(query())).toEqual({ tenant: customer.domain, caller: helpdesk.clientId });
    await dashboard.showOutcome('denied');
    await said('1 record, all there are');
    expect(await rows().getByText('denied', { exact: true }).count()).toBe(1);
    await page.goBack();
    await said('3 records, all there are');
    expect(await page.getByLabel('Outcome').inputValue()).toBe('');
    await page.getByRole('link', { name: 'No filter' }).click();
    await said('100 records so far');
    expect(await page.getByLabel('Tenant').inputValue()).toBe('');
    // At once, though the log is longer than a page: the API leaves out what was not refused.
    await dashboard.showOutcome('denied');
    await said(`${records.filter(({ outcome }) => outcome === 'denied').length} records, all there are`);
  });

  it('follows a caller and a tenant of the table, with the focus on what was pressed', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await page.getByRole('link', { name: 'the broker itself' }).first().focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(/caller=0000/);
    await said('100 records so far');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('the broker itself');
    await rows().getByRole('link', { name: customer.name }).first().click();
    await page.waitForURL(/tenant=/);
    expect(query().get('tenant')).toBe(customer.tenantId);
    const expected = records.filter(
      ({ tenantId, caller }) => tenantId === customer.tenantId && caller.applicationId !== helpdesk.clientId,
    );
    await said(`${expected.length} records, all there are`);
  });

  it('shows the same to a colleague who opens the address, times to the millisecond', async () => {
    const at = records.find(({ caller }) => caller.applicationId === helpdesk.clientId)?.at ?? '';
    const to = new Date(Date.parse(at) + 1).toISOString();
    await page.goto(`${demo.url}/api/dashboard#/audit?from=${at}&to=${to}&caller=${helpdesk.clientId}`);
    await dashboard.signIn(token);
    await said('1 record, all there are');
    // What is not touched is not rounded to the minutes of the input.
    await dashboard.showOutcome('issued');
    await said('No record');
    await dashboard.showOutcome('denied');
    await said('1 record, all there are');
    expect([query().get('from'), query().get('to')]).toEqual([at, to]);
    await page.getByLabel('From').fill('2020-01-01T00:00');
    await page.getByLabel('To').fill('2020-01-02T00:00');
    await page.keyboard.press('Enter');
    await said('No record');
    expect(await rows().count()).toBe(0);
  });

  it('looks further back by itself while pages are empty, and offers to when that takes long', async () => {
    let asked = 0;
    await page.route('**/api/audit?*', async (route) => {
      asked += 1;
      const response = await route.fetch();
      const body = (await response.json()) as AuditAnswer;
      const entries = asked === 7 ? body.entries.slice(0, 1) : [];
      const json: AuditAnswer = { from: body.from, to: body.to, entries, continuation: 'bmV4dA' };
      await route.fulfill({ response, json });
    });
    await page.route('**/api/audit?*continuation*', async (route) => {
      const address = new URL(route.request().url());
      address.searchParams.delete('continuation');
      await route.fallback({ url: address.href });
    });
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await said('0 records so far');
    expect(asked).toBe(5);
    await page.getByRole('button', { name: 'Look further back' }).click();
    await said('1 record so far');
    expect(asked).toBe(7);
  });

  it('says in the words of the API what is wrong with a filter, and shows no record of another', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await said('100 records so far');
    await page.getByLabel('Tenant').fill('nobody.example');
    watched.complaints.length = 0;
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('The tenant does not exist').waitFor();
    expect(await rows().count()).toBe(0);
    // The browser itself notes every answer that is no success.
    expect(watched.complaints.splice(0)).toEqual([expect.stringContaining('404')]);
  });

  it('names the role that the token lacks, and offers no way in', async () => {
    await dashboard.signIn(await tokenOfCaller(demo, ['Tenants.Read', 'Runs.Read']));
    await dashboard.view('Audit');
    await page.getByText('The token lacks the app role Audit.Read').waitFor();
    await dashboard.view('Tenants');
    await page.locator('tbody tr').first().waitFor();
    expect(await page.getByRole('link', { name: /^Records/ }).count()).toBe(0);
  });

  it('stands with Audit.Read alone: ids in place of names', async () => {
    await dashboard.signIn(await tokenOfCaller(demo, ['Audit.Read']));
    await dashboard.view('Audit');
    await rows().first().waitFor();
    expect(await rows().nth(1).getByRole('link').allTextContents()).toEqual([helpdesk.clientId, customer.tenantId]);
  });

  it('is reached from a tenant', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Tenants');
    await page.getByRole('link', { name: `Records of ${customer.name}` }).click();
    await page.getByRole('heading', { level: 2, name: 'Audit' }).waitFor();
    expect(query().get('tenant')).toBe(customer.tenantId);
  });

  it.each(['light', 'dark'] as const)('is legible in the %s scheme, details and warnings too', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await rows().nth(2).getByRole('button').click();
    await page.locator('.record').waitFor();
    expect(await poorContrast(page)).toEqual([]);
    await dashboard.view('Runs');
    await page.getByText('1 warning').waitFor();
    expect(await poorContrast(page)).toEqual([]);
  });

  it('needs no sideways scrolling of the page on a narrow screen, and shows details within it', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await rows().nth(2).getByRole('button').click();
    const box = await page.locator('.record').boundingBox();
    expect((box?.x ?? 999) + (box?.width ?? 999)).toBeLessThanOrEqual(360);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
  });

  it('shows what was wrong with the list of tenants, in the list of runs and above the tenants of the run', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Runs');
    await page
      .getByRole('row', { name: /access-check/ })
      .getByText('1 warning')
      .waitFor();
    await page.getByRole('link', { name: 'access-check' }).click();
    const notice = page.locator('.notice.warn', { hasText: '1 warning about the list of tenants' });
    await notice.getByText('TENANTS_EXCLUDE names the domain typo.example').waitFor();
    const grid = await page.locator('.grid').boundingBox();
    const box = await notice.boundingBox();
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThan(grid?.y ?? 0);
  });
});
