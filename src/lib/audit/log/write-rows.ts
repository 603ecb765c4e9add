import type { Clock } from '../../core/clock.ts';
import { withDeadline } from '../../core/deadline.ts';
import { backOffMs, retry } from '../../core/retry.ts';
import { type AuditTable, refusalOf } from './audit-table.ts';
import { insertRows, type Transport } from './insert-rows.ts';

/** Timeout of one attempt, so that a lost packet costs one attempt and not the record. */
const attemptMs = 1_000;
const attempts = 4;
const firstPauseMs = 50;

export interface WriteRowsDeps {
  readonly table: AuditTable;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly newId: () => string;
}

/**
 * Writes rows of one partition atomically and resolves once they are durable. The refusal `EntityAlreadyExists` counts as
 * success: a row key is never reused, so an earlier attempt (by this function or by the SDK) succeeded although its reply
 * was lost. The transaction is atomic, so all of its rows exist.
 * @throws the last error of {@link insertRows}.
 */
export async function writeRows(deps: WriteRowsDeps, rows: readonly string[], signal: AbortSignal): Promise<void> {
  const { clock, table, newId } = deps;
  await retry(
    async () => {
      try {
        await withDeadline(clock, attemptMs, (attemptSignal) => insertRows(deps, rows, newId(), attemptSignal), signal);
      } catch (error) {
        if (refusalOf(error).code !== 'EntityAlreadyExists') throw error;
      }
    },
    {
      clock,
      attempts,
      afterError: async (error, attempt) => {
        const { code, status } = refusalOf(error);
        if (signal.aborted || !isTransient(code, status)) return undefined;
        if (code !== 'TableNotFound') return backOffMs(attempt, firstPauseMs, 4);
        await table.createTable({ abortSignal: signal });
        return 0;
      },
      signal,
    },
  );
}

const isTransient = (code: string | undefined, status: number | undefined): boolean =>
  code === 'TableNotFound' || status === undefined || status === 408 || status === 429 || status >= 500;
