import type { Clock } from '../runtime/clock.ts';
import { withDeadline } from '../runtime/deadline.ts';
import type { AuditRow } from './audit-row.ts';
import { type AuditTable, refusalOf } from './audit-table.ts';
import { insertRows, type Transport } from './insert-rows.ts';

/** A request without a reply is given up after this long, so that a lost packet costs one attempt and not the record. */
const attemptMs = 1_000;
const maxAttempts = 4;
const firstPauseMs = 50;

/**
 * Writes rows of one partition, all or none, and resolves when they are durable. May be told so by a refusal: a row key
 * is unique for ever, so "exists already" means that an earlier attempt, ours or the SDK's, did its work before its
 * reply was lost; and the transaction being atomic, that all of its rows are there.
 * @throws what {@link insertRows} threw last.
 */
export async function writeRows(
  deps: {
    readonly table: AuditTable;
    readonly transport: Transport;
    readonly clock: Clock;
    readonly newId: () => string;
  },
  rows: readonly AuditRow[],
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await withDeadline(
        deps.clock,
        attemptMs,
        (abortSignal) => insertRows(deps, rows, deps.newId(), abortSignal),
        signal,
      );
      return;
    } catch (error) {
      const { code, status } = refusalOf(error);
      if (code === 'EntityAlreadyExists') return;
      if (attempt >= maxAttempts || signal.aborted || !worthRepeating(code, status)) throw error;
      if (code === 'TableNotFound') await deps.table.createTable({ abortSignal: signal });
      else await deps.clock.sleep(firstPauseMs * 4 ** (attempt - 1), signal);
    }
  }
}

const worthRepeating = (code: string | undefined, status: number | undefined): boolean =>
  code === 'TableNotFound' || status === undefined || status === 408 || status === 429 || status >= 500;
