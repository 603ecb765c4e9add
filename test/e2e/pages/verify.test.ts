import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExtractLine } from '../../../src/lib/audit/proof/layout.ts';
import { ptbScript } from '../../paths.ts';
import { skippedBecause } from '../../support/skipped.ts';
import { findings, tabTo } from './assistive.ts';
import { connectBrowser, noBrowser, openPage, type WatchedPage } from './browser.ts';
import { fileOf, hostile, startMs, type Story, storyOfADay } from '../../support/customer-story.ts';
import { startFixtureBroker } from './fixture/broker.ts';
import { openView } from './fixture/views.ts';
import { createWorld } from './fixture/world.ts';
import { checkLooks } from './looks.ts';

let browser: Browser;
let folder: string;
/** What the command said that wrote the page. */
let said: string;
let story: Story;
let lines: readonly ExtractLine[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-verify-'));
  const page = join(folder, 'verify.html');
  const written = promisify(execFile)(process.execPath, [ptbScript, 'audit', 'verify-page', '--out', page]);
  [browser] = await Promise.all([connectBrowser(), written]);
  said = (await written).stderr;
  story = await storyOfADay();
  lines = await story.extract();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Opens the page from disk, at the time of the story. */
async function opened(nowMs = story.world.audit.nowMs): Promise<WatchedPage> {
  const watched = await openPage(browser, { timezoneId: 'Europe/London', locale: 'en-GB' });
  await watched.page.addInitScript((ms) => {
    Date.now = () => ms;
  }, nowMs + 60_000);
  await watched.page.goto(pathToFileURL(join(folder, 'verify.html')).href);
  return watched;
}

const give = (page: Page, text: string, name = 'extract.jsonl', label = /^Drop the file/): Promise<void> =>
  page.getByLabel(label).setInputFiles({ name, mimeType: 'application/jsonl', buffer: Buffer.from(text) });

/** What the page says about a file. */
async function verdictOf(text: string): Promise<string> {
  const { page, complaints } = await opened();
  await give(page, text);
  await page.getByRole('heading', { name: /PROVEN|Not checked/ }).waitFor();
  const said = (await page.locator('main > [role=status]').innerText()).replaceAll(/\s+/g, ' ');
  expect(complaints).toEqual([]);
  await page.close();
  return said;
}

describe('verify.html from disk', skippedBecause(noBrowser), () => {
  it('proves an extract and says who reset a password, when, why and with whose approval', async () => {
    const { page, complaints, origins } = await opened();
    await give(page, fileOf(lines));
    await page.getByRole('heading', { name: 'PROVEN, not compared yet' }).waitFor();
    const change = page.locator('#changes li').filter({ hasText: 'Reset the password of vera@customer.example' });
    const text = (await change.innerText()).replaceAll(/\s+/g, ' ');
    expect(text).toContain('When 24 Nov 2026, 10:11');
    expect(text).toContain('Why Ticket 4711: Vera called, she is locked out.');
    expect(text).toContain('24 Nov 2026, 10:09 Called Vera back on the number we have.');
    expect(text).toMatch(/Result done .* → 204/);
    await expect(page.locator('#emergencies').innerText()).resolves.toContain(
      'Signed tom@customer.example out everywhere',
    );
    await expect(page.locator('#outside').innerText()).resolves.toContain('A leaked account sends spam');
    await expect(page.locator('#data').innerText()).resolves.toContain('Sign-in logs');
    await expect(page.locator('#refused').innerText()).resolves.toContain('E-mail');
    expect(complaints).toEqual([]);
    expect([...origins]).toEqual(['null']);
    await page.close();
  });

  it('shows the values of a plan before and after, which its records prove, and why others are not there', async () => {
    const { page, complaints } = await opened();
    await give(page, fileOf(lines));
    await page.getByRole('heading', { name: 'PROVEN, not compared yet' }).waitFor();
    const textOf = async (what: string): Promise<string> =>
      (await page.locator('#changes > .pad > ol > li').filter({ hasText: what }).innerText()).replaceAll(/\s+/g, ' ');
    expect(await textOf('Changed what users may do')).toContain(
      'defaultUserRolePermissions.permissionGrantPoliciesAssigned ManagePermissionGrantsForSelf.microsoft-user-default-legacy without these Proven with the record',
    );
    const location = await textOf('/namedLocations/');
    expect(location).toContain('“Office”');
    expect(location).toContain('isTrusted true false');
    expect(location).toContain(hostile.replace('\u202E', String.raw`\u202e`));
    expect(await textOf('/v1.0/groups/1')).toContain('it says that the plan was purged or deleted since');
    expect([await page.locator('main img').count(), complaints]).toEqual([0, []]);
    await page.close();
  });

  it('keeps the values of a record that nothing signs apart', async () => {
    const row = JSON.stringify({
      action: 'update',
      after: '{"city":"Bern"}',
      before: '{"city":"Rom"}',
      target: '/users/1',
    });
    const sha256 = createHash('sha256').update(row).digest('hex');
    const { record } = lines.find((line) => line.type === 'record') ?? expect.fail('no record');
    const unsigned = {
      ...record,
      RowKey: '1',
      outcome: 'sent',
      kind: 'request',
      method: 'PATCH',
      changeSha256: sha256,
    };
    const end = { ...lines.at(-1), unsigned: 1 } as ExtractLine;
    const added: ExtractLine[] = [{ type: 'unsigned', record: unsigned }, { type: 'change', sha256, row }, end];
    const { page } = await opened();
    await give(page, fileOf([...lines.slice(0, -1), ...added]));
    await page.getByRole('heading', { name: 'PROVEN, not compared yet' }).waitFor();
    await expect(page.locator('#unproven').innerText()).resolves.toMatch(/city\s+Rom\s+Bern/);
    await expect(page.locator('#changes').innerText()).resolves.not.toContain('Bern');
    await page.close();
  });

  it('is written with the SHA-256 that a customer can compare', async () => {
    const page = join(folder, 'verify.html');
    const sha256 = createHash('sha256')
      .update(await readFile(page))
      .digest('hex');
    expect(said).toContain(`Written to ${page}. SHA-256 ${sha256}`);
  });

  it('has no finding of axe, fits and has contrast, wide and narrow, light and dark', async () => {
    const { page } = await opened();
    expect(await findings(page)).toEqual([]);
    await give(page, fileOf(lines));
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    await checkLooks(page);
    await page.close();
  });

  it('runs nothing that a file contains and shows it as text', async () => {
    const { page, complaints } = await opened();
    await give(page, fileOf(lines), '<img src=x onerror=document.title="ran">.jsonl');
    const change = page
      .locator('#tried li')
      .filter({ hasText: 'Tried, and Microsoft refused: changed the user tom' })
      .first();
    await change.waitFor();
    expect(await change.innerText()).toContain(hostile.replace('\u202E', String.raw`\u202e`));
    expect(await page.locator('main img').count()).toBe(0);
    expect([await page.title(), complaints]).toEqual(['Check what your partner did in your tenant', []]);
    await page.close();
  });

  it('can reach no network, whatever a script in it tries', async () => {
    const { page } = await opened();
    const refused = await page.evaluate(async () => {
      const violated = new Promise<string>((resolve) =>
        document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => resolve(effectiveDirective)),
      );
      await fetch('http://127.0.0.1:1/').catch(() => undefined);
      return violated;
    });
    expect(refused).toBe('connect-src');
    await page.close();
  });

  it('is worked with the keyboard alone', async () => {
    const { page } = await opened();
    await tabTo(page, (focused) => focused.id === 'extract');
    await give(page, fileOf(lines));
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    await tabTo(page, (focused) => focused.id === 'expected');
    const panel = page.getByRole('region', { name: 'Is it your partner’s key?' });
    const thumbprint = (await panel.locator('.fingerprint').innerText()).replaceAll(' ', '');
    await page.keyboard.type('A'.repeat(43));
    const answer = panel.getByRole('status');
    await expect.poll(() => answer.innerText()).toContain('It is another key.');
    await page.getByRole('heading', { name: 'NOT PROVEN' }).waitFor();
    expect(await page.getByRole('heading', { name: 'Timeline' }).count()).toBe(0);
    await page.getByLabel(/fingerprint that you got/).fill(`sha256=${thumbprint}`);
    await expect.poll(() => answer.innerText()).toContain('It is the same key.');
    await page.close();
  });

  it.each([
    ['is cut off', (text: string) => text.slice(0, -40), 'it is not JSON. The file was cut off or changed.'],
    [
      'ends early',
      (text: string) => text.split('\n').slice(0, 12).join('\n'),
      'The file is not whole: it was cut off.',
    ],
    [
      'has another value of a plan',
      (text: string) => text.replace('microsoft-user-default-legacy', 'microsoft-user-default-low'),
      'the values before and after are not those of the change that its record names.',
    ],
    ['was edited', (text: string) => text.replace('Ticket 4711', 'Ticket 4712'), 'A record was changed'],
    ['is of a future version', (text: string) => text.replace('"v":1', '"v":2'), 'a newer version has written it.'],
    [
      'has another key',
      (text: string) => text.replace(/"y":"[^"]{43}"/, `"y":"${'A'.repeat(43)}"`),
      'it has a key that cannot be used.',
    ],
    ['is something else', () => '{"entries":[]}\n', 'it is no line of an extract'],
    ['is empty', () => '', 'The file is not whole'],
    ['is an archive', () => `PK\u0003\u0004${'\u0000'.repeat(3_000)}`, 'it is not JSON'],
  ])('says in a sentence what is wrong with a file that %s', async (_what, change, sentence) => {
    const said = await verdictOf(change(fileOf(lines)));
    expect(said).toContain('NOT PROVEN');
    expect(said).toContain(sentence);
  });

  it('says that no access to a tenant without records is recorded', async () => {
    const { page } = await opened();
    const nobody = '99999999-0000-4000-8000-000000000000' as never;
    await give(page, fileOf(await story.world.extract(nobody, startMs, story.world.audit.nowMs)));
    await expect.poll(() => page.locator('main').innerText()).toContain('No access is recorded');
    await page.close();
  });

  it('compares the checkpoints with published heads', async () => {
    const { page } = await opened();
    await give(page, fileOf(lines));
    await page.getByRole('heading', { name: 'PROVEN, not compared yet' }).waitFor();
    const heads = lines.flatMap((line) => (line.type === 'account' ? [line.jws] : []));
    await give(page, JSON.stringify({ heads }), 'heads.json', /^Add published checkpoints/);
    await expect.poll(() => page.locator('main').innerText()).toMatch(/ among the .* that you added/);
    await give(page, 'Dear customer', 'letter.txt', /^Add published checkpoints/);
    await expect.poll(() => page.getByRole('alert').innerText()).toBe('letter.txt has no published checkpoints.');
    await page.reload();
    await give(page, fileOf(lines));
    await page.getByRole('heading', { name: 'PROVEN, not compared yet' }).waitFor();
    const [start] = heads[0]?.split('.') ?? [];
    const others = JSON.stringify({ heads: [`${start}.aaaaaaaaaaaa.bbbbbbbbbbbb`] });
    await give(page, others, 'heads.json', /^Add published checkpoints/);
    const panel = page.getByRole('region', { name: 'Were others shown the same?' });
    await expect
      .poll(() => panel.innerText())
      .toMatch(/Not compared: checkpoint number.* with the 1 published checkpoint that you added/);
    await page.getByRole('heading', { name: 'PROVEN, not compared yet' }).waitFor();
    // Signed, of the same number, and another one.
    const fork = await story.fork(heads[0] ?? '');
    await give(page, JSON.stringify({ heads: [fork] }), 'fork.json', /^Add published checkpoints/);
    await expect.poll(() => page.getByRole('alert').innerText()).toMatch(/others were shown another history/);
    await page.getByRole('button', { name: 'Check it without the published checkpoints' }).click();
    await page.getByRole('heading', { name: 'PROVEN, not compared yet' }).waitFor();
    await page.close();
  });

  it('shows what Microsoft saw without a record, and the reverse', async () => {
    const { page } = await opened();
    await give(page, fileOf(lines));
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    const utis = lines.flatMap((line) =>
      line.type === 'record' && line.record['uti'] !== undefined
        ? [[String(line.record['uti']), String(line.record['at'])]]
        : [],
    );
    expect(utis.length).toBeGreaterThan(5);
    const signIn = (uti: string, at: string) => ({
      createdDateTime: at,
      uniqueTokenIdentifier: uti,
      appId: 'partner-app',
      appDisplayName: 'The partner',
      status: { errorCode: 0 },
    });
    const missing = utis[3]?.[0] ?? '';
    const log = [
      ...utis.filter(([uti]) => uti !== missing).map(([uti = '', at = '']) => signIn(uti, at)),
      signIn('stolen-token', '2026-11-24T12:00:00Z'),
    ];
    await give(page, '{"entries":[]}', 'other.json');
    await expect.poll(() => page.getByRole('alert').innerText()).toContain('has no identifiers of tokens');
    // A second file that is dropped where the first one went is taken for what it is.
    await give(page, JSON.stringify(log), 'SignIns.json');
    await page.getByRole('heading', { name: '1 sign-in without a record' }).waitFor();
    await expect(page.locator('#sign-ins').innerText()).resolves.toContain('stolen-token');
    await page.getByRole('heading', { name: '1 token without a sign-in' }).waitFor();
    await expect(page.locator('#sign-ins').innerText()).resolves.toContain(missing);
    expect(await findings(page)).toEqual([]);
    await page.close();
  });

  it('proves the file that the dashboard downloads on the page of a tenant', async () => {
    const world = createWorld(25, Date.now());
    const broker = await startFixtureBroker(world);
    const dashboard = await openPage(browser, { acceptDownloads: true });
    await openView(dashboard.page, broker, world, 'tenant');
    await dashboard.page.route('**/api/audit/extract?*', (route) => {
      const isFirst = !route.request().url().includes('continuation');
      const json = isFirst ? { lines: lines.slice(0, 9), continuation: 'next' } : { lines: lines.slice(9) };
      return route.fulfill({ json });
    });
    const downloading = dashboard.page.waitForEvent('download');
    await dashboard.page.getByRole('button', { name: 'Signed extract…' }).click();
    await dashboard.page.getByRole('button', { name: 'Download the extract' }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toMatch(/^extract-.*\.jsonl$/);
    const file = join(folder, 'downloaded.jsonl');
    await download.saveAs(file);
    const text = await readFile(file, 'utf8');
    expect(text).toBe(fileOf(lines));
    expect(await verdictOf(text)).toContain('PROVEN, not compared yet extract.jsonl has');
    await dashboard.page.close();
    await broker.close();
  });

  it('shows how far it has read, stops when it is told to, and reads the next file then', async () => {
    const { page } = await opened();
    // A disk that gives nothing until somebody lets it.
    await page.evaluate(() => {
      const gate = new Promise((resolve) => Object.assign(globalThis, { letGo: resolve }));
      Blob.prototype.stream = function stopped(this: Blob) {
        return new Response(this).body!.pipeThrough(
          new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
            transform: async (piece, controller) => {
              await gate;
              controller.enqueue(piece);
            },
          }),
        );
      };
    });
    await give(page, fileOf(lines), 'first.jsonl');
    await expect.poll(() => page.getByRole('progressbar', { name: 'Checking first.jsonl: 0 %' }).count()).toBe(1);
    await page.getByRole('button', { name: 'Stop' }).click();
    await expect.poll(() => page.getByRole('progressbar').count()).toBe(0);
    await page.evaluate(() => (globalThis as unknown as { letGo: () => void }).letGo());
    await give(page, fileOf(lines), 'second.jsonl');
    await page.getByRole('heading', { name: 'PROVEN, not compared yet' }).waitFor();
    expect(await page.locator('main').innerText()).toContain('second.jsonl has');
    await page.close();
  });
});
