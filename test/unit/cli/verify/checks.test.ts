import type { Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type Finding, verify, type VerifyOptions } from '../../../../src/cli/verify/checks.ts';
import { createProbe } from '../../../../src/cli/verify/probe.ts';
import { callerToken, type Override, knownTenant, serveApp } from './secure-app.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const caller: VerifyOptions = {
  token: callerToken,
  tenant: knownTenant,
  resource: 'graph',
  foreignTenant: '99999999-9999-4999-8999-999999999999',
};
const anonymous: VerifyOptions = { ...caller, token: undefined, tenant: undefined };

async function findingsOf(options: VerifyOptions, ...overrides: readonly Override[]): Promise<readonly Finding[]> {
  const { url, server } = await serveApp(...overrides);
  servers.push(server);
  return verify(createProbe(fetch, url), options);
}

const results = (findings: readonly Finding[]): Record<string, string> =>
  Object.fromEntries(findings.map(({ check, result }) => [check, result]));

const at = (path: string, status = 200, body: unknown = {}): Override => {
  return ({ url = '' }) => (url.split('?')[0] === path ? { status, body } : undefined);
};
const key = `${'k'.repeat(44)}AzFu${'x'.repeat(8)}==`;

/** Insecure answers, and the check that must find each. */
const insecure: readonly [name: string, check: string, override: Override][] = [
  [
    'the app is not configured',
    'health',
    at('/api/health', 503, { status: 'down', detail: 'KEY_VAULT_URL: is missing.' }),
  ],
  [
    'health shows everything to anonymous callers',
    'health',
    at('/api/health', 200, { status: 'ok', account: 'svc@partner' }),
  ],
  ['a route requires no token', 'strangers', at('/api/tenants', 200, [])],
  ['a request is parsed before the caller is authenticated', 'strangers', at('/api/tokens', 400)],
  [
    'a header of the platform is trusted',
    'strangers',
    ({ headers, url }) =>
      headers['x-ms-client-principal'] === undefined || url !== '/api/runs' ? undefined : { status: 200, body: [] },
  ],
  [
    'an unsigned token is accepted',
    'strangers',
    ({ headers, url }) =>
      url === '/api/audit' && headers.authorization?.endsWith('.') === true ? { status: 200, body: [] } : undefined,
  ],
  ['the durable management API is open', 'platform', at('/runtime/webhooks/durabletask/instances', 200, [])],
  ['runs can be started without the API', 'platform', at('/runtime/webhooks/durabletask/orchestrators/verify', 202)],
  ['the admin API is open', 'platform', at('/admin/host/status', 200, { state: 'Running' })],
  ['the admin API returns keys', 'platform', at('/admin/host/keys', 200, { keys: [] })],
  [
    'pages of other origins may call the API',
    'cross-origin',
    ({ headers }) =>
      headers.origin === undefined
        ? undefined
        : { status: 200, headers: { 'access-control-allow-origin': '*' }, body: { status: 'ok' } },
  ],
  [
    'a token may be cached',
    'allowed',
    (_request, body) =>
      body['tenant'] === knownTenant && body['resource'] === 'graph'
        ? { status: 200, body: { accessToken: 'opaque', expiresAt: 'soon' } }
        : undefined,
  ],
  ['the policy allows nothing', 'allowed', at('/api/tokens', 403, { code: 'caller_forbidden', advice: 'Ask.' })],
  [
    'the policy allows a foreign tenant',
    'denied',
    ({ headers }, body) =>
      headers.authorization === `Bearer ${callerToken}` && body['tenant'] === caller.foreignTenant
        ? { status: 200, body: { accessToken: 'opaque' } }
        : undefined,
  ],
  ['an answer contains a key', 'secrets', at('/api/jobs', 401, { statusQueryGetUri: `https://app/x?code=${key}` })],
  [
    'an error contains a token',
    'secrets',
    at('/api/audit', 401, { detail: `eyJ${'a'.repeat(20)}.${'b'.repeat(20)}.` }),
  ],
];

describe('ptb verify', () => {
  it('passes every check of a secure app', async () => {
    expect(results(await findingsOf(caller))).toEqual({
      health: 'passed',
      encryption: 'skipped',
      strangers: 'passed',
      platform: 'passed',
      'cross-origin': 'passed',
      allowed: 'passed',
      denied: 'passed',
      secrets: 'passed',
    });
  });

  it('skips checks that need a token when there is none', async () => {
    const findings = await findingsOf(anonymous);
    expect(results(findings)).toMatchObject({ allowed: 'skipped', denied: 'skipped', strangers: 'passed' });
    expect(findings.find(({ check }) => check === 'denied')?.evidence).toContain('PTB_TOKEN');
  });

  it.each([
    [{ token: undefined }, 'needs a token in PTB_TOKEN, or --client-id'],
    [{ tenant: undefined }, 'needs --tenant'],
    [{ token: undefined, tenant: undefined }, 'needs a token in PTB_TOKEN, or --client-id, and --tenant'],
  ])('names exactly the missing options: %j', async (without, evidence) => {
    const findings = await findingsOf({ ...caller, ...without });
    expect(findings.find(({ check }) => check === 'allowed')).toMatchObject({ result: 'skipped', evidence });
  });

  it.each(insecure)('finds that %s (%s)', async (_name, check, override) => {
    const findings = await findingsOf(caller, override);
    const found = findings.find((finding) => finding.check === check);
    expect(found).toMatchObject({ result: 'failed', fix: expect.stringMatching(/\w/) });
  });

  it('reports a leaked key without its value', async () => {
    const findings = await findingsOf(caller, at('/api/jobs', 401, { address: `https://app/x?code=${key}` }));
    expect(JSON.stringify(findings)).toContain('a key in an address in GET /api/jobs');
    expect(JSON.stringify(findings)).not.toMatch(new RegExp(`${key}|${callerToken}|eyJ`));
  });

  it('fails for a remote address without TLS', async () => {
    const probe = createProbe(
      () => Promise.resolve(new Response('{"status":"ok"}', { status: 200 })),
      'http://broker.example',
    );
    expect(results(await verify(probe, anonymous))).toMatchObject({ encryption: 'failed' });
  });

  it('fails when the app answers plain http beside https', async () => {
    const answerAll = (): Promise<Response> => Promise.resolve(new Response('{"status":"ok"}', { status: 200 }));
    const probe = createProbe(answerAll, 'https://broker.example');
    expect((await verify(probe, anonymous)).find(({ check }) => check === 'encryption')).toMatchObject({
      result: 'failed',
      evidence: 'the app answers plain http too',
    });
  });

  it('stops after the first request when the app does not answer', async () => {
    const probe = createProbe(() => Promise.reject(new TypeError('fetch failed')), 'https://broker.example');
    expect(await verify(probe, caller)).toEqual([
      expect.objectContaining({ check: 'health', result: 'failed', evidence: 'GET /api/health: no answer (network)' }),
    ]);
  });
});
