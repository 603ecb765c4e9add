import type { Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AzureClient } from '../../../../../src/cli/verify/azure/azure-client.ts';
import { azureTarget } from '../../../../../src/cli/verify/azure/azure-target.ts';
import { expectedFunctions } from '../../../../../src/cli/verify/azure/functions.ts';
import { skipAzure, verifyAzure } from '../../../../../src/cli/verify/azure/verify-azure.ts';
import type { Finding } from '../../../../../src/cli/verify/finding.ts';
import { createProbe, type Probe } from '../../../../../src/cli/verify/probe.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { settled } from '../../../../support/settled.ts';
import { serveApp } from '../secure-app.ts';
import {
  type AzureScript,
  type FakeAzure,
  principalId,
  serveAzure,
  subscriptionId,
  workspaceId,
} from './fake-azure.ts';

// Azure is scripted here, in the shapes of Microsoft's REST reference. Nothing in this file has seen Azure itself.

const environment = {
  AZURE_SUBSCRIPTION_ID: subscriptionId,
  AZURE_RESOURCE_GROUP: 'rg-prod',
  AZURE_FUNCTION_NAME: 'func-ptb',
  ADMIN_ISOLATION: 'false',
};
const correlationId = '44444444-4444-4444-8444-444444444444';
const functionOf = (name: string, isDisabled = false) => ({ name: `func-ptb/${name}`, properties: { isDisabled } });
const stack = (...versions: readonly string[]) => ({
  value: [
    {
      name: 'node',
      properties: {
        majorVersions: versions.map((version) => ({
          minorVersions: [
            {
              stackSettings: {
                linuxRuntimeSettings: {
                  Sku: [{ skuCode: 'FC1', functionAppConfigProperties: { runtime: { name: 'node', version } } }],
                },
              },
            },
          ],
        })),
      },
    },
  ],
});
const properties = {
  state: 'Running',
  functionsRuntimeAdminIsolationEnabled: false,
  functionAppConfig: { runtime: { name: 'node', version: '24' } },
};
const site = {
  location: 'West Europe',
  properties,
  identity: { userAssignedIdentities: { '/subscriptions/id': { principalId, clientId: correlationId } } },
};
const lines = {
  during: {
    Message: `{"event":"request.failed","level":"warn","correlationId":"${correlationId}"}`,
    SeverityLevel: 2,
  },
  after: {
    Message: '{"event":"credential.care_checked","level":"info","overdue":0}',
    Category: 'Host.Function.Console',
  },
};

let script: AzureScript;
let azure: FakeAzure;
let probe: Probe;
let clock: FakeClock;
let said: string[];
const servers: Server[] = [];
beforeEach(async () => {
  script = {
    site,
    functions: [...expectedFunctions, 'schedule-licence-report'].map((name) => functionOf(name)),
    policies: ['ftp', 'scm'].map((name) => ({ name, properties: { allow: false } })),
    stacks: stack('22', '24'),
    workspaces: [{ name: 'log', properties: { customerId: workspaceId } }],
    rows: (query) =>
      query.startsWith('AppRequests')
        ? [{ Last: '2026-11-24T10:00:00Z', Count: 4 }]
        : query.startsWith('AZKVAuditLogs')
          ? [{ Count: 17 }]
          : [query.includes(correlationId) ? lines.during : lines.after],
    refused: new Map(),
  };
  azure = await serveAzure(script);
  const app = await serveApp();
  servers.push(azure.server, app.server);
  probe = createProbe(fetch, app.url);
  await probe.ask('GET', '/api/health');
  clock = new FakeClock();
  said = [];
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function check(
  more: Readonly<Record<string, string>> = {},
  token: (resource: string) => Promise<string> = async (resource) => `token for ${resource}`,
): Promise<readonly Finding[]> {
  const target = azureTarget({ ...environment, ...more });
  if (typeof target === 'string') throw new Error(target);
  const pending = verifyAzure({
    azure: new AzureClient({
      fetch: (address, init) => fetch(address, init),
      token,
      armUrl: azure.url,
      logsUrl: azure.url,
    }),
    target,
    probe,
    scheduledJobs: ['licence-report'],
    clock,
    newId: () => correlationId,
    say: (line) => said.push(line),
  });
  return settled(pending, clock, 15_000);
}

const results = (findings: readonly Finding[]): Record<string, string> =>
  Object.fromEntries(findings.map((finding) => [finding.check, finding.result]));
const all = (result: Finding['result']): Record<string, string> =>
  Object.fromEntries(
    [
      'runtime',
      'functions',
      'admin-isolation',
      'basic-credentials',
      'timers',
      'log-during',
      'log-after',
      'key-vault-audit',
    ].map((name) => [name, result]),
  );

/** Bad deployments, the check that must find each, and a word of its evidence or remedy. */
const bad: readonly [name: string, check: string, word: string, change: () => void][] = [
  [
    'the app is stopped',
    'runtime',
    'Stopped',
    () => (script.site = { ...site, properties: { ...properties, state: 'Stopped' } }),
  ],
  ['the region lacks the version of Node.js', 'runtime', 'offers 22', () => (script.stacks = stack('22'))],
  [
    'the app runs on something else',
    'runtime',
    'the app runs on python 24',
    () =>
      (script.site = {
        ...site,
        properties: { ...properties, functionAppConfig: { runtime: { name: 'python', version: '24' } } },
      }),
  ],
  ['no function is listed', 'functions', 'missing: tokens', () => (script.functions = [])],
  ['a schedule is missing', 'functions', 'schedule-licence-report', () => script.functions.pop()],
  [
    'a function is disabled',
    'functions',
    'disabled: tokens',
    () => (script.functions = [functionOf('tokens', true), ...script.functions.slice(1)]),
  ],
  [
    'admin isolation differs from the configuration',
    'admin-isolation',
    'azd provision',
    () => (script.site = { ...site, properties: { ...properties, functionsRuntimeAdminIsolationEnabled: true } }),
  ],
  [
    'basic credentials are allowed',
    'basic-credentials',
    'not refused for scm',
    () =>
      (script.policies = [
        { name: 'ftp', properties: { allow: false } },
        { name: 'scm', properties: { allow: true } },
      ]),
  ],
  ['a policy is not listed', 'basic-credentials', 'ftp', () => script.policies.shift()],
  ['the timers are dead', 'timers', 'az functionapp restart', () => withoutRows('AppRequests')],
  ['the line of a request is missing', 'log-during', 'AppTraces', () => withoutRows(correlationId)],
  [
    'the line of a request has the wrong level',
    'log-during',
    'severity 1',
    () => replaceRows(correlationId, { ...lines.during, SeverityLevel: 1 }),
  ],
  ['lines after the invocation are dropped', 'log-after', 'Host.Function.Console', () => withoutRows('care_checked')],
  [
    'lines after the invocation lack their level',
    'log-after',
    'level undefined',
    () => replaceRows('care_checked', { ...lines.after, Message: '{"event":"credential.care_checked"}' }),
  ],
  [
    'the audit log of the vault is missing',
    'key-vault-audit',
    'diagnostic setting',
    () => withoutRows('AZKVAuditLogs'),
  ],
];

const replaceRows = (word: string, ...rows: readonly Record<string, unknown>[]): void => {
  const { rows: before } = script;
  script.rows = (query) => (query.includes(word) ? rows : before(query));
};
const withoutRows = (word: string): void => replaceRows(word);

describe('the Azure checks of ptb verify', () => {
  it('pass for a good deployment, with reads only', async () => {
    const findings = await check();
    expect(results(findings)).toEqual(all('passed'));
    expect(findings.map(({ evidence }) => evidence).join('; ')).toMatch(
      /node 24, which westeurope offers.*watch-runs fired 4 times/,
    );
    expect(azure.requests.filter((line) => !line.startsWith('GET ') && !line.startsWith('POST /v1/'))).toEqual([]);
    expect(said).toEqual([]);
  });

  it('use the workspace of the environment', async () => {
    script.workspaces = [];
    expect(results(await check({ LOG_ANALYTICS_WORKSPACE_ID: workspaceId }))).toEqual(all('passed'));
    expect(results(await check())).toMatchObject({ runtime: 'passed', timers: 'skipped', 'log-after': 'skipped' });
  });

  it.each(bad)('find that %s (%s)', async (_name, name, word, change) => {
    change();
    const findings = await check();
    const found = findings.find((finding) => finding.check === name);
    expect(found).toMatchObject({ result: 'failed', fix: expect.stringMatching(/\w/) });
    expect(`${found?.evidence} ${found?.fix}`).toContain(word);
    expect(findings.filter(({ result }) => result === 'failed')).toHaveLength(1);
  });

  it('wait for late logs and for tables that do not exist yet', async () => {
    const { rows } = script;
    let asked = 0;
    script.rows = (query) => (asked++ < 8 ? undefined : asked < 12 ? [] : rows(query));
    expect(results(await check())).toEqual(all('passed'));
    expect(said).toEqual(['Waiting up to 6 minutes for the logs.']);
  });

  it('repeat only the queries without a result, for six minutes', async () => {
    withoutRows('care_checked');
    const startedAtMs = clock.nowMs();
    expect(results(await check())).toMatchObject({ timers: 'passed', 'log-after': 'failed' });
    expect(clock.nowMs() - startedAtMs).toBe(360_000);
    expect(azure.queries.filter((query) => query.includes('care_checked'))).toHaveLength(25);
    expect(azure.queries.filter((query) => query.startsWith('AppRequests'))).toHaveLength(1);
  });

  it.each([
    ['no sign-in', 'az login', () => check({}, () => Promise.reject(new Error('nobody')))],
    ['no right to read', 'role Reader', () => (script.refused.set('/func-ptb', 403), check())],
    ['a wrong name', 'AZURE_FUNCTION_NAME', () => check({ AZURE_FUNCTION_NAME: 'other' })],
    ['an unavailable Azure', 'answers 503', () => (script.refused.set('/func-ptb', 503), check())],
  ])('are skipped with the reason: %s', async (_why, reason, run) => {
    const findings = await run();
    expect(results(findings)).toEqual(all('skipped'));
    for (const { evidence } of findings) expect(evidence).toContain(reason);
    expect(findings.find((finding) => finding.check === 'admin-isolation')?.evidence).toContain('/admin answers 404');
  });

  it.each([
    ['the list of functions', '/functions', 'functions'],
    ['the list of runtimes', '/functionAppStacks', 'runtime'],
    ['the logs', '/query', 'timers'],
  ])('skip what %s would show, and do the rest', async (_what, path, name) => {
    script.refused.set(path, 403);
    const findings = await check();
    expect(results(findings)).toMatchObject({ [name]: 'skipped', 'basic-credentials': 'passed' });
    expect(findings.some(({ result }) => result === 'failed')).toBe(false);
  });

  it('skip admin isolation if Azure does not name the property, and the vault without an identity', async () => {
    script.site = {
      location: 'westeurope',
      properties: { ...properties, functionsRuntimeAdminIsolationEnabled: null },
    };
    expect(results(await check())).toMatchObject({ 'admin-isolation': 'skipped', 'key-vault-audit': 'skipped' });
  });

  it('name the runtime and the offered versions', async () => {
    const runtimeOf = async () => {
      const finding = (await check()).find((each) => each.check === 'runtime');
      return [finding?.result, finding?.evidence];
    };
    script.stacks = stack('20', '22');
    expect(await runtimeOf()).toEqual(['failed', 'node 24, but westeurope offers 20, 22']);
    script.stacks = { value: [] };
    expect(await runtimeOf()).toEqual(['skipped', 'node 24; the list of westeurope names no version']);
  });

  it('skip the audit log of the vault if the app has no identity, and not the others', async () => {
    script.site = { ...site, identity: {} };
    const findings = await check();
    expect(results(findings)).toEqual({ ...all('passed'), 'key-vault-audit': 'skipped' });
    expect(azure.queries.filter((query) => query.startsWith('AZKVAuditLogs'))).toEqual([]);
  });

  it('make the request that the logs must show', async () => {
    const asked: (readonly [string | undefined, string, string | null])[] = [];
    probe = createProbe(async (url, init) => {
      const { pathname } = new URL(url);
      asked.push([init.method, pathname, new Headers(init.headers).get('x-correlation-id')]);
      return Response.json({}, { status: 401 });
    }, 'https://broker.example');
    await probe.ask('GET', '/api/health');
    await check();
    expect(asked).toContainEqual(['POST', '/api/tokens', correlationId]);
  });

  it('do not follow a link to another host with the token', async () => {
    script.stacks = { ...stack('24'), nextLink: 'https://elsewhere.example/next' };
    expect(results(await check())).toMatchObject({ runtime: 'passed' });
  });

  it('ask nothing about logs when the app does not answer', async () => {
    probe = createProbe(() => Promise.reject(new TypeError('fetch failed')), 'https://broker.example');
    expect(results(await check())).toMatchObject({ runtime: 'passed', functions: 'passed', timers: 'skipped' });
    expect(azure.queries).toEqual([]);
    expect(probe.answers).toEqual([]);
  });

  it('say what an anonymous request sees when there is no access to Azure', async () => {
    const findings = await skipAzure({ probe }, 'needs more');
    expect(results(findings)).toEqual(all('skipped'));
    expect(findings.find(({ check: name }) => name === 'admin-isolation')?.evidence).toBe(
      'needs more; /admin answers 404 without a key',
    );
  });
});

describe('azureTarget', () => {
  it('names exactly the missing variables', () => {
    expect(azureTarget({ AZURE_RESOURCE_GROUP: 'rg', AZURE_FUNCTION_NAME: '' })).toBe(
      'needs AZURE_SUBSCRIPTION_ID, AZURE_FUNCTION_NAME in the environment (`azd env get-values`)',
    );
    expect(azureTarget({ ...environment, AZURE_SUBSCRIPTION_ID: 'mine' })).toBe(
      'needs a GUID in AZURE_SUBSCRIPTION_ID',
    );
  });

  it.each([
    ['usgovernment', 'https://management.usgovcloudapi.net'],
    ['china', 'https://management.chinacloudapi.cn'],
    ['', 'https://management.azure.com'],
  ])('finds Azure Resource Manager of the cloud "%s"', (name, arm) => {
    expect(azureTarget({ ...environment, MICROSOFT_CLOUD: name })).toMatchObject({
      cloud: { endpoints: { arm } },
      adminIsolation: false,
      workspaceId: undefined,
    });
  });
});
