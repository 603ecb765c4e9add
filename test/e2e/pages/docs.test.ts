import type { Browser, Page, Route } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { routes } from '../../../tools/docs/declared-routes.ts';
import { connectBrowser, leaveWindow, noBrowser, poorContrast, useWindow, type WatchedPage } from './browser.ts';
import { type DashboardFixture, sharedDemo } from './dashboard-fixture.ts';
import { skippedBecause } from '../../support/skipped.ts';

describe('the API reference page', skippedBecause(noBrowser), () => {
  let demo: DashboardFixture['demo'];
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;

  beforeAll(async () => {
    [{ demo }, browser] = await Promise.all([sharedDemo(), connectBrowser()]);
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    watched = await useWindow(browser);
    ({ page } = watched);
    await page.goto(`${demo.url}/api/docs`);
    await page.getByRole('heading', { name: 'Issue a token for one tenant and one resource' }).waitFor();
  });
  afterEach(() => leaveWindow(page));

  it('shows every route and loads nothing from another origin', async () => {
    expect(await page.locator('.operation').count()).toBe(routes.length);
    for (const { summary } of routes)
      expect(await page.getByRole('heading', { name: summary, exact: true }).count()).toBe(1);
    expect([...watched.origins]).toEqual([demo.url]);
    expect(watched.complaints).toEqual([]);
  });

  it('scrolls to the operation that the address names', async () => {
    await page.goto(`${demo.url}/api/docs#runs-results`);
    await page.reload();
    await page.waitForFunction(
      () => Math.abs(document.querySelector('#runs-results')?.getBoundingClientRect().top ?? 999) < 100,
    );
    expect(await page.locator('#runs-results').isVisible()).toBe(true);
  });

  it('shows the code sample in the selected language', async () => {
    const tokens = page.locator('#tokens');
    expect(await tokens.locator('pre').first().textContent()).toContain('curl');
    await tokens.getByRole('button', { name: 'PowerShell' }).click();
    expect(await tokens.locator('pre').first().textContent()).toContain('Invoke-RestMethod');
    await tokens.getByRole('button', { name: 'TypeScript' }).click();
    expect(await tokens.locator('pre').first().textContent()).toContain('await fetch');
  });

  it('unfolds nested properties', async () => {
    const answer = page.locator('#tenants .answers > li').first();
    expect(await answer.textContent()).not.toContain('relationshipEndsAt');
    await answer
      .locator('.properties > li', { hasText: 'tenants' })
      .first()
      .getByRole('button', { name: 'more' })
      .click();
    expect(await answer.textContent()).toContain('relationshipEndsAt');
  });

  it('sends a request and shows the answer', async () => {
    const health = page.locator('#health');
    await health.getByText('Try it').click();
    await health.getByRole('button', { name: 'Send GET' }).click();
    await health.getByText('200 application/json').waitFor();

    const jobs = page.locator('#jobs');
    await jobs.getByText('Try it').click();
    await jobs.getByRole('button', { name: 'Send GET' }).click();
    await jobs.getByText('401 application/problem+json').waitFor();
    await page.getByText('Token for trying requests').click();
    await page.getByLabel("A caller's access token").fill(await demo.callerToken());
    await jobs.getByRole('button', { name: 'Send GET' }).click();
    await jobs.getByText('200 application/json').waitFor();
    expect(await jobs.getByRole('status').textContent()).toContain('access-check');
  });

  it('shows an operation of several methods once, and sends the chosen one with the slashes of its path', async () => {
    const gateway = page.locator('#gateway');
    expect(await gateway.locator('.address').textContent()).toContain('ANY');
    await gateway.getByText('Try it').click();
    await gateway.getByLabel('method').selectOption('POST');
    for (const [name, value] of Object.entries({ tenant: 'contoso.com', resource: 'graph', path: 'v1.0/users' }))
      await gateway.locator(`input[name=${name}]`).fill(value);
    await gateway.getByLabel('body').fill('{"a":1}');
    const sent = page.waitForRequest('**/api/gateway/**');
    await gateway.getByRole('button', { name: 'Send POST' }).click();
    const request = await sent;
    expect([request.method(), new URL(request.url()).pathname, request.postData()]).toEqual([
      'POST',
      '/api/gateway/contoso.com/graph/v1.0/users',
      '{"a":1}',
    ]);
    await gateway.getByText('401 application/problem+json').waitFor();
  });

  it('shows the answer to the latest request even if an earlier answer arrives later', async () => {
    const first: Route[] = [];
    await page.route('**/api/health', (route) => void first.push(route), { times: 1 });
    const health = page.locator('#health');
    await health.getByText('Try it').click();
    await health.getByRole('button', { name: 'Send GET' }).click();
    await expect.poll(() => first.length).toBe(1);
    await health.getByRole('button', { name: 'Send GET' }).click();
    await health.getByText('200 application/json').waitFor();
    const late = page.waitForResponse((response) => response.status() === 502);
    await first[0]?.fulfill({ status: 502, body: 'late' });
    await (await late).finished();
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
    expect(await health.getByRole('status').textContent()).toContain('200 application/json');
  });

  it('has sufficient contrast in both color schemes', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect([colorScheme, await poorContrast(page)]).toEqual([colorScheme, []]);
    }
  });
});
