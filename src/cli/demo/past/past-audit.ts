import { type KeyObject, sign } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { AuditEntry } from '../../../lib/audit/audit-log.ts';
import { checkpointContainer, createBlobCheckpointLog } from '../../../lib/audit/chain/blob-checkpoint-log.ts';
import { hashOf, type StoredRecord } from '../../../lib/audit/chain/checkpoint.ts';
import { collectCheckpoint, longestMs, type PreviousCheckpoint } from '../../../lib/audit/chain/collect-checkpoint.ts';
import { signedCheckpoint } from '../../../lib/audit/chain/write-checkpoint.ts';
import { type AuditRow, timeOfKeys, toRow } from '../../../lib/audit/log/audit-row.ts';
import { RecordChain } from '../../../lib/audit/log/table-audit-log.ts';
import type { Storage } from '../../../lib/config/storage.ts';
import { batchesOf, writeBatches } from './write-batches.ts';

/** Checkpoints in one blob. */
const perBlob = 288;

interface WriteDeps {
  readonly storage: Storage;
  /** The key that signs, which Key Vault has as well: 9,000 requests to it would take a minute. */
  readonly key: { readonly id: string; readonly privateKey: KeyObject };
  /** Age at which records are purged. */
  readonly retentionMs: number;
}

interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

interface Placed {
  readonly atMs: number;
  readonly record: StoredRecord;
}

/** Records of a time that has passed, in one chain after another, with the checkpoints of that time. */
export class PastAudit {
  readonly #rows: (readonly [atMs: number, row: AuditRow])[] = [];
  readonly #newId: () => string;

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** Takes an entry. `write` stores it. */
  record(entry: AuditEntry): Promise<void> {
    this.#rows.push([entry.writtenMs ?? entry.atMs, toRow(entry, this.#newId())]);
    return Promise.resolve();
  }

  /** Stores the records in the order of their times, and the checkpoints of the period. */
  async write(deps: WriteDeps, period: Period): Promise<void> {
    const placed: Placed[] = [];
    const writing = this.#writeRecords(deps, placed);
    // The rows are placed at once, and written meanwhile.
    await Promise.all([writing, this.#writeCheckpoints(deps, placed, period)]);
  }

  async #writeRecords({ storage }: WriteDeps, placed: Placed[]): Promise<void> {
    const chain = new RecordChain(this.#newId);
    const batches: (readonly string[])[] = [];
    const sorted = this.#rows.toSorted(([one], [other]) => one - other);
    for (const rows of batchesOf(sorted, ([, { partitionKey }]) => partitionKey)) {
      const linked = chain.link(
        rows.map(([, row]) => row),
        rows.at(-1)?.[0] ?? 0,
      );
      linked.settle(true);
      batches.push(linked.texts);
      for (const text of linked.texts) {
        const record = JSON.parse(text) as StoredRecord;
        placed.push({ atMs: timeOfKeys(record.PartitionKey, record.RowKey) ?? 0, record });
      }
    }
    await writeBatches(storage, 'Audit', batches);
  }

  async #writeCheckpoints(
    { storage, key, retentionMs }: WriteDeps,
    placed: readonly Placed[],
    { fromMs, toMs }: Period,
  ): Promise<void> {
    const log = createBlobCheckpointLog(() => storage.container(checkpointContainer));
    const signer = {
      sign: (_id: string, data: Uint8Array) =>
        Promise.resolve(sign('sha256', data, { key: key.privateKey, dsaEncoding: 'ieee-p1363' })),
    };
    const appended: Promise<boolean>[] = [];
    let lines: string[] = [];
    let previous: PreviousCheckpoint | undefined;
    let first = 0;
    const read = async function* (startMs: number, endMs: number): AsyncGenerator<StoredRecord> {
      while ((placed[first]?.atMs ?? endMs) < startMs) first += 1;
      for (let at = first; (placed[at]?.atMs ?? endMs) < endMs; at += 1) yield placed[at]?.record as StoredRecord;
    };
    for (let nowMs = toMs - Math.floor((toMs - fromMs) / longestMs) * longestMs; nowMs <= toMs; ) {
      const purgedBeforeMs = nowMs - retentionMs;
      const checkpoint = await collectCheckpoint({ previous, nowMs, purgedBeforeMs, read });
      nowMs += longestMs;
      if (checkpoint === undefined) continue;
      const jws = await signedCheckpoint(checkpoint, key.id, signer);
      previous = { checkpoint, hash: hashOf(jws) };
      lines.push(jws);
      if (lines.length < perBlob && nowMs <= toMs) continue;
      // Several lines at once: whoever reads the log counts lines.
      appended.push(log.append(lines.join('\n'), checkpoint.number - lines.length + 1, undefined));
      lines = [];
      // The process that waits for other commands meanwhile gets its turn.
      await setImmediate();
    }
    await Promise.all(appended);
  }
}
