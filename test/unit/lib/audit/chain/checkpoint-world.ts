import { createSign, generateKeyPairSync } from 'node:crypto';
import type { JWK } from 'jose';
import type { AuditEntry } from '../../../../../src/lib/audit/audit-log.ts';
import { toRow } from '../../../../../src/lib/audit/log/audit-row.ts';
import {
  canonicalText,
  type Checkpoint,
  hashOf,
  type StoredRecord,
} from '../../../../../src/lib/audit/chain/checkpoint.ts';
import { RecordChain } from '../../../../../src/lib/audit/log/table-audit-log.ts';
import { writeCheckpoint } from '../../../../../src/lib/audit/chain/write-checkpoint.ts';
import { auditStartMs, guid, issued } from '../../../../support/audit-entries.ts';

export const second = 1_000;
export const minute = 60 * second;
export const year = 365 * 24 * 60 * minute;

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'key-1' } as JWK;

/** Rows in storage, and the checkpoints over them, at a time that tests set. */
export class CheckpointWorld {
  nowMs = auditStartMs;
  readonly rows: StoredRecord[] = [];
  readonly lines: string[] = [];
  #ids = 0;

  newChain(id = this.newId()): RecordChain {
    return new RecordChain(() => id);
  }

  newId(): string {
    this.#ids += 1;
    return guid(this.#ids);
  }

  /** Makes records now, in one write. The write fails if `isStored` is false. */
  write(chain: RecordChain, count: number, { isStored = true } = {}): StoredRecord[] {
    const rows = Array.from({ length: count }, () => toRow(issued({ atMs: this.nowMs }), this.newId()));
    const linked = chain.link(rows, this.nowMs);
    linked.settle(isStored);
    const records = linked.texts.map((text) => JSON.parse(text) as StoredRecord);
    if (isStored) this.rows.push(...records);
    return records;
  }

  /** A row as an older version writes it. */
  addOld(atMs: number, entry: Partial<AuditEntry> = {}): StoredRecord {
    const { partitionKey, rowKey, ...columns } = toRow(issued({ ...entry, atMs }), this.newId());
    return this.add({ PartitionKey: partitionKey, RowKey: rowKey, ...columns });
  }

  add(record: StoredRecord): StoredRecord {
    this.rows.push(record);
    return record;
  }

  /** A row that somebody adds at a place of a chain, with the time of now. */
  forge(chain: string, seq: number, columns: Readonly<Record<string, unknown>> = {}): StoredRecord {
    const { partitionKey, rowKey } = toRow(issued({ atMs: this.nowMs }), this.newId());
    return this.add({
      PartitionKey: partitionKey,
      RowKey: rowKey,
      rule: 'forged',
      chain: `${chain}.${seq}.0.`,
      ...columns,
    });
  }

  signer = {
    current: async () => ({ id: 'key-1' }),
    publicKey: async (id: string) => (id === 'key-1' ? jwk : undefined),
    sign: async (_id: string, data: Uint8Array) =>
      createSign('SHA256').update(data).sign({ key: privateKey, dsaEncoding: 'ieee-p1363' }),
  };

  /** Lets minutes pass, and writes the next checkpoint as the timer does. */
  async checkpoint(minutes = 5, retentionMs = year): Promise<Checkpoint> {
    this.nowMs += minutes * minute;
    const written = await writeCheckpoint(
      {
        broker: guid(0xb0),
        signer: this.signer,
        clock: { nowMs: () => this.nowMs },
        checkpoints: {
          last: async (isOwn) => {
            const position = this.lines.length;
            for (const jws of this.lines.toReversed()) if (await isOwn(jws)) return { jws, position };
            return position === 0 ? undefined : { position };
          },
          append: async (jws) => this.lines.push(jws) > 0,
          page: async () => ({ checkpoints: this.lines }),
        },
        read: (fromMs, toMs) => this.#read(fromMs, toMs),
      },
      retentionMs,
    );
    if (typeof written === 'string') throw new Error(`no checkpoint: ${written}`);
    return written;
  }

  /** Newest first, by the text of the row key, as storage does. */
  async *#read(fromMs: number, toMs: number): AsyncIterable<StoredRecord> {
    const keyAt = (ms: number): string => String(9_999_999_999_999 - ms).padStart(13, '0');
    const [low, high] = [keyAt(toMs - 1), keyAt(fromMs - 1)];
    for (const row of this.rows.toSorted((one, other) => (one.RowKey < other.RowKey ? -1 : 1)))
      if (row.RowKey >= low && row.RowKey < high) yield row;
  }
}

export const hashOfRow = (row: StoredRecord | undefined): string => hashOf(canonicalText(row ?? {}));
