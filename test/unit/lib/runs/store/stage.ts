import { partnerMap } from 'graph-permissions/partner-table';
import { clouds, createResourceRegistry } from '../../../../../src/lib/core/resources.ts';
import { type AccessToken, Secret, type TokenRequest, type TokenSource } from '../../../../../src/lib/core/secrets.ts';
import { parseTenantId, type TenantId } from '../../../../../src/lib/core/identifiers.ts';
import { noSpans } from '../../../../../src/lib/core/spans.ts';
import { TableHistory } from '../../../../../src/lib/runs/history/table-history.ts';
import type { FinishRunDeps } from '../../../../../src/lib/runs/engine/finish-run.ts';
import {
  createJobRegistry,
  defineJob,
  type JobContext,
  type JobDefinition,
} from '../../../../../src/lib/runs/job/job.ts';
import { parseRunId, type RunId, type RunPlan, type TenantRun } from '../../../../../src/lib/runs/store/run.ts';
import { createRunPlans, createRunStops } from '../../../../../src/lib/runs/store/runs.ts';
import { createTenantSlots } from '../../../../../src/lib/runs/engine/visit-tenants.ts';
import {
  runTenant,
  type TenantRunDeps,
  type TenantRunInput,
  type TenantRunResult,
} from '../../../../../src/lib/runs/engine/tenant-run.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { MemoryRunLog, MemoryRunResults } from '../../../../fakes/memory-run-log.ts';
import { recordingLogger } from '../../../../fakes/recording-logger.ts';
import { scriptedFetch } from '../../../../fakes/scripted-fetch.ts';
import { TransactionTable } from '../../../../fakes/transaction-table.ts';

export const runId = 'probe@w';
/** What jobs on this stage get for a token. */
export const handedOut = 'opaque-token-of-no-known-form';

export const tenantId = (number: number): TenantId =>
  parseTenantId(`00000000-0000-4000-8000-${String(number).padStart(12, '0')}`)!;

export interface RunStage {
  readonly deps: TenantRunDeps & FinishRunDeps;
  readonly clock: FakeClock;
  readonly runLog: MemoryRunLog;
  readonly results: MemoryRunResults;
  readonly logger: ReturnType<typeof recordingLogger>;
  /** Tenants whose job was started, in order. */
  readonly started: TenantId[];
  readonly attempt: (index: number, input?: Partial<TenantRunInput>) => Promise<TenantRunResult>;
}

/** A started run of one job over `count` tenants, on storage in memory. */
export async function stageRun(
  run: (context: JobContext) => Promise<unknown>,
  count = 3,
  more: Partial<JobDefinition> = {},
): Promise<RunStage> {
  const clock = new FakeClock();
  const runLog = new MemoryRunLog();
  const results = new MemoryRunResults(runLog);
  const logger = recordingLogger();
  const started: TenantId[] = [];
  let ids = 0;
  const tokens: TokenSource = {
    getToken: async (request: TokenRequest): Promise<AccessToken> => ({
      ...request,
      secret: new Secret(handedOut),
      scopes: [],
      expiresAtMs: clock.nowMs() + 3_600_000,
      fromCache: false,
    }),
    forgetTenant: () => undefined,
  };
  const job = defineJob({
    name: 'probe',
    title: 'Probe',
    resources: ['graph'],
    timeoutSeconds: 60,
    ...more,
    run: (context) => {
      started.push(context.tenant.tenantId);
      return run(context) as ReturnType<JobDefinition['run']>;
    },
  });
  await startRun({ clock, runLog, results }, runId, count);
  const deps: RunStage['deps'] = {
    fetch: scriptedFetch(() => ({})).fetch,
    clock,
    resolveTxt: async () => [],
    random: () => 0,
    log: logger.log,
    requestSlots: createTenantSlots(8),
    tokens,
    resources: createResourceRegistry(clouds.public, []),
    endpoints: clouds.public.endpoints,
    permissionMap: async () => partnerMap(),
    partnerTenantId: tenantId(99),
    jobs: createJobRegistry([job]),
    runs: {
      log: runLog,
      results,
      plans: createRunPlans({ results, runLog }),
      stops: createRunStops({ runLog, clock }),
      history: new TableHistory(async () => new TransactionTable().client),
    },
    jobPositions: (stack) => stack,
    askTenant: () => Promise.reject(new TypeError('no query here')),
    changes: {
      carryOut: () => Promise.reject(new TypeError('no apply here')),
      failed: () => Promise.reject(new TypeError('no apply here')),
    },
    newId: () => `attempt-${started.length}-${ids++}`,
    spans: noSpans,
  };
  const attempt = (index: number, input: Partial<TenantRunInput> = {}): Promise<TenantRunResult> =>
    runTenant(deps, { runId, index, round: 1, last: false, ...input });
  return { deps, clock, runLog, results, logger, started, attempt };
}

/** Starts a run of the job `probe` over `count` tenants. */
export async function startRun(
  { clock, runLog, results }: Pick<RunStage, 'clock' | 'runLog' | 'results'>,
  id: RunId,
  count: number,
  first = 0,
): Promise<void> {
  const { job = '', window = '' } = parseRunId(id) ?? {};
  const plan: RunPlan = {
    job: 'probe',
    parameters: {},
    attempt: Array.from({ length: count }, (_, index) => ({
      tenantId: tenantId(first + index),
      name: `Tenant ${first + index}`,
    })),
    decided: [],
  };
  await runLog.create({ runId: id, job, window, startedBy: 'timer', createdAtMs: clock.nowMs() }, { parameters: {} });
  await runLog.change(id, {
    status: 'running',
    startedAtMs: clock.nowMs(),
    tenants: { total: count, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 },
  });
  const { digest } = await results.putPlan(id, plan);
  await runLog.change(id, { planDigest: digest });
}

/** The record of a tenant that succeeded without rows. */
export const recordOf = (number: number, more: Partial<TenantRun> = {}): TenantRun => ({
  tenantId: tenantId(number),
  name: `Tenant ${number}`,
  outcome: 'succeeded',
  round: 1,
  rows: 0,
  columns: [],
  startedAtMs: 0,
  finishedAtMs: 0,
  ...more,
});
