/** The promises that are checked after the campaign. */
import { setTimeout as delay } from 'node:timers/promises';
import { readLedger } from 'microsoft-cloud/client';
import type { LedgerEntry } from 'microsoft-cloud';
import { type Canary, LeakScan } from '../support/leak-scan.ts';
import { call, type Caller, nothingSeen, type Seen } from './load.ts';
import { consoleName } from './policy.ts';
import type { World } from './world.ts';

/** A dead credential is reread every 30 s and probed at intervals that double from 10 s. Tenant failures are cached for 300 s. */
const recoveryMs = 90_000;
const runsEndMs = 120_000;
const idleMs = 3_000;
const idleWindows = 3;

async function ask(world: World, who: Caller, method: string, path: string, body?: unknown) {
  // A separate record: these requests are not part of the campaign.
  return call(world, who, consoleName, method, path, body, nothingSeen());
}

/** @returns seconds until a tenant without cached tokens gets a token again; undefined if it does not. */
export async function recovery(world: World, who: Caller): Promise<number | undefined> {
  const startedMs = performance.now();
  const healthy = world.cloud.tenants.filter(({ state }) => state === 'ok').map(({ tenantId }) => tenantId);
  for (let attempt = 0; performance.now() - startedMs < recoveryMs; attempt += 1) {
    // The campaign does not use Partner Center, so no token for it is cached.
    const order = { tenant: healthy[attempt % healthy.length], resource: 'partner-center' };
    const answer = await ask(world, who, 'POST', '/tokens', order);
    if (answer?.status === 200) return (performance.now() - startedMs) / 1000;
    await delay(1_000);
  }
  return undefined;
}

interface RunAnswer {
  readonly runId: string;
  readonly status: string;
  readonly tenants: Readonly<Record<'total' | 'succeeded' | 'failed' | 'skipped' | 'notAttempted', number>>;
}

/** Every accepted run ends and has a result for every tenant. */
export async function checkRuns(world: World, who: Caller, seen: Seen): Promise<Readonly<Record<string, number>>> {
  const ends: Record<string, number> = {};
  const deadline = performance.now() + runsEndMs;
  for (const runId of seen.runIds) {
    const { run, last } = await endOf(world, who, runId, deadline);
    if (run === undefined) {
      seen.violations.push(`the run ${runId} is lost: it has not ended; the last answer was ${last.slice(0, 300)}`);
      continue;
    }
    ends[run.status] = (ends[run.status] ?? 0) + 1;
    const { total, succeeded, failed, skipped, notAttempted } = run.tenants;
    // A run without a tenant list has no tenants.
    if (total !== succeeded + failed + skipped + notAttempted || (total !== world.cloud.tenants.length && total !== 0))
      seen.violations.push(`the run ${runId} does not account for every tenant: ${JSON.stringify(run.tenants)}`);
  }
  return ends;
}

async function endOf(
  world: World,
  who: Caller,
  runId: string,
  deadline: number,
): Promise<{ readonly run: RunAnswer | undefined; readonly last: string }> {
  for (;;) {
    const answer = await ask(world, who, 'GET', `/runs/${encodeURIComponent(runId)}`);
    const run = answer?.status === 200 ? (answer.body as RunAnswer) : undefined;
    if (run !== undefined && run.status !== 'pending' && run.status !== 'running') return { run, last: '' };
    if (performance.now() > deadline) return { run: undefined, last: JSON.stringify(answer?.body ?? 'none') };
    await delay(300);
  }
}

/** Every issued token has an audit record. @returns the number of records of issued tokens. */
export async function checkAudit(world: World, who: Caller, seen: Seen): Promise<number> {
  const recorded = new Set<string>();
  let continuation: string | undefined;
  do {
    const more = continuation === undefined ? '' : `&continuation=${encodeURIComponent(continuation)}`;
    const answer = await ask(world, who, 'GET', `/audit?limit=1000${more}`);
    if (answer?.status !== 200) throw new Error(`the audit log cannot be read: ${answer?.status}`);
    const page = answer.body as { entries: { tokenId: string; outcome: string }[]; continuation?: string };
    for (const { tokenId, outcome } of page.entries) if (outcome === 'issued') recorded.add(tokenId);
    continuation = page.continuation;
  } while (continuation !== undefined);
  const missing = seen.tokenIds.filter((id) => !recorded.has(id));
  if (missing.length > 0) seen.violations.push(`${missing.length} tokens were handed out without a record`);
  return recorded.size;
}

/** The throttling fault sets send a Retry-After of one second. @returns the number of replies with Retry-After. */
export async function checkThrottling(world: World, seen: Seen): Promise<number> {
  const { requests } = await readLedger(world.cloud.control);
  const throttled = new Map<string, LedgerEntry>();
  let asked = 0;
  for (const entry of requests) {
    const { service, tenantId = '', resource = '', grant = '', path, status, atMs } = entry;
    if (service !== 'entra' && service !== 'graph') continue;
    const key = service === 'entra' ? `entra ${tenantId} ${resource} ${grant}` : `graph ${tenantId} ${path}`;
    const before = throttled.get(key);
    // A killed process forgets Retry-After.
    if (before !== undefined && atMs - before.atMs < 950 && !startedBetween(world, before.atMs, atMs))
      seen.violations.push(`Retry-After was not obeyed: ${key} came again after ${atMs - before.atMs} ms`);
    if (status === 429) {
      asked += 1;
      throttled.set(key, entry);
    } else throttled.delete(key);
  }
  return asked;
}

/** The clock of the cloud may be ahead of this machine's clock because of the campaign's clock jumps. */
const startedBetween = ({ hostStartsMs }: World, fromMs: number, toMs: number): boolean =>
  hostStartsMs.some((startMs) => startMs >= fromMs - 60_000 && startMs <= toMs);

/** Without callers, nothing is requested from Microsoft but by a timer, which ends: a loop goes on in each window. */
export async function checkIdle(world: World, seen: Seen): Promise<void> {
  let surplus: readonly LedgerEntry[] = [];
  for (let window = 0; window < idleWindows; window++) {
    const before = (await readLedger(world.cloud.control)).requests.length;
    await delay(idleMs);
    surplus = (await readLedger(world.cloud.control)).requests.slice(before);
    if (surplus.length === 0) return;
  }
  seen.violations.push(
    `${surplus.length} requests upstream while nobody asked, such as ${JSON.stringify(surplus.at(-1))}`,
  );
}

/** Scans everything the product wrote: storage, orchestrations, logs, answers. Call it after everything has stopped. */
export async function checkLeaks(world: World, seen: Seen, vault: readonly Canary[]): Promise<number> {
  const tokens = seen.tokens.map((value, index) => ({ name: `access token ${index}`, value }));
  const scan = new LeakScan([...vault, ...tokens]);
  await scan.scanFolder(world.folder);
  scan.scan({ where: "the app's log", content: world.hostLines.join('\n') });
  for (const answer of seen.answers) scan.scan(answer);
  for (const { where, what } of scan.leaks.slice(0, 10)) seen.violations.push(`leak in ${where}: ${what}`);
  return scan.bytes;
}
