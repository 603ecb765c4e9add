import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerReport } from '../../../../src/cli/commands/report.ts';
import type { TenantReport } from '../../../../src/lib/api/report/read-report.ts';
import type { TenantHistoryAnswer } from '../../../../src/lib/api/answers/history.ts';
import type { JobsAnswer } from '../../../../src/lib/api/answers/jobs.ts';
import type { TenantDetailsAnswer } from '../../../../src/lib/api/answers/tenants.ts';
import { type Request, runCommand } from './command-stage.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-report-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  await rm(folder, { recursive: true });
});

const tenantId = 'aaaaaaaa-0000-4000-8000-000000000001';
const skuId = 'cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46';

type Job = JobsAnswer['jobs'][number];
const common = {
  resources: ['graph'],
  parameters: { type: 'object', properties: {}, additionalProperties: false },
  timeoutSeconds: 60,
} as const;
const licences: Job = {
  ...common,
  name: 'licence-report',
  title: 'Licences',
  topic: 'licences',
  columns: [
    { name: 'product', title: 'Product', type: 'text' },
    { name: 'skuId', title: 'SKU id', type: 'text' },
    { name: 'free', title: 'Free', type: 'number' },
    { name: 'trial', title: 'Trial', type: 'boolean' },
    { name: 'ends', title: 'Ends', type: 'date' },
    { name: 'note', title: 'Note', type: 'text' },
  ],
};
const columns: NonNullable<Job['columns']> = [{ name: 'user', title: 'User', type: 'text' }];
const users: Job = { ...common, name: 'users', title: 'Users', topic: 'identity', columns };
const unvisited: Job = { ...common, name: 'fresh', title: 'Never run', columns };
const cleaner: Job = { ...common, name: 'cleaner', title: 'Cleans up and reports nothing' };

const tenant: TenantDetailsAnswer = {
  tenantId,
  name: 'Contoso',
  defaultDomain: 'contoso.com',
  relationship: 'gdap',
  relationshipEndsAt: '2027-06-30T12:00:00.000Z',
  reachable: true,
  reason: 'gdap_active',
  reasonTitle: 'GDAP relationship active',
  explanation: 'A GDAP relationship is active.',
  sources: ['relationships'],
  lastResults: [
    {
      job: 'licence-report',
      runId: 'licence-report@now',
      outcome: 'succeeded',
      finishedAt: '2026-11-24T05:00:09.000Z',
    },
    {
      job: 'users',
      runId: 'users@now',
      outcome: 'skipped',
      code: 'resource_unavailable',
      finishedAt: '2026-11-24T06:00:00.000Z',
    },
    { job: 'cleaner', runId: 'cleaner@now', outcome: 'succeeded', finishedAt: '2026-11-24T06:00:00.000Z' },
  ],
  codes: [{ code: 'resource_unavailable', title: 'The tenant lacks a licence', advice: 'Buy Entra ID P1.' }],
  warnings: [],
  asOf: '2026-11-24T07:00:00.000Z',
};

const day = (date: string): string => `2026-${date}T05:00:00.000Z`;
const history: TenantHistoryAnswer = {
  tenantId,
  job: 'licence-report',
  since: day('08-26'),
  until: day('11-24'),
  otherParameters: 0,
  truncated: false,
  columns: [
    { name: 'free', title: 'Free' },
    { name: 'suspended', title: 'Suspended' },
    { name: 'trial=true', title: 'Trial: yes' },
    { name: 'trial=false', title: 'Trial: no' },
  ],
  split: { column: 'product', title: 'Product', values: ['E3', 'E5'] },
  runs: [
    // The newest attempt failed: its rows are those of the run before.
    { runId: 'licence-report@failed', startedAt: day('11-25'), outcome: 'failed' },
    {
      runId: 'licence-report@now',
      startedAt: day('11-24'),
      outcome: 'succeeded',
      rows: 3,
      numbers: { free: 1200, suspended: 0, 'trial=true': 0, 'trial=false': 3 },
    },
    { runId: 'licence-report@week', startedAt: day('11-17'), outcome: 'succeeded', rows: 9, numbers: { free: 9 } },
    { runId: 'licence-report@gap', startedAt: day('10-25'), outcome: 'failed' },
    {
      runId: 'licence-report@month',
      startedAt: day('10-24'),
      outcome: 'succeeded',
      rows: 3,
      numbers: { free: 1205, suspended: 0, 'trial=true': 4 },
    },
    { runId: 'licence-report@old', startedAt: day('09-01'), outcome: 'succeeded', rows: 9, numbers: { free: 9 } },
  ],
};
const none = { ...history, job: 'users', columns: [], runs: [], split: undefined };

const row = { tenantId, tenantName: 'Contoso', tenantDomain: 'contoso.com' };
const rows: readonly object[] = [
  { ...row, product: 'E3', skuId, free: 1200, trial: null, ends: '2027-01-31T12:00:00Z' },
  { ...row, product: 'E5', skuId, free: -2, trial: false },
  { ...row, product: 'E3', skuId, free: 2, trial: true },
];
const changes = [
  { tenantId, name: 'Contoso', change: 'added', after: rows[1] },
  { tenantId, name: 'Contoso', change: 'changed', before: { ...rows[0], free: 7 }, after: rows[0], columns: ['free'] },
  { tenantId, name: 'Contoso', change: 'removed', before: { ...rows[2], product: 'F1' } },
];

interface World {
  readonly tenant: TenantDetailsAnswer;
  readonly jobs: readonly Job[];
  readonly histories: Readonly<Record<string, TenantHistoryAnswer>>;
  readonly rows: readonly object[] | undefined;
  readonly changes: readonly object[] | undefined;
  readonly truncated?: boolean;
  readonly audit: () => Response;
}
const world: World = {
  tenant,
  jobs: [cleaner, unvisited, users, licences],
  histories: { 'licence-report': history },
  rows,
  changes,
  audit: () => Response.json({ from: day('10-25'), to: day('11-24'), entries: [token, token] }),
};
const token = { at: day('11-24'), outcome: 'issued', rule: 'helpdesk', scopes: ['Organization.Read.All'] };
const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;

const gone = (): Response => Response.json({ code: 'run_not_found', detail: 'No run has this id.' }, { status: 404 });

const broker =
  (known: World) =>
  ({ path }: Request): Response => {
    const { pathname, searchParams } = new URL(path, 'https://broker.example');
    if (pathname === '/tenants/contoso.com') return Response.json(known.tenant);
    if (pathname === '/jobs') return Response.json({ jobs: known.jobs });
    if (pathname === `/tenants/${tenantId}/history`)
      return Response.json(known.histories[searchParams.get('job') ?? ''] ?? none);
    if (pathname === '/audit') {
      expect([searchParams.get('tenant'), searchParams.get('limit')]).toEqual([tenantId, '1000']);
      return known.audit();
    }
    expect(searchParams.get('tenants')).toBe(tenantId);
    if (pathname.endsWith('/changes')) {
      expect(path).toContain('/runs/licence-report%40now/changes?with=licence-report%40month');
      return known.changes === undefined
        ? gone()
        : Response.json({ changes: known.changes, truncated: known.truncated ?? false });
    }
    expect(pathname).toBe('/runs/licence-report%40now/results');
    if (known.rows === undefined) return gone();
    // Two pages, the first with one row.
    const isFirst = !searchParams.has('continuation');
    const page = isFirst ? known.rows.slice(0, 1) : known.rows.slice(1);
    const text = page.map((each) => `${JSON.stringify(each)}\n`).join('');
    return new Response(
      text,
      isFirst ? { headers: { link: '<?tenants=' + tenantId + '&continuation=1>; rel="next"' } } : {},
    );
  };

const read = (words: readonly string[] = [], more: Partial<World> = {}) =>
  runCommand(registerReport, ['report', 'contoso.com', ...words], broker({ ...world, ...more }));
const document = async (words: readonly string[] = [], more: Partial<World> = {}): Promise<TenantReport> =>
  JSON.parse((await read(['--json', ...words], more)).out) as TenantReport;
const pageOf = async (more: Partial<World> = {}): Promise<string> => {
  const file = join(folder, 'report.html');
  const { exit, out, err } = await read(['--html', file], more);
  expect([exit, out, err]).toEqual([0, '', `Written to ${file}.\n`]);
  return readFile(file, 'utf8');
};

describe('ptb report', () => {
  it('shows the rows of each job by topic, what changed in a month, and what could not be read', async () => {
    const { exit, out } = await read();
    expect(exit).toBe(0);
    expect(out.split('\n').map((line) => line.trimEnd())).toEqual([
      'Contoso (contoso.com)',
      'A GDAP relationship is active. It ends on 30 Jun 2027.',
      `Data of 24 Nov 2026. Days are in the time zone ${zone}.`,
      '',
      expect.stringMatching(/^None of our requests has changed your tenant since /),
      '',
      expect.stringMatching(
        /^Nothing that needs attention was found in: Licences \(by data of 24 Nov 2026\)\. Could not be read: Users \(The tenant lacks a licence\)\.$/,
      ),
      '',
      'WHAT WE DID IN YOUR TENANT',
      '',
      expect.stringMatching(/ since \d+ \w+ \d{4}; .* Ask us for its extract, /),
      '',
      'Direct access: What was done with it is not on record.',
      'What                                                                            Times  Last',
      '------------------------------------------------------------------------------  -----  -----------',
      'Access for people and applications: may read the organisation and its licences  2      24 Nov 2026',
      '',
      'LICENCES',
      '',
      'Licences, as of 2026-11-24T05:00:00.000Z: 3 rows',
      'Product: E3 2, E5 1',
      'Since 24 Oct 2026: Free 1,200 (-5), Trial: yes 0 (-4), 1 added, 1 changed, 1 removed',
      '+ E5',
      '~ E3 (Free: 7 → 1,200)',
      '- F1',
      '',
      'Product  Free   Trial  Ends',
      '-------  -----  -----  -----------',
      'E3       1,200  –      31 Jan 2027',
      'E5       -2     no     –',
      'E3       2      yes    –',
      '',
      'WHAT COULD NOT BE READ',
      '',
      'Not read yet.',
      '  Never run (fresh)',
      '  Run it: ptb run JOB --tenant contoso.com --wait',
      '',
      'skipped, 24 Nov 2026: The tenant lacks a licence',
      '  Users (users)',
      '  Buy Entra ID P1.',
      '',
      'WHAT THESE ACCESSES PERMIT',
      '',
      'Together they may read the organisation and its licences.',
      'Microsoft calls these permissions: Organization.Read.All.',
      '',
    ]);
  });

  it('goes on without the audit log if it cannot be read, and says so', async () => {
    const refusal = (code: string) => () => Response.json({ code, title: code, detail: code }, { status: 403 });
    for (const code of ['caller_forbidden', 'storage_failed']) {
      const audit = refusal(code);
      expect(await document([], { audit })).not.toHaveProperty('work');
      expect((await read([], { audit })).out).toContain('the audit log could not be read');
    }
  });

  it('keeps what names a row whole at 80 columns: it goes on below', async () => {
    const { isTTY, columns } = process.stdout;
    Object.assign(process.stdout, { isTTY: true, columns: 80 });
    try {
      const product = 'Microsoft 365 Business Premium and Everything Else';
      const note = 'a note that is much longer than the rest of its line';
      const { out } = await read([], { rows: [{ ...row, product, free: 1, trial: true, ends: '2027-01-31', note }] });
      const lines = stripVTControlCharacters(out).split('\n');
      const at = lines.findIndex((line) => line.startsWith('Microsoft 365'));
      const first = lines.slice(at, lines.indexOf('', at)).map((line) => line.split(/ {2,}/)[0]);
      expect(first.join(' ')).toBe(product);
      expect(Math.max(...lines.slice(at - 2, at + 2).map(({ length }) => length))).toBeLessThanOrEqual(80);
    } finally {
      Object.assign(process.stdout, { isTTY, columns });
    }
  });

  it('limits rows and changes, and counts all', async () => {
    const { out } = await read(['--rows', '1']);
    expect(out).toContain('Product: E3 2, E5 1');
    expect(out).toContain('1 added, 1 changed, 1 removed');
    expect(out).not.toContain('- F1');
    expect(out).toContain('The first 1 of 3.\n');
    expect(out).toContain('All rows: ptb runs export licence-report@now --tenant contoso.com');
    expect((await document(['--rows', '1'])).sections[0]).toMatchObject({ rowCount: 3, rows: [rows[0]] });
  });

  it('lists of people those who lack something, with the number of all, as the page does', async () => {
    const text = (name: string, title: string) => ({ name, title, type: 'text' }) as const;
    const mfa: Job = {
      ...common,
      name: 'mfa-report',
      title: 'MFA',
      columns: [
        text('displayName', 'Name'),
        text('userPrincipalName', 'User'),
        text('strength', 'Strength'),
        { name: 'admin', title: 'Administrator', type: 'boolean' },
      ],
    };
    const people = ['none', 'weak', 'none', 'strong'].map((strength, at) => ({
      ...row,
      displayName: `Name ${at}`,
      userPrincipalName: `user${at}@contoso.com`,
      strength,
      admin: at === 2,
    }));
    const one = { ...history, job: 'mfa-report', split: undefined, runs: history.runs.slice(1, 2) };
    const more = { jobs: [mfa], histories: { 'mfa-report': one }, rows: people };
    const { out } = await read([], more);
    expect(
      out
        .slice(out.indexOf('MFA, as of'))
        .split('\n')
        .map((line) => line.trimEnd()),
    ).toEqual([
      'MFA, as of 2026-11-24T05:00:00.000Z: 4 rows',
      '',
      '2 of 4 need attention.',
      '',
      'Name                                      Second factor',
      '----------------------------------------  -------------',
      'Name 0, user0@contoso.com                 none',
      'Name 2, user2@contoso.com, administrator  none',
      'All rows: ptb runs export licence-report@now --tenant contoso.com',
      '',
      'WHAT THESE ACCESSES PERMIT',
      '',
      'Together they may read the organisation and its licences.',
      'Microsoft calls these permissions: Organization.Read.All.',
      '',
    ]);
    const safe = await read([], { ...more, rows: people.filter(({ strength }) => strength !== 'none') });
    expect(safe.out).toContain('None of 2 needs attention.\nAll rows: ');
  });

  it('says that there are more changes than the broker compares', async () => {
    expect((await read([], { truncated: true })).out).toContain('1 added, 1 changed, 1 removed, and more');
    expect(await pageOf({ truncated: true })).toContain('since 24 Oct 2026: 1 added, 1 changed, 1 removed, and more');
    expect((await document([], { truncated: true })).sections[0]).toMatchObject({ changesCut: true });
    expect((await document()).sections[0]).not.toHaveProperty('changesCut');
  });

  it('says unknown for a number that was not known then, and leaves out those that are and were zero', async () => {
    expect((await document()).sections[0]?.figures).toEqual([
      { title: 'Rows', now: 3, before: 3 },
      { title: 'Free', now: 1200, before: 1205 },
      { title: 'Trial: yes', now: 0, before: 4 },
      { title: 'Trial: no', now: 3 },
    ]);
  });

  it('gives the numbers if the earlier rows are not kept any more', async () => {
    const { out } = await read([], { changes: undefined });
    expect(out).toContain(
      'Since 24 Oct 2026: Free 1,200 (-5), Trial: yes 0 (-4), the earlier rows are not kept any more',
    );
  });

  it('names a job whose last rows are not kept any more among what could not be read', async () => {
    const { sections, gaps } = await document([], { rows: undefined });
    expect(sections).toEqual([]);
    expect(gaps.at(-1)).toMatchObject({ jobs: [{ job: 'licence-report' }], reason: 'The rows are not kept any more.' });
  });

  it('shows the rows of the last success, and the failure since', async () => {
    const [first, ...others] = tenant.lastResults ?? [];
    const failed = {
      ...first!,
      runId: 'licence-report@failed',
      outcome: 'failed',
      code: 'resource_unavailable',
    } as const;
    const more = { tenant: { ...tenant, lastResults: [failed, ...others] } };
    const { sections, gaps } = await document([], more);
    expect(sections).toMatchObject([{ runId: 'licence-report@now' }]);
    expect(gaps.at(-1)).toMatchObject({ jobs: [{ job: 'licence-report' }], outcome: 'failed' });
  });

  it('says once what several jobs could not do, and how', async () => {
    const finishedAt = '2026-11-23T06:00:00.000Z';
    const refused = { runId: 'cleaner@now', outcome: 'skipped', code: 'resource_unavailable', finishedAt } as const;
    const lastResults = [...(tenant.lastResults ?? []), { ...refused, job: 'fresh' }];
    expect((await document([], { tenant: { ...tenant, lastResults } })).gaps).toEqual([
      {
        jobs: [
          { job: 'fresh', title: 'Never run' },
          { job: 'users', title: 'Users' },
        ],
        outcome: 'skipped',
        code: 'resource_unavailable',
        at: '2026-11-24T06:00:00.000Z',
        reason: 'The tenant lacks a licence',
        advice: 'Buy Entra ID P1.',
      },
    ]);
  });

  it('says that a relationship has ended', async () => {
    const { out } = await read([], { tenant: { ...tenant, relationshipEndsAt: '2020-01-31T12:00:00.000Z' } });
    expect(out).toContain('It ended on 31 Jan 2020.');
  });

  it('takes the rows of a run that the history does not have yet, and compares them with nothing', async () => {
    const histories = { 'licence-report': { ...history, runs: [] } };
    const { sections } = await document([], { histories });
    expect(sections).toMatchObject([{ runId: 'licence-report@now', rowCount: 3, figures: [], changed: [] }]);
    expect(sections[0]).not.toHaveProperty('since');
  });

  it('passes on what the broker could not read', async () => {
    const { err, out } = await read([], { tenant: { ...tenant, warnings: ['No tags today.'] } });
    expect([err, out]).toEqual(['No tags today.\n', expect.stringContaining('LICENCES')]);
  });
});

describe('the page of ptb report', () => {
  it('is one file without script and without addresses, which only its owner may read', async () => {
    const page = await pageOf();
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).toContain(`content="default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;"`);
    expect(page).not.toMatch(/<script|\bsrc=|https?:|url\(|@import|<link/i);
    expect((await stat(join(folder, 'report.html'))).mode & 0o777).toBe(0o600);
  });

  it('has the rows without ids and empty columns, the figures of both days and what could not be read', async () => {
    const page = await pageOf();
    expect(page).toContain('<th scope="col">Product</th><th scope="col" class="number">Free</th>');
    expect(page).not.toContain(skuId);
    expect(page).not.toContain('Note</th>');
    expect(page).toMatch(/<td class="number">1,200<\/td><td class="number">1,205<\/td><td class="number">-5<\/td>/);
    expect(page).toContain('Free: 7 → 1,200');
    expect(page).toContain('Buy Entra ID P1.');
  });

  it('begins with what needs attention, each with a link to its rows, and what the partner did', async () => {
    const row = {
      application: 'Backup',
      kind: 'secret',
      endsAt: new Date(Date.now() - 11.5 * 86_400_000).toISOString(),
    };
    const expiry = {
      ...licences,
      name: 'secret-expiry-report',
      columns: [{ name: 'kind', title: 'Kind', type: 'text' }],
    };
    const page = await pageOf({
      jobs: [expiry as Job],
      rows: [row, row],
      histories: { 'secret-expiry-report': history },
    });
    expect(page).toContain(
      '<li><b><a href="#secret-expiry-report">2 credentials of applications have expired (by data of 24 Nov 2026)</a></b><br>',
    );
    expect(page).toContain('<p>Microsoft calls these permissions: Organization.Read.All.</p>');
    expect(page.indexOf('What needs attention')).toBeLessThan(page.indexOf('What we did in your tenant'));
    expect(page.indexOf('What we did in your tenant')).toBeLessThan(page.indexOf('At a glance'));
  });

  it('lists of people those alone who lack something, with their names', async () => {
    const texts = ['user', 'displayName', 'strength'].map((name) => ({ name, title: name, type: 'text' as const }));
    const people = ['none', 'strong'].map((strength) => ({
      user: `${strength}@x`,
      displayName: `Ada ${strength}`,
      strength,
    }));
    const page = await pageOf({
      jobs: [{ ...licences, name: 'mfa-report', columns: texts }],
      rows: people,
      histories: { 'mfa-report': history },
    });
    expect(page).toContain('<h4>1 of 2 needs attention</h4>');
    expect(page).toContain('<span dir="auto">Ada none<br><span class="quiet">none@x</span></span>');
    expect(page).not.toContain('Ada strong');
  });

  it('is for any number of reports, also none', async () => {
    const page = await pageOf({ jobs: [unvisited] });
    expect(page).toContain('There are no data yet.');
    expect(page).toContain('Not read yet.');
  });

  const hostile = `</td><script>alert(1)</script>"'&\u202egpj.exe`;
  const shown = '&lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u202egpj.exe';

  it('shows markup and control characters of names, titles, values and advice as text', async () => {
    const job: Job = {
      ...licences,
      title: hostile,
      description: hostile,
      columns: (licences.columns ?? []).map((column) => ({ ...column, title: hostile })),
    };
    const page = await pageOf({
      tenant: {
        ...tenant,
        name: hostile,
        explanation: hostile,
        codes: [{ code: 'resource_unavailable', title: hostile, advice: hostile }],
      },
      jobs: [job, users],
      rows: [{ ...row, product: hostile, free: 1 }],
      changes: [{ tenantId, name: hostile, change: 'added', after: { product: hostile } }],
      histories: { 'licence-report': { ...history, columns: [{ name: 'free', title: hostile }] } },
    });
    expect(page).not.toContain('<script');
    expect(page).not.toContain('\u202e');
    // Title, name, access, overview, heading, description, count, figure, change, cells with their titles, reason, advice.
    expect(page.split(shown).length - 1).toBeGreaterThanOrEqual(14);
  });

  it('keeps long, right-to-left and emoji names whole, each in its own direction', async () => {
    const names = ['x'.repeat(200), 'مؤسسة الاختبار', '👩‍👩‍👧 family'];
    for (const name of names) {
      const page = await pageOf({ tenant: { ...tenant, name }, rows: [{ ...row, product: name }] });
      expect(page).toContain(`<h1 dir="auto">${name}</h1>`);
      expect(page).toContain(`<td data-title="Product"><span dir="auto">${name}</span></td>`);
    }
  });

  it('keeps the lines of a value', async () => {
    const page = await pageOf({ rows: [{ ...row, product: 'first <b>\nsecond' }] });
    expect(page).toContain('first &lt;b&gt;<br>second');
  });
});
