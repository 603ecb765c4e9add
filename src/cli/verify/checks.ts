import { asObject, type JsonObject, textsIn } from '../../lib/core/objects.ts';
import { Secret } from '../../lib/core/secrets.ts';
import {
  bearer,
  type CallerOptions,
  consent,
  describe,
  failedAnswer,
  missingOptions,
  noToken,
  run,
} from './caller-checks.ts';
import { type Finding, findingsFrom } from './finding.ts';
import { findLeaks } from './leaks.ts';
import { isReached, type Probe, type ProbeAnswer } from './probe.ts';
import type { ArchivedApp } from './released.ts';
import { apiRoutes, platformRoutes } from './routes.ts';

export interface VerifyOptions extends CallerOptions {
  /** A tenant id that does not exist. Nobody may get a token for it. */
  readonly foreignTenant: string;
  /** The app that should be deployed, or is to be deployed next. Absent: what is deployed is only shown. */
  readonly archive?: ArchivedApp | undefined;
  /** The checks of the customer that the doctor makes with a token for Microsoft Graph there. */
  readonly customer: (token: Secret, tenant: string, scopes: readonly string[]) => Promise<Finding>;
  /** The checks of the deployment through Azure, given the names of the jobs with a schedule. */
  readonly azure: (probe: Probe, scheduledJobs: readonly string[]) => Promise<readonly Finding[]>;
}

type Check = (probe: Probe, options: VerifyOptions) => Promise<Finding | readonly Finding[]>;

const { passed, skipped, failed } = findingsFrom('broker');

/** The app answers, can issue tokens, and shows nothing else to anonymous callers. */
const health: Check = async (probe) => {
  const answer = await probe.ask('GET', '/api/health');
  const { status, detail } = answer.json;
  if (answer.status === 200 && (status === 'ok' || status === 'degraded')) {
    const more = Object.keys(answer.json).filter((name) => name !== 'status');
    if (more.length === 0) return passed('health', `status ${status}`);
    return failed('health', `shows anonymous callers ${more.join(', ')}`, 'Deploy a released version of the app.');
  }
  const reason = typeof detail === 'string' ? `: ${detail}` : typeof status === 'string' ? `: status ${status}` : '';
  return failed('health', `${describe(answer)}${reason}`, 'Run `ptb doctor` to find the cause.');
};

/** Tokens must not be sent unencrypted, except on the loopback interface. */
const encryption: Check = async (probe) => {
  const { protocol, hostname, host } = new URL(probe.url);
  if (/^(127\.|localhost$|\[::1\]$)/.test(hostname)) return skipped('encryption', 'the address is this machine');
  if (protocol !== 'https:') return failed('encryption', 'the address is not https', 'Use the https address.');
  const plain = await probe.ask('GET', `http://${host}/api/health`);
  return plain.status >= 200 && plain.status < 300
    ? failed('encryption', 'the app answers plain http too', 'Set httpsOnly on the function app.')
    : passed('encryption', 'the app does not answer plain http');
};

/** Requests without a valid token. The app must reject all of them. */
const invalidCallers: readonly [what: string, headers: Readonly<Record<string, string>>][] = [
  ['without a token', {}],
  ['with an unsigned token', bearer(`${encode({ alg: 'none' })}.${encode({ roles: ['Tokens.Request'] })}.`)],
  ['with a header of App Service authentication', { 'x-ms-client-principal': encode({ claims: [] }) }],
];

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

const invalidTokens: Check = async (probe) => {
  const guarded = apiRoutes.filter(({ access }) => access === 'caller');
  const open: string[] = [];
  for (const [what, headers] of invalidCallers) {
    for (const { method, path } of guarded) {
      const answer = await probe.ask(method, path, { headers });
      if (answer.status !== 401) open.push(`${describe(answer)} ${what}`);
    }
  }
  return open.length === 0
    ? passed('strangers', `${guarded.length} routes answer 401 to ${invalidCallers.length} kinds of invalid callers`)
    : failed('strangers', open.join('; '), 'Each of these must answer 401. Deploy a released version of the app.');
};

/** Addresses of the Functions host: the platform must require a key or an identity, or not serve them. */
const platform: Check = async (probe) => {
  const closed = new Set([401, 403, 404]);
  const open: string[] = [];
  for (const { method, path } of platformRoutes) {
    const answer = await probe.ask(method, path);
    if (!closed.has(answer.status)) open.push(describe(answer));
  }
  return open.length === 0
    ? passed('platform', `${platformRoutes.length} addresses of the Functions host are closed`)
    : failed(
        'platform',
        open.join('; '),
        'Set ADMIN_ISOLATION=true and run `azd provision`, and check that App Service authentication rejects anonymous requests.',
      );
};

/** No page of another origin may call the API. */
const crossOrigin: Check = async (probe) => {
  const answer = await probe.ask('GET', '/api/health', { headers: { origin: 'https://elsewhere.example' } });
  const allowed = answer.headers.get('access-control-allow-origin');
  return allowed === null
    ? passed('cross-origin', 'no other origin is allowed')
    : failed('cross-origin', `pages of ${allowed} may call the API`, 'Remove the CORS origins of the function app.');
};

/** What is deployed, and whether the settings are known ones. */
const deployed: Check = async (probe, { token, archive }) => {
  const unknown = (reason: string): readonly Finding[] => [
    skipped('settings', reason),
    // Who names an archive must not take "not compared" for "the same".
    archive === undefined
      ? skipped('release', reason)
      : failed('release', `not compared: ${reason}`, 'Run `ptb verify` as a caller who may read health.'),
  ];
  if (token === undefined) return unknown(noToken);
  const answer = await probe.ask('GET', '/api/health', { headers: bearer(token) });
  const { settings, release } = answer.json;
  const { status, problem } = asObject(settings);
  if (status === undefined) return unknown(`the report is not shown: ${describe(answer)}`);
  return [
    typeof problem === 'string'
      ? failed('settings', problem, 'Correct the settings of the function app.')
      : passed('settings', 'every setting is a known one'),
    releaseFinding(asObject(release), archive),
  ];
};

function releaseFinding({ version, commit, jobs, sha256 }: JsonObject, expected: ArchivedApp | undefined): Finding {
  const fix = 'Deploy app.zip of a release, or of `ptb package`.';
  if (typeof version !== 'string' || typeof sha256 !== 'string')
    return expected === undefined
      ? skipped('release', 'the app was not packaged')
      : failed('release', 'the app was not packaged', fix);
  const ofCommit = typeof commit === 'string' ? `, commit ${commit.slice(0, 12)}` : '';
  const withJobs = typeof jobs === 'string' ? `, with the jobs of ${jobs}` : '';
  const name = `${version}${ofCommit}${withJobs}, digest ${sha256.slice(0, 12)}`;
  if (expected === undefined) return passed('release', `${name}; --release compares it with an archive`);
  if (sha256 === expected.sha256) return passed('release', `${name}, as the archive`);
  const archived = `${expected.version === undefined ? '' : `${expected.version}, `}digest ${expected.sha256.slice(0, 12)}`;
  const first = stepBefore(version, expected.version);
  return first === undefined
    ? failed('release', `${name}, but the archive has ${archived}`, fix)
    : failed(
        'release',
        `${name}, and the archive has ${archived}, which was never tested with what ${version} stores`,
        `Do not deploy it. ${first}`,
      );
}

/**
 * What to do before another version can be deployed. A version reads what the one before and the one after it store
 * (docs/upgrade.md). Which minor version is the last of a major one, only the changelog knows.
 * @returns undefined: nothing.
 */
function stepBefore(from: string, to: string | undefined): string | undefined {
  const [[fromMajor, fromMinor] = [], [toMajor, toMinor] = []] = [from, to ?? ''].map((version) =>
    /^(\d+)\.(\d+)\./.exec(version)?.slice(1, 3).map(Number),
  );
  if (fromMajor === undefined || fromMinor === undefined || toMajor === undefined || toMinor === undefined)
    return undefined;
  if (fromMajor !== toMajor)
    return `Read first what the changelog of ${Math.max(fromMajor, toMajor)}.0.0 says of the way between ${fromMajor} and ${toMajor}.`;
  return Math.abs(toMinor - fromMinor) < 2
    ? undefined
    : `Deploy ${fromMajor}.${fromMinor + Math.sign(toMinor - fromMinor)} first, and start it once.`;
}

/** What one answer to a request for a token of the tenant shows. */
const tokenChecks: Check = async (probe, options) => {
  const missing = missingOptions(options);
  if (missing !== undefined) return ['allowed', 'consent', 'policies'].map((check) => skipped(check, missing));
  const { token = '', tenant = '', resource } = options;
  const answer = await probe.ask('POST', '/api/tokens', { headers: bearer(token), body: { tenant, resource } });
  const asked = { ...options, tenant };
  return [allowed(answer, asked), consent(answer, asked), await customerPolicies(answer, asked)];
};

type Asked = VerifyOptions & { readonly tenant: string };

/** A caller gets a token for a tenant that the policy allows. */
function allowed(answer: ProbeAnswer, { resource }: Asked): Finding {
  if (answer.status !== 200 || typeof answer.json['accessToken'] !== 'string') return failedAnswer('allowed', answer);
  return /no-store/.test(answer.headers.get('cache-control') ?? '')
    ? passed('allowed', `a token for ${resource} until ${String(answer.json['expiresAt'])}, not cacheable`)
    : failed('allowed', 'proxies may cache the token', 'Deploy a released version of the app.');
}

/** Which policies of the customer meet the broker. */
async function customerPolicies(answer: ProbeAnswer, { customer, tenant, resource }: Asked): Promise<Finding> {
  if (resource !== 'graph') return skipped('policies', 'needs --resource graph');
  const { accessToken, scopes } = answer.json;
  if (typeof accessToken !== 'string') return skipped('policies', `no token: ${describe(answer)}`);
  return customer(new Secret(accessToken), tenant, textsIn(scopes));
}

/** Requests beyond the policy are denied, and with a status that says so. */
const denied: Check = async (probe, { token, tenant, resource, foreignTenant }) => {
  if (token === undefined) return skipped('denied', noToken);
  const requests = [
    { tenant: foreignTenant, resource },
    { tenant: tenant ?? foreignTenant, resource: 'https://unknown.example' },
  ];
  const wrong: string[] = [];
  for (const body of requests) {
    const answer = await probe.ask('POST', '/api/tokens', { headers: bearer(token), body });
    if (![400, 403, 404].includes(answer.status))
      wrong.push(`${describe(answer)} for ${body.tenant}, ${body.resource}`);
  }
  return wrong.length === 0
    ? passed('denied', 'a foreign tenant and an unknown resource are denied')
    : failed(
        'denied',
        wrong.join('; '),
        'Narrow the access policy. `ptb policy test` shows which rule allowed the request.',
      );
};

/** Reads every route as the caller, for the search for secrets. Routes that the caller may not read are denied. */
async function readAll(probe: Probe, token: string | undefined): Promise<void> {
  if (token === undefined) return;
  const readable = apiRoutes.filter(({ method }) => method === 'GET');
  for (const { path } of readable) await probe.ask('GET', path, { headers: bearer(token) });
}

const secrets = async (probe: Probe, { token }: VerifyOptions): Promise<Finding> => {
  await readAll(probe, token);
  const leaks = findLeaks(probe.answers);
  const evidence = [...new Set(leaks.map(({ what, method, path }) => `${what} in ${method} ${path}`))].join('; ');
  return leaks.length === 0
    ? passed('secrets', `no key or token in ${probe.answers.length} answers`)
    : failed(
        'secrets',
        evidence,
        'Take the app offline, renew the leaked secrets, and report the leak as described in SECURITY.md.',
      );
};

const checks: readonly Check[] = [
  health,
  deployed,
  encryption,
  invalidTokens,
  platform,
  crossOrigin,
  tokenChecks,
  denied,
  run,
];

/**
 * Runs every check; the last one searches the answers to the others for secrets. The requests change nothing: they leave
 * audit records, log lines and one run. If the app does not answer the first request, only Azure is asked, because each
 * request would wait for the timeout.
 */
export async function verify(probe: Probe, options: VerifyOptions): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const check of checks) {
    findings.push(...[await check(probe, options)].flat());
    if (!isReached(probe)) return [...findings, ...(await options.azure(probe, []))];
  }
  findings.push(...(await options.azure(probe, await scheduledJobs(probe, options.token))));
  findings.push(await secrets(probe, options));
  return findings;
}

/** Names of the jobs with a schedule; none if the caller may not list them. */
async function scheduledJobs(probe: Probe, token: string | undefined): Promise<readonly string[]> {
  if (token === undefined) return [];
  const { jobs } = (await probe.ask('GET', '/api/jobs', { headers: bearer(token) })).json;
  if (!Array.isArray(jobs)) return [];
  return jobs.flatMap((job: { readonly name?: unknown; readonly schedule?: unknown }) =>
    typeof job.name === 'string' && typeof job.schedule === 'string' ? [job.name] : [],
  );
}
