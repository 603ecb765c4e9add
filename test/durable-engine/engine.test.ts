import { TableClient } from '@azure/data-tables';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningChild } from '../../src/cli/demo/child.ts';
import type { RunAnswer } from '../../src/lib/api/answers/runs.ts';
import { type RunRecord, runRecord } from './run-record.ts';
import { type RunStack, startRunStack, started } from '../e2e/runs/run-stack.ts';
import { skippedBecause } from '../support/skipped.ts';
import { engineMissing, type EngineOptions, type EngineReady, startEngine } from './start-engine.ts';

// The app on Microsoft's Durable Task extension. It proves the orchestrations, not the HTTP side, which is the project's.

const tenants = 25;
/** Of the host that is killed, instead of a minute. The extension renews its claim of a message at most every five seconds. */
const recoverySeconds = 12;

describe("Microsoft's Durable Task extension", skippedBecause(engineMissing), () => {
  let stack: RunStack;
  const engines: RunningChild<EngineReady>[] = [];
  /** What complete runs of each job left behind. */
  const complete = new Map<string, RunRecord>();
  beforeAll(async () => {
    // Three batches, which start in turn.
    stack = await startRunStack(tenants, { retryDelaySeconds: 1, runs: { batchSize: 10, groupSize: 4 } });
  });
  afterAll(async () => {
    await Promise.all(engines.map((engine) => engine.stop()));
    await stack?.stop();
  });

  const start = async (more: Partial<EngineOptions> = {}): Promise<RunningChild<EngineReady>> => {
    const engine = await startEngine({
      appFolder: stack.appFolder,
      environment: stack.demo.environment,
      balanceSeconds: 2,
      ...more,
      onLine: (line) => {
        stack.demo.note('log of the durable engine', line);
        more.onLine?.(line);
      },
    });
    engines.push(engine);
    return engine;
  };
  const startRun = async (url: string, job: string): Promise<string> =>
    started(await stack.call(url, 'POST', `/jobs/${job}/runs`, {}));

  const attemptsAt = async (tenantId: string | undefined, url: string, runId: string): Promise<number> => {
    const answer = await stack.call(url, 'GET', `/runs/${encodeURIComponent(runId)}/tenants/${tenantId}`);
    return (JSON.parse(answer.text) as { attempts: number }).attempts;
  };
  const runOf = async (runId: string): Promise<RunAnswer> =>
    JSON.parse((await stack.call(stack.demo.url, 'GET', `/runs/${encodeURIComponent(runId)}`)).text) as RunAnswer;

  it.each(['licence-report', 'access-check'])(
    'visits the tenants in %s as the embedded engine does: the same records and rows, and a second attempt',
    async (job) => {
      const [throttled] = stack.demo.cloud.tenants.filter(({ state }) => state === 'ok');
      const [real] = engines.length > 0 ? engines : [await start({ recoverySeconds })];
      const records: RunRecord[] = [];
      for (const url of [stack.demo.url, real?.ready.url ?? '']) {
        // Both engines visit the tenant twice: the tokens of the first job are in neither cache.
        await stack.control('POST', '/faults', {
          service: 'entra',
          tenantId: throttled?.tenantId,
          kind: 'plain_429',
          headers: { 'retry-after': '1' },
          count: 1,
        });
        const runId = await startRun(url, job);
        await stack.ended(url, runId);
        await stack.control('DELETE', '/faults');
        expect(await attemptsAt(throttled?.tenantId, url, runId)).toBeGreaterThan(1);
        if (url === real?.ready.url)
          expect(await eventsFor(stack.demo.connectionString, runId)).toEqual(['taken-r1-b0', 'taken-r1-b1']);
        records.push(await runRecord(stack, url, runId));
      }
      expect(records[1]).toEqual(records[0]);
      complete.set(job, records[0] as RunRecord);
    },
  );

  it('continues after the host was killed: each tenant has one record, and no row is there twice', async () => {
    const [first] = engines;
    const url = first?.ready.url ?? '';
    const slow = stack.demo.cloud.tenants.filter(({ state }) => state === 'ok').slice(-4);
    for (const { tenantId } of slow)
      await stack.control('POST', '/faults', { service: 'graph', tenantId, kind: 'delay', delayMs: 120_000 });
    const runId = await startRun(url, 'licence-report');
    await expect.poll(async () => (await runOf(runId)).progress.done).toBe(tenants - slow.length);
    await first?.kill();
    await stack.control('DELETE', '/faults');
    expect((await runOf(runId)).progress.done).toBe(tenants - slow.length);
    const next = await start();
    await stack.ended(next.ready.url, runId);
    expect(await runRecord(stack, next.ready.url, runId)).toEqual(complete.get('licence-report'));
  });

  it('shares runs between two hosts on one hub', { timeout: 400_000 }, async () => {
    // A host without processor time loses its queues, and their messages stay hidden for a minute.
    const other = engines.at(-1) ?? (await start());
    const seen = { activities: 0 };
    const host = await start({ onLine: (line) => void (seen.activities += Number(activityLine.test(line))) });
    // They have shared the queues. If one took a queue in the middle of a run, its messages would stay hidden for a minute.
    await expect.poll(() => queuesOfEach(stack.demo.connectionString)).toEqual([2, 2]);
    const records: RunRecord[] = [];
    // A run has few activities: chance decides which host takes them.
    while (seen.activities === 0 || records.length < 4) {
      const ids = await Promise.all([host, other].map(({ ready }) => startRun(ready.url, 'licence-report')));
      for (const runId of ids) {
        await stack.ended(host.ready.url, runId);
        records.push(await runRecord(stack, other.ready.url, runId));
      }
    }
    expect(records[0]).toMatchObject({ status: 'completed', tenants: { length: tenants } });
    for (const record of records) expect(record).toEqual(records[0]);
  });
});

const activityLine = / (?:list-tenants|tenant-run|visit-tenants|finish-run): /;

/** The events that the orchestration of a run received, in order. */
async function eventsFor(connectionString: string, runId: string): Promise<string[]> {
  const table = TableClient.fromConnectionString(connectionString, 'PartnerTokenBrokerHistory', {
    allowInsecureConnection: true,
  });
  const filter = `PartitionKey eq '${runId}' and EventType eq 'EventRaised'`;
  const names: string[] = [];
  for await (const { Name } of table.listEntities<{ Name: string }>({ queryOptions: { filter } })) names.push(Name);
  return names;
}

/** How many control queues each process on the hub reads. */
async function queuesOfEach(connectionString: string): Promise<number[]> {
  const table = TableClient.fromConnectionString(connectionString, 'PartnerTokenBrokerPartitions', {
    allowInsecureConnection: true,
  });
  const found = new Map<string, number>();
  for await (const { CurrentOwner } of table.listEntities<{ CurrentOwner: string }>())
    found.set(CurrentOwner, (found.get(CurrentOwner) ?? 0) + 1);
  return [...found.values()];
}
