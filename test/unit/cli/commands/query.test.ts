import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { registerQuery } from '../../../../src/cli/commands/query.ts';
import { type Request, runCommand } from './command-stage.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const runId = 'query@manual-1';
const started = { runId, status: 'pending', location: '/api/runs/query%40manual-1' };
const run = (more: object = {}) => ({
  runId,
  job: 'query',
  query: '/v1.0/users?$select=name,age',
  status: 'completed',
  outcome: 'succeeded',
  tenants: { total: 2, succeeded: 2, failed: 0, skipped: 0, notAttempted: 0 },
  failures: [],
  durationMs: 10,
  ...more,
});
const tenant = { tenantId: 't1', tenantName: 'Contoso', tenantDomain: 'contoso.com' };
const page = (rows: readonly object[], next?: string) =>
  new Response(rows.map((row) => `${JSON.stringify({ ...tenant, ...row })}\n`).join(''), {
    headers: next === undefined ? {} : { link: `<?order=arrival&continuation=${next}>; rel="next"` },
  });

/** Rows and progress are asked for at the same time, so the broker answers by path. */
async function query(
  words: readonly string[],
  pages: readonly (() => Response)[],
  ended: object = run(),
  tenants: readonly object[] = [],
) {
  let next = 0;
  const answer = ({ method, path }: Request): Response => {
    if (method === 'POST') return Response.json(path === '/queries' ? started : {}, { status: 202 });
    if (path.includes('/results')) return (pages[next++] ?? (() => page([])))();
    return path.includes('/tenants') ? Response.json({ runId, tenants, codes: [] }) : Response.json(ended);
  };
  return runCommand(registerQuery, ['query', ...words], answer);
}

const two = [
  () => page([{ name: 'Ada', age: 3 }], 'a'),
  () => page([], 'b'),
  () => page([{ name: 'Bo', age: null, tags: ['x'] }]),
];

describe('ptb query', () => {
  it('sends what is asked', async () => {
    const words = [
      '/users',
      '--select',
      'name, age',
      '--select',
      'id',
      '--all-pages',
      '--tenant',
      'tag:a',
      '--except',
      'tag:x',
    ];
    const { requests, exit } = await query(words, two);
    expect(exit).toBe(0);
    expect(requests[0]).toEqual({
      method: 'POST',
      path: '/queries',
      body: { path: '/users', select: ['name', 'age', 'id'], allPages: true, tenants: ['tag:a'], except: ['tag:x'] },
    });
  });

  it('prints a table of the rows of all pages', async () => {
    const { out, err } = await query(['/users'], two);
    expect(out.split('\n')).toEqual([
      'tenant   name  age',
      '-------  ----  ---',
      'Contoso  Ada   3',
      'Contoso  Bo',
      '',
    ]);
    expect(err).toContain('2 rows from 2 of 2 tenants (query@manual-1)');
    expect(err).toContain('Left out, because the first rows lack them: tags.');
  });

  it('prints JSON Lines with everything', async () => {
    const { out, err } = await query(['/users', '--json'], two);
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toEqual([
      { ...tenant, name: 'Ada', age: 3 },
      { ...tenant, name: 'Bo', age: null, tags: ['x'] },
    ]);
    expect(err).not.toContain('Left out');
  });

  it('prints CSV with one header', async () => {
    const { out } = await query(['/users', '--csv'], two);
    expect(out).toBe(
      '\uFEFFtenantId,tenantName,tenantDomain,name,age\r\nt1,Contoso,contoso.com,Ada,3\r\nt1,Contoso,contoso.com,Bo,\r\n',
    );
  });

  it('shows control characters of customers as text', async () => {
    const { out } = await query(['/users'], [() => page([{ name: 'A\u001b[2J\u202e', age: 1 }])]);
    expect(out).not.toContain('\u001b');
    expect(out).not.toContain('\u202e');
  });

  it.each([
    ['rows.csv', /^\uFEFFtenantId/],
    ['rows.jsonl', /^\{"tenantId"/],
  ])('writes to the file %s, which is whole or absent', async (name, expected) => {
    const folder = await mkdtemp(join(tmpdir(), 'ptb-query-'));
    try {
      const file = join(folder, name);
      const { out, err } = await query(['/users', '--output', file], two);
      expect(out).toBe('');
      expect(err).toContain(`2 rows in ${file}`);
      expect(await readFile(file, 'utf8')).toMatch(expected);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      const broken = [
        () => page([{ name: 'Ada' }], 'a'),
        () => Response.json({ code: 'run_not_found', detail: 'Gone.' }, { status: 404 }),
      ];
      await rm(file);
      const failed = await query(['/users', '--output', file], broken);
      expect([failed.exit, await readdir(folder)]).toEqual([1, []]);
      expect(failed.requests.map(({ path }) => path)).toContain('/runs/query%40manual-1/cancel');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says which rows are missing, and ends with 3 if some tenants failed', async () => {
    const failure = {
      tenantId: 't2',
      name: 'Fabrikam',
      code: 'caller_forbidden',
      title: 'Not allowed',
      advice: 'Ask.',
      detail: 'No rule.',
    };
    const ended = run({ outcome: 'partly_failed', failures: [failure] });
    const more = { name: 'Contoso', more: true, detail: 'The answer has more pages, and only the first was read.' };
    const { exit, err } = await query(['/users', '--json'], two, ended, [more]);
    expect(exit).toBe(3);
    expect(err).toContain('Microsoft Graph has more rows: Contoso. The answer has more pages');
    expect(err).toContain('--all-pages reads them.');
    expect(err).toContain('Fabrikam: No rule.');
  });

  it('cancels the run on Ctrl+C, and keeps no file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ptb-query-'));
    try {
      const interrupted = [
        () => page([{ name: 'Ada' }], 'a'),
        () => {
          process.emit('SIGINT');
          return page([{ name: 'Bo' }], 'b');
        },
      ];
      const words = ['/users', '--output', join(folder, 'rows.jsonl')];
      const { exit, err, requests } = await query(words, interrupted, run({ status: 'running', outcome: 'running' }));
      expect([exit, await readdir(folder)]).toEqual([130, []]);
      expect(err).toContain('Cancelled. The rows so far: ptb runs export query@manual-1');
      expect(requests.at(-1)).toMatchObject({ method: 'POST', path: '/runs/query%40manual-1/cancel' });
      expect(process.listenerCount('SIGINT')).toBe(0);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each([
    [['--all-pages'], 3],
    [[], 0],
  ])('ends with %j and rows missing', async (words, expected) => {
    const { exit } = await query(['/users', '--json', ...words], two, run(), [{ name: 'Contoso', more: true }]);
    expect(exit).toBe(expected);
  });

  it('cancels a run that Ctrl+C meets while it starts', async () => {
    const answer = ({ path }: Request): Response => {
      if (path === '/queries') process.emit('SIGINT');
      return Response.json(path === '/queries' ? started : {}, { status: 202 });
    };
    const { exit, requests } = await runCommand(registerQuery, ['query', '/users'], answer);
    expect([exit, requests.map(({ path }) => path)]).toEqual([130, ['/queries', '/runs/query%40manual-1/cancel']]);
    expect(process.listenerCount('SIGINT')).toBe(0);
  });

  it('ends at Ctrl+C while it waits for a broker that is not available', async () => {
    const answer = ({ path }: Request): Response => {
      if (path !== '/queries') return Response.json({}, { status: 202 });
      setImmediate(() => process.emit('SIGINT'));
      return Response.json({ code: 'storage_unavailable', detail: 'Away.', retryAfterSeconds: 60 }, { status: 503 });
    };
    const { exit, err, requests } = await runCommand(registerQuery, ['query', '/users'], answer);
    expect([exit, requests.map(({ path }) => path)]).toEqual([130, ['/queries']]);
    expect(err).toContain('The query may have started: `ptb runs` lists it.\n');
    expect(process.listenerCount('SIGINT')).toBe(0);
  });

  it('explains what would be sent with --dry-run', async () => {
    const checked = {
      path: '/v1.0/users',
      request: 'GET /v1.0/users',
      anyOf: ['User.Read.All'],
      rules: [{ rule: 'helpdesk', permissions: ['User.Read.All'] }],
      tenants: { chosen: 3, open: 2 },
    };
    const { out, requests } = await runCommand(registerQuery, ['query', '/users', '--dry-run'], [checked]);
    expect(requests).toMatchObject([{ method: 'POST', path: '/queries', body: { path: '/users', check: true } }]);
    expect(out.split('\n')).toEqual([
      'GET /v1.0/users',
      'Opened by the rule "helpdesk" with User.Read.All.',
      'Any of these permissions opens it: User.Read.All.',
      '3 tenants, 2 of them open to you.',
      '',
    ]);
  });

  it('takes one format', async () => {
    const { exit, err, requests } = await runCommand(registerQuery, ['query', '/users', '--csv', '--json'], []);
    expect([exit, err, requests]).toEqual([2, 'ptb: Give --csv or --json, not both.\n', []]);
  });

  it('ends with the refusal of the broker', async () => {
    const refusal = Response.json({ code: 'caller_forbidden', detail: 'No rule opens it.' }, { status: 403 });
    const { exit, err } = await runCommand(registerQuery, ['query', '/users'], [refusal]);
    expect([exit, err]).toEqual([1, expect.stringContaining('No rule opens it.')]);
  });
});
