import type { TableClient } from '@azure/data-tables';
import type { JWK } from 'jose';
import { type Clock, minuteMs } from '../core/clock.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { Logger } from '../core/log.ts';
import { quoted, Table } from '../core/rows/table.ts';
import { type Checkpoint, hashOf, type StoredRecord, storedRecord } from './chain/checkpoint.ts';
import {
  type CheckpointLog,
  type CheckpointPage,
  type CheckpointSigner,
  keyIdOf,
  partOf,
} from './chain/checkpoint-log.ts';
import type { ExtractPage, ExtractQuery } from './proof/extract.ts';
import type { AccountStore, OwnCheckpoint, TenantTree } from './proof/tenant-tree.ts';
import { periodFilter, storageTimeMs, unreadable } from './log/query-rows.ts';

/** Time between two checkpoints after which the last one is late. The timer fires every five minutes. */
const lateMs = 15 * minuteMs;
/** Maximum time of one timer call. After an outage of more than an hour, the next call goes on. */
const longestWriteMs = 3 * minuteMs;

/** Records in an answer of storage, which has no more. */
const largestPage = 1_000;
/** The process issues tokens meanwhile: taking a page of this size apart keeps it busy for about 10 ms. */
const pageForCheckpoint = 500;

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

/** What some checkpoints say about tenants. */
interface HeadPage {
  readonly heads: readonly string[];
  readonly continuation?: string;
}

/**
 * What is known about checkpoints. `off`: an operator has disabled their timer. `none`: none was written yet, and the app has
 * just started.
 */
export interface CheckpointState {
  readonly state: 'off' | 'none' | 'current' | 'late';
  /** When the last one was written. */
  readonly lastAtMs?: number;
  /** Why the last attempt of this instance failed. */
  readonly problem?: string;
  /** Whether others have written lines among those of today. */
  readonly hasForeign?: true;
}

export interface EvidenceDeps {
  readonly table: () => Promise<TableClient>;
  readonly checkpoints: CheckpointLog;
  readonly signer: CheckpointSigner;
  /** Absent: checkpoints say nothing about tenants. */
  readonly accounts?: AccountStore;
  readonly indexKey?: CheckpointSigner;
  readonly clock: Clock;
  readonly log: Logger;
  /** Replaces the clock of storage, for a simulated time. */
  readonly storageTime?: typeof storageTimeMs;
  /** Whether an operator has disabled the timer that writes checkpoints. */
  readonly isOff: boolean;
}

/** What proves the audit log: its stored records, and the checkpoints that sign them. */
export class AuditEvidence {
  readonly #deps: EvidenceDeps;
  readonly #table: Table;
  readonly #storageTime: typeof storageTimeMs;
  readonly #startMs: number;
  #problem: string | undefined;
  #tree: TenantTree | undefined;

  constructor(deps: EvidenceDeps) {
    this.#deps = deps;
    this.#storageTime = deps.storageTime ?? storageTimeMs;
    this.#startMs = deps.clock.nowMs();
    this.#table = new Table(deps.table, unreadable);
  }

  /**
   * One page of the records of a time: from inclusive, to exclusive.
   * @throws BrokerError storage_unavailable; request_invalid for an invalid continuation.
   */
  async records(fromMs: number, toMs: number, continuation?: string, size = largestPage): Promise<RecordPage> {
    const filter = periodFilter(fromMs, toMs);
    const { rows, ...rest } = await this.#table.page({ filter }, { size, continuation });
    return { records: rows.map(storedRecord), ...rest };
  }

  /** One page of checkpoints, from one before `fromMs`. @throws BrokerError. */
  async checkpoints(fromMs: number, continuation?: string): Promise<SignedPage> {
    const page = await this.#deps.checkpoints.page(fromMs, continuation);
    const ids = new Set(page.checkpoints.map(keyIdOf).filter((id) => id !== ''));
    const keys = await Promise.all([...ids].map((id) => this.#deps.signer.publicKey(id)));
    return { ...page, keys: keys.filter((key) => key !== undefined) };
  }

  /** The later of this instance's time and that of storage, milliseconds: no record is newer. @throws BrokerError. */
  async latestMs(): Promise<number> {
    return this.#deps.clock.nowMs() + Math.max(0, await this.#behindMs());
  }

  /**
   * Writes the checkpoints that are due.
   * @param retentionMs age at which records are purged.
   * @returns the last one; undefined if none was due, another instance wrote it, or there is no key.
   * @throws BrokerError. Tokens do not depend on it.
   */
  async write(retentionMs: number): Promise<Checkpoint | undefined> {
    const { clock, log } = this.#deps;
    const startMs = clock.nowMs();
    const read = (fromMs: number, toMs: number): AsyncIterable<StoredRecord> => this.#read(fromMs, toMs);
    let last: Checkpoint | undefined;
    try {
      // Only the timer needs it.
      const { writeCheckpoint } = await import('./chain/write-checkpoint.ts');
      const aheadMs = Math.max(0, -(await this.#behindMs()));
      if (aheadMs > minuteMs) log.log('warn', 'audit.clock_ahead', { seconds: Math.round(aheadMs / 1000) });
      const tree = await this.#openTree();
      const deps = {
        ...this.#deps,
        read,
        clock: { nowMs: () => clock.nowMs() - aheadMs },
        ...(tree === undefined ? {} : { tree }),
      };
      while (clock.nowMs() - startMs < longestWriteMs) {
        const written = await writeCheckpoint(deps, retentionMs);
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

  /** Whether checkpoints are written. @throws BrokerError storage_unavailable, key_vault_unavailable. */
  async state(): Promise<CheckpointState> {
    const { clock, isOff, signer } = this.#deps;
    const { checkpoint, hasForeign } = await this.#last();
    const key = checkpoint === undefined && !isOff ? await signer.current() : undefined;
    const missing = key !== undefined && 'missing' in key ? key.missing : undefined;
    const problem = this.#problem ?? missing;
    const facts = { ...(problem === undefined ? {} : { problem }), ...(hasForeign ? { hasForeign } : {}) };
    const ageMs = clock.nowMs() - (checkpoint === undefined ? this.#startMs : Date.parse(checkpoint.at));
    const isLate = ageMs > lateMs || (checkpoint === undefined && problem !== undefined);
    const state = isOff ? 'off' : isLate ? 'late' : checkpoint === undefined ? 'none' : 'current';
    return { state, ...(checkpoint === undefined ? {} : { lastAtMs: Date.parse(checkpoint.at) }), ...facts };
  }

  /**
   * Before which time records may be purged: what the last checkpoint says, so that a purge is never taken for tampering.
   * @returns undefined without a limit: there are no checkpoints, or they are off.
   * @throws BrokerError storage_unavailable, key_vault_unavailable.
   */
  async purgeLimitMs(): Promise<number | undefined> {
    const { checkpoint } = this.#deps.isOff ? {} : await this.#last();
    return checkpoint === undefined ? undefined : Date.parse(checkpoint.purgedBefore);
  }

  /** The last checkpoint that the app's key has signed, and whether there are lines of others. */
  async #last(): Promise<{ readonly checkpoint?: Checkpoint; readonly hasForeign: boolean }> {
    const { checkpoints, signer } = this.#deps;
    // Its schema is loaded when it is needed.
    const { ownCheckpoint } = await import('./chain/write-checkpoint.ts');
    const found = await checkpoints.last(async (jws) => (await ownCheckpoint(jws, signer)) !== undefined);
    const { jws, hasForeign = false } = found ?? {};
    const checkpoint = jws === undefined ? undefined : await ownCheckpoint(jws, signer);
    return { hasForeign, ...(checkpoint === undefined ? {} : { checkpoint }) };
  }

  /**
   * One page of the extract of a tenant. All lines are a file that anybody can verify (proof/verify-extract.ts).
   * @throws BrokerError request_invalid if no checkpoint has accounts for the period; storage_unavailable,
   * key_vault_unavailable.
   */
  async extract(query: Omit<ExtractQuery, 'nowMs'>, continuation: string | undefined): Promise<ExtractPage> {
    const { clock, indexKey, signer } = this.#deps;
    const tree = await this.#openTree();
    if (tree === undefined || indexKey === undefined)
      throw new BrokerError('request_invalid', 'This broker keeps no accounts of tenants.');
    const { extractPage } = await import('./proof/extract.ts');
    const deps = {
      tree,
      signer,
      indexKey,
      checkpoints: (fromMs: number) => this.#ownCheckpoints(fromMs),
      read: (fromMs: number, toMs: number, tenant?: TenantId) => this.#read(fromMs, toMs, tenant),
    };
    return extractPage(deps, { ...query, nowMs: clock.nowMs() }, continuation);
  }

  /**
   * One page of what checkpoints say about tenants, oldest first: JWS. Tells nothing about any tenant. Anybody may ask, so it
   * costs little: readers check the signatures.
   * @throws BrokerError.
   */
  async heads(fromMs: number, continuation?: string): Promise<HeadPage> {
    const { checkpoints, ...rest } = await this.#deps.checkpoints.page(fromMs, continuation);
    const said = checkpoints.map((jws) => partOf(jws, 1)['tenants']);
    return { heads: said.filter((head) => typeof head === 'string'), ...rest };
  }

  async #openTree(): Promise<TenantTree | undefined> {
    const { accounts, indexKey } = this.#deps;
    if (accounts === undefined || indexKey === undefined) return undefined;
    const { TenantTree } = await import('./proof/tenant-tree.ts');
    const read = (fromMs: number, toMs: number): AsyncIterable<StoredRecord> => this.#read(fromMs, toMs);
    this.#tree ??= new TenantTree({ ...this.#deps, accounts, indexKey, read });
    return this.#tree;
  }

  /** The checkpoints of the app, each after the one that it names. Lines of others are left out. */
  async *#ownCheckpoints(fromMs: number): AsyncIterable<OwnCheckpoint> {
    const { ownCheckpoint } = await import('./chain/write-checkpoint.ts');
    let last: OwnCheckpoint | undefined;
    let continuation: string | undefined;
    do {
      const page: CheckpointPage = await this.#deps.checkpoints.page(fromMs, continuation);
      for (const jws of page.checkpoints) {
        const checkpoint = await ownCheckpoint(jws, this.#deps.signer);
        if (checkpoint === undefined || (last !== undefined && checkpoint.previous !== hashOf(last.jws))) continue;
        last = { checkpoint, jws };
        yield last;
      }
      continuation = page.continuation;
    } while (continuation !== undefined);
  }

  /** How far the clock of this instance is behind that of storage, milliseconds. Negative if it is ahead. */
  async #behindMs(): Promise<number> {
    const storageMs = await this.#storageTime(this.#table);
    return storageMs === undefined ? 0 : storageMs - this.#deps.clock.nowMs();
  }

  async *#read(fromMs: number, toMs: number, tenant?: TenantId): AsyncIterable<StoredRecord> {
    const period = periodFilter(fromMs, toMs);
    const filter = tenant === undefined ? period : `${period} and tenantId eq ${quoted(tenant)}`;
    let continuation: string | undefined;
    do {
      const page: Awaited<ReturnType<Table['page']>> = await this.#table.page(
        { filter },
        { size: pageForCheckpoint, continuation },
      );
      yield* page.rows.map(storedRecord);
      continuation = page.continuation;
    } while (continuation !== undefined);
  }
}
