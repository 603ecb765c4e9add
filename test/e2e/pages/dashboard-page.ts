import type { Locator, Page } from 'playwright-core';

/** Page object of the dashboard. */
export interface DashboardPage {
  /** Fills in a token without sending it. */
  fillToken(token: string): Promise<void>;
  signIn(token: string): Promise<void>;
  /** Opens a view by its link. */
  view(name: 'Overview' | 'Runs' | 'Tenants' | 'Events' | 'Jobs' | 'Audit'): Promise<void>;
  /** Filters the audit view by outcome. */
  showOutcome(outcome: 'issued' | 'denied'): Promise<void>;
  openRun(runId: string): Promise<void>;
  badgeOfRun(outcome: string | RegExp): Locator;
  /** Position of the grid cell that has the focus: row and column, both from 1, the heading included. */
  focusedCell(): Promise<readonly [number, number]>;
  /** Everything that a page can store: storages, cookies, databases, caches, history. */
  stored(): Promise<string>;
}

export function dashboardPage(page: Page): DashboardPage {
  const fillToken = async (token: string): Promise<void> => {
    const field = page.getByLabel('Access token', { exact: true });
    const link = page.getByRole('button', { name: 'Paste an access token instead' });
    await field.or(link).first().waitFor();
    // Without settings for a sign-in the form takes the place of the link, which may happen just before the click.
    while ((await field.count()) === 0) {
      await link.click({ timeout: 2_000 }).catch(() => undefined);
      await field.waitFor({ timeout: 2_000 }).catch(() => undefined);
    }
    await field.fill(token);
  };
  return {
    fillToken,
    signIn: async (token) => {
      await fillToken(token);
      await page.getByRole('button', { name: 'Show the dashboard' }).click();
    },
    view: async (name) => {
      const menu = page.getByRole('button', { name: 'Menu' });
      if (await menu.isVisible()) await menu.click();
      const link = page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name, exact: true });
      const isThere = (timeout: number) =>
        page.waitForFunction((title) => document.title.startsWith(`${title} - `), name, { timeout });
      await link.click();
      // Just after a sign-in, on a busy machine, a click was seen to lead nowhere.
      await isThere(10_000).catch(async () => {
        await link.click();
        await isThere(50_000);
      });
    },
    showOutcome: async (outcome) => {
      await page.getByLabel('Outcome').selectOption(outcome);
    },
    openRun: async (runId) => {
      await page.evaluate(
        (hash) => {
          location.hash = hash;
        },
        `#/runs/${encodeURIComponent(runId)}`,
      );
      await page.getByRole('navigation', { name: 'Parts of the run' }).waitFor();
    },
    badgeOfRun: (outcome) => page.locator('.about .badge', { hasText: outcome }),
    focusedCell: () =>
      page.evaluate(() => {
        const cell = document.activeElement?.closest('[aria-colindex]');
        const row = cell?.closest('[aria-rowindex]')?.getAttribute('aria-rowindex');
        return [Number(row), Number(cell?.getAttribute('aria-colindex'))] as const;
      }),
    stored: () =>
      page.evaluate(async () =>
        JSON.stringify({
          storages: [{ ...localStorage }, { ...sessionStorage }],
          cookies: document.cookie,
          databases: await indexedDB.databases(),
          caches: 'caches' in globalThis ? await caches.keys() : [],
          history: history.state as unknown,
          address: location.href,
        }),
      ),
  };
}
