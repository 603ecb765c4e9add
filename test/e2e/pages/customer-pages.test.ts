import type { Browser, Page, Route } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { skippedBecause } from '../../support/skipped.ts';
import { focusedText, tabTo } from './assistive.ts';
import { connectBrowser, leaveWindow, noBrowser, openPage, useWindow, type WatchedPage } from './browser.ts';
import { dashboardPage } from './dashboard-page.ts';
import { type FixtureBroker, startFixtureBroker } from './fixture/broker.ts';
import { openView, troubledTenant, type ViewName, views } from './fixture/views.ts';
import { createWorld, type World } from './fixture/world.ts';
import { checkLooks } from './looks.ts';

/*
 * Overview, tenants and one tenant, over answers of a fixture: 5,000 customers need no cloud of that size. That the pages
 * fit the real API is tested in dashboard.test.ts.
 */

describe.each([25, 5_000])('the pages over %i customers', skippedBecause(noBrowser), (size) => {
  let world: World;
  let broker: FixtureBroker;
  let browser: Browser;
  let watched: WatchedPage;

  beforeAll(async () => {
    world = createWorld(size, Date.now());
    [broker, browser] = await Promise.all([startFixtureBroker(world), connectBrowser()]);
  });
  afterAll(async () => {
    await browser?.close();
    await broker?.close();
  });
  afterEach(() => leaveWindow(watched.page));

  const open = async (view: ViewName): Promise<Page> => {
    watched = await useWindow(browser, { width: 1440, height: 900 });
    await openView(watched.page, broker, world, view);
    return watched.page;
  };

  // The other views do not depend on the number of customers.
  const shown = size === 25 ? views : (['overview', 'tenants'] as const);

  it.each(shown)('%s has no finding of axe, fits and has contrast, wide and narrow, light and dark', async (view) => {
    const page = await open(view);
    await checkLooks(page);
    expect(watched.complaints).toEqual([]);
  });

  it('works by keyboard alone: from the overview to a customer, and in the matrix by arrow keys', async () => {
    const page = await open('overview');
    await tabTo(page, (focused) => focused.textContent === 'All tenants');
    await page.keyboard.press('Enter');
    const grid = page.getByRole('grid', { name: 'Tenants' });
    await grid.waitFor();
    await tabTo(page, (focused) => focused.closest('[role=grid]') !== null);
    await page.keyboard.press('Control+End');
    const rows = await grid.getAttribute('aria-rowcount');
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.closest('[role=row]')?.getAttribute('aria-rowindex')))
      .toBe(rows);
    await page.keyboard.press('Home');
    const last = await focusedText(page);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: last }).waitFor();
    await expect.poll(() => focusedText(page)).toContain(last);
    expect(await page.title()).toBe(`${last} - Partner Token Broker`);
    await page.goBack();
    await grid.waitFor();
    // The Back button leads to the row that the reader left.
    await expect.poll(() => focusedText(page)).toBe(last);
    expect(await page.title()).toBe('Tenants - Partner Token Broker');
    // Below the heading over the first cause.
    await page.keyboard.press('Control+Home');
    await page.keyboard.press('ArrowDown');
    const first = await focusedText(page);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: first }).waitFor();
    await tabTo(page, (focused) => focused.textContent === 'Tenants');
    await page.keyboard.press('Enter');
    await grid.waitFor();
  });

  it('keeps few rows in the document, and tells screen readers their true number', async () => {
    const page = await open('tenants');
    const rows = Number(await page.getByRole('grid').getAttribute('aria-rowcount'));
    // With the heading and those over the causes.
    expect(rows - size).toBeGreaterThan(1);
    expect(rows - size).toBeLessThan(14);
    expect(await page.getByRole('row').count()).toBeLessThan(60);
  });

  it('keeps filter and order in the address: reload, back and a shared link show the same', async () => {
    const page = await open('tenants');
    const status = page.locator('main [role=status]').first();
    const wanted = world.tenants.find(({ name }) => name.startsWith('Juniper')) ?? world.tenants[0];
    await page.getByLabel('Search', { exact: true }).fill(wanted?.defaultDomain ?? '');
    await page.getByText(/^1 of /).waitFor();
    expect(page.url()).toContain(`search=${wanted?.defaultDomain}`);
    await page.getByLabel('Search', { exact: true }).fill('');
    const needed = page.getByRole('group', { name: 'Show' }).getByRole('button', { name: /^Need you/ });
    await needed.click();
    const text = await status.textContent();
    await page.getByRole('rowheader').first().getByRole('link').click();
    await page.getByRole('heading', { name: 'Relationship', exact: true }).waitFor();
    await page.goBack();
    await page.getByRole('grid').waitFor();
    expect([await status.textContent(), await needed.getAttribute('aria-pressed')]).toEqual([text, 'true']);
    await page.getByRole('columnheader', { name: 'Tenant', exact: true }).getByRole('button').click();
    expect(page.url()).toContain('sort=tenant');
  });

  it('copies the command for the customer', async () => {
    const page = await open('tenant');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Copy the command' }).first().click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain(troubledTenant(world)?.defaultDomain);
  });
});

describe('the overview while the broker', skippedBecause(noBrowser), () => {
  let world: World;
  let broker: FixtureBroker;
  let browser: Browser;
  let watched: WatchedPage;

  beforeAll(async () => {
    world = createWorld(25, Date.now());
    [broker, browser] = await Promise.all([startFixtureBroker(world), connectBrowser()]);
  });
  afterAll(async () => {
    await browser?.close();
    await broker?.close();
  });
  afterEach(async () => {
    await watched.page.unrouteAll({ behavior: 'ignoreErrors' });
    await watched.page.close();
  });

  const open = async (): Promise<Page> => {
    watched = await openPage(browser);
    await watched.page.clock.install({ time: world.nowMs });
    await openView(watched.page, broker, world, 'overview');
    return watched.page;
  };
  const causes = (page: Page): Promise<number> => page.locator('.cause').count();

  it.each([
    ['is down', (route: Route) => route.abort(), 'The broker does not answer'],
    [
      'is starting',
      (route: Route) => route.fulfill({ status: 503, body: 'Function host is not running.' }),
      'The broker returned HTTP 503',
    ],
    [
      'limits the rate',
      (route: Route) =>
        route.fulfill({
          status: 429,
          headers: { 'retry-after': '20' },
          json: { code: 'caller_throttled', title: 'The caller sends too many requests', detail: 'Wait 20 seconds.' },
        }),
      'The caller sends too many requests',
    ],
  ])('%s says so once, keeps its data and recovers by itself', async (_, answer, title) => {
    const page = await open();
    const before = await causes(page);
    await page.route('**/api/**', answer);
    await page.clock.runFor(61_000);
    await page.getByRole('alert').getByText(title).waitFor();
    expect(await page.getByRole('alert').count()).toBe(1);
    expect(await page.getByRole('alert').textContent()).toMatch(/shows what it had at .* tries again at/);
    expect(await causes(page)).toBe(before);
    await page.unroute('**/api/**');
    await page.clock.runFor(61_000);
    await page.getByRole('alert').waitFor({ state: 'detached' });
    expect(await causes(page)).toBe(before);
  });

  it('is slow says so, and shows the answer when it comes', async () => {
    watched = await openPage(browser);
    const { page } = watched;
    await page.clock.install({ time: world.nowMs });
    const waiting: Route[] = [];
    await page.route('**/api/tenants', (route) => void waiting.push(route));
    await page.goto(`${broker.url}/api/dashboard#/tenants`);
    await dashboardPage(page).signIn(broker.token);
    await expect.poll(() => waiting.length).toBe(1);
    await page.getByText('Loading…').waitFor();
    await page.clock.runFor(5_000);
    await page.getByText('The broker is slow to answer.').waitFor();
    await waiting[0]?.continue();
    await page.getByRole('grid').waitFor();
    expect(await page.getByText('The broker is slow to answer.').count()).toBe(0);
  });
});
