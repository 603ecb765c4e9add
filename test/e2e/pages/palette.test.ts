import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { skippedBecause } from '../../support/skipped.ts';
import { connectBrowser, leaveWindow, noBrowser, useWindow, type WatchedPage } from './browser.ts';
import { type FixtureBroker, startFixtureBroker } from './fixture/broker.ts';
import { openView } from './fixture/views.ts';
import { createWorld, type World } from './fixture/world.ts';
import { checkLooks } from './looks.ts';

/** Finding and doing by keyboard alone, over 5,000 customers of a fixture. */
describe('the palette', skippedBecause(noBrowser), () => {
  let world: World;
  let broker: FixtureBroker;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;

  beforeAll(async () => {
    world = createWorld(5_000, Date.now());
    [broker, browser] = await Promise.all([startFixtureBroker(world), connectBrowser()]);
  });
  afterAll(async () => {
    await browser?.close();
    await broker?.close();
  });
  afterEach(() => leaveWindow(page));

  const open = async (text: string): Promise<void> => {
    watched = await useWindow(browser, { width: 1440, height: 900 });
    ({ page } = watched);
    await openView(page, broker, world, 'overview');
    await page.keyboard.press('Control+k');
    // At once, as a person types.
    await page.keyboard.type(text);
    await page.getByRole('combobox', { name: 'Search or run' }).waitFor();
  };
  const chosen = () => page.locator('[role=option][aria-selected=true]');

  it('leads to a customer by a part of its name, domain or id', async () => {
    const { name, defaultDomain = '', tenantId } = world.tenants[4_321]!;
    for (const text of [name.slice(0, -1), defaultDomain, tenantId.slice(3)]) {
      await open(text.toUpperCase());
      await expect.poll(() => chosen().textContent()).toContain(name);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
      expect(page.url()).toContain(tenantId);
    }
    expect(watched.complaints).toEqual([]);
  });

  it('begins with what needs the reader, and the customers seen lately', async () => {
    const { name } = world.tenants[17]!;
    await open(name);
    await expect.poll(() => chosen().textContent()).toContain(name);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
    await page.keyboard.press('Control+k');
    const groups = page.locator('.palette h3');
    await expect.poll(() => groups.allTextContents()).toEqual(['Needs you', 'Seen lately', 'Actions', 'Pages']);
    await page.locator('.palette').getByRole('option', { name }).waitFor();
  });

  it('finds jobs, runs, views and actions, and opens a form with the customer that was found', async () => {
    const { name } = world.tenants[17]!;
    await open('licences');
    const groups = page.locator('.palette h3');
    await expect.poll(() => groups.allTextContents()).toEqual(['Actions', 'Jobs', 'Runs']);
    await page.keyboard.press('Control+a');
    await page.keyboard.type('audit');
    await expect.poll(() => chosen().textContent()).toBe('Audit');
    await page.keyboard.press('Control+a');
    await page.keyboard.type(name);
    await expect.poll(() => groups.allTextContents()).toContain('Actions');
    for (;;) {
      await page.keyboard.press('ArrowDown');
      if ((await chosen().textContent()) === `Run a job over ${name}…`) break;
    }
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: 'Access to each tenant' }).click();
    const dialog = page.getByRole('dialog', { name: 'Start Access to each tenant' });
    await dialog.getByRole('button', { name: `Remove ${name}` }).waitFor();
    await dialog.getByRole('button', { name: 'Start for 1 tenant' }).waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });

  it('says that nothing is found, and closes with Escape where it was opened', async () => {
    await open('no customer has this name');
    await page.getByText('Nothing here has this name.').waitFor();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    expect(await page.getByRole('dialog').count()).toBe(0);
    expect(page.url()).toContain('#/overview');
  });

  it('has no finding of axe, fits and has contrast, wide and narrow, light and dark', async () => {
    await open('a');
    await page.getByRole('option').first().waitFor();
    await checkLooks(page);
    expect(watched.complaints).toEqual([]);
  });
});
