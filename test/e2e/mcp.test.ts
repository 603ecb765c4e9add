import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  type Client,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type StoredOAuthTokens,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { addFault, clearFaults, readLedger, resetLedger, signIn } from 'microsoft-cloud/client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { callerTokens } from '../../src/cli/demo/caller-token.ts';
import { plainEnvironment, projectRoot, ptbScript } from '../paths.ts';
import { examplesIn } from '../support/doc-examples.ts';
import { promptInjections } from '../support/prompt-injections.ts';
import { plainText } from '../../src/lib/api/mcp/tool.ts';
import { tokenOfPerson } from '../support/person-token.ts';
import { skippedBecause } from '../support/skipped.ts';
import { findInspector } from '../../tools/get-inspector.ts';
import { startWatchedDemo, type WatchedDemo } from '../support/watched-demo.ts';
import { McpAgent, type Mode } from '../support/mcp-agent.ts';

/*
 * The official client of the Model Context Protocol against the running app, over HTTP and through `ptb mcp`. The operator
 * may read users and change them, the portal only licences, and only in one tenant. `stop` of the demo scans the answers, the
 * log and the records for tokens; what `ptb mcp` writes is scanned with them.
 */

let demo: WatchedDemo;
let operator: string;
let portal: string;
let reporting: string;
let own: string;
let hidden: string;
let folder: string;

beforeAll(async () => {
  demo = await startWatchedDemo({ tenants: 6, onUnmatched: (requests) => (unknown = requests) });
  folder = await mkdtemp(join(tmpdir(), 'ptb-mcp-'));
  const named = (name: string) => {
    const caller = demo.cloud.brokerApplication.callers.find((known) => known.name === name);
    if (caller === undefined) throw new Error(`the simulated cloud has no caller ${name}`);
    return caller;
  };
  const [first, second] = demo.cloud.tenants.filter(({ state }) => state === 'ok');
  [own = '', hidden = ''] = [first?.tenantId, second?.tenantId];
  const of = (name: string, rule: object) => ({
    name,
    callers: { applications: [named(name).clientId] },
    resources: ['graph'],
    via: ['gateway'],
    ...rule,
  });
  const rules = [
    of('Operations console', { tenants: ['*'], scopes: ['User.ReadWrite.All', 'Group.Read.All'] }),
    {
      ...of('Operations console', { tenants: [own], scopes: ['AuditLog.Read.All'], approval: {} }),
      name: 'sign-ins need an approval',
    },
    of('Portal', { tenants: [own], scopes: ['LicenseAssignment.Read.All'] }),
    { name: 'reports of one tenant', callers: { applications: [named('Reporting').clientId] }, reads: [own] },
  ];
  await writeFile(demo.environment['ACCESS_POLICY'] ?? '', JSON.stringify({ version: 1, rules }));
  operator = await callerTokens(demo.cloud, globalThis.fetch, named('Operations console'))();
  portal = await callerTokens(demo.cloud, globalThis.fetch, named('Portal'))();
  reporting = await callerTokens(demo.cloud, globalThis.fetch, named('Reporting'))();
});
const agent = new McpAgent();
afterEach(async () => {
  await agent.close();
  await clearFaults(demo.cloud.control);
});
/** Requests that the simulated cloud does not know. */
let unknown: readonly string[] = [];
afterAll(async () => {
  await demo?.stop();
  // Where the client looks for the metadata of Entra, in the order of the specification.
  const others = unknown.filter((request) => !request.includes('GET /.well-known/'));
  if (others.length > 0) throw new Error(`The simulated cloud does not know ${others.join()}.`);
  await rm(folder, { recursive: true, force: true });
});

const overHttp = (token: string, mode?: Mode) => agent.overHttp(demo, token, mode);
const overStdio = (token: string, mode?: Mode) => agent.overStdio(demo, token, mode);
const call = (client: Client, name: string, given?: object) => agent.call(demo, client, name, given);

/** Requests that reached resources of customers since the last `resetLedger`. */
async function arrived(): Promise<readonly string[]> {
  const { requests } = await readLedger(demo.cloud.control);
  return requests
    .filter(
      ({ service, tenantId }) => ['graph', 'exchange'].includes(service) && tenantId !== demo.cloud.partnerTenantId,
    )
    .map(({ method, path }) => `${method} ${path}`);
}

const transports = { HTTP: overHttp, stdio: overStdio };
const kinds = Object.keys(transports).flatMap((kind) =>
  (['legacy', 'auto'] as const).map((mode) => [kind as keyof typeof transports, mode] as const),
);

describe.each(kinds)('the official client over %s, %s', (kind, mode) => {
  it('connects, lists the tools and reads a tenant', async () => {
    const client = await transports[kind](operator, mode);
    expect(client.getServerVersion()?.name).toBe('partner-token-broker');
    expect(client.getNegotiatedProtocolVersion()).toBe(mode === 'auto' ? '2026-07-28' : '2025-11-25');
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['list_tenants', 'graph_get', 'start_job', 'read_rows']),
    );
    const { data } = await call(client, 'list_tenants', { search: own });
    expect(data).toMatchObject({ total: 1, tenants: [{ tenantId: own }] });
    const users = await call(client, 'graph_get', { tenant: own, path: '/v1.0/users?$select=id,displayName&$top=2' });
    const { body, nextPath } = users.data as { body: { value: unknown[] }; nextPath: string };
    expect(body.value).toHaveLength(2);
    const more = await call(client, 'graph_get', { tenant: own, path: nextPath });
    expect(more.data['body']).not.toEqual(body);
    await expect(client.callTool({ name: 'graph_delete', arguments: {} })).rejects.toThrow('no tool of this name');
  });
});

/** Starts a run, and follows it to its end. @returns its id. */
async function finishedRun(client: Client, window: string): Promise<string> {
  const started = await call(client, 'start_job', { job: 'licence-report', window });
  const runId = `licence-report@${window}`;
  expect(started.data['runId']).toBe(runId);
  for (;;) {
    const { data } = await call(client, 'read_run', { runId });
    if (data['finishedAt'] !== undefined) return runId;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describe('a run', () => {
  it('is started, followed and read to its last row', async () => {
    const client = await overHttp(operator);
    const runId = await finishedRun(client, 'agent-1');
    const again = await call(client, 'start_job', { job: 'licence-report', window: 'agent-1' });
    expect([again.isError, again.data['code']]).toEqual([true, 'run_conflict']);
    const rows: unknown[] = [];
    for (let continuation: unknown; ; ) {
      const { data } = await call(client, 'read_rows', { runId, limit: 3, ...(continuation ? { continuation } : {}) });
      rows.push(...(data['rows'] as unknown[]));
      continuation = data['continuation'];
      if (continuation === undefined) break;
    }
    const direct = await fetch(`${demo.url}/api/runs/${encodeURIComponent(runId)}/results?limit=1000`, {
      headers: { authorization: `Bearer ${operator}` },
    });
    expect(rows).toEqual(((await direct.json()) as { rows: unknown[] }).rows);
    expect(rows.length).toBeGreaterThan(5);
  });
});

describe('a plan', () => {
  it('is made and shown, and changes nothing', async () => {
    const client = await overHttp(operator);
    await resetLedger(demo.cloud.control);
    const made = await call(client, 'plan_change', { job: 'block-user-consent', tenants: [own] });
    const { planId } = made.data;
    let shown = await call(client, 'show_plan', { planId });
    for (; shown.data['expiresAt'] === undefined; shown = await call(client, 'show_plan', { planId }))
      await new Promise((resolve) => setTimeout(resolve, 200));
    const groups = [{ action: 'update', target: '/policies/authorizationPolicy', undo: 'yes', tenants: 1 }];
    expect(shown.data).toMatchObject({ status: 'completed', failedTenants: 0, changedTenants: 1, changes: 1, groups });
    const requests = await arrived();
    expect(requests.filter((request) => request.includes('authorizationPolicy'))).not.toEqual([]);
    expect(requests.filter((request) => !request.startsWith('GET '))).toEqual([]);
  });

  it('can be applied, gone on with, ended and undone by no tool', async () => {
    const { tools } = await (await overHttp(operator)).listTools();
    expect(tools.map(({ name }) => name).filter((name) => /appl|go_on|end|undo/.test(name))).toEqual([]);
  });
});

describe('a query', () => {
  it('asks the tenants of the rules of its caller, and goes on to the last row', async () => {
    const client = await overHttp(operator);
    const first = await call(client, 'query_tenants', { path: '/v1.0/users', select: ['id', 'displayName'], limit: 5 });
    expect(first.isError).toBe(false);
    const rows = [...(first.data['rows'] as { tenantId: string; id: string }[])];
    const { runId } = first.data;
    for (let { continuation } = first.data; continuation !== undefined; ) {
      const { data } = await call(client, 'read_rows', { runId, limit: 50, continuation });
      rows.push(...(data['rows'] as typeof rows));
      continuation = data['continuation'];
    }
    expect(new Set(rows.map(({ tenantId, id }) => `${tenantId} ${id}`)).size).toBe(rows.length);
    const healthy = demo.cloud.tenants.filter(({ state }) => state === 'ok').map(({ tenantId }) => tenantId);
    expect([...new Set(rows.map(({ tenantId }) => tenantId))].toSorted()).toEqual(healthy.toSorted());
    const { data } = await call(client, 'read_run', { runId });
    expect(data).toMatchObject({ job: 'query', query: expect.stringContaining('/v1.0/users') });
    const other = await overHttp(portal);
    expect((await call(other, 'read_rows', { runId })).data['code']).toBe('run_not_found');
  });

  it('of a caller with another rule has the rows of its tenant only', async () => {
    const client = await overHttp(portal);
    const licences = await call(client, 'query_tenants', { path: '/v1.0/subscribedSkus', select: ['skuPartNumber'] });
    const rows = licences.data['rows'] as { tenantId: string }[];
    expect([...new Set(rows.map(({ tenantId }) => tenantId))]).toEqual([own]);
    const users = await call(client, 'query_tenants', { path: '/v1.0/users' });
    expect(users.data['code']).toBe('caller_forbidden');
    const elsewhere = await call(client, 'query_tenants', { path: '/v1.0/subscribedSkus', tenants: [hidden] });
    expect(elsewhere.data['code']).toBe('caller_forbidden');
  });
});

describe('two callers', () => {
  it('see what their own rules and roles open, and nothing of other tenants', async () => {
    const [one, other] = [await overHttp(operator), await overHttp(portal)];
    const licences = { tenant: own, path: '/v1.0/subscribedSkus' };
    const users = { tenant: own, path: '/v1.0/users?$top=1&$select=id' };
    expect((await call(one, 'graph_get', users)).isError).toBe(false);
    expect((await call(one, 'graph_get', licences)).data['code']).toBe('caller_forbidden');
    expect((await call(other, 'graph_get', licences)).isError).toBe(false);
    expect((await call(other, 'graph_get', users)).data['code']).toBe('caller_forbidden');
  });

  it('get the same answer for a tenant that they may not see as for one that is none', async () => {
    const client = await overHttp(portal);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual([
      'graph_get',
      'query_tenants',
      'list_runs',
      'read_run',
      'read_rows',
    ]);
    const answers = await Promise.all(
      [hidden, '6f9c1f0e-3b8a-4d59-9a51-5c2f3f1a7b10'].map(async (tenant) => {
        const { isError, data } = await call(client, 'graph_get', { tenant, path: '/v1.0/subscribedSkus' });
        return [isError, data['code'], String(data['detail']).replace(tenant, 'it')];
      }),
    );
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]?.slice(0, 2)).toEqual([true, 'caller_forbidden']);
  });

  it('with reads of one tenant sees no other in lists, runs and rows', async () => {
    const runId = await finishedRun(await overHttp(operator), 'agent-2');
    const client = await overHttp(reporting);
    const { data } = await call(client, 'list_tenants');
    expect(data).toMatchObject({ total: 1, tenants: [{ tenantId: own }] });
    const rows = await call(client, 'read_rows', { runId, limit: 500 });
    expect(new Set((rows.data['rows'] as { tenantId: string }[]).map(({ tenantId }) => tenantId))).toEqual(
      new Set([own]),
    );
    const run = await call(client, 'read_run', { runId });
    for (const { text } of [rows, run, await call(client, 'list_runs')]) expect(text).not.toContain(hidden);
    expect((await call(client, 'list_tenants', { tenants: [hidden] })).text).not.toMatch(/"name"/);
  });

  it('are on record with what the client calls itself, and so are refusals for a missing role', async () => {
    const client = await overHttp(portal);
    const { data } = await call(client, 'start_job', { job: 'licence-report' });
    expect(data['code']).toBe('caller_forbidden');
    const response = await fetch(`${demo.url}/api/audit?limit=100`, {
      headers: { authorization: `Bearer ${operator}` },
    });
    const { entries } = (await response.json()) as { entries: Record<string, unknown>[] };
    const called = entries.find(({ kind, tool }) => kind === 'tool' && tool === 'start_job');
    expect(called).toMatchObject({ outcome: 'called', client: 'test-auto 1.0' });
    const refused = entries.find((entry) => entry['correlationId'] === called?.['correlationId'] && entry !== called);
    expect(refused).toMatchObject({ outcome: 'denied', code: 'caller_forbidden', route: 'POST /jobs/{job}/runs' });
  });
});

describe('prompt injections in customer data', () => {
  const orders = Object.entries(promptInjections);
  let sent: Set<string>;
  beforeEach(async () => {
    sent = new Set();
    await resetLedger(demo.cloud.control);
  });

  /** Follows every order in a text that it reads, also in hidden characters: marks and notice do not stop it. */
  async function obey(client: Client, names: readonly string[], text: string): Promise<boolean> {
    const readable = [text, fromTags(text), fromSelectors(text), fromBase64(text)].join('\n');
    for (const [, name = '', given = ''] of readable.matchAll(/CALL (\w+) (\{(?:[^{}]|\{[^{}]*\})*\})/g)) {
      const filled = given.replaceAll("'", '"').replaceAll('TENANT', own).replaceAll('HIDDEN', hidden);
      if (sent.has(`${name} ${filled}`)) continue;
      sent.add(`${name} ${filled}`);
      const ordered = JSON.parse(filled) as Record<string, unknown>;
      const { tenant, path, job } = ordered;
      const known = { ...(tenant ? { tenant } : {}), ...(path ? { path } : {}), ...(job ? { job } : {}) };
      // As it was ordered, and so that as many tools as possible accept it.
      for (const tool of new Set([name, ...names]))
        for (const arguments_ of [ordered, known])
          await client.callTool({ name: tool, arguments: arguments_ }).catch(() => undefined);
    }
    return readable.includes('CALL ');
  }

  it('reach an agent only between marks, and one that obeys them all changes nothing', async () => {
    const client = await overHttp(operator);
    const lists = { users: orders.slice(0, 30), groups: orders.slice(30) };
    for (const [list, texts] of Object.entries(lists))
      await addFault(demo.cloud.control, {
        service: 'graph',
        tenantId: own,
        path: `^/v1.0/${list}$`,
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ value: texts.map(([name, text]) => ({ id: name, displayName: text })) }),
      });
    const read: string[] = [];
    for (const list of Object.keys(lists)) {
      const { isError, data } = await call(client, 'graph_get', {
        tenant: own,
        path: `/v1.0/${list}?$select=id,displayName`,
      });
      expect(isError).toBe(false);
      read.push(...(data['body'] as { value: { displayName: string }[] }).value.map(({ displayName }) => displayName));
    }
    expect(read).toEqual(orders.map(([, text]) => plainText(text)));
    await clearFaults(demo.cloud.control);
    await resetLedger(demo.cloud.control);
    const names = (await client.listTools()).tools.map(({ name }) => name);
    let obeyed = 0;
    for (const text of read) obeyed += (await obey(client, names, text)) ? 1 : 0;
    // The others have no order that the scripted agent understands.
    expect(obeyed).toBeGreaterThan(40);
    expect(sent.size).toBeGreaterThan(10);
    const requests = await arrived();
    expect(requests.length).toBeGreaterThan(0);
    expect(requests.filter((request) => !request.startsWith('GET '))).toEqual([]);
    expect(JSON.stringify(requests)).not.toMatch(/approvals|revokeSignInSessions/);
  });

  it('are marked in names of tenants too', async () => {
    const client = await overHttp(operator);
    const { text, data } = await call(client, 'list_tenants', { search: own });
    const [{ name = '' } = {}] = data['tenants'] as { name?: string }[];
    expect(text.split(/^--- begin .*$/m)[0]).not.toContain(name);
  });
});

const shown = (from: number): RegExp => new RegExp(`\\\\u\\{(${from.toString(16).slice(0, 3)}[0-9a-f]{2})\\}`, 'g');
const fromTags = (text: string): string =>
  text.replaceAll(shown(0xe0000), (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16) - 0xe0000));
const fromSelectors = (text: string): string =>
  text.replaceAll(shown(0xe0100), (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16) - 0xe0100 + 16));
const fromBase64 = (text: string): string =>
  text.replaceAll(/[\w+/]{40,}={0,2}/g, (code) => Buffer.from(code, 'base64').toString('utf8'));

describe('a rule with an approval', () => {
  it('serves an agent only what a person has approved', async () => {
    const client = await overHttp(operator);
    await resetLedger(demo.cloud.control);
    const given = { tenant: own, path: '/v1.0/auditLogs/signIns?$top=1', reason: 'Ticket 4711: who signed in?' };
    const first = await call(client, 'graph_get', given);
    expect(first).toMatchObject({ isError: false, data: { status: 202, body: null } });
    expect(first.text).toMatch(/^Nothing was sent: a person must approve/);
    const { approvalId } = first.data['approval'] as { approvalId: string };
    expect((await call(client, 'graph_get', given)).data['approval']).toMatchObject({ approvalId });
    expect(await arrived()).toEqual([]);
    const decided = await fetch(`${demo.url}/api/approvals/${approvalId}/decision`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await tokenOfPerson(demo, 'approver')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ decision: 'approve', reason: 'The ticket is genuine.' }),
    });
    expect(decided.status).toBe(200);
    expect((await call(client, 'graph_get', given)).data).toMatchObject({ status: 200 });
    expect(await arrived()).toEqual(['GET /v1.0/auditLogs/signIns']);
  });
});

const inspector = findInspector();
describe('the Inspector', skippedBecause(typeof inspector === 'string' ? inspector : undefined), () => {
  const inspect = async (...args: string[]): Promise<unknown> => {
    const { script } = inspector as { script: string };
    const env = { ...plainEnvironment(), HOME: folder };
    const { stdout } = await promisify(execFile)(process.execPath, [script, '--cli', ...args], { env });
    return JSON.parse(stdout);
  };
  const names = { tools: expect.arrayContaining([expect.objectContaining({ name: 'graph_get' })]) };

  it('lists and calls tools over HTTP', async () => {
    const server = [`${demo.url}/api/mcp`, '--transport', 'http', '--header', `Authorization: Bearer ${operator}`];
    expect(await inspect(...server, '--method', 'tools/list')).toMatchObject(names);
    const call = ['--method', 'tools/call', '--tool-name', 'list_tenants', '--tool-arg', `search=${own}`];
    expect(await inspect(...server, ...call)).toMatchObject({ structuredContent: { data: { total: 1 } } });
  });

  it('lists tools of ptb mcp', async () => {
    const environment = ['-e', `BROKER_URL=${demo.url}`, '-e', `PTB_TOKEN=${operator}`];
    expect(await inspect(...environment, process.execPath, ptbScript, 'mcp', '--method', 'tools/list')).toMatchObject(
      names,
    );
  });
});

describe('docs/agents.md', () => {
  it('configures clients with a command that works', async () => {
    const blocks = (await examplesIn('agents.md', 'json')).map((text) => JSON.parse(text) as Configured);
    const [toml = ''] = await examplesIn('agents.md', 'toml');
    const [, args = '[]'] = /^args = (.*)$/m.exec(toml) ?? [];
    const configured = [
      ...blocks.flatMap(({ servers, mcpServers }) => Object.values(servers ?? mcpServers ?? {})),
      { command: /^command = "(.*)"$/m.exec(toml)?.[1], args: JSON.parse(args) as string[] },
    ].filter(({ command }) => command !== undefined);
    expect(configured).toHaveLength(2);
    for (const { command, args: words = [] } of configured) {
      expect(command).toBe('node');
      const placed = words.map((word) => word.replace('/path/to/partner-token-broker', projectRoot));
      const client = agent.client('auto');
      const env = { ...plainEnvironment(), BROKER_URL: demo.url, PTB_TOKEN: operator };
      await client.connect(new StdioClientTransport({ command: process.execPath, args: placed, env, stderr: 'pipe' }));
      expect((await client.listTools()).tools.length).toBeGreaterThan(5);
    }
  });
});

interface Server {
  readonly command?: string;
  readonly args?: string[];
}
interface Configured {
  readonly servers?: Record<string, Server>;
  readonly mcpServers?: Record<string, Server>;
}

describe('bad input', () => {
  const post = (init: RequestInit, token = operator) =>
    fetch(`${demo.url}/api/mcp`, {
      method: 'POST',
      ...init,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...init.headers },
    });
  const ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });

  it.each<[string, RequestInit, number]>([
    ['a web page', { body: ping, headers: { origin: 'https://evil.example' } }, 403],
    ['a web page without an origin', { body: ping, headers: { origin: 'null' } }, 403],
    ['a large body', { body: 'x'.repeat(100_000) }, 413],
    ['a batch', { body: `[${ping},${ping}]` }, 400],
    ['no JSON', { body: '{' }, 400],
    ['another media type', { body: ping, headers: { 'content-type': 'text/plain' } }, 415],
    ['another revision', { body: ping, headers: { 'mcp-protocol-version': '2023-01-01' } }, 400],
    ['GET', { method: 'GET' }, 405],
    ['DELETE', { method: 'DELETE' }, 405],
  ])('%s', async (_case, init, status) => {
    expect((await post(init)).status).toBe(status);
  });

  it('a token that is none', async () => {
    const response = await post({ body: ping }, 'e30.e30.e30');
    expect(response.status).toBe(401);
    await expect(overStdio('e30.e30.e30', 'legacy')).rejects.toThrow(/not signed|bearer token|ptb login/i);
  });
});

describe('a client without a token', () => {
  /** Signs in as the client does that knows nothing but the address, and the id that an operator gave it. */
  function person(): OAuthClientProvider & { readonly where: () => string } {
    const kept: { where: string; verifier: string; tokens?: StoredOAuthTokens; found?: OAuthDiscoveryState } = {
      where: '',
      verifier: '',
    };
    const redirectUrl = 'http://localhost:33418';
    return {
      redirectUrl,
      clientMetadata: { redirect_uris: [redirectUrl], token_endpoint_auth_method: 'none' },
      clientInformation: () => ({ client_id: demo.cloud.brokerApplication.signInClientId }),
      tokens: () => kept.tokens,
      saveTokens: (tokens) => void (kept.tokens = tokens),
      redirectToAuthorization: ({ href }) => void (kept.where = href),
      saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
      codeVerifier: () => kept.verifier,
      saveDiscoveryState: (state) => void (kept.found = state),
      discoveryState: () => kept.found,
      // Entra refuses the address of the server as `resource`, unless it is an identifier URI of the application.
      validateResourceURL: async () => undefined,
      where: () => kept.where,
    };
  }

  it('finds Entra and the scope, and signs a person in', async () => {
    const authProvider = person();
    const url = new URL(`${demo.url}/api/mcp`);
    const transport = new StreamableHTTPClientTransport(url, { authProvider });
    await expect(agent.client('auto').connect(transport)).rejects.toThrow(/unauthorized/i);
    const where = new URL(authProvider.where());
    expect(where.origin + where.pathname).toBe(
      `${demo.cloud.entra}/${demo.cloud.partnerTenantId}/oauth2/v2.0/authorize`,
    );
    const scope = `api://${demo.cloud.brokerApplication.clientId}/access_as_user`;
    expect(where.searchParams.get('scope')).toContain(scope);
    const operatorAccount = demo.cloud.accounts.find(({ username }) => username.startsWith('operator@'));
    const back = new URL(await signIn(demo.cloud.control, where.href, operatorAccount?.username ?? ''));
    await transport.finishAuth(back.searchParams);
    const client = agent.client('auto');
    await client.connect(new StreamableHTTPClientTransport(url, { authProvider }));
    expect((await client.listTools()).tools.length).toBeGreaterThan(5);
  });
});
