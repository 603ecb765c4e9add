import type { Route } from 'playwright-core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { HealthReportAnswer, Misconfigured } from '../../../src/lib/api/answers/health.ts';
import { tokenOfCaller } from '../../support/running-demo.ts';
import { noBrowser } from './browser.ts';
import { dashboardStage, type DashboardStage } from './dashboard-stage.ts';

const misconfigured: Misconfigured = {
  status: 'down',
  code: 'config_invalid',
  detail: 'KEY_VAULT_URI: is missing.',
  advice: 'Correct the named setting.',
};
const problem = {
  title: 'The storage account does not answer',
  code: 'storage_unavailable',
  detail: 'No answer.',
  advice: 'Look at it.',
};

describe.skipIf(noBrowser !== undefined)('the dashboard, when the broker fails', () => {
  const stage = dashboardStage(2);
  let { demo, watched, page, dashboard, token, runId } = {} as DashboardStage;

  beforeEach(() => {
    ({ demo, watched, page, dashboard, token, runId } = stage);
  });

  const failing = (route: Route) => route.fulfill({ status: 503, json: problem });
  const alert = () => page.getByRole('alert');
  /** The browser itself notes every answer that is no success. */
  const complaints = () => watched.complaints.filter((text) => !text.startsWith('Failed to load resource'));

  it.each([
    ['the host alone', { status: 503, body: 'Function host is not running.' }, ['The broker answers 503']],
    ['wrong settings', { status: 503, json: misconfigured }, Object.values(misconfigured).slice(1)],
    ['a problem', { status: 503, json: problem }, Object.values(problem)],
    ['a page of somebody else', { contentType: 'text/html', body: '<p>Maintenance' }, ['HTTP 200, text/html']],
    ['one word, as for nobody', { json: { status: 'ok' } }, ['HTTP 200, application/json']],
    ['an error of another form', { status: 502, json: { detail: ['no peer'] } }, ['The broker answers 502']],
  ])('says so where health is answered by %s, and the other views stay', async (_, answer, texts) => {
    await page.route('**/api/health', (route) => route.fulfill(answer));
    await dashboard.signIn(token);
    for (const text of texts) await alert().getByText(text).first().waitFor();
    await dashboard.view('Jobs');
    await page.getByRole('region', { name: 'Access to each tenant' }).waitFor();
    expect(complaints()).toEqual([]);
  });

  it('shows the report that comes with 503, one day and one rule in the singular, an end in the past as such', async () => {
    await page.route('**/api/health', async (route) => {
      const response = await route.fetch();
      const report = (await response.json()) as HealthReportAnswer;
      const [health] = report.applications;
      const clientCredential = { kind: 'secret', daysLeft: -3 };
      const applications = [{ ...health, state: { status: 'down' }, daysLeft: 1, clientCredential }];
      const json = { ...report, status: 'down', applications, policy: { ...report.policy, rules: 1 } };
      await route.fulfill({ status: 503, json });
    });
    await dashboard.signIn(token);
    await page.getByRole('heading', { name: 'Health down' }).waitFor();
    const text = await page.getByRole('main').textContent();
    expect(text).toContain('1 day left of the refresh token');
    expect(text).toContain('3 days past the end');
    expect(text).toMatch(/1 rule(?!s)/);
    expect(complaints()).toEqual([]);
  });

  it.each([
    ['a failure', 504, 5_000],
    ['an answer', 200, 60_000],
  ])('asks on soon after %s that took minutes', async (_, status, pauseMs) => {
    await page.clock.install();
    const waiting: Route[] = [];
    await page.route('**/api/runs?*', (route) => void waiting.push(route));
    await page.goto(`${demo.url}/api/dashboard#/runs`);
    await page.reload();
    await dashboard.signIn(token);
    await expect.poll(() => waiting.length).toBe(1);
    await page.clock.fastForward(230_000);
    await waiting[0]?.fulfill({ status, json: { runs: [] } });
    await page.getByText(status === 200 ? 'There are no runs.' : 'The broker answers 504').waitFor();
    await page.clock.runFor(pauseMs);
    await expect.poll(() => waiting.length).toBe(2);
  });

  it('does not sign out who has come after a token that is refused late', async () => {
    const refused: Route[] = [];
    await page.route('**/api/runs?*', async (route) => {
      if (route.request().headers()['authorization'] === `Bearer ${token}`) refused.push(route);
      else await route.fallback();
    });
    await dashboard.signIn(token);
    await expect.poll(() => refused.length).toBe(1);
    await page.getByRole('button', { name: 'Forget token' }).click();
    await dashboard.signIn(await tokenOfCaller(demo, ['Tenants.Read', 'Runs.Read']));
    const table = page.getByRole('link', { name: 'access-check' });
    await table.waitFor();
    const read = page.waitForResponse((response) => response.status() === 401);
    await refused[0]?.fulfill({ status: 401, json: { ...problem, code: 'caller_unauthenticated' } });
    await (await read).finished();
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
    expect(await table.isVisible()).toBe(true);
    expect(await page.getByLabel('Access token').count()).toBe(0);
  });

  it('shows a failure in place of runs, and not that there are none', async () => {
    await page.route('**/api/runs?*', failing);
    await dashboard.signIn(token);
    await dashboard.view('Runs');
    await alert().waitFor();
    expect(await page.getByText(/no runs|0 runs/).count()).toBe(0);
  });

  it('reads the last state of a run again where that has failed', async () => {
    let asked = 0;
    await page.route(`**/api/runs/${encodeURIComponent(runId)}`, async (route) => {
      asked += 1;
      if (asked === 2) await failing(route);
      else await route.fallback();
    });
    await dashboard.signIn(token);
    await dashboard.openRun(runId);
    await alert().waitFor();
    await alert().waitFor({ state: 'detached' });
    expect(asked).toBe(3);
  });
});
