/**
 * Writes histories/VERSION/*.json: histories of typical runs as the platform stores them. Run it once per new version of
 * the orchestrations (`node test/replay/record.ts`). Never overwrite the files of a deployed version, because they
 * represent active runs.
 */
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import hostJson from '../../host.json' with { type: 'json' };
import { waitForApproval } from '../../src/lib/approvals/wait-for-approval.ts';
import type { Settled } from '../../src/lib/approvals/approval-log.ts';
import { fanOut, fanOutBatch, type FanOutInput } from '../../src/lib/runs/engine/fan-out.ts';
import type { PlanRunResult } from '../../src/lib/runs/engine/plan-run.ts';
import type { TenantRunInput, TenantRunResult } from '../../src/lib/runs/engine/tenant-run.ts';
import { summaryOf, type TenantsVisitResult, type VisitTenantsInput } from '../../src/lib/runs/engine/run-schemas.ts';
import { drive, newJournal } from './driver.ts';
import type { HistoryEvent } from './sdk.ts';

/** One recorded instance. */
export interface Recording {
  readonly name: string;
  readonly instanceId: string;
  readonly input: unknown;
  readonly output: unknown;
  readonly history: readonly HistoryEvent[];
}

export const historiesFolder = join(import.meta.dirname, 'histories');

interface Scenario {
  readonly plans?: PlanRunResult[];
  readonly tenant: (input: TenantRunInput) => TenantRunResult;
  readonly raiseWhileWaiting?: string[];
  /** Fails this often before it succeeds. */
  readonly deaths?: number;
  /** Has time for the first tenant of a group only, this often. */
  readonly slowGroups?: number;
  /** The events that start the next batch get lost. */
  readonly isDeaf?: boolean;
}

const succeeded: TenantRunResult = { outcome: 'succeeded' };

const scenarios: Readonly<Record<string, Scenario>> = {
  completed: { tenant: ({ index }) => (index === 3 ? { outcome: 'failed', code: 'consent_required' } : succeeded) },
  retried: {
    tenant: ({ index, round }) =>
      index % 3 === 0 && round < 3 ? { outcome: 'retrying', code: 'throttled', retryAfterSeconds: 30 } : succeeded,
  },
  stopped: {
    tenant: ({ index }) => (index < 4 ? succeeded : { outcome: 'not_attempted', code: 'credential_revoked' }),
  },
  'cancelled-while-waiting': {
    tenant: () => ({ outcome: 'retrying', code: 'entra_unavailable' }),
    raiseWhileWaiting: ['cancel'],
  },
  'without-list': {
    plans: [{ ok: false, code: 'directory_unavailable', detail: 'Away.', transient: true }],
    tenant: () => succeeded,
  },
  'lost-worker': { tenant: () => succeeded, deaths: 1 },
  'slow-groups': { tenant: () => succeeded, slowGroups: 2 },
  'lost-events': { tenant: () => succeeded, isDeaf: true },
};

async function record(scenario: Scenario): Promise<Recording[]> {
  const input: FanOutInput = {
    runId: 'licence-report@2026-11-24T05:00Z',
    batchSize: 6,
    groupSize: 2,
    inTurn: true,
    rounds: 3,
    retryDelaySeconds: 60,
    jitter: 0.5,
  };
  const journal = newJournal();
  const [plan = { ok: true, attempt: 10, total: 12 }] = scenario.plans ?? [];
  let deaths = scenario.deaths ?? 0;
  let slowGroups = scenario.slowGroups ?? 0;
  await drive(
    {
      orchestrations: { 'fan-out': fanOut, 'fan-out-batch': fanOutBatch },
      activities: {
        'list-tenants': () => plan,
        'visit-tenants': (asked, raise): TenantsVisitResult => {
          const { indexes, takenEvent, ...rest } = asked as VisitTenantsInput;
          if (takenEvent !== undefined && scenario.isDeaf !== true) raise(rest.runId, takenEvent);
          if (deaths-- > 0) throw new Error('the worker was lost');
          const visited = slowGroups-- > 0 ? indexes.slice(0, 1) : indexes;
          return {
            ...summaryOf(
              visited,
              visited.map((index) => scenario.tenant({ ...rest, index })),
            ),
            left: indexes.slice(visited.length),
          };
        },
        'finish-run': () => ({
          status: 'completed',
          tenants: { total: 12, succeeded: 10, failed: 2, skipped: 0, notAttempted: 0 },
        }),
        'announce-run': () => ({ announced: false }),
        'export-run': () => ({ exported: true }),
      },
      version: hostJson.extensions.durableTask.defaultVersion,
      delivery: 'one',
      ...(scenario.raiseWhileWaiting === undefined ? {} : { raiseWhileWaiting: [...scenario.raiseWhileWaiting] }),
    },
    'fan-out',
    input.runId,
    input,
    journal,
  );
  return [...journal.instances].map(([instanceId, { name, input, output, history }]) => ({
    name,
    instanceId,
    input,
    output,
    history,
  }));
}

interface ApprovalScenario {
  /** What the activity that settles returns, one after the other. */
  readonly settled: readonly Settled[];
  readonly raiseWhileWaiting?: readonly string[];
  /** Fails this often before it succeeds. */
  readonly silentChat?: number;
}

const atMs = (time: string): number => Date.parse(`2026-11-24T${time}Z`);
const pending: Settled = { settled: false, wakeAtMs: atMs('06:00:00') };
const approved: Settled = { settled: false, wakeAtMs: atMs('06:30:00') };
const done: Settled = { settled: true };

const approvalScenarios: Readonly<Record<string, ApprovalScenario>> = {
  'approval-expired': { settled: [pending, done] },
  'approval-approved': { settled: [pending, approved, done], raiseWhileWaiting: ['decided'] },
  'approval-denied': { settled: [pending, done], raiseWhileWaiting: ['decided'], silentChat: 2 },
  'approval-unannounced': {
    settled: [pending, pending, approved, done],
    raiseWhileWaiting: ['decided'],
    silentChat: 9,
  },
};

async function recordApproval(scenario: ApprovalScenario): Promise<Recording[]> {
  const input = { approvalId: '20261124t050000-7f3a9c21' };
  const journal = newJournal();
  const settled = [...scenario.settled];
  let failures = scenario.silentChat ?? 0;
  await drive(
    {
      orchestrations: { approval: waitForApproval },
      activities: {
        'announce-approval': () => {
          if (failures-- > 0) throw new Error('the chat does not answer');
          return { announced: true };
        },
        'settle-approval': () => settled.shift(),
      },
      version: hostJson.extensions.durableTask.defaultVersion,
      delivery: 'one',
      raiseWhileWaiting: [...(scenario.raiseWhileWaiting ?? [])],
    },
    'approval',
    `approval-${input.approvalId}`,
    input,
    journal,
  );
  return [...journal.instances].map(([instanceId, { history, name, output }]) => ({
    name,
    instanceId,
    input,
    output,
    history,
  }));
}

if (import.meta.main) {
  const folder = join(historiesFolder, hostJson.extensions.durableTask.defaultVersion);
  await mkdir(folder, { recursive: true });
  const recordings = [
    ...Object.entries(scenarios).map(([name, scenario]) => [name, () => record(scenario)] as const),
    ...Object.entries(approvalScenarios).map(([name, scenario]) => [name, () => recordApproval(scenario)] as const),
  ];
  for (const [name, recorded] of recordings) {
    const file = join(folder, `${name}.json`);
    const exists = await access(file).then(
      () => true,
      () => false,
    );
    if (exists)
      throw new Error(`${file} exists: it stands for deployed runs. A changed orchestration is a new version.`);
    await writeFile(file, `${JSON.stringify(await recorded())}\n`);
  }
}
