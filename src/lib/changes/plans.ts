import { LRUCache } from 'lru-cache';
import { type NamedTenantsDeps, selectedBy } from '../access/tenants/named-tenants.ts';
import { conditionRank, rulesForChanges } from '../access/policy/decide.ts';
import type { ApprovalTerms, Rule } from '../access/policy/policy.ts';
import { knowTenants } from '../access/tenants/selected-tenants.ts';
import { selects } from '../access/tenants/tenant-set.ts';
import { visibleTenants } from '../access/tenants/visible-tenants.ts';
import { admit } from '../approvals/admit.ts';
import type { ApprovalRequester } from '../approvals/approval-log.ts';
import {
  type Approval,
  digestOf as subjectDigest,
  type Fact,
  partyOf,
  severalTenants,
  stricter,
  type Subject,
} from '../approvals/approval.ts';
import type { Approvals } from '../approvals/approvals.ts';
import { type Claim, claimApproval, freeClaim } from '../approvals/meet-condition.ts';
import { actorOf, type Caller, callerIdOf, type Justification } from '../core/caller.ts';
import { dayMs, isoTime, minuteMs } from '../core/clock.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { defined } from '../core/objects.ts';
import { listed } from '../core/text.ts';
import { textForDeciders } from '../gateway/send/shown-body.ts';
import { startRun, type StartRunDeps } from '../runs/engine/start-run.ts';
import type { Job, JobRegistry } from '../runs/job/job.ts';
import { resultParts, rowOf } from '../runs/reading/result-rows.ts';
import { controllableRun, findRun, type RunSource, type VisibleRunsDeps } from '../runs/reading/visible-runs.ts';
import {
  type ApplyRequest,
  applyWindow,
  isApplyWindow,
  isEnded,
  type Run,
  type RunId,
  runIdOf,
  type StopLimits,
  type TenantRun,
} from '../runs/store/run.ts';
import type { Runs } from '../runs/store/runs.ts';
import { digestOf, digestOfLeaves, leavesOf } from '../runs/store/stored-plan.ts';
import { badTenants, hasGoneOn, holdOf, stopFacts, waitsFor } from './judge-wave.ts';
import { irreversible } from './plan-rows.ts';
import { ruleDigest } from './rule-digest.ts';
import { defaultWaves, divide } from './waves.ts';

/** How long a plan can be applied after it was made. Later, tenants have changed too much for a look at it to mean anything. */
const validMs = dayMs;

/** What plans are made and applied with. */
export interface PlanDeps extends VisibleRunsDeps, NamedTenantsDeps, StartRunDeps {
  readonly runs: Pick<
    Runs,
    'log' | 'results' | 'stops' | 'plans' | 'schedules' | 'querySlots' | 'lastResults' | 'history'
  >;
  readonly approvals: Approvals;
  readonly newId: () => string;
}

/** A change job. @throws BrokerError job_unknown; request_invalid for a job that reports. */
export function changeJob(jobs: Pick<JobRegistry, 'find'>, name: string): Job {
  const job = jobs.find(name);
  if (job === undefined) throw new BrokerError('job_unknown', `There is no job "${name.slice(0, 40)}".`);
  if (job.changes === true) return job;
  throw new BrokerError(
    'request_invalid',
    `The job ${name} only reports. Start a run of it: \`ptb run ${name}\`, or POST /api/jobs/${name}/runs.`,
  );
}

/** Whether a run is a plan: of a change job, and no apply. */
export const isPlan = (jobs: Pick<JobRegistry, 'find'>, { job, window }: Pick<Run, 'job' | 'window'>): boolean =>
  jobs.find(job)?.changes === true && !isApplyWindow(window);

/** @throws BrokerError run_not_found, also for a run that is no plan. */
export async function findPlan(
  jobs: Pick<JobRegistry, 'find'>,
  runs: Pick<RunSource, 'log'>,
  planId: string,
): Promise<Run> {
  const run = await findRun(runs.log, planId);
  if (isPlan(jobs, run)) return run;
  throw new BrokerError('run_not_found', 'No plan has this id.');
}

/** The id of the one run that applies a plan. */
export const applyIdOf = ({ runId, job }: Pick<Run, 'runId' | 'job'>): RunId =>
  runIdOf(job, applyWindow(digestOf(runId)));

/** Until when a plan can be applied. Undefined while it is being made. */
export const expiryOf = ({ finishedAtMs }: Run): number | undefined =>
  finishedAtMs === undefined ? undefined : finishedAtMs + validMs;

/** The same change in many tenants. */
export interface ChangeGroup {
  readonly action: string;
  readonly target: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly undo: string;
  readonly tenants: number;
}

/** What a plan would change. */
export interface ChangeSummary {
  readonly changes: number;
  readonly irreversible: number;
  /** Those that cannot be undone first, then those of most tenants. */
  readonly groups: readonly ChangeGroup[];
  /** Whether there are more groups than these. */
  readonly more: boolean;
}

/** Groups of a summary, and as many again that cannot be undone. A plan in which each tenant differs has as many as changes. */
const mostGroups = 200;

/** Reads the rows of a plan, and groups what is the same in many tenants. */
async function summarise(runs: RunSource, run: Run): Promise<ChangeSummary> {
  const groups = new Map<string, ChangeGroup>();
  let [changes, lasting, more] = [0, 0, false];
  for await (const part of resultParts(runs, run))
    for (const line of part.lines) {
      const { action, target, before, after, undo } = rowOf(part, line) as unknown as ChangeGroup;
      changes += 1;
      if (undo.startsWith(irreversible)) lasting += 1;
      const key = JSON.stringify([action, target, before, after, undo]);
      const known = groups.get(key);
      const isRoom = groups.size < mostGroups || (undo.startsWith(irreversible) && groups.size < 2 * mostGroups);
      if (known === undefined && !isRoom) more = true;
      else groups.set(key, { action, target, before, after, undo, tenants: (known?.tenants ?? 0) + 1 });
    }
  const isLasting = ({ undo }: ChangeGroup): number => Number(undo.startsWith(irreversible));
  return {
    changes,
    irreversible: lasting,
    groups: [...groups.values()].toSorted(
      (one, other) => isLasting(other) - isLasting(one) || other.tenants - one.tenants,
    ),
    more,
  };
}

/** The changes of an apply by what became of them, of the tenants that have ended. */
export async function outcomesOf(log: Pick<RunSource['log'], 'numbers'>, applyId: RunId) {
  const outcomes: Record<string, number> = {};
  for await (const { numbers } of log.numbers(applyId))
    for (const [outcome, [count]] of numbers?.split?.values ?? []) outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
  return outcomes;
}

/** Who applies a plan, goes on, or ends. */
export interface Deciding extends ApprovalRequester {
  readonly caller: Caller;
}

/** How a plan is applied, as a caller asks. */
export interface ApplyOptions extends Pick<Justification, 'reason' | 'askAgain'> {
  readonly waves?: readonly string[] | undefined;
  readonly stop?: { readonly [L in keyof StopLimits]?: number | undefined } | undefined;
  readonly pauseMinutes?: number | undefined;
  readonly confirmWaves?: boolean | undefined;
}

/** An apply has started, or waits for people. */
export type ApplyOutcome = { readonly runId: RunId } | { readonly pending: Approval };

function refuseAgents({ kind }: Caller): void {
  if (kind === 'agent')
    throw new BrokerError('caller_forbidden', 'An agent can make a plan. A person or a program applies it.');
}

/** The rules that let the caller apply a plan in each of these tenants, without repeats. @throws BrokerError caller_forbidden */
async function rulesOver(
  deps: PlanDeps,
  caller: Caller,
  job: string,
  tenants: readonly TenantId[],
): Promise<readonly Rule[]> {
  const rules = rulesForChanges((await deps.callers.policy.current()).policy, caller, job);
  if (rules.length === 0)
    throw new BrokerError(
      'caller_forbidden',
      `No rule of the policy lets this caller apply plans of ${job}. A rule does with "changes".`,
    );
  const known = await knowTenants(
    deps,
    rules.map((rule) => rule.tenants),
    callerIdOf(caller),
  );
  const used = new Set<Rule>();
  const open: TenantId[] = [];
  for (const tenantId of tenants) {
    const rule = rules.find((each) => selects(each.tenants, known.factsOf(tenantId)));
    if (rule === undefined) open.push(tenantId);
    else used.add(rule);
  }
  if (open.length > 0)
    throw new BrokerError(
      'caller_forbidden',
      `No rule of the policy lets this caller apply plans of ${job} in ${listed(open)}. Plan the tenants that a rule covers.`,
    );
  return [...used];
}

/**
 * Applies a plan, once. A rule may ask for an approval, which is bound to the digest of the plan, the waves and the limits.
 * @throws BrokerError run_not_found, request_invalid, plan_expired, run_conflict (the plan was applied), caller_forbidden,
 * approval_ended, too_many_approvals, and as `startRun` does.
 */
export async function applyPlan(
  deps: PlanDeps,
  planId: string,
  options: ApplyOptions,
  deciding: Deciding,
): Promise<ApplyOutcome> {
  const { caller, correlationId } = deciding;
  refuseAgents(caller);
  const run = await controllableRun(deps, caller, planId, 'Changes.Apply');
  if (!isPlan(deps.jobs, run)) throw new BrokerError('run_not_found', 'No plan has this id.');
  const applyId = applyIdOf(run);
  if ((await deps.runs.log.find(applyId)) !== undefined)
    throw new BrokerError('run_conflict', `The plan was applied: the run is ${applyId}.`);
  const expiresAtMs = expiryOf(run);
  if (run.status !== 'completed' || expiresAtMs === undefined)
    throw new BrokerError('request_invalid', `The plan is ${run.status}; only a completed one can be applied.`);
  if (deps.clock.nowMs() >= expiresAtMs)
    throw new BrokerError('plan_expired', `The plan expired at ${isoTime(expiresAtMs)}.`);
  const digests = digestsOf(await leavesOf(deps.runs.log, planId));
  const tenants = [...digests.keys()];
  if (tenants.length === 0)
    throw new BrokerError('request_invalid', 'The plan has no changes: every tenant is as it should be.');
  const digest = digestOfLeaves(digests);
  const rules = await rulesOver(deps, caller, run.job, tenants);
  const visible = await visibleTenants(deps, caller);
  const entries = options.waves ?? defaultWaves(tenants.length);
  const waves = await divide(entries, tenants, digest, async (entry) => {
    const { isSelected } = await selectedBy(deps, { caller, visible }, { tenants: [entry] });
    return isSelected;
  });
  const pauseMinutes = options.pauseMinutes ?? 60;
  if (deps.clock.nowMs() + (waves.length - 1) * pauseMinutes * minuteMs >= expiresAtMs)
    throw new BrokerError(
      'request_invalid',
      `The pauses between ${waves.length} waves end after the plan, which expires at ${isoTime(expiresAtMs)}.`,
    );
  const request = {
    kind: 'apply' as const,
    plan: planId,
    digest,
    expiresAtMs,
    waves: waves.map((wave) => wave.tenants.length),
    waveNames: waves.map(({ entry }) => entry),
    stop: { failed: options.stop?.failed ?? 3, unclear: options.stop?.unclear ?? 1 },
    pauseMinutes,
    confirmWaves: options.confirmWaves ?? true,
    rules: rules.map(ruleDigest),
  };
  // Of the tenants themselves: a tag may be given to others after an approval.
  const wavesDigest = digestOf(JSON.stringify(waves.map((wave) => wave.tenants)));
  const asked: Asked = { run, request: { ...request, entries, wavesDigest }, tenants, rules };
  const met = await meetApproval(deps, asked, options, deciding);
  if ('pending' in met) return met;
  const { claim, approvalId } = met;
  try {
    const runId = await startRun(deps, {
      job: run.job,
      window: applyWindow(digestOf(planId)),
      parameters: (await deps.runs.log.find(planId))?.parameters ?? {},
      startedBy: caller.applicationId,
      starter: actorOf(caller),
      correlationId,
      limits: async () => ({ tenants: waves.flatMap((wave) => wave.tenants) }),
      change: {
        request: defined({ ...request, approvalId }),
        asker: { ...caller, correlationId },
      },
    });
    await claim.conclude(true);
    return { runId };
  } catch (thrown) {
    // Once the run may exist, the watchdog starts it, so the approval is used.
    const mayHaveStarted = ['run_conflict', 'storage_unavailable', 'internal'].includes(toBrokerError(thrown).code);
    await (mayHaveStarted ? claim.conclude(false) : claim.giveBack());
    throw thrown;
  }
}

interface Asked {
  readonly run: Run;
  readonly request: StopRequest;
  readonly tenants: readonly TenantId[];
  readonly rules: readonly Rule[];
}

interface StopRequest {
  readonly digest: string;
  readonly entries: readonly string[];
  readonly wavesDigest: string;
  readonly stop: StopLimits;
  readonly pauseMinutes: number;
  readonly confirmWaves: boolean;
}

type Met = { readonly claim: Claim; readonly approvalId?: string } | { readonly pending: Approval };

async function meetApproval(deps: PlanDeps, asked: Asked, options: ApplyOptions, deciding: Deciding): Promise<Met> {
  const conditional = asked.rules.filter((rule) => conditionRank(rule) > 0);
  const [first] = conditional;
  if (first === undefined) return { claim: freeClaim };
  const terms = conditional
    .flatMap(({ approval }) => approval ?? [])
    .reduce<ApprovalTerms>(stricter, first.approval as ApprovalTerms);
  const subject = await subjectOf(deps, asked, conditional, deciding.caller);
  const { admitted, approval } = await admit(deps.approvals, subject, terms, { ...deciding, ...options });
  if (!admitted) return { pending: approval };
  const claim = await claimApproval(deps.approvals, approval, terms, deciding);
  try {
    await claim.confirm();
  } catch (thrown) {
    await claim.giveBack();
    throw thrown;
  }
  return { claim, approvalId: approval.id };
}

/** What the people read who approve an apply. */
async function subjectOf(
  deps: PlanDeps,
  { run, request, tenants }: Asked,
  rules: readonly Rule[],
  caller: Caller,
): Promise<Subject> {
  const names = rules.map(({ name }) => name);
  const { change } = (await deps.runs.log.request(run.runId)) ?? {};
  const undone = change?.kind === 'undo' ? change.apply : undefined;
  const summary = await summarise(deps.runs, run);
  const { digest, entries, wavesDigest, stop, pauseMinutes, confirmWaves } = request;
  const { details, hidden } = shownGroups(summary);
  const [only] = tenants;
  const job = deps.jobs.find(run.job);
  const title = `${undone === undefined ? '' : 'Undo of '}${job?.title ?? run.job}`;
  return {
    kind: 'change',
    digest: subjectDigest('change', partyOf(caller), [
      run.runId,
      digest,
      entries,
      wavesDigest,
      stop.failed,
      stop.unclear,
      pauseMinutes,
      confirmWaves,
      names,
    ]),
    title:
      `${title}: ${summary.changes} changes in ${tenants.length} ${tenants.length === 1 ? 'tenant' : 'tenants'}`.slice(
        0,
        200,
      ),
    facts: [
      { name: 'Plan', value: run.runId },
      ...(undone === undefined
        ? []
        : [
            {
              name: 'Takes back',
              value: `the apply ${undone}. This weakens security where that apply protects tenants.`,
            },
          ]),
      { name: 'Digest', value: digest },
      { name: 'Tenants', value: String(tenants.length) },
      { name: 'Changes', value: String(summary.changes) },
      { name: 'Cannot be undone', value: String(summary.irreversible) },
      { name: 'Waves', value: entries.join(', ') },
      ...stopFacts(stop, entries.length),
      { name: 'Between waves', value: pauseWords(pauseMinutes, confirmWaves) },
      { name: 'Permissions', value: (job?.permissions ?? []).join(' ') },
      ...(hidden === '' ? [] : [{ name: 'Not shown here', value: hidden }]),
    ],
    details,
    tenantId: tenants.length === 1 && only !== undefined ? only : severalTenants,
    rule: names[0] ?? '',
    audit: defined({ scopes: job?.permissions ?? [], application: job?.application }),
  };
}

/** What happens between two waves. */
function pauseWords(minutes: number, waitsForPerson: boolean): string {
  const pause = minutes === 0 ? [] : [`${minutes} ${minutes === 1 ? 'minute' : 'minutes'} pass`];
  return [...pause, ...(waitsForPerson ? ['a person lets it go on'] : [])].join(', then ') || 'no pause';
}

/** Most characters of the differences that an approval shows, and of one of them. A record holds 32,768. */
const mostShown = { all: 20_000, one: 1_500 };

/** The differences for people who approve, as many as fit. What is left out is said. */
function shownGroups({ groups, more }: ChangeSummary): Pick<Subject, 'details'> & { readonly hidden: string } {
  const details: Fact[] = [];
  let [left, cut, length] = [0, 0, 0];
  for (const { action, target, before, after, undo, tenants } of groups) {
    const text = textForDeciders(
      `${before ?? 'nothing'} → ${after ?? 'nothing'} (${tenants} tenants; can be undone: ${undo})`,
    );
    const shown = text.length <= mostShown.one ? text : `${text.slice(0, mostShown.one)}…`;
    length += target.length + shown.length + 60;
    if (length > mostShown.all) {
      left += 1;
      continue;
    }
    if (shown !== text) cut += 1;
    details.push({ name: textForDeciders(`${action} ${target}`).slice(0, 300), value: shown });
  }
  const hidden = [
    ...(left > 0 || more ? [`${left}${more ? ' and more' : ''} differences`] : []),
    ...(cut > 0 ? [`the rest of ${cut} long ones`] : []),
  ];
  return { details, hidden: hidden.length === 0 ? '' : `${hidden.join(', ')}. Read the plan before you decide.` };
}

/** The apply of a plan that the caller may decide about. @throws BrokerError run_not_found, caller_forbidden. */
async function decidableApply(deps: PlanDeps, planId: string, caller: Caller): Promise<Run> {
  refuseAgents(caller);
  const plan = await controllableRun(deps, caller, planId, 'Changes.Apply');
  const run = isPlan(deps.jobs, plan) ? await deps.runs.log.find(applyIdOf(plan)) : undefined;
  if (run === undefined) throw new BrokerError('run_not_found', 'This plan was not applied.');
  return run;
}

/**
 * Lets an apply go on that a limit holds, or that waits after a wave. The tenants that ended badly so far do not hold it again.
 * @param deciding.seen what it waited for (`waitsFor`) when the person looked. Nothing else is released.
 * @param deciding.reason why the person lets it go on, as a text for others.
 * @throws BrokerError request_invalid if it has ended or does not wait for that; run_not_found; caller_forbidden.
 */
export async function goOn(
  deps: PlanDeps,
  planId: string,
  {
    caller,
    orchestrations,
    log,
    seen,
    reason,
  }: Deciding & { readonly seen?: string | undefined; readonly reason?: string | undefined },
): Promise<RunId> {
  const run = await decidableApply(deps, planId, caller);
  const hold = holdOf(run);
  if (isEnded(run.status)) throw new BrokerError('request_invalid', 'The apply has ended.');
  const stored = await deps.runs.results.plan(run);
  const tenants = (stored?.attempt ?? []).map(({ tenantId }) => tenantId);
  await rulesOver(deps, caller, run.job, tenants);
  const waiting = waitsFor(run);
  if (waiting === undefined || (seen !== undefined && seen !== waiting)) {
    const isRecorded = seen === undefined ? run.goneOn !== undefined : hasGoneOn(run, seen);
    if (!isRecorded)
      throw new BrokerError(
        'request_invalid',
        waiting === undefined
          ? 'The apply does not wait for a person.'
          : 'The apply waits for something else than you have seen. Look at the plan again.',
      );
    // The event may have been lost.
    await orchestrations.raise(run.runId, 'decided');
    return run.runId;
  }
  const wave = run.wave?.wave ?? 1;
  const bad = await badTenants(deps, run.runId);
  // Who ends a hold in a wave has not seen what the rest of it brings.
  const seenWave = hold === undefined ? wave : (run.goneOn?.wave ?? 0);
  const gate = defined({ wave, atMs: deps.clock.nowMs(), by: caller.name, reason, held: hold?.detail });
  const goneOn = defined({
    hold: run.hold?.id,
    wave: seenWave,
    bad,
    by: callerIdOf(caller),
    gates: [...(run.goneOn?.gates ?? []), gate],
  });
  await deps.runs.log.change(run.runId, { goneOn });
  log.log('info', 'apply.gone_on', { runId: run.runId, wave });
  await orchestrations.raise(run.runId, 'decided');
  return run.runId;
}

/** Ends an apply: nothing more is sent. What was sent gets its outcome. @throws BrokerError run_not_found, caller_forbidden. */
export async function endApply(
  deps: PlanDeps,
  planId: string,
  { caller, orchestrations, log }: Deciding,
): Promise<RunId> {
  const run = await decidableApply(deps, planId, caller);
  if (!isEnded(run.status)) {
    await deps.runs.log.change(run.runId, { cancelRequestedAtMs: run.cancelRequestedAtMs ?? deps.clock.nowMs() });
    await orchestrations.raise(run.runId, 'cancel');
    log.log('info', 'apply.end_requested', { runId: run.runId });
  }
  return run.runId;
}

/**
 * Starts a plan that takes back what an apply did.
 * @throws BrokerError run_not_found; request_invalid while the apply is under way; as `startRun` does.
 */
export async function planUndoOf(
  deps: PlanDeps,
  planId: string,
  { window, requestDigest }: { readonly window: string; readonly requestDigest?: string },
  { caller, correlationId }: Pick<Deciding, 'caller' | 'correlationId'>,
): Promise<RunId> {
  const plan = await controllableRun(deps, caller, planId, 'Changes.Plan');
  const run = isPlan(deps.jobs, plan) ? await deps.runs.log.find(applyIdOf(plan)) : undefined;
  if (run === undefined)
    throw new BrokerError('run_not_found', 'This plan was not applied, so there is nothing to undo.');
  if (!isEnded(run.status)) throw new BrokerError('request_invalid', 'The apply has not ended yet. End it, or wait.');
  const stored = await deps.runs.results.plan(run);
  const tenants = (stored?.attempt ?? []).map(({ tenantId }) => tenantId);
  if (tenants.length === 0) throw new BrokerError('request_invalid', 'The apply reached no tenant.');
  return startRun(deps, {
    job: run.job,
    window,
    requestDigest,
    parameters: plan.parameters ?? {},
    startedBy: caller.applicationId,
    starter: actorOf(caller),
    correlationId,
    limits: async () => ({ tenants }),
    change: { request: { kind: 'undo', apply: run.runId } },
  });
}

/** What plans are shown from: what the reader sees of runs, and what was asked for. */
interface PlanReading extends Pick<PlanDeps, 'jobs' | 'runs'> {
  readonly visible: RunSource;
}

/** What a list shows of a plan. @param apply as a list of runs has it. */
export async function viewPlanSummary(reading: PlanReading, run: Run, apply: Run | undefined) {
  const { visible, runs } = reading;
  // Lists of runs do not say where an apply is. Its request holds every tenant, so only those under way are looked up.
  const found = apply && !isEnded(apply.status) ? await visible.log.find(apply.runId) : undefined;
  const request = found && (await requestOf(runs, found.runId));
  const shown = found ?? apply;
  return defined({ ...describePlan(reading, run), apply: shown && (await viewApply(visible, shown, request)) });
}

function describePlan({ jobs }: PlanReading, run: Run) {
  const expiresAtMs = expiryOf(run);
  return defined({
    planId: run.runId,
    job: run.job,
    title: jobs.find(run.job)?.title ?? run.job,
    status: run.status,
    tenants: run.tenants,
    madeAt: isoTime(run.createdAtMs),
    madeBy: run.starter?.name ?? run.startedBy,
    expiresAt: expiresAtMs === undefined ? undefined : isoTime(expiresAtMs),
  });
}

async function requestOf({ log }: Pick<Runs, 'log'>, applyId: RunId): Promise<ApplyRequest | undefined> {
  const change = (await log.request(applyId))?.change;
  return change?.kind === 'apply' ? change : undefined;
}

async function viewApply(visible: RunSource, run: Run, request: ApplyRequest | undefined) {
  const isOver = isEnded(run.status);
  const hold = isOver ? undefined : holdOf(run);
  return defined({
    runId: run.runId,
    status: run.status,
    tenants: isOver ? run.tenants : { ...run.tenants, ...(await countsSoFar(visible, run)) },
    wave: run.wave?.wave ?? (isOver || run.startedAtMs === undefined ? undefined : 1),
    ...(request === undefined ? { waves: [] } : await wavesOf(visible, run, request)),
    stop: request?.stop,
    waits: waitsFor(run) !== undefined,
    waitsFor: waitsFor(run),
    hold: hold && { code: hold.code, detail: hold.detail, at: isoTime(hold.atMs) },
    gates: run.goneOn?.gates?.map(({ atMs, ...gate }) => ({ ...gate, at: isoTime(atMs) })),
    approvalId: request?.approvalId,
  });
}

/** Tenants in each wave, as far as the reader sees them. A name may be that of a tenant, so whoever does not see all has none. */
async function wavesOf({ results }: RunSource, run: Run, { waves, waveNames }: ApplyRequest) {
  if (run.tenants.total === waves.reduce((sum, size) => sum + size, 0)) return { waves, waveNames };
  const { attempt = [] } = (await results.plan(run)) ?? {};
  return { waves: waves.map((_, index) => attempt.filter(({ wave }) => wave === index + 1).length) };
}

async function countsSoFar({ log }: RunSource, { runId }: Run) {
  const { succeeded, failed, skipped } = await log.countTenants(runId);
  return { succeeded, failed, skipped };
}

/** A plan with what it changes, and what became of it, as far as the reader sees its tenants. */
export async function viewPlan(reading: PlanReading, run: Run) {
  const { visible, runs } = reading;
  const applied = await visible.log.find(applyIdOf(run));
  const asked = (await runs.log.request(run.runId))?.change;
  const request = applied && (await requestOf(runs, applied.runId));
  const made = isEnded(run.status) ? await madeChanges(visible, run) : { changedTenants: 0, ...nothing };
  return defined({
    ...describePlan(reading, run),
    apply: applied && {
      ...(await viewApply(visible, applied, request)),
      outcomes: await outcomesOf(visible.log, applied.runId),
    },
    digest: isEnded(run.status) ? (request?.digest ?? (await digestOfPlan(runs.log, run))) : undefined,
    undoes: asked?.kind === 'undo' ? asked.apply : undefined,
    ...made,
  });
}

/** Summaries by what they are of. A plan does not change, and pages that show it ask every few seconds. */
const summaries = new LRUCache<string, ChangeSummary>({
  max: 50,
  maxSize: 32 * 1024 * 1024,
  sizeCalculation: (summary) => JSON.stringify(summary).length,
});

async function madeChanges(visible: RunSource, run: Run) {
  const seen: (readonly [TenantId, string, string | undefined])[] = [];
  for await (const { tenantId, rowsName, rowsDigest } of visible.log.tenants(run.runId, 'succeeded'))
    if (rowsName !== undefined) seen.push([tenantId, rowsName, rowsDigest]);
  // Of those whom the reader sees.
  const key = digestOf(JSON.stringify([run.runId, seen]));
  const summary = summaries.get(key) ?? (await summarise(visible, run));
  summaries.set(key, summary);
  return { changedTenants: seen.length, ...summary };
}

const digestOfPlan = async (log: RunSource['log'], { runId }: Run): Promise<string> =>
  digestOfLeaves(digestsOf(await leavesOf(log, runId)));

const digestsOf = (leaves: ReadonlyMap<TenantId, TenantRun>): ReadonlyMap<TenantId, string> =>
  new Map([...leaves].map(([tenantId, { rowsDigest = '' }]) => [tenantId, rowsDigest]));

const nothing: ChangeSummary = { changes: 0, irreversible: 0, groups: [], more: false };
