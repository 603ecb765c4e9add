import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { changeTenant } from 'microsoft-cloud/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  exampleApprovalId,
  exampleDomain,
  exampleOtherTenantId,
  examplePlanId,
  exampleRunId,
} from '../../../src/lib/api/examples.ts';
import { callerTokens } from '../../../src/cli/demo/caller-token.ts';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { projectRoot } from '../../paths.ts';
import { tokenOfPerson } from '../../support/person-token.ts';
import { runTimer, startQuietDemo, tenantOf } from '../../support/running-demo.ts';
import { findPowerShell, runScript } from '../powershell/powershell.ts';
import { skippedBecause } from '../../support/skipped.ts';

// Runs the code samples of docs/openapi.json. Only the made-up domain and ids are replaced by real ones.

interface Operation {
  readonly 'x-codeSamples'?: readonly { readonly lang: string; readonly source: string }[];
}

const { paths } = JSON.parse(await readFile(join(projectRoot, 'docs/openapi.json'), 'utf8')) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};
const samples = Object.entries(paths).flatMap(([path, operations]) =>
  Object.entries(operations).flatMap(([method, { 'x-codeSamples': ofOperation = [] }]) =>
    ofOperation.map(({ lang, source }) => ({ route: `${method.toUpperCase()} /api${path}`, lang, source })),
  ),
);
const powerShell = findPowerShell();

const run = promisify(execFile);
let demo: Demo;
let folder: string;
let runId: string;
let environment: NodeJS.ProcessEnv;
/** The plan that a sample is about, by its route and language. */
let planIds: ReadonlyMap<string, string>;
/** One for each language, because each decides on its own. */
let approvalIds: Readonly<Record<string, string>>;
/** People decide, not applications. */
let personToken: string;

const languages = ['Shell', 'TypeScript', 'PowerShell'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-examples-'));
  demo = await startQuietDemo(6);
  // Two runs, so that they can be compared.
  for (let round = 0; round < 2; round += 1) {
    runId = await demo.api.startRun('licence-report');
    while ((await demo.api.run(runId)).finishedAt === undefined)
      await new Promise((resolve) => setTimeout(resolve, 200));
  }
  environment = { ...process.env, BROKER_URL: demo.url, CALLER_TOKEN: await demo.callerToken() };
  personToken = await tokenOfPerson(demo, 'approver');
  await runTimer(demo, 'checkpoint-audit');
  approvalIds = await askForApprovals(languages);
  planIds = await preparePlans();
});

/** Adds a rule with an approval for one caller, who then asks once for each language. */
async function askForApprovals(languages: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const file = demo.environment['ACCESS_POLICY'] ?? '';
  const policy = JSON.parse(await readFile(file, 'utf8')) as {
    rules: { callers: { applications: string[] } }[];
    tenantGroups: object;
  };
  const tenantGroups = { ...policy.tenantGroups, pilot: [tenantOf(demo, 'ok').tenantId] };
  const asker = demo.cloud.brokerApplication.callers.find(({ name }) => name === 'Helpdesk');
  if (asker === undefined) throw new Error('the simulated cloud has no caller Helpdesk');
  for (const { callers } of policy.rules)
    callers.applications = callers.applications.filter((id) => id !== asker.clientId);
  const approved = {
    name: 'tokens of the helpdesk need an approval',
    callers: { applications: [asker.clientId] },
    tenants: ['*'],
    resources: ['graph'],
    approval: { count: 1 },
  };
  await writeFile(file, JSON.stringify({ ...policy, tenantGroups, rules: [...policy.rules, approved] }));
  const token = await callerTokens(demo.cloud, globalThis.fetch, asker)();
  const ids: Record<string, string> = {};
  for (const [index, language] of languages.entries()) {
    const body = { tenant: tenantOf(demo, 'ok').tenantId, resource: 'graph', scopes: [`Scope.${index}`] };
    ids[language] = await asked(token, body);
  }
  return ids;
}

/** The app reads the policy again within half a minute. @returns the id of the approval. */
async function asked(token: string, body: object): Promise<string> {
  for (;;) {
    const response = await fetch(`${demo.url}/api/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const { approvalId } = (await response.json()) as { approvalId?: string };
    if (approvalId !== undefined) return approvalId;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** One plan that is applied, and for each language those that can be applied, go on and be ended. */
async function preparePlans(): Promise<ReadonlyMap<string, string>> {
  const token = await demo.callerToken();
  const call = async (path: string, body?: object): Promise<Readonly<Record<string, unknown>>> => {
    const response = await fetch(`${demo.url}/api/${path}`, {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as Readonly<Record<string, unknown>>;
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const working = demo.cloud.tenants.filter(({ state }) => state === 'ok').map(({ tenantId }) => tenantId);
  for (const tenantId of working)
    await changeTenant(demo.cloud.control, tenantId, { moreRoles: ['Privileged Role Administrator'] });
  const show = (planId: string) => call(`plans/${encodeURIComponent(planId)}`);
  const until = async (
    planId: string,
    isReady: (plan: Readonly<Record<string, unknown>>) => boolean,
  ): Promise<void> => {
    while (!isReady(await show(planId))) await new Promise((resolve) => setTimeout(resolve, 300));
  };
  const plan = async (): Promise<string> => {
    const planId = String((await call('jobs/block-user-consent/plans', { tenants: working }))['runId']);
    await until(planId, ({ status }) => status === 'completed');
    return planId;
  };
  /** @param isReady of the apply. */
  const apply = async (
    planId: string,
    waves: string[],
    isReady: (apply: { waits?: boolean; status?: string }) => boolean,
  ) => {
    await call(`plans/${encodeURIComponent(planId)}/apply`, { waves, pauseMinutes: 0 });
    await until(planId, (shown) => isReady(shown['apply'] ?? {}));
    return planId;
  };
  const [applied, ...others] = await Promise.all(Array.from({ length: 1 + 3 * languages.length }, plan));
  await apply(applied ?? '', ['100%'], ({ status }) => status === 'completed');
  const found = new Map<string, string>();
  for (const [at, language] of languages.entries()) {
    const [open = '', waiting = '', ending = ''] = others.slice(3 * at);
    found.set(`POST /api/plans/{planId}/apply ${language}`, open);
    for (const [route, planId] of [
      ['go-on', waiting],
      ['end', ending],
    ] as const)
      found.set(
        `POST /api/plans/{planId}/${route} ${language}`,
        await apply(planId, ['1%', '100%'], ({ waits }) => waits === true),
      );
    for (const route of ['GET /api/plans/{planId}', 'POST /api/plans/{planId}/undo'])
      found.set(`${route} ${language}`, applied ?? '');
  }
  return found;
}

afterAll(async () => {
  await demo?.stop();
  await rm(folder, { recursive: true, force: true });
});

const isForPeople = (route: string): boolean => route.includes('/approvals');

const real = (source: string, language: string, route: string): string =>
  source
    .replaceAll(encodeURIComponent(examplePlanId), encodeURIComponent(planIds.get(`${route} ${language}`) ?? ''))
    .replaceAll(exampleApprovalId, approvalIds[language] ?? '')
    .replaceAll(exampleDomain, tenantOf(demo, 'ok').domain)
    .replaceAll(exampleOtherTenantId, tenantOf(demo, 'ok').tenantId)
    .replaceAll(encodeURIComponent(exampleRunId), encodeURIComponent(runId));

const samplesIn = (language: string) => samples.filter(({ lang }) => lang === language);

/** The environment of a sample, with the token of whoever may call the route. */
const environmentOf = (route: string): NodeJS.ProcessEnv =>
  isForPeople(route) ? { ...environment, CALLER_TOKEN: personToken } : environment;

/** A text in the output of each sample, in every language. */
const outputs: Readonly<Record<string, RegExp>> = {
  'POST /api/tokens': /accessToken/,
  'GET /api/approvals': /tokens of the helpdesk need an approval/,
  'GET /api/approvals/{approvalId}': /possibleDecisions/,
  'POST /api/approvals/{approvalId}/decision': /approved/,
  'GET /api/gateway/{tenant}/{resource}/{path}': /displayName/,
  'POST /api/queries': /query@manual-/,
  'GET /api/tenants': /reachable/,
  'GET /api/tenants/{tenant}': /history/,
  'GET /api/tenants/{tenant}/events': /events/,
  'GET /api/tenants/{tenant}/history': /split/,
  'PUT /api/tenants/{tenant}/tags': /threshold=30/,
  'GET /api/events': /events/,
  'POST /api/jobs/{job}/plans': /block-user-consent@manual-/,
  'GET /api/plans': /block-user-consent@manual-/,
  'GET /api/plans/{planId}': /irreversible/,
  'POST /api/plans/{planId}/apply': /block-user-consent@apply-/,
  'POST /api/plans/{planId}/go-on': /block-user-consent@apply-/,
  'POST /api/plans/{planId}/end': /block-user-consent@apply-/,
  'POST /api/plans/{planId}/undo': /block-user-consent@/,
  'GET /api/jobs': /licence-report/,
  'POST /api/jobs/{job}/runs': /access-check@manual-/,
  'GET /api/jobs/{job}/history': /licence-report@manual-/,
  'GET /api/runs': /licence-report@manual-/,
  'GET /api/runs/{runId}': /completed/,
  'GET /api/runs/{runId}/tenants': /tenants/,
  'GET /api/runs/{runId}/tenants/{tenantId}': /droppedLines/,
  'GET /api/runs/{runId}/results': /tenantId,tenantName/,
  'GET /api/runs/{runId}/changes': /comparedWith/,
  'POST /api/runs/{runId}/rerun': /licence-report@manual-/,
  'POST /api/runs/{runId}/cancel': /cancelRequested/,
  'POST /api/mcp': /jsonrpc/,
  'GET /api/audit': /entries/,
  'GET /api/audit/records': /records/,
  'GET /api/audit/checkpoints': /checkpoints/,
  'GET /api/audit/extract': /tenant-extract/,
  'GET /api/audit/heads': /heads/,
  'POST /api/policy/replays': /refusedByBoth/,
  'GET /api/health': /applications/,
  'GET /api/metrics': /ptb_health_level/,
};

it('there is one sample per route and language', () => {
  const routes = Object.keys(outputs).toSorted();
  for (const language of ['Shell', 'PowerShell', 'TypeScript'])
    expect(
      samplesIn(language)
        .map(({ route }) => route)
        .toSorted(),
    ).toEqual(routes);
});

describe('curl', () => {
  it.each(samplesIn('Shell'))('$route', async ({ route, source }) => {
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', real(source, 'Shell', route)], {
      env: environmentOf(route),
    });
    expect(stdout).toMatch(outputs[route] ?? /^$/);
  });
});

describe('TypeScript', () => {
  it.each(samplesIn('TypeScript'))('$route', async ({ route, source }) => {
    const file = join(folder, 'example.mts');
    await writeFile(file, real(source, 'TypeScript', route));
    const { stdout } = await run(process.execPath, [file], { env: environmentOf(route) });
    expect(stdout).toMatch(outputs[route] ?? /^$/);
  });
});

describe('PowerShell', skippedBecause(typeof powerShell === 'string' ? powerShell : undefined), () => {
  /** The output of each sample. One process runs them all, because its start takes most of the time. */
  let printed: readonly string[];
  beforeAll(async () => {
    if (typeof powerShell === 'string') return;
    const file = join(folder, 'examples.ps1');
    const separator = randomUUID();
    // The console shows only a part of an object, so the test compares its JSON.
    const sections = samplesIn('PowerShell').map(
      ({ route, source }) =>
        `'${separator}'\n$env:CALLER_TOKEN = $env:${isForPeople(route) ? 'PERSON_TOKEN' : 'PROGRAM_TOKEN'}\ntry { $(& {\n${real(source, 'PowerShell', route)}\n}) | ConvertTo-Json -Depth 9 } catch { "The sample failed: $_" }\n`,
    );
    await writeFile(file, `$ErrorActionPreference = 'Stop'\n${sections.join('')}`);
    const { BROKER_URL = '', CALLER_TOKEN = '' } = environment;
    const { code, output } = await runScript(powerShell, file, [], {
      BROKER_URL,
      PROGRAM_TOKEN: CALLER_TOKEN,
      PERSON_TOKEN: personToken,
    });
    if (code !== 0) throw new Error(`PowerShell ended with ${code}: ${output}`);
    [, ...printed] = output.split(separator);
  });

  it.each(samplesIn('PowerShell').map((sample, at) => ({ ...sample, at })))('$route', ({ route, at }) => {
    expect(printed[at]).not.toContain('The sample failed');
    expect(printed[at]).toMatch(outputs[route] ?? /^$/);
  });
});
