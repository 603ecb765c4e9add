import { afterAll, beforeAll, expect, test } from 'vitest';
import { readLedger, resetLedger } from 'microsoft-cloud/client';
import type { JobsAnswer } from '../../../src/lib/api/answers/jobs.ts';
import { started, startRunStack, type RunStack } from './run-stack.ts';

const tenants = Number(process.env['PTB_TEST_CUSTOMERS'] ?? 1_000);

/**
 * Limits of Microsoft Graph for one application in one tenant ("Microsoft Graph service-specific throttling limits"): how many
 * requests within a time. Reading signInActivity counts as a report (microsoftgraph/microsoft-graph-docs-contrib#8653).
 */
const limits = [
  {
    name: 'reports',
    of: /\/auditLogs\/|\/reports\/authenticationMethods\/|signInActivity/i,
    requests: 5,
    withinMs: 10_000,
  },
  { name: 'access', of: /\/identity\/conditionalAccess\/|\/identityProtection\//i, requests: 1, withinMs: 1_000 },
  { name: 'usage reports', of: /\/reports\/getMailboxUsageDetail/i, requests: 100, withinMs: 600_000 },
];

/** Requests that leave a second apart may arrive less apart. */
const jitterMs = 200;

let stack: RunStack;
let jobs: readonly string[];
beforeAll(async () => {
  stack = await startRunStack(tenants, {}, { plain: true });
  const { text } = await stack.call(stack.demo.url, 'GET', '/jobs');
  jobs = (JSON.parse(text) as JobsAnswer).jobs.flatMap(({ name, topic, changes }) =>
    topic === undefined || changes === true ? [] : [name],
  );
});
afterAll(() => stack?.stop());

/** The requests of each tenant that a limit counts, with their times. */
async function countedRequests() {
  const { requests, totals } = await readLedger(stack.demo.cloud.control);
  const sent = requests.flatMap(({ service, tenantId, path, reads, atMs }) =>
    service === 'graph' || service === 'exchange'
      ? (reads ?? [path]).map((read) => ({ tenantId, read: decodeURIComponent(read), atMs }))
      : [],
  );
  const exceeded = limits.map(({ name, of, requests: allowed, withinMs }) => {
    const byTenant = Map.groupBy(
      sent.filter(({ read }) => of.test(read)),
      ({ tenantId }) => tenantId,
    );
    let beyond = 0;
    for (const list of byTenant.values()) {
      const times = list.map(({ atMs }) => atMs).toSorted((one, other) => one - other);
      beyond += times.filter(
        (atMs, at) => at >= allowed && atMs - (times[at - allowed] ?? 0) < withinMs - jitterMs,
      ).length;
    }
    return [name, beyond] as const;
  });
  return { sent: sent.length, throttled: totals.throttled, exceeded: Object.fromEntries(exceeded) };
}

test(
  `every report over ${tenants} tenants at the same time stays within the limits of Microsoft Graph`,
  async () => {
    await resetLedger(stack.demo.cloud.control);
    const begunMs = Date.now();
    const ids = await Promise.all(
      jobs.map(async (job) => started(await stack.call(stack.demo.url, 'POST', `/jobs/${job}/runs`, {}))),
    );
    const runs = [];
    // One by one, so that the questions about them stay within the limit of a caller.
    for (const runId of ids) runs.push(await stack.ended(stack.demo.url, runId));
    for (const { runId, startedAt, finishedAt = '', tenants: counts, failures } of runs) {
      const seconds = Math.round((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
      const codes = [...new Set(failures.map(({ code }) => code))].join(' ');
      console.log(`${runId}: ${seconds} s; ${JSON.stringify(counts)} ${codes}`);
    }
    const { sent, throttled, exceeded } = await countedRequests();
    // Some answers of the cloud are guesses, which the end of a demo complains of.
    await resetLedger(stack.demo.cloud.control);
    const seconds = Math.round((Date.now() - begunMs) / 1000);
    console.log(`${jobs.length} reports in ${seconds} s, ${(sent / tenants).toFixed(1)} requests a tenant`);
    expect(runs.map(({ status }) => status)).toEqual(jobs.map(() => 'completed'));
    expect({ throttled, exceeded }).toEqual({
      throttled: 0,
      exceeded: Object.fromEntries(limits.map(({ name }) => [name, 0])),
    });
  },
  2 * 60 * 60_000,
);
