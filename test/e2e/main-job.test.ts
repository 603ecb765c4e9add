import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runDemoJobs, type DemoSummary } from '../../src/cli/demo/run-demo.ts';
import { type Demo, startDemo } from '../../src/cli/demo/start-demo.ts';
import { type Canary, LeakScan } from '../support/leak-scan.ts';
import { secretsInTheVault } from '../support/vault-secrets.ts';
import { quiet } from '../support/watched-demo.ts';

// The main job end to end: the built app with the real SDKs and Azurite, over sockets.

const tenants = 25;
let folder: string;
let demo: Demo;
let summary: DemoSummary;
const hostLines: string[] = [];
const replies: { where: string; content: string }[] = [];
const canaries: Canary[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptb-e2e-'));
  demo = await startDemo({
    tenants,
    ...quiet,
    onHostLine: (line) => hostLines.push(line),
    azuriteFolder: folder,
  });
  canaries.push(...(await secretsInTheVault(demo)));
  const silent = { update: () => undefined, note: () => undefined, done: () => undefined };
  summary = await runDemoJobs(demo, silent, new AbortController().signal);
});

afterAll(async () => {
  await demo?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function requestToken(
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
  const response = await fetch(`${demo.url}/api/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await demo.callerToken()}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  const parsed = JSON.parse(text) as Record<string, unknown>;
  if (typeof parsed['accessToken'] === 'string')
    canaries.push({ name: `access token ${canaries.length}`, value: parsed['accessToken'] });
  else replies.push({ where: `reply ${response.status} to ${JSON.stringify(body).slice(0, 60)}`, content: text });
  return { status: response.status, headers: response.headers, body: parsed };
}

const healthy = (): { tenantId: string; domain: string } => {
  const found = demo.cloud.tenants.find(({ state }) => state === 'ok');
  if (found === undefined) throw new Error('no healthy tenant');
  return found;
};
const broken = (state: string): string => demo.cloud.tenants.find((tenant) => tenant.state === state)?.tenantId ?? '';

describe('runs of the demo', () => {
  test('visit every delegated tenant and fail in exactly the broken ones', () => {
    const brokenTenants = demo.cloud.tenants.filter(({ state }) => state !== 'ok').map(({ tenantId }) => tenantId);
    expect(brokenTenants.length).toBeGreaterThan(3);
    expect(summary.runs.length).toBeGreaterThan(1);
    for (const run of summary.runs) {
      expect(run.status).toBe('completed');
      expect(run.tenants).toMatchObject({
        total: tenants,
        failed: brokenTenants.length,
        succeeded: tenants - brokenTenants.length,
      });
      expect(run.failures.map(({ tenantId }) => tenantId).toSorted()).toEqual(brokenTenants.toSorted());
      for (const failure of run.failures) expect(failure.advice).not.toBe('');
    }
    expect(summary.runs.map(({ job }) => job)).toEqual(['access-check', 'licence-report']);
  });

  test('send one request per tenant and resource to Entra, plus those of the set-up', () => {
    const resourcesChecked = 3;
    const setUp = 12;
    expect(summary.upstream.entraTokenRequests).toBeLessThanOrEqual(tenants * resourcesChecked + setUp);
    expect(summary.tokens.fromCache).toBeGreaterThanOrEqual(summary.runs[1]?.tenants.succeeded ?? 0);
  });
});

describe('POST /api/tokens', () => {
  test('returns a token for the requested tenant and resource', async () => {
    const { tenantId, domain } = healthy();
    const { status, headers, body } = await requestToken({ tenant: domain, resource: 'graph' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      tokenType: 'Bearer',
      tenantId,
      resource: 'graph',
      grant: 'delegated',
      tokenId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    });
    expect(decodeJwt(String(body['accessToken']))).toMatchObject({ tid: tenantId, aud: 'https://graph.microsoft.com' });
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(Date.parse(String(body['expiresAt'])) - Date.now()).toBeGreaterThan(300_000);
  });

  test('accepts every verified domain of a tenant', async () => {
    const tenant = demo.cloud.tenants.find(({ state, domain }) => state === 'ok' && domain.endsWith('.example'));
    const other = `${tenant?.domain.split('.')[0]}.onmicrosoft.com`;
    const { body } = await requestToken({ tenant: other, resource: 'graph' });
    expect(body['tenantId']).toBe(tenant?.tenantId);
  });

  test('returns the cached token to repeated requests without a request to Entra', async () => {
    const body = { tenant: healthy().tenantId, resource: 'arm' };
    const first = await requestToken(body);
    const before = await entraRequests();
    const again = await Promise.all(Array.from({ length: 50 }, () => requestToken(body)));
    expect(new Set(again.map(({ body }) => body['accessToken']))).toEqual(new Set([first.body['accessToken']]));
    expect(await entraRequests()).toBe(before);
  });

  test('refuses Azure AD Graph, which is retired and not among the permissions of the application', async () => {
    const { status, body } = await requestToken({ tenant: healthy().tenantId, resource: 'aad-graph' });
    expect([status, body['code']]).toEqual([502, 'entra_request_rejected']);
    expect(body['detail']).toContain('AADSTS650057');
  });

  test('returns an application token if the request asks for that grant', async () => {
    const { status, body } = await requestToken({
      tenant: healthy().tenantId,
      resource: 'graph',
      grant: 'application',
    });
    expect([status, body['code'] ?? 'issued']).toEqual([200, 'issued']);
    expect(decodeJwt(String(body['accessToken']))).toMatchObject({
      tid: healthy().tenantId,
      roles: expect.any(Array) as unknown[],
    });
  });

  test.each([
    ['a tenant without consent', () => ({ tenant: broken('no_consent'), resource: 'graph' }), 403, 'consent_required'],
    [
      'a tenant whose GDAP ended',
      () => ({ tenant: broken('gdap_expired'), resource: 'graph' }),
      403,
      'tenant_not_delegated',
    ],
    [
      'a tenant behind Conditional Access',
      () => ({ tenant: broken('conditional_access'), resource: 'graph' }),
      403,
      'blocked_by_policy',
    ],
    ['a deleted tenant', () => ({ tenant: broken('deleted'), resource: 'graph' }), 404, 'tenant_unknown'],
    [
      'an unknown tenant',
      () => ({ tenant: '99999999-0000-4000-8000-000000000000', resource: 'graph' }),
      403,
      'tenant_not_delegated',
    ],
    ['an unknown domain', () => ({ tenant: 'nobody.example', resource: 'graph' }), 404, 'tenant_unknown'],
    ['an unknown resource', () => ({ tenant: healthy().tenantId, resource: 'mailboxes' }), 400, 'resource_not_allowed'],
    [
      'a resource smuggled as a scope',
      () => ({ tenant: healthy().tenantId, resource: 'graph', scopes: ['https://evil.example/.default'] }),
      400,
      'request_invalid',
    ],
    ['malformed JSON', () => '{"tenant": ', 400, 'request_invalid'],
    ['no fields', () => ({}), 400, 'request_invalid'],
    ['a body over the limit', () => JSON.stringify({ tenant: 'x'.repeat(70_000) }), 413, 'request_too_large'],
  ])('refuses %s with a code and advice', async (_, body, status, code) => {
    const reply = await requestToken(body());
    expect(reply.body).toMatchObject({
      status,
      code,
      advice: expect.stringMatching(/\w/) as string,
      correlationId: reply.headers.get('x-correlation-id'),
    });
    expect([reply.status, reply.headers.get('content-type')]).toEqual([status, 'application/problem+json']);
    const logged = hostLines.find(
      (line) => line.includes(String(reply.headers.get('x-correlation-id'))) && line.includes('request.failed'),
    );
    expect(logged).toContain(code);
  });

  test.each([
    ['no token', {}],
    ['a forged token', { authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.' }],
    [
      'a spoofed platform header',
      {
        authorization: '',
        'x-ms-client-principal': Buffer.from('{"userRoles":["Tokens.Request"]}').toString('base64'),
      },
    ],
  ])('refuses a caller with %s', async (_, headers) => {
    const response = await fetch(`${demo.url}/api/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ tenant: healthy().tenantId, resource: 'graph' }),
    });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(await response.json()).toMatchObject({ code: 'caller_unauthenticated' });
  });
});

test('POST /api/jobs/{job}/runs refuses an unknown job with job_unknown', async () => {
  const response = await fetch(`${demo.url}/api/jobs/no-such-job/runs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await demo.callerToken()}` },
    body: '{}',
  });
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ code: 'job_unknown' });
});

test('the simulated cloud supports every request that the app sent', async () => {
  const ledger = (await (await fetch(`${demo.cloud.control}/ledger`)).json()) as {
    totals: { unmatched: number };
    requests: { unmatched?: boolean }[];
  };
  expect(ledger.requests.filter(({ unmatched }) => unmatched)).toEqual([]);
  expect(ledger.totals.unmatched).toBe(0);
});

test('tables, queues, blobs, logs and replies contain no token and no secret', async () => {
  await demo.stop();
  const scan = new LeakScan(canaries);
  await scan.scanFolder(folder);
  scan.scan({ where: 'log of the function app', content: hostLines.join('\n') });
  for (const reply of replies) scan.scan(reply);
  console.log(scan.summary('Azurite, logs and replies'));
  expect(canaries.length).toBeGreaterThan(5);
  expect(scan.bytes).toBeGreaterThan(100_000);
  expect(scan.leaks).toEqual([]);
});

async function entraRequests(): Promise<number> {
  const ledger = (await (await fetch(`${demo.cloud.control}/ledger`)).json()) as {
    totals: { entraTokenRequests: number };
  };
  return ledger.totals.entraTokenRequests;
}
