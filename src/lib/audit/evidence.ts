import type { TableClient } from '@azure/data-tables';
import type { JWK } from 'jose';
import { LRUCache } from 'lru-cache';
import { type Clock, hourMs, minuteMs } from '../core/clock.ts';
import { BrokerError, toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { Logger } from '../core/log.ts';
import { quoted, Table } from '../core/rows/table.ts';
import { longWork } from '../core/turns.ts';
import { type Checkpoint, hashOf, type StoredRecord, storedRecord } from './chain/checkpoint.ts';
import {
  type CheckpointLog,
  type CheckpointPage,
  type CheckpointSigner,
  keyIdOf,
  partOf,
} from './chain/checkpoint-log.ts';
import type { ExtractDeps, ExtractPage, ExtractQuery } from './proof/extract.ts';
import type { AccountStore, OwnCheckpoint, TenantTree } from './proof/tenant-tree.ts';
import { periodFilter, storageTimeMs, unreadable } from './log/query-rows.ts';

/** Time between two checkpoints after which the last one is late. The timer fires every five minutes. */
const lateMs = 15 * minuteMs;
/** Maximum time of one timer call. After an outage of more than an hour, the next call goes on. */
const longestWriteMs = 3 * minuteMs;

/**
 * Anybody may ask for heads. An instance begins no more reads of the log in a minute for them: for one who asks, so that a single
 * address does not keep others from comparing; for all strangers, so that many do not keep callers from it; and for all, so
 * that they cost the storage little. What is kept costs nothing.
 */
const headReadsPerMinute = { each: 30, strangers: 240, all: 300 };
/** Bytes of heads that are kept. Those of a day are 200 kB. */
const mostKeptHeads = 16 * 2 ** 20;
/** Checkpoints, about a day, whose accounts may be lost where a purge ends. With more it waits. */
const longestPurgeSearch = 288;
/** Parts of the log that are searched for heads. A day of a large fleet has more than one. */
const longestSearch = 24;

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
  /** Tenant id of the partner, as new checkpoints sign it. */
  readonly broker: string;
  readonly checkpoints: readonly string[];
  /** Each with its `kid`. A key that the vault no longer has is missing. */
  readonly keys: readonly JWK[];
  readonly continuation?: string;
}

/** Parts of the log that were read in a minute: for all, and for each who asked. */
interface HeadReads {
  readonly minute: number;
  all: number;
  readonly each: Map<string, number>;
}

interface KeptHeads {
  readonly atMs: number;
  readonly page: Promise<HeadPage>;
  /** Whether nothing that is written later can change it. */
  readonly isFinal: boolean;
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
  /** Tenant id of the partner. */
  readonly broker: string;
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
  /** Checkpoints whose signature was checked: the pages of an extract read the same ones. */
  readonly #own = new LRUCache<string, Checkpoint>({ max: 1_200 });
  readonly #heads = new LRUCache<string, KeptHeads>({ maxSize: mostKeptHeads });
  #headReads: HeadReads = { minute: 0, all: 0, each: new Map() };

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
    const page = await this.#deps.checkpoints.page(fromMs, this.#isOwn, continuation);
    const ids = new Set(page.checkpoints.map(keyIdOf).filter((id) => id !== ''));
    const keys = await Promise.all([...ids].map((id) => this.#deps.signer.publicKey(id)));
    return { broker: this.#deps.broker, ...page, keys: keys.filter((key) => key !== undefined) };
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

  /**
   * Deletes accounts of tenants from before this time, but those with which a later extract begins.
   * @throws BrokerError storage_unavailable, key_vault_unavailable.
   */
  async purgeAccounts(beforeMs: number): Promise<void> {
    const tree = await this.#openTree();
    let tries = 0;
    for await (const own of tree === undefined ? [] : this.#ownCheckpoints(beforeMs)) {
      if (Date.parse(own.checkpoint.to) < beforeMs) continue;
      tries += 1;
      if (tries > longestPurgeSearch || (await tree?.purge(own)) === true) return;
    }
  }

  /** The last checkpoint that the app's key has signed, and whether there are lines of others. */
  async #last(): Promise<{ readonly checkpoint?: Checkpoint; readonly hasForeign: boolean }> {
    const { jws, hasForeign = false } = (await this.#deps.checkpoints.last(this.#isOwn)) ?? {};
    const checkpoint = jws === undefined ? undefined : await this.#ownOf(jws);
    return { hasForeign, ...(checkpoint === undefined ? {} : { checkpoint }) };
  }

  /**
   * One page of the extract of a tenant. All lines are a file that anybody can verify (proof/verify-extract.ts).
   * @param shown says which records are withheld, what callers are called, and what plans hold.
   * @throws BrokerError request_invalid if no checkpoint has accounts for the period; storage_unavailable,
   * key_vault_unavailable.
   */
  async extract(
    query: Omit<ExtractQuery, 'nowMs'>,
    continuation: string | undefined,
    shown: Pick<ExtractDeps, 'isWithheld' | 'names' | 'changes'> = {},
  ): Promise<ExtractPage> {
    const { broker, clock, indexKey, signer } = this.#deps;
    const tree = await this.#openTree();
    if (tree === undefined || indexKey === undefined)
      throw new BrokerError('request_invalid', 'This broker keeps no accounts of tenants.');
    const { extractPage } = await import('./proof/extract.ts');
    const { checkpoint } = continuation === undefined ? await this.#last() : {};
    const deps: ExtractDeps = {
      ...shown,
      broker,
      tree,
      signer,
      indexKey,
      purgedBeforeMs: checkpoint === undefined ? undefined : Date.parse(checkpoint.purgedBefore),
      checkpoints: (fromMs) => this.#ownCheckpoints(fromMs),
      read: (fromMs, toMs, tenant) => this.#read(fromMs, toMs, tenant),
    };
    return extractPage(deps, { ...query, nowMs: clock.nowMs() }, continuation);
  }

  /**
   * One page of what checkpoints say about tenants, oldest first: JWS. Tells nothing about any tenant. Anybody may ask, so it
   * costs little: readers check the signatures. A page with a continuation never changes.
   * @param who asks, such as an address.
   * @param isCaller whether they are signed in.
   * @throws BrokerError; busy if too many pages are read.
   */
  async heads(fromMs: number, continuation?: string, who = '', isCaller = false): Promise<HeadPage> {
    // Those of the hours around come too, so that one page has what an extract from this time begins with, or to it ends with.
    const startMs = (Math.floor(fromMs / hourMs) - 1) * hourMs;
    const key = `${startMs} ${continuation ?? ''}`;
    const nowMs = this.#deps.clock.nowMs();
    const kept = this.#heads.get(key);
    if (kept !== undefined && (kept.isFinal || Math.abs(nowMs - kept.atMs) < minuteMs)) return kept.page;
    const minute = Math.floor(nowMs / minuteMs);
    if (this.#headReads.minute !== minute) this.#headReads = { minute, all: 0, each: new Map() };
    const { all, each } = this.#headReads;
    if (all >= headReadsPerMinute[isCaller ? 'all' : 'strangers'] || (each.get(who) ?? 0) >= headReadsPerMinute.each)
      throw new BrokerError('busy', 'Too many different pages of heads were asked for.', { retryAfterSeconds: 60 });
    const page = this.#readHeads(startMs, continuation, who);
    // Those who ask meanwhile wait for the same. The first heads are soon there.
    this.#heads.set(key, { atMs: nowMs, page, isFinal: false }, { size: 1 });
    const forget = (): boolean => this.#heads.delete(key);
    void page.then(({ heads, continuation: next }) => {
      if (heads.length === 0) return forget();
      const size = heads.reduce((sum, { length }) => sum + length, 0);
      // The log only grows at its end.
      return this.#heads.set(key, { atMs: nowMs, page, isFinal: next !== undefined }, { size });
    }, forget);
    return page;
  }

  async #readHeads(startMs: number, continuation: string | undefined, who: string): Promise<HeadPage> {
    let next = continuation;
    const heads: string[] = [];
    for (let read = 1; ; read += 1) {
      const { each } = this.#headReads;
      this.#headReads.all += 1;
      each.set(who, (each.get(who) ?? 0) + 1);
      const page = await this.#deps.checkpoints.page(startMs, this.#isOwn, next);
      const said = page.checkpoints.map((jws) => partOf(jws, 1)['tenants']);
      heads.push(...said.filter((head) => typeof head === 'string').filter((jws) => toMsOf(jws) >= startMs));
      next = page.continuation;
      const isEnough =
        continuation === undefined ? heads.some((jws) => toMsOf(jws) >= startMs + 2 * hourMs) : heads.length > 0;
      if (isEnough || next === undefined || read === longestSearch)
        return { heads, ...(next === undefined ? {} : { continuation: next }) };
    }
  }

  async #openTree(): Promise<TenantTree | undefined> {
    const { accounts, indexKey } = this.#deps;
    if (accounts === undefined || indexKey === undefined) return undefined;
    const { TenantTree } = await import('./proof/tenant-tree.ts');
    const read = (fromMs: number, toMs: number): AsyncIterable<StoredRecord> => this.#read(fromMs, toMs);
    const lines = (fromMs: number): AsyncIterable<string> => this.#lines(fromMs);
    this.#tree ??= new TenantTree({ ...this.#deps, accounts, indexKey, lines, read });
    return this.#tree;
  }

  /** The checkpoint in a line, if it is one of the app. */
  async #ownOf(jws: string): Promise<Checkpoint | undefined> {
    const hash = hashOf(jws);
    const known = this.#own.get(hash);
    if (known !== undefined) return known;
    // Its schema is loaded when it is needed.
    const { ownCheckpoint } = await import('./chain/write-checkpoint.ts');
    const checkpoint = await ownCheckpoint(jws, this.#deps.signer);
    if (checkpoint !== undefined) this.#own.set(hash, checkpoint);
    return checkpoint;
  }

  readonly #isOwn = async (jws: string): Promise<boolean> => (await this.#ownOf(jws)) !== undefined;

  /**
   * The checkpoints of the app, each after the one that it names, from about a day before a time: the accounts of the last one
   * before it may be lost. Lines of others are left out. The first is none that was appended again: reading begins with a blob,
   * and has none from another one.
   */
  async *#ownCheckpoints(fromMs: number): AsyncIterable<OwnCheckpoint> {
    let lastHash: string | undefined;
    for await (const jws of this.#lines(fromMs)) {
      if (longWork.isOver()) await longWork.take();
      const checkpoint = await this.#ownOf(jws);
      if (checkpoint === undefined || (lastHash !== undefined && checkpoint.previous !== lastHash)) continue;
      lastHash = hashOf(jws);
      yield { checkpoint, jws };
    }
  }

  /** What is in the log of checkpoints, from about a day before a time. */
  async *#lines(fromMs: number): AsyncIterable<string> {
    let page: CheckpointPage | undefined;
    do {
      page = await this.#deps.checkpoints.page(fromMs, this.#isOwn, page?.continuation);
      yield* page.checkpoints;
    } while (page.continuation !== undefined);
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

/** Up to when a head covers records. Negative infinity for text that is none. */
const toMsOf = (jws: string): number => Date.parse(String(partOf(jws, 1)['to'])) || Number.NEGATIVE_INFINITY;
