import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, inject } from 'vitest';
import { createBrokerApi } from '../../../src/cli/demo/api.ts';
import { callerTokens } from '../../../src/cli/demo/caller-token.ts';
import { trustAuthority } from '../../../src/cli/demo/running-demo.ts';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { connectBrowser, leaveWindow, useWindow, type WatchedPage } from './browser.ts';
import { dashboardPage, type DashboardPage } from './dashboard-page.ts';
import type { SharedDemo } from './shared-demo.ts';

export interface DashboardFixture {
  readonly demo: Pick<Demo, 'url' | 'cloud' | 'api' | 'callerToken'>;
  readonly browser: Browser;
  /** Token of a caller with all roles. */
  readonly token: string;
  /** A finished run over all tenants. */
  readonly runId: string;
  readonly watched: WatchedPage;
  /** The page of `watched`. */
  readonly page: Page;
  readonly dashboard: DashboardPage;
}

/** The demo that page tests share, which other files use at the same time. */
export async function sharedDemo(): Promise<Pick<DashboardFixture, 'demo' | 'runId'>> {
  const file = inject('sharedDemoFile');
  while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 100));
  const found = JSON.parse(await readFile(file, 'utf8')) as SharedDemo | { readonly failure: string };
  if ('failure' in found) throw new Error(found.failure);
  const { url, cloud, runId } = found;
  trustAuthority(cloud.caCertificatePath);
  const callerToken = callerTokens(cloud);
  return { demo: { url, cloud, callerToken, api: createBrokerApi(`${url}/api`, callerToken) }, runId };
}

/**
 * Opens the dashboard of the shared demo anew for each test.
 * @returns an object whose fields are set before each test.
 */
export function dashboardFixture(): DashboardFixture {
  const fixture = {} as { -readonly [name in keyof DashboardFixture]: DashboardFixture[name] };
  beforeAll(async () => {
    const [shared, browser] = await Promise.all([sharedDemo(), connectBrowser()]);
    Object.assign(fixture, shared, { browser, token: await shared.demo.callerToken() });
  });
  afterAll(() => fixture.browser?.close());
  beforeEach(async () => {
    fixture.watched = await useWindow(fixture.browser);
    fixture.page = fixture.watched.page;
    fixture.dashboard = dashboardPage(fixture.page);
    await fixture.page.goto(`${fixture.demo.url}/api/dashboard`);
  });
  afterEach(() => leaveWindow(fixture.page));
  return fixture;
}
