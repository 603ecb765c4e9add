import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditAnswer } from '../../../src/lib/api/answers/audit.ts';
import { tokenOfCaller } from '../../support/running-demo.ts';
import { type AuditFixture, rule, startAuditFixture } from './audit-fixture.ts';
import { connectBrowser, leaveWindow, noBrowser, poorContrast, useWindow, type WatchedPage } from './browser.ts';
import { dashboardPage, type DashboardPage } from './dashboard-page.ts';
import { skippedBecause } from '../../support/skipped.ts';

describe('audit view', skippedBecause(noBrowser), () => {
  let fixture: AuditFixture;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  let dashboard: DashboardPage;
  let { demo, token, helpdesk, customer, records } = {} as AuditFixture;

  beforeAll(async () => {
    [fixture, browser] = await Promise.all([startAuditFixture(), connectBrowser()]);
    ({ demo, token, helpdesk, customer, records } = fixture);
  });
  afterAll(async () => {
    await browser?.close();
    await fixture?.stop();
  });
  beforeEach(async () => {
    watched = await useWindow(browser);
    ({ page } = watched);
    dashboard = dashboardPage(page);
    await page.goto(`${demo.url}/api/dashboard`);
  });
  afterEach(async () => {
    await leaveWindow(page);
    // Every test fails on script errors and on violations of the content security policy.
    if (watched.complaints.length > 0) throw new Error(`the browser reported: ${watched.complaints.join('; ')}`);
  });

  const rows = () => page.locator('table.audit tbody tr:has(time)');
  const waitForStatus = (text: string) => page.getByRole('status').getByText(text, { exact: true }).waitFor();
  /** A request and its answer are one entry, and equal ones one line. */
  const waitForAll = (entries: number) =>
    page
      .getByRole('status')
      .getByText(new RegExp(`^(1 entry|All ${entries} entries)(, in \\d+ lines?)?$`))
      .waitFor();
  const query = () => new URLSearchParams(new URL(page.url()).hash.split('?')[1]);

  it('lists issued and denied tokens with tenant names, newest first', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await page.getByText(customer.name).filter({ visible: true }).first().waitFor();
    const cells = async (index: number) => rows().nth(index).locator('th, td').allTextContents();
    const [unknown, refused, twice, ofJob] = await Promise.all([0, 1, 2, 3].map(cells));
    // The audit log has ids alone. That of an unknown application is in the title of its start.
    const who = expect.stringContaining(`application ${helpdesk.clientId.slice(0, 8)}…`) as string;
    const denied = expect.stringMatching(/^ *refused by the policy *$/) as string;
    const what = (words: string) => expect.stringMatching(new RegExp(`^ ?${words}$`)) as string;
    expect(unknown?.slice(1)).toEqual([who, customer.domain, what('Token exchange'), denied]);
    expect(refused?.slice(1)).toEqual([who, customer.name, what('Token graphAsked for Mail.Read'), denied]);
    // The same token once more is in the same line.
    const issued = expect.stringMatching(/^ *issued \d+ excess scopes$/) as string;
    const both = what(`Token graph× 2 records of graph for .* Rule: ${rule}`);
    expect(twice?.slice(1)).toEqual([who, customer.name, both, issued]);
    await rows().nth(2).getByRole('button').click();
    expect((await cells(4))[3]).toContain(`Rule: ${rule}`);
    await rows().nth(2).getByRole('button').click();
    expect(ofJob?.[1]).toContain('Access to each tenant');
    expect(ofJob?.[3]).not.toContain('Rule');
  });

  it('opens a record by keyboard and shows scopes, excess scopes and ids, but never the token', async () => {
    await dashboard.signIn(token);
    await page.goto(`${demo.url}/api/dashboard#/audit?caller=${helpdesk.clientId}&outcome=issued`);
    await rows()
      .first()
      .getByRole('button', { name: /^× 2 records of graph for / })
      .focus();
    await page.keyboard.press('Enter');
    const button = rows()
      .nth(1)
      .getByRole('button', { name: /, details of graph for / });
    await button.focus();
    await page.keyboard.press('Enter');
    const [record] = records.filter(({ rule: allowed }) => allowed === rule);
    const details = page.getByRole('dialog');
    expect(record?.excessScopes).not.toHaveLength(0);
    expect(await details.locator('ul.tags').last().locator('li').allTextContents()).toEqual(record?.excessScopes);
    for (const scope of record?.scopes ?? []) expect(await details.textContent()).toContain(scope);
    for (const text of [record?.tokenId, record?.correlationId, record?.tokenFingerprint, customer.tenantId])
      expect(await details.textContent()).toContain(text);
    await page.keyboard.press('Escape');
    expect(await details.count()).toBe(0);
    expect(await button.evaluate((element) => element === document.activeElement)).toBe(true);
    expect(await page.content()).not.toContain('eyJ');
  });

  it('loads the next page, shows the count, and moves the focus to the end of the list', async () => {
    let requests = 0;
    await page.route('**/api/audit?*continuation*', async (route) => {
      if (route.request().url().includes('limit=1000')) return route.fallback();
      requests += 1;
      if (requests > 4) return route.fallback();
      // Nothing until the page reads no further by itself.
      const continuation = new URL(route.request().url()).searchParams.get('continuation');
      const range = { from: records.at(-1)!.at, to: records[0]!.at };
      return route.fulfill({ json: { ...range, entries: [], continuation } });
    });
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await page.getByRole('status').getByText('The newest 60 entries').waitFor();
    await page.getByRole('button', { name: 'Show more' }).focus();
    await page.keyboard.press('Enter');
    await waitForAll(records.length);
    const lines = await rows().allTextContents();
    expect(lines.length).toBeLessThan(records.length);
    expect(lines.reduce((sum, line) => sum + Number(/× (\d+) /.exec(line)?.[1] ?? 1), 0)).toBe(records.length);
    expect(await page.getByRole('button', { name: 'Show more' }).count()).toBe(0);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(
      'There are no older records in this period.',
    );
  });

  it('filters by tenant, caller and outcome, with the filter in the address and in the browser history', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await page.getByText('More…', { exact: true }).click();
    await page.getByLabel('Tenant').fill(customer.domain);
    await page.getByLabel('Caller').fill(helpdesk.clientId);
    await page.keyboard.press('Enter');
    await waitForAll(3);
    expect(Object.fromEntries(query())).toEqual({ tenant: customer.domain, caller: helpdesk.clientId });
    await dashboard.showOutcome('denied');
    await waitForAll(1);
    expect(await rows().getByText('refused by the policy', { exact: true }).count()).toBe(1);
    await page.goBack();
    await waitForAll(3);
    expect(await page.getByLabel('Outcome').inputValue()).toBe('');
    await page.getByRole('link', { name: 'Clear filter' }).click();
    await waitForAll(records.length);
    expect(await page.getByLabel('Tenant').inputValue()).toBe('');
    // One page is enough: the API filters by outcome.
    await dashboard.showOutcome('denied');
    await waitForAll(records.filter(({ outcome }) => outcome === 'denied').length);
  });

  it('leads from how much the policy refused to these', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await page
      .locator('.lede')
      .getByRole('link', { name: /^Both|of the 2$/ })
      .click();
    await waitForAll(2);
    await page.getByRole('heading', { level: 1, name: '2 entries refused by the policy' }).waitFor();
    expect(await page.getByLabel('Outcome').inputValue()).toBe('policy');
    expect(await rows().count()).toBe(2);
  });

  it('follows the links of a caller and a tenant, and keeps the focus on the link', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await page.locator('table.audit').getByRole('link', { name: 'Access to each tenant' }).first().focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(/caller=0000/);
    await waitForAll(records.filter(({ caller }) => caller.applicationId !== helpdesk.clientId).length);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Access to each tenant');
    // The order in which the jobs reached the tenants decides which of them the first page shows.
    for (const name of [/ records of .*, graph for \d+ tenants/, / records of graph for \d+ tenants/])
      await rows().getByRole('button', { name }).first().click();
    const link = page.locator('table.audit tr.part td:nth-child(3)').getByRole('link').first();
    const name = await link.textContent();
    const { tenantId: chosen } = demo.cloud.tenants.find((tenant) => tenant.name === name) ?? {};
    await link.click();
    await page.waitForURL(/tenant=/);
    expect(query().get('tenant')).toBe(chosen);
    const expected = records.filter(
      ({ tenantId, caller }) => tenantId === chosen && caller.applicationId !== helpdesk.clientId,
    );
    await waitForAll(expected.length);
  });

  it('shows the same records when the address is opened again, with times to the millisecond', async () => {
    const at = records.find(({ caller }) => caller.applicationId === helpdesk.clientId)?.at ?? '';
    const to = new Date(Date.parse(at) + 1).toISOString();
    await page.goto(`${demo.url}/api/dashboard#/audit?from=${at}&to=${to}&caller=${helpdesk.clientId}`);
    await dashboard.signIn(token);
    await waitForAll(1);
    // An unchanged time is not rounded to the minutes of the input.
    await dashboard.showOutcome('issued');
    await waitForStatus('No entries');
    await dashboard.showOutcome('denied');
    await waitForAll(1);
    expect([query().get('from'), query().get('to')]).toEqual([at, to]);
    await page.getByLabel('From').fill('2020-01-01T00:00');
    await page.getByLabel('To', { exact: true }).fill('2020-01-02T00:00');
    await page.keyboard.press('Enter');
    await waitForStatus('No entries');
    expect(await rows().count()).toBe(0);
  });

  it('requests older pages while pages are empty, and offers a button after five pages', async () => {
    let requests = 0;
    await page.route('**/api/audit?*', async (route) => {
      // The records of the period are read in larger pages.
      if (route.request().url().includes('limit=1000')) return route.fallback();
      requests += 1;
      const response = await route.fetch();
      const body = (await response.json()) as AuditAnswer;
      const entries = requests === 7 ? body.entries.slice(0, 1) : [];
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
    await waitForStatus('No entries so far');
    expect(requests).toBe(5);
    await page.getByRole('button', { name: 'Look further back' }).click();
    await waitForStatus('The newest 1 entry');
    expect(requests).toBe(10);
  });

  it('shows the error of the API for an invalid filter, and no records', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await waitForAll(records.length);
    await page.getByText('More…', { exact: true }).click();
    await page.getByLabel('Tenant').fill('nobody.example');
    watched.complaints.length = 0;
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('The tenant does not exist').waitFor();
    expect(await rows().count()).toBe(0);
    // The browser writes a message for every unsuccessful response.
    expect(watched.complaints.splice(0)).toEqual([expect.stringContaining('404')]);
  });

  it('names the role that the token lacks and shows no links to the audit view', async () => {
    await dashboard.signIn(await tokenOfCaller(demo, ['Tenants.Read', 'Runs.Read']));
    await dashboard.view('Audit');
    await page.getByText('Your account lacks the app role Audit.Read').waitFor();
    await dashboard.view('Tenants');
    await page.getByRole('rowheader').first().getByRole('link').click();
    await page.getByRole('region', { name: 'Relationship' }).waitFor();
    expect(await page.getByRole('link', { name: /^Audit records/ }).count()).toBe(0);
  });

  it('shows ids instead of names if the token has only Audit.Read', async () => {
    await dashboard.signIn(await tokenOfCaller(demo, ['Audit.Read']));
    await dashboard.view('Audit');
    await rows().first().waitFor();
    expect(await rows().nth(1).getByRole('link').allTextContents()).toEqual([
      `application ${helpdesk.clientId.slice(0, 8)}…`,
      customer.tenantId,
    ]);
    expect(await rows().nth(1).getByRole('link').first().getAttribute('title')).toContain(helpdesk.clientId);
  });

  it('is linked from each tenant', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Tenants');
    await page.getByLabel('Search', { exact: true }).fill(customer.tenantId);
    await page.getByRole('rowheader').getByRole('link', { name: customer.name }).click();
    await page.getByRole('link', { name: 'Audit records' }).click();
    await page.locator('table.audit').waitFor();
    expect(query().get('tenant')).toBe(customer.tenantId);
  });

  it('has enough contrast in both schemes, with details', async () => {
    const expectContrast = async (): Promise<void> => {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect([colorScheme, await poorContrast(page)]).toEqual([colorScheme, []]);
      }
    };
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await rows().nth(2).getByRole('button').click();
    await rows().nth(3).getByRole('button').click();
    await page.getByRole('dialog').waitFor();
    await expectContrast();
    await page.keyboard.press('Escape');
    await dashboard.view('Runs');
    await page.getByText('1 warning').waitFor();
    await expectContrast();
  });

  it('shows on a narrow screen who did what where in at most four lines, and details within its width', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await dashboard.signIn(token);
    await dashboard.view('Audit');
    await rows().nth(1).locator('code').filter({ visible: true }).getByText('graph').waitFor();
    expect(await rows().nth(1).innerText()).toContain(customer.name);
    const heights = await rows().evaluateAll((all) => all.map((row) => row.getBoundingClientRect().height));
    // A tenant and an outcome that are too long for one line are in two.
    expect(Math.max(...heights)).toBeLessThan(100);
    await rows().nth(1).getByRole('button').click();
    // The drawer slides in from the right.
    const drawer = page.locator('dialog.drawer');
    await drawer.evaluate((dialog) => Promise.all(dialog.getAnimations().map(({ finished }) => finished)));
    const box = await drawer.boundingBox();
    expect((box?.x ?? 999) + (box?.width ?? 999)).toBeLessThanOrEqual(360);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
  });

  it('shows warnings about the tenant list, in the list of runs and above the tenants of a run', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Runs');
    await page
      .getByRole('row', { name: /Access to each tenant/ })
      .first()
      .getByText('1 warning')
      .waitFor();
    await page
      .getByRole('row', { name: /Access to each tenant/ })
      .first()
      .getByRole('link')
      .first()
      .click();
    const notice = page.locator('.note.warn', { hasText: '1 warning about the tenant list' });
    await notice.getByText('TENANTS_EXCLUDE contains the domain typo.example').waitFor();
    const grid = await page.getByRole('grid').boundingBox();
    const box = await notice.boundingBox();
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThan(grid?.y ?? 0);
  });
});
