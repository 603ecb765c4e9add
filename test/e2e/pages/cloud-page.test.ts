import { accessToken, call, createCloud, redeem, type TestCloud } from 'microsoft-cloud/testing';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { tabTo } from './assistive.ts';
import { connectBrowser, leaveWindow, noBrowser, useWindow, type WatchedPage } from './browser.ts';
import { checkLooks } from './looks.ts';
import { skippedBecause } from '../../support/skipped.ts';

describe('the page of the simulated cloud', skippedBecause(noBrowser), () => {
  let cloud: TestCloud;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  beforeAll(async () => {
    [cloud, browser] = await Promise.all([createCloud({ tenants: 300 }), connectBrowser()]);
  });
  afterAll(async () => {
    await Promise.all([cloud?.close(), browser?.close()]);
  });
  beforeEach(async () => {
    cloud.reset();
    watched = await useWindow(browser);
    ({ page } = watched);
    await page.goto(cloud.control);
  });
  afterEach(async () => {
    const foreign = [...watched.origins].filter((origin) => origin !== cloud.control);
    const faulty = [...watched.complaints, ...foreign];
    await leaveWindow(page);
    if (faulty.length > 0) throw new Error(faulty.join('\n'));
  });

  const rows = () => page.getByRole('table', { name: 'Requests, newest first' }).locator('tbody tr');
  const graph = async (path: string, tenantId = cloud.document.tenants[0]?.tenantId ?? '') =>
    call(`${cloud.document.graph}/v1.0${path}`, await accessToken(cloud, tenantId));

  it('shows requests as they arrive: caller, tenant, needed permission, status, and whether Graph knows them', async () => {
    await page.getByText('Requests to the services appear here.').waitFor();
    await graph('/users');
    await expect.poll(() => rows().count()).toBe(2);
    const name = cloud.document.tenants[0]?.name ?? '';
    const account = cloud.document.accounts.find(({ state }) => state === 'service')?.username ?? '';
    const [newest, first] = await rows().allInnerTexts();
    for (const part of ['GET /v1.0/users', name, account, 'User.ReadBasic.All or Directory.Read.All', '200', 'matched'])
      expect(newest).toContain(part);
    for (const part of ['entra', 'refresh_token', '200']) expect(first).toContain(part);
    await graph('/noSuchThing');
    await expect.poll(() => rows().first().innerText()).toContain('unmatched');
    expect(await rows().first().innerText()).toContain('not in the permission map');
    expect(await page.content()).not.toContain(cloud.document.refreshToken);
    expect(await page.content()).not.toContain(cloud.document.application.clientSecret);
  });

  it('filters requests by text and by result, pauses, and empties the list', async () => {
    await graph('/organization');
    await graph('/noSuchThing');
    await page.getByLabel(/^Show/).selectOption('unmatched');
    await expect.poll(() => rows().count()).toBe(1);
    await page.getByLabel(/^Show/).selectOption('');
    await page.getByLabel('Filter requests').fill('ORGANIZATION');
    await expect.poll(() => rows().allInnerTexts()).toHaveLength(1);
    await page.getByLabel('Filter requests').fill('no such text');
    await page.getByText('No request fits the filter.').waitFor();
    await page.getByLabel('Filter requests').fill('');
    await expect.poll(() => rows().count()).toBe(4);
    await page.getByRole('button', { name: 'Pause' }).click();
    // A poll that was under way has ended before the next request.
    await page.waitForTimeout(1500);
    await graph('/organization');
    await page.waitForTimeout(2500);
    expect(await rows().count()).toBe(4);
    await page.getByRole('button', { name: 'Pause' }).click();
    await expect.poll(() => rows().count()).toBe(6);
    await page.getByRole('button', { name: 'Empty the list' }).click();
    await page.getByText('Requests to the services appear here.').waitFor();
    expect(cloud.ledger.read().requests).toEqual([]);
  });

  it('adds fault sets and AADSTS numbers, removes one rule, and clears all', async () => {
    const tenant = cloud.document.tenants[0]?.tenantId ?? '';
    await page.getByLabel('Fault set').selectOption('graph-down');
    await page.getByRole('button', { name: 'Add the set' }).click();
    await page.getByText('Added graph-down.').waitFor();
    expect((await graph('/organization')).status).toBe(503);
    await page.getByLabel('AADSTS number').fill('50173');
    await page.getByRole('button', { name: 'Add the refusal' }).click();
    await page.getByText('Added aadsts-50173.').waitFor();
    expect((await redeem(cloud, tenant)).body['error_codes']).toEqual([50173]);
    await page.getByRole('button', { name: 'Remove fault-1' }).click();
    await page.getByText('Removed fault-1.').waitFor();
    expect(cloud.faults.list()).toMatchObject([{ rule: { aadsts: 50173 } }]);
    await page.getByLabel('Fault set').selectOption('strict-refresh-tokens');
    await page.getByRole('button', { name: 'Add the set' }).click();
    await page.getByText('strictRefreshTokens true').waitFor();
    await page.getByRole('button', { name: 'Clear all faults' }).click();
    await page.getByText('No fault is active.').waitFor();
    expect(cloud.world.settings.strictRefreshTokens).toBe(false);
  });

  it('says why a fault cannot be added', async () => {
    await page.getByLabel('AADSTS number').fill('1');
    await page.getByRole('button', { name: 'Add the refusal' }).click();
    await page.getByRole('status').getByText('There is no fault set "aadsts-1".').waitFor();
    // The browser reports the refused request, too.
    expect(watched.complaints.splice(0)).toHaveLength(1);
  });

  it('finds any of many tenants', async () => {
    const last = cloud.document.tenants.at(-1);
    await page.getByText('300 tenants').waitFor();
    await page.getByLabel('Filter tenants').fill(last?.tenantId ?? '');
    await page.getByText(' 1 fit.').waitFor();
    expect(await page.locator('#tenants-part tbody tr').allInnerTexts()).toHaveLength(1);
    expect(await page.locator('#tenants-part').innerText()).toContain(last?.domain);
  });

  it('has no finding of axe, fits and has contrast, wide and narrow, light and dark', async () => {
    await graph('/users');
    await graph('/noSuchThing');
    cloud.addFaultSet('flaky');
    await expect.poll(() => page.getByRole('button', { name: /^Remove/ }).count()).toBe(5);
    await expect.poll(() => rows().count()).toBe(4);
    await checkLooks(page);
  });

  it('works by keyboard alone, and keeps the focus while the list changes', async () => {
    cloud.addFaultSet('graph-down');
    await page.getByRole('button', { name: 'Remove fault-1' }).waitFor();
    await tabTo(page, ({ id }) => id === 'fault-1');
    await graph('/organization');
    await expect.poll(() => page.locator('#faults-part tbody td').nth(2).innerText()).toContain('1');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('fault-1');
    await page.keyboard.press('Enter');
    await page.getByText('Removed fault-1.').waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('clear');
  });

  it('refuses what other pages send', async () => {
    const headers = { origin: 'https://elsewhere.example' };
    const refused = await fetch(`${cloud.control}/faults`, { method: 'POST', headers, body: '{"set":"graph-down"}' });
    expect(refused.status).toBe(403);
    expect(cloud.faults.list()).toEqual([]);
    const policy = (await fetch(cloud.control)).headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
  });
});
