/**
 * Opens the dashboard over many customers in Chromium, and scrolls through all of them. Prints one JSON document: the
 * samples of each figure. `npm run bench -- dashboard` runs it.
 */
import { chromium, type Page } from 'playwright-core';
import { dashboardPage } from './dashboard-page.ts';
import { type FixtureBroker, startFixtureBroker } from './fixture/broker.ts';
import { completeViews } from './fixture/views.ts';
import { createWorld } from './fixture/world.ts';

const [tenants = 5_000, rounds = 7] = process.argv.slice(2).map(Number);
const scrollSeconds = 6;

const names = ['load', 'overview', 'tenants', 'search', 'longest', 'longTasks'] as const;
type Times = Readonly<Record<(typeof names)[number], number>>;

async function measure(page: Page, broker: FixtureBroker): Promise<Times> {
  const address = `${broker.url}/api/dashboard`;
  const load = await loadMs(page, `${address}#/overview`);
  const overview = await signInMs(page, broker, completeViews.overview);
  await loadMs(page, `${address}?again#/tenants`);
  const shown = await signInMs(page, broker, completeViews.tenants);
  const search = await searchMs(page);
  const tasks = await scroll(page);
  return { load, overview, tenants: shown, search, ...tasks };
}

/** Milliseconds from the start of the navigation until the page shows the sign-in. */
async function loadMs(page: Page, address: string): Promise<number> {
  await page.goto(address);
  await page.locator('main').waitFor();
  return page.evaluate(() => performance.now());
}

/** Milliseconds from the sign-in until an element of the view is painted. */
async function signInMs(page: Page, { token }: FixtureBroker, selector: string): Promise<number> {
  await dashboardPage(page).fillToken(token);
  return page.evaluate(
    (wanted) =>
      new Promise<number>((resolve) => {
        const startedMs = performance.now();
        const button = [...document.querySelectorAll('button')].find(
          ({ textContent }) => textContent === 'Show the dashboard',
        );
        button?.click();
        const look = (): void => {
          if (document.querySelector(wanted) === null) requestAnimationFrame(look);
          // One frame later it is on the screen.
          else requestAnimationFrame(() => resolve(performance.now() - startedMs));
        };
        look();
      }),
    selector,
  );
}

/** Milliseconds from a letter in the search until the matrix shows what it finds. */
const searchMs = (page: Page): Promise<number> =>
  page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const input = document.querySelector<HTMLInputElement>('input[type=search]');
        if (input === null) throw new Error('there is no search');
        const startedMs = performance.now();
        const type = (text: string): void => {
          input.value = text;
          input.dispatchEvent(new Event('input', { bubbles: true }));
        };
        type('z');
        const look = (): void => {
          const isFiltered = document.querySelector('.filters [role=status]')?.textContent.includes(' of ');
          if (isFiltered !== true) requestAnimationFrame(look);
          else {
            const elapsedMs = performance.now() - startedMs;
            type('');
            requestAnimationFrame(() => requestAnimationFrame(() => resolve(elapsedMs)));
          }
        };
        look();
      }),
  );

/** Scrolls from the first to the last row. Counts tasks of 50 ms and more, and measures the longest frame. */
const scroll = (page: Page): Promise<{ readonly longest: number; readonly longTasks: number }> =>
  page.evaluate(
    (seconds) =>
      new Promise((resolve) => {
        const grid = document.querySelector('[role=grid]');
        if (grid === null) throw new Error('there is no matrix');
        let longTasks = 0;
        const observer = new PerformanceObserver((list) => {
          longTasks += list.getEntries().length;
        });
        observer.observe({ entryTypes: ['longtask'] });
        const startedMs = performance.now();
        let [beforeMs, longest] = [startedMs, 0];
        const step = (nowMs: number): void => {
          longest = Math.max(longest, nowMs - beforeMs);
          beforeMs = nowMs;
          const share = Math.min(1, (nowMs - startedMs) / (seconds * 1000));
          grid.scrollTop = share * (grid.scrollHeight - grid.clientHeight);
          if (share < 1) requestAnimationFrame(step);
          // The observer hears of a task after it.
          else setTimeout(() => resolve({ longest, longTasks }), 200);
        };
        requestAnimationFrame(step);
      }),
    scrollSeconds,
  );

const broker = await startFixtureBroker(createWorld(tenants, Date.now()));
const browser = await chromium.launch({
  executablePath: process.env['PTB_CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
const measured: Times[] = [];
// The first round warms the caches of the browser, as an operator's own are.
for (let round = -1; round < rounds; round += 1) {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  const times = await measure(page, broker);
  if (round >= 0) measured.push(times);
  await page.close();
}
await browser.close();
await broker.close();
console.log(JSON.stringify(Object.fromEntries(names.map((name) => [name, measured.map((times) => times[name])]))));
