import { beforeEach, describe, expect, it } from 'vitest';
import { skippedBecause } from '../../support/skipped.ts';
import { findings } from './assistive.ts';
import { noBrowser, poorContrast } from './browser.ts';
import { dashboardFixture, type DashboardFixture } from './dashboard-fixture.ts';

describe('asking many tenants in the dashboard', skippedBecause(noBrowser), () => {
  const fixture = dashboardFixture();
  let { demo, page, dashboard, token, watched } = {} as DashboardFixture;

  beforeEach(async () => {
    ({ demo, page, dashboard, token, watched } = fixture);
    await dashboard.signIn(token);
    await dashboard.view('Runs');
    await page.getByRole('button', { name: 'Query many tenants…' }).click();
  });

  /** Fills the fields and leaves them. */
  const fill = async (path: string, select?: string): Promise<void> => {
    await page.getByLabel('Path and query at Microsoft Graph').fill(path);
    const properties = page.getByLabel('Properties, with commas');
    if (select !== undefined) await properties.fill(select);
    await properties.focus();
    await properties.blur();
  };

  it('explains the question, sends it, and shows its rows', async () => {
    const tenant = demo.cloud.tenants.find(({ state }) => state === 'ok');
    await fill('/users?$top=3', 'displayName, mail');
    const dialog = page.getByRole('dialog', { name: 'Query many tenants' });
    await dialog.getByText('Opened by the rule').waitFor();
    // The path was explained before the properties were there.
    await expect.poll(() => dialog.textContent()).toContain('GET /v1.0/users?$top=3&$select=displayName,mail');
    await page.getByLabel('Only these tenants').fill(tenant?.domain ?? '');
    await page.getByRole('button', { name: 'Query 1 tenant' }).click();
    await dashboard.badgeOfRun('succeeded').waitFor();
    const grid = page.getByRole('grid');
    await grid.getByText('displayName').waitFor();
    expect(await grid.getAttribute('aria-rowcount')).toBe('4');
    expect(watched.complaints).toEqual([]);
  });

  it('says why no rule opens a question, and offers no job of it', async () => {
    await fill('/nothingOfTheKind');
    const explanation = page.locator('#ask-explanation');
    await explanation.locator('> *').first().waitFor();
    expect(await explanation.textContent()).toContain('The permission map does not contain this resource');
    expect(await page.getByText('Save it as a job').count()).toBe(0);
  });

  it('shows the question as a job, with the command that writes it', async () => {
    await fill("/users?$filter=userType eq 'Guest'", 'displayName');
    await page.getByText('Save it as a job').click();
    await page.getByLabel('Name of the job').fill('guest-list');
    await page.getByLabel('When it starts').fill('0 15 6 * * 1');
    await page.getByLabel('Only these tenants').fill('tag:managed');
    const job = page.locator('.query-job');
    await job.getByText('At 06:15 UTC, Monday').waitFor();
    const path = "/users?$filter=userType%20eq%20'Guest'&$select=displayName";
    // The properties are read a moment after they are typed.
    await expect
      .poll(() => job.locator('.cmd code').textContent())
      .toBe(
        `ptb query '/v1.0${path.replaceAll("'", String.raw`'\''`)}' --save guest-list --schedule '0 15 6 * * 1' --tenant tag:managed`,
      );
    const text = await job.locator('pre').textContent();
    expect(text).toContain(`path: "${path}",`);
    expect(text).toContain("tenants: ['tag:managed'],");
    const [needed, given] = await page
      .getByRole('dialog')
      .evaluate(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth] as const);
    expect(needed).toBeLessThanOrEqual(given);
    expect(await findings(page)).toEqual([]);
    expect(await poorContrast(page)).toEqual([]);
    expect(watched.complaints).toEqual([]);
    await page.getByLabel('Name of the job').fill('Guest list');
    await job.getByText('at most 40 lower case letters').waitFor();
    expect(await job.locator('pre').count()).toBe(0);
  });
});
