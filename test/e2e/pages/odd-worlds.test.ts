import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skippedBecause } from '../../support/skipped.ts';
import { findings } from './assistive.ts';
import { connectBrowser, noBrowser, openPage, type WatchedPage } from './browser.ts';
import { dashboardPage } from './dashboard-page.ts';
import { type FixtureBroker, startFixtureBroker } from './fixture/broker.ts';
import { newestRun, openView, troubledTenant } from './fixture/views.ts';
import { createWorld, type World } from './fixture/world.ts';

/* Customers with odd names, none, one or very many of them, and readers with large letters or other colours. */

const odd = [
  `${'Sehr Lange Firma mit Haftung '.repeat(7)}GmbH`,
  'شركة الأمل للتجارة المحدودة',
  '🏔️ Alpine 🏔️ Adventures 🏔️',
  '<img src=x onerror="document.title=1">',
  'Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle'.repeat(2),
];
const withOddNames = (world: World): World => ({
  ...world,
  tenants: world.tenants.map((tenant, index) => ({ ...tenant, name: odd[index % odd.length] ?? '' })),
});

describe('the pages', skippedBecause(noBrowser), () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await connectBrowser();
  });
  afterAll(() => browser?.close());

  const over = async (
    world: World,
    work: (page: Page, broker: FixtureBroker, watched: WatchedPage) => Promise<void>,
    options: Parameters<typeof openPage>[1] = {},
  ): Promise<void> => {
    const broker = await startFixtureBroker(world);
    const watched = await openPage(browser, { viewport: { width: 1440, height: 900 }, ...options });
    try {
      await work(watched.page, broker, watched);
      expect(watched.complaints).toEqual([]);
    } finally {
      await watched.page.context().close();
      await broker.close();
    }
  };
  const excess = (page: Page): Promise<number> =>
    page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  const goTo = (page: Page, hash: string): Promise<void> =>
    page.evaluate((next) => {
      location.hash = next;
    }, hash);

  it.each([1440, 390, 320])('show odd names as text within %i px', async (width) => {
    const world = withOddNames(createWorld(25, Date.now()));
    await over(
      world,
      async (page, broker) => {
        await openView(page, broker, world, 'overview');
        for (const hash of [
          '#/overview',
          '#/tenants',
          `#/tenants/${troubledTenant(world)?.tenantId}`,
          `#/runs/${encodeURIComponent(newestRun(world))}?show=tenants`,
          '#/events',
          '#/runs',
          '#/audit',
        ]) {
          await goTo(page, hash);
          await page.locator('h1').waitFor();
          await page.locator('.loading-rows').first().waitFor({ state: 'detached' });
          expect([hash, await excess(page), await page.locator('main img').count()]).toEqual([hash, 0, 0]);
        }
      },
      { viewport: { width, height: 900 } },
    );
  });

  it.each([
    [0, 'There are no tenants yet'],
    [1, 'No tenant needs you'],
    [20_000, / of 20,000 tenants need you$/],
  ])('show %i tenants', async (size, title) => {
    const world = createWorld(size, Date.now());
    await over(world, async (page, broker) => {
      await page.goto(`${broker.url}/api/dashboard`);
      await dashboardPage(page).signIn(broker.token);
      await page.getByRole('heading', { level: 1, name: title }).waitFor();
      await dashboardPage(page).view('Tenants');
      await page.getByText(size === 0 ? 'There is no customer tenant' : `All ${size.toLocaleString('en')}`).waitFor();
      expect(await page.getByRole('row').count()).toBeLessThan(60);
      expect(await excess(page)).toBe(0);
    });
  });

  it('show no history, no job and nothing that waits', async () => {
    const world = { ...createWorld(3, Date.now()), jobs: [], runs: [], events: [], approvals: [] };
    await over(world, async (page, broker) => {
      await page.goto(`${broker.url}/api/dashboard`);
      await dashboardPage(page).signIn(broker.token);
      await page.getByText('There are no jobs.').waitFor();
      for (const [view, text] of [
        ['Runs', 'There are no runs.'],
        ['Events', 'Nothing has happened yet.'],
        ['Jobs', 'There are no jobs.'],
      ] as const) {
        await dashboardPage(page).view(view);
        await page.getByText(text).waitFor();
        expect(await findings(page)).toEqual([]);
      }
    });
  });

  it('lead back from an address that names no view', async () => {
    await over(createWorld(3, Date.now()), async (page, broker) => {
      await page.goto(`${broker.url}/api/dashboard#/nonsense`);
      await dashboardPage(page).signIn(broker.token);
      await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
      await page.setViewportSize({ width: 390, height: 844 });
      await page.getByRole('main').getByRole('button', { name: 'Search or run…' }).click();
      await page.getByRole('combobox').fill('overview');
      await page.keyboard.press('Escape');
      await page.getByRole('link', { name: 'Go to the overview' }).click();
      await expect.poll(() => page.url()).toMatch(/#\/overview$/);
    });
  });

  it('fit at 200 % of the letters, and in forced colours', async () => {
    const world = createWorld(25, Date.now());
    await over(
      world,
      async (page, broker) => {
        await openView(page, broker, world, 'overview');
        await page.evaluate(() => {
          document.documentElement.style.fontSize = '200%';
        });
        for (const view of ['Overview', 'Tenants', 'Runs', 'Events', 'Audit'] as const) {
          await dashboardPage(page).view(view);
          expect([view, await excess(page)]).toEqual([view, 0]);
        }
      },
      { forcedColors: 'active', reducedMotion: 'reduce' },
    );
  });

  it('print a customer as a report: without menu and buttons', async () => {
    const world = createWorld(25, Date.now());
    await over(world, async (page, broker) => {
      await openView(page, broker, world, 'tenant');
      await page.getByRole('link', { name: 'Customer report' }).click();
      await page.getByRole('button', { name: 'Print' }).waitFor();
      await page.emulateMedia({ media: 'print' });
      expect(await page.getByRole('navigation', { name: 'Views' }).isVisible()).toBe(false);
      expect(await page.locator('button:visible').count()).toBe(0);
      await page.getByText('From our audit log since').waitFor();
    });
  });

  it('keep what they had while the broker is down, also in a view that is opened again', async () => {
    const world = createWorld(25, Date.now());
    const broker = await startFixtureBroker(world);
    const { page } = await openPage(browser);
    try {
      await openView(page, broker, world, 'tenants');
      await dashboardPage(page).view('Jobs');
      await page.locator('table.jobs').waitFor();
      await page.route('**/api/**', (route) => route.abort());
      await dashboardPage(page).view('Tenants');
      await page
        .getByRole('alert')
        .getByText(/The page shows what it had at/)
        .waitFor();
      expect(await page.getByRole('row').count()).toBeGreaterThan(5);
    } finally {
      await page.context().close();
      await broker.close();
    }
  });
});
