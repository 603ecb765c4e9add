/**
 * `npm run screenshots [-- FOLDER]`: takes pictures of the dashboard over made-up customers, at two widths and in both
 * colour schemes. Without a folder it writes those of the documentation.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { startFixtureBroker } from './fixture/broker.ts';
import { openView, views } from './fixture/views.ts';
import { createWorld } from './fixture/world.ts';

/** The pictures show this moment. */
const nowMs = Date.parse('2026-11-24T07:10:00Z');
const folder = process.argv[2];
const widths = folder === undefined ? [1440] : [1440, 390];
const schemes = folder === undefined ? (['light'] as const) : (['light', 'dark'] as const);
const target = folder ?? join(import.meta.dirname, '../../../docs/dashboard');

const world = createWorld(folder === undefined ? 400 : Number(process.argv[3] ?? 400), nowMs);
const broker = await startFixtureBroker(world);
const browser = await chromium.launch({
  executablePath: process.env['PTB_CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
await mkdir(target, { recursive: true });
for (const width of widths) {
  for (const colorScheme of schemes) {
    const context = await browser.newContext({
      viewport: { width, height: width < 600 ? 844 : 900 },
      colorScheme,
      timezoneId: 'Europe/Vienna',
    });
    for (const view of views) {
      const page = await context.newPage();
      await page.clock.setFixedTime(nowMs);
      await openView(page, broker, world, view);
      const name = folder === undefined ? view : `${view}-${width}-${colorScheme}`;
      await page.screenshot({ path: join(target, `${name}.png`), fullPage: true });
      await page.close();
    }
    await context.close();
  }
}
await browser.close();
await broker.close();
