import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { skippedBecause } from '../../support/skipped.ts';
import { findings, focusedText, tabTo } from './assistive.ts';
import { connectBrowser, leaveWindow, noBrowser, useWindow, type WatchedPage } from './browser.ts';
import { type FixtureBroker, startFixtureBroker } from './fixture/broker.ts';
import { newestRun, openView, runViews, type ViewName } from './fixture/views.ts';
import { createWorld, type World } from './fixture/world.ts';
import { checkLooks } from './looks.ts';

/*
 * The list of runs and the page of a run, over answers of a fixture: 5,000 customers need no cloud of that size. That the
 * pages fit the real API is tested in dashboard.test.ts and run-actions.test.ts.
 */

/** Starts a fixture for the tests of one group. */
function runPages(size: number) {
  const fixture = {} as { world: World; broker: FixtureBroker; watched: WatchedPage };
  let browser: Browser;

  beforeAll(async () => {
    fixture.world = createWorld(size, Date.now());
    [fixture.broker, browser] = await Promise.all([startFixtureBroker(fixture.world), connectBrowser()]);
  });
  afterAll(async () => {
    await browser?.close();
    await fixture.broker?.close();
  });
  afterEach(() => leaveWindow(fixture.watched.page));
  const open = async (view: ViewName): Promise<Page> => {
    fixture.watched = await useWindow(browser, { width: 1440, height: 900 });
    await openView(fixture.watched.page, fixture.broker, fixture.world, view);
    return fixture.watched.page;
  };
  return { fixture, open };
}

const rowCount = async (page: Page): Promise<number> =>
  Number(await page.getByRole('grid').getAttribute('aria-rowcount'));

describe('the pages of runs', skippedBecause(noBrowser), () => {
  const { fixture, open } = runPages(25);

  it.each(runViews)(
    '%s has no finding of axe, fits and has contrast, wide and narrow, light and dark',
    async (view) => {
      await checkLooks(await open(view));
      expect(fixture.watched.complaints).toEqual([]);
    },
  );

  it('filters by column, chooses columns and shows a whole row, without a finding of axe', async () => {
    const page = await open('rows');
    await page.getByText('Filter by column').click();
    await page.getByRole('combobox', { name: 'Column' }).selectOption('free');
    await page.getByLabel('Condition').selectOption('at most');
    await page.getByLabel('Value').fill('3');
    await page.getByRole('button', { name: 'Add filter' }).click();
    await page.getByRole('list', { name: 'Filters' }).getByText('Free at most 3').waitFor();
    const few = await rowCount(page);
    await page.getByText(/^Columns \d+ of \d+$/).click();
    await page.getByRole('checkbox', { name: 'SKU id' }).check();
    // It may not fit.
    await page.getByRole('checkbox', { name: 'Free' }).check();
    await page.getByRole('columnheader', { name: 'SKU id' }).waitFor();
    await page.getByRole('columnheader', { name: 'Free' }).getByRole('button').click();
    await checkLooks(page);
    await page.getByRole('button', { name: 'Remove the filter on Free' }).click();
    expect(await rowCount(page)).toBeGreaterThan(few);
    await page.getByRole('rowheader').first().click();
    await page.getByRole('dialog').getByText('Tenant id').waitFor();
    await checkLooks(page);
    expect(fixture.watched.complaints).toEqual([]);
  });

  it('keeps the filter of the list in the address: reload, back and a shared link show the same', async () => {
    const page = await open('runs');
    await page.getByLabel('Outcome').selectOption('stopped');
    await page.getByLabel('Job').selectOption('licence-report');
    const status = page.locator('main [role=status]').first();
    await expect.poll(() => status.textContent()).toBe('1 run');
    expect(page.url()).toContain('#/runs?job=licence-report&outcome=stopped');
    await page.getByRole('link', { name: 'Licences per tenant' }).click();
    await page.getByText('The refresh token was revoked').waitFor();
    await page.goBack();
    await expect.poll(() => status.textContent()).toBe('1 run');
    expect(await page.getByLabel('Outcome').inputValue()).toBe('stopped');
  });

  it('keeps rows and tenants while the broker limits requests, says so, and recovers by itself', async () => {
    const problem = { title: 'Too many requests', code: 'caller_throttled', detail: 'Slow down.', advice: 'Wait.' };
    const busy = { status: 429, headers: { 'retry-after': '2' }, json: problem };
    const page = await open('run');
    await page.route('**/results?**', (route) => route.fulfill(busy), { times: 1 });
    await page.getByRole('navigation', { name: 'Parts of the run' }).getByText('Rows').click();
    await page.getByRole('alert').getByText('Slow down.').waitFor();
    await page.getByText('The page tries again at').waitFor();
    await page.getByRole('grid', { name: 'Rows of the run' }).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('says that a run does not exist', async () => {
    const page = await open('runs');
    await page.goto(new URL(`#/runs/${encodeURIComponent(newestRun(fixture.world))}x`, page.url()).href);
    const alert = page.getByRole('alert');
    await alert.getByText('The fixture has no such route.').waitFor();
    expect(await alert.count()).toBe(1);
  });
});

describe('the page of a run over 5,000 customers', skippedBecause(noBrowser), () => {
  const { fixture, open } = runPages(5_000);

  it('works by keyboard alone: from the list to a run, its rows and one of them', async () => {
    const page = await open('runs');
    await tabTo(page, (focused) => focused.getAttribute('aria-expanded') === 'false');
    await page.keyboard.press('Enter');
    await tabTo(page, (focused) => focused.textContent === 'Licences per tenant');
    await page.keyboard.press('Enter');
    await page.getByRole('grid', { name: 'Tenants of the run' }).waitFor();
    await tabTo(page, (focused) => (focused.textContent ?? '').startsWith('Rows'));
    await page.keyboard.press('Enter');
    const grid = page.getByRole('grid', { name: 'Rows of the run' });
    await grid.waitFor();
    await tabTo(page, (focused) => focused.closest('[role=grid]') !== null);
    await page.keyboard.press('Control+End');
    // The row of totals is not for the keyboard: it has nothing to open.
    await page.getByRole('gridcell', { name: 'Total' }).waitFor();
    const last = String((await rowCount(page)) - 1);
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.closest('[role=row]')?.getAttribute('aria-rowindex')))
      .toBe(last);
    await page.keyboard.press('Home');
    const name = await focusedText(page);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name }).waitFor();
    await page.keyboard.press('Escape');
    expect(await focusedText(page)).toBe(name);
  });

  it('keeps few rows in the document, tells screen readers their true number, and has no finding of axe', async () => {
    const page = await open('run');
    await page.locator('[role=grid] [tabindex="0"]').focus();
    // The last line is that of the tenants that succeeded, which opens.
    for (const key of ['Control+End', 'Enter', 'Control+Home']) await page.keyboard.press(key);
    // With the heading and those over the causes.
    await expect.poll(() => rowCount(page)).toBeGreaterThan(5_001);
    expect(await rowCount(page)).toBeLessThan(5_015);
    expect(await page.getByRole('row').count()).toBeLessThan(60);
    expect(await findings(page)).toEqual([]);
  });

  it('holds at most 20,000 rows, and says so', async () => {
    const page = await open('rows');
    await page.getByText(/This page holds the first 20,000 rows of 2\d,\d{3}/).waitFor();
    // With the heading and the totals.
    await expect.poll(() => rowCount(page)).toBe(20_002);
    expect(await page.getByRole('row').count()).toBeLessThan(60);
    expect(fixture.watched.complaints).toEqual([]);
  });
});
