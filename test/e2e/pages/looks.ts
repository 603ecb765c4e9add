import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { findings } from './assistive.ts';
import { poorContrast } from './browser.ts';

/** Of a screen and a phone. axe looks at each width once, and at each colour scheme. */
const looks = [
  { width: 1440, colorScheme: 'dark', axe: false },
  { width: 1440, colorScheme: 'light', axe: true },
  { width: 390, colorScheme: 'light', axe: false },
  { width: 390, colorScheme: 'dark', axe: true },
] as const;

/** Checks that a page has no finding of axe, fits and has contrast, wide and narrow, light and dark. */
export async function checkLooks(page: Page): Promise<void> {
  for (const { width, colorScheme, axe } of looks) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    const found = [...(await poorContrast(page)), ...(axe ? await findings(page) : [])];
    expect({ width, colorScheme, excess, found }).toEqual({ width, colorScheme, excess: 0, found: [] });
  }
}
