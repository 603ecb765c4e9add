import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunAnswer } from '../../../src/lib/api/answers/runs.ts';
import { setTenantState } from 'microsoft-cloud/client';
import { seededRandom } from '../../fakes/fake-clock.ts';
import { noApp } from '../../support/watched-demo.ts';
import { startRunStack, started, type RunStack } from './run-stack.ts';

const tenants = 5_000;
const hosts = 4;
const broken = tenants / 5;
/** The expected error code for each broken state of a tenant. */
const codes: Readonly<Record<string, string>> = {
  no_consent: 'consent_required',
  gdap_expired: 'tenant_not_delegated',
  conditional_access: 'blocked_by_policy',
  deleted: 'tenant_unknown',
};
const states = Object.keys(codes);
/** The state of each broken tenant, by tenant id. */
const population = new Map<string, string>();

let stack: RunStack;
beforeAll(async () => {
  stack = await startRunStack(tenants, { retryDelaySeconds: 5 }, { startApp: noApp });
  await breakMore();
});
afterAll(() => stack?.stop());

test(
  'a run over 5,000 tenants on four hosts, a fifth of them broken in all ways, visits each and fails exactly where it must',
  async () => {
    const alive = await Promise.all(Array.from({ length: hosts }, () => stack.startHost({ shared: true })));
    const url = alive[0]?.ready.url ?? '';
    const begunMs = Date.now();
    const runId = started(await stack.call(url, 'POST', '/jobs/licence-report/runs', {}));
    const run = await finished(url, runId);
    expect(run).toMatchObject({
      status: 'completed',
      tenants: { total: tenants, succeeded: tenants - broken, failed: broken, skipped: 0, notAttempted: 0 },
    });
    const expected = [...population].map(([tenantId, state]) => `${tenantId} ${codes[state]}`);
    expect(run.failures.map(({ tenantId, code }) => `${tenantId} ${code}`).toSorted()).toEqual(expected.toSorted());
    const seconds = Math.round((Date.now() - begunMs) / 1000);
    const peaks = await Promise.all(alive.map(({ pid }) => peakMegabytes(pid)));
    const bytes = historyBytes();
    console.log(
      `${tenants} tenants, ${broken} broken: ${run.status} in ${seconds} s, 0 missed; history ${Math.round(bytes / tenants)} bytes per tenant; peak memory of the hosts ${peaks.join(', ')}`,
    );
    expect(bytes / tenants).toBeLessThan(1_500);
  },
  30 * 60_000,
);

/** Breaks healthy tenants, chosen by a seed, until a fifth of all are broken. */
async function breakMore(): Promise<void> {
  const random = seededRandom(1);
  const { cloud } = stack.demo;
  const healthy = cloud.tenants.filter(({ state }) => state === 'ok');
  for (const { tenantId, state } of cloud.tenants) if (state !== 'ok') population.set(tenantId, state);
  while (population.size < broken) {
    const [chosen] = healthy.splice(Math.floor(random() * healthy.length), 1);
    const state = states[population.size % states.length];
    if (chosen === undefined || state === undefined) throw new Error('no healthy tenant is left');
    await setTenantState(cloud.control, chosen.tenantId, state);
    population.set(chosen.tenantId, state);
  }
}

async function finished(url: string, runId: string): Promise<RunAnswer> {
  for (;;) {
    await sleep(2_000);
    const { status, text } = await stack.call(url, 'GET', `/runs/${encodeURIComponent(runId)}`);
    if (status !== 200) throw new Error(`${status} ${text}`);
    const run = JSON.parse(text) as RunAnswer;
    if (run.status !== 'pending' && run.status !== 'running') return run;
  }
}

/** Size of all instance histories in the store of the hosts. */
function historyBytes(): number {
  const database = new DatabaseSync(join(stack.demo.folder, 'hub.db'), { readOnly: true });
  try {
    return Number(database.prepare('SELECT sum(length(event)) AS bytes FROM history').get()?.['bytes']);
  } finally {
    database.close();
  }
}

/** Peak memory of a process (Linux). */
async function peakMegabytes(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? 'unknown on this system' : `${Math.round(Number(kilobytes) / 1024)} MB`;
}
