import { minuteMs } from '../../core/clock.ts';
import { BrokerError } from '../../core/errors.ts';
import { FairLimiter } from '../../core/fair-limiter.ts';
import { Turns } from '../../core/turns.ts';
import { errorFields } from '../../core/log.ts';
import type { Orchestrations } from '../../core/orchestrations.ts';
import { Requesters } from '../../core/share.ts';
import { parseRunId, queryJob, type RunId } from '../store/run.ts';
import { summaryOf, type TenantsVisitResult, type VisitTenantsInput } from './run-schemas.ts';
import { type EarlierRecords, runTenant, type TenantRunDeps, type TenantRunResult } from './tenant-run.ts';

/**
 * One slot for each tenant that a process visits at a time. Runs take turns, so that a small one does not wait for a large
 * one that started before. From 16 slots on, a run alone leaves one free: visits may hang for minutes.
 * @param slots at least 1.
 */
export const createTenantSlots = (slots: number): FairLimiter =>
  // The activities limit how many tenants wait.
  new FairLimiter({ limit: slots, maxWaiting: Number.POSITIVE_INFINITY, peer: 'visits of tenants' });

/** The run as a requester of slots. A person waits for the answer to a query, so queries come before jobs. */
export const requestersOf = (runId: RunId): Requesters =>
  new Requesters({ id: runId, kind: parseRunId(runId)?.job === queryJob ? 'caller' : 'background' });

export interface VisitTenantsDeps extends TenantRunDeps {
  /** Tenants that this process visits at a time, over all activities. Runs take turns. */
  readonly tenantSlots: Pick<FairLimiter, 'run'>;
  /** The same for applies and undos. */
  readonly changeSlots: Pick<FairLimiter, 'run'>;
  /** One slot, for a tenant in which the job perhaps ends the process. */
  readonly loneSlot: Pick<FairLimiter, 'run'>;
}

/**
 * An activity starts no tenant later than this. With the longest time limit that is sensible on the plan, it ends before
 * the host would end the worker: 30 minutes by default on Flex Consumption ("host.json reference", functionTimeout).
 */
const startsWithinMs = 10 * minuteMs;

/**
 * Visits several tenants side by side. Each has its own deadline, record and outcome. Never throws.
 * If the platform delivers the same input again, tenants with a record are not visited again, and the others one by one:
 * perhaps the job ended the process in one of them.
 */
export async function visitTenants(deps: VisitTenantsDeps, input: VisitTenantsInput): Promise<TenantsVisitResult> {
  const { indexes, round } = input;
  const untilMs = deps.clock.nowMs() + startsWithinMs;
  const work = startsOf(deps, input.runId);
  const name = `${round}-${indexes[0]}-${indexes.length}`;
  const [earlier, slots, starts, open] = await Promise.all([
    recordedBefore(deps, input),
    slotsFor(deps, input.runId),
    work.begin(name),
    // In the first round, a group whose tenants were visited alone has an earlier start itself.
    round > 1 ? work.open() : nothingOpen,
  ]);
  const group = { input, earlier, slots, work, isInTime: () => deps.clock.nowMs() < untilMs };
  const isUninterrupted = starts === 1 && !indexes.some((index) => open.has(nameOf(index)));
  const results = isUninterrupted ? await sideBySide(deps, group) : await oneByOne(deps, group);
  await work.end(name);
  const visited = indexes.filter((_, position) => results[position] !== undefined);
  const { retry, retryAfterSeconds, ...why } = summaryOf(
    visited,
    results.filter((result) => result !== undefined),
  );
  const left = indexes.filter((_, position) => results[position] === undefined);
  return {
    ...(retry.length === 0 ? {} : { retry }),
    ...(left.length === 0 ? {} : { left }),
    ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }),
    ...why,
  };
}

interface Group {
  readonly input: VisitTenantsInput;
  readonly earlier: EarlierRecords;
  readonly slots: Pick<FairLimiter, 'run'>;
  readonly work: Starts;
  readonly isInTime: () => boolean;
}

/** The outcome of each tenant. Undefined: another activity is to visit it. */
type Results = (TenantRunResult | undefined)[];

function sideBySide(deps: VisitTenantsDeps, { input, earlier, slots, isInTime }: Group): Promise<Results> {
  const { indexes, ...rest } = input;
  const requesters = requestersOf(input.runId);
  return Promise.all(
    indexes.map((index) =>
      slots.run(async () => (isInTime() ? runTenant(deps, { ...rest, index }, earlier) : undefined), requesters),
    ),
  );
}

/** What limits the visits of a run. */
async function slotsFor({ runs, tenantSlots, changeSlots }: VisitTenantsDeps, runId: RunId): Promise<Group['slots']> {
  const change = await runs.plans.get(runId).then(
    ({ plan }) => plan.change,
    () => undefined,
  );
  return change === undefined ? tenantSlots : changeSlots;
}

/**
 * A tenant in which the process ended this many times, while it was visited alone, is given up. Deployments and the platform
 * end processes, too, and a long visit meets several such ends.
 */
const maxEnds = 8;

/** The name of a visit of a tenant alone. */
const nameOf = (index: number): string => `tenant-${index}`;

/**
 * Those in which the process ended before come last, so that the others have their records by then. After a tenant is given
 * up, the rest is for another activity: the platform repeats each a few times only.
 */
async function oneByOne(deps: VisitTenantsDeps, { input, earlier, work, isInTime }: Group): Promise<Results> {
  const { indexes, ...rest } = input;
  const open = await work.open();
  const isOpen = (index: number): number => Number(open.has(nameOf(index)));
  const results = new Map<number, TenantRunResult>();
  let givenUp: BrokerError | undefined;
  for (const index of indexes.toSorted((one, other) => isOpen(one) - isOpen(other))) {
    const refuse = async (): Promise<BrokerError | undefined> => {
      const ends = (await work.begin(nameOf(index))) - 1;
      if (ends < maxEnds) return undefined;
      const detail = `The process ended ${ends + 1} times during the visit, as it does after process.exit() or without memory.`;
      return (givenUp = new BrokerError('job_failed', detail));
    };
    const visit = async () =>
      givenUp === undefined && isInTime() ? runTenant(deps, { ...rest, index }, earlier, refuse) : undefined;
    const result = await deps.loneSlot.run(visit, requestersOf(input.runId));
    if (result === undefined) continue;
    results.set(index, result);
    await work.end(nameOf(index));
  }
  return indexes.map((index) => results.get(index));
}

const nothingOpen: ReadonlySet<string> = new Set();

type Starts = ReturnType<typeof startsOf>;

/** Counts the starts of work in a run. A query is no code of a job, so its work is not counted. If storage fails, nothing is. */
function startsOf({ runs: { results }, log }: VisitTenantsDeps, runId: RunId) {
  const isQuery = parseRunId(runId)?.job === queryJob;
  const counted = async <T>(instead: T, count: () => Promise<T>): Promise<T> => {
    if (isQuery) return instead;
    try {
      return await count();
    } catch (thrown) {
      log.log('warn', 'tenant_run.start_uncounted', { runId, ...errorFields(thrown) });
      return instead;
    }
  };
  return {
    /** @returns how often it has begun since it last ended. */
    begin: (work: string) => counted(1, () => results.countStart(runId, work)),
    end: (work: string) => counted(undefined, () => results.endWork(runId, work)),
    open: () => counted(nothingOpen, () => results.openWork(runId)),
  };
}

/** The records that tenants of the group have already. If storage fails, each visit looks for its own. */
async function recordedBefore(
  { runs, log }: VisitTenantsDeps,
  { runId, indexes }: VisitTenantsInput,
): Promise<EarlierRecords> {
  try {
    const { plan } = await runs.plans.get(runId);
    const tenantIds = indexes.flatMap((index) => plan.attempt[index]?.tenantId ?? []);
    const found = await runs.log.findOutcomes(runId, tenantIds);
    return new Map(found.map((record) => [record.tenantId, record]));
  } catch (thrown) {
    log.log('warn', 'tenant_run.records_unread', { runId, ...errorFields(thrown) });
    return 'unread';
  }
}

interface VisitInTurnDeps extends VisitTenantsDeps {
  readonly orchestrations: Pick<Orchestrations, 'raise'>;
}

/** As `visitTenants`. Meanwhile tells the run that an instance has taken these tenants, if the run waits for that. Never throws. */
export async function visitInTurn(
  deps: VisitInTurnDeps,
  { takenEvent, ...input }: VisitTenantsInput,
): Promise<TenantsVisitResult> {
  const told = takenEvent === undefined ? undefined : tellRun(deps, input.runId, takenEvent);
  const result = await visitTenants(deps, input);
  await told;
  return result;
}

async function tellRun({ orchestrations, log }: VisitInTurnDeps, runId: RunId, event: string): Promise<void> {
  try {
    await orchestrations.raise(runId, event);
  } catch (thrown) {
    // The run starts its next batch when this one has ended.
    log.log('warn', 'run.next_batch_late', { runId, ...errorFields(thrown) });
  }
}

/**
 * The same side effects, which take a turn before they begin. A run visits many tenants side by side, and replies for them
 * often arrive together. Without turns, a request of a caller would wait several times until all of them are worked on.
 */
export function givingWay(deps: VisitTenantsDeps, turns: Turns): VisitTenantsDeps {
  const { fetch, tokens, tenantSlots, changeSlots, runs } = deps;
  return {
    ...deps,
    fetch: turns.before(fetch),
    tokens: {
      getToken: turns.before((...given) => tokens.getToken(...given)),
      forgetTenant: (tenantId) => tokens.forgetTenant(tenantId),
    },
    tenantSlots: { run: (work, ...given) => tenantSlots.run(turns.before(work), ...given) },
    changeSlots: { run: (work, ...given) => changeSlots.run(turns.before(work), ...given) },
    runs: {
      ...runs,
      log: {
        findTenant: (...given) => runs.log.findTenant(...given),
        findOutcomes: (...given) => runs.log.findOutcomes(...given),
        recordTenant: turns.before((...given) => runs.log.recordTenant(...given)),
      },
      results: {
        putRows: turns.before((...given) => runs.results.putRows(...given)),
        countStart: (...given) => runs.results.countStart(...given),
        endWork: (...given) => runs.results.endWork(...given),
        openWork: (...given) => runs.results.openWork(...given),
      },
    },
  };
}

/** What limits the work of runs, and of the tenant directory, in this process. */
export function createLimiters(most: { readonly resourceConcurrency: number; readonly tenantConcurrency: number }) {
  const requestSlots = new FairLimiter({
    limit: most.resourceConcurrency,
    // The tenants under way limit how many requests wait.
    maxWaiting: Number.POSITIVE_INFINITY,
    peer: 'the resources',
  });
  return {
    requestSlots,
    limiter: requestSlots.as({ id: 'broker', kind: 'broker' }),
    tenantSlots: createTenantSlots(most.tenantConcurrency),
    // They mostly wait, with little in memory: Conditional Access takes one request per second and tenant.
    changeSlots: createTenantSlots(3 * most.tenantConcurrency),
    loneSlot: createTenantSlots(1),
    turns: new Turns(setImmediate),
  };
}
