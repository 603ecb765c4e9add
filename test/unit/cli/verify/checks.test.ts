import type { Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { verify, type VerifyOptions } from '../../../../src/cli/verify/checks.ts';
import { type Finding, fromDoctor } from '../../../../src/cli/verify/finding.ts';
import { createProbe } from '../../../../src/cli/verify/probe.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import type { JsonObject } from '../../../../src/lib/core/objects.ts';
import type { Secret } from '../../../../src/lib/core/secrets.ts';
import { customerPoliciesCheck } from '../../../../src/operator/doctor/conditional-access.ts';
import { headType } from '../../../../src/lib/audit/proof/layout.ts';
import { checkpointType } from '../../../../src/lib/audit/chain/checkpoint.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { settled } from '../../../support/settled.ts';
import { callerToken, type Override, knownTenant, release, runId, serveApp } from './secure-app.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const partnerTenantId = '88888888-8888-4888-8888-888888888888' as TenantId;
/** The Conditional Access policies of the customer, for the token that the app issues. */
let policies: () => readonly JsonObject[] = () => [];
const policiesFor = (token: Secret) => ({
  list: async function* () {
    if (!token.reveal().startsWith('eyJ')) throw new Error('Another token.');
    yield* policies();
  },
});

const caller: VerifyOptions = {
  token: callerToken,
  tenant: knownTenant,
  resource: 'graph',
  foreignTenant: '99999999-9999-4999-8999-999999999999',
  clock: new FakeClock(),
  azure: async () => [],
  customer: async (token, name) =>
    fromDoctor('policies', await customerPoliciesCheck({ name, partnerTenantId, scopes: [] }, policiesFor(token))),
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

/** The answer about the run that the check has started. */
function ofRun(body: unknown): Override {
  return ({ headers, url }) =>
    url === `/api/runs/${encodeURIComponent(runId)}` && headers.authorization === `Bearer ${callerToken}`
      ? { status: 200, body }
      : undefined;
}

/** The answer to the caller. */
const asCaller =
  (path: string, body: unknown): Override =>
  ({ headers, url }) =>
    url === path && headers.authorization === `Bearer ${callerToken}` ? { status: 200, body } : undefined;

/** Insecure or broken answers, and the check that must find each. */
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
  [
    'a setting is misspelt',
    'settings',
    asCaller('/api/health', {
      status: 'degraded',
      settings: { status: 'degraded', problem: 'TENANTS_EXCLUDED is not a setting. Rename it to TENANTS_EXCLUDE.' },
    }),
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
  [
    'the customer has not consented',
    'consent',
    (_request, body) =>
      body['tenant'] === knownTenant && body['resource'] === 'graph'
        ? { status: 403, body: { code: 'consent_required', detail: 'No consent (AADSTS65001).' } }
        : undefined,
  ],
  [
    'a token carries no scope',
    'consent',
    (_request, body) =>
      body['tenant'] === knownTenant && body['resource'] === 'graph'
        ? { status: 200, body: { accessToken: 'opaque', scopes: [] } }
        : undefined,
  ],
  [
    'a run cannot be started',
    'run',
    ({ headers, url }) =>
      url === '/api/jobs/access-check/runs' && headers.authorization === `Bearer ${callerToken}`
        ? { status: 503, body: { code: 'storage_unavailable', detail: 'Down.' } }
        : undefined,
  ],
  ['a run fails', 'run', ofRun({ status: 'failed', tenants: { succeeded: 0 } })],
  ['the tenant of a run fails', 'run', ofRun({ status: 'completed', tenants: { succeeded: 0, failed: 1 } })],
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
      settings: 'passed',
      release: 'passed',
      encryption: 'skipped',
      strangers: 'passed',
      platform: 'passed',
      'cross-origin': 'passed',
      allowed: 'passed',
      consent: 'passed',
      policies: 'passed',
      denied: 'passed',
      run: 'passed',
      secrets: 'passed',
    });
  });

  it.each([
    [
      'as the archive',
      { archive: { sha256: release.sha256 } },
      release,
      'passed',
      '0.1.0, commit c0ffee, digest d1ge57, as the archive',
    ],
    [
      'another than the archive',
      { archive: { sha256: 'other' } },
      release,
      'failed',
      'but the archive has digest other',
    ],
    [
      'of a project with its own jobs',
      {},
      { ...release, jobs: 'contoso-broker' },
      'passed',
      'commit c0ffee, with the jobs of contoso-broker, digest',
    ],
    ['compared with nothing', {}, release, 'passed', '--release compares it with an archive'],
    ['not packaged', {}, undefined, 'skipped', 'the app was not packaged'],
    ['not packaged, but an archive is expected', { archive: { sha256: 'other' } }, undefined, 'failed', 'not packaged'],
  ])('says of an app that is %s what is deployed', async (_name, options, shown, result, evidence) => {
    const health = { status: 'ok', settings: { status: 'ok' }, release: shown };
    const findings = await findingsOf({ ...caller, ...options }, asCaller('/api/health', health));
    expect(findings.find(({ check }) => check === 'release')).toMatchObject({
      result,
      evidence: expect.stringContaining(evidence),
    });
  });

  it.each([
    ['0.4.0', '0.2.1', 'Deploy 0.3 first'],
    ['0.1.0', '0.3.0', 'Deploy 0.2 first'],
    ['0.4.0', '0.3.2', 'Deploy app.zip'],
    ['0.4.0', '1.0.0', 'Do not deploy it. Read first what the changelog of 1.0.0 says'],
    ['2.0.0', '1.9.0', 'Do not deploy it. Read first what the changelog of 2.0.0 says'],
    ['0.4.0', undefined, 'Deploy app.zip'],
  ])('says from %s to an archive of %s what to deploy: %s', async (version, next, fix) => {
    const health = { status: 'ok', settings: { status: 'ok' }, release: { ...release, version } };
    const archive = { sha256: 'other', ...(next === undefined ? {} : { version: next }) };
    const findings = await findingsOf({ ...caller, archive }, asCaller('/api/health', health));
    expect(findings.find(({ check }) => check === 'release')).toMatchObject({
      result: 'failed',
      evidence: expect.stringContaining(next ?? 'other') as string,
      fix: expect.stringContaining(fix) as string,
    });
  });

  it.each([
    ['there is no token', anonymous, []],
    ['the caller may not see the report', caller, [asCaller('/api/health', { status: 'ok' })]],
  ])('fails if an archive is named and %s', async (_why, options, overrides) => {
    const findings = await findingsOf({ ...options, archive: { sha256: release.sha256 } }, ...overrides);
    expect(results(findings)).toMatchObject({ settings: 'skipped', release: 'failed' });
  });

  it('skips checks that need a token when there is none', async () => {
    const findings = await findingsOf(anonymous);
    expect(results(findings)).toMatchObject({
      allowed: 'skipped',
      consent: 'skipped',
      denied: 'skipped',
      run: 'skipped',
      strangers: 'passed',
    });
    expect(findings.find(({ check }) => check === 'denied')?.evidence).toContain('PTB_TOKEN');
  });

  it.each([
    [{ token: undefined }, 'needs a token in PTB_TOKEN, or --client-id'],
    [{ tenant: undefined }, 'needs --tenant'],
    [{ token: undefined, tenant: undefined }, 'needs a token in PTB_TOKEN, or --client-id, and --tenant'],
  ])('names exactly the missing options: %j', async (without, evidence) => {
    const findings = await findingsOf({ ...caller, ...without });
    for (const name of ['allowed', 'consent', 'run'])
      expect(findings.find(({ check }) => check === name)).toMatchObject({ result: 'skipped', evidence });
  });

  it.each(insecure)('finds that %s (%s)', async (_name, check, override) => {
    const findings = await findingsOf(caller, override);
    const found = findings.find((finding) => finding.check === check);
    expect(found).toMatchObject({ result: 'failed', fix: expect.stringMatching(/\w/) });
  });

  it.each([
    ['may not start runs', '/api/jobs/access-check/runs', 'caller_forbidden', 'Runs.Write'],
    ['may not read runs', `/api/runs/${encodeURIComponent(runId)}`, 'caller_forbidden', 'Runs.Read'],
    ['has no such job', '/api/jobs/access-check/runs', 'job_unknown', 'no job access-check'],
  ])('skips the run and names the reason when the caller or the app %s', async (_why, path, code, evidence) => {
    const override: Override = ({ headers, url }) =>
      url === path && headers.authorization === `Bearer ${callerToken}` ? { status: 403, body: { code } } : undefined;
    const run = (await findingsOf(caller, override)).find(({ check }) => check === 'run');
    expect(run).toMatchObject({ result: 'skipped', evidence: expect.stringContaining(evidence) });
  });

  it('waits for the run, and fails when it does not end within five minutes', async () => {
    for (const polls of [3, Number.POSITIVE_INFINITY]) {
      const clock = new FakeClock();
      let asked = 0;
      const running: Override = (request, body) => {
        const override = ofRun({ status: 'running' })(request, body);
        if (override !== undefined) asked += 1;
        return asked <= polls ? override : undefined;
      };
      const findings = await settled(findingsOf({ ...caller, clock }, running), clock, 3_000);
      const run = findings.find(({ check }) => check === 'run');
      expect(run).toMatchObject(
        polls === 3
          ? { result: 'passed', evidence: expect.stringContaining('1.2 s') }
          : {
              result: 'failed',
              evidence: expect.stringContaining('still running'),
              fix: expect.stringContaining(runId),
            },
      );
      expect(asked).toBe(polls === 3 ? 4 : 101);
    }
  });

  it('asks Azure with the names of the jobs that have a schedule, and searches the answers for secrets last', async () => {
    const asked: (readonly string[])[] = [];
    const azure: VerifyOptions['azure'] = async (_probe, scheduledJobs) => {
      asked.push(scheduledJobs);
      return [{ check: 'runtime', source: 'azure', result: 'passed', evidence: 'node 24' }];
    };
    const findings = await findingsOf({ ...caller, azure });
    expect(asked).toEqual([['access-check']]);
    expect(findings.slice(-2).map(({ check, source }) => [check, source])).toEqual([
      ['runtime', 'azure'],
      ['secrets', 'broker'],
    ]);
  });

  it('asks Azure also when the app does not answer', async () => {
    const probe = createProbe(() => Promise.reject(new TypeError('fetch failed')), 'https://broker.example');
    const azure: VerifyOptions['azure'] = async () => [
      { check: 'runtime', source: 'azure', result: 'failed', evidence: 'node 24', fix: 'Choose another.' },
    ];
    expect((await verify(probe, { ...caller, azure })).map(({ check }) => check)).toEqual(['health', 'runtime']);
  });

  it('reports a leaked key without its value', async () => {
    const findings = await findingsOf(caller, at('/api/jobs', 401, { address: `https://app/x?code=${key}` }));
    expect(JSON.stringify(findings)).toContain('a key in an address in GET /api/jobs');
    expect(JSON.stringify(findings)).not.toMatch(new RegExp(`${key}|${callerToken}|eyJ`));
  });

  it.each([
    ['/api/audit/checkpoints', 'checkpoints', checkpointType],
    ['/api/audit/heads', 'heads', headType],
  ])('takes nothing that is signed in %s for an access token, but finds one among it', async (path, member, type) => {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const jws = (typ: string): string =>
      `${part({ alg: 'ES256', typ })}.${part({ v: 1, number: 1 })}.${'s'.repeat(86)}`;
    const answered = (listed: readonly string[]): Promise<readonly Finding[]> =>
      findingsOf(caller, at(path, 200, { [member]: listed, keys: [] }));
    expect(results(await answered([jws(type), jws(type)]))).toMatchObject({ secrets: 'passed' });
    const findings = await answered([jws(type), jws(type), jws('at+jwt')]);
    expect(findings.find(({ check }) => check === 'secrets')?.evidence).toBe(`an access token in GET ${path}`);
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

describe('what verify tells of a customer', () => {
  const about = async (check: string, options: Partial<VerifyOptions> = {}) =>
    (await findingsOf({ ...caller, ...options })).find((each) => each.check === check);
  afterEach(() => {
    policies = () => [];
  });
  const policy = (applications: JsonObject, users: JsonObject = { includeUsers: ['All'] }): JsonObject => ({
    displayName: 'Require MFA',
    state: 'enabled',
    conditions: { users, applications },
  });

  it('is which policies meet service providers, and which of them cover the sign-in since 15 June 2026', async () => {
    policies = () => [policy({ includeApplications: ['All'], excludeApplications: ['app'] })];
    expect(await about('policies')).toMatchObject({
      result: 'passed',
      evidence: expect.stringMatching(
        /^Policies of contoso\.example apply.*"Require MFA"\. Since 15 June 2026/,
      ) as string,
      fix: expect.stringContaining('exclude service provider users') as string,
    });
    const excluding = {
      includeUsers: ['All'],
      excludeGuestsOrExternalUsers: { guestOrExternalUserTypes: 'serviceProvider' },
    };
    policies = () => [policy({}, excluding)];
    expect(await about('policies')).not.toHaveProperty('fix');
  });

  it('is skipped without the permission, a token for it, a tenant, or a token at all', async () => {
    policies = () => {
      throw new BrokerError('access_denied', 'Insufficient privileges.');
    };
    expect(await about('policies')).toMatchObject({
      result: 'skipped',
      evidence: expect.stringContaining('needs Policy.Read.All') as string,
    });
    expect(await about('policies', { resource: 'exchange' })).toMatchObject({ result: 'skipped' });
    expect(await about('policies', { tenant: undefined })).toMatchObject({ evidence: 'needs --tenant' });
    expect(await about('policies', { tenant: 'other.example' })).toMatchObject({
      result: 'skipped',
      evidence: 'no token: POST /api/tokens: HTTP 403',
    });
  });

  it.each([
    ['ok', 'passed'],
    ['notice', 'passed'],
    ['warning', 'failed'],
    ['failed', 'failed'],
    ['skipped', 'skipped'],
  ] as const)('has for the result %s of a check of the doctor the result %s', (status, result) => {
    const found = { check: 'Customer policies', status, message: 'Message.' };
    expect(fromDoctor('policies', found)).toEqual({
      check: 'policies',
      source: 'broker',
      result,
      evidence: 'Message.',
    });
    expect(fromDoctor('policies', { ...found, remedy: 'Remedy.' })).toMatchObject({ result, fix: 'Remedy.' });
  });

  it('takes one token', async () => {
    let asked = 0;
    const counting: Override = (_request, body) => {
      if (body['tenant'] === knownTenant && body['resource'] === 'graph') asked += 1;
      return undefined;
    };
    expect(results(await findingsOf(caller, counting))).toMatchObject({ allowed: 'passed', policies: 'passed' });
    expect(asked).toBe(1);
  });
});
