import { partnerMap } from 'graph-permissions/partner-table';
import { parsePolicy } from '../../../../src/lib/access/policy/parse-policy.ts';
import { type CarryOutDeps, carryOut, createApplyMemory } from '../../../../src/lib/changes/carry-out.ts';
import type { Change } from '../../../../src/lib/changes/change.ts';
import { defineChange } from '../../../../src/lib/changes/define-change.ts';
import { holdIfBad, judgeWave } from '../../../../src/lib/changes/judge-wave.ts';
import { ruleDigest } from '../../../../src/lib/changes/rule-digest.ts';
import type { Stage } from '../../../../src/lib/changes/life.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { clouds, createResourceRegistry } from '../../../../src/lib/core/resources.ts';
import { type AccessToken, Secret, type TokenRequest } from '../../../../src/lib/core/secrets.ts';
import { noSpans } from '../../../../src/lib/core/spans.ts';
import type { JudgeWaveInput } from '../../../../src/lib/runs/engine/apply-waves.ts';
import { runTenant, type TenantRunDeps, type TenantRunResult } from '../../../../src/lib/runs/engine/tenant-run.ts';
import { createTenantSlots } from '../../../../src/lib/runs/engine/visit-tenants.ts';
import type { JobContext } from '../../../../src/lib/runs/job/job.ts';
import { createJobRegistry } from '../../../../src/lib/runs/job/job.ts';
import type { ApplyRequest, ChangeRequest, RunId, TenantRun } from '../../../../src/lib/runs/store/run.ts';
import { createRunPlans, createRunStops } from '../../../../src/lib/runs/store/runs.ts';
import { digestOfLeaves } from '../../../../src/lib/runs/store/stored-plan.ts';
import { GatedTokens } from '../../../../src/lib/tokens/issue-token.ts';
import { MemoryRunLog, MemoryRunResults } from '../../../fakes/memory-run-log.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { delegatedTenant } from '../../../support/delegated-tenant.ts';
import { portal, stage as stageGateway } from '../gateway/send/stage.ts';
import { tenantId } from '../runs/store/stage.ts';
import { type Objects, SimulatedGraph } from './simulated-graph.ts';

const permissions = [
  'Directory.Read.All',
  'User.ReadWrite.All',
  'Group.ReadWrite.All',
  'User.RevokeSessions.All',
  'Application.ReadWrite.All',
  'Policy.Read.All',
  'Policy.ReadWrite.ConditionalAccess',
  'DelegatedAdminRelationship.ReadWrite.All',
];
export const planId = 'adjust@plan';
export const applyId = 'adjust@apply-00000000000000000000000000000000';

const rule = {
  name: 'adjusts',
  callers: { applications: [portal.applicationId] },
  tenants: ['*'],
  changes: ['adjust'],
};

export interface ChangeStageOptions {
  readonly plan: (context: JobContext) => Promise<readonly Change[]> | readonly Change[];
  readonly objects?: Objects;
  /** Tenants in each wave. */
  readonly waves?: readonly number[];
  readonly apply?: Partial<ApplyRequest>;
  /** One more of the job. */
  readonly permission?: string;
}

/** A plan of one job over simulated tenants, and its apply, on storage in memory. */
export async function stageChanges({ plan, objects = {}, waves = [1], apply = {}, permission }: ChangeStageOptions) {
  const count = waves.reduce((sum, wave) => sum + wave, 0);
  const gateway = stageGateway();
  const { clock, audit } = gateway;
  const graphs = Array.from({ length: count }, () => new SimulatedGraph(() => clock.nowMs(), objects));
  const graphOf = (authorization: string | null | undefined): SimulatedGraph => {
    const [, index] = /tenant-(\d+)-/.exec(authorization ?? '') ?? [];
    const graph = graphs[Number(index)];
    if (graph === undefined) throw new TypeError('no tenant has this token');
    return graph;
  };
  const runLog = new MemoryRunLog();
  const results = new MemoryRunResults();
  const logger = recordingLogger();
  const world = {
    rules: [rule] as readonly object[],
    /** Tenants that are excluded. */
    excluded: new Set<TenantId>(),
    /** Runs when a token for a write is asked for. */
    beforeToken: (): Promise<unknown> => Promise.resolve(),
    /** What the process that visits remembers. */
    memory: createApplyMemory(),
    /** Runs before a document of an apply is stored. */
    beforeStore: Promise.resolve.bind(Promise) as (text: string) => Promise<unknown>,
  };
  const policy = {
    current: async () => {
      const parsed = parsePolicy(JSON.stringify({ version: 1, rules: world.rules }));
      if (!parsed.ok) throw new Error(parsed.problems.join(' '));
      return { policy: parsed.policy, state: 'current' as const, loadedAtMs: 0 };
    },
  };
  const numberOf = (id: string): number => Number(id.slice(-12));
  const token = async (request: TokenRequest): Promise<AccessToken> => ({
    ...request,
    secret: new Secret(`tenant-${numberOf(request.tenantId)}-${'t'.repeat(40)}`),
    scopes: permissions,
    expiresAtMs: clock.nowMs() + 3_600_000,
    fromCache: false,
  });
  const directory = {
    find: async (id: TenantId) => delegatedTenant(id, `Tenant ${numberOf(id)}`),
    excludes: async (id: TenantId) => world.excluded.has(id),
    tenantOf: async () => undefined,
  };
  let ids = 0;
  const newId = (): string => `id-${(ids += 1)}`;
  // Its fields are private, so its methods cannot be inherited.
  const storage = new Proxy(results, {
    get: (target, name: keyof MemoryRunResults) => {
      if (name !== 'putDocument') return (target[name] as () => unknown).bind(target);
      return async (...given: Parameters<MemoryRunResults['putDocument']>) => {
        await world.beforeStore(given[2]);
        return target.putDocument(...given);
      };
    },
  });
  const carryOutDeps: CarryOutDeps = {
    gateway: {
      ...gateway.deps,
      policy,
      tokens: new GatedTokens({
        policy,
        directory,
        partnerTenantId: portal.tenantId,
        tokens: {
          getToken: async (request) => {
            await world.beforeToken();
            return token(request);
          },
          getNewerToken: token,
          forgetTenant: () => undefined,
        },
      }),
      upstream: (request) => graphOf(request.headers['authorization']).send(request),
    },
    runs: { log: runLog, results: storage, plans: createRunPlans({ results, runLog }) },
    newId,
    log: logger.log,
    get memory() {
      return world.memory;
    },
  };
  const job = defineChange({
    name: 'adjust',
    title: 'Adjusts',
    permissions: [...permissions, ...(permission === undefined ? [] : [permission])],
    plan: async (context) => plan(context),
  });
  const stops = createRunStops({ runLog, clock });
  const judgeDeps = { clock, newId, log: logger.log, runs: { log: runLog, results, stops } };
  const deps: TenantRunDeps = {
    fetch: async (url, init) => graphOf(new Headers(init.headers).get('authorization')).read(url),
    clock,
    resolveTxt: async () => [],
    random: () => 0,
    log: logger.log,
    requestSlots: createTenantSlots(8),
    tokens: {
      getToken: async (request) => {
        if (!world.excluded.has(request.tenantId)) return token(request);
        throw new BrokerError('tenant_excluded', 'It is excluded.');
      },
      forgetTenant: () => undefined,
    },
    resources: createResourceRegistry(clouds.public, []),
    endpoints: clouds.public.endpoints,
    permissionMap: async () => partnerMap(),
    partnerTenantId: portal.tenantId,
    jobs: createJobRegistry([job]),
    runs: { log: runLog, results, plans: createRunPlans({ results, runLog }), stops },
    jobPositions: (stack) => stack,
    askTenant: () => Promise.reject(new TypeError('no query here')),
    changes: {
      carryOut: (attempt, visit) => carryOut(carryOutDeps, attempt, visit),
      failed: (...given) => holdIfBad(judgeDeps, ...given),
    },
    newId,
    spans: noSpans,
  };

  async function startRun(runId: RunId, change?: ChangeRequest, planned?: ReadonlyMap<TenantId, TenantRun>) {
    const waveOf = (index: number): number => {
      let [left, wave] = [index, 0];
      while (left >= (waves[wave] ?? Infinity)) left -= waves[wave++] ?? 0;
      return wave + 1;
    };
    const attempt = graphs.map((_, index) => {
      const { rowsName, rowsDigest } = planned?.get(tenantId(index)) ?? {};
      const ofApply = planned === undefined ? {} : { wave: waveOf(index), planned: { rowsName, rowsDigest } };
      return { tenantId: tenantId(index), name: `Tenant ${index}`, ...ofApply };
    });
    const [, window = ''] = runId.split('@');
    const about = change === undefined ? {} : { change, asker: portal };
    await runLog.create(
      { runId, job: 'adjust', window, startedBy: 'x', createdAtMs: clock.nowMs() },
      { parameters: {}, ...about },
    );
    const { digest } = await results.putPlan(runId, { job: 'adjust', parameters: {}, attempt, decided: [], ...about });
    await runLog.change(runId, { status: 'running', startedAtMs: clock.nowMs(), planDigest: digest });
  }

  const records = async (runId: RunId): Promise<ReadonlyMap<TenantId, TenantRun>> =>
    new Map((await Array.fromAsync(runLog.tenants(runId))).map((record) => [record.tenantId, record]));

  let round = 0;
  /** One visit of a tenant, as an activity. */
  const visit = (
    index: number,
    { refusal, ...more }: { readonly again?: boolean; readonly last?: boolean; readonly refusal?: BrokerError } = {},
    runId = applyId,
  ) => runTenant(deps, { runId, index, round: (round += 1), last: false, ...more }, undefined, async () => refusal);
  /** Visits a tenant until it has its outcome, with the time that passes in between. */
  async function settle(index: number, more: { readonly again?: boolean } = {}): Promise<TenantRunResult> {
    for (let visits = 0; visits < 200; visits += 1) {
      const result = await visit(index, more);
      if (result.outcome !== 'retrying') return result;
      await clock.advance((result.retryAfterSeconds ?? 1) * 1_000);
    }
    throw new Error(`the tenant does not settle: ${logger.lines.at(-1)?.line}`);
  }
  /** The rows of a tenant. */
  async function rowsOf(index: number, runId = applyId): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { rowsName } = (await runLog.findTenant(runId, tenantId(index))) ?? {};
    if (rowsName === undefined) return [];
    const text = (await Array.fromAsync(results.rows(runId, rowsName))).join('');
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]));
  }
  const stagesOf = async (index: number): Promise<readonly Stage[]> => {
    const { text } = (await results.document(applyId, tenantId(index))) ?? { text: '{"stages":[]}' };
    return (JSON.parse(text) as { readonly stages: readonly Stage[] }).stages;
  };
  const outcomesOf = async (index: number): Promise<readonly unknown[]> =>
    (await rowsOf(index)).map(({ outcome }) => outcome);

  await startRun(planId);
  for (const index of graphs.keys()) {
    const result = await visit(index, {}, planId);
    if (result.outcome !== 'succeeded')
      throw new Error(JSON.stringify(await runLog.findTenant(planId, tenantId(index))));
  }
  const planned = await records(planId);
  const request: ApplyRequest = {
    kind: 'apply',
    plan: planId,
    digest: digestOfLeaves(new Map([...planned].map(([id, { rowsDigest = '' }]) => [id, rowsDigest]))),
    waves,
    stop: { failed: 3, unclear: 1 },
    pauseMinutes: 0,
    confirmWaves: false,
    expiresAtMs: clock.nowMs() + 86_400_000,
    rules: (await policy.current()).policy.rules.map(ruleDigest),
    ...apply,
  };
  await startRun(applyId, request, planned);
  return {
    audit,
    clock,
    graphs,
    graph: graphs[0] as SimulatedGraph,
    judge: (input: Omit<JudgeWaveInput, 'runId'>) => judgeWave(judgeDeps, { runId: applyId, ...input }),
    logger,
    outcomesOf,
    request,
    results,
    rowsOf,
    runLog,
    settle,
    stagesOf,
    startRun,
    visit,
    world,
  };
}
