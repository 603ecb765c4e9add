/**
 * `npm run screenshots`: takes the pictures of the dashboard in docs, over made-up customers.
 * `npm run screenshots -- FOLDER [TENANTS]`: takes every view as a whole into a folder, at two widths and in both colour
 * schemes, to look at after a change.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { launchOptions } from './browser-server.ts';
import { startFixtureBroker } from './fixture/broker.ts';
import { openView, runViews, type ViewName, views } from './fixture/views.ts';
import { createWorld } from './fixture/world.ts';

interface Picture {
  readonly view: ViewName;
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly colorScheme: 'light' | 'dark';
  readonly fullPage: boolean;
}

/** The pictures show this moment. */
const nowMs = Date.parse('2026-11-24T07:10:00Z');

const docs = join(import.meta.dirname, '../../../docs');
const ofDocs: readonly Picture[] = [
  { view: 'overview', path: join(docs, 'dashboard.png'), height: 1260 },
  { view: 'tenants', path: join(docs, 'dashboard-tenants.png'), height: 640 },
  { view: 'tenant', path: join(docs, 'dashboard-tenant.png'), height: 640 },
  { view: 'job', path: join(docs, 'dashboard-job.png'), height: 670 },
].map((picture) => ({
  ...picture,
  view: picture.view as ViewName,
  width: 1360,
  colorScheme: 'light',
  fullPage: false,
}));

const toLookAt = (folder: string): readonly Picture[] =>
  [...views, ...runViews].flatMap((view) =>
    [1440, 390].flatMap((width) =>
      (['light', 'dark'] as const).map((colorScheme) => {
        const path = join(folder, `${view}-${width}-${colorScheme}.png`);
        return { view, path, width, height: 900, colorScheme, fullPage: true };
      }),
    ),
  );

const [folder, tenants = '40'] = process.argv.slice(2);
if (folder !== undefined) await mkdir(folder, { recursive: true });
const world = createWorld(Number(tenants), nowMs);
const broker = await startFixtureBroker(world);
const browser = await chromium.launch(launchOptions);
for (const { view, path, width, height, colorScheme, fullPage } of folder === undefined ? ofDocs : toLookAt(folder)) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme, timezoneId: 'Europe/Vienna' });
  await page.clock.setFixedTime(nowMs);
  await openView(page, broker, world, view);
  await page.mouse.move(0, 0);
  // Trends come after the view.
  await page.waitForLoadState('networkidle');
  await page.screenshot({ path, fullPage });
  await page.close();
}
await browser.close();
await broker.close();
