import type { Route } from 'playwright-core';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { HealthReportAnswer, Misconfigured } from '../../../src/lib/api/answers/health.ts';
import { adviceFor, type ErrorCode } from '../../../src/lib/core/errors.ts';
import { tokenOfCaller } from '../../support/running-demo.ts';
import { noBrowser, openPage } from './browser.ts';
import { dashboardFixture, type DashboardFixture } from './dashboard-fixture.ts';
import { dashboardPage } from './dashboard-page.ts';
import { skippedBecause } from '../../support/skipped.ts';

const misconfigured = {
  status: 'down' as const,
  code: 'config_invalid' as const,
  detail: 'KEY_VAULT_URI: is missing.',
  advice: 'Advice for a caller.',
} satisfies Misconfigured;
const problem = {
  title: 'The storage account does not answer',
  code: 'storage_unavailable' as const,
  detail: 'No answer.',
  advice: 'Advice for a caller.',
};

describe('dashboard when the broker fails', skippedBecause(noBrowser), () => {
  const fixture = dashboardFixture();
  let { demo, browser, watched, page, dashboard, token, runId } = {} as DashboardFixture;

  beforeEach(() => {
    ({ demo, browser, watched, page, dashboard, token, runId } = fixture);
  });

  const failing = (route: Route) => route.fulfill({ status: 503, json: problem });
  const alert = () => page.getByRole('alert');
  /** Without the message that the browser writes for every unsuccessful response. */
  const complaints = () => watched.complaints.filter((text) => !text.startsWith('Failed to load resource'));

  /** The page shows the advice for operators. Backticks split a text, so the part before the first is compared. */
  const textsFor = ({ code, detail }: { readonly code: ErrorCode; readonly detail: string }): string[] => [
    code,
    detail,
    adviceFor(code, 'operator').split('`')[0] ?? '',
  ];

  it.each([
    [
      'plain text of the Functions host',
      { status: 503, body: 'Function host is not running.' },
      ['The broker returned HTTP 503'],
    ],
    ['a configuration error', { status: 503, json: misconfigured }, textsFor(misconfigured)],
    ['a problem document', { status: 503, json: problem }, [problem.title, ...textsFor(problem)]],
    ['a page of another server', { contentType: 'text/html', body: '<p>Maintenance' }, ['HTTP 200, text/html']],
    ['an error in another format', { status: 502, json: { detail: ['no peer'] } }, ['The broker returned HTTP 502']],
  ])('shows the failure when the health response is %s, and other views still work', async (_, answer, texts) => {
    await page.route('**/api/health', (route) => route.fulfill(answer));
    await dashboard.signIn(token);
    for (const text of texts) await alert().getByText(text).first().waitFor();
    expect(await alert().getByText('Advice for a caller.').count()).toBe(0);
    await dashboard.view('Jobs');
    await page.getByRole('link', { name: 'Access to each tenant' }).waitFor();
    expect(complaints()).toEqual([]);
  });

  it('says why it shows the status alone, which a caller without an app role gets', async () => {
    await page.route('**/api/health', (route) => route.fulfill({ json: { status: 'degraded' } }));
    await dashboard.signIn(token);
    await page
      .getByText('The token has no app role of the broker, so the broker shows only its status: degraded.')
      .waitFor();
    expect(complaints()).toEqual([]);
  });

  it('shows a health report with status 503, with singular nouns and past expiry dates', async () => {
    await page.route('**/api/health', async (route) => {
      const response = await route.fetch();
      const report = (await response.json()) as HealthReportAnswer;
      const [health] = report.applications;
      const dayMs = 86_400_000;
      const clientCredential = { kind: 'secret', daysLeft: -3, endsAt: new Date(Date.now() - 3 * dayMs).toISOString() };
      const expiresAt = new Date(Date.now() + 2.5 * dayMs).toISOString();
      const applications = [{ ...health, state: { status: 'down' }, expiresAt, daysLeft: 2, clientCredential }];
      const json = { ...report, status: 'down', applications, policy: { ...report.policy, rules: 1 } };
      await route.fulfill({ status: 503, json });
    });
    await dashboard.signIn(token);
    await page.getByRole('button', { name: 'Credential: down' }).click();
    const text = await page.getByRole('dialog', { name: 'The broker is down' }).textContent();
    expect(text).toMatch(/Refresh tokenuntil .*, in 2 days/);
    expect(text).toMatch(/Client secretended .*, 3 days ago/);
    expect(text).toMatch(/1 rule(?!s)/);
    expect(complaints()).toEqual([]);
  });

  it.each([
    ['a failure', 504, 5_000],
    ['a success', 200, 60_000],
  ])('polls again within a minute after %s that took minutes', async (_, status, pauseMs) => {
    // A window keeps its clock.
    const own = (await openPage(browser)).page;
    onTestFinished(() => own.close());
    await own.clock.install();
    const waiting: Route[] = [];
    await own.route('**/api/runs?*', (route) => void waiting.push(route));
    await own.goto(`${demo.url}/api/dashboard#/runs`);
    await dashboardPage(own).signIn(token);
    await expect.poll(() => waiting.length).toBe(1);
    await own.clock.fastForward(230_000);
    await waiting[0]?.fulfill({ status, json: { runs: [] } });
    await own.getByText(status === 200 ? 'There are no runs.' : 'The broker returned HTTP 504').waitFor();
    await own.clock.runFor(pauseMs);
    await expect.poll(() => waiting.length).toBe(2);
  });

  it('keeps the current session when a request with an earlier token is refused late', async () => {
    const refused: Route[] = [];
    await page.route('**/api/runs?*', async (route) => {
      // The overview asks for the runs of each job. One late answer is enough.
      const isEarlier = route.request().headers()['authorization'] === `Bearer ${token}`;
      if (isEarlier && refused.length === 0) refused.push(route);
      else await route.fallback();
    });
    await dashboard.signIn(token);
    await expect.poll(() => refused.length).toBe(1);
    await page.getByRole('button', { name: 'Forget token' }).click();
    await dashboard.signIn(await tokenOfCaller(demo, ['Tenants.Read', 'Runs.Read']));
    const table = page.getByRole('link', { name: 'Access to each tenant' });
    await table.waitFor();
    const read = page.waitForResponse((response) => response.status() === 401);
    await refused[0]?.fulfill({ status: 401, json: { ...problem, code: 'caller_unauthenticated' } });
    await (await read).finished();
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
    expect(await table.isVisible()).toBe(true);
    expect(await page.getByRole('heading', { name: 'Sign in' }).count()).toBe(0);
  });

  it('shows a failure instead of an empty list of runs', async () => {
    await page.route('**/api/runs?*', failing);
    await dashboard.signIn(token);
    await dashboard.view('Runs');
    await alert().waitFor();
    expect(await page.getByText(/no runs|0 runs/).count()).toBe(0);
  });

  it('loads the final state of a run again after a failure', async () => {
    let requests = 0;
    await page.route(`**/api/runs/${encodeURIComponent(runId)}`, async (route) => {
      requests += 1;
      if (requests === 2) await failing(route);
      else await route.fallback();
    });
    await dashboard.signIn(token);
    await dashboard.openRun(runId);
    await alert().waitFor();
    await alert().waitFor({ state: 'detached' });
    expect(requests).toBe(3);
  });
});
