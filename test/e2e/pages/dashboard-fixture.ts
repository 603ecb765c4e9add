import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { startQuietDemo } from '../../support/running-demo.ts';
import { launchBrowser, openPage, type WatchedPage } from './browser.ts';
import { dashboardPage, type DashboardPage } from './dashboard-page.ts';

export interface DashboardStage {
  readonly demo: Demo;
  /** Of a caller that may use the whole API. */
  readonly token: string;
  /** A run over all tenants that has ended. */
  readonly runId: string;
  readonly watched: WatchedPage;
  /** That of `watched`. */
  readonly page: Page;
  readonly dashboard: DashboardPage;
}

/**
 * For the tests of one file: a broker with so many tenants, and for each test a page of its own at the dashboard.
 * @returns what there is, filled in by the time that a test begins.
 */
export function dashboardStage(tenants: number): DashboardStage {
  const stage = {} as { -readonly [name in keyof DashboardStage]: DashboardStage[name] };
  let browser: Browser | undefined;
  beforeAll(async () => {
    [stage.demo, browser] = await Promise.all([startQuietDemo(tenants), launchBrowser()]);
    const { api, callerToken } = stage.demo;
    stage.token = await callerToken();
    stage.runId = await api.startRun('access-check');
    while ((await api.run(stage.runId)).finishedAt === undefined)
      await new Promise((resolve) => setTimeout(resolve, 300));
  });
  afterAll(async () => {
    await browser?.close();
    await stage.demo?.stop();
  });
  beforeEach(async () => {
    if (browser === undefined) throw new Error('there is no browser');
    stage.watched = await openPage(browser);
    stage.page = stage.watched.page;
    stage.dashboard = dashboardPage(stage.page);
    await stage.page.goto(`${stage.demo.url}/api/dashboard`);
  });
  afterEach(async () => {
    await stage.page.close();
  });
  return stage;
}
