/**
 * `npm run screenshots`: takes the pictures of the dashboard in docs, of the demo that `npm start` shows.
 * `npm run screenshots -- FOLDER [VIEW …]`: takes every view as a whole, and what opens over them, or some, into a folder, at three widths and in both colour schemes,
 * to look at after a change.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { PlansAnswer } from '../../../src/lib/api/answers/plans.ts';
import type { RunsAnswer } from '../../../src/lib/api/answers/runs.ts';
import type { TenantsAnswer } from '../../../src/lib/api/answers/tenants.ts';
import { troublesOf } from '../../../src/lib/api/trouble.ts';
import { applyChange, changeCustomers, tagCustomers } from '../../../src/cli/demo/customer-changes.ts';
import { askForApproval } from '../../../src/cli/demo/local-policy.ts';
import { runDemoJobs } from '../../../src/cli/demo/run-demo.ts';
import { type Demo, startDemo } from '../../../src/cli/demo/start-demo.ts';
import { appFolder, ptbScript } from '../../paths.ts';
import { launchOptions } from './browser-server.ts';

interface Picture {
  /** Address below `#/`. */
  readonly view: string;
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly colorScheme: 'light' | 'dark';
  readonly fullPage: boolean;
  /** What a person does first. The browser closes it on the way to the next view. */
  readonly first?: ((page: Page) => Promise<void>) | undefined;
}

/** What opens over a view, by names of their own. */
const opened: Readonly<Record<string, readonly [view: keyof Views, first: (page: Page) => Promise<void>]>> = {
  palette: ['tenants', (page) => page.keyboard.press('Control+k')],
  credential: ['runs', (page) => page.locator('.fuse').evaluate((button: HTMLElement) => button.click())],
  start: [
    'jobs',
    (page) =>
      page
        .getByRole('button', { name: /^Start/ })
        .first()
        .click(),
  ],
  deny: ['approvals', (page) => page.getByRole('button', { name: /^Deny/ }).first().click()],
  record: ['audit', (page) => page.locator('.audit tbody tr').filter({ hasText: 'of a plan' }).first().click()],
  failed: ['run', (page) => page.locator('.rows-body [role="row"]').nth(1).click()],
};

const docs = join(import.meta.dirname, '../../../docs');

const ofDocs = ({ tenant, job, plan }: Views): readonly Picture[] =>
  [
    { view: 'overview', path: 'dashboard.png', height: 1260 },
    { view: 'tenants', path: 'dashboard-tenants.png', height: 640 },
    { view: tenant, path: 'dashboard-tenant.png', height: 640 },
    { view: job, path: 'dashboard-job.png', height: 670 },
    { view: plan, path: 'dashboard-plan.png', height: 760 },
  ].map(({ path, ...picture }) => ({
    ...picture,
    path: join(docs, path),
    width: 1360,
    colorScheme: 'light',
    fullPage: false,
  }));

const toLookAt = (folder: string, views: Readonly<Record<string, string>>): readonly Picture[] =>
  Object.entries(views).flatMap(([name, view]) =>
    wanted.length > 0 && !wanted.includes(name)
      ? []
      : [1440, 390, 1920].flatMap((width) =>
          (['light', 'dark'] as const).map((colorScheme) => {
            const path = join(folder, `${name}-${width}-${colorScheme}.png`);
            return { view, path, width, height: 900, colorScheme, fullPage: true };
          }),
        ),
  );

const toLookInto = (folder: string, views: Views): readonly Picture[] =>
  toLookAt(folder, Object.fromEntries(Object.entries(opened).map(([name, [view]]) => [name, views[view]]))).map(
    (picture) => {
      const name = Object.keys(opened).find((each) => picture.path.startsWith(join(folder, `${each}-`)));
      return { ...picture, fullPage: false, first: opened[name ?? '']?.[1] };
    },
  );

type Views = Awaited<ReturnType<typeof viewsOf>>;

async function readOf<T>({ url, callerToken }: Demo, path: string): Promise<T> {
  const response = await fetch(`${url}/api/${path}`, { headers: { authorization: `Bearer ${await callerToken()}` } });
  return (await response.json()) as T;
}

/** Every view, with the tenant and the run that have most to show. */
async function viewsOf(shown: Demo) {
  const read = <T>(path: string): Promise<T> => readOf<T>(shown, path);
  const { tenants } = await read<TenantsAnswer>('tenants');
  const { runs } = await read<RunsAnswer>('runs?limit=10&job=licence-report');
  const troubled = tenants.find((tenant) => tenant.reachable && troublesOf(tenant).length > 0) ?? tenants[0];
  const { plans } = await read<PlansAnswer>('plans');
  const plan = plans.find(({ apply }) => apply !== undefined);
  const run = `runs/${encodeURIComponent(runs[0]?.runId ?? '')}`;
  return {
    overview: 'overview',
    tenants: 'tenants',
    tenant: `tenants/${troubled?.tenantId}`,
    report: `tenants/${troubled?.tenantId}?show=report`,
    well: `tenants/${tenants.find((tenant) => tenant.reachable && troublesOf(tenant).length === 0)?.tenantId}`,
    runs: 'runs',
    run: `${run}?show=tenants`,
    rows: `${run}?show=rows`,
    changes: `${run}?show=changes`,
    plans: 'plans',
    plan: `plans/${encodeURIComponent(plan?.planId ?? '')}`,
    approvals: 'approvals',
    approval: `approvals/${plan?.apply?.approvalId}`,
    policy: 'policy',
    events: 'events',
    jobs: 'jobs',
    job: 'jobs/licence-report',
    audit: `audit?from=${new Date(Date.now() - 7 * 86_400_000).toISOString()}`,
    'not found': 'nowhere',
  };
}

/** A view is complete when nothing has arrived for this long. */
const quietMs = 1_500;

async function take(browser: Browser, { url }: Demo, pictures: readonly Picture[]): Promise<void> {
  // The certificate of the simulated sign-in is made for each demo.
  const page = await browser.newPage({ timezoneId: 'Europe/Vienna', ignoreHTTPSErrors: true });
  let answers = 0;
  page.on('response', () => (answers += 1));
  await page.goto(`${url}/api/dashboard`);
  await page.getByRole('button', { name: 'Sign in with Microsoft' }).click();
  await page.getByLabel('Olivia Operator').check();
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('.who').waitFor({ state: 'attached' });
  for (const { view, path, width, height, colorScheme, fullPage, first } of pictures) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
    await page.evaluate((hash) => location.replace(hash), `#/${view}`);
    await page.locator('main h1').waitFor();
    // Trends come after the view, and one request leads to the next.
    for (let seen = -1; seen !== answers; await page.waitForTimeout(quietMs)) seen = answers;
    await first?.(page);
    if (first !== undefined) await page.waitForTimeout(quietMs);
    await page.screenshot({ path, fullPage });
    if (first !== undefined) await page.keyboard.press('Escape');
  }
  await page.close();
}

const [folder, ...wanted] = process.argv.slice(2);
if (folder !== undefined) await mkdir(folder, { recursive: true });
const say = (line: string): void => console.log(line);
const options = { tenants: 25, faults: undefined, delayMs: undefined, port: 0, past: true, ptbScript, appFolder, say };
const demo = await startDemo({ ...options, onUnmatched: (requests) => requests.forEach(say) });
await runDemoJobs(
  demo,
  { update: () => undefined, note: say, done: ({ runId }) => say(runId) },
  new AbortController().signal,
);
const { signal } = new AbortController();
await tagCustomers(demo);
await askForApproval(demo.cloud, demo.url);
await changeCustomers(demo, signal);
await applyChange(demo, signal);
// The picture of the plan is of an apply that waits for a person.
for (let waits = false; !waits; await setTimeout(500)) {
  const { plans } = await readOf<PlansAnswer>(demo, 'plans');
  waits = plans.some(({ apply }) => apply?.waits === true && apply.wave === 2);
}
const browser = await chromium.launch(launchOptions);
const views = await viewsOf(demo);
await take(
  browser,
  demo,
  folder === undefined ? ofDocs(views) : [...toLookAt(folder, views), ...toLookInto(folder, views)],
);
await browser.close();
await demo.stop();
