import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import project from '../../../package.json' with { type: 'json' };
import { apiRoutes } from '../../../src/cli/verify/routes.ts';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { appFolder as builtApp, projectRoot, ptbScript } from '../../paths.ts';
import { packedApp } from '../../support/packed-app.ts';
import { startWatchedDemo } from '../../support/watched-demo.ts';
import { type HostProcess, startHost } from 'functions-host/testing';

interface Outcome {
  readonly code: number;
  readonly document: Record<string, unknown>;
  readonly stderr: string;
}

/** Runs `ptb` and parses the JSON document on its standard output. */
async function ptb(args: readonly string[], environment: Record<string, string> = {}): Promise<Outcome> {
  const env = { ...process.env, ...environment };
  const { code, stdout, stderr } = await promisify(execFile)(process.execPath, [ptbScript, ...args], { env }).then(
    (done) => ({ ...done, code: 0 }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
  return { code, document: JSON.parse(stdout) as Record<string, unknown>, stderr };
}

/** Without it, the host does not start. */
const storage = { AzureWebJobsStorage: 'UseDevelopmentStorage=true' };

const names = (host: HostProcess): string[] => host.functions.map(({ name }) => name).toSorted();

describe('the packaged app in a folder outside the project', () => {
  let folder: string;
  let alone: string;
  const hosts: HostProcess[] = [];

  const start = async (app: string, args: readonly string[], environment: Record<string, string> = {}) => {
    const host = await startHost(app, args, environment);
    hosts.push(host);
    return host;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deployed-'));
    // Outside the project, so that Node.js finds no node_modules in a parent folder.
    alone = join(folder, 'alone');
    await cp(join((await packedApp()).folder, 'app'), alone, { recursive: true });
    await rm(join(alone, 'access-policy.json'));
  });
  afterAll(async () => {
    await Promise.all(hosts.map((host) => host.end()));
    await rm(folder, { recursive: true, force: true });
  });

  describe('without settings other than the storage connection of the host', () => {
    let host: HostProcess;
    beforeAll(async () => {
      host = await start(alone, ['--keys'], storage);
    });

    it('registers the same functions as the build in the project', async () => {
      const project = await start(builtApp, ['--keys'], storage);
      expect(names(host)).toEqual(names(project));
      expect(host.functions.filter(({ trigger }) => trigger === 'orchestrationTrigger')).not.toEqual([]);
    });

    it('has only timers that docs/operations.md describes, besides those of schedules', async () => {
      const operations = await readFile(join(projectRoot, 'docs/operations.md'), 'utf8');
      const timers = host.functions.filter(({ trigger }) => trigger === 'timerTrigger').map(({ name }) => name);
      const maintenance = timers.filter((name) => !name.startsWith('schedule-'));
      expect(maintenance.length).toBeGreaterThan(0);
      expect(maintenance.filter((name) => !operations.includes(`| \`${name}\` |`))).toEqual([]);
    });

    it('has exactly the routes that ptb verify checks', () => {
      const registered = host.functions.flatMap(({ route, methods = [] }) =>
        route === undefined ? [] : methods.map((method) => `${method} ${route.replaceAll(/\{[^}]*\}/g, 'verify')}`),
      );
      expect(registered.toSorted()).toEqual(apiRoutes.map(({ method, path }) => `${method} ${path}`).toSorted());
    });

    it('names the missing settings and the advice in health, and answers 503 on the routes for callers', async () => {
      const health = await fetch(`${host.url}/api/health`);
      expect(health.status).toBe(503);
      expect(await health.json()).toMatchObject({
        status: 'down',
        code: 'config_invalid',
        detail: expect.stringMatching(/PARTNER_TENANT_ID.*KEY_VAULT_URL.*BROKER_AUDIENCES/),
        advice: expect.stringContaining('ptb doctor'),
      });
      const forCallers = apiRoutes.filter(({ access }) => access === 'caller');
      expect(forCallers.length).toBeGreaterThan(5);
      for (const { method, path } of forCallers) {
        const answer = await fetch(`${host.url}${path}`, { method });
        expect({ path, status: answer.status, code: ((await answer.json()) as { code: string }).code }).toEqual({
          path,
          status: 503,
          code: 'config_invalid',
        });
      }
    });

    it('fails ptb verify', async () => {
      const { code, document } = await ptb(['verify', '--url', host.url, '--json']);
      expect(code).toBe(1);
      expect(document['checks']).toContainEqual(
        expect.objectContaining({
          check: 'health',
          result: 'failed',
          evidence: expect.stringContaining('KEY_VAULT_URL'),
        }),
      );
    });
  });

  describe('with the simulated cloud', () => {
    let demo: Demo;
    let token: string;
    let tenant: string;

    beforeAll(async () => {
      demo = await startWatchedDemo({ tenants: 5, appFolder: alone });
      token = await demo.callerToken();
      const tenants = await fetch(`${demo.url}/api/tenants`, { headers: { authorization: `Bearer ${token}` } });
      const { tenants: listed } = (await tenants.json()) as { tenants: { tenantId: string }[] };
      tenant = listed[0]?.tenantId ?? '';
    });
    afterAll(() => demo.stop());

    it('completes a run over all tenants', async () => {
      const { code, document } = await ptb(['demo', '--app', alone, '--once', '--json', '--tenants', '3']);
      expect(code).toBe(0);
      expect(document['runs']).toEqual([
        expect.objectContaining({ job: 'access-check', status: 'completed' }),
        expect.objectContaining({ job: 'licence-report', status: 'completed' }),
      ]);
    });

    it('passes ptb verify', async () => {
      const archive = join((await packedApp()).folder, 'app.zip');
      const { code, document, stderr } = await ptb(
        ['verify', '--url', demo.url, '--tenant', tenant, '--release', archive, '--json'],
        { PTB_TOKEN: token },
      );
      const checks = document['checks'] as { check: string; source: string; result: string; evidence: string }[];
      expect(checks.filter(({ result }) => result === 'failed')).toEqual([]);
      expect({ code, stderr, document }).toMatchObject({ code: 0, document: { passed: 11, failed: 0, skipped: 10 } });
      expect(checks.find(({ check }) => check === 'run')?.evidence).toMatch(/^access-check@manual-.* completed in/);
      const release = checks.find(({ check }) => check === 'release')?.evidence;
      expect(release?.split(', ')).toEqual([
        project.version,
        expect.stringMatching(/^digest /) as string,
        'as the archive',
      ]);
      const azure = checks.filter(({ source }) => source !== 'broker');
      expect(azure).toHaveLength(8);
      for (const { evidence } of azure) expect(evidence).toContain('needs AZURE_SUBSCRIPTION_ID');
    });
  });
});
