import { beforeEach, describe, expect, it } from 'vitest';
import { addFault, clearFaults } from 'microsoft-cloud/client';
import { tenantOf, tokenOfCaller } from '../../support/running-demo.ts';
import { findings } from './assistive.ts';
import { noBrowser, poorContrast } from './browser.ts';
import { dashboardFixture, type DashboardFixture } from './dashboard-fixture.ts';
import { adviceOf, causeOfVisit, titleOf } from '../../../src/lib/api/trouble.ts';
import { skippedBecause } from '../../support/skipped.ts';

describe('dashboard', skippedBecause(noBrowser), () => {
  const fixture = dashboardFixture();
  let { demo, watched, page, dashboard, token, runId } = {} as DashboardFixture;

  beforeEach(() => {
    ({ demo, watched, page, dashboard, token, runId } = fixture);
  });

  it('shows nothing without a token and rejects an invalid token', async () => {
    await dashboard.signIn('secret');
    await page.getByText('This is not an access token').waitFor();
    await dashboard.signIn(token.replace(/^[^.]+/, 'e30'));
    await page.getByText('The caller is not authenticated').waitFor();
    expect(await page.getByRole('navigation').count()).toBe(0);
  });

  it('keeps the token in memory only: not in storage, cookies or the address, and not after a reload', async () => {
    await dashboard.signIn(token);
    await page.getByText('days left').waitFor();
    expect(JSON.parse(await dashboard.stored())).toEqual({
      storages: [{}, {}],
      cookies: '',
      databases: [],
      caches: [],
      history: null,
      address: `${demo.url}/api/dashboard`,
    });
    await page.reload();
    await page.getByRole('button', { name: 'Paste an access token instead' }).click();
    expect(await page.getByLabel('Access token', { exact: true }).inputValue()).toBe('');
  });

  it('loads all views from its own origin without policy violations or console messages', async () => {
    await dashboard.signIn(token);
    for (const name of ['Jobs', 'Tenants', 'Events', 'Runs', 'Audit', 'Overview'] as const) {
      await dashboard.view(name);
    }
    await dashboard.openRun(runId);
    await page.getByRole('button', { name: 'Download…' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('dialog').getByRole('button', { name: 'CSV' }).click();
    expect((await download).suggestedFilename()).toBe('access-check.csv');
    expect([...watched.origins].filter((origin) => origin !== 'null')).toEqual([demo.url]);
    expect(watched.complaints).toEqual([]);
  });

  it('shows the health of the broker and the days left on the credential', async () => {
    await dashboard.signIn(token);
    await page.getByRole('button', { name: /^Credential 8\d days left/ }).click();
    const card = page.getByRole('dialog', { name: /^The refresh token is valid for 8\d days$/ });
    await card.waitFor();
    expect(await card.textContent()).toMatch(/Refresh token.*in 8\d days.*Client secret.*in \d+ days.*MFA.*confirmed/s);
  });

  it('shows every tenant of a run in one grid, and groups failures with their advice', async () => {
    await dashboard.signIn(token);
    await dashboard.openRun(runId);
    const { failures } = await demo.api.run(runId);
    const grid = page.getByRole('grid', { name: 'Tenants of the run' });
    const rows = async (): Promise<number> => Number(await grid.getAttribute('aria-rowcount'));
    await grid.getByRole('button', { name: 'Show them' }).click();
    await expect.poll(rows).toBeGreaterThan(demo.cloud.tenants.length);
    const keys = page.getByRole('list', { name: 'Tenants by what came of them' });
    const causes = new Set(failures.flatMap((failure) => causeOfVisit(failure) ?? []));
    const groups: string[] = [];
    for (const cause of causes) {
      await keys.getByRole('button', { name: titleOf(cause) }).click();
      // The heading, that of the cause, and the failures.
      const some = failures.filter((failure) => causeOfVisit(failure) === cause);
      await expect.poll(rows).toBe(2 + some.length);
      groups.push((await grid.locator('.group').textContent()) ?? '');
    }
    // Texts between backticks are shown as code. The command that is copied has the ids.
    for (const cause of causes) expect(groups.join()).toContain(adviceOf(cause).replaceAll('`', ''));
  });

  it('supports the keyboard: the grid is one tab stop, arrow keys move, Enter opens the details of a tenant', async () => {
    await dashboard.signIn(token);
    await dashboard.openRun(runId);
    // The keys of the strip stand before the grid.
    await page.getByRole('list', { name: 'Tenants by what came of them' }).getByRole('button').last().focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowDown');
    const rows = async (): Promise<number> => Number(await page.getByRole('grid').getAttribute('aria-rowcount'));
    // The last line is that of the tenants that succeeded, which opens, and keeps the focus.
    const folded = await rows();
    await page.keyboard.press('Control+End');
    expect(await dashboard.focusedCell()).toEqual([folded, 1]);
    await page.keyboard.press('Enter');
    await expect.poll(rows).toBeGreaterThan(folded);
    const last = await rows();
    expect(await dashboard.focusedCell()).toEqual([folded, 1]);
    for (const key of ['Control+Home', 'ArrowDown']) await page.keyboard.press(key);
    for (const [key, row, column] of [
      ['ArrowRight', 3, 2],
      ['ArrowDown', 4, 2],
      ['Control+End', last, 4],
      ['ArrowUp', last - 1, 4],
      ['Control+Home', 2, 1],
      ['ArrowDown', 3, 1],
    ] as const) {
      await page.keyboard.press(key);
      expect([key, await dashboard.focusedCell()]).toEqual([key, [row, column]]);
    }
    const name = await page.evaluate(() => document.activeElement?.textContent);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: name ?? '' }).waitFor();
    await page.keyboard.press('Escape');
    expect(await page.getByRole('dialog').count()).toBe(0);
    expect(await dashboard.focusedCell()).toEqual([3, 1]);
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.closest('[role=grid]'))).toBeNull();
  });

  it('starts a run for chosen tenants, shows it until it ends and announces its end', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Jobs');
    await page.getByRole('button', { name: 'Start access-check' }).click();
    await page.getByLabel('Only these tenants').fill(
      demo.cloud.tenants
        .slice(0, 3)
        .map(({ domain }) => domain)
        .join(', '),
    );
    await page.getByRole('button', { name: 'Start for 3 tenants' }).click();
    await dashboard.badgeOfRun('succeeded').waitFor();
    // Three tenants under one heading.
    await page.getByRole('navigation', { name: 'Parts of the run' }).getByText('Tenants').click();
    expect(await page.getByRole('grid').getAttribute('aria-rowcount')).toBe('5');
    await page
      .getByRole('status')
      .getByText(/access-check succeeded: .* of 3/)
      .waitFor({ state: 'attached' });
  });

  it('shows the error of the API in the dialog and keeps the dialog open', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Jobs');
    await page.getByRole('button', { name: 'Start access-check' }).click();
    await page.getByLabel('Only these tenants').fill('nobody.example');
    await page.getByRole('button', { name: 'Start for 1 tenant' }).click();
    await page.getByText('The tenant does not exist').waitFor();
    await page.keyboard.press('Escape');
    expect(await page.getByRole('dialog').count()).toBe(0);
  });

  it('has a field for each parameter, says what is wrong beside it, and shows what the run was given', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Jobs');
    await page.getByRole('button', { name: 'Start secret-expiry-report' }).click();
    const days = page.getByRole('textbox', { name: 'Days ahead' });
    expect(await days.inputValue()).toBe('30');
    await days.fill('3651');
    await page.getByLabel('Only these tenants').fill(tenantOf(demo, 'ok').domain);
    await page.getByRole('button', { name: 'Start for 1 tenant' }).press('Enter');
    await page.getByText('It must be a whole number from 0 to 3650.').waitFor();
    const focused = (): Promise<string | undefined> => page.evaluate(() => document.activeElement?.id);
    await expect.poll(focused).toBe(await days.getAttribute('id'));
    expect([await findings(page), await poorContrast(page)]).toEqual([[], []]);
    await page.keyboard.press('Control+A');
    await page.keyboard.type('60');
    await page.keyboard.press('Enter');
    await page.getByText('Parameters: days = 60').waitFor();
    await dashboard.badgeOfRun('succeeded').waitFor();
  });

  it('cancels a running run', async () => {
    // Delay Graph too, because tokens may already be cached. The run must still be running when the test presses the button.
    for (const service of ['entra', 'graph'] as const) {
      await addFault(demo.cloud.control, { service, kind: 'delay', delayMs: 3_000 });
    }
    try {
      await dashboard.signIn(token);
      // run-actions.test.ts counts the runs of another job in the same demo.
      await dashboard.openRun(await demo.api.startRun('licence-report'));
      await page.getByRole('button', { name: 'Cancel' }).click();
      await dashboard.badgeOfRun('cancelled').waitFor();
      await page
        .getByRole('button', { name: /not attempted/i })
        .first()
        .click();
      expect(Number(await page.getByRole('grid').getAttribute('aria-rowcount'))).toBeGreaterThan(1);
    } finally {
      await clearFaults(demo.cloud.control);
    }
  }, 300_000);

  it('finds tenants by domain and access, and shows one with its results and what to do', async () => {
    await dashboard.signIn(token);
    await dashboard.view('Tenants');
    const grid = page.getByRole('grid', { name: 'Tenants' });
    await grid.waitFor();
    const rows = (): Promise<string | null> => grid.getAttribute('aria-rowcount');
    const show = page.getByRole('group', { name: 'Show' });
    await show.getByRole('button', { name: `All ${demo.cloud.tenants.length}` }).waitFor();
    // Links lead to this filter, and it is shown while it is chosen.
    await page.goto(`${demo.url}/api/dashboard#/tenants?show=unreachable`);
    expect(await show.getByRole('button', { name: /^No access/ }).getAttribute('aria-pressed')).toBe('true');
    const expired = demo.cloud.tenants.filter(({ state }) => state === 'gdap_expired').length;
    // The heading, the tenants, and one heading over each cause.
    const causes = grid.locator('.group');
    await expect.poll(async () => Number(await rows()) - (await causes.count())).toBe(expired + 1);
    await show.getByRole('button', { name: /^All/ }).click();
    const wanted = tenantOf(demo, 'no_consent');
    await page.getByLabel('Search', { exact: true }).fill(wanted.domain);
    await expect.poll(rows).toBe('3');
    await grid.getByRole('rowheader').getByRole('link').click();
    await page.getByText(`ptb tenants consent --tenant ${wanted.domain}`).waitFor();
    const history = page.getByRole('region', { name: 'Jobs' });
    await history.getByRole('button', { name: /^Show all \d+ results? of these jobs$/ }).click();
    await history.getByRole('cell', { name: 'No consent for the application', exact: true }).first().waitFor();
    await history.getByRole('button', { name: 'Log of access-check' }).first().click();
    await page
      .getByRole('dialog')
      .getByText(/The job logged nothing|Error of the job|Log of the job/)
      .waitFor();
  });

  it('shows how the numbers of a job developed, over all tenants and in one', async () => {
    // A single run has no chart.
    const second = await demo.api.startRun('access-check');
    await expect.poll(async () => (await demo.api.run(second)).status).toBe('completed');
    await dashboard.signIn(token);
    await dashboard.view('Jobs');
    await page.getByRole('link', { name: 'Access to each tenant' }).click();
    const number = page.getByLabel('Number');
    await page.getByRole('slider').waitFor();
    // Other tests start runs as well.
    expect(await page.locator('.chart-marked').innerText()).toMatch(/over \d+ of \d+ tenants/);
    await number.selectOption('Reachable: yes');
    await page.getByLabel('Resource').selectOption('exchange');
    await page.getByRole('slider', { name: 'Run of the chart Reachable: yes, exchange' }).waitFor();
    const { tenantId, domain } = tenantOf(demo, 'ok');
    // The menu offers groups and tags. The address may name any tenant.
    await page.goto(`${page.url()}&tenants=${domain}`);
    await expect.poll(() => page.locator('.chart-marked').innerText()).toContain('over 1 tenant');
    await page.goto(`${demo.url}/api/dashboard#/tenants/${tenantId}?job=access-check&column=rows`);
    await page.getByRole('slider', { name: 'Run of the chart Rows' }).waitFor();
    expect(await page.locator('.chart-marked').innerText()).toMatch(/^3 rows on \d/);
    expect(watched.complaints).toEqual([]);
  });

  it('offers only actions that the token allows', async () => {
    await dashboard.signIn(await tokenOfCaller(demo, ['Tenants.Read', 'Runs.Read']));
    await dashboard.view('Jobs');
    await page.getByRole('link', { name: 'Access to each tenant' }).waitFor();
    expect(await page.getByRole('button', { name: /^Start/ }).count()).toBe(0);
    await dashboard.openRun(runId);
    await page.getByRole('button', { name: 'Download…' }).waitFor();
    expect(await page.getByRole('button', { name: /Run again|Cancel/ }).count()).toBe(0);
    await page.getByRole('button', { name: 'Forget token' }).click();
    await dashboard.signIn(await tokenOfCaller(demo, []));
    await page.getByRole('heading', { name: 'You have no access yet' }).waitFor();
    await page.getByRole('button', { name: 'Forget token' }).click();
    await dashboard.signIn(await tokenOfCaller(demo, ['Audit.Read']));
    await dashboard.view('Tenants');
    await page.getByText('Your account lacks the app role Tenants.Read').waitFor();
  });

  it('shows a name with markup as plain text', async () => {
    const name = '<img src=x onerror="document.title=1">';
    await page.route('**/api/tenants', async (route) => {
      const response = await route.fetch();
      const body = (await response.json()) as { tenants: { name: string }[] };
      await route.fulfill({
        response,
        json: { ...body, tenants: body.tenants.map((tenant) => ({ ...tenant, name })) },
      });
    });
    await dashboard.signIn(token);
    await dashboard.view('Tenants');
    await page.getByText(name).first().waitFor();
    expect(await page.title()).toBe('Tenants - Partner Token Broker');
    expect(await page.locator('main img').count()).toBe(0);
  });
});
