import type { Caller } from '../model/caller.ts';
import type { ReadableRuns } from './readable-runs.ts';
import { queryJob, type Run } from './run.ts';
import { parseRunId, type RunId } from './run-id.ts';
import type { Runs } from './runs.ts';

/** Whether the caller asked for this query. */
const isOwnQuery = (run: Run, { applicationId, objectId }: Pick<Caller, 'applicationId' | 'objectId'>): boolean =>
  run.job === queryJob && run.startedBy === applicationId && run.starter?.objectId === objectId;

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

/**
 * Adds the queries of a caller, whole, to the runs that it may read: the gateway has answered these requests to it.
 * @param others the other runs, as the caller may see them.
 */
export function withOwnQueries(
  runs: Pick<Runs, 'log' | 'results'>,
  others: ReadableRuns,
  caller: Pick<Caller, 'applicationId' | 'objectId'>,
): ReadableRuns {
  const found = new Map<RunId, Promise<ReadableRuns>>();
  const find = async (runId: RunId): Promise<ReadableRuns> => {
    const run = await runs.log.find(runId);
    return run !== undefined && isOwnQuery(run, caller) ? runs : others;
  };
  /** The runs through which the caller sees this one. */
  const seen = (runId: RunId): Promise<ReadableRuns> => {
    if (parseRunId(runId)?.job !== queryJob) return Promise.resolve(others);
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
        const own = isForQueries
          ? (await runs.log.list({ ...filter, job: queryJob, limit: maxExamined })).filter((run) =>
              isOwnQuery(run, caller),
            )
          : [];
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

/** Older queries of the caller are not found in lists. */
const maxExamined = 1_000;
