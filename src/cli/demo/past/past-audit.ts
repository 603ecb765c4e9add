import { type KeyObject, randomUUID, sign } from 'node:crypto';
import type { AuditEntry } from '../../../lib/audit/audit-log.ts';
import { checkpointContainer, createBlobCheckpointLog } from '../../../lib/audit/chain/blob-checkpoint-log.ts';
import { hashOf, type StoredRecord } from '../../../lib/audit/chain/checkpoint.ts';
import { collectCheckpoint, longestMs, type PreviousCheckpoint } from '../../../lib/audit/chain/collect-checkpoint.ts';
import { signedCheckpoint } from '../../../lib/audit/chain/write-checkpoint.ts';
import { type AuditRow, timeOfKeys, toRow } from '../../../lib/audit/log/audit-row.ts';
import { loadTransport, maxTransaction, writeRows } from '../../../lib/audit/log/insert-rows.ts';
import { RecordChain } from '../../../lib/audit/log/table-audit-log.ts';
import type { Storage } from '../../../lib/config/storage.ts';
import type { Clock } from '../../../lib/core/clock.ts';
import { Limiter } from '../../../lib/core/limiter.ts';

/** Checkpoints in one blob. */
const perBlob = 288;

/** The key that signs, which Key Vault has as well: thousands of requests to it would take a minute. */
interface Key {
  readonly id: string;
  readonly privateKey: KeyObject;
}

/** Records of a time that has passed, in one chain after another, with the checkpoints of that time. */
export class PastAudit {
  readonly #rows: (readonly [atMs: number, row: AuditRow])[] = [];
  readonly #fromMs: number;

  /** @param fromMs the log begins here: what was recorded before is left out. */
  constructor(fromMs: number) {
    this.#fromMs = fromMs;
  }

  /** Takes an entry. `write` stores it. */
  async record(entry: AuditEntry): Promise<void> {
    const atMs = entry.writtenMs ?? entry.atMs;
    if (atMs > this.#fromMs) this.#rows.push([atMs, toRow(entry, randomUUID())]);
  }

  /** Stores the records in the order of their times, and the checkpoints up to a time. */
  async write(storage: Storage, clock: Clock, key: Key, toMs: number): Promise<void> {
    const hours = this.#link();
    const records = hours.flat().map((text) => JSON.parse(text) as StoredRecord);
    await Promise.all([insertAll(storage, clock, 'Audit', hours), this.#writeCheckpoints(storage, key, records, toMs)]);
  }

  /** The texts of the records of each hour, with their places in the chain. */
  #link(): readonly (readonly string[])[] {
    const chain = new RecordChain(randomUUID);
    const sorted = this.#rows.toSorted(([one], [other]) => one - other);
    return [...Map.groupBy(sorted, ([, { partitionKey }]) => partitionKey).values()].map((hour) => {
      const rows = hour.map(([, row]) => row);
      const linked = chain.link(rows, hour.at(-1)?.[0] ?? 0);
      linked.settle(true);
      return linked.texts;
    });
  }

  async #writeCheckpoints(storage: Storage, key: Key, records: readonly StoredRecord[], toMs: number): Promise<void> {
    const container = await storage.container(checkpointContainer);
    await container.createIfNotExists();
    const log = createBlobCheckpointLog(async () => container);
    const signer = { sign: async (_id: string, data: Uint8Array) => flat(sign('sha256', data, key.privateKey)) };
    const times = records.map(({ PartitionKey, RowKey }) => timeOfKeys(PartitionKey, RowKey) ?? 0);
    const appended: Promise<boolean>[] = [];
    let lines: string[] = [];
    let previous: PreviousCheckpoint | undefined;
    let first = 0;
    const read = async function* (startMs: number, endMs: number): AsyncGenerator<StoredRecord> {
      while ((times[first] ?? endMs) < startMs) first += 1;
      for (let at = first; (times[at] ?? endMs) < endMs; at += 1) yield records[at] as StoredRecord;
    };
    for (let nowMs = toMs - Math.floor((toMs - this.#fromMs) / longestMs) * longestMs; nowMs <= toMs; ) {
      const checkpoint = await collectCheckpoint({ previous, nowMs, purgedBeforeMs: 0, read });
      nowMs += longestMs;
      if (checkpoint === undefined) continue;
      const jws = await signedCheckpoint(checkpoint, key.id, signer);
      previous = { checkpoint, hash: hashOf(jws) };
      lines.push(jws);
      if (lines.length < perBlob && nowMs <= toMs) continue;
      // Several lines at once: whoever reads the log counts lines.
      appended.push(log.append(lines.join('\n'), checkpoint.number - lines.length + 1, undefined));
      lines = [];
    }
    await Promise.all(appended);
  }
}

/** A signature as JWS has it (RFC 7518 section 3.4), from its DER form, in which Node signs in half the time. */
function flat(der: Uint8Array): Uint8Array {
  const length = der[3] ?? 0;
  // Each number may be shorter than 32 bytes, or have a leading zero.
  const numbers = [der.subarray(4, 4 + length), der.subarray(6 + length)];
  return Buffer.concat(numbers.map((number) => Buffer.concat([Buffer.alloc(32), number]).subarray(-32)));
}

/** Creates a table and inserts the rows of each partition: as JSON with both keys. @param clock patient: many writes wait. */
export async function insertAll(
  storage: Storage,
  clock: Clock,
  name: string,
  partitions: readonly (readonly string[])[],
): Promise<void> {
  const [table, transport] = await Promise.all([storage.table(name), loadTransport()]);
  await table.createTable();
  const limiter = new Limiter(4);
  const deps = { table, transport, clock, newId: randomUUID };
  const batches = partitions.flatMap((rows) =>
    Array.from({ length: Math.ceil(rows.length / maxTransaction) }, (_, at) =>
      rows.slice(at * maxTransaction, (at + 1) * maxTransaction),
    ),
  );
  await Promise.all(batches.map((rows) => limiter.run(() => writeRows(deps, rows, new AbortController().signal))));
}
