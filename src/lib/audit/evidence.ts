import type { JWK } from 'jose';
import { minuteMs } from '../model/durations.ts';
import { BrokerError, toBrokerError } from '../model/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';
import { parseJson } from '../runtime/outbound.ts';
import { once } from '../runtime/once.ts';
import { partitionKeyAt, rowKeyAt } from './audit-row.ts';
import { type AuditTable, refusalOf } from './audit-table.ts';
import { type StoredRecord, storedRecord } from './canonical-row.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { CheckpointLog } from './checkpoint-log.ts';
import type { CheckpointSigner } from './checkpoint-signer.ts';
import { decodeContinuation, encodeContinuation } from './continuation.ts';

/** Time between two checkpoints after which the last one is late. The timer fires every five minutes. */
const lateMs = 15 * minuteMs;
/** Maximum time of one timer call. After an outage of more than an hour, the next call goes on. */
const longestWriteMs = 3 * minuteMs;

/** Some records as they are stored, newest first. There may be none although more follow. */
export interface RecordPage {
  readonly records: readonly StoredRecord[];
  readonly continuation?: string;
}

/** Some checkpoints, oldest first, with the public keys that verify them. */
export interface SignedPage {
  readonly checkpoints: readonly string[];
  /** Each with its `kid`. A key that the vault no longer has is missing. */
  readonly keys: readonly JWK[];
  readonly continuation?: string;
}

/** What is known about checkpoints. `off`: there is no key. */
export interface CheckpointState {
  readonly state: 'off' | 'current' | 'late';
  /** When the last one was written. */
  readonly lastAtMs?: number;
  /** Why the last attempt of this instance failed. */
  readonly problem?: string;
}

export interface EvidenceDeps {
  readonly table: () => Promise<AuditTable>;
  readonly checkpoints: CheckpointLog;
  readonly signer: CheckpointSigner;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What proves the audit log: its stored records, and the checkpoints that sign them. */
export class AuditEvidence {
  readonly #deps: EvidenceDeps;
  readonly #table: () => Promise<AuditTable>;
  #problem: string | undefined;

  constructor(deps: EvidenceDeps) {
    this.#deps = deps;
    this.#table = once(deps.table);
  }

  /**
   * One page of the records of a time: from inclusive, to exclusive.
   * @throws BrokerError storage_unavailable; request_invalid for an invalid continuation.
   */
  async records(fromMs: number, toMs: number, continuation?: string): Promise<RecordPage> {
    // Keys count down, so later times come first.
    const filter = [
      `PartitionKey ge '${partitionKeyAt(toMs)}'`,
      `PartitionKey le '${partitionKeyAt(fromMs)}'`,
      `RowKey ge '${rowKeyAt(toMs - 1)}'`,
      `RowKey lt '${rowKeyAt(fromMs - 1)}'`,
    ].join(' and ');
    const continuationToken = continuation === undefined ? {} : { continuationToken: decodeContinuation(continuation) };
    try {
      const pages = (await this.#table())
        .listEntities({ queryOptions: { filter } })
        .byPage({ maxPageSize: 1000, ...continuationToken });
      const page = await pages.next();
      if (page.done === true) return { records: [] };
      const next = page.value.continuationToken;
      const records = page.value.map(storedRecord);
      return next === undefined ? { records } : { records, continuation: encodeContinuation(next) };
    } catch (error) {
      const { code, status } = refusalOf(error);
      if (code === 'TableNotFound') return { records: [] };
      const logFields = { storageCode: code, status };
      throw new BrokerError('storage_unavailable', 'The audit log could not be read.', { cause: error, logFields });
    }
  }

  /** One page of checkpoints, from one before `fromMs`. @throws BrokerError. */
  async checkpoints(fromMs: number, continuation?: string): Promise<SignedPage> {
    const page = await this.#deps.checkpoints.page(fromMs, continuation);
    const ids = new Set(page.checkpoints.map(keyIdOf).filter((id) => id !== ''));
    const keys = await Promise.all([...ids].map((id) => this.#deps.signer.publicKey(id)));
    return { ...page, keys: keys.filter((key) => key !== undefined) };
  }

  /**
   * Writes the checkpoints that are due.
   * @param retentionMs age at which records are purged.
   * @returns the last one; undefined if none was due, another instance wrote it, or there is no key.
   * @throws BrokerError. Tokens do not depend on it.
   */
  async write(retentionMs: number): Promise<Checkpoint | undefined> {
    const { clock } = this.#deps;
    const startMs = clock.nowMs();
    const read = (fromMs: number, toMs: number): AsyncIterable<StoredRecord> => this.#read(fromMs, toMs);
    let last: Checkpoint | undefined;
    try {
      // Only the timer needs it.
      const { writeCheckpoint } = await import('./write-checkpoint.ts');
      while (clock.nowMs() - startMs < longestWriteMs) {
        const written = await writeCheckpoint({ ...this.#deps, read }, retentionMs);
        if (typeof written === 'string') break;
        last = written;
      }
      this.#problem = undefined;
      return last;
    } catch (thrown) {
      this.#problem = toBrokerError(thrown).detail;
      throw thrown;
    }
  }

  /** Whether checkpoints are written. @throws BrokerError storage_unavailable. */
  async state(): Promise<CheckpointState> {
    const last = await this.#deps.checkpoints.last();
    const problem = this.#problem === undefined ? {} : { problem: this.#problem };
    if (last === undefined) return { state: this.#problem === undefined ? 'off' : 'late', ...problem };
    const { at } = partOf(last.jws, 1);
    const lastAtMs = typeof at === 'string' ? Date.parse(at) : Number.NaN;
    const isCurrent = this.#deps.clock.nowMs() - lastAtMs <= lateMs;
    const known = Number.isFinite(lastAtMs) ? { lastAtMs } : {};
    return { state: isCurrent ? 'current' : 'late', ...known, ...problem };
  }

  async *#read(fromMs: number, toMs: number): AsyncIterable<StoredRecord> {
    let continuation: string | undefined;
    do {
      const page: RecordPage = await this.records(fromMs, toMs, continuation);
      yield* page.records;
      continuation = page.continuation;
    } while (continuation !== undefined);
  }
}

/** The header (0) or payload (1) of a JWS, unverified; empty if it has none that can be read. */
function partOf(jws: string, index: 0 | 1): Readonly<Record<string, unknown>> {
  const part = parseJson(Buffer.from(jws.split('.')[index] ?? '', 'base64url').toString('utf8'));
  return typeof part === 'object' && part !== null ? { ...part } : {};
}

function keyIdOf(jws: string): string {
  const { kid } = partOf(jws, 0);
  return typeof kid === 'string' ? kid : '';
}
