import type { Caller } from '../../core/caller.ts';
import type { ReadableRuns } from './readable-runs.ts';
import { BrokerError } from '../../core/errors.ts';
import { parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { queryJob, type Run, type TenantRun } from '../store/run.ts';
import { parseRunId, type RunId } from '../store/run-id.ts';
import type { Runs } from '../store/runs.ts';

/** Whether the caller asked for this query. */
const isOwnQuery = (run: Run, { applicationId, objectId }: Pick<Caller, 'applicationId' | 'objectId'>): boolean =>
  run.job === queryJob && run.startedBy === applicationId && run.starter?.objectId === objectId;

/**
 * The same runs, without what Microsoft Graph answered to the queries of others: rows, and the details of failures. The gateway
 * answered these requests to their asker alone, under its rules. Who ran what, where and with which outcome stays visible.
 */
export function withoutAnswers(runs: ReadableRuns): ReadableRuns {
  const shown = (runId: RunId, record: TenantRun): TenantRun => {
    if (!isQuery(runId)) return record;
    const { detail: _detail, trace: _trace, ...rest } = record;
    return rest;
  };
  const found = (runId: RunId, record: TenantRun | undefined): TenantRun | undefined => record && shown(runId, record);
  return {
    log: {
      find: (runId) => runs.log.find(runId),
      list: (filter) => runs.log.list(filter),
      tenants: async function* (runId, outcome) {
        for await (const record of runs.log.tenants(runId, outcome)) yield shown(runId, record);
      },
      findTenant: async (runId, tenantId) => found(runId, await runs.log.findTenant(runId, tenantId)),
      findOutcome: async (runId, tenantId) => found(runId, await runs.log.findOutcome(runId, tenantId)),
      countTenants: (runId) => runs.log.countTenants(runId),
    },
    results: {
      plan: (run) => runs.results.plan(run),
      rows: (runId, rowsName, fromByte) => {
        if (!isQuery(runId)) return runs.results.rows(runId, rowsName, fromByte);
        throw new BrokerError(
          'caller_forbidden',
          'Only whoever asked a query reads its rows. Ask it again: its request is in the run.',
        );
      },
    },
  };
}

const isQuery = (runId: RunId): boolean => parseRunId(runId)?.job === queryJob;

/** No run. */
export const noRuns: ReadableRuns = {
  log: {
    find: async () => undefined,
    list: async () => [],
    tenants: none,
    findTenant: async () => undefined,
    findOutcome: async () => undefined,
    countTenants: async () => ({ succeeded: 0, failed: 0, skipped: 0, retrying: 0 }),
  },
  results: { plan: async () => undefined, rows: none },
};

async function* none(): AsyncGenerator<never, void, undefined> {
  // Nothing to yield.
}

/** Tenants of which a caller may read what it asked before. Called when an answer is read. */
type CoveredTenants = () => Promise<ReadonlySet<TenantId>>;

/** Own queries. Of a tenant that is not covered any more, they show the outcome alone. */
function ownQueries({ log, results }: ReadableRuns, covered: CoveredTenants): ReadableRuns {
  const shown = async (record: TenantRun | undefined): Promise<TenantRun | undefined> => {
    const hasAnswer = record?.rowsName !== undefined || record?.detail !== undefined;
    if (!hasAnswer || (await covered()).has(record.tenantId)) return record;
    const { rowsName: _rowsName, trace: _trace, ...rest } = record;
    return {
      ...rest,
      detail: 'No rule of the caller for the gateway covers this tenant any more, so the answer is not shown.',
    };
  };
  return {
    log: {
      find: (runId) => log.find(runId),
      list: (filter) => log.list(filter),
      tenants: async function* (runId, outcome) {
        for await (const record of log.tenants(runId, outcome)) yield (await shown(record)) ?? record;
      },
      findTenant: async (runId, tenantId) => shown(await log.findTenant(runId, tenantId)),
      findOutcome: async (runId, tenantId) => shown(await log.findOutcome(runId, tenantId)),
      countTenants: (runId) => log.countTenants(runId),
    },
    results: {
      plan: (run) => results.plan(run),
      rows: async function* (runId, rowsName, fromByte) {
        // A continuation may name rows without their record.
        const tenantId = parseTenantId(rowsName.split('.', 1)[0] ?? '');
        if (tenantId === undefined || !(await covered()).has(tenantId)) {
          throw new BrokerError(
            'caller_forbidden',
            'No rule of the caller for the gateway covers this tenant any more.',
          );
        }
        yield* results.rows(runId, rowsName, fromByte);
      },
    },
  };
}

/**
 * Adds the queries of a caller to the runs that it may read: the gateway has answered these requests to it.
 * @param others the other runs, as the caller may see them.
 */
export function withOwnQueries(
  runs: Pick<Runs, 'log' | 'results'>,
  others: ReadableRuns,
  caller: Pick<Caller, 'applicationId' | 'objectId'>,
  covered: CoveredTenants,
): ReadableRuns {
  const answers = ownQueries(runs, covered);
  const found = new Map<RunId, Promise<ReadableRuns>>();
  const find = async (runId: RunId): Promise<ReadableRuns> => {
    const run = await runs.log.find(runId);
    return run !== undefined && isOwnQuery(run, caller) ? answers : others;
  };
  /** The runs through which the caller sees this one. */
  const seen = (runId: RunId): Promise<ReadableRuns> => {
    if (!isQuery(runId)) return Promise.resolve(others);
    const known = found.get(runId) ?? find(runId);
    found.set(runId, known);
    known.catch(() => found.delete(runId));
    return known;
  };
  return {
    log: {
      find: async (runId) => (await seen(runId)).log.find(runId),
      list: async (filter) => {
        const isForQueries = filter.job === undefined || filter.job === queryJob;
        const own = isForQueries ? await runs.log.list({ ...filter, job: queryJob, starter: caller }) : [];
        const ids = new Set(own.map(({ runId }) => runId));
        const rest = (await others.log.list(filter)).filter(({ runId }) => !ids.has(runId));
        return [...own, ...rest].toSorted((a, b) => b.createdAtMs - a.createdAtMs).slice(0, filter.limit);
      },
      tenants: async function* (runId, outcome) {
        yield* (await seen(runId)).log.tenants(runId, outcome);
      },
      findTenant: async (runId, tenantId) => (await seen(runId)).log.findTenant(runId, tenantId),
      findOutcome: async (runId, tenantId) => (await seen(runId)).log.findOutcome(runId, tenantId),
      countTenants: async (runId) => (await seen(runId)).log.countTenants(runId),
    },
    results: {
      plan: async (run) => (await seen(run.runId)).results.plan(run),
      rows: async function* (runId, rowsName, fromByte) {
        yield* (await seen(runId)).results.rows(runId, rowsName, fromByte);
      },
    },
  };
}
