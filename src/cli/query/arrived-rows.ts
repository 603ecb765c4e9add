import type { ResultRow } from '../../lib/api/answers/runs.ts';
import { type Clock, systemClock } from '../../lib/core/clock.ts';
import type { BrokerClient } from '../remote/broker-client.ts';
import { runPath } from '../remote/follow-run.ts';

/**
 * Short, so that the first rows appear soon; longer while nothing comes. For each page, the broker reads the records of all
 * tenants of the run, so that one page after another would slow the run down.
 */
const pauseMs = { first: 100, longest: 2_000, afterRows: 250 } as const;
/** A page of this length in characters is probably one of several that are ready. */
const longPage = 512 * 1024;
/** Rows of a page. The broker also ends a page at 1 MiB. */
const pageRows = 5_000;

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
  const query = { format: 'jsonl', order: 'arrival', limit: String(pageRows) };
  for await (const text of client.pages(`${runPath(runId)}/results`, query)) {
    if (signal.aborted) return;
    const rows = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as ResultRow);
    if (rows.length > 0) {
      yield rows;
      waitMs = pauseMs.afterRows;
      if (text.length >= longPage || rows.length >= pageRows) continue;
    }
    await clock.sleep(waitMs, signal).catch(() => undefined);
    waitMs = Math.min(pauseMs.longest, waitMs * 1.3);
  }
}
