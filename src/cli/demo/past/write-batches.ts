import { randomUUID } from 'node:crypto';
import { loadTransport, maxTransaction, writeRows } from '../../../lib/audit/log/insert-rows.ts';
import type { Storage } from '../../../lib/config/storage.ts';
import { type Clock, systemClock } from '../../../lib/core/clock.ts';
import { Limiter } from '../../../lib/core/limiter.ts';

/** Deadlines are for production. This machine starts several processes at the same time. */
export const patientClock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(20 * ms, signal) };

/** Rows that share a transaction: consecutive ones of one partition, at most 100. */
export function batchesOf<R>(rows: readonly R[], partitionOf: (row: R) => unknown): readonly R[][] {
  const batches: R[][] = [];
  for (const row of rows) {
    const last = batches.at(-1);
    const [first] = last ?? [];
    const isFull = first === undefined || last?.length === maxTransaction || partitionOf(first) !== partitionOf(row);
    if (isFull) batches.push([row]);
    else last?.push(row);
  }
  return batches;
}

/** Creates a table and inserts batches of rows, each as JSON with both keys. */
export async function writeBatches(storage: Storage, name: string, batches: readonly (readonly string[])[]) {
  const [table, transport] = await Promise.all([storage.table(name), loadTransport()]);
  await table.createTable();
  const limiter = new Limiter(4);
  const deps = { table, transport, clock: patientClock, newId: randomUUID };
  await Promise.all(batches.map((batch) => limiter.run(() => writeRows(deps, batch, new AbortController().signal))));
}
