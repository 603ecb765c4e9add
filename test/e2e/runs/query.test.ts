import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addFault } from 'microsoft-cloud/client';
import { callerTokens } from '../../../src/cli/demo/caller-token.ts';
import type { AuditAnswer } from '../../../src/lib/api/answers/audit.ts';
import type { ResultRow, RunAnswer, RunTenantsAnswer } from '../../../src/lib/api/answers/runs.ts';
import { nextAddress } from '../../../src/lib/core/outbound.ts';
import { startRunStack, type RunStack } from './run-stack.ts';

// One stack for all. The portal may read users of four customers, the console everything everywhere.

const tenants = 30;
let stack: RunStack;
let covered: readonly string[];
/** A query of the portal that takes a minute. Its rule is withdrawn while it runs. */
let withdrawn: string;

beforeAll(async () => {
  stack = await startRunStack(tenants, { retryDelaySeconds: 1 });
  const { cloud, environment, url } = stack.demo;
  covered = cloud.tenants
    .filter(({ state }) => state === 'ok')
    .slice(0, 4)
    .map(({ tenantId }) => tenantId);
  const path = environment['ACCESS_POLICY'] ?? '';
  const policy = JSON.parse(await readFile(path, 'utf8')) as { rules: { callers: { applications: string[] } }[] };
  const rest = policy.rules.filter(({ callers }) => !callers.applications.includes(callerOf('Portal').clientId));
  const rule = {
    name: 'the portal reads users of four customers',
    callers: { applications: [callerOf('Portal').clientId] },
    tenants: covered,
    resources: ['graph'],
    scopes: ['User.Read.All'],
    via: ['gateway'],
  };
  await writeFile(path, JSON.stringify({ ...policy, rules: [...rest, rule] }));
  // The policy in force is read again after 30 seconds.
  for (const tenantId of covered.slice(2))
    await addFault(cloud.control, { service: 'graph', tenantId, delayMs: 5_000 });
  const slow = { path: '/users?$top=1', allPages: true, tenants: covered.slice(2) };
  withdrawn = (await ask(url, 'Portal', slow)).runId;
  await writeFile(path, JSON.stringify({ ...policy, rules: rest }));
});
afterAll(() => stack?.stop());

type CallerName = 'Portal' | 'Operations console' | 'Helpdesk' | 'Reporting';

function callerOf(name: CallerName) {
  const caller = stack.demo.cloud.brokerApplication.callers.find((known) => known.name === name);
  if (caller === undefined) throw new Error(`the simulated cloud has no caller ${name}`);
  return caller;
}

async function call(url: string, name: CallerName, path: string, body?: object) {
  const token = await callerTokens(stack.demo.cloud, globalThis.fetch, callerOf(name))();
  const address = path.startsWith('http') ? path : `${url}/api${path}`;
  const response = await fetch(address, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

async function ask(
  url: string,
  name: CallerName,
  body: object,
): Promise<{ status: number; runId: string; text: string }> {
  const { status, text } = await call(url, name, '/queries', body);
  return { status, text, runId: (JSON.parse(text) as { runId?: string }).runId ?? '' };
}

const runPath = (runId: string): string => `/runs/${encodeURIComponent(runId)}`;

/** Follows the rows of a run until it has ended. `urlOf` may name another host each time. */
async function rowsOf(name: CallerName, runId: string, urlOf = () => stack.demo.url): Promise<readonly ResultRow[]> {
  const rows: ResultRow[] = [];
  let query = '?order=arrival&format=jsonl&limit=50';
  for (;;) {
    const address = `${urlOf()}/api${runPath(runId)}/results${query}`;
    const page = await call(urlOf(), name, address).catch(() => undefined);
    if (page !== undefined) {
      if (page.status !== 200) throw new Error(`${page.status} ${page.text}`);
      const lines = page.text.split('\n').filter((line) => line !== '');
      rows.push(...lines.map((line) => JSON.parse(line) as ResultRow));
      const next = nextAddress(page.headers.get('link'), address);
      if (next === undefined) return rows;
      query = new URL(next).search;
      if (lines.length > 0) continue;
    }
    await sleep(100);
  }
}

const ended = async (name: CallerName, runId: string): Promise<RunAnswer> => {
  await rowsOf(name, runId);
  return JSON.parse((await call(stack.demo.url, name, runPath(runId))).text) as RunAnswer;
};

const tenantsOf = async (name: CallerName, runId: string): Promise<RunTenantsAnswer['tenants']> =>
  (JSON.parse((await call(stack.demo.url, name, `${runPath(runId)}/tenants`)).text) as RunTenantsAnswer).tenants;

const recordsOf = async (runId: string): Promise<AuditAnswer['entries']> => {
  const { text } = await call(stack.demo.url, 'Operations console', '/audit?kind=request&limit=1000');
  return (JSON.parse(text) as AuditAnswer).entries.filter(({ run }) => run === runId);
};

const identify = ({ tenantId, id }: ResultRow): string => `${tenantId} ${String(id)}`;

test('a caller asks where its rule covers customers, and only what the rule opens', async () => {
  const { url } = stack.demo;
  const { status, runId } = await ask(url, 'Portal', { path: '/users', select: ['id', 'assignedLicenses'] });
  expect(status).toBe(202);
  const rows = await rowsOf('Portal', runId);
  expect(new Set(rows.map(({ tenantId }) => tenantId))).toEqual(new Set(covered));
  expect(rows[0]).toMatchObject({ tenantName: expect.any(String), assignedLicenses: expect.any(Array) });
  expect(await ended('Portal', runId)).toMatchObject({ job: 'query', outcome: 'succeeded', tenants: { total: 4 } });
  expect((await call(url, 'Reporting', runPath(runId))).status).toBe(200);
  const others = await call(url, 'Reporting', `${runPath(runId)}/results`);
  expect([others.status, others.text]).toEqual([
    403,
    expect.stringContaining('Only whoever asked a query reads its rows.'),
  ]);
  expect((await call(url, 'Helpdesk', runPath(runId))).status).toBe(403);
  const records = await recordsOf(runId);
  const { clientId } = callerOf('Portal');
  expect(records.filter(({ outcome }) => outcome === 'sent')).toHaveLength(4);
  expect(records.every(({ caller, rule }) => caller.applicationId === clientId && rule?.startsWith('the portal'))).toBe(
    true,
  );

  const refusals = [
    [{ path: '/groups' }, /Group\.Read\.All|does not|needs/],
    [{ path: '/users', tenants: [stack.demo.cloud.tenants.at(-1)?.tenantId] }, /may act only on tenants/],
  ] as const;
  for (const [body, reason] of refusals) {
    const refused = await ask(url, 'Portal', body);
    expect([refused.status, refused.runId]).toEqual([403, '']);
    expect(refused.text).toMatch(reason);
  }
});

test('rows arrive while the run is under way, each once, and a tenant that cannot be asked says why', async () => {
  const { url, cloud } = stack.demo;
  const body = { path: '/users?$top=7&$select=id,displayName', allPages: true, except: covered.slice(2) };
  const { runId } = await ask(url, 'Operations console', body);
  const rows = await rowsOf('Operations console', runId);
  const all = await stack.call(url, 'GET', `${runPath(runId)}/results?format=jsonl&limit=50000`);
  const planned = all.text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => identify(JSON.parse(line) as ResultRow));
  expect(rows.map(identify).toSorted()).toEqual(planned.toSorted());
  expect(new Set(planned).size).toBe(planned.length);
  const asked = await tenantsOf('Operations console', runId);
  const well = asked.filter(({ outcome }) => outcome === 'succeeded').length;
  expect(well).toBe(cloud.tenants.filter(({ state }) => state === 'ok').length - 2);
  expect(asked.every(({ outcome, code }) => outcome === 'succeeded' || code !== undefined)).toBe(true);
  const csv = await stack.call(url, 'GET', `${runPath(runId)}/results?format=csv&limit=1`);
  expect(csv.text.split('\r\n')[0]).toBe('tenantId,tenantName,tenantDomain,id,displayName');
  // Another caller without a role for runs does not see it.
  expect((await call(url, 'Portal', runPath(runId))).status).toBe(404);
});

test('a killed host loses no row and repeats none', async () => {
  let host = await stack.startHost();
  const body = { path: '/users?$top=3', select: ['id'], allPages: true, except: covered.slice(2) };
  const { runId } = await ask(host.ready.url, 'Operations console', body);
  const reading = rowsOf('Operations console', runId, () => host.ready.url);
  for (const pause of [150, 400]) {
    await sleep(pause);
    await host.kill();
    host = await stack.startHost();
  }
  const rows = await reading;
  expect(await ended('Operations console', runId)).toMatchObject({ status: 'completed' });
  expect(new Set(rows.map(identify)).size).toBe(rows.length);
  const stored = (await tenantsOf('Operations console', runId)).reduce((sum, tenant) => sum + tenant.rows, 0);
  expect(rows.length).toBe(stored);
}, 120_000);

test('a rule that is withdrawn while a query runs opens nothing more', async () => {
  expect(await ended('Portal', withdrawn)).toMatchObject({ outcome: 'failed_everywhere', tenants: { failed: 2 } });
  const asked = await tenantsOf('Operations console', withdrawn);
  expect(asked.map(({ code, rows }) => [code, rows])).toEqual([
    ['caller_forbidden', 0],
    ['caller_forbidden', 0],
  ]);
  const records = (await recordsOf(withdrawn)).toReversed();
  expect(records.filter(({ outcome }) => outcome === 'sent').length).toBeGreaterThan(0);
  for (const tenantId of covered.slice(2)) {
    const outcomes = records.filter((entry) => entry.tenantId === tenantId).map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'denied')).toHaveLength(1);
    expect(outcomes.lastIndexOf('sent')).toBeLessThan(outcomes.indexOf('denied'));
  }
}, 120_000);
