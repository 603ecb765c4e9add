import { changeTenant } from 'microsoft-cloud/client';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tokenOfPerson } from '../../support/person-token.ts';
import { startQuietDemo } from '../../support/running-demo.ts';
import { skippedBecause } from '../../support/skipped.ts';
import type { WatchedDemo } from '../../support/watched-demo.ts';
import { connectBrowser, noBrowser, openPage, type WatchedPage } from './browser.ts';
import { checkLooks } from './looks.ts';

/*
 * A plan in the browser: what it changes, its apply in waves, and its undo. The simulated cloud holds what is changed.
 */

const job = 'block-user-consent';

describe('the page of a plan', skippedBecause(noBrowser), () => {
  let demo: WatchedDemo;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  let token: string;
  let reachable: WatchedDemo['cloud']['tenants'];

  beforeAll(async () => {
    [demo, browser] = await Promise.all([startQuietDemo(6), connectBrowser()]);
    reachable = demo.cloud.tenants.filter(({ state }) => state === 'ok');
    for (const { tenantId } of reachable)
      await changeTenant(demo.cloud.control, tenantId, { moreRoles: ['Privileged Role Administrator'] });
    token = await tokenOfPerson(demo, 'operator');
    watched = await openPage(browser, { ignoreHTTPSErrors: true });
    ({ page } = watched);
    await page.goto(`${demo.url}/api/dashboard`);
    await page.getByRole('button', { name: 'Sign in with Microsoft', exact: true }).click();
    await page.getByLabel('Olivia Operator').check();
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor({ state: 'attached' });
  });
  afterAll(async () => {
    await browser?.close();
    await demo?.stop();
  });

  const call = async (path: string, init?: RequestInit): Promise<Readonly<Record<string, unknown>>> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`${demo.url}/api/${path}`, { headers, ...init });
    expect(answer.ok).toBe(true);
    return (await answer.json()) as Readonly<Record<string, unknown>>;
  };

  /** Tenants in which users may consent, as Graph has them. */
  const open = async (): Promise<number> => {
    const policies = await Promise.all(
      reachable.map(({ tenantId }) => call(`gateway/${tenantId}/graph/v1.0/policies/authorizationPolicy`)),
    );
    return policies.filter((policy) => JSON.stringify(policy).includes('ManagePermissionGrantsForSelf')).length;
  };

  const heading = (text: string | RegExp) => page.getByRole('heading', { level: 1, name: text });
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();

  it('shows the difference, applies it to the canary, goes on when a person says so, and plans the undo', async () => {
    const { runId } = await call(`jobs/${job}/plans`, { method: 'POST', body: '{}' });
    await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Plans', exact: true }).click();
    await heading(/^1 plan/).waitFor();
    await page.getByRole('link', { name: 'Users cannot consent to applications' }).click();
    const all = `${reachable.length} changes in ${reachable.length} tenants`;
    await heading(`${all} wait for you`).waitFor();
    expect(page.url()).toContain(encodeURIComponent(String(runId)));
    const lost = page.locator('del', {
      hasText: /^- .*permissionGrantPoliciesAssigned: ManagePermissionGrantsForSelf/,
    });
    await lost.first().waitFor();
    await expect.poll(() => page.locator('.names a[href^="#/tenants/"]').count()).toBeGreaterThan(0);
    await checkLooks(page);

    await press('Apply…');
    await page.getByLabel(/^Waves/).fill('1%, 100%');
    await page.getByLabel(/^Minutes/).fill('0');
    await checkLooks(page);
    await press('Apply');
    await heading('Wave 1 of 2 is done, and the next one waits for you').waitFor();
    expect(await open()).toBe(reachable.length - 1);
    await checkLooks(page);

    await press('Go on');
    await heading(`${reachable.length} of ${reachable.length} changes applied`).waitFor();
    expect(await open()).toBe(0);
    await page.locator('.lanes', { hasText: `Wave 2${reachable.length - 1} tenants, done` }).waitFor();
    await checkLooks(page);

    await press('Plan to undo');
    await heading(`${all} wait for you`).waitFor();
    await page.getByText('takes back an apply').waitFor();
    await page.locator('ins', { hasText: 'ManagePermissionGrantsForSelf' }).first().waitFor();
    expect(watched.complaints).toEqual([]);
  });
});
