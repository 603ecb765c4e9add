import type { Request } from 'playwright-core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RunAnswer, RunsAnswer, RunTenantsAnswer } from '../../../src/lib/api/answers/runs.ts';
import { noBrowser } from './browser.ts';
import { dashboardFixture, type DashboardFixture } from './dashboard-fixture.ts';
import { skippedBecause } from '../../support/skipped.ts';

describe('run actions in the dashboard', skippedBecause(noBrowser), () => {
  const fixture = dashboardFixture();
  let { demo, page, dashboard, token, runId } = {} as DashboardFixture;
  let posts: Request[];

  beforeEach(() => {
    ({ demo, page, dashboard, token, runId } = fixture);
    posts = [];
    page.on('request', (request) => {
      if (request.method() === 'POST') posts.push(request);
    });
  });

  /** Changes the run in the responses of the API. */
  const overrideRun = async (change: () => object, list?: RunTenantsAnswer['tenants']): Promise<void> => {
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

  it('starts one run on a double click', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Jobs');
    await page.getByRole('button', { name: 'Start access-check' }).click();
    await page.getByLabel('Only these tenants').fill(demo.cloud.tenants[0]?.domain ?? '');
    await page.getByRole('button', { name: 'Start for 1 tenant' }).dblclick();
    await dashboard.badgeOfRun('succeeded').waitFor();
    expect(posts).toHaveLength(1);
  });

  it('does not start a second run when the response to the first request is lost', async () => {
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
    const start = page.getByRole('button', { name: 'Start for all' });
    await start.click();
    await page.getByText('The broker does not answer').waitFor();
    await start.click();
    await page.getByText('This run already exists').waitFor();
    expect(await page.getByText('The broker does not answer').count()).toBe(0);
    expect(await runsOf('mfa-report')).toBe(before + 1);
    // Opening the dialog again starts another run.
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Start mfa-report' }).click();
    await start.click();
    await page.locator('article.run').waitFor();
    expect(await runsOf('mfa-report')).toBe(before + 2);
  });

  it('runs again once on a double click, for the unfinished tenants', async () => {
    await open();
    await page.getByRole('button', { name: /^Run again for \d+ tenants$/ }).dblclick();
    await page.waitForURL((url) => url.hash.includes('manual') && !url.hash.includes(encodeURIComponent(runId)));
    await dashboard.badgeOfRun(/succeeded|failed/u).waitFor();
    expect(posts).toHaveLength(1);
  });

  it('reports a run that ended without a tenant list and offers to run it again', async () => {
    await overrideRun(() => ({ status: 'failed', outcome: 'stopped' }), []);
    await open();
    await page.getByText('The run ended before its tenants were listed.').waitFor();
    await page.getByRole('button', { name: 'Run again', exact: true }).click();
    await expect
      .poll(() => posts.map((request) => request.url()))
      .toEqual([`${demo.url}/api/runs/${encodeURIComponent(runId)}/rerun`]);
  });

  it('clears the failure of a cancellation on the next attempt and keeps the focus on the button', async () => {
    let cancelled = false;
    await overrideRun(() => ({
      status: 'running',
      outcome: 'running',
      finishedAt: undefined,
      cancelRequested: cancelled,
    }));
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
    await page.getByText('Cancelled. No further tenants will start.').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    expect(await cancel.getAttribute('aria-disabled')).toBe('true');
    expect(await cancel.evaluate((button) => button === document.activeElement)).toBe(true);
    await page.keyboard.press('Enter');
    expect(posts).toHaveLength(2);
  });

  it('reports that no run matches the filter', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Runs');
    await page.getByRole('link', { name: 'Access to each tenant' }).first().waitFor();
    // No other test of the demo cancels a run of this job.
    await page.getByLabel('Job').selectOption('mfa-report');
    await page.getByLabel('Outcome').selectOption('cancelled');
    await page.getByText('No run matches the filter.').waitFor();
    expect(await page.getByText('There are no runs').count()).toBe(0);
  });

  it('shows the last run of a job after many runs of other jobs', async () => {
    await page.route('**/api/runs?limit=200', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { runs: [] } satisfies RunsAnswer });
    });
    await dashboard.signIn(token);
    await dashboard.view('Jobs');
    const row = page.getByRole('row', { name: /Access to each tenant/ });
    const lastRun = row.getByRole('cell').getByRole('link').first();
    expect(await lastRun.getAttribute('href')).toContain(encodeURIComponent('access-check@'));
  });

  it('shows the error of the API for a link that was cut off', async () => {
    await page.goto(`${demo.url}/api/dashboard#/runs/access-check%4`);
    await page.reload();
    await dashboard.signIn(token);
    await page.getByRole('heading', { name: 'There is no such run' }).waitFor();
    await page.getByRole('link', { name: 'All runs' }).waitFor();
    await dashboard.view('Runs');
    await page.goto(`${demo.url}/api/dashboard#/runs/access-check%`);
    await page.getByRole('heading', { name: 'There is no such run' }).waitFor();
    expect(await page.getByRole('heading', { name: 'Runs' }).count()).toBe(0);
  });
});
