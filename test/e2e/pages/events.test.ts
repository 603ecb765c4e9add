import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { skippedBecause } from '../../support/skipped.ts';
import { focusedText } from './assistive.ts';
import { connectBrowser, noBrowser, openPage, type WatchedPage } from './browser.ts';
import { type FixtureBroker, startFixtureBroker } from './fixture/broker.ts';
import { openView } from './fixture/views.ts';
import { createWorld, type World } from './fixture/world.ts';

describe('the page of events', skippedBecause(noBrowser), () => {
  let world: World;
  let broker: FixtureBroker;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;

  beforeAll(async () => {
    world = createWorld(120, Date.now());
    [broker, browser] = await Promise.all([startFixtureBroker(world), connectBrowser()]);
  });
  afterAll(async () => {
    await browser?.close();
    await broker?.close();
  });
  beforeEach(async () => {
    watched = await openPage(browser);
    page = watched.page;
    await page.clock.install({ time: world.nowMs });
    await openView(page, broker, world, 'events');
  });
  afterEach(async () => {
    if (watched.complaints.length > 0) throw new Error(`the browser reported: ${watched.complaints.join('; ')}`);
    await page.close();
  });

  const names = (): Promise<string[]> => page.locator('.event td:nth-child(2) a').allTextContents();
  const status = () => page.locator('main [role=status]').first().textContent();

  it('shows a new event on top by itself, once', async () => {
    const [newest] = world.events;
    const [first] = await names();
    expect(first).toBe(newest?.tenantName);
    const tenantId = '00000000-0000-4000-8000-0000000000ff';
    const named = { tenantId, id: 'latest', tenantName: 'Latecomer Ltd' };
    // Equal ones of a minute are one line.
    const at = new Date(Date.parse(newest!.at) + 60_000).toISOString();
    const latest = { ...newest!, ...named, at, sequence: newest!.sequence + 1 };
    world.events.unshift(latest);
    try {
      await page.clock.runFor(31_000);
      await page.getByRole('link', { name: 'Latecomer Ltd', exact: true }).waitFor();
      await page.clock.runFor(31_000);
      expect((await names()).slice(0, 2)).toEqual(['Latecomer Ltd', first]);
      expect((await names()).filter((name) => name === 'Latecomer Ltd')).toHaveLength(1);
    } finally {
      world.events.shift();
    }
  });

  it('reads older events by keyboard, and says when there are none left', async () => {
    expect(await status()).toBe('100 events so far. ');
    for (const text of ['200 events so far. ', '240 events. ']) {
      await page.getByRole('button', { name: 'Show older events' }).focus();
      await page.keyboard.press('Enter');
      await expect.poll(status).toBe(text);
    }
    await expect.poll(() => focusedText(page)).toBe('There are no older events.');
  });

  it('keeps its filter in the address, so that a link and the Back button show the same', async () => {
    const [kinds, marks] = [0, 1].map((at) => page.getByRole('form', { name: 'Filter' }).locator('select').nth(at));
    await kinds?.selectOption('Access is lost');
    await expect.poll(() => page.url()).toMatch(/#\/events\?kind=lost$/);
    await expect.poll(() => page.locator('.event .badge').allTextContents()).not.toContain('Access is back');
    const tag = world.tenants.find(({ tags = [] }) => tags.length > 0)?.tags?.[0] ?? '';
    await marks?.selectOption(`tag:${tag}`);
    await expect.poll(() => page.url()).toContain('tenants=tag%3A');
    const marked = new Set(world.tenants.flatMap(({ name, tags = [] }) => (tags.includes(tag) ? [name] : [])));
    await expect.poll(async () => (await names()).every((name) => marked.has(name))).toBe(true);
    await page.goBack();
    await expect.poll(() => marks?.inputValue()).toBe('');
    await page.getByRole('link', { name: 'Show all events' }).click();
    await expect.poll(() => page.url()).toMatch(/#\/events$/);
  });

  it('leads to the tenant, whose page shows its own events and leads to all of them', async () => {
    const [first = ''] = await names();
    await page.getByRole('link', { name: first }).first().click();
    const section = page.getByRole('region', { name: 'What happened' });
    await section.locator('.event').first().waitFor();
    const { tenantId } = world.events[0]!;
    // The audit log and the failed nights have more of it.
    expect(await section.locator('.event').count()).toBeGreaterThan(2);
    await page.evaluate((id) => {
      location.hash = `#/events?tenants=${id}`;
    }, tenantId);
    await page.locator('table.events').first().waitFor();
    await expect.poll(names).toEqual([first, first]);
  });
});
