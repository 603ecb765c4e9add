import { exampleRunId } from '../lib/api/examples.ts';
import { BrokerError } from '../lib/core/errors.ts';
import { parseRunId, type Run } from '../lib/runs/store/run.ts';
import type { RunLog } from '../lib/runs/store/run-log.ts';

/** Documents the path parameter that the routes of one run share. */
export const runIdParameter = {
  runId: { description: '`job@window`, percent-encoded like any path segment.', example: exampleRunId },
};

/** @throws BrokerError run_not_found. */
export async function findRun(runLog: Pick<RunLog, 'find'>, runId: string): Promise<Run> {
  const run = parseRunId(runId) === undefined ? undefined : await runLog.find(runId);
  if (run === undefined) throw new BrokerError('run_not_found', 'No run has this id.');
  return run;
}
