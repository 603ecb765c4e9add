import * as df from 'durable-functions';
import * as z from 'zod';
import type { Services } from '../composition.ts';
import {
  announceRunName,
  exportRunName,
  fanOut,
  fanOutBatch,
  fanOutBatchName,
  fanOutName,
  finishRunName,
  listTenantsName,
  tenantRunName,
  visitTenantsName,
} from '../lib/runs/engine/fan-out.ts';
import { applyWaves, applyWavesName, judgeWaveName, wavePhases } from '../lib/runs/engine/apply-waves.ts';
import type { TenantGroups } from '../lib/access/tenants/tenant-set.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { errorFields } from '../lib/core/log.ts';
import { once } from '../lib/core/single-flight.ts';
import { announceRun } from '../lib/runs/engine/announce-run.ts';
import { exportRun } from '../lib/runs/reading/result-page.ts';
import { finishRun } from '../lib/runs/engine/finish-run.ts';
import { givingWay, visitInTurn, type VisitTenantsDeps } from '../lib/runs/engine/visit-tenants.ts';
import { errorCodeSchema } from '../lib/runs/engine/run-schemas.ts';
import { runTenant } from '../lib/runs/engine/tenant-run.ts';
import { isApplyWindow, parseRunId } from '../lib/runs/store/run.ts';
import { activity, durableActivity } from './activity.ts';
import { jobRegistry } from './job-registry.ts';

df.app.orchestration(fanOutName, fanOut);
df.app.orchestration(fanOutBatchName, fanOutBatch);
df.app.orchestration(applyWavesName, applyWaves);

const runInput = z.object({ runId: z.string() });
const tenantRunInput = runInput.extend({ index: z.number(), round: z.number(), last: z.boolean() });
const visitTenantsInput = runInput.extend({
  indexes: z.array(z.number()),
  round: z.number(),
  last: z.boolean(),
  again: z.boolean().optional(),
  takenEvent: z.string().optional(),
});
const finishRunInput = runInput.extend({
  stoppedBy: z.object({ code: errorCodeSchema, detail: z.string() }).optional(),
  lostBy: errorCodeSchema.optional(),
});

activity(listTenantsName, runInput, async (services, input) => {
  const { planRun } = await import('../lib/runs/engine/plan-run.ts');
  return planRun({ ...services, jobs: jobRegistry, groups: () => groupsInForce(services) }, input);
});

async function groupsInForce({ callers }: Services): Promise<TenantGroups> {
  const { policy, state, problem, isTransient } = await callers.policy.current();
  if (state === 'deny-all')
    throw new BrokerError(isTransient ? 'storage_unavailable' : 'policy_missing', problem ?? '');
  return policy.groups;
}

activity(tenantRunName, tenantRunInput, (services, input) => runTenant(visitDeps(services), input));

durableActivity(visitTenantsName, visitTenantsInput, (services, orchestrations, input) =>
  visitInTurn({ ...visitDeps(services), orchestrations }, input),
);

const judgeWaveInput = runInput.extend({
  wave: z.number(),
  phase: z.enum(wavePhases),
  looks: z.number().optional(),
});

activity(judgeWaveName, judgeWaveInput, async (services, input) => {
  const { judgeAndAnnounce } = await loadChanges();
  return judgeAndAnnounce(services, input);
});

activity(finishRunName, finishRunInput, finishRun);

activity(exportRunName, runInput, (services, { runId }) => exportRun({ ...services, jobs: jobRegistry }, runId));

activity(announceRunName, runInput, async (services, input) => {
  try {
    return await announceEnd(services, input);
  } catch (thrown) {
    services.log.log('warn', 'run.not_announced', { runId: input.runId, ...errorFields(thrown) });
    throw thrown;
  }
});

/** Announces a run that has ended, or an apply. @throws the failure of the receiver or of storage. */
export async function announceEnd(
  services: Services,
  input: { readonly runId: string },
): Promise<{ readonly announced: boolean }> {
  if (!isApplyWindow(parseRunId(input.runId)?.window ?? ''))
    return announceRun({ ...services, jobs: jobRegistry }, input);
  const { announceApply } = await loadChanges();
  return announceApply(services, input);
}

/** Loaded by the first query, to keep start-up short. */
const loadQueries = once(async () => {
  const { askTenant, createRowMemory } = await import('../lib/gateway/queries/ask-tenant.ts');
  return { askTenant, rowMemory: createRowMemory() };
});

/** Loaded by the first apply, to keep start-up short. */
const loadChanges = once(async () => {
  const { carryOut, createApplyMemory } = await import('../lib/changes/carry-out.ts');
  return {
    carryOut,
    memory: createApplyMemory(),
    ...(await import('../lib/changes/judge-wave.ts')),
    ...(await import('../lib/changes/announce-apply.ts')),
  };
});

const visitDeps = (services: Services): VisitTenantsDeps => givingWay(dependencies(services), services.turns);

const dependencies = (services: Services): VisitTenantsDeps => ({
  ...services,
  jobs: jobRegistry,
  tokens: services.jobTokens,
  partnerTenantId: services.settings.PARTNER_TENANT_ID,
  endpoints: services.settings.cloud.endpoints,
  permissionMap: () => services.permissionMap.current(),
  askTenant: async (visit) => {
    const { askTenant, rowMemory } = await loadQueries();
    const upstream = services.turns.before(services.gateway.upstream);
    return askTenant({ ...services, gateway: { ...services.gateway, upstream }, rowMemory }, visit);
  },
  changes: {
    carryOut: async (attempt, visit) => {
      const { carryOut, memory } = await loadChanges();
      return carryOut({ ...services, memory }, attempt, visit);
    },
    failed: async (...apply) => (await loadChanges()).holdIfBad(services, ...apply),
  },
});
