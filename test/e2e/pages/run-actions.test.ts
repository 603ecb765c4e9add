import type { Request } from 'playwright-core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RunAnswer, RunsAnswer, RunTenantsAnswer } from '../../../src/lib/api/answers/runs.ts';
import { noBrowser } from './browser.ts';
import { dashboardStage, type DashboardStage } from './dashboard-stage.ts';

/** Some of them fail, so that there is something to run again for. */
const tenants = 25;

describe.skipIf(noBrowser !== undefined)('runs in the dashboard', () => {
  const stage = dashboardStage(tenants);
  let { demo, page, dashboard, token, runId } = {} as DashboardStage;
  let posts: Request[];

  beforeEach(() => {
    ({ demo, page, dashboard, token, runId } = stage);
    posts = [];
    page.on('request', (request) => {
      if (request.method() === 'POST') posts.push(request);
    });
  });

  /** Shows the run as if some of it were different. */
  const pretend = async (change: () => object, list?: RunTenantsAnswer['tenants']): Promise<void> => {
    await page.route(`**/api/runs/${encodeURIComponent(runId)}**`, async (route) => {
      if (route.request().method() !== 'GET') return route.fallback();
      const response = await route.fetch();
      const body = (await response.json()) as RunAnswer | RunTenantsAnswer;
      const json = 'codes' in body && list !== undefined ? { ...body, tenants: list } : body;
      return route.fulfill({ response, json: { ...json, ...change() } });
    });
  };
  const open = async (): Promise<void> => {
    await dashboard.signIn(token);
    await page.goto(`${demo.url}/api/dashboard#/runs/${encodeURIComponent(runId)}`);
    await page.locator('article.run').waitFor();
  };
  const runsOf = async (job: string): Promise<number> => {
    const response = await fetch(`${demo.url}/api/runs?job=${job}`, { headers: { authorization: `Bearer ${token}` } });
    return ((await response.json()) as RunsAnswer).runs.length;
  };

  it('starts one run by a double click', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Jobs');
    await page.getByRole('button', { name: 'Start access-check' }).click();
    await page.getByLabel('Only these tenants').fill(demo.cloud.tenants[0]?.domain ?? '');
    await page.getByRole('button', { name: 'Start for 1' }).dblclick();
    await dashboard.badgeOfRun('completed').waitFor();
    expect(posts).toHaveLength(1);
  });

  it('starts nothing twice where the answer to the first request was lost', async () => {
    await page.route(
      '**/api/jobs/*/runs',
      async (route) => {
        await route.fetch();
        await route.abort();
      },
      { times: 1 },
    );
    const before = await runsOf('mfa-report');
    await dashboard.signIn(token);
    await dashboard.view('Jobs');
    await page.getByRole('button', { name: 'Start mfa-report' }).click();
    const start = page.getByRole('button', { name: 'Start for all tenants' });
    await start.click();
    await page.getByText('The broker does not answer').waitFor();
    await start.click();
    await page.getByText('This run exists already').waitFor();
    expect(await page.getByText('The broker does not answer').count()).toBe(0);
    expect(await runsOf('mfa-report')).toBe(before + 1);
    // Whoever opens the dialog again means another run.
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Start mfa-report' }).click();
    await start.click();
    await page.locator('article.run').waitFor();
    expect(await runsOf('mfa-report')).toBe(before + 2);
  });

  it('runs again once by a double click, for what a run still owes', async () => {
    await open();
    await page.getByRole('button', { name: /^Run again for \d+ tenants$/ }).dblclick();
    await page.waitForURL((url) => url.hash.includes('manual') && !url.hash.includes(encodeURIComponent(runId)));
    await dashboard.badgeOfRun('completed').waitFor();
    expect(posts).toHaveLength(1);
  });

  it('says that a run ended without a list of tenants, and offers to run it again', async () => {
    await pretend(() => ({ status: 'failed' }), []);
    await open();
    await page.getByText('The run ended before its tenants were listed.').waitFor();
    await page.getByRole('button', { name: 'Run again', exact: true }).click();
    await expect
      .poll(() => posts.map((request) => request.url()))
      .toEqual([`${demo.url}/api/runs/${encodeURIComponent(runId)}/rerun`]);
  });

  it('forgets the failure of a cancellation with the next, and keeps the focus on the button', async () => {
    let cancelled = false;
    await pretend(() => ({ status: 'running', finishedAt: undefined, cancelRequested: cancelled }));
    await page.route('**/cancel', async (route) => {
      if (posts.length === 1) return route.fulfill({ status: 503, json: { title: 'The storage does not answer' } });
      cancelled = true;
      return route.fulfill({ status: 202, json: {} });
    });
    await open();
    const cancel = page.getByRole('button', { name: 'Cancel' });
    await cancel.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('The storage does not answer').waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('Cancelled: no further tenant is begun.').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    expect(await cancel.getAttribute('aria-disabled')).toBe('true');
    expect(await cancel.evaluate((button) => button === document.activeElement)).toBe(true);
    await page.keyboard.press('Enter');
    expect(posts).toHaveLength(2);
  });

  it('says that the filter finds none, where there are runs', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Runs');
    await page.getByRole('link', { name: 'access-check' }).first().waitFor();
    await page.getByLabel('Status').selectOption('cancelled');
    await page.getByText('No run matches the filter. It looks at the latest 200.').waitFor();
    expect(await page.getByText('There are no runs').count()).toBe(0);
  });

  it('shows the last run of a job, however many of another came after it', async () => {
    await page.route('**/api/runs?limit=200', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { runs: [] } satisfies RunsAnswer });
    });
    await dashboard.signIn(token);
    await dashboard.view('Jobs');
    const card = page.getByRole('region', { name: 'Access to each tenant' });
    expect(await card.getByRole('link').getAttribute('href')).toContain(encodeURIComponent('access-check@'));
  });

  it('leads a link that was cut off to the words of the API', async () => {
    await page.goto(`${demo.url}/api/dashboard#/runs/access-check%4`);
    await page.reload();
    await dashboard.signIn(token);
    await page.getByText('There is no such run').waitFor();
    await dashboard.view('Runs');
    await page.goto(`${demo.url}/api/dashboard#/runs/access-check%`);
    await page.getByText('There is no such run').waitFor();
    expect(await page.getByRole('heading', { name: 'Runs' }).count()).toBe(0);
  });
});
