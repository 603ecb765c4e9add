import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tokenOfPerson } from '../../support/person-token.ts';
import { startQuietDemo, tenantOf } from '../../support/running-demo.ts';
import { skippedBecause } from '../../support/skipped.ts';
import type { WatchedDemo } from '../../support/watched-demo.ts';
import { connectBrowser, noBrowser, openPage, type WatchedPage } from './browser.ts';
import { checkLooks } from './looks.ts';

/** A folder for pictures to look at. */
const pictures = process.env['PTB_TEST_PICTURES'];

describe('the page of the policy', skippedBecause(noBrowser), () => {
  let demo: WatchedDemo;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;

  beforeAll(async () => {
    [demo, browser] = await Promise.all([startQuietDemo(6), connectBrowser()]);
    const headers = { authorization: `Bearer ${await tokenOfPerson(demo, 'operator')}` };
    const { tenantId } = tenantOf(demo, 'ok');
    for (const path of ['users?$select=id', 'users?$top=1', 'groups'])
      await fetch(`${demo.url}/api/gateway/${tenantId}/graph/v1.0/${path}`, { headers });
    watched = await openPage(browser, { ignoreHTTPSErrors: true });
    page = watched.page;
    await page.goto(`${demo.url}/api/dashboard`);
    await page.getByRole('button', { name: 'Sign in with Microsoft', exact: true }).click();
    await page.getByLabel('Olivia Operator').check();
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('link', { name: 'Policy', exact: true }).click();
  });
  afterAll(async () => {
    await browser?.close();
    await demo?.stop();
  });

  async function look(name: string): Promise<void> {
    await checkLooks(page);
    for (const width of pictures === undefined ? [] : [1440, 390])
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: `${pictures}/policy-${name}-${width}-${colorScheme}.png`, fullPage: true });
      }
    await page.setViewportSize({ width: 1360, height: 900 });
  }

  it('shows each rule with its last use, and what nobody used of it', async () => {
    await page
      .getByRole('heading', {
        level: 1,
        name: /^2 of 6 rules open everything, 1 opens the partner tenant$/,
      })
      .waitFor();
    const rule = page.getByRole('row', { name: /local callers may try the gateway/ });
    expect(await rule.textContent()).toMatch(/\d of \d+ scopes (?:was|were) used: .*AuditLog\.Read\.All/);
    const unused = page.getByRole('row', { name: /local applications may apply every plan/ });
    expect(await unused.textContent()).toContain('not used');
    await page.getByText(/^Nobody used \d rules in 7 days\. Remove what is not needed/).waitFor();
    await page.getByRole('button', { name: 'Copy command for narrower rules' }).waitFor();
    await look('in-force');
    // A phone shows the name of each value.
    await page.setViewportSize({ width: 390, height: 844 });
    const said = (name: RegExp) => page.locator('.rules li', { hasText: name }).locator('dl').textContent();
    expect(await said(/local applications may apply every plan/)).toContain('Last usednot used');
    expect(await said(/users are read with an approval/)).toContain('after 1 approval each');
    await checkLooks(page);
    await page.setViewportSize({ width: 1360, height: 900 });
  });

  it('says what a pasted policy would refuse, to whom and why', async () => {
    const rules = [
      {
        name: 'users only',
        callers: { applications: ['*'] },
        tenants: ['*'],
        resources: ['graph'],
        scopes: ['User.Read.All'],
        via: ['gateway'],
        requests: { methods: ['GET'], paths: ['/v1.0/users'] },
      },
    ];
    await page.getByRole('button', { name: 'Compare with another policy…' }).click();
    await page.getByLabel('Or its text').fill(JSON.stringify({ version: 1, rules }, undefined, 2));
    await page.getByRole('button', { name: 'Compare', exact: true }).click();
    await page.getByText('Of 3 decisions judged, it would refuse 1, serve 2 by another rule.').waitFor();
    const refused = page.getByRole('row', { name: /GET \/v1\.0\/groups/ });
    expect(await refused.textContent()).toContain('local callers may try the gateway → no rule');
    expect(await refused.textContent()).toContain('refused');
    await look('replay');
  });

  it('takes a file, and says what is wrong with a policy that has errors', async () => {
    const buffer = Buffer.from('{ "version": 1, "rules": [{ "name": "half" }] }');
    await page.getByLabel('Policy file').setInputFiles({ name: 'p.json', mimeType: 'application/json', buffer });
    await expect.poll(() => page.getByLabel('Or its text').inputValue()).toContain('half');
    expect(await page.getByRole('row', { name: /GET \/v1\.0\/groups/ }).count()).toBe(0);
    await page.getByRole('button', { name: 'Compare', exact: true }).click();
    await page.getByText('rules[0].callers: is missing.').first().waitFor();
    await look('errors');
  });

  it('reports nothing to the console but the refusal', () => {
    expect(watched.complaints.filter((complaint) => !complaint.includes('400'))).toEqual([]);
  });
});
