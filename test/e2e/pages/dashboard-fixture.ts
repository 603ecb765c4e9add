import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { startQuietDemo } from '../../support/running-demo.ts';
import { connectBrowser, openPage, type WatchedPage } from './browser.ts';
import { dashboardPage, type DashboardPage } from './dashboard-page.ts';

export interface DashboardFixture {
  readonly demo: Demo;
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
 * Starts a broker for the tests of one file, and opens the dashboard in a new page for each test.
 * @returns an object whose fields are set before each test.
 */
export function dashboardFixture(tenants: number): DashboardFixture {
  const fixture = {} as { -readonly [name in keyof DashboardFixture]: DashboardFixture[name] };
  let browser: Browser | undefined;
  beforeAll(async () => {
    [fixture.demo, browser] = await Promise.all([startQuietDemo(tenants), connectBrowser()]);
    const { api, callerToken } = fixture.demo;
    fixture.token = await callerToken();
    fixture.runId = await api.startRun('access-check');
    while ((await api.run(fixture.runId)).finishedAt === undefined)
      await new Promise((resolve) => setTimeout(resolve, 300));
  });
  afterAll(async () => {
    await browser?.close();
    await fixture.demo?.stop();
  });
  beforeEach(async () => {
    if (browser === undefined) throw new Error('the browser did not start');
    fixture.watched = await openPage(browser);
    fixture.page = fixture.watched.page;
    fixture.dashboard = dashboardPage(fixture.page);
    await fixture.page.goto(`${fixture.demo.url}/api/dashboard`);
  });
  afterEach(async () => {
    // A polled request may still be in flight in a route handler of the test.
    await fixture.page.unrouteAll({ behavior: 'ignoreErrors' });
    await fixture.page.close();
  });
  return fixture;
}
