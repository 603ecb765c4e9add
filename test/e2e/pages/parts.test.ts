import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPages } from '../../../tools/build-pages.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { findings } from './assistive.ts';
import { connectBrowser, noBrowser, openPage, poorContrast } from './browser.ts';
import { type FixtureBroker, startFixtureBroker } from './fixture/broker.ts';
import { createWorld } from './fixture/world.ts';

/*
 * The parts of the pages, in pictures. To accept a change after looking at it: ACCEPT_PICTURES=1 npx vitest run with this
 * file.
 */

const pictures = join(import.meta.dirname, 'pictures');

const looks = [
  ['', 1440, 'light'],
  ['', 1440, 'dark'],
  ['', 390, 'light'],
  ['', 390, 'dark'],
  ['dialog', 1440, 'light'],
  ['drawer', 390, 'dark'],
] as const;

/**
 * The share of blocks of 8 by 8 pixels that differ, as their averages do: the edges of letters may be drawn otherwise.
 * 1 for pictures of different sizes.
 */
const difference = (page: Page, pngs: readonly [accepted: string, now: string]): Promise<number> =>
  page.evaluate(async ([accepted, now]) => {
    const block = 8;
    const averages = async (base64: string) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const [width, height] = [Math.ceil(image.width / block), Math.ceil(image.height / block)];
      const canvas = new OffscreenCanvas(width, height).getContext('2d');
      if (canvas === null) throw new Error('there is no canvas');
      canvas.imageSmoothingQuality = 'high';
      canvas.drawImage(image, 0, 0, width, height);
      return { size: `${image.width} ${image.height}`, data: canvas.getImageData(0, 0, width, height).data };
    };
    const [a, b] = [await averages(accepted), await averages(now)];
    if (a.size !== b.size) return 1;
    let different = 0;
    for (let at = 0; at < a.data.length; at += 4)
      if ([0, 1, 2].some((channel) => Math.abs((a.data[at + channel] ?? 0) - (b.data[at + channel] ?? 0)) > 20))
        different += 1;
    return different / (a.data.length / 4);
  }, pngs);

/** Of all blocks. A badge in another colour is more. */
const tolerated = 0.0005;

describe('the parts', skippedBecause(noBrowser), () => {
  let folder: string;
  let broker: FixtureBroker;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ptb-parts-'));
    await buildPages(folder, ['parts']);
    [broker, browser] = await Promise.all([startFixtureBroker(createWorld(1, Date.now()), folder), connectBrowser()]);
    ({ page } = await openPage(browser, { reducedMotion: 'reduce' }));
  });
  afterAll(async () => {
    await browser?.close();
    await broker?.close();
    await rm(folder, { recursive: true });
  });

  const open = async (shown: string, width: number, colorScheme: 'light' | 'dark'): Promise<void> => {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    await page.goto('about:blank');
    await page.goto(`${broker.url}/api/parts#${shown}`);
    await page.locator('h1').waitFor();
  };

  it.each(looks)('%s at %i in %s look as they were accepted, without a finding of axe', async (...look) => {
    const [shown, width, colorScheme] = look;
    await open(...look);
    const name = [...(shown === '' ? ['parts'] : [shown]), width, colorScheme].join('-');
    const file = join(pictures, `${name}.png`);
    const now = await page.screenshot({ fullPage: shown === '' });
    expect([await poorContrast(page), await findings(page)]).toEqual([[], []]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
    if (process.env['ACCEPT_PICTURES'] !== undefined) return writeFile(file, now);
    const accepted = await readFile(file);
    const share = await difference(page, [accepted.toString('base64'), now.toString('base64')]);
    // For whoever looks into a failure.
    if (share > tolerated) await writeFile(join(tmpdir(), `ptb-${name}.png`), now);
    expect(share).toBeLessThanOrEqual(tolerated);
  });

  it('are seen to differ if one of them has another colour', async () => {
    await open('', 1440, 'light');
    const before = (await page.screenshot({ fullPage: true })).toString('base64');
    expect(await difference(page, [before, before])).toBe(0);
    await page
      .locator('.badge.bad')
      .first()
      .evaluate((badge) => badge.classList.replace('bad', 'idle'));
    const after = (await page.screenshot({ fullPage: true })).toString('base64');
    expect(await difference(page, [before, after])).toBeGreaterThan(tolerated);
  });
});
