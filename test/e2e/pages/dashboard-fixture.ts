import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { startQuietDemo } from '../../support/running-demo.ts';
import { connectBrowser, leaveWindow, useWindow, type WatchedPage } from './browser.ts';
import { dashboardPage, type DashboardPage } from './dashboard-page.ts';

export interface DashboardFixture {
  readonly demo: Demo;
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

/**
 * Starts a broker for the tests of one file, and opens the dashboard anew for each test.
 * @returns an object whose fields are set before each test.
 */
export function dashboardFixture(tenants: number): DashboardFixture {
  const fixture = {} as { -readonly [name in keyof DashboardFixture]: DashboardFixture[name] };
  beforeAll(async () => {
    [fixture.demo, fixture.browser] = await Promise.all([startQuietDemo(tenants), connectBrowser()]);
    const { api, callerToken } = fixture.demo;
    fixture.token = await callerToken();
    fixture.runId = await api.startRun('access-check');
    while ((await api.run(fixture.runId)).finishedAt === undefined)
      await new Promise((resolve) => setTimeout(resolve, 300));
  });
  afterAll(async () => {
    await fixture.browser?.close();
    await fixture.demo?.stop();
  });
  beforeEach(async () => {
    fixture.watched = await useWindow(fixture.browser);
    fixture.page = fixture.watched.page;
    fixture.dashboard = dashboardPage(fixture.page);
    await fixture.page.goto(`${fixture.demo.url}/api/dashboard`);
  });
  afterEach(() => leaveWindow(fixture.page));
  return fixture;
}
