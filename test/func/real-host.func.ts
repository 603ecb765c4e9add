import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request as send } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runDemoJobs } from '../../src/cli/demo/run-demo.ts';
import type { Demo } from '../../src/cli/demo/start-demo.ts';
import { startDemo } from '../../src/cli/demo/start-demo.ts';
import { nextAddress } from '../../src/lib/core/outbound.ts';
import { projectRoot, ptbScript } from '../paths.ts';
import { skippedBecause } from '../support/skipped.ts';
import { packedApp } from '../support/packed-app.ts';
import { quiet } from '../support/watched-demo.ts';
import { findCoreTools } from './core-tools.ts';
import { type FuncHost, startFunc } from './func-host.ts';

// The package that would be published, on Azure Functions Core Tools, with the simulated cloud and Azurite.

const tools = await findCoreTools(projectRoot, process.env['PATH'] ?? '');
const isMissing = typeof tools === 'string';

const recordPath = process.env['FUNC_RECORD'] ?? join(projectRoot, '.local/func-record.json');
const tenants = 25;

describe('the package on Azure Functions Core Tools', skippedBecause(isMissing ? tools : undefined), () => {
  let folder: string;
  let demo: Demo;
  let host: FuncHost;
  const tests: { name: string; result: string }[] = [];

  beforeAll(async () => {
    if (isMissing) return;
    folder = await mkdtemp(join(tmpdir(), 'ptb-func-'));
    const app = join(folder, 'app');
    await cp(join((await packedApp()).folder, 'app'), app, { recursive: true });
    const local = { IsEncrypted: false, Values: { FUNCTIONS_WORKER_RUNTIME: 'node' } };
    await writeFile(join(app, 'local.settings.json'), JSON.stringify(local));
    const startApp = async (environment: Readonly<Record<string, string>>): Promise<FuncHost> =>
      (host = await startFunc(tools, app, environment));
    demo = await startDemo({ tenants, ...quiet, startApp });
  });

  afterEach(({ task }) => {
    tests.push({ name: task.name, result: task.result?.state ?? 'unknown' });
  });

  afterAll(async () => {
    if (isMissing) return;
    await mkdir(dirname(recordPath), { recursive: true });
    await writeFile(recordPath, `${JSON.stringify(await record(), undefined, 2)}\n`);
    await demo?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function record(): Promise<object> {
    const { version } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
    const found = (pattern: RegExp): string =>
      host?.lines.map((line) => pattern.exec(line)?.[1]).find((text) => text !== undefined) ?? 'not printed';
    return {
      at: new Date().toISOString(),
      package: version,
      coreTools: isMissing ? tools : tools.version,
      host: found(/Function Runtime Version:\s*(\S+)/),
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      tests,
    };
  }

  const call = async (method: 'GET' | 'POST', path: string, body?: unknown) => {
    const response = await fetch(path.startsWith('http') ? path : `${demo.url}/api${path}`, {
      method,
      headers: { authorization: `Bearer ${await demo.callerToken()}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(120_000),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const healthy = (): string => demo.cloud.tenants.find(({ state }) => state === 'ok')?.tenantId ?? '';

  it('issues a token, and returns it again from the cache', async () => {
    const token = async () =>
      JSON.parse((await call('POST', '/tokens', { tenant: healthy(), resource: 'graph' })).text);
    const first = (await token()) as { accessToken: string };
    expect(first.accessToken).toMatch(/^eyJ/);
    expect(await token()).toMatchObject({ accessToken: first.accessToken });
  });

  it('runs the jobs of the demo over every tenant, and fails exactly in the broken ones', async () => {
    const silent = { update: () => undefined, note: () => undefined, done: () => undefined };
    const { runs } = await runDemoJobs(demo, silent, AbortSignal.timeout(500_000));
    const broken = demo.cloud.tenants.filter(({ state }) => state !== 'ok').map(({ tenantId }) => tenantId);
    expect(runs.map(({ status }) => status)).toEqual(['completed', 'completed']);
    for (const { failures } of runs)
      expect(failures.map(({ tenantId }) => tenantId).toSorted()).toEqual(broken.toSorted());
  });

  it('returns the same rows in pages of any size', async () => {
    const { text } = await call('GET', '/runs?job=licence-report&limit=1');
    const runId = (JSON.parse(text) as { runs: { runId: string }[] }).runs[0]?.runId ?? '';
    const rows = async (limit: number): Promise<string> => {
      let all = '';
      const path = `/runs/${encodeURIComponent(runId)}/results?format=jsonl&limit=${limit}`;
      let next: string | undefined = `${demo.url}/api${path}`;
      while (next !== undefined) {
        const page = await call('GET', next);
        expect(page.status).toBe(200);
        all += page.text;
        next = nextAddress(page.headers.get('link'), next);
      }
      return all;
    };
    const whole = await rows(50_000);
    expect(whole.trimEnd().split('\n').length).toBeGreaterThan(tenants / 2);
    expect(await rows(7)).toBe(whole);
  });

  it.each([
    ['a header of 20 KB', 'GET', '/health', { 'x-long': 'A'.repeat(20_000) }, ''],
    ['a header of 40 KB', 'GET', '/health', { 'x-long': 'A'.repeat(40_000) }, ''],
    ['a token of 20 KB', 'POST', '/tokens', { authorization: `Bearer ${'A'.repeat(20_000)}` }, '{}'],
    ['a body of 100 KB', 'POST', '/tokens', {}, `{"tenant":"${'A'.repeat(100_000)}"}`],
    ['a body in chunks', 'POST', '/tokens', { 'transfer-encoding': 'chunked' }, '{"tenant":"x"}'],
  ])('answers a request with %s', async (_what, method, path, headers, body) => {
    const authorization = `Bearer ${await demo.callerToken()}`;
    const status = await new Promise<number>((resolve, reject) => {
      const outgoing = send(`${demo.url}/api${path}`, {
        method,
        headers: { authorization, 'content-type': 'application/json', ...headers },
        timeout: 60_000,
      });
      outgoing.once('response', (reply) => resolve(reply.resume().statusCode ?? 0));
      outgoing.once('timeout', () => outgoing.destroy(new Error('There was no answer within 60 seconds.')));
      // A server may refuse long headers by closing the connection.
      outgoing.once('error', (error: NodeJS.ErrnoException) =>
        error.code === 'ECONNRESET' ? resolve(431) : reject(error),
      );
      outgoing.end(body);
    });
    expect(status).toBeLessThan(500);
  });

  it('passes ptb verify', async () => {
    const env = { ...process.env, ...demo.environment, PTB_TOKEN: await demo.callerToken() };
    const args = ['verify', '--url', demo.url, '--tenant', healthy(), '--json'];
    const { stdout } = await promisify(execFile)(process.execPath, [ptbScript, ...args], { env, timeout: 500_000 });
    expect(JSON.parse(stdout)).toMatchObject({ failed: 0 });
  });
});
