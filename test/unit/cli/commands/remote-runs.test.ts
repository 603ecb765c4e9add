import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { registerRun } from '../../../../src/cli/commands/run.ts';
import { registerRuns } from '../../../../src/cli/commands/runs.ts';
import { maxPageRows } from '../../../../src/lib/runs/store/run.ts';
import { errorTable } from '../../../../src/lib/core/errors.ts';
import { outcomeWord } from '../../../../src/lib/core/outcomes.ts';
import { onTerminal, runCommand } from './command-stage.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const counts = { total: 3, succeeded: 3, failed: 0, skipped: 0, notAttempted: 0 };
const run = {
  runId: 'report@2026-01-01',
  job: 'report',
  window: '2026-01-01',
  status: 'completed',
  outcome: 'succeeded',
  finishedAt: '2026-01-01T00:00:12Z',
  tenants: counts,
  progress: { done: 3, retrying: 0, total: 3 },
  startedBy: 'timer',
  startedAt: '2026-01-01T00:00:00Z',
  durationMs: 12_340,
  warnings: [],
  failures: [],
};
const failures = [
  {
    tenantId: 'aaaaaaaa-0000-4000-8000-000000000001',
    name: 'One',
    code: 'consent_required',
    title: 'Consent is missing',
    advice: 'Consent.',
  },
];
const partly = { ...run, outcome: 'partly_failed', tenants: { ...counts, succeeded: 2, failed: 1 }, failures };
const path = '/runs/report%402026-01-01';

describe('ptb run', () => {
  const started = { runId: run.runId, status: 'pending', location: '/x' };

  it('starts a run of all tenants, and says how to follow it', async () => {
    const { exit, out, requests } = await runCommand(registerRun, ['run', 'a report'], [started]);
    expect(requests).toEqual([{ method: 'POST', path: '/jobs/a%20report/runs', body: {} }]);
    expect(exit).toBe(0);
    expect(out).toBe(`Started ${run.runId}.\nFollow it with: ptb runs watch ${run.runId}\n`);
  });

  it('sends tenants, parameters and window', async () => {
    const words = [
      'run',
      'report',
      '--tenant',
      'one.example',
      'tag:a',
      '--except',
      'group:x',
      'b.example',
      '--window',
      'w1',
    ];
    const { requests } = await runCommand(registerRun, [...words, '--parameters', '{"days":30}'], [started]);
    expect(requests.map(({ path: asked }) => asked)).toEqual([
      '/tenants/one.example',
      '/tenants/b.example',
      '/jobs/report/runs',
    ]);
    expect(requests.at(-1)?.body).toEqual({
      tenants: ['one.example', 'tag:a'],
      except: ['group:x', 'b.example'],
      parameters: { days: 30 },
      window: 'w1',
    });
  });

  it('shows which tenants were asked for', async () => {
    const asked = { tenants: Array.from({ length: 22 }, (_, n) => `t${n}.example`), except: ['tag:trial'] };
    const lines = async (shown: object) =>
      (await runCommand(registerRuns, ['runs', 'show', run.runId], [{ ...run, asked: shown }])).out;
    expect(await lines(asked)).toMatch(/^Tenants: t0\.example, .*t19\.example and 2 more, except tag:trial$/m);
    expect(await lines({ except: ['tag:trial'] })).toContain('Tenants: all, except tag:trial\n');
  });

  describe('--parameter', () => {
    const jobs = [
      {
        name: 'report',
        parameters: {
          type: 'object',
          properties: {
            days: { type: 'integer', minimum: 0, maximum: 90, default: 30 },
            share: { type: 'number', exclusiveMinimum: 0 },
            deep: { type: 'boolean' },
            level: { type: 'string', enum: ['low', 'high'] },
            since: { type: 'string', format: 'date' },
            at: { type: 'string', format: 'date-time' },
            note: { type: 'string', maxLength: 5 },
            parts: { type: 'array', items: { type: 'string', enum: ['a', 'b'] }, maxItems: 2 },
            names: { type: 'array', items: { type: 'string' } },
          },
          additionalProperties: false,
        },
      },
      { name: 'plain', parameters: { type: 'object', properties: {}, additionalProperties: false } },
      { name: 'old' },
    ];
    const start = (job: string, ...pairs: string[]) =>
      runCommand(registerRun, ['run', job, ...pairs.flatMap((pair) => ['--parameter', pair])], [{ jobs }, started]);

    it.each<[string[], unknown]>([
      [['days=7'], { days: 7 }],
      [['share=0.5'], { share: 0.5 }],
      [['deep=true'], { deep: true }],
      [['deep=false', 'level=high'], { deep: false, level: 'high' }],
      [['since=2026-02-28'], { since: '2026-02-28' }],
      [['at=2026-02-28T01:02:03Z'], { at: '2026-02-28T01:02:03Z' }],
      [['note=a=b'], { note: 'a=b' }],
      [['note='], { note: '' }],
      [['parts=a'], { parts: ['a'] }],
      [['parts=a', 'parts=b'], { parts: ['a', 'b'] }],
      [['names='], { names: [] }],
    ])('reads %j by the schema of the job', async (pairs, parameters) => {
      const { exit, requests } = await start('report', ...pairs);
      expect(exit).toBe(0);
      expect(requests).toEqual([
        { method: 'GET', path: '/jobs', body: undefined },
        { method: 'POST', path: '/jobs/report/runs', body: { parameters } },
      ]);
    });

    it.each<[string, string[], string]>([
      ['report', ['days=x'], '--parameter days: it must be a whole number from 0 to 90.'],
      ['report', ['days=91'], '--parameter days: it must be a whole number from 0 to 90.'],
      ['report', ['days=1.5'], '--parameter days: it must be'],
      ['report', ['days='], '--parameter days: it must be'],
      ['report', ['days=0x10'], '--parameter days: it must be'],
      ['report', ['share=0'], '--parameter share: it must be a number above 0.'],
      ['report', ['deep=yes'], '--parameter deep: it must be true or false.'],
      ['report', ['level=middle'], '--parameter level: it must be one of low, high.'],
      ['report', ['since=2026-02-30'], '--parameter since: it must be a date such as 2026-11-24.'],
      ['report', ['at=2026-02-28'], '--parameter at: it must be a time such as 2026-11-24T05:00:00Z.'],
      ['report', ['note=abcdef'], '--parameter note: it must be a text of at most 5 characters.'],
      ['report', ['parts=c'], '--parameter parts: it must be a list of at most 2, each one of a, b.'],
      ['report', ['parts=a', 'parts=b', 'parts=a'], '--parameter parts: it must be'],
      ['report', ['days=1', 'days=2'], '--parameter days was given 2 times.'],
      ['report', ['dais=1'], 'report has no parameter "dais"; did you mean "days"? Its parameters: days, share, deep'],
      ['plain', ['days=1'], 'plain has no parameter "days". It has none.'],
      ['old', ['days=1'], 'Use --parameters JSON.'],
      ['reports', ['days=1'], 'There is no job "reports"; did you mean "report"? `ptb jobs` lists the jobs.'],
      ['report', ['days'], 'It must have the form name=value.'],
    ])('refuses %s %j and starts nothing', async (job, pairs, words) => {
      const { exit, err, requests } = await start(job, ...pairs);
      expect([exit, requests.filter(({ method }) => method === 'POST')]).toEqual([2, []]);
      expect(err).toContain(words);
    });

    it('cannot be combined with --parameters', async () => {
      const words = ['run', 'report', '--parameter', 'days=1', '--parameters', '{}'];
      const { exit, err, requests } = await runCommand(registerRun, words, [{ jobs }, started]);
      expect([exit, requests]).toEqual([2, []]);
      expect(err).toContain('cannot be used with');
    });
  });

  it.each(['nonsense', '[1]', 'null', '"text"', '3'])('refuses the parameters %s without a request', async (text) => {
    const { exit, err, requests } = await runCommand(registerRun, ['run', 'report', '--parameters', text], [started]);
    expect([exit, requests]).toEqual([2, []]);
    expect(err).toContain('It must be a JSON object.');
  });

  it.each([
    ['ends with 0 if all tenants succeeded', run, 0],
    ['ends with 3 if a tenant failed', partly, 3],
    ['ends with 1 if the run was cancelled', { ...run, status: 'cancelled', outcome: 'cancelled' }, 1],
    [
      'ends with the exit code of the error that stopped the run',
      {
        ...run,
        status: 'failed',
        outcome: 'stopped',
        stoppedBy: { code: 'credential_expired', detail: 'D.', advice: 'A.' },
      },
      4,
    ],
  ])('waits for the end with --wait and %s', async (_title, ended, code) => {
    const answers = [started, { ...run, status: 'running', outcome: 'running' }, ended];
    const { exit, out, requests } = await runCommand(registerRun, ['run', 'report', '--wait'], answers);
    expect(exit).toBe(code);
    expect(requests.map((request) => request.path)).toEqual(['/jobs/report/runs', path, path]);
    expect(out).toContain(`${run.runId}: ${outcomeWord(ended.outcome)}, started 2026-01-01T00:00:00Z by timer, 12.3 s`);
  });
});

describe('ptb runs show', () => {
  it('says why tenants were skipped, unless the broker does not answer', async () => {
    const some = { ...run, tenants: { ...run.tenants, skipped: 2 } };
    const skipped = { outcome: 'skipped', code: 'resource_unavailable', detail: 'It has no licence for this.' };
    const tenants = ['One', 'Two'].map((name) => ({ ...skipped, name }));
    const { out, requests } = await runCommand(registerRuns, ['runs', 'show', run.runId], [some, { tenants }]);
    expect(requests[1]?.path).toBe(`${path}/tenants?outcome=skipped`);
    expect(out).toContain('\nSkipped: One, Two. It has no licence for this.\n');
    const failure = Response.json({ code: 'storage_unavailable', detail: 'Away.' }, { status: 503 });
    const silent = await runCommand(registerRuns, ['runs', 'show', run.runId], [some, failure]);
    expect([silent.exit, silent.out]).toEqual([0, expect.not.stringContaining('Skipped')]);
  });

  it('shows the parameters of the run', async () => {
    const parameters = { days: 3, parts: ['a', 'b'] };
    const { out } = await runCommand(registerRuns, ['runs', 'show', run.runId], [{ ...run, parameters }]);
    expect(out).toContain('\nParameters: days = 3; parts = a, b\n');
    expect((await runCommand(registerRuns, ['runs', 'show', run.runId], [run])).out).not.toContain('Parameters');
  });

  it('describes the run, its notes, why it stopped, and its failures', async () => {
    const answer = {
      ...partly,
      status: 'failed',
      outcome: 'stopped',
      warnings: ['The list of tenants is old.'],
      stoppedBy: { code: 'credential_expired', detail: 'It expired.', advice: 'Run ptb consent.' },
    };
    const { exit, out, requests } = await runCommand(registerRuns, ['runs', 'show', run.runId], [answer]);
    expect(requests).toEqual([{ method: 'GET', path, body: undefined }]);
    expect(exit).toBe(0);
    expect(out.split('\n').slice(0, 6)).toEqual([
      `${run.runId}: ${outcomeWord('stopped')}, started 2026-01-01T00:00:00Z by timer, 12.3 s`,
      '3 tenants: 2 succeeded, 1 failed, 0 skipped, 0 not attempted',
      'Note: The list of tenants is old.',
      `Stopped: ${errorTable.credential_expired.title} (credential_expired). It expired. Run ptb consent.`,
      '',
      'Consent is missing: 1 tenant (consent_required)',
    ]);
  });

  it('names the person who started the run', async () => {
    const answer = {
      ...run,
      startedBy: 'application-1',
      starter: { objectId: 'object-1', name: 'ann@partner.example' },
    };
    const { out } = await runCommand(registerRuns, ['runs', 'show', run.runId], [answer]);
    expect(out.split('\n')[0]).toContain(' by ann@partner.example,');
  });

  it('does not end with the result of the run unless it waits', async () => {
    expect((await runCommand(registerRuns, ['runs', 'show', run.runId], [partly])).exit).toBe(0);
    expect((await runCommand(registerRuns, ['runs', 'show', run.runId, '--wait'], [partly])).exit).toBe(3);
  });
});

describe('ptb runs show --tenant', () => {
  const tenantId = failures[0]?.tenantId;
  const details = { tenantId, name: 'One', outcome: 'failed', attempts: 1, rows: 0, log: [], droppedLines: 0 };
  const ofRun = { tenants: [{ tenantId, name: 'One' }] };
  const show = (reference: string, ...answers: unknown[]) =>
    runCommand(registerRuns, ['runs', 'show', run.runId, '--tenant', reference], [run, ofRun, ...answers]);

  it('finds the tenant by a domain, which completion offers', async () => {
    const { exit, out, requests } = await show('One.example', { tenantId, name: 'One' }, details);
    expect(requests.map((request) => request.path)).toEqual([
      path,
      `${path}/tenants`,
      '/tenants/one.example',
      `${path}/tenants/${tenantId}`,
    ]);
    expect([exit, out]).toEqual([0, expect.stringContaining(`One (${tenantId})`)]);
  });

  it.each([
    ['tenant_unknown', 404, '"two.example" is not among the customer tenants; did you mean "too.example"?'],
    ['caller_forbidden', 403, 'No.'],
  ])('says that neither a name nor a domain is known: %s', async (code, status, expected) => {
    const all = { tenants: [{ tenantId, name: 'One', defaultDomain: 'too.example' }] };
    const { exit, err } = await show('two.example', Response.json({ code, detail: 'No.' }, { status }), all);
    expect([exit, err]).toEqual([1, expect.stringContaining(expected)]);
  });

  it('says so if the broker cannot look the domain up', async () => {
    const unavailable = Response.json({ code: 'entra_unavailable', detail: 'Later.' }, { status: 503 });
    expect((await show('two.example', unavailable)).err).toContain('entra_unavailable');
  });

  it('asks for no domain if the text is none', async () => {
    const { exit, requests } = await show('two', {});
    expect([exit, requests.length]).toEqual([2, 2]);
  });
});

describe('ptb runs watch', () => {
  const running = { ...run, status: 'running', outcome: 'running' };
  const down = new Response('', { status: 502 });

  it('follows the newest run, also while the broker does not answer, and ends with the exit code of the run', async () => {
    const answers = [{ runs: [run] }, running, down, running, partly];
    const { exit, out, requests } = await runCommand(registerRuns, ['runs', 'watch'], answers);
    expect(requests.map((request) => request.path)).toEqual(['/runs?limit=1', path, path, path, path]);
    expect(exit).toBe(3);
    expect(out).toContain(`${run.runId}: partly failed`);
  });

  it('follows the run whose id begins as given', async () => {
    const unknown = Response.json({ code: 'run_not_found', detail: 'No.' }, { status: 404 });
    const { exit, requests } = await runCommand(
      registerRuns,
      ['runs', 'watch', 'rep'],
      [unknown, { runs: [run] }, run],
    );
    expect(requests.map((request) => request.path)).toEqual(['/runs/rep', '/runs?limit=500', path]);
    expect(exit).toBe(0);
  });
});

describe('ptb runs list', () => {
  it('asks whether another job is meant if it lists nothing', async () => {
    const list = (job: string) =>
      runCommand(registerRuns, ['runs', 'list', '--job', job], [{ runs: [] }, { jobs: [{ name: 'report' }] }]);
    const { exit, err } = await list('reprot');
    expect([exit, err]).toEqual([2, expect.stringContaining('There is no job "reprot"; did you mean "report"?')]);
    expect((await list('report')).exit).toBe(0);
  });

  it('lists the latest 20 runs', async () => {
    const { out, requests } = await runCommand(registerRuns, ['runs'], [{ runs: [partly] }]);
    expect(requests.map((request) => request.path)).toEqual(['/runs?limit=20']);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['run', 'outcome', 'failed', 'succeeded', 'started', 'took'],
      expect.anything(),
      [run.runId, outcomeWord('partly_failed'), '1 of 3', '2', '2026-01-01T00:00:00Z', '12.3 s'],
      [''],
    ]);
  });

  it.each([
    ['report@manual-145f6db7deac56b883e79c61c232e34a', 'report@manual-145f6db7'],
    ['report@manual-fb1ac4ff-4e5b-40d1-9c1c-0123456789ab', 'report@manual-fb1ac4ff'],
    ['report@manual-by-hand', 'report@manual-by-hand'],
    ['configuration-drift-report@2026-11-30T05:00Z', 'configuration-drift-report@2026-11-30T05:00Z'],
  ])('shows of %s what tells it from others on a terminal of 80 columns', async (runId, shown) => {
    const answers = [{ runs: [{ ...partly, runId, startedAt: new Date().toISOString() }] }];
    const { out } = await onTerminal(80, () => runCommand(registerRuns, ['runs'], answers));
    const [, , row = ''] = out.split('\n').map(stripVTControlCharacters);
    expect(row.split(/ {2,}/).slice(0, 3)).toEqual([shown, 'partly failed', '1 of 3']);
    expect((await runCommand(registerRuns, ['runs'], answers)).out).toContain(runId);
  });

  it('sends job and limit, and prints the answer with --json', async () => {
    const words = ['runs', 'list', '--job', 'report', '--limit', '500', '--json'];
    const { out, requests } = await runCommand(registerRuns, words, [{ runs: [run] }]);
    expect(requests.map((request) => request.path)).toEqual(['/runs?job=report&limit=500']);
    expect(JSON.parse(out)).toEqual({ runs: [run] });
  });

  it.each(['0', '501', '1.5', 'many'])('refuses the limit %s', async (limit) => {
    const { exit, requests } = await runCommand(registerRuns, ['runs', 'list', '--limit', limit], [{ runs: [] }]);
    expect([exit, requests]).toEqual([2, []]);
  });
});

describe('ptb runs diff', () => {
  const name = (text: string): object => ({ tenantId: 'aaaaaaaa-0000-4000-8000-000000000001', name: text });
  const answer = {
    runId: run.runId,
    comparedWith: 'report@2025-12-31',
    comparedTenants: 2,
    changes: [
      { ...name('One'), change: 'added', after: { user: 'anna', licences: 2 } },
      { ...name('Two'), change: 'removed', before: { user: 'ben', licences: 1 } },
      {
        ...name('Two'),
        change: 'changed',
        before: { user: 'cem', licences: 1 },
        after: { user: 'cem', licences: 3 },
        columns: ['licences'],
      },
    ],
    truncated: true,
    onlyBefore: [name('Gone')],
    onlyAfter: [name('New')],
  };

  it('shows added, removed and changed rows, and tenants that cannot be compared', async () => {
    const { out, requests } = await runCommand(registerRuns, ['runs', 'diff', run.runId], [answer]);
    expect(requests.map((request) => request.path)).toEqual([`${path}/changes`]);
    expect(out.split('\n')).toEqual([
      `${run.runId} compared with report@2025-12-31, 2 tenants in both`,
      '+ One: user=anna, licences=2',
      '- Two: user=ben, licences=1',
      '~ Two: user=cem, licences=3 (licences: 1 -> 3)',
      'There are more changes.',
      '! Gone: only in the earlier run',
      '! New: only in this run',
      '',
    ]);
  });

  it('finds both runs by the beginning of their ids', async () => {
    const unknown = (): Response => Response.json({ code: 'run_not_found', detail: 'No.' }, { status: 404 });
    const list = { runs: [run, { ...run, runId: 'check@b' }] };
    const words = ['runs', 'diff', 'report', '--with', 'check'];
    const answers = [unknown(), list, unknown(), list, unknown(), list, { ...answer, changes: [] }];
    const { exit, requests } = await runCommand(registerRuns, words, answers);
    expect([exit, requests.at(-1)?.path]).toEqual([0, `${path}/changes?with=check%40b`]);
  });

  it('compares with the named run, and says that nothing changed', async () => {
    const same = { ...answer, changes: [], truncated: false, onlyBefore: [], onlyAfter: [] };
    const { out, requests } = await runCommand(registerRuns, ['runs', 'diff', run.runId, '--with', 'report@a'], [same]);
    expect(requests.map((request) => request.path)).toEqual([`${path}/changes?with=report%40a`]);
    expect(out.split('\n').slice(1)).toEqual(['Nothing changed.', '']);
  });
});

describe('ptb runs rerun and cancel', () => {
  it('starts the rerun', async () => {
    const { out, requests } = await runCommand(registerRuns, ['runs', 'rerun', run.runId], [{ runId: 'report@b' }]);
    expect(requests).toEqual([{ method: 'POST', path: `${path}/rerun`, body: {} }]);
    expect(out).toBe(`Started report@b, which repeats ${run.runId}.\nFollow it with: ptb runs watch report@b\n`);
  });

  it('waits for the rerun with --wait, and ends with its exit code', async () => {
    const answers = [{ runId: 'report@b' }, { ...partly, runId: 'report@b' }, { tenants: [], failures: [] }];
    const { exit, out, err } = await runCommand(registerRuns, ['runs', 'rerun', run.runId, '--wait'], answers);
    expect(exit).toBe(3);
    expect(err).toContain(`Started report@b, which repeats ${run.runId}.`);
    expect(out).toContain('partly failed');
  });

  it.each(['rerun', 'cancel', 'show', 'watch'])('%s takes no run for an empty id', async (name) => {
    const { exit, err, requests } = await runCommand(registerRuns, ['runs', name, ''], [{ runs: [run] }]);
    expect([exit, requests]).toEqual([2, []]);
    expect(err).toContain('names no run');
  });

  it.each([
    [true, 'report@2026-01-01 stops before its next tenant.\n'],
    [false, 'report@2026-01-01 has already ended: partly failed\n'],
  ])('says what a cancellation does (requested: %s)', async (cancelRequested, text) => {
    const answer = { runId: run.runId, status: 'completed', cancelRequested };
    const { out, requests } = await runCommand(registerRuns, ['runs', 'cancel', run.runId], [answer, partly]);
    expect(requests[0]).toEqual({ method: 'POST', path: `${path}/cancel`, body: {} });
    expect(out).toBe(text);
  });
});

describe('ptb runs export', () => {
  const page = (text: string, next?: string): Response =>
    new Response(text, {
      headers: next === undefined ? {} : { link: `<https://broker.example/api${next}>; rel="next"` },
    });
  const inFolder = async (work: (folder: string) => Promise<void>): Promise<void> => {
    const folder = await mkdtemp(join(tmpdir(), 'ptb-export-'));
    try {
      await work(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  };
  const words = ['runs', 'export', run.runId];

  it.each(['csv', 'jsonl'])('writes all pages of %s to the file', (format) =>
    inFolder(async (folder) => {
      const output = join(folder, 'rows');
      const more = [...words, '--format', format, '--output', output];
      const answers = [run, page('a\n', `${path}/results?continuation=2`), page('b\n')];
      const { exit, err, requests } = await runCommand(registerRuns, more, answers);
      expect(requests.map((request) => request.path)).toEqual([
        path,
        `${path}/results?format=${format}&limit=${maxPageRows}`,
        `${path}/results?continuation=2`,
      ]);
      expect([exit, err]).toEqual([0, `Written to ${output}.\n`]);
      expect(await readFile(output, 'utf8')).toBe('a\nb\n');
      expect(await readdir(folder)).toEqual(['rows']);
      // Rows of customers are for whoever asked.
      expect((await stat(output)).mode & 0o777).toBe(0o600);
    }),
  );

  it.each([['--format', 'json'], ['--json']])('writes one array with %j', (...flags) =>
    inFolder(async (folder) => {
      const output = join(folder, 'rows.json');
      const answers = [run, page('{"a":1}\n', `${path}/results?continuation=2`), page('{"a":2}\n')];
      const { requests } = await runCommand(registerRuns, [...words, ...flags, '--output', output], answers);
      expect(requests[1]?.path).toBe(`${path}/results?format=jsonl&limit=${maxPageRows}`);
      expect(JSON.parse(await readFile(output, 'utf8'))).toEqual([{ a: 1 }, { a: 2 }]);
    }),
  );

  it('shows CSV on a terminal without the byte order mark that a file has', async () => {
    const words = ['runs', 'export', run.runId, '--format', 'csv'];
    const answers = (): unknown[] => [run, page('\uFEFFname\r\n')];
    expect((await runCommand(registerRuns, words, answers())).out).toBe('\uFEFFname\r\n');
    vi.restoreAllMocks();
    expect((await onTerminal(80, () => runCommand(registerRuns, words, answers()))).out).toBe('name\r\n');
  });

  it('leaves no file if a page fails', () =>
    inFolder(async (folder) => {
      const refused = Response.json({ code: 'caller_forbidden', detail: 'No.' }, { status: 403 });
      const answers = [run, page('a\n', `${path}/results?continuation=2`), refused];
      const { exit, err } = await runCommand(registerRuns, [...words, '--output', join(folder, 'rows')], answers);
      expect([exit, err]).toEqual([1, expect.stringContaining('caller_forbidden')]);
      expect(await readdir(folder)).toEqual([]);
    }));
});
