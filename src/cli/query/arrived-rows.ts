import type { ResultRow } from '../../lib/api/answers/runs.ts';
import { type Clock, systemClock } from '../../lib/runtime/clock.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import { runPath } from '../remote/follow-run.ts';

/** Short, so that the first rows appear soon; longer while nothing comes. */
const pauseMs = { first: 200, longest: 2_000 } as const;
/** Rows of a page. The broker also ends a page at 1 MiB. */
const pageRows = '5000';

/**
 * Yields the rows of a run as its tenants finish, in pages, until the run has ended. Holds one page in memory.
 * @param signal ends the wait for the next rows.
 * @throws BrokerError of the broker.
 */
export async function* arrivedRows(
  client: Pick<BrokerClient, 'pages'>,
  runId: string,
  signal: AbortSignal,
  clock: Clock = systemClock,
): AsyncGenerator<readonly ResultRow[], void, undefined> {
  let waitMs: number = pauseMs.first;
  const query = { format: 'jsonl', order: 'arrival', limit: pageRows };
  for await (const text of client.pages(`${runPath(runId)}/results`, query)) {
    if (signal.aborted) return;
    const rows = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as ResultRow);
    if (rows.length > 0) {
      waitMs = pauseMs.first;
      yield rows;
      continue;
    }
    await clock.sleep(waitMs, signal).catch(() => undefined);
    waitMs = Math.min(pauseMs.longest, waitMs * 1.5);
  }
}
