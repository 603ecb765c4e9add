import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { knownDifferences } from '../../src/recording/known-differences.ts';
import { type Pair, parsePairs } from '../../src/recording/pair.ts';
import { startRecorder } from '../../src/recording/recorder.ts';
import { replay } from '../../src/recording/replay.ts';
import { accessToken, adminToken, call, createCloud, type TestCloud } from '../../src/testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'microsoft-cloud-recording-'));
const documentation = readFileSync(join(import.meta.dirname, '../../recordings/documentation.jsonl'), 'utf8');

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await createCloud({ tenants: 2, plain: true });
});
afterAll(async () => {
  await cloud?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the pairs of Microsoft’s documentation', () => {
  it('differ from the simulation only where a reason is listed', async () => {
    const found = await replay(parsePairs(documentation));
    expect(found.length).toBeGreaterThan(5);
    const differences = found.flatMap(({ pair, differences: some }) =>
      some.map((each) => ({ title: pair.title, ...each })),
    );
    expect(differences.filter(({ reason }) => reason === undefined)).toEqual([]);
    expect(differences).toHaveLength(knownDifferences.length);
  });

  it('are reported where status, code, types or headers differ', async () => {
    const [users] = parsePairs(documentation);
    if (users === undefined) throw new Error('There is no pair.');
    const change = (response: Partial<Pair['response']>): Pair => ({
      ...users,
      response: { ...users.response, ...response },
    });
    const texts = async (pair: Pair) => (await replay([pair]))[0]?.differences.map(({ text }) => text);
    expect(await texts(change({ status: 403 }))).toEqual(['status 403, simulated 200']);
    expect(await texts(change({ headers: { 'content-type': 'text/csv' } }))).toEqual([
      'header content-type: text/csv, simulated application/json',
    ]);
    expect(await texts(change({ body: { value: [{ displayName: 1, nothing: 'x' }], error: { code: 'A' } } }))).toEqual([
      'error code A, simulated none',
      'value[].displayName: number, simulated string',
      'value[].nothing: string, simulated missing',
      'error: object, simulated missing',
    ]);
  });
});

describe('a recording', () => {
  it('holds no token and no name, replays without a difference, and hands the replies on', async () => {
    const file = join(folder, 'real.jsonl');
    const lines: string[] = [];
    // The simulation stands for the real service.
    const recorder = await startRecorder({
      upstream: cloud.document.graph,
      file,
      fetch,
      port: 0,
      report: (line) => lines.push(line),
    });
    const token = await adminToken(cloud);
    const users = await call(`${recorder.address}/v1.0/users?$top=2`, token);
    expect(users.status).toBe(200);
    expect(String(users.body['@odata.nextLink'])).toContain(recorder.address);
    const [user] = users.body['value'] as { readonly id: string; readonly displayName: string }[];
    expect((await call(`${recorder.address}/v1.0/users/${user?.id}`, token)).body['id']).toBe(user?.id);
    expect((await call(`${recorder.address}/v1.0/organization`, 'wrong')).status).toBe(401);
    const other = await accessToken(cloud, cloud.document.tenants[0]?.tenantId ?? '');
    expect((await call(`${recorder.address}/v1.0/users?$top=1`, other)).status).toBe(200);
    await recorder.close();

    const text = readFileSync(file, 'utf8');
    expect(lines).toHaveLength(4);
    expect(text.trim().split('\n')).toHaveLength(4);
    for (const secret of [
      token,
      other,
      'eyJ',
      'Bearer e',
      user?.id ?? '?',
      user?.displayName ?? '?',
      'lighthouse',
      cloud.document.partnerTenantId,
    ])
      expect(text).not.toContain(secret);
    const found = await replay(parsePairs(text).filter(({ response }) => response.status === 200));
    expect(found).toHaveLength(3);
    expect(found.flatMap(({ differences }) => differences)).toEqual([]);
  });

  it('goes on when the service or the disk fails, and says so without a secret', async () => {
    const lines: string[] = [];
    const report = (line: string) => lines.push(line);
    const failing = () => Promise.reject(new Error('secret of the network'));
    const recorder = await startRecorder({
      upstream: 'https://x.example',
      file: '/no/such/file',
      fetch: failing,
      port: 0,
      report,
    });
    expect((await fetch(`${recorder.address}/v1.0/users`)).status).toBe(502);
    await recorder.close();
    const full = await startRecorder({
      upstream: cloud.document.graph,
      file: join(folder, 'no/such'),
      fetch,
      port: 0,
      report,
    });
    expect((await fetch(`${full.address}/v1.0/users`)).status).toBe(401);
    await full.close();
    expect(lines).toEqual(['Not saved: the service cannot be reached.', expect.stringMatching(/^Not saved: ENOENT/)]);
  });
});

describe('record and compare', () => {
  const launch = ['--conditions=workspace-source', join(import.meta.dirname, '../../src/main.ts')];
  const run = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [...launch, ...args]).then(
      ({ stdout }) => ({ code: 0, stdout, stderr: '' }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    );

  it('prints the differences, and ends with 1 if one has no reason', async () => {
    const file = join(folder, 'wrong.jsonl');
    writeFileSync(file, documentation.split('\n')[0]?.replace('"status": 200', '"status": 418') ?? '');
    const { code, stdout } = await run('compare', file);
    expect(code).toBe(1);
    expect(stdout).toBe(
      'GET /v1.0/users (List users)\n  status 418, simulated 200\n1 pairs, 1 unexplained differences.\n',
    );
  });

  it.each([
    [['compare', 'missing.jsonl'], /The recording missing\.jsonl cannot be used: ENOENT/],
    [['compare', join(folder, 'broken.jsonl')], /Line 2 is no pair: it is not JSON/],
    [['compare'], /missing required argument/],
    [['record'], /required option '--output/],
    [['record', '--output', join(folder, 'broken.jsonl')], /cannot be created: EEXIST/],
    [['record', '--output', 'x', '--port', '70000'], /from 0 to 65535/],
  ])('refuses %j with exit code 2', async (args, message) => {
    writeFileSync(join(folder, 'broken.jsonl'), `${documentation.split('\n')[0]}\n{`);
    const { code, stderr } = await run(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
