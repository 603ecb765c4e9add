import { stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { registerAudit } from '../../../../src/cli/commands/audit.ts';
import { registerJobs } from '../../../../src/cli/commands/jobs.ts';
import { registerTenants } from '../../../../src/cli/commands/tenants.ts';
import { registerToken } from '../../../../src/cli/commands/token.ts';
import { onTerminal, runCommand } from './command-stage.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const id = (digit: number): string => `aaaaaaaa-0000-4000-8000-00000000000${digit}`;

describe('ptb jobs', () => {
  const jobs = [
    { name: 'check', title: 'A check' },
    { name: 'newer', title: 'Of a newer broker', topic: 'quantum' },
    { name: 'lines', title: 'Who may call', topic: 'security' },
    { name: 'report', title: 'A report', topic: 'identity', schedule: '0 0 3 * * *', nextAt: '2026-01-02T03:00:00Z' },
  ];

  it('lists jobs by topic, with and without a schedule', async () => {
    const { exit, out, requests } = await runCommand(registerJobs, ['jobs'], [{ jobs }]);
    expect(requests).toEqual([{ method: 'GET', path: '/jobs', body: undefined }]);
    expect(exit).toBe(0);
    expect(out.split('\n')).toEqual([
      'topic     job     title              next run              schedule (UTC)',
      '--------  ------  -----------------  --------------------  --------------',
      'identity  report  A report           2026-01-02T03:00:00Z  0 0 3 * * *',
      'security  lines   Who may call       on demand',
      'other     check   A check            on demand',
      'other     newer   Of a newer broker  on demand',
      '',
    ]);
  });

  it('shows the whole name of a job, which commands take, on a terminal of 80 columns', async () => {
    const named = jobs.map((job, at) => ({
      ...job,
      title: 'About users and their mail',
      name: `${'long-'.repeat(5)}${at}`,
    }));
    const { out } = await onTerminal(80, () => runCommand(registerJobs, ['jobs'], [{ jobs: named }]));
    for (const { name } of named) expect(out).toContain(`  ${name}  `);
    expect(out).not.toContain('…');
  });

  it('prints the answer as one document with --json', async () => {
    const { out } = await runCommand(registerJobs, ['jobs', '--json'], [{ jobs }]);
    expect(JSON.parse(out)).toEqual({ jobs });
  });
});

describe('ptb jobs show', () => {
  const job = {
    name: 'report',
    title: 'A report',
    description: 'It reports.',
    schedule: '0 0 3 * * *',
    nextAt: '2026-01-02T03:00:00Z',
    resources: ['graph'],
    permissions: ['User.Read.All'],
    timeoutSeconds: 60,
    parameters: {
      type: 'object',
      required: ['level'],
      properties: {
        days: { type: 'integer', minimum: 0, default: 30, description: 'How far ahead.' },
        level: { type: 'string', enum: ['low', 'high'], title: 'Level' },
        parts: { type: 'array', items: { type: 'string', minLength: 1 }, default: ['a', 'b'] },
      },
      additionalProperties: false,
    },
  };
  const show = (words: readonly string[], shown: object = job) =>
    runCommand(registerJobs, ['jobs', 'show', ...words], [{ jobs: [shown] }]);

  it('describes the job and each parameter with its type and default', async () => {
    const { exit, out } = await show(['report']);
    expect(exit).toBe(0);
    expect(out.split('\n').map((line) => line.trimEnd())).toEqual([
      'report: A report',
      'It reports.',
      '',
      'Topic: other',
      'Schedule: 0 0 3 * * * (UTC), next at 2026-01-02T03:00:00Z',
      'Resources: graph',
      'Permissions: User.Read.All',
      'Time limit: 60 seconds for each tenant',
      '',
      'parameter  value                                  default   meaning',
      '---------  -------------------------------------  --------  --------------',
      'days       a whole number of at least 0           30        How far ahead.',
      'level      one of low, high                       required  Level',
      'parts      a list, each a text that is not empty  a, b',
      '',
      'Start it with: ptb run report --parameter days=30',
      '',
    ]);
  });

  it('says so if there are none, or if the broker does not describe them', async () => {
    const none = { ...job, parameters: { type: 'object', properties: {}, additionalProperties: false } };
    expect((await show(['report'], none)).out).toContain('The job has no parameters.');
    const { parameters: _, ...old } = job;
    expect((await show(['report'], old)).out).toContain('This broker does not describe the parameters of its jobs.');
  });

  it('prints the job as one document, and refuses an unknown name', async () => {
    expect(JSON.parse((await show(['report', '--json'])).out)).toEqual(job);
    const { exit, err } = await show(['repart']);
    expect([exit, err]).toEqual([2, expect.stringContaining('There is no job "repart"; did you mean "report"?')]);
  });
});

describe('ptb tenants', () => {
  const tenant = (digit: number, more: object): object => ({
    tenantId: id(digit),
    name: `Tenant ${digit}`,
    reachable: true,
    reason: 'gdap_active',
    lastResults: [],
    ...more,
  });
  const tenants = [
    tenant(1, { defaultDomain: 'one.example', lastResults: [{ job: 'report', outcome: 'succeeded' }] }),
    tenant(2, {
      reachable: false,
      reason: 'no_relationship',
      lastResults: [
        { job: 'report', outcome: 'failed', code: 'consent_required' },
        { job: 'check', outcome: 'skipped' },
      ],
    }),
    tenant(3, {
      defaultDomain: 'three.example',
      lastResults: [
        { job: 'report', outcome: 'succeeded' },
        { job: 'check', outcome: 'failed', code: 'job_failed' },
      ],
    }),
  ];
  const answer = { tenants, warnings: ['The list is two days old.'] };

  it('lists all tenants, those with trouble first, and warns on standard error', async () => {
    const { exit, out, err, requests } = await runCommand(registerTenants, ['tenants'], [answer]);
    expect(requests.map(({ path }) => path)).toEqual(['/tenants']);
    expect([exit, err]).toEqual([0, 'The list is two days old.\n']);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['tenant', 'reachable', 'last results', 'domain'],
      expect.anything(),
      ['Tenant 2', 'no: No delegated relationship', 'No consent for the application: report, 1 skipped', id(2)],
      ['Tenant 3', 'yes', 'The job failed in this tenant: check, 1 succeeded', 'three.example'],
      ['Tenant 1', 'yes', '1 succeeded', 'one.example'],
      [''],
      ['3 tenants, 1 not reachable, 1 with failed jobs'],
      ['What is wrong with one, and what to do: ptb tenants show NAME'],
      [''],
    ]);
  });

  it('counts the jobs of a cause if they are many', async () => {
    const failed = ['one', 'two', 'three'].map((job) => ({ job, outcome: 'failed', code: 'consent_required' }));
    const lastResults = [...failed, { job: 'four', outcome: 'failed', code: 'job_failed' }];
    const { out } = await runCommand(
      registerTenants,
      ['tenants'],
      [{ tenants: [tenant(1, { lastResults })], warnings: [] }],
    );
    expect(out).toContain('  No consent for the application: 3 jobs, The job failed in this tenant: four  ');
  });

  it('says that the last results are not known, if the broker could not read them', async () => {
    const unread = { ...answer, tenants: [tenant(1, { lastResults: undefined }), tenants[1]] };
    const { out } = await runCommand(registerTenants, ['tenants'], [unread]);
    expect(out.split('\n').find((line) => line.startsWith('Tenant 1'))).toMatch(/ {2}not known /);
  });

  it('lists only unreachable tenants with --unreachable, also as a document', async () => {
    const { out } = await runCommand(registerTenants, ['tenants', 'list', '--unreachable', '--json'], [answer]);
    expect(JSON.parse(out)).toEqual({ ...answer, tenants: [tenants[1]] });
  });
});

describe('ptb tenants show', () => {
  const details = {
    tenantId: id(1),
    name: 'One',
    defaultDomain: 'one.example',
    reachable: true,
    reason: 'gdap_active',
    explanation: 'A GDAP relationship is active.',
    relationshipEndsAt: '2027-01-02T00:00:00Z',
    groups: ['gold'],
    tags: [],
    lastResults: [
      {
        job: 'report',
        outcome: 'failed',
        code: 'consent_required',
        finishedAt: '2026-01-01T00:00:00Z',
        runId: 'report@1',
      },
      { job: 'check', outcome: 'succeeded', finishedAt: '2026-01-01T00:00:00Z', runId: 'check@1' },
    ],
    history: [{ job: 'check', runId: 'check@1', rows: 7 }],
    codes: [{ code: 'consent_required', title: 'No consent', advice: 'Consent.' }],
    warnings: ['The list is old.'],
  };
  const events = [{ at: '2026-01-01T00:00:00Z', tenantName: 'One', kind: 'lost', explanation: 'It was lost.' }];
  const show = (...words: string[]) =>
    runCommand(registerTenants, ['tenants', 'show', ...words], [{ tenants: [details] }, details, { events }]);

  it('has reach, failed jobs with their next step, results and events, for a name', async () => {
    const { exit, out, err, requests } = await show('one');
    expect(requests.map(({ path }) => path)).toEqual([
      '/tenants',
      `/tenants/${id(1)}`,
      `/tenants/${id(1)}/events?limit=10`,
    ]);
    expect([exit, err]).toEqual([0, 'The list is old.\n']);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      [`One (one.example, ${id(1)})`],
      ['Reachable: yes. A GDAP relationship is active.'],
      ['The relationship ends 2027-01-02T00:00:00Z.'],
      ['Groups: gold'],
      ['Tags: none'],
      [''],
      ['No consent for the application: report'],
      ['', expect.stringContaining('What to do: Give the consent, wait')],
      ['', `Next: ptb tenants consent --tenant ${id(1)}`],
      [''],
      ['job', 'last result', 'rows', 'finished', 'run'],
      expect.anything(),
      ['report', 'No consent for the application', '2026-01-01T00:00:00Z', 'report@1'],
      ['check', 'succeeded', '7', '2026-01-01T00:00:00Z', 'check@1'],
      [''],
      ['What happened, newest first:'],
      ['2026-01-01T00:00:00Z', 'lost. It was lost.'],
      [''],
    ]);
  });

  it('cuts no cause on a narrow terminal', async () => {
    const { out } = await onTerminal(54, () => show('one'));
    const [line = '', below = ''] = stripVTControlCharacters(out).split('\nreport ')[1]?.split('\n') ?? [];
    expect([line.trim().split(/ {2,}/)[0], below.trim()]).toEqual(['No consent for the', 'application']);
  });

  it('says why a tenant is not reachable and what to do, and what is not known', async () => {
    const away = { ...details, reachable: false, reason: 'gdap_expired', lastResults: undefined, tags: undefined };
    const { out } = await runCommand(registerTenants, ['tenants', 'show', id(1)], [away, { events: [] }]);
    expect(out).toContain('Reachable: no.');
    expect(out).toMatch(/GDAP relationship expired\n {2}What to do: Request a GDAP relationship/);
    expect(out).toContain('Tags: not known');
    expect(out).toContain('The last results of jobs are not known.');
    expect(out).not.toContain('What happened');
  });

  it('prints one document', async () => {
    expect(JSON.parse((await show('one', '--json')).out)).toEqual({ ...details, events });
  });
});

describe('ptb token', () => {
  const about = {
    tenantId: id(1),
    resource: 'graph',
    grant: 'delegated',
    scopes: ['User.Read.All', 'Group.Read.All'],
    expiresAt: '2026-01-02T03:00:00Z',
    expiresInSeconds: 3_599,
    tokenId: 'token-1',
  };
  const answer = { accessToken: 'the-token', ...about };
  const named = { tenantId: id(1), name: 'One Ltd' };
  const words = ['token', '--tenant', 'one.example', '--resource', 'graph'];

  it('requests a token and describes it without printing it', async () => {
    const { out, requests } = await runCommand(registerToken, words, [answer, named]);
    expect(requests).toEqual([
      { method: 'POST', path: '/tokens', body: { tenant: 'one.example', resource: 'graph', grant: 'delegated' } },
      { method: 'GET', path: `/tenants/${id(1)}`, body: undefined },
    ]);
    expect(out.split('\n').slice(0, -2)).toEqual([
      `tenant    One Ltd (${id(1)})`,
      'resource  graph (delegated)',
      'scopes    User.Read.All Group.Read.All',
      'expires   2026-01-02T03:00:00Z (in 59 minutes)',
      'token id  token-1',
    ]);
    expect(out).not.toContain('the-token');
  });

  it.each([
    ['caller_forbidden', 403],
    ['caller_throttled', 429],
    ['directory_unavailable', 503],
  ])('shows the id alone at once if the broker answers %s for the name', async (code, status) => {
    const refused = Response.json({ code, detail: 'No.', retryAfterSeconds: 30 }, { status });
    const { exit, out, err, requests } = await runCommand(registerToken, words, [answer, refused]);
    expect([exit, out.split('\n')[0], err]).toEqual([0, `tenant    ${id(1)}`, '']);
    expect(requests).toHaveLength(2);
  });

  it('sends scopes and grant', async () => {
    const more = [...words, '--grant', 'application', '--scope', 'User.Read.All', 'Group.Read.All'];
    const { requests } = await runCommand(registerToken, more, [answer]);
    expect(requests[0]?.body).toMatchObject({ grant: 'application', scopes: ['User.Read.All', 'Group.Read.All'] });
  });

  it('prints the token only with --raw', async () => {
    expect((await runCommand(registerToken, [...words, '--raw'], [answer])).out).toBe('the-token\n');
    const withToken = await runCommand(registerToken, [...words, '--raw', '--json'], [answer]);
    expect(JSON.parse(withToken.out)).toEqual(answer);
    const without = await runCommand(registerToken, [...words, '--json'], [answer]);
    expect(JSON.parse(without.out)).toEqual(about);
  });
});

describe('ptb audit', () => {
  const entry = (number: number, more: object = {}): object => ({
    at: `2026-01-01T00:00:0${number}Z`,
    outcome: 'issued',
    caller: { applicationId: id(9) },
    tenantId: id(1),
    resource: 'graph',
    rule: 'helpdesk',
    ...more,
  });
  const page = (entries: readonly object[], continuation?: string): object => ({
    from: '2026-01-01T00:00:00Z',
    to: '2026-01-02T00:00:00Z',
    entries,
    ...(continuation === undefined ? {} : { continuation }),
  });
  const queries = (requests: readonly { path: string }[]): object[] =>
    requests.map(({ path }) => Object.fromEntries(new URL(path, 'https://x').searchParams));

  it('shows issued and denied entries, with what is known of each', async () => {
    const denied = { outcome: 'denied', tenantId: undefined, resource: undefined, rule: undefined };
    const entries = [
      entry(1),
      entry(2, { ...denied, code: 'policy_denied', tenantAsked: 'two.example', route: 'GET /tenants' }),
      entry(3, denied),
    ];
    const { out, err, requests } = await runCommand(registerAudit, ['audit'], [page(entries)]);
    expect(queries(requests)[0]).toEqual({ limit: '100' });
    expect(err).toBe('');
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['time', 'outcome', 'caller', 'tenant', 'resource', 'rule'],
      expect.anything(),
      ['2026-01-01T00:00:01Z', 'issued', id(9), id(1), 'graph', 'helpdesk'],
      ['2026-01-01T00:00:02Z', 'policy_denied', id(9), 'two.example', 'GET /tenants'],
      ['2026-01-01T00:00:03Z', 'denied', id(9)],
      [''],
    ]);
  });

  it('tells agents from other callers, and says for whom they act', async () => {
    const agent = { applicationId: id(9), objectId: id(8), kind: 'agent' };
    const entries = [entry(2, { caller: { ...agent, actsFor: id(8) } }), entry(1, { caller: agent })];
    const { out } = await runCommand(registerAudit, ['audit'], [page(entries)]);
    const rows = out.split('\n').map((line) => line.split(/ {2,}/));
    expect(rows.slice(2, 4).map(([, , caller]) => caller)).toEqual([`agent ${id(9)} for ${id(8)}`, `agent ${id(9)}`]);
  });

  it('shows steps of approvals, changes of tags, calls of tools and emergencies', async () => {
    const none = { resource: undefined };
    const entries = [
      entry(4, {
        ...none,
        kind: 'approval',
        outcome: 'approved',
        approvalId: 'a1',
        method: 'GET',
        path: '/v1.0/users',
      }),
      entry(3, { ...none, kind: 'tags', outcome: 'changed', tagsAdded: ['a', 'b=1'], tagsRemoved: ['c'] }),
      entry(2, { ...none, kind: 'tool', outcome: 'called', tool: 'graph_get', client: 'agent 1' }),
      entry(1, { breakGlass: true }),
    ];
    const { out } = await runCommand(registerAudit, ['audit'], [page(entries)]);
    const rows = out.split('\n').map((line) => line.split(/ {2,}/));
    expect(rows.slice(2, 6).map(([, outcome, , , subject]) => [outcome, subject])).toEqual([
      ['approved', 'approval a1: GET /v1.0/users'],
      ['changed', '+a +b=1 -c'],
      ['called', 'tool graph_get by agent 1'],
      ['EMERGENCY issued', 'graph'],
    ]);
  });

  it('shows requests through the gateway with what became of them', async () => {
    const request = { kind: 'request', method: 'GET', path: '/v1.0/users' };
    const entries = [
      entry(3, { ...request, outcome: 'answered', status: 404 }),
      entry(2, { ...request, outcome: 'sent' }),
      entry(1, { ...request, outcome: 'failed', code: 'resource_error', path: '/adminapi', cmdlet: 'Get-Mailbox' }),
    ];
    const { out } = await runCommand(registerAudit, ['audit'], [page(entries)]);
    const rows = out.split('\n').map((line) => line.split(/ {2,}/));
    expect(rows.slice(2, 5).map(([, outcome, , , resource]) => [outcome, resource])).toEqual([
      ['answered 404', 'graph GET /v1.0/users'],
      ['sent', 'graph GET /v1.0/users'],
      ['resource_error', 'graph GET Get-Mailbox'],
    ]);
  });

  it('has names and local times on a terminal, and jobs in place of the nil id', async () => {
    const isTerminal = process.stdout.isTTY;
    Object.assign(process.stdout, { isTTY: true });
    try {
      const entries = [
        entry(1, { rule: 'job:report', caller: { applicationId: '00000000-0000-0000-0000-000000000000' } }),
        entry(2, { tenantId: id(2) }),
        entry(3, { code: 'busy' }),
        // A policy may call a rule like this.
        entry(4, { rule: 'job:report' }),
      ];
      const { out } = await runCommand(
        registerAudit,
        ['audit'],
        [page(entries), { tenants: [{ tenantId: id(1), name: 'One' }] }],
      );
      const local = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short' });
      const at = local.format(new Date('2026-01-01T00:00:01Z'));
      expect(
        out
          .split('\n')
          .slice(2)
          .map((line) => stripVTControlCharacters(line).split(/ {2,}/)),
      ).toEqual([
        [at, 'issued', 'report', 'One', 'graph', 'job:report'],
        [at, 'issued', id(9), id(2), 'graph', 'helpdesk'],
        [at, 'busy', id(9), 'One', 'graph', 'helpdesk'],
        [at, 'issued', id(9), 'One', 'graph', 'job:report'],
        [''],
      ]);
    } finally {
      Object.assign(process.stdout, { isTTY: isTerminal });
    }
  });

  it('has the same names without a terminal, and ids in a document', async () => {
    const byJob = { rule: 'job:report', caller: { applicationId: '00000000-0000-0000-0000-000000000000' } };
    const answers = [page([entry(1, byJob)]), { tenants: [{ tenantId: id(1), name: 'One' }] }];
    const { out } = await runCommand(registerAudit, ['audit'], answers);
    expect(out.split('\n')[2]?.split(/ {2,}/)).toEqual([
      '2026-01-01T00:00:01Z',
      'issued',
      'report',
      'One',
      'graph',
      'job:report',
    ]);
    const { out: document, requests } = await runCommand(registerAudit, ['audit', '--json'], answers);
    expect(document).toContain(id(1));
    expect(requests).toHaveLength(1);
  });

  it('has the entries of an error code, up to the limit, from all pages', async () => {
    const refused = (number: number) => entry(number, { outcome: 'denied', code: 'consent_required' });
    const answers = [page([entry(1), refused(2)], 'next'), page([refused(3), refused(4)])];
    const words = ['audit', '--outcome', 'consent_required', '--limit', '2', '--json'];
    const { out, requests } = await runCommand(registerAudit, words, answers);
    expect(queries(requests).map((query) => 'outcome' in query)).toEqual([false, false]);
    expect((JSON.parse(out) as { entries: object[] }).entries).toEqual([refused(2), refused(3)]);
    const wrong = await runCommand(registerAudit, ['audit', '--outcome', 'consent_requierd'], answers);
    expect([wrong.exit, wrong.err]).toEqual([2, expect.stringContaining('did you mean "consent_required"?') as string]);
  });

  it.each(['yesterday', 'last week'])('says how a time is written: %s', async (time) => {
    const { exit, err, requests } = await runCommand(registerAudit, ['audit', '--from', time], [page([])]);
    expect([exit, requests]).toEqual([2, []]);
    expect(err).toContain('ISO 8601 such as 2026-11-24, or 7d');
  });

  it('sends every filter', async () => {
    const words = [
      '--from',
      '2026-01-01',
      '--to',
      '2026-01-02',
      '--caller',
      'c',
      '--tenant',
      'd.example',
      '--outcome',
      'denied',
      '--limit',
      '7',
    ];
    words.push('--kind', 'request');
    const { requests } = await runCommand(registerAudit, ['audit', ...words], [page([])]);
    expect(queries(requests)).toEqual([
      {
        from: '2026-01-01',
        to: '2026-01-02',
        caller: 'c',
        tenant: 'd.example',
        outcome: 'denied',
        kind: 'request',
        limit: '7',
      },
    ]);
  });

  it('reads pages of the period of the first one until the limit, and says that there may be more', async () => {
    const answers = [page([entry(1), entry(2)], 'next-1'), page([entry(3)], 'next-2')];
    const { out, err, requests } = await runCommand(registerAudit, ['audit', '--limit', '3', '--json'], answers);
    const period = { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' };
    expect(queries(requests)).toEqual([{ limit: '3' }, { ...period, limit: '1', continuation: 'next-1' }]);
    expect(JSON.parse(out)).toEqual({ ...period, entries: [entry(1), entry(2), entry(3)] });
    expect(err).toMatch(/^There may be more entries/);
  });

  it('asks for at most 1,000 entries at once', async () => {
    const { requests } = await runCommand(registerAudit, ['audit', '--limit', '5000'], [page([])]);
    expect(queries(requests)).toEqual([{ limit: '1000' }]);
  });
});
