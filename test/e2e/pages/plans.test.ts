import { changeTenant } from 'microsoft-cloud/client';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tokenOfPerson } from '../../support/person-token.ts';
import { startQuietDemo } from '../../support/running-demo.ts';
import { skippedBecause } from '../../support/skipped.ts';
import type { WatchedDemo } from '../../support/watched-demo.ts';
import { connectBrowser, noBrowser, openPage, type WatchedPage } from './browser.ts';
import { checkLooks } from './looks.ts';

/*
 * Plans in the browser, with the policy of the demo: one person plans and applies, another one approves. The simulated cloud
 * holds what is changed.
 */

const job = 'block-user-consent';
const role = 'Privileged Role Administrator';

/** A person with the dashboard open. */
class Reader {
  readonly watched: WatchedPage;

  constructor(watched: WatchedPage) {
    this.watched = watched;
  }

  static async signIn(browser: Browser, url: string, name: string): Promise<Reader> {
    const watched = await openPage(browser, { ignoreHTTPSErrors: true });
    const { page } = watched;
    // The page spares a slow broker: it waits ten times as long as an answer took, up to a minute.
    page.setDefaultTimeout(150_000);
    await page.goto(`${url}/api/dashboard`);
    await page.getByRole('button', { name: 'Sign in with Microsoft', exact: true }).click();
    await page.getByLabel(name).check();
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor({ state: 'attached' });
    return new Reader(watched);
  }

  get page() {
    return this.watched.page;
  }

  heading(text: string | RegExp) {
    return this.page.getByRole('heading', { level: 1, name: text });
  }

  /** Waits until the page of a plan says where it is. */
  says(text: string): Promise<void> {
    return this.page.locator('.lede, .note strong', { hasText: text }).first().waitFor();
  }

  press(name: string | RegExp): Promise<void> {
    return this.page.getByRole('button', { name, exact: true }).first().click();
  }

  /** Follows a link as a bookmark does: the width of the page may hide the menu. */
  async goTo(view: string): Promise<void> {
    await this.page.evaluate((hash) => window.location.assign(hash), `#/${view}`);
  }

  look(): Promise<void> {
    return checkLooks(this.page);
  }
}

describe('the page of a plan', skippedBecause(noBrowser), () => {
  let demo: WatchedDemo;
  let browser: Browser;
  let operator: Reader;
  let approver: Reader;
  let token: string;
  let reachable: WatchedDemo['cloud']['tenants'];

  beforeAll(async () => {
    [demo, browser] = await Promise.all([startQuietDemo(6), connectBrowser()]);
    reachable = demo.cloud.tenants.filter(({ state }) => state === 'ok');
    for (const { tenantId } of reachable) await changeTenant(demo.cloud.control, tenantId, { moreRoles: [role] });
    token = await tokenOfPerson(demo, 'operator');
    operator = await Reader.signIn(browser, demo.url, 'Olivia Operator');
    approver = await Reader.signIn(browser, demo.url, 'Clara Lindqvist');
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
  const open = async (): Promise<readonly string[]> => {
    const policies = await Promise.all(
      reachable.map(async ({ tenantId }) => {
        const policy = await call(`gateway/${tenantId}/graph/v1.0/policies/authorizationPolicy`);
        return [tenantId, JSON.stringify(policy)] as const;
      }),
    );
    return policies.flatMap(([id, policy]) => (policy.includes('ManagePermissionGrantsForSelf') ? [id] : []));
  };

  /** Asks for an apply with these waves, and lets the other person approve it. */
  async function apply(waves: string, failed: string): Promise<void> {
    const { page } = operator;
    await operator.press('Apply…');
    await page.getByLabel(/^Waves/).fill(waves);
    await page.getByLabel(/^Failed tenants allowed/).fill(failed);
    await page.getByLabel(/^Minutes/).fill('0');
    await page.getByLabel(/^Reason/).fill('Ticket 4711.');
    await operator.look();
    await operator.press('Apply');
    await page.getByRole('dialog').getByText('requires an approval').waitFor();
    await page.keyboard.press('Escape');
    await approver.goTo('approvals');
    // Not the one decided before, which is beside it.
    await approver.page
      .locator('.approval')
      .getByRole('link', { name: /Users cannot consent/ })
      .click();
    await approver.press(/^Approve…/);
    await approver.page.getByLabel(/^Reason/).fill('The customers agreed.');
    await approver.press('Approve the request');
    await approver.page.getByRole('dialog').waitFor({ state: 'detached' });
    await operator.press('Apply…');
    await operator.press('Apply');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }

  it('lets another person approve, and a canary, a hold by a failure, going on and the undo be seen', async () => {
    const { page } = operator;
    const [canary, failing] = reachable.map(({ tenantId }) => tenantId);
    const { runId } = await call(`jobs/${job}/plans`, { method: 'POST', body: '{}' });
    await operator.goTo('plans');
    await operator.heading(/^1 plan/).waitFor();
    await page.getByRole('link', { name: 'Users cannot consent to applications' }).click();
    /** Waits until the numbers say what became of the changes. */
    const numbers = (text: string): Promise<void> =>
      page.locator('.metrics', { hasText: new RegExp(text, 'i') }).waitFor();
    const all = (count: number): string => `${count} changes in ${count} `;
    await operator.says(all(reachable.length));
    expect(page.url()).toContain(encodeURIComponent(String(runId)));
    const lost = page.locator('.patch > div', {
      hasText: /permissionGrantPoliciesAssigned ?− ManagePermissionGrantsForSelf\S* ?\+ \(empty\)/,
    });
    await lost.first().waitFor();
    await expect.poll(() => page.locator('.names a[href^="#/tenants/"]').count()).toBeGreaterThan(0);
    await operator.look();

    await apply(`${canary}, 100%`, '0');
    await approver.look();
    await operator.says('Wave 1 of 2 is done: applied in 1 of 1 tenant');
    expect(await open()).toEqual(reachable.map(({ tenantId }) => tenantId).filter((id) => id !== canary));
    await page.getByText('The customers agreed.').waitFor();
    await operator.look();

    await changeTenant(demo.cloud.control, String(failing), { moreRoles: [] });
    await page.getByLabel('Reason (optional').fill('No tickets since.');
    await operator.press('Go on with wave 2');
    await page.locator('.gate', { hasText: 'No tickets since.' }).waitFor();
    await operator.says('The apply is held in wave 2 of 2 and waits for you');
    await numbers('Refused ?1');
    await operator.look();

    await operator.press('Go on');
    const applied = reachable.length - 1;
    await numbers(`Applied ?${applied} ?of ${reachable.length} changes ?Refused ?1`);
    expect(await open()).toEqual([failing]);
    await page.locator('.wave', { hasText: `2Everyone else${applied} tenants` }).waitFor();
    await operator.look();

    await operator.press('Plan to undo');
    await operator.says(all(applied));
    await page.getByText('takes back an apply').waitFor();
    await page.locator('ins', { hasText: 'ManagePermissionGrantsForSelf' }).first().waitFor();
    await apply('100%', '0');
    await numbers(`Applied ?${applied} ?of ${applied} changes`);
    expect(await open()).toEqual(reachable.map(({ tenantId }) => tenantId));
    await operator.look();
    expect([operator, approver].flatMap(({ watched }) => watched.complaints)).toEqual([]);
  }, 900_000);
});
