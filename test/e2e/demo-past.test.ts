import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApprovalsAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { AuditAnswer, AuditCheckpointsAnswer } from '../../src/lib/api/answers/audit.ts';
import type { JobHistoryAnswer } from '../../src/lib/api/answers/history.ts';
import type { ReplayAnswer } from '../../src/lib/api/answers/policy.ts';
import type { PlanAnswer, PlansAnswer } from '../../src/lib/api/answers/plans.ts';
import type { RunsAnswer, RunTenantsAnswer } from '../../src/lib/api/answers/runs.ts';
import type { EventsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { applyChange } from '../../src/cli/demo/customer-changes.ts';
import { runDemoJobs } from '../../src/cli/demo/run-demo.ts';
import { dayMs, hourMs, isoTime } from '../../src/lib/core/clock.ts';
import { type Ended, runInProcess } from '../support/command-in-process.ts';
import { tenantOf } from '../support/running-demo.ts';
import { startWatchedDemo, type WatchedDemo } from '../support/watched-demo.ts';

// What a visitor of `npm start` finds: the past that src/cli/demo/past writes, read through the API of the app.

let demo: WatchedDemo;
const startedMs = Date.now();

beforeAll(async () => {
  demo = await startWatchedDemo({ tenants: 25, past: true });
});
afterAll(() => demo?.stop());

const ptb = async (args: readonly string[]): Promise<Ended> =>
  runInProcess(args, {
    environment: { ...process.env, ...demo.environment, BROKER_URL: demo.url, PTB_TOKEN: await demo.callerToken() },
    folder: demo.folder,
    control: demo.cloud.control,
    account: '',
  });

async function read<T>(path: string): Promise<T> {
  const headers = { authorization: `Bearer ${await demo.callerToken()}` };
  const response = await fetch(`${demo.url}/api/${path}`, { headers });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

const countedOf = (history: JobHistoryAnswer): number[] => history.runs.map(({ rows }) => rows ?? 0);

test('each night of a month has a run of each job with its rows, and the history has 90 days', async () => {
  for (const job of ['access-check', 'licence-report', 'mfa-report', 'secret-expiry-report']) {
    const { runs } = await read<RunsAnswer>(`runs?limit=100&job=${job}`);
    // The run of today may not be due yet.
    expect(runs.length).toBeGreaterThanOrEqual(31);
    const days = runs.map(({ startedAt }) => Math.floor(Date.parse(startedAt) / dayMs));
    expect(days).toEqual(days.map((_, at) => Number(days[0]) - at));
    for (const { runId } of runs) {
      const { rows } = await read<{ rows: unknown[] }>(`runs/${encodeURIComponent(runId)}/results`);
      expect(rows.length).toBeGreaterThan(0);
    }
    const history = await read<JobHistoryAnswer>(`jobs/${job}/history`);
    expect(countedOf(history).filter((rows) => rows > 0).length).toBeGreaterThanOrEqual(88);
  }
});

test('more people are registered for multifactor authentication than twelve weeks ago', async () => {
  const { runs } = await read<JobHistoryAnswer>('jobs/mfa-report/history');
  const shares = runs.map(({ rows = 1, numbers }) => (numbers?.['registered=true'] ?? 0) / rows);
  expect(shares.at(0)).toBeGreaterThan(1.3 * (shares.at(-1) ?? 1));
});

test('a run now finds what the last one of the past found', async () => {
  const silent = { update: () => undefined, note: () => undefined, done: () => undefined };
  await runDemoJobs(demo, silent, new AbortController().signal);
  // The policy of the demo names its callers.
  const [{ starter } = { starter: undefined }] = (await read<RunsAnswer>('runs?limit=1')).runs;
  expect(demo.cloud.brokerApplication.callers.map(({ name }) => name)).toContain(starter?.name);
  for (const job of ['access-check', 'licence-report']) {
    const [now, before] = (await read<JobHistoryAnswer>(`jobs/${job}/history`)).runs;
    expect(before?.runId).toMatch(/@\d{4}-/);
    const found = ({ tenants, rows, numbers }: NonNullable<typeof now>) => ({ tenants, rows, numbers });
    expect(now && found(now)).toEqual(before && found(before));
  }
});

test('events tell what happened to customers, and the next look tells only what is new', async () => {
  const { events } = await read<EventsAnswer>('events?limit=100');
  expect(new Set(events.map(({ kind }) => kind))).toEqual(
    new Set(['appeared', 'reachable', 'ending', 'lost', 'consent_missing']),
  );
  const headers = { 'x-functions-key': String(demo.masterKey), 'content-type': 'application/json' };
  const look = { method: 'POST', headers, body: '{}' };
  const { lookedAt } = await read<EventsAnswer>('events?limit=1');
  await fetch(`${demo.url}/admin/functions/watch-tenants`, look);
  await expect
    .poll(async () => (await read<EventsAnswer>('events?limit=1')).lookedAt, { timeout: 30_000 })
    .not.toBe(lookedAt);
  const after = (await read<EventsAnswer>('events?limit=100')).events;
  // A relationship of the simulated cloud ends within weeks. On a slow machine, the timer has looked before the first reading.
  const kinds = after.slice(0, after.length - events.length).map(({ kind }) => kind);
  expect([[], ['ending']]).toContainEqual(kinds);
  expect(after.filter(({ kind }) => kind === 'ending').length).toBeGreaterThan(1);
});

test('approvals were given, denied and left to expire', async () => {
  const { approvals } = await read<ApprovalsAnswer>('approvals?limit=10');
  expect(approvals.map(({ status }) => status)).toEqual(['ended', 'expired', 'denied', 'ended']);
});

test('the audit log covers 90 days, and is proven', async () => {
  const sinceMs = Date.now() - 91 * dayMs;
  const find = (query: string): Promise<AuditAnswer> =>
    read<AuditAnswer>(`audit?from=${isoTime(sinceMs)}&limit=1000&${query}`);
  const weeks = await Promise.all(
    Array.from({ length: 13 }, (_, week) => find(`to=${isoTime(sinceMs + (week + 1) * 7 * dayMs)}`)),
  );
  // The newest record of each week.
  const newest = weeks.map(({ entries }) => Math.floor((Date.parse(entries[0]?.at ?? '') - sinceMs) / (7 * dayMs)));
  expect(newest).toEqual(Array.from({ length: 13 }, (_, week) => week));
  expect((await find('outcome=denied')).entries.length).toBeGreaterThan(100);
  expect((await find('breakGlass=true')).entries.length).toBe(2);
  const { exitCode, stdout } = await ptb(['audit', 'verify']);
  expect(stdout).toMatch(/^PROVEN: /);
  expect(exitCode).toBe(0);
});

test('the checkpoints reach the start of the demo, so that the app has none to make up for', async () => {
  let last = '';
  let query = '';
  do {
    const page = await read<AuditCheckpointsAnswer>(`audit/checkpoints${query}`);
    last = page.checkpoints.at(-1) ?? last;
    query = page.continuation === undefined ? '' : `?continuation=${encodeURIComponent(page.continuation)}`;
  } while (query !== '');
  const payload = Buffer.from(last.split('.')[1] ?? '', 'base64url').toString();
  const { to } = JSON.parse(payload) as { readonly to: string };
  expect(Date.parse(to)).toBeGreaterThan(startedMs - hourMs / 4);
});

test('a change waits for a person after its second wave, with one tenant that refused it', async () => {
  await applyChange(demo, new AbortController().signal);
  const { plans } = await read<PlansAnswer>('plans');
  expect(plans.map(({ job, apply }) => [job, apply?.status])).toEqual([
    ['sharepoint-sharing-level', undefined],
    ['block-user-consent', 'running'],
  ]);
  const plan = () => read<PlanAnswer>(`plans/${encodeURIComponent(plans[1]?.planId ?? '')}`);
  await expect
    .poll(async () => (await plan()).apply, { timeout: 60_000 })
    .toMatchObject({ wave: 2, waits: true, waitsFor: 'wave-2', waveNames: ['group:gold', '50%', '100%'] });
  const { apply, changes } = await plan();
  const [gold = 0, half = 0] = apply?.waves ?? [];
  expect(apply?.outcomes).toEqual({ applied: gold + half - 1, refused: 1 });
  expect(changes).toBeGreaterThan(gold + half);
  const { tenants } = await read<RunTenantsAnswer>(`runs/${encodeURIComponent(apply?.runId ?? '')}/tenants`);
  expect(tenants.filter(({ wave }) => wave === 1).length).toBe(gold);
});

test('a policy that the past suggests refuses nothing of it, before and after it is stored', async () => {
  const narrow = join(demo.folder, 'narrow.json');
  const suggested = await ptb(['policy', 'suggest', '--since', '90d', '--output', narrow]);
  expect(suggested.exitCode).toBe(0);
  expect(suggested.stderr).toContain('~ local callers may try the gateway -> local callers may try the gateway (1)');
  interface Replayed {
    readonly policies: { readonly new: { readonly sha256: string } };
    readonly audit: { readonly verdict: string };
    readonly judged: number;
    readonly changes: Readonly<Record<string, number>>;
  }
  const replay = async (): Promise<Replayed> => {
    const { exitCode, stdout } = await ptb(['policy', 'replay', narrow, '--since', '89d', '--json']);
    expect(exitCode).toBe(0);
    return JSON.parse(stdout) as Replayed;
  };
  const first = await replay();
  expect(first).toMatchObject({ audit: { verdict: 'proven' }, changes: { refused: 0, allowed: 0, approval: 0 } });
  expect(first.judged).toBeGreaterThan(500);
  expect(first.changes['rule']).toBeGreaterThan(500);
  // It is closed to what nobody sent.
  const request = ['policy', 'test', '--caller', demo.cloud.brokerApplication.signInClientId, '--kind', 'user'];
  const role = ['--role', 'Tokens.Request', 'Requests.Send', '--tenant', tenantOf(demo, 'ok').tenantId];
  const sends = async (path: string, file: string[]) =>
    (await ptb([...request, ...role, '--request', `GET ${path}`, ...file])).exitCode;
  expect(await sends('/v1.0/devices', [])).toBe(0);
  expect(await sends('/v1.0/devices', ['--file', narrow])).toBe(1);
  expect(await sends('/v1.0/users', ['--file', narrow])).toBe(0);
  await copyFile(narrow, demo.environment['ACCESS_POLICY'] ?? '');
  const inForce = async (): Promise<ReplayAnswer> => {
    const headers = { authorization: `Bearer ${await demo.callerToken()}`, 'content-type': 'application/json' };
    const since = isoTime(Date.now() - 90 * dayMs);
    const body = JSON.stringify({ since });
    return (
      await fetch(`${demo.url}/api/policy/replays`, { method: 'POST', headers, body })
    ).json() as Promise<ReplayAnswer>;
  };
  await expect.poll(async () => (await inForce()).policies?.inForce).toBe(first.policies.new.sha256);
  const { use } = await inForce();
  expect(use?.rules.filter(({ lastAt }) => lastAt === undefined)).toEqual([]);
  expect(await replay()).toMatchObject({ changes: { refused: 0, allowed: 0, approval: 0, rule: 0 } });
});
