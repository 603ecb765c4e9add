import type { PendingApprovalAnswer } from '../lib/api/answers/approvals.ts';
import type { DecidedApplyAnswer, PlanAnswer, PlansAnswer } from '../lib/api/answers/plans.ts';
import { exampleDomain, examplePlanId, exampleTime } from '../lib/api/examples.ts';
import { conditionFailures, directoryFailures, jsonContent, type RouteDocument } from '../lib/api/route.ts';
import {
  applySchema,
  goOnSchema,
  listPlansQuerySchema,
  maxStartRunBytes,
  startRunSchema,
} from '../lib/api/requests.ts';
import { pendingAnswer } from '../lib/approvals/meet-condition.ts';
import { once } from '../lib/core/single-flight.ts';
import { readInTime, visibleRuns } from '../lib/runs/reading/visible-runs.ts';
import { jobRegistry } from './job-registry.ts';
import { runDeps } from './orchestrations.ts';
import { route } from './route.ts';
import {
  documentStartedRun,
  idempotencyKeyHeader,
  ownWindow,
  startedRunAnswer,
  startFailures,
  startNamed,
} from './started-run.ts';

/** Loaded by the first request for a plan, to keep start-up short. */
const loadPlans = once(() => import('../lib/changes/plans.ts'));

const planParameter = { planId: { description: 'Id of the plan.', example: examplePlanId } };
const runFailures = ['run_not_found', 'plan_changed', ...directoryFailures, 'storage_unavailable'] as const;

route(
  {
    name: 'plans-make',
    method: 'POST',
    path: '/jobs/{job}/plans',
    access: 'Changes.Plan',
    body: startRunSchema,
    maxBodyBytes: maxStartRunBytes,
    durable: true,
    failures: startFailures,
    document: documentMake,
  },
  async (services, call) => {
    const { changeJob } = await loadPlans();
    return startNamed(services, changeJob(jobRegistry, call.path.job).name, call);
  },
);

route(
  {
    name: 'plans',
    method: 'GET',
    path: '/plans',
    access: 'Runs.Read',
    query: listPlansQuerySchema,
    failures: ['storage_unavailable'],
    document: documentList,
  },
  async (services, { caller, query: { limit } }) => {
    const { applyIdOf, isPlan, viewPlanSummary } = await loadPlans();
    const visible = await visibleRuns(services, caller);
    const jobs = jobRegistry.list().filter(({ changes }) => changes === true);
    const answer: PlansAnswer = await readInTime(services.clock, visible, async (inTime) => {
      const found = await Promise.all(jobs.map(({ name }) => inTime.log.list({ job: name, limit: 2 * limit })));
      const runs = found.flat();
      const byId = new Map(runs.map((run) => [run.runId, run]));
      const plans = runs
        .filter((run) => isPlan(jobRegistry, run))
        .toSorted((one, other) => other.createdAtMs - one.createdAtMs)
        .slice(0, limit);
      const reading = { jobs: jobRegistry, runs: services.runs, visible: inTime };
      return { plans: await Promise.all(plans.map((run) => viewPlanSummary(reading, run, byId.get(applyIdOf(run))))) };
    });
    return { status: 200, jsonBody: answer };
  },
);

route(
  {
    name: 'plans-show',
    method: 'GET',
    path: '/plans/{planId}',
    access: 'Runs.Read',
    failures: runFailures,
    document: documentShow,
  },
  async (services, { caller, path }) => {
    const { findPlan, viewPlan } = await loadPlans();
    const visible = await visibleRuns(services, caller);
    const answer: PlanAnswer = await readInTime(services.clock, visible, async (inTime) =>
      viewPlan(
        { jobs: jobRegistry, runs: services.runs, visible: inTime },
        await findPlan(jobRegistry, inTime, path.planId),
      ),
    );
    return { status: 200, jsonBody: answer };
  },
);

route(
  {
    name: 'plans-apply',
    method: 'POST',
    path: '/plans/{planId}/apply',
    access: 'Changes.Apply',
    body: applySchema,
    durable: true,
    failures: ['policy_missing', 'plan_expired', 'run_conflict', ...conditionFailures, ...runFailures],
    document: documentApply,
  },
  async (services, { path, body, caller, correlationId, orchestrations, log }) => {
    const { applyPlan } = await loadPlans();
    const deciding = { caller, correlationId, orchestrations, log };
    const outcome = await applyPlan(runDeps(services, orchestrations), path.planId, body, deciding);
    if ('runId' in outcome) return startedRunAnswer(outcome.runId);
    const { body: pending, ...answer } = pendingAnswer(outcome.pending);
    return { ...answer, jsonBody: pending satisfies PendingApprovalAnswer };
  },
);

const decision = {
  method: 'POST',
  access: 'Changes.Apply',
  durable: true,
  failures: ['request_invalid', 'policy_missing', ...runFailures],
} as const;

const decided = (planId: string, runId: string) => ({
  status: 202,
  jsonBody: { planId, runId } satisfies DecidedApplyAnswer,
});

route(
  {
    ...decision,
    name: 'plans-go-on',
    path: '/plans/{planId}/go-on',
    body: goOnSchema,
    document: async () => ({
      ...(await documentDecision(
        'Let an apply go on',
        'For an apply that a limit holds, or that waits after a wave. The tenants that ended badly so far do not hold it again.',
      )),
      bodyExample: { waitsFor: 'wave-1', reason: 'Quiet since yesterday, no tickets.' },
    }),
  },
  async (services, { path: { planId }, body: { waitsFor, reason }, caller, correlationId, orchestrations, log }) => {
    const deciding = { caller, correlationId, orchestrations, log, seen: waitsFor, reason };
    return decided(planId, await (await loadPlans()).goOn(runDeps(services, orchestrations), planId, deciding));
  },
);

route(
  {
    ...decision,
    name: 'plans-end',
    path: '/plans/{planId}/end',
    document: () =>
      documentDecision('End an apply', 'Nothing more is sent. What was sent is read a last time and gets its outcome.'),
  },
  async (services, { path: { planId }, caller, correlationId, orchestrations, log }) => {
    const deciding = { caller, correlationId, orchestrations, log };
    return decided(planId, await (await loadPlans()).endApply(runDeps(services, orchestrations), planId, deciding));
  },
);

route(
  {
    name: 'plans-undo',
    method: 'POST',
    path: '/plans/{planId}/undo',
    access: 'Changes.Plan',
    durable: true,
    failures: ['request_invalid', 'run_conflict', 'idempotency_key_reused', ...runFailures],
    document: documentUndo,
  },
  async (services, { request: { headers }, path, caller, correlationId, orchestrations }) => {
    const { planUndoOf } = await loadPlans();
    const window = ownWindow(headers, caller, services.newId, path);
    const deps = runDeps(services, orchestrations);
    return startedRunAnswer(await planUndoOf(deps, path.planId, window, { caller, correlationId }));
  },
);

async function documentMake(): Promise<RouteDocument> {
  const { startRunBody } = await import('../lib/api/answers/jobs.ts');
  return {
    group: 'Changes',
    summary: 'Make a plan',
    description:
      'Runs a change job over tenants. It only reads. The results of the run are the changes that it would make, each with the state before and after. `GET /api/plans/{planId}` sums them up.',
    pathParameters: { job: { description: 'Name of the change job.', example: 'block-user-consent' } },
    requestHeaders: idempotencyKeyHeader,
    bodySchema: startRunBody(jobRegistry.list()),
    bodyExample: { tenants: [exampleDomain, 'tag:managed'] },
    answers: [await documentStartedRun(examplePlanId)],
  };
}

const exampleCounts = { total: 25, succeeded: 25, failed: 0, skipped: 0, notAttempted: 0 };
const examplePlan = {
  planId: examplePlanId,
  job: 'block-user-consent',
  title: 'Users cannot consent to applications',
  status: 'completed',
  tenants: exampleCounts,
  madeAt: exampleTime,
  madeBy: 'ada@partner.example',
  expiresAt: '2026-11-25T05:00:41.500Z',
  apply: {
    runId: 'block-user-consent@apply-0b8f1c2d3e4f50617283940a1b2c3d4e',
    status: 'running',
    tenants: { ...exampleCounts, succeeded: 3 },
    wave: 2,
    waves: [1, 2, 22],
    waveNames: ['group:pilot', '10%', '100%'],
    waits: true,
    stop: { failed: 3, unclear: 1 },
    gates: [{ wave: 1, at: exampleTime, by: 'ada@partner.example', reason: 'Quiet since yesterday, no tickets.' }],
  },
};

async function documentList(): Promise<RouteDocument> {
  const { plansAnswerSchema } = await import('../lib/api/answers/plans.ts');
  return {
    group: 'Changes',
    summary: 'List plans',
    description: 'The newest plan is first, each with the state of its apply.',
    queryExample: { limit: '20' },
    answers: [
      { status: 200, description: 'The plans.', contents: [jsonContent(plansAnswerSchema, { plans: [examplePlan] })] },
    ],
  };
}

async function documentShow(): Promise<RouteDocument> {
  const { planAnswerSchema } = await import('../lib/api/answers/plans.ts');
  const example = {
    ...examplePlan,
    digest: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    changedTenants: 25,
    changes: 25,
    irreversible: 0,
    groups: [
      {
        action: 'update',
        target: '/policies/authorizationPolicy',
        before:
          '{"defaultUserRolePermissions":{"permissionGrantPoliciesAssigned":["ManagePermissionGrantsForSelf.microsoft-user-default-legacy"]}}',
        after: '{"defaultUserRolePermissions":{"permissionGrantPoliciesAssigned":[]}}',
        undo: 'yes',
        tenants: 25,
      },
    ],
    more: false,
  };
  return {
    group: 'Changes',
    summary: 'Show a plan',
    description:
      'What the plan changes, grouped by what is the same in many tenants, and what became of it. `GET /api/runs/{runId}/results` has every change of the plan, and of its apply with the outcomes.',
    pathParameters: planParameter,
    answers: [{ status: 200, description: 'The plan.', contents: [jsonContent(planAnswerSchema, example)] }],
  };
}

async function documentApply(): Promise<RouteDocument> {
  const { startedApplySchema } = await import('../lib/api/answers/plans.ts');
  const { contents, ...started } = await documentStartedRun(examplePlan.apply.runId);
  return {
    group: 'Changes',
    summary: 'Apply a plan',
    description:
      'Makes the changes of a plan, once, in waves of tenants. Each tenant is read again before: what is not as planned is left alone. Rules of the policy with `changes` say who may, where, and whether other people must approve it: then the answer has an `approvalId`, and the same request is sent again after the approval.',
    pathParameters: planParameter,
    bodyExample: { waves: ['group:pilot', '10%', '100%'], stop: { failed: 3, unclear: 1 } },
    answers: [
      {
        ...started,
        description: 'The apply is recorded and will start, or it waits for an approval.',
        contents: [jsonContent(startedApplySchema, contents[0]?.example)],
      },
    ],
  };
}

async function documentDecision(summary: string, description: string): Promise<RouteDocument> {
  const { decidedApplySchema } = await import('../lib/api/answers/plans.ts');
  const example = { planId: examplePlanId, runId: examplePlan.apply.runId };
  return {
    group: 'Changes',
    summary,
    description,
    pathParameters: planParameter,
    answers: [{ status: 202, description: 'It is recorded.', contents: [jsonContent(decidedApplySchema, example)] }],
  };
}

async function documentUndo(): Promise<RouteDocument> {
  return {
    group: 'Changes',
    summary: 'Plan to undo an apply',
    description:
      'Makes a plan of the opposites of what an apply changed, the newest first. What is no longer as it was applied is left alone. It is approved and applied like any plan.',
    pathParameters: planParameter,
    requestHeaders: idempotencyKeyHeader,
    answers: [await documentStartedRun(examplePlanId)],
  };
}
