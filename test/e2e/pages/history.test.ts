import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skippedBecause } from '../../support/skipped.ts';
import { focusedText, tabTo } from './assistive.ts';
import { connectBrowser, noBrowser, openPage, type WatchedPage } from './browser.ts';
import { type FixtureBroker, startFixtureBroker } from './fixture/broker.ts';
import { openView, type ViewName } from './fixture/views.ts';
import { createWorld, type World } from './fixture/world.ts';

/*
 * The charts of a tenant and of a job over 90 nights. That they have no finding of axe, fit and have contrast is tested in
 * customer-pages.test.ts, that they fit the real API in dashboard.test.ts.
 */

describe('the numbers over time', skippedBecause(noBrowser), () => {
  let world: World;
  let broker: FixtureBroker;
  let browser: Browser;
  let watched: WatchedPage;

  beforeAll(async () => {
    world = createWorld(25, Date.parse('2026-11-24T07:10:00Z'));
    [broker, browser] = await Promise.all([startFixtureBroker(world), connectBrowser()]);
    // One window for all tests, with the time of the world.
    watched = await openPage(browser, { timezoneId: 'UTC' });
    await watched.page.clock.setFixedTime(world.nowMs);
  });
  afterAll(async () => {
    await browser?.close();
    await broker?.close();
  });

  const open = async (view: ViewName): Promise<Page> => {
    await openView(watched.page, broker, world, view);
    return watched.page;
  };
  const marked = (page: Page): Promise<string> => page.locator('.chart-marked').innerText();

  it('are read by keyboard alone, run by run and as a table', async () => {
    const page = await open('job');
    await tabTo(page, (focused) => focused.getAttribute('role') === 'slider');
    const slider = page.getByRole('slider', { name: 'Run of the chart Free' });
    const spoken = () => slider.getAttribute('aria-valuetext');
    expect(await spoken()).toMatch(/^24 Nov(?: 2026)?, 05:00: 4, 92 over 23 of 25 tenants$/);
    for (let presses = 0; presses < 9; presses += 1) await page.keyboard.press('ArrowLeft');
    await expect.poll(spoken).toMatch(/^15 Nov(?: 2026)?, 05:00: no number, stopped over 5 of 25 tenants$/);
    expect(await marked(page)).toContain('no number');
    await page.keyboard.press('Home');
    await expect.poll(spoken).toMatch(/^27 Aug(?: 2026)?, 05:00: /);
    // The run is at the head of the chart.
    await page.keyboard.press('Shift+Tab');
    expect(await focusedText(page)).toMatch(/^27 Aug(?: 2026)?, 05:00$/);
    await tabTo(page, (focused) => focused.textContent === 'Show as a table');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('.history-table tbody tr').count()).toBe(90);
    const [newest] = await page.locator('.history-table tbody tr').allInnerTexts();
    expect(newest?.split(/\s*\t\s*/)).toEqual(['24 Nov, 05:00', '92 over 23 of 25 tenants', '69', '4']);
  });

  it('show the run that the pointer is at', async () => {
    const page = await open('tenant');
    const area = page.locator('.chart-area');
    const { width = 0, height = 0 } = (await area.boundingBox()) ?? {};
    await area.hover({ position: { x: 1, y: height / 2 } });
    await expect.poll(() => marked(page)).toContain('27 Aug');
    await area.hover({ position: { x: width - 1, y: height / 2 } });
    await expect.poll(() => marked(page)).toContain('24 Nov');
    await area.hover({ position: { x: width / 2, y: height / 2 } });
    await expect.poll(() => marked(page)).toContain('10 Oct');
  });

  it('break the line where a run has no number', async () => {
    const page = await open('tenant');
    // Five failed nights at the end, night 9, night 33, and nights 47 and 48.
    expect(await page.locator('.history-chart .c-line').count()).toBe(4);
    expect(await page.locator('.history-chart path.gap').count()).toBe(9);
    expect(watched.complaints).toEqual([]);
  });

  it('stay as they were chosen after a reload and in a link, and the Back button leaves the page', async () => {
    const page = await open('tenants');
    await page.getByRole('rowheader').first().getByRole('link').click();
    await page.getByLabel('Number').selectOption('Free');
    await page.getByLabel('Period').selectOption('30 days');
    await page.getByLabel('Product').selectOption('Microsoft 365 E3');
    const chosen = async () => [
      await page.getByLabel('Number').inputValue(),
      await page.getByLabel('Period').inputValue(),
      await page.getByLabel('Product').inputValue(),
      await page.locator('.history-chart .c-area').first().isVisible(),
    ];
    const wanted = ['free', '30', 'Microsoft 365 E3', true];
    await expect.poll(chosen).toEqual(wanted);
    await expect
      .poll(() => page.locator('.history-chart figcaption').textContent())
      .toMatch(/^Free, Microsoft 365 E3: /);
    const link = page.url();
    expect(link).toContain('column=free');
    await page.goBack();
    await page.getByRole('grid').waitFor();
    await page.goto(link);
    await page.locator('.history-chart').waitFor();
    expect(await chosen()).toEqual(wanted);
  });

  it('lead from the list of jobs to a job, and from there to its runs', async () => {
    const page = await open('jobs');
    await page.getByRole('link', { name: 'Licences per tenant' }).click();
    await page.getByRole('heading', { level: 1, name: 'Licences per tenant' }).waitFor();
    await expect.poll(() => focusedText(page)).toBe('Licences per tenant');
    expect(await page.title()).toBe('Licences per tenant - Partner Token Broker');
    await page.getByRole('link', { name: 'Runs of this job' }).click();
    await page.locator('table.runs').waitFor();
    expect(page.url()).toContain('#/runs?job=licence-report');
    expect(watched.complaints).toEqual([]);
  });
});
