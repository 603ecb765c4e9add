import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addFault, readLedger, resetLedger } from 'microsoft-cloud/client';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { examplesIn, runInShell } from '../../support/doc-examples.ts';
import { endValidity } from '../../support/ended-approval.ts';
import { startQuietDemo, tenantOf, tokenOfCaller } from '../../support/running-demo.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { connectBrowser, noBrowser, openPage, type WatchedPage } from './browser.ts';

/*
 * The walk of docs/approvals.md: a caller asks with the commands of the page, and a second person decides in a browser.
 */

describe('docs/approvals.md', skippedBecause(noBrowser), () => {
  let demo: Demo;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  let folder: string;
  let tenant: Demo['cloud']['tenants'][number];

  const clientOf = (name: string): string =>
    demo.cloud.brokerApplication.callers.find((known) => known.name === name)?.clientId ?? '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ptb-approvals-page-'));
    [demo, browser] = await Promise.all([startQuietDemo(3), connectBrowser()]);
    tenant = tenantOf(demo, 'ok');
    const [example = ''] = await examplesIn('approvals.md', 'json');
    const rule = JSON.parse(example.replace('contoso.com', tenant.domain)) as {
      name: string;
      approval: { validMinutes: number };
    };
    const rules = [{ ...rule, callers: { applications: [clientOf('Portal')] } }];
    await writeFile(demo.environment['ACCESS_POLICY'] ?? '', JSON.stringify({ version: 1, rules }));
    // The simulated Graph does not know the users of these requests.
    await addFault(demo.cloud.control, { service: 'graph', tenantId: tenant.tenantId, method: 'PATCH', status: 204 });
  });
  beforeEach(() => resetLedger(demo.cloud.control));
  afterAll(async () => {
    await browser?.close();
    await demo?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    await page.context().close();
    if (watched.complaints.length > 0) throw new Error(`the browser reported: ${watched.complaints.join('; ')}`);
  });

  /** Opens the dashboard as a person, who signs in with Microsoft. */
  async function signIn(name: string, hash: string): Promise<void> {
    watched = await openPage(browser, { viewport: { width: 1360, height: 900 }, ignoreHTTPSErrors: true });
    ({ page } = watched);
    await page.goto(`${demo.url}/api/dashboard${hash}`);
    await page.getByRole('button', { name: 'Sign in with Microsoft', exact: true }).click();
    await page.getByLabel(name).check();
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('button', { name: 'Sign out', exact: true }).waitFor();
  }

  /** Changes that reached Graph since the start of the test. */
  const sent = async (): Promise<number> =>
    (await readLedger(demo.cloud.control)).requests.filter(({ method }) => method === 'PATCH').length;

  const badge = (status: string) => page.locator('.about .badge', { hasText: status });
  const inbox = () => page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: /^Approvals/ });

  async function decide(verb: string, reason: string): Promise<void> {
    await page
      .getByRole('button', { name: new RegExp(`^${verb}…`) })
      .first()
      .click();
    await page.getByLabel(/^Reason/).fill(reason);
    await page
      .getByRole('button', { name: `${verb} the ${verb === 'Revoke' ? 'approval' : 'request'}`, exact: true })
      .click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }

  /** The steps of an approval in the audit view, the oldest first. */
  async function auditSteps(): Promise<string[]> {
    await page.getByRole('link', { name: 'Audit records of this approval' }).click();
    await page
      .getByRole('status')
      .getByText(/^All \d+ entries/)
      .waitFor();
    const texts = await page.locator('table.audit tbody tr:has(time) td:nth-child(5)').allTextContents();
    return texts.map((text) => text.trim()).toReversed();
  }

  it('a request is sent only after a second person approved it, and once', async () => {
    const [ask = '', commands = ''] = await examplesIn('approvals.md', 'sh');
    const run = async (code: string, token: string): Promise<string> =>
      runInShell(`(${code.trim().replaceAll('contoso.com', tenant.domain)}) 2>&1 || true`, folder, {
        ...demo.environment,
        BROKER_URL: demo.url,
        PTB_TOKEN: token,
      });
    const portal = await tokenOfCaller(demo, ['Requests.Send']);
    const asked = await run(ask, portal);
    const [id = 'no id'] = /\d{8}t\d{6}-[0-9a-f]{8}/.exec(asked) ?? [];
    expect(asked).toContain('waits for the approval of other people');

    await signIn('Clara Lindqvist', '#/approvals');
    await expect.poll(() => inbox().textContent()).toBe('Approvals (1 waits for your decision)');
    await page.getByText('The customer reports an incident, ticket 4711.').waitFor();
    await page.getByText('PATCH /v1.0/users/alice@').first().waitFor();
    await page.getByRole('link', { name: /^Changes one user in / }).click();
    await page.getByText(id, { exact: true }).waitFor({ state: 'attached' });
    await page.getByText('"accountEnabled"').first().waitFor();
    await decide('Approve', 'Agreed with the customer.');
    await badge('approved').waitFor();
    await page.getByText('Clara Lindqvist').first().waitFor();
    await expect.poll(() => inbox().textContent()).toBe('Approvals');

    expect(await run(ask, portal)).toContain('HTTP 204');
    // The other commands of the page show the same.
    const show = commands.split('\n').find((line) => line.includes('show')) ?? '';
    expect(await run(show.replace('ID', id), await demo.callerToken())).toMatch(/used {2}1 of 1 {2}sent /);

    const repeated = await run(ask, portal);
    expect(repeated).toContain('approval_ended');
    expect(repeated).toContain('an approval serves a change once');
    await badge('approved and used').waitFor();
    await page.getByText('It was sent and answered.').waitFor();
    await page.getByText('Query, headers and body were removed').waitFor();
    expect(await sent()).toBe(1);
    expect(await auditSteps()).toEqual(expect.arrayContaining(['asked', 'approved', 'answered 204', 'used']));
  });

  it('a request is refused once its approval is revoked, and when the validity is over', async () => {
    const portal = await tokenOfCaller(demo, ['Requests.Send']);
    const send = (more: Readonly<Record<string, string>> = {}) =>
      fetch(`${demo.url}/api/gateway/${tenant.tenantId}/graph/v1.0/users/alice@contoso.example`, {
        method: 'PATCH',
        headers: {
          authorization: `Bearer ${portal}`,
          'content-type': 'application/json',
          'x-reason': 'The account sends spam.',
          ...more,
        },
        body: JSON.stringify({ accountEnabled: false }),
      });
    const asked = await send();
    expect(asked.status).toBe(202);

    await signIn('Clara Lindqvist', `#/approvals/${asked.headers.get('x-approval-id')}`);
    await page.getByText('"accountEnabled"').first().waitFor();
    await decide('Approve', 'Agreed with the customer.');
    await badge('approved').waitFor();
    await decide('Revoke', 'The customer called again.');
    await badge('revoked').waitFor();
    await page.getByText('Query, headers and body were removed').waitFor();
    const refused = await send();
    expect([refused.status, await sent()]).toEqual([403, 0]);
    expect(await auditSteps()).toEqual(expect.arrayContaining(['asked', 'approved', 'revoked']));

    const again = (await send({ 'x-ask-again': 'true' })).headers.get('x-approval-id') ?? '';
    await page.goto(`${demo.url}/api/dashboard#/approvals/${again}`);
    await decide('Approve', 'Agreed with the customer.');
    await badge('approved').waitFor();
    await endValidity(demo, again);
    expect([(await send()).status, await sent()]).toEqual([403, 0]);
    await badge('approved, expired unused').waitFor();
    await page.getByText('Its validity ended.').waitFor();
  });
});
