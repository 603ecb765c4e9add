import { setTimeout as delay } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import type { Random } from '../../src/lib/core/clock.ts';
import { isErrorCode } from '../../src/lib/core/errors.ts';
import { callerTokens } from '../../src/cli/demo/caller-token.ts';
import { allowed, callerNamed, consoleName, helpdeskName } from './policy.ts';
import type { World } from './world.ts';

/** What the callers observed. */
export interface Seen {
  requests: number;
  readonly byStatus: Record<string, number>;
  readonly byCode: Record<string, number>;
  /** Ids of the issued tokens. */
  readonly tokenIds: string[];
  /** Accepted runs. */
  readonly runIds: string[];
  /** Some of the tokens, for the leak scan. */
  readonly tokens: string[];
  /** Bodies of all answers without a token. */
  readonly answers: { where: string; content: string }[];
  /** Requests without an answer because the connection broke or the host was down. */
  unanswered: number;
  longestMs: number;
  readonly violations: string[];
}

export const nothingSeen = (): Seen => ({
  requests: 0,
  byStatus: {},
  byCode: {},
  tokenIds: [],
  runIds: [],
  tokens: [],
  answers: [],
  unanswered: 0,
  longestMs: 0,
  violations: [],
});

/** Maximum time to any answer, whatever fails. */
const longestAnswerMs = 60_000;
const callers = [consoleName, consoleName, consoleName, helpdeskName, 'Reporting', 'Stranger', 'forged'] as const;
type CallerName = (typeof callers)[number];
const audiences: Readonly<Record<string, string>> = {
  graph: 'https://graph.microsoft.com',
  exchange: 'https://outlook.office365.com',
  arm: 'https://management.azure.com',
};
const resources = [...Object.keys(audiences), 'nonsense'];
const jobs = ['licence-report', 'access-check'];

export interface Caller {
  readonly authorization: (caller: string) => Promise<string>;
}

/** Obtains each caller's own token once, before the disturbances, because the test is about the broker. */
export async function createCallers({ cloud }: World): Promise<Caller> {
  const tokens = new Map<string, string>();
  for (const name of [consoleName, helpdeskName, 'Reporting', 'Stranger'])
    tokens.set(name, await callerTokens(cloud, globalThis.fetch, callerNamed(cloud, name))());
  const genuine = tokens.get(consoleName) ?? '';
  // Correct claims with a signature of another token.
  tokens.set('forged', `${genuine.slice(0, genuine.lastIndexOf('.'))}.${'A'.repeat(342)}`);
  return { authorization: async (caller) => `Bearer ${tokens.get(caller)}` };
}

const pick = <T>(items: readonly T[], random: Random): T => items[Math.floor(random() * items.length)] as T;

/** Sends requests of different callers until it is over. */
export async function load(
  world: World,
  who: Caller,
  random: Random,
  isOver: () => boolean,
  seen: Seen,
): Promise<void> {
  while (!isOver()) {
    const dice = random();
    if (dice < 0.88) await askForToken(world, who, random, seen);
    else await read(world, who, random, seen);
    await delay(random() * 60);
  }
}

async function askForToken(world: World, who: Caller, random: Random, seen: Seen): Promise<void> {
  const caller: CallerName = pick(callers, random);
  const tenantId = random() < 0.02 ? world.cloud.partnerTenantId : pick(world.cloud.tenants, random).tenantId;
  const resource = pick(resources, random);
  const minimumLifetimeSeconds = pick([0, 300, 1_800, 3_000], random);
  const order = { tenant: tenantId, resource, minimumLifetimeSeconds };
  const answer = await call(world, who, caller, 'POST', '/tokens', order, seen);
  if (answer?.status !== 200) return;
  const { accessToken, tokenId, expiresInSeconds } = answer.body as {
    accessToken: string;
    tokenId: string;
    expiresInSeconds: number;
  };
  const { tid, aud } = decodeJwt(accessToken);
  seen.tokenIds.push(tokenId);
  if (seen.tokens.length < 5) seen.tokens.push(accessToken);
  if (!allowed(world.cloud, caller, tenantId, resource))
    seen.violations.push(`${caller} got a token for ${resource} in ${tenantId} without a rule`);
  if (tid !== tenantId) seen.violations.push(`a token for ${tenantId} is of ${String(tid)}`);
  if (aud !== audiences[resource]) seen.violations.push(`a token for ${resource} is for ${String(aud)}`);
  if (expiresInSeconds < minimumLifetimeSeconds)
    seen.violations.push(`a token lives ${expiresInSeconds} s, ${minimumLifetimeSeconds} s were asked for`);
}

/** Starts a run every few seconds until it is over, sometimes for a window that already has one. */
export async function startRuns(
  world: World,
  who: Caller,
  random: Random,
  isOver: () => boolean,
  seen: Seen,
): Promise<void> {
  for (let started = 0; !isOver(); started += 1) {
    const path = `/jobs/${jobs[started % jobs.length]}/runs`;
    const window = `chaos-${random() < 0.2 ? started - jobs.length : started}`;
    const answer = await call(world, who, consoleName, 'POST', path, { window }, seen);
    if (answer?.status === 202) seen.runIds.push((answer.body as { runId: string }).runId);
    await delay(1_000 + random() * 2_000);
  }
}

async function read(world: World, who: Caller, random: Random, seen: Seen): Promise<void> {
  const path = pick(['/tenants', '/jobs', '/runs', '/health', '/audit?limit=20', '/openapi.json'], random);
  await call(world, who, pick([consoleName, 'Reporting', 'Stranger'], random), 'GET', path, undefined, seen);
}

/** @returns undefined without an answer. */
export async function call(
  { url }: Pick<World, 'url'>,
  who: Caller,
  caller: string,
  method: string,
  path: string,
  body: unknown,
  seen: Seen,
): Promise<{ readonly status: number; readonly body: unknown } | undefined> {
  seen.requests += 1;
  const startedMs = performance.now();
  try {
    const response = await fetch(`${url}/api${path}`, {
      method,
      headers: { authorization: await who.authorization(caller), 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(longestAnswerMs),
    });
    const text = await response.text();
    seen.longestMs = Math.max(seen.longestMs, performance.now() - startedMs);
    return judge(`${method} ${path}`, response, text, seen);
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'TimeoutError')
      seen.violations.push(`${method} ${path} had no answer within ${longestAnswerMs / 1000} s`);
    else seen.unanswered += 1;
    return undefined;
  }
}

function judge(
  what: string,
  response: Response,
  text: string,
  seen: Seen,
): { status: number; body: unknown } | undefined {
  const { status } = response;
  seen.byStatus[status] = (seen.byStatus[status] ?? 0) + 1;
  // The host itself answers while it loads the app.
  if (status === 503 && text === '') return undefined;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    seen.violations.push(`${what}: ${status} without JSON: ${text.slice(0, 80)}`);
    return undefined;
  }
  const isToken = status === 200 && what === 'POST /tokens';
  if (!isToken) seen.answers.push({ where: `${what}: ${status}`, content: text });
  // Health reports "down" in its own format.
  if (status < 400 || (what === 'GET /health' && status === 503)) return { status, body };
  const code = (body as { code?: unknown }).code;
  if (response.headers.get('content-type') !== 'application/problem+json' || !isErrorCode(code))
    seen.violations.push(`${what}: ${status} is no problem of ours: ${text.slice(0, 120)}`);
  else seen.byCode[code] = (seen.byCode[code] ?? 0) + 1;
  if (status === 500 || code === 'internal') seen.violations.push(`${what}: ${status} ${text.slice(0, 200)}`);
  return { status, body };
}
