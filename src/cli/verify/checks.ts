import { adviceFor } from '../../lib/model/advice.ts';
import { isErrorCode } from '../../lib/model/errors.ts';
import { findLeaks } from './leaks.ts';
import type { Probe, ProbeAnswer } from './probe.ts';
import { apiRoutes, platformRoutes } from './routes.ts';

/** What a check found. `fix` says what to do about a failure. */
export interface Finding {
  readonly check: string;
  readonly result: 'passed' | 'failed' | 'skipped';
  readonly evidence: string;
  readonly fix?: string;
}

export interface VerifyOptions {
  /** A caller's access token for the broker; absent: what needs one is skipped. */
  readonly token: string | undefined;
  /** A tenant that the policy lets this caller have a token for. */
  readonly tenant: string | undefined;
  readonly resource: string;
  /** A tenant that is no customer of anybody: nobody may get a token for it. */
  readonly foreignTenant: string;
}

type Check = (probe: Probe, options: VerifyOptions) => Promise<Finding>;

const passed = (check: string, evidence: string): Finding => ({ check, result: 'passed', evidence });
const skipped = (check: string, evidence: string): Finding => ({ check, result: 'skipped', evidence });
const failed = (check: string, evidence: string, fix: string): Finding => ({ check, result: 'failed', evidence, fix });

const shown = ({ method, path, status, failure }: ProbeAnswer): string =>
  `${method} ${path}: ${status === 0 ? `no answer (${failure ?? 'unknown'})` : `HTTP ${status}`}`;

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

/** The app answers, says that it can hand out tokens, and says no more than that to strangers. */
const health: Check = async (probe) => {
  const answer = await probe.ask('GET', '/api/health');
  const { status, detail } = answer.json;
  if (answer.status === 200 && (status === 'ok' || status === 'degraded')) {
    const more = Object.keys(answer.json).filter((name) => name !== 'status');
    if (more.length === 0) return passed('health', `status ${status}`);
    return failed('health', `tells strangers ${more.join(', ')}`, 'Deploy a released version of the app.');
  }
  const said = typeof detail === 'string' ? `: ${detail}` : typeof status === 'string' ? `: status ${status}` : '';
  return failed('health', `${shown(answer)}${said}`, 'Run `ptb doctor`; it names what is missing.');
};

/** Tokens must not travel in the clear. Loopback is the one place without TLS. */
const encryption: Check = async (probe) => {
  const { protocol, hostname, host } = new URL(probe.url);
  if (/^(127\.|localhost$|\[::1\]$)/.test(hostname)) return skipped('encryption', 'the address is this machine');
  if (protocol !== 'https:') return failed('encryption', 'the address is not https', 'Use the https address.');
  const plain = await probe.ask('GET', `http://${host}/api/health`);
  return plain.status >= 200 && plain.status < 300
    ? failed('encryption', 'plain http is answered too', 'Set httpsOnly on the function app.')
    : passed('encryption', 'plain http is not answered');
};

/** Ways to come without a valid token; none may be taken for a caller. */
const disguises: readonly [what: string, headers: Readonly<Record<string, string>>][] = [
  ['without a token', {}],
  ['with an unsigned token', bearer(`${encode({ alg: 'none' })}.${encode({ roles: ['Tokens.Request'] })}.`)],
  ['with a header of App Service authentication', { 'x-ms-client-principal': encode({ claims: [] }) }],
];

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

const strangers: Check = async (probe) => {
  const guarded = apiRoutes.filter(({ access }) => access === 'caller');
  const open: string[] = [];
  for (const [what, headers] of disguises) {
    for (const { method, path } of guarded) {
      const answer = await probe.ask(method, path, { headers });
      if (answer.status !== 401) open.push(`${shown(answer)} ${what}`);
    }
  }
  return open.length === 0
    ? passed('strangers', `${guarded.length} routes answer 401 in ${disguises.length} disguises`)
    : failed('strangers', open.join('; '), 'Each of these must answer 401: deploy a released version of the app.');
};

/** The host's own doors: a key or an identity that the platform checks, or nothing there at all. */
const platform: Check = async (probe) => {
  const closed = new Set([401, 403, 404]);
  const open: string[] = [];
  for (const { method, path } of platformRoutes) {
    const answer = await probe.ask(method, path);
    if (!closed.has(answer.status)) open.push(shown(answer));
  }
  return open.length === 0
    ? passed('platform', `${platformRoutes.length} addresses of the Functions host are closed`)
    : failed(
        'platform',
        open.join('; '),
        'Set functionsRuntimeAdminIsolationEnabled, and see that App Service authentication does not let strangers in.',
      );
};

/** A page in a browser has no business here. */
const crossOrigin: Check = async (probe) => {
  const answer = await probe.ask('GET', '/api/health', { headers: { origin: 'https://elsewhere.example' } });
  const allowed = answer.headers.get('access-control-allow-origin');
  return allowed === null
    ? passed('cross-origin', 'no other origin is allowed')
    : failed('cross-origin', `pages of ${allowed} may call`, 'Remove the CORS origins of the function app.');
};

const noToken = 'needs a token in PTB_TOKEN, or --client-id';

/** The way that callers go. */
const allowed: Check = async (probe, { token, tenant, resource }) => {
  if (token === undefined) return skipped('allowed', tenant === undefined ? `${noToken}, and --tenant` : noToken);
  if (tenant === undefined) return skipped('allowed', 'needs --tenant');
  const answer = await probe.ask('POST', '/api/tokens', { headers: bearer(token), body: { tenant, resource } });
  if (answer.status !== 200 || typeof answer.json['accessToken'] !== 'string') {
    const { code, detail, advice } = answer.json;
    const said = [code, detail].filter((part) => typeof part === 'string').join(', ');
    const known = isErrorCode(code) ? adviceFor(code, 'operator') : advice;
    return failed('allowed', `${shown(answer)} ${said}`, typeof known === 'string' ? known : 'Run `ptb doctor`.');
  }
  return /no-store/.test(answer.headers.get('cache-control') ?? '')
    ? passed('allowed', `a token for ${resource} until ${String(answer.json['expiresAt'])}, kept in no cache`)
    : failed('allowed', 'the token may be cached on its way', 'Deploy a released version of the app.');
};

/** What is asked beyond the policy is refused, and as a refusal, not as an accident. */
const denied: Check = async (probe, { token, tenant, resource, foreignTenant }) => {
  if (token === undefined) return skipped('denied', noToken);
  const orders = [
    { tenant: foreignTenant, resource },
    { tenant: tenant ?? foreignTenant, resource: 'https://unknown.example' },
  ];
  const wrong: string[] = [];
  for (const body of orders) {
    const answer = await probe.ask('POST', '/api/tokens', { headers: bearer(token), body });
    if (![400, 403, 404].includes(answer.status)) wrong.push(`${shown(answer)} for ${body.tenant}, ${body.resource}`);
  }
  return wrong.length === 0
    ? passed('denied', 'a foreign tenant and an unknown resource are refused')
    : failed('denied', wrong.join('; '), 'Narrow the access policy: `ptb policy test` shows which rule allowed it.');
};

/** Looks at what a caller sees, for the search that follows; what the caller has no role for is refused, which is fine. */
async function readAll(probe: Probe, token: string | undefined): Promise<void> {
  if (token === undefined) return;
  const readable = apiRoutes.filter(({ method }) => method === 'GET');
  for (const { path } of readable) await probe.ask('GET', path, { headers: bearer(token) });
}

const secrets: Check = async (probe, { token }) => {
  await readAll(probe, token);
  const leaks = findLeaks(probe.answers);
  const evidence = [...new Set(leaks.map(({ what, method, path }) => `${what} in ${method} ${path}`))].join('; ');
  return leaks.length === 0
    ? passed('secrets', `no key or token in ${probe.answers.length} answers`)
    : failed('secrets', evidence, 'Take the app offline, renew what leaked, and report it as SECURITY.md says.');
};

/** In this order: the last one searches what the others were answered. */
const checks: readonly Check[] = [health, encryption, strangers, platform, crossOrigin, allowed, denied, secrets];

/**
 * Runs every check; nothing that is sent changes more than the audit log. An app that gives no answer at all gets no
 * further ones: each would only wait as long.
 */
export async function verify(probe: Probe, options: VerifyOptions): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const check of checks) {
    findings.push(await check(probe, options));
    if (!isReached(probe)) break;
  }
  return findings;
}

/** Whether anything answered so far. */
export const isReached = (probe: Probe): boolean => probe.answers.some(({ status }) => status !== 0);
