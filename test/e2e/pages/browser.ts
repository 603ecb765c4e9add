import { type Browser, chromium, type Page } from 'playwright-core';
import { inject } from 'vitest';

const address = inject('browserAddress');

/** The reason why no browser is available. Undefined if one is. */
export const noBrowser: string | undefined =
  address === undefined ? 'There is no browser. Run .ci/install-tools, or set PTB_CHROMIUM to one' : undefined;

/** Connects to the browser of all page tests. `close` ends the connection and closes its pages. */
export const connectBrowser = (): Promise<Browser> => chromium.connect(address ?? 'no browser');

/** A page with the problems that it reported and the origins that it contacted. */
export interface WatchedPage {
  readonly page: Page;
  /** Script errors, violations of the content security policy, and failed loads. */
  readonly complaints: string[];
  /** Origins of all requests. */
  readonly origins: ReadonlySet<string>;
}

const usualViewport = { width: 1360, height: 900 };

/** Opens a window of its own, without data of others. */
export async function openPage(
  browser: Browser,
  options: Parameters<Browser['newPage']>[0] = {},
): Promise<WatchedPage> {
  const page = await browser.newPage({ viewport: usualViewport, ...options });
  page.setDefaultTimeout(60_000);
  return watch(page);
}

const windows = new WeakMap<Browser, Page>();

/**
 * The one window of a connection to the browser, for tests that use it after each other: a new one takes as much processor
 * time as loading the dashboard. A test that changes it for good, as `clock.install` and `addInitScript` do, needs
 * {@link openPage}. Each test ends with {@link leaveWindow}.
 */
export async function useWindow(browser: Browser, viewport = usualViewport): Promise<WatchedPage> {
  const known = windows.get(browser);
  if (known !== undefined) {
    await known.setViewportSize(viewport);
    return watch(known);
  }
  const watched = await openPage(browser, { viewport });
  windows.set(browser, watched.page);
  return watched;
}

/** Takes back what a test did to its window. The page stays, because the next one then needs no new process. */
export async function leaveWindow(page: Page): Promise<void> {
  // A polled request may still be in flight in a route handler of the test.
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  for (const event of ['pageerror', 'console', 'request'] as const) page.removeAllListeners(event);
  await page.emulateMedia({ colorScheme: null });
  await page.mouse.move(0, 0);
  await page.context().clearPermissions();
}

function watch(page: Page): WatchedPage {
  const complaints: string[] = [];
  const origins = new Set<string>();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('request', (request) => origins.add(new URL(request.url()).origin));
  return { page, complaints, origins };
}

/**
 * Lists texts with a contrast below 4.5:1 (WCAG 2.2, 1.4.3), as `ratio: text`. It runs in the page and reads the colours
 * that the browser computed.
 */
export const poorContrast = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const channels = (color: string): number[] => (color.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = (color: number[]): number => {
      const [r = 0, g = 0, b = 0] = color.slice(0, 3).map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element: Element | null): number[] => {
      for (let at = element; at !== null; at = at.parentElement) {
        const color = channels(getComputedStyle(at).backgroundColor);
        if ((color[3] ?? 1) > 0) return color;
      }
      return [255, 255, 255];
    };
    const found = new Set<string>();
    for (const element of document.querySelectorAll<HTMLElement>('#page *')) {
      const text = [...element.childNodes]
        .filter(({ nodeType }) => nodeType === 3)
        .map(({ textContent }) => textContent)
        .join('')
        .trim();
      if (
        text === '' ||
        element.closest('.visually-hidden, svg, option, :disabled') !== null ||
        element.offsetParent === null
      )
        continue;
      const [one, other] = [luminance(channels(getComputedStyle(element).color)), luminance(behind(element))];
      const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      if (ratio < 4.5) found.add(`${ratio.toFixed(2)}: ${text.slice(0, 40)}`);
    }
    return [...found];
  });
