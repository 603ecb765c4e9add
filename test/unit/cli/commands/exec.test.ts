import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { registerExec } from '../../../../src/cli/commands/exec.ts';
import { tenant as idOf } from '../../../support/audit-entries.ts';
import { type Request, runCommand } from './command-stage.ts';

// `ptb exec` in this process. The programs are small ones of Node.js; test/e2e/exec.test.ts has those of Microsoft's libraries.

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-exec-'));
  for (const pipeline of ['GITHUB_ACTIONS', 'TF_BUILD']) vi.stubEnv(pipeline, undefined);
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  await rm(folder, { recursive: true });
});

const customer = (at: number, more: object = {}) => ({
  tenantId: idOf(at),
  name: `Customer ${at}`,
  defaultDomain: `c${at}.example`,
  reachable: true,
  ...more,
});
const two = [customer(1), customer(2)];

const tokenAnswer = ({ body }: Request): Response => {
  const { tenant, resource, grant } = body as Record<string, string>;
  return Response.json({
    accessToken: `${resource} ${grant} for ${tenant}`,
    tokenType: 'Bearer',
    expiresAt: '2999-01-01T00:00:00.000Z',
  });
};

/** Runs `ptb exec WORDS -- node -e CODE ARGS`. */
async function exec(
  words: readonly string[],
  [code, ...args]: readonly string[],
  { tenants = two, token = tokenAnswer }: { tenants?: readonly object[]; token?: typeof tokenAnswer } = {},
) {
  const answer = (request: Request): Response =>
    request.path === '/tokens' ? token(request) : Response.json({ tenants, warnings: ['The list is a day old.'] });
  const program = ['--', process.execPath, '-e', code ?? '', ...args];
  return runCommand(registerExec, ['exec', ...words], answer, ['--token', 'caller-token', ...program]);
}

const askToken = `
const { IDENTITY_ENDPOINT: url, IDENTITY_HEADER: secret } = process.env;
fetch(url + '?api-version=2019-08-01&resource=https://graph.microsoft.com', { headers: { 'x-identity-header': secret } })
  .then(async (answer) => {
    console.log(answer.status, (await answer.json()).access_token);
    process.exitCode = answer.ok ? 0 : 7;
  });`;
const failsForFirst = `process.exitCode = process.env.PTB_TENANT_DOMAIN === 'c1.example' ? 4 : 0`;

const linesOf = (text: string): string[] => text.trimEnd().split('\n').toSorted();
const documentsOf = (text: string): Record<string, unknown>[] =>
  linesOf(text).map((line) => JSON.parse(line) as Record<string, unknown>);

describe('ptb exec', () => {
  it('gives each program tokens for its tenant alone, and prints what it writes with the tenant before it', async () => {
    const { exit, out, err, requests } = await exec(['--grant', 'application'], [askToken]);
    expect(linesOf(out)).toEqual([
      `c1.example | 200 graph application for ${idOf(1)}`,
      `c2.example | 200 graph application for ${idOf(2)}`,
    ]);
    expect([exit, err]).toEqual([0, 'The list is a day old.\n2 tenants: 2 succeeded, 0 failed.\n']);
    expect(requests.filter(({ path }) => path === '/tokens')).toHaveLength(2);
  });

  it.each([
    ['GITHUB_ACTIONS', 'true', '::add-mask::'],
    ['TF_BUILD', 'True', '##vso[task.setsecret]'],
  ])('has the log of a pipeline with %s=%s mask each token', async (name, value, command) => {
    vi.stubEnv(name, value);
    const { exit, err } = await exec([], [askToken]);
    expect(exit).toBe(0);
    for (const at of [1, 2]) expect(linesOf(err)).toContain(`${command}graph delegated for ${idOf(at)}`);
  });

  it('says that the broker refused the token of a program that failed', async () => {
    const refusal = { code: 'caller_forbidden', detail: 'No rule allows it.' };
    const token = (): Response => Response.json(refusal, { status: 403 });
    const { exit, out, err } = await exec([], [askToken], { tenants: [customer(1)], token });
    expect([exit, out]).toEqual([1, 'c1.example | 403 undefined\n']);
    expect(err).toMatch(
      /c1\.example: exit 7, \d+\.\d s\. The broker refused its token: caller_forbidden: No rule allows it\./,
    );
  });

  it('gives a program no token with --via gateway, but an address of Microsoft Graph', async () => {
    const code = `console.log(new URL(process.env.PTB_GRAPH_URL).hostname);${askToken}`;
    const { out, requests } = await exec(['--via', 'gateway'], [code], { tenants: [customer(1)] });
    expect(linesOf(out)).toEqual(['c1.example | 127.0.0.1', 'c1.example | 403 undefined']);
    expect(requests.map(({ path }) => path)).toEqual(['/tenants']);
  });

  it('fills in the tenant in the arguments', async () => {
    const args = ['{domain}', 'id={tenantId}', '{name}'];
    const { out } = await exec([], ['console.log(JSON.stringify(process.argv.slice(1)))', ...args]);
    const expected = [1, 2].map(
      (at) => `c${at}.example | ${JSON.stringify([`c${at}.example`, `id=${idOf(at)}`, `Customer ${at}`])}`,
    );
    expect(linesOf(out)).toEqual(expected);
  });

  it('does not start a program whose argument a customer would make an option', async () => {
    const tenants = [customer(1, { name: '--eval=evil' }), customer(2)];
    const { exit, out, err } = await exec([], ['console.log(process.argv.at(-1))', '{name}'], { tenants });
    expect([exit, out]).toEqual([3, 'c2.example | Customer 2\n']);
    expect(err).toContain('c1.example: not started, 0.0 s. The name of the tenant');
  });

  it.each([
    ['process.exitCode = 4', 1, '0 succeeded, 2 failed'],
    [failsForFirst, 3, '1 succeeded, 1 failed'],
    ['', 0, '2 succeeded, 0 failed'],
  ])('tells by its exit code for how many tenants the program %j failed', async (code, expected, summary) => {
    const { exit, err } = await exec([], [code]);
    expect([exit, err.includes(`2 tenants: ${summary}.`)]).toEqual([expected, true]);
  });

  it('starts a failed program again as often as --retry says', async () => {
    const code = `console.log('run'); ${failsForFirst}`;
    const { exit, out } = await exec(['--retry', '2', '--parallel', '1'], [code]);
    expect(out.split('\n')).toEqual([
      'c1.example | run',
      'c2.example | run',
      'c1.example | run',
      'c1.example | run',
      '',
    ]);
    expect(exit).toBe(3);
  });

  it('ends a program that takes longer than --timeout', async () => {
    const { exit, err } = await exec(['--timeout', '1'], ['setInterval(() => undefined, 1000)'], {
      tenants: [customer(1)],
    });
    expect(exit).toBe(1);
    expect(err).toContain('c1.example: ended because of --timeout');
  });

  it('takes --timeout in seconds', async () => {
    const { exit } = await exec(['--timeout', '300'], ['setTimeout(() => undefined, 500)'], { tenants: [customer(1)] });
    expect(exit).toBe(0);
  });

  it('writes each line and each result as a document with --json', async () => {
    const { out } = await exec(['--json'], [`console.log('one'); console.error('two')`], { tenants: [customer(1)] });
    const of = { tenantId: idOf(1), domain: 'c1.example' };
    expect(documentsOf(out)).toEqual(
      expect.arrayContaining([
        { ...of, stream: 'stdout', line: 'one' },
        { ...of, stream: 'stderr', line: 'two' },
        { ...of, name: 'Customer 1', outcome: 'succeeded', exitCode: 0, attempts: 1, durationMs: expect.any(Number) },
      ]),
    );
    expect(documentsOf(out)).toHaveLength(3);
  });

  it('leaves out tenants that cannot be reached, and needs one that can', async () => {
    const closed = customer(3, { reachable: false });
    const first = await exec([], ['console.log(1)'], { tenants: [customer(1), closed] });
    expect([first.exit, first.out]).toEqual([0, 'c1.example | 1\n']);
    expect(first.err).toContain('1 tenant cannot be reached and is left out.');
    const second = await exec([], ['console.log(1)'], { tenants: [closed, { ...closed, tenantId: idOf(4) }] });
    expect([second.exit, second.out]).toEqual([2, '']);
    expect(second.err).toContain('2 tenants cannot be reached and are left out.');
    expect(second.err).toContain('No tenant is left to run the program for.');
  });

  it('prints what it would start with --dry-run, and starts nothing', async () => {
    const words = ['--dry-run', '--json'];
    const { exit, out, requests } = await exec(words, ['process.exit(9)', '{domain}'], { tenants: [customer(1)] });
    const command = [process.execPath, '-e', 'process.exit(9)', 'c1.example'];
    expect(documentsOf(out)).toEqual([{ tenantId: idOf(1), domain: 'c1.example', name: 'Customer 1', command }]);
    expect([exit, requests.length]).toEqual([0, 1]);
    const plain = await exec(['--dry-run'], ['', 'a b'], { tenants: [customer(1)] });
    expect(plain.out).toBe(
      `c1.example: ${[process.execPath, '-e', '', 'a b'].map((text) => JSON.stringify(text)).join(' ')}\n`,
    );
  });

  it.each([
    [['--resume'], '--resume needs the folder of --output.'],
    [['--via', 'gateway', '--resource', 'graph'], '--resource is for tokens.'],
  ])('refuses %j', async (words, reason) => {
    const { exit, err, requests } = await exec(words, ['']);
    expect([exit, requests]).toEqual([2, []]);
    expect(err).toContain(reason);
  });

  it('says that a program was not found', async () => {
    const answer = (): Response => Response.json({ tenants: two, warnings: [] });
    const words = ['--token', 'caller-token', '--', join(folder, 'nothing')];
    const { exit, err } = await runCommand(registerExec, ['exec'], answer, words);
    expect([exit, err]).toEqual([2, `ptb: The program ${join(folder, 'nothing')} was not found.\n`]);
  });

  it('ends the programs on Ctrl+C, and starts no more', async () => {
    const token = (request: Request): Response => {
      process.emit('SIGINT');
      return tokenAnswer(request);
    };
    const before = process.listenerCount('SIGINT');
    const code = `setInterval(() => undefined, 1000);${askToken}`;
    const { exit, err } = await exec(['--parallel', '1'], [code], { token });
    expect(exit).toBe(130);
    expect(err).toContain('Ending the programs. Press Ctrl+C again to end them at once.');
    expect(err).toContain('2 tenants: 0 succeeded, 0 failed, 2 not run.');
    expect([process.listenerCount('SIGINT'), process.listenerCount('exit')]).toEqual([before, expect.any(Number)]);
  });
});

describe('ptb exec --output', () => {
  it('keeps what each program writes in a folder of the tenant', async () => {
    const code = `console.log('one'); console.error('two'); console.log(process.env.PTB_OUTPUT_DIR)`;
    const { exit, out, err } = await exec(['--output', folder], [code], { tenants: [customer(1)] });
    expect([exit, out]).toEqual([0, '']);
    expect(err).toMatch(/c1\.example: exit 0, /);
    expect((await readdir(folder)).toSorted()).toEqual(['c1.example', 'ptb-exec.jsonl']);
    const place = join(folder, 'c1.example');
    expect(await readFile(join(place, 'stdout.txt'), 'utf8')).toBe(`one\n${place}\n`);
    expect(await readFile(join(place, 'stderr.txt'), 'utf8')).toBe('two\n');
  });

  it('lets nobody else read what the programs wrote', async () => {
    const results = join(folder, 'results');
    await exec(['--output', results], [`console.log('one')`], { tenants: [customer(1)] });
    const modeOf = async (...names: string[]): Promise<string> =>
      ((await stat(join(results, ...names))).mode & 0o777).toString(8);
    expect([await modeOf(), await modeOf('c1.example')]).toEqual(['700', '700']);
    for (const file of [['ptb-exec.jsonl'], ['c1.example', 'stdout.txt'], ['c1.example', 'stderr.txt']])
      expect(await modeOf(...file)).toBe('600');
  });

  it.each([
    ['both at once', [[]]],
    [
      'one after the other',
      [
        ['--tenant', idOf(1)],
        ['--resume', '--tenant', idOf(2)],
      ],
    ],
  ])('names tenants that are listed with one domain by their ids: %s', async (_, commands) => {
    const tenants = [
      customer(1),
      customer(2, { defaultDomain: 'C1.example' }),
      customer(3, { defaultDomain: idOf(1) }),
    ];
    const code = `console.log(process.argv.at(-1), process.env.PTB_TENANT_DOMAIN)`;
    for (const words of commands) await exec(['--output', folder, ...words], [code, '{domain}'], { tenants });
    for (const id of [idOf(1), idOf(2)])
      expect(await readFile(join(folder, id, 'stdout.txt'), 'utf8')).toBe(`${id} undefined\n`);
    expect(await readdir(folder)).not.toContain('c1.example');
  });

  it('goes on with --resume for the tenants that are left, and only with the same command', async () => {
    const code = `require('fs').appendFileSync(${JSON.stringify(join(folder, 'runs'))}, process.env.PTB_TENANT_DOMAIN + ' '); ${failsForFirst}`;
    const ran = async (): Promise<string> => readFile(join(folder, 'runs'), 'utf8');
    const results = join(folder, 'results');
    expect((await exec(['--parallel', '1', '--output', results], [code])).exit).toBe(3);
    const again = await exec(['--output', results], [code]);
    expect([again.exit, again.err]).toEqual([2, expect.stringContaining('has the results of an earlier command')]);
    const other = await exec(['--output', results, '--resume'], [`${code};`]);
    expect([other.exit, other.err]).toEqual([2, expect.stringContaining('has the results of another program')]);
    expect(await ran()).toBe('c1.example c2.example ');
    const resumed = await exec(['--output', results, '--resume'], [code]);
    expect(resumed.err).toContain('2 tenants: 0 succeeded, 1 failed, 1 done before.');
    // Some tenants are done, so not all have failed.
    expect([resumed.exit, await ran()]).toEqual([3, 'c1.example c2.example c1.example ']);
  });
});
