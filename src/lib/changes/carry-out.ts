import { LRUCache } from 'lru-cache';
import { rulesForChanges } from '../access/policy/decide.ts';
import { knowTenants } from '../access/tenants/selected-tenants.ts';
import { selects } from '../access/tenants/tenant-set.ts';
import { type Claim, freeClaim } from '../approvals/meet-condition.ts';
import { callerIdOf } from '../core/caller.ts';
import { isoTime, minuteMs, withDeadline } from '../core/clock.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import { errorFields, type Logger } from '../core/log.ts';
import { defined, textOf } from '../core/objects.ts';
import { sharedReads } from '../core/single-flight.ts';
import type { GatewayDeps } from '../gateway/gateway.ts';
import type { Sender } from '../gateway/send/request-records.ts';
import { type AttemptDeps, jobContext } from '../runs/job/execute-job.ts';
import { writeRows } from '../runs/job/row.ts';
import { type ChangeVisit, type ChangeVisitEnd, jobTenant } from '../runs/engine/tenant-run.ts';
import type { ApplyRequest, Asker, PlannedTenant, Run, RunId } from '../runs/store/run.ts';
import { recordDeleted, type Runs } from '../runs/store/runs.ts';
import { isLeafOf, planChanged } from '../runs/store/stored-plan.ts';
import { type Change, needsOf, withCreated } from './change.ts';
import { holdOf } from './judge-wave.ts';
import { besides, kindOf, type Reader, readFacts, type State, versionOf } from './kinds.ts';
import { ruleDigest } from './rule-digest.ts';
import {
  answered,
  beforeSending,
  blocked,
  blocks,
  type ChangeOutcome,
  claimed,
  dueMs,
  ended,
  idOf,
  longestClaimMs,
  missing,
  type Observation,
  observed,
  open,
  seenLater,
  type Stage,
} from './life.ts';
import { applyRow, broughtBy, type PlannedChange, planChanges, planRows, readPlanRows } from './plan-rows.ts';
import { answerOf, sendChange, type Sending } from './send-change.ts';
import { type Stored, StoredStages } from './stored-stages.ts';
import { isSame } from './values.ts';

export interface CarryOutDeps {
  readonly gateway: GatewayDeps;
  readonly runs: Pick<Runs, 'log' | 'results' | 'plans'>;
  readonly newId: () => string;
  readonly log: Logger;
  readonly memory: ApplyMemory;
}

/** What a process remembers between the visits of applies. Storage has all of it. */
type ApplyMemory = ReturnType<typeof createApplyMemory>;

export const createApplyMemory = () => ({
  runs: new LRUCache<RunId, { readonly run: Promise<Run>; readonly readAtMs: number }>({ max: 8 }),
  reads: sharedReads<Run>(),
  /** By the name of the rows, which never change. 8 million characters. */
  planned: new LRUCache<string, readonly PlannedChange[]>({ maxSize: 8_000_000 }),
  /** 50,000 changes. */
  stages: new LRUCache<string, Stored>({ maxSize: 50_000, sizeCalculation: ({ stages }) => stages.length }),
});

/** How old the record of a run may be at the begin of a visit, in milliseconds. A claim reads it again. */
const oldestRunMs = 1_000;

/** A change leaves at most this long after its tenant was read, in milliseconds: it waits for limits in between. */
const oldestReadMs = 30_000;
/** A visit makes no further change after this time, so that its activity ends in time. */
const visitMs = 5 * minuteMs;
/** The end of everything that a visit waits for. */
const deadlineMs = 9 * minuteMs;

/**
 * Visits one tenant of an apply, or plans how to take an apply back there. A visit makes the changes and reads that are due, and
 * says when the next ones are: nothing waits in it.
 * @throws BrokerError apply_held, run_cancelled and plan_expired if the tenant was not begun; plan_changed if the rows of the plan are not those that were
 * allowed; of the first read, and every failure that may pass.
 */
export async function carryOut(deps: CarryOutDeps, attempt: AttemptDeps, visit: ChangeVisit): Promise<ChangeVisitEnd> {
  return withDeadline(attempt.clock, deadlineMs, (signal) => {
    const { job, tenant } = visit;
    const context = jobContext(attempt, job, { tenant: jobTenant(tenant), parameters: {}, signal });
    return visit.change.kind === 'apply'
      ? applyOrResume(deps, attempt, { ...visit, apply: visit.change, reader: context, signal })
      : planUndo(deps, attempt, { ...visit, undone: visit.change.apply, reader: context });
  });
}

interface ApplyVisit extends ChangeVisit {
  readonly apply: ApplyRequest;
  readonly reader: Reader;
  readonly signal: AbortSignal;
}

/** The changes of a tenant as they were allowed. @throws BrokerError plan_changed */
async function plannedChanges(
  { runs: { results }, memory }: CarryOutDeps,
  planId: RunId,
  { planned }: PlannedTenant,
): Promise<readonly PlannedChange[]> {
  if (planned?.rowsName === undefined) return [];
  const key = `${planId}/${planned.rowsName}/${planned.rowsDigest}`;
  const known = memory.planned.get(key);
  if (known !== undefined) return known;
  const text = (await Array.fromAsync(results.rows(planId, planned.rowsName))).join('');
  if (!isLeafOf(planned.rowsDigest, text)) throw planChanged(planId);
  const changes = readPlanRows(text);
  // A tenant without changes has an empty text, and the cache takes no size of 0.
  memory.planned.set(key, changes, { size: Math.max(1, text.length) });
  return changes;
}

/** The record of a run as it is after the call. @throws BrokerError run_not_found */
const runNow = ({ runs: { log }, memory }: CarryOutDeps, runId: RunId): Promise<Run> =>
  memory.reads(runId, async () => {
    const run = await log.find(runId);
    if (run === undefined) throw recordDeleted(runId);
    return run;
  });

/** The record of a run. One that lets it go on may be a second old, except for a look. @throws BrokerError run_not_found */
async function recentRun(deps: CarryOutDeps, runId: RunId, again: boolean, nowMs: number): Promise<Run> {
  const { runs } = deps.memory;
  const known = runs.get(runId);
  // A clock that is set back must not hide a stop.
  if (!again && known !== undefined && Math.abs(nowMs - known.readAtMs) < oldestRunMs) {
    const run = await known.run;
    if (stopOf(run) === undefined && holdOf(run) === undefined) return run;
  }
  const run = runNow(deps, runId);
  runs.set(runId, { run, readAtMs: nowMs });
  run.catch(() => runs.delete(runId));
  return run;
}

/** Why nothing more is sent. */
function stopOf(run: Run): BrokerError | undefined {
  if (run.stoppedBy !== undefined) return new BrokerError(run.stoppedBy.code, run.stoppedBy.detail);
  if (run.cancelRequestedAtMs !== undefined) return new BrokerError('run_cancelled', 'A person ended the apply.');
  return undefined;
}

/** Whether a tenant may be begun. @throws BrokerError with the reason why not. */
function checkBegin(run: Run, { expiresAtMs }: ApplyRequest, nowMs: number): void {
  const stop = stopOf(run);
  if (stop !== undefined) throw stop;
  if (nowMs >= expiresAtMs) throw new BrokerError('plan_expired', `The plan expired at ${isoTime(expiresAtMs)}.`);
  const hold = holdOf(run);
  if (hold !== undefined) throw new BrokerError('apply_held', hold.detail);
}

async function applyOrResume(deps: CarryOutDeps, attempt: AttemptDeps, visit: ApplyVisit): Promise<ChangeVisitEnd> {
  try {
    return await apply(deps, attempt, visit);
  } catch (thrown) {
    if (visit.isBegun !== 'unknown') throw thrown;
    // A process may have died here, after it sent a change and before the visit was recorded.
    if ((await deps.runs.results.document(attempt.runId, visit.tenant.tenantId)) === undefined) throw thrown;
    return apply(deps, attempt, { ...visit, isBegun: true });
  }
}

async function apply(deps: CarryOutDeps, attempt: AttemptDeps, visit: ApplyVisit): Promise<ChangeVisitEnd> {
  const { runs } = deps;
  const { clock, runId } = attempt;
  const { tenant } = visit;
  const run = await recentRun(deps, runId, visit.again, clock.nowMs());
  const planned = await plannedChanges(deps, visit.apply.plan, tenant);
  const cause = stopOf(run);
  const stop = cause?.detail ?? (visit.last ? 'It did not end in time.' : undefined);
  const mayGoOn = stop === undefined && holdOf(run) === undefined && !visit.again;
  const stages = await StoredStages.load(runs.results, runId, tenant.tenantId, {
    count: planned.length,
    isExpected: visit.isBegun === 'unknown' ? mayGoOn && 'unlikely' : visit.isBegun,
    // What ends an apply is decided by what is stored.
    ...(mayGoOn && { memory: deps.memory.stages }),
  });
  // Once it is stopped, a look only says that nothing was attempted.
  if (!stages.isBegun && (!visit.again || stop === undefined)) checkBegin(run, visit.apply, clock.nowMs());
  const work: TenantWork = {
    deps,
    attempt,
    visit,
    planned,
    stages,
    stop,
    isCancelled: cause?.code === 'run_cancelled',
  };
  try {
    await workOn(work);
  } finally {
    await stages.leave();
  }
  return endOf(work);
}

/** The changes of one tenant, during one visit. */
interface TenantWork {
  readonly deps: CarryOutDeps;
  readonly attempt: AttemptDeps;
  readonly visit: ApplyVisit;
  readonly planned: readonly PlannedChange[];
  readonly stages: StoredStages;
  /** Why nothing more is sent. */
  readonly stop: string | undefined;
  /** A person ended the apply. */
  readonly isCancelled: boolean;
}

async function workOn(work: TenantWork): Promise<void> {
  const { attempt, planned, stages, stop, visit } = work;
  const { clock } = attempt;
  const untilMs = clock.nowMs() + visitMs;
  const indexes = [...planned.keys()];
  if (visit.again && stop === undefined) await sideBySide(indexes, (index) => lookLater(work, index, untilMs));
  for (const index of indexes) {
    if (clock.nowMs() >= untilMs) return;
    const stage = stages.all[index] ?? open;
    if (stage.at === 'done') continue;
    // One after another: side by side, each could meet the same old copy three times.
    if (stop !== undefined) await endNow(work, index, stage);
    else if (stage.at === 'sent') await confirm(work, index, stage);
    else await begin(work, index, stage);
  }
}

/** Objects of one tenant that are read at a time. */
const readsAtOnce = 10;

/** For what was written long ago, so that all copies show it. @throws the first failure, after the others have ended. */
async function sideBySide<T>(items: readonly T[], read: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const readOn = async (): Promise<void> => {
    for (const item of left) await read(item);
  };
  const ends = await Promise.allSettled(Array.from({ length: readsAtOnce }, readOn));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** The ids of what was created, or was there, by the names that changes use. */
const createdIds = ({ planned, stages }: Pick<TenantWork, 'planned' | 'stages'>): ReadonlyMap<string, string> =>
  new Map(
    planned.flatMap(({ change }, index): [string, string][] => {
      const stage = stages.all[index];
      const id = stage === undefined ? undefined : idOf(stage);
      return change.action === 'create' && change.as !== undefined && id !== undefined ? [[change.as, id]] : [];
    }),
  );

/** The change as it is sent: with the ids of what was created before it. */
const changeAt = (work: TenantWork, index: number): Change =>
  withCreated((work.planned[index] as PlannedChange).change, createdIds(work));

async function begin(work: TenantWork, index: number, stage: Extract<Stage, { at: 'open' }>): Promise<void> {
  const { attempt, planned, stages, visit } = work;
  const nowMs = attempt.clock.nowMs();
  const earlier = stages.all.slice(0, index).map(blocks);
  if (earlier.includes('for good')) {
    stages.take(index, (now) => (now.at === 'open' ? blocked(nowMs) : undefined));
    return;
  }
  if (earlier.includes('for now') || (stage.notBeforeMs ?? 0) > nowMs) return;
  const bringers = bringersOf(work, index);
  // What a change creates is confirmed before another one uses it. What is restored may be in force meanwhile.
  if (bringers.some((at) => planned[at]?.change.action === 'create' && stages.all[at]?.at !== 'done')) return;
  const change = changeAt(work, index);
  if (needsOf(change).length > 0) {
    stages.take(index, (now) => (now.at === 'open' ? blocked(nowMs) : undefined));
    return;
  }
  const { before, facts } = planned[index] as PlannedChange;
  const readAtMs = attempt.clock.nowMs();
  let verdict: Stage | undefined;
  let ifMatch: string | undefined;
  try {
    ifMatch = await versionOf(change, visit.reader);
    const state = await kindOf(change).read(change, visit.reader);
    const sameFacts = isSame(await readFacts(change, visit.reader), facts);
    const { sees, id } = seenIn(change, state, before === undefined ? state : before);
    verdict = beforeSending(stage, sees, attempt.clock.nowMs(), sameFacts ? 'same' : 'changed');
    verdict &&= withSeen(verdict, id);
  } catch (thrown) {
    const { detail, logFields } = toBrokerError(thrown);
    verdict =
      bringers.length > 0 && logFields['status'] === 404 ? missing(stage, detail, nowMs) : refusalBy(work, thrown);
  }
  const decided = verdict;
  if (decided !== undefined) await stages.step(index, (now) => (now.at === 'open' ? decided : undefined));
  else await send(work, index, { stage, readAtMs, ifMatch });
}

/** The places of the changes that bring what this one concerns. */
const bringersOf = ({ planned }: TenantWork, index: number): readonly number[] =>
  broughtBy(planned.slice(0, index), (planned[index] as PlannedChange).change);

/** What a failure before anything left means. @throws the failure if it may pass, or is about the whole tenant and nothing was sent there. */
function refusalBy({ attempt, stages }: TenantWork, thrown: unknown): Stage {
  const error = toBrokerError(thrown);
  const isAboutTenant = error.scope === 'tenant' || error.code === 'plan_changed';
  if (error.transient || error.scope === 'credential' || error.code === 'internal') throw thrown;
  if (isAboutTenant && !stages.isBegun && error.code !== 'job_failed') throw thrown;
  return { at: 'done', outcome: 'refused', detail: error.detail, atMs: attempt.clock.nowMs() };
}

function observe(change: Change, state: State, before: State | undefined): Observation {
  if (kindOf(change).isAim(change, state)) return 'aim';
  return isSame(state, before ?? null) ? 'before' : 'other';
}

type Sent = Extract<Stage, { at: 'sent' }>;

/** Reads a sent change once, if it is its time. */
async function confirm(work: TenantWork, index: number, stage: Sent): Promise<void> {
  const { attempt, stages } = work;
  const nowMs = attempt.clock.nowMs();
  if ((dueMs(stage) ?? 0) > nowMs) return;
  const change = changeAt(work, index);
  const { sees, id, unread } = await see(work, index, stage);
  const next = observed(stage, sees, nowMs, kindOf(change).setsState(change));
  if (next === 'again') {
    const ifMatch = await versionOf(change, work.visit.reader);
    // Somebody may have changed it before the version was read. The next visit looks again.
    if (ifMatch !== undefined && (await see(work, index, stage)).sees !== 'before') return;
    if (isSame(await readFacts(change, work.visit.reader), work.planned[index]?.facts))
      return send(work, index, { stage, readAtMs: nowMs, ifMatch });
    const why = 'It was not sent again: what the plan rests on has changed since.';
    stages.take(index, (now) => (isSameSent(now, stage) ? ended(now, why, nowMs) : undefined));
    return;
  }
  // Another visit may have read it meanwhile.
  stages.take(index, (now) => (isSameSent(now, stage) ? withSeen(whyUnread(next, unread), id) : undefined));
}

/** What nobody could read is not said to have been looked at. */
function whyUnread(stage: Stage, unread: string | undefined): Stage {
  if (unread === undefined || stage.at !== 'done') return stage;
  const known = stage.outcome === 'accepted' ? 'Microsoft accepted it' : 'No answer came';
  return { ...stage, detail: `${known}, and it cannot be read since: ${unread}` };
}

/** A change that is as planned, with the id of what it was to create. */
const withSeen = (stage: Stage, seenId: string | undefined): Stage =>
  seenId !== undefined && stage.at === 'done' && (stage.outcome === 'applied' || stage.outcome === 'unchanged')
    ? { ...stage, seenId }
    : stage;

const isSameSent = (now: Stage, stage: Sent): boolean =>
  now.at === 'sent' &&
  now.claim === stage.claim &&
  now.reads === stage.reads &&
  now.acceptedAtMs === stage.acceptedAtMs;

interface Seen {
  readonly sees: Observation;
  /** Of what the change creates. */
  readonly id?: string | undefined;
  /** Why the tenant refuses to be read. What it shows is neither as planned nor as before then. */
  readonly unread?: string;
}

const seenIn = (change: Change, state: State, before: State | undefined): Seen => ({
  sees: observe(change, state, before),
  id: change.action === 'create' && state !== null ? textOf(state, 'id') : undefined,
});

/** What a read shows of a change that was sent. @throws BrokerError of a failure that may pass. */
async function see(work: TenantWork, index: number, stage: Stage): Promise<Seen> {
  const change = changeAt(work, index);
  const createdId = stage.at === 'open' ? undefined : stage.createdId;
  try {
    const state = await kindOf(change).read(change, work.visit.reader, { createdId });
    return seenIn(change, state, work.planned[index]?.before);
  } catch (thrown) {
    const error = toBrokerError(thrown);
    if (error.transient || error.scope === 'credential') throw thrown;
    return { sees: 'other', unread: error.detail };
  }
}

/** Three reads in a row, because old and new answers come in turn. */
async function seeThrice(work: TenantWork, index: number, stage: Stage): Promise<Observation | 'mixed'> {
  const reads: Seen[] = [];
  for (let read = 0; read < 3; read += 1) reads.push(await see(work, index, stage));
  const [first] = reads as [Seen];
  return reads.every(({ sees, unread }) => unread === undefined && sees === first.sees) ? first.sees : 'mixed';
}

async function lookLater(work: TenantWork, index: number, untilMs: number): Promise<void> {
  const stage = work.stages.all[index] ?? open;
  if (stage.at !== 'done' || work.attempt.clock.nowMs() >= untilMs) return;
  if (stage.outcome !== 'applied' && stage.outcome !== 'accepted') return;
  if (changeAt(work, index).action === 'act') return;
  const next = seenLater(stage, await seeThrice(work, index, stage), work.attempt.clock.nowMs());
  if (next !== stage) work.stages.take(index, (now) => (isSameStage(now, stage) ? next : undefined));
}

const isSameStage = (one: Stage, other: Stage): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Nothing more is sent. What was sent is read a last time. */
async function endNow(work: TenantWork, index: number, stage: Stage): Promise<void> {
  const { attempt, stages, stop = '', visit } = work;
  let sees: Observation | 'mixed' = 'mixed';
  const isRestored = bringersOf(work, index).some(
    (at) => work.planned[at]?.change.action === 'restore' && stages.all[at]?.at !== 'open',
  );
  let why = isRestored ? `${stop} What was restored before it is in force: change it by hand.` : stop;
  try {
    if (stage.at === 'sent') sees = await seeThrice(work, index, stage);
  } catch (thrown) {
    const error = toBrokerError(thrown);
    if (error.transient && !visit.last) throw thrown;
    why = `${why} It cannot be read: ${error.detail}`;
  }
  const nowMs = attempt.clock.nowMs();
  stages.take(index, (now) => {
    if (now.at === 'sent' && sees === 'aim')
      return defined({ at: 'done' as const, outcome: 'applied' as const, atMs: nowMs, createdId: now.createdId });
    return now.at === 'done' ? undefined : ended(now, why, nowMs);
  });
}

const lost = (): BrokerError =>
  new BrokerError('storage_unavailable', 'Another visit of the tenant makes the change at the same time.');

/** Sends a change. The right to do so is stored before the request leaves. */
async function send(
  work: TenantWork,
  index: number,
  {
    stage,
    readAtMs,
    ifMatch,
  }: { readonly stage: Stage; readonly readAtMs: number; readonly ifMatch: string | undefined },
): Promise<void> {
  const { attempt, deps, stages, visit } = work;
  const { clock } = attempt;
  const change = changeAt(work, index);
  const before = stage.at === 'open' ? stage : ({ at: 'open', waits: 0 } as const);
  const claim = deps.newId();
  const settle = (answer: Parameters<typeof answered>[2]): Promise<Stage> =>
    stages.step(index, (now) =>
      now.at === 'sent' && now.claim === claim && now.acceptedAtMs === undefined
        ? answered(now, before, answer, clock.nowMs())
        : undefined,
    );
  let isUnsent = true;
  const take = async (): Promise<Claim> => {
    const claimedAtMs = clock.nowMs();
    if (claimedAtMs - readAtMs > oldestReadMs)
      throw new BrokerError(
        'storage_unavailable',
        'The change waited too long after its tenant was read, and did not leave.',
      );
    const run = await runNow(deps, attempt.runId);
    const stop = stopOf(run);
    if (stop !== undefined) throw stop;
    const hold = stages.isBegun ? undefined : holdOf(run);
    if (hold !== undefined) throw new BrokerError('apply_held', hold.detail);
    await stages.step(index, (now) => {
      if (now.at === 'sent' && now.claim === claim) return undefined;
      if (now.at === 'done' || !isSameStage(now, stage)) throw lost();
      // Another visit may have found that an earlier change was not made.
      if (now.at === 'open' && stages.all.slice(0, index).some((each) => blocks(each) !== 'no')) throw lost();
      return claimed(now, claim, claimedAtMs);
    });
    isUnsent = false;
    return {
      ...freeClaim,
      confirm: async () => {
        if (clock.nowMs() - claimedAtMs > longestClaimMs)
          throw new BrokerError('storage_unavailable', 'The change waited too long to be sent, and did not leave.');
      },
      giveBack: async () => {
        isUnsent = true;
        await settle({ kind: 'unsent' });
      },
    };
  };
  try {
    const sending = await sendingOf(work);
    if (sending === undefined) {
      const why = 'The rule that allowed the apply is gone, was changed, or does not cover this tenant any more.';
      await stages.step(index, (now) => (isSameStage(now, stage) ? ended(now, why, clock.nowMs()) : undefined));
      return;
    }
    const { sha256 } = work.planned[index] as PlannedChange;
    const request = { ...kindOf(change).request(change, visit.tenant.tenantId), ifMatch, sha256 };
    const answer = await sendChange(sending, request, take);
    const isBrought = bringersOf(work, index).length > 0;
    await settle(answerOf(change, answer, { isBrought, isCompared: ifMatch !== undefined, nowMs: clock.nowMs() }));
  } catch (thrown) {
    deps.log.log('warn', 'change.not_answered', { runId: attempt.runId, ...errorFields(thrown) });
    // Whether it took effect is found out by reading.
    if (!isUnsent) return;
    const { code, detail } = toBrokerError(thrown);
    if (code === 'apply_held' || (code === 'run_cancelled' && !stages.isBegun)) throw thrown;
    const refused = code === 'run_cancelled' ? ended(open, detail, clock.nowMs()) : refusalBy(work, thrown);
    const why = refused.at === 'done' ? refused.detail : undefined;
    await stages.step(index, (now) => {
      if (now.at === 'open') return refused;
      // It was sent before, and may not be sent again.
      return isSameStage(now, stage) ? ended(now, why ?? '', clock.nowMs()) : undefined;
    });
  }
}

/** Under which rule the caller who applies may still do so in this tenant. Undefined: the policy no longer lets it. */
async function sendingOf({ deps, attempt, visit }: TenantWork): Promise<Sending | undefined> {
  const { gateway, newId } = deps;
  const { job, tenant, plan, apply: request, signal } = visit;
  const { asker } = plan;
  if (asker === undefined) throw new BrokerError('internal', 'The apply has no caller.');
  const { policy, state, problem = '', isTransient } = await gateway.policy.current();
  if (state === 'deny-all') throw new BrokerError(isTransient ? 'storage_unavailable' : 'policy_missing', problem);
  const rules = rulesForChanges(policy, asker, job.name);
  const known = await knowTenants(
    gateway,
    rules.map(({ tenants }) => tenants),
    callerIdOf(asker),
  );
  const rule = rules.find(
    (each) => selects(each.tenants, known.factsOf(tenant.tenantId)) && request.rules.includes(ruleDigest(each)),
  );
  return rule && { gateway, sender: senderOf(attempt, asker, newId()), rule, job, apply: request, tenant, signal };
}

const never = (): never => {
  throw new TypeError('an apply asks for no approval');
};

function senderOf({ runId, log }: AttemptDeps, asker: Asker, newId: string): Sender {
  const { correlationId = newId } = asker;
  const orchestrations = { start: never, state: never, raise: never };
  return { caller: asker, correlationId, run: runId, log, orchestrations };
}

const worst: readonly (readonly [ChangeOutcome[], BrokerError['code']])[] = [
  [['unclear'], 'change_unclear'],
  [['refused', 'reverted'], 'change_failed'],
  [['accepted'], 'change_unconfirmed'],
  // What comes after it in the tenant is not attempted because of it.
  [['drifted'], 'change_drifted'],
  [['not attempted'], 'change_failed'],
];

function endOf({ attempt, planned, stages, isCancelled }: TenantWork): ChangeVisitEnd {
  const due = stages.all.flatMap((stage) => dueMs(stage) ?? []);
  const { clock, handedOut } = attempt;
  const rows = planned.map((change, index) => {
    const stage = stages.all[index] ?? open;
    const isDone = stage.at === 'done';
    const [outcome, detail] = isDone ? [stage.outcome, stage.detail ?? null] : ['on its way', null];
    return applyRow(change, index + 1, { outcome, detail, at: isDone ? isoTime(stage.atMs) : null });
  });
  const written = writeRows(rows, handedOut, { by: 'outcome', without: new Set() });
  if (due.length > 0) {
    const waitMs = Math.min(...due.filter((ms) => ms > clock.nowMs()), Infinity) - clock.nowMs();
    return { written, waitSeconds: Number.isFinite(waitMs) ? Math.max(1, Math.ceil(waitMs / 1000)) : 1 };
  }
  const outcomes = stages.all.flatMap((stage) => (stage.at === 'done' ? stage.outcome : []));
  const [, found] = worst.find(([bad]) => outcomes.some((outcome) => bad.includes(outcome))) ?? [];
  const isUntouched = outcomes.every((outcome) => outcome === 'not attempted');
  const code = isCancelled && isUntouched ? 'run_cancelled' : found;
  return code === undefined ? { written } : { written, failure: { code, detail: countsOf(outcomes) } };
}

const countsOf = (outcomes: readonly ChangeOutcome[]): string =>
  `${[...new Set(outcomes)].map((outcome) => `${outcomes.filter((other) => other === outcome).length} ${outcome}`).join(', ')}.`;

interface UndoVisit extends ChangeVisit {
  /** The apply that is taken back. */
  readonly undone: RunId;
  readonly reader: Reader;
}

/** Plans the inverses of what an apply did in a tenant, newest first. What is no longer as it was applied is left alone. */
async function planUndo(deps: CarryOutDeps, { handedOut }: AttemptDeps, visit: UndoVisit): Promise<ChangeVisitEnd> {
  const { results } = deps.runs;
  const { undone, reader, tenant } = visit;
  const { plan: applied } = await deps.runs.plans.get(undone);
  const place = applied.attempt.find(({ tenantId }) => tenantId === tenant.tenantId);
  if (applied.change?.kind !== 'apply' || place === undefined) return { written: writeRows([], handedOut, noCounts) };
  const planned = await plannedChanges(deps, applied.change.plan, place);
  const stages = await StoredStages.load(results, undone, tenant.tenantId, {
    count: planned.length,
    isExpected: false,
  });
  const ids = createdIds({ planned, stages });
  const left = { changed: 0, irreversible: 0, besides: '' };
  const unread = (thrown: unknown): readonly Change[] => {
    const { transient, scope, detail } = toBrokerError(thrown);
    if (transient || scope === 'credential') throw thrown;
    left.besides = detail;
    return [];
  };
  const backwards = [...planned.entries()].toReversed();
  const found = new Map<number, readonly Change[]>();
  await sideBySide(backwards, async ([index, { change: written, before = null }]) => {
    const stage = stages.all[index];
    if (stage?.at !== 'done' || stage.outcome !== 'applied') return;
    const change = withCreated(written, ids);
    const kind = kindOf(change);
    const inverse = kind.inverse(change, before, stage);
    if (typeof inverse === 'string') {
      left.irreversible += 1;
      return;
    }
    let isAsApplied = true;
    for (let read = 0; read < 3 && isAsApplied; read += 1)
      isAsApplied = kind.isAim(change, await kind.read(change, reader, stage));
    if (isAsApplied) found.set(index, [inverse, ...(await besides(inverse, before, reader).catch(unread))]);
    else left.changed += 1;
  });
  const inverses = backwards.flatMap(([index]) => found.get(index) ?? []);
  const rows = planRows(await planChanges(inverses, reader), deps.newId);
  const note = [
    ...(left.changed > 0 ? [`${left.changed} changed since and left alone.`] : []),
    ...(left.irreversible > 0 ? [`${left.irreversible} cannot be undone.`] : []),
    ...(left.besides === '' ? [] : [`What belongs to a restored object stays removed: ${left.besides}`]),
  ].join(' ');
  const result = writeRows(rows, handedOut, { by: 'action', without: new Set() });
  return { written: note === '' ? result : { ...result, note } };
}

const noCounts = { by: 'action', without: new Set<string>() };
