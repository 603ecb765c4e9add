import { createCipheriv, createHash, hash } from 'node:crypto';
import { nilUuid, parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { inTurns, sortSteps, longWork, itemsAtOnce } from '../../core/turns.ts';
import { timeOfKeys } from '../log/audit-row.ts';
import { type ChainHead, type Checkpoint, readLink, type StoredRecord } from '../chain/checkpoint.ts';
import {
  type Account,
  type AccountProof,
  bucketBytes,
  bucketKind,
  bucketOf,
  commitmentInput,
  digestBytes,
  emptyAccount,
  entriesPerBucket,
  entryBytes,
  fewestBits,
  groupKind,
  headInput,
  isBefore,
  levelsOf,
  mostBits,
  shownText,
  tagBytes,
  tagInput,
} from './layout.ts';

/*
 * The accounts of all tenants after a checkpoint, and the tree over them. All of it follows from the checkpoints and the
 * records, so what is lost can be computed again.
 */

const sha256 = (bytes: Uint8Array | string): Buffer => hash('sha256', bytes, 'buffer');
/** One character for each byte: a third of the time of a Buffer, and a tree takes thousands. */
const sha256Text = (bytes: Uint8Array): string => hash('sha256', bytes, 'binary');

/** First and last place in a chain, both inclusive. */
type Places = readonly [first: number, last: number];

/** Which places of a chain checkpoints have covered: all up to `seq` but those that are open. */
interface ChainCover {
  readonly seq: number;
  /** In order. */
  readonly open: readonly Places[];
}

/** Which records the checkpoints so far have covered. Chains that the last one does not name are forgotten, as it forgets. */
export type Cover = ReadonlyMap<string, ChainCover>;

/** What the accounts need of a record. */
export interface SeenRecord extends Pick<StoredRecord, 'PartitionKey' | 'RowKey'> {
  readonly chain: unknown;
  /** Whose account counts it. One that names no tenant, because none was found for it, is counted as nobody's: the nil UUID. */
  readonly holder: TenantId;
  readonly hash: Uint8Array;
}

export const seenRecord = (record: StoredRecord): SeenRecord => ({
  PartitionKey: record.PartitionKey,
  RowKey: record.RowKey,
  chain: record['chain'],
  holder: holderOf(record['tenantId']),
  hash: sha256(shownText(record)),
});

/** Who holds the records that name no tenant. */
const nobody = nilUuid as TenantId;

/** No version writes an id in another spelling, and storage finds it by its spelling: it is nobody's. */
function holderOf(tenantId: unknown): TenantId {
  const parsed = parseTenantId(tenantId);
  return parsed === undefined || parsed !== tenantId ? nobody : parsed;
}

/** Where a record is in the chains. */
type Placed = Pick<SeenRecord, 'PartitionKey' | 'RowKey' | 'chain'>;

/** Whether a checkpoint is the first to cover a record. */
type IsCovered = (record: Placed) => boolean;

/**
 * What is covered after the next checkpoint, and which records it is the first to cover: those at the places between the
 * heads of their chain that it does not call holes, those at earlier holes that it calls late, and those without a chain of
 * its period. What it says decides, not the time of a record, so a record that arrives late counts once.
 */
export function nextCover(before: Cover, { chains, unchained, from, to }: Checkpoint): [Cover, IsCovered] {
  const after = new Map<string, ChainCover>();
  const covered = new Map<string, readonly Places[]>();
  for (const head of chains) {
    const known = before.get(head.id) ?? startOf(head);
    const holes = (head.holes ?? []).map(([first, last]): Places => [Math.max(first, known.seq + 1), last]);
    const late = (head.late ?? []).map(([first, last]): Places => [first, last]);
    const open = without([...known.open, ...holes], late);
    const wasOpen = [...known.open, [known.seq + 1, head.seq] as const];
    after.set(head.id, { seq: Math.max(known.seq, head.seq), open });
    covered.set(head.id, without(wasOpen, open));
  }
  const [afterMs, untilMs] = [Date.parse(unchained.from ?? from), Date.parse(unchained.to ?? to)];
  const isCovered: IsCovered = ({ PartitionKey, RowKey, chain }) => {
    const atMs = timeOfKeys(PartitionKey, RowKey);
    if (atMs === undefined) return false;
    if (chain === undefined) return atMs > afterMs && atMs <= untilMs;
    const { id = '', seq = 0 } = readLink(chain) ?? {};
    return covered.get(id)?.some(([first, last]) => seq >= first && seq <= last) ?? false;
  };
  return [after, isCovered];
}

const startOf = ({ first }: ChainHead): ChainCover => ({ seq: first - 1, open: first > 1 ? [[1, first - 1]] : [] });

/** Whether checkpoints so far have covered the place of a record in a chain that the last one names. */
export function isCoveredBy(cover: Cover, { chain }: Pick<Placed, 'chain'>): boolean {
  const { id = '', seq = 0 } = readLink(chain) ?? {};
  const known = cover.get(id);
  if (known === undefined || seq > known.seq) return false;
  return !known.open.some(([first, last]) => seq >= first && seq <= last);
}

/** The cover at the start of a tree. Places that are open by then stay so. */
export const coverOf = (before: Checkpoint | undefined): Cover =>
  new Map((before?.chains ?? []).map(({ id, seq }) => [id, { seq, open: [] }]));

/** These places but those. Both few. */
function without(places: readonly Places[], others: readonly Places[]): readonly Places[] {
  let left = places.filter(([first, last]) => first <= last);
  for (const [from, to] of others)
    left = left
      .flatMap(([first, last]): Places[] => [
        [first, Math.min(last, from - 1)],
        [Math.max(first, to + 1), last],
      ])
      .filter(([first, last]) => first <= last);
  return left;
}

/** An account, with the index of its tenant. */
export interface TenantAccount extends Account {
  readonly index: Uint8Array;
  /** See {@link bytesIn}. */
  bytes?: string;
}

/**
 * Index, count and head as they are hashed, one character for each byte. Kept, because most accounts stay as they are from
 * one tree to the next.
 */
function bytesIn(account: TenantAccount): string {
  if (account.bytes === undefined) {
    const input = Buffer.from(commitmentInput(new Uint8Array(), account.index, account));
    account.bytes = input.toString('latin1', 1);
  }
  return account.bytes;
}

/** The account after a checkpoint. @param records those that it is the first to cover, in any order; one at least. */
function* nextAccount(before: Account, checkpoint: number, records: readonly SeenRecord[]): Generator<void, Account> {
  const head = createHash('sha256').update(headInput(before.head, checkpoint, []));
  const sorted = yield* sortSteps(records, (one, other) => isBefore(one.RowKey, other.RowKey));
  for (let at = 0; at < sorted.length; at += itemsAtOnce) {
    head.update(Buffer.concat(sorted.slice(at, at + itemsAtOnce).map(({ hash: each }) => each)));
    yield;
  }
  return { count: before.count + records.length, head: head.digest() };
}

/** The tree of a checkpoint. */
export interface AccountTree {
  readonly root: string;
  readonly bits: number;
  /** Also for an index that has no account. */
  proof(index: Uint8Array): AccountProof;
}

/**
 * Builds the tree. The same secret and accounts give the same tree.
 * @param secret 32 bytes, another for each checkpoint: nobody else may know it, or be able to compute it.
 */
export function treeOf(checkpoint: number, secret: Uint8Array, accounts: Iterable<TenantAccount>): AccountTree {
  const all = [...accounts];
  const bits = bitsFor(all);
  const buckets = 2 ** bits;
  const [level = 0] = levelsOf(bits);
  // Random bytes first: what no tenant takes stays so. One byte before each bucket says what kind of hash it is for.
  const stride = 1 + bucketBytes;
  const random = createCipheriv('aes-256-ctr', secret, Buffer.alloc(16));
  const table = random.update(Buffer.alloc(buckets * stride));
  const starts = random.update(Buffer.alloc(buckets));
  const nonces = random.update(Buffer.alloc(all.length * digestBytes));
  const tagged = Buffer.from(tagInput(checkpoint, emptyAccount.head));
  // The inputs of hashes differ in some bytes only, and thousands of them are hashed.
  const tags = all.map((account) => {
    tagged.write(bytesIn(account), tagged.length - digestBytes, digestBytes, 'latin1');
    return sha256Text(tagged);
  });
  const placesIn = placesByBucket(all, tags, bits);
  const nonceAt = new Uint32Array(all.length);
  const committed = Buffer.from(commitmentInput(emptyAccount.head, emptyAccount.head, emptyAccount));
  let noncesUsed = 0;
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    // A random start, so that a place tells nothing about the tenants beside it.
    let slot = starts[bucket] ?? 0;
    for (const place of placesIn(bucket)) {
      const at = bucket * stride + 1 + (slot % entriesPerBucket) * entryBytes;
      table.write(tags[place] ?? '', at, tagBytes, 'latin1');
      nonces.copy(committed, 1, noncesUsed, noncesUsed + digestBytes);
      committed.write(bytesIn(all[place] as TenantAccount), 1 + digestBytes, 'latin1');
      table.write(sha256Text(committed), at + tagBytes, digestBytes, 'latin1');
      nonceAt[place] = noncesUsed;
      noncesUsed += digestBytes;
      slot += 1;
    }
  }
  const sizes = levelsOf(bits);
  const levels: Buffer[] = [];
  let hashes: Buffer = hashAll(table, stride, bucketKind, level);
  for (const [depth, size] of sizes.entries()) {
    levels.push(hashes);
    const groupStride = 1 + digestBytes * 2 ** size;
    hashes = hashAll(hashes, groupStride, groupKind, sizes[depth + 1]);
  }
  return {
    root: hashes.toString('base64url'),
    bits,
    proof: (index) => {
      const bucket = bucketOf(index, bits);
      const found = placesIn(bucket).find((at) => Buffer.compare(all[at]?.index ?? emptyAccount.head, index) === 0);
      const path: string[] = [];
      let place = bucket;
      for (const [depth, size] of sizes.entries()) {
        const group = 2 ** size;
        const start = Math.floor(place / group) * (1 + digestBytes * group) + 1;
        for (let each = 0; each < group; each += 1) {
          if (each === place % group) continue;
          const at = start + each * digestBytes;
          path.push((levels[depth] ?? hashes).toString('base64url', at, at + digestBytes));
        }
        place = Math.floor(place / group);
      }
      return {
        bucket: table.toString('base64url', bucket * stride + 1, (bucket + 1) * stride),
        path,
        ...(found === undefined ? {} : { account: shownAccount(all[found] ?? emptyAccount, nonces, nonceAt[found]) }),
      };
    },
  };
}

/**
 * The places of the accounts of each bucket, in the order of their tags. A chain for each bucket in two arrays: thousands of
 * lists, and sorting each, take as long as the hashes.
 */
function placesByBucket(
  accounts: readonly TenantAccount[],
  tags: readonly string[],
  bits: number,
): (bucket: number) => readonly number[] {
  const first = new Int32Array(2 ** bits).fill(-1);
  const next = new Int32Array(accounts.length);
  for (const [place, tag] of tags.entries()) {
    const bucket = bucketOf(accounts[place]?.index ?? emptyAccount.head, bits);
    let before = -1;
    let after = first[bucket] ?? -1;
    while (after >= 0 && (tags[after] ?? '') < tag) [before, after] = [after, next[after] ?? -1];
    next[place] = after;
    if (before < 0) first[bucket] = place;
    else next[before] = place;
  }
  return (bucket) => {
    const places: number[] = [];
    for (let place = first[bucket] ?? -1; place >= 0; place = next[place] ?? -1) places.push(place);
    return places;
  };
}

const shownAccount = ({ count, head }: Account, nonces: Buffer, at = 0): NonNullable<AccountProof['account']> => ({
  nonce: nonces.toString('base64url', at, at + digestBytes),
  count,
  head: Buffer.from(head).toString('base64url'),
});

/**
 * Hashes pieces of equal length, each of which begins with a byte for its kind.
 * @param groupSize bits: so many hashes follow each other in the result, after a byte for the kind of their group. Undefined
 * for the last, which stands alone.
 */
function hashAll(bytes: Buffer, stride: number, kind: number, groupSize: number | undefined): Buffer {
  const count = bytes.length / stride;
  const group = groupSize === undefined ? 1 : 2 ** groupSize;
  const gap = groupSize === undefined ? 0 : 1;
  const result = Buffer.alloc((count / group) * (gap + group * digestBytes));
  const piece = Buffer.alloc(stride);
  let at = 0;
  for (let each = 0; each < count; each += 1) {
    if (each % group === 0) at += gap;
    bytes.copy(piece, 0, each * stride, (each + 1) * stride);
    piece[0] = kind;
    at += result.write(sha256Text(piece), at, digestBytes, 'latin1');
  }
  return result;
}

/** The bits with which every bucket has room for its tenants. */
function bitsFor(accounts: readonly TenantAccount[]): number {
  for (let bits = fewestBits; bits <= mostBits; bits += 1) {
    const counts = new Uint16Array(2 ** bits);
    let isFull = false;
    for (const { index } of accounts) {
      const bucket = bucketOf(index, bits);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      isFull ||= (counts[bucket] ?? 0) > entriesPerBucket;
    }
    if (!isFull) return bits;
  }
  throw new RangeError('too many tenants');
}

/** The accounts after a checkpoint. */
export interface Accounts {
  readonly cover: Cover;
  /** Where the account of a tenant is in the list. Shared by checkpoints: most add no tenant, and a copy takes a while. */
  readonly places: ReadonlyMap<TenantId, number>;
  readonly list: readonly TenantAccount[];
  /** See {@link indexesIn}. */
  indexes?: Uint8Array;
}

/** Accounts by tenant. */
export const accountsOf = (cover: Cover, tenants: ReadonlyMap<TenantId, TenantAccount>): Accounts => ({
  cover,
  places: new Map([...tenants.keys()].map((tenant, place) => [tenant, place])),
  list: [...tenants.values()],
});

/** Undefined for a tenant without records. */
export const accountIn = ({ places, list }: Accounts, tenant: TenantId): TenantAccount | undefined =>
  list[places.get(tenant) ?? -1];

/** JSON that says which index is whose. Kept, because it stays as it is from one checkpoint to the next until a tenant is added. */
export const indexesIn = (accounts: Accounts): Uint8Array =>
  (accounts.indexes ??= Buffer.from(
    JSON.stringify(
      [...accounts.places.keys()]
        .map((tenant) => `${tenant} ${Buffer.from(accountIn(accounts, tenant)?.index ?? '').toString('base64url')}`)
        .toSorted(),
    ),
  ));

/**
 * Adds what a checkpoint is the first to cover. The process issues tokens meanwhile, so others have their turn.
 * @param records all of its time, in any order, also others.
 * @param indexesOf the indexes of tenants that have no account yet.
 * @returns the accounts after it, and the tenants whose accounts have changed.
 */
export async function nextAccounts(
  before: Accounts,
  checkpoint: Checkpoint,
  records: Iterable<SeenRecord>,
  indexesOf: (tenants: readonly TenantId[]) => Promise<readonly Uint8Array[]>,
): Promise<{ readonly accounts: Accounts; readonly changed: readonly TenantId[] }> {
  const [cover, isCovered] = nextCover(before.cover, checkpoint);
  const touched = new Map<TenantId, SeenRecord[]>();
  for (const record of records) {
    if (longWork.isOver()) await longWork.take();
    if (!isCovered(record)) continue;
    const others = touched.get(record.holder);
    if (others === undefined) touched.set(record.holder, [record]);
    else others.push(record);
  }
  const added = [...touched.keys()].filter((tenant) => !before.places.has(tenant));
  const list = [...before.list, ...(await indexesOf(added)).map((index) => ({ ...emptyAccount, index }))];
  const places =
    added.length === 0
      ? before.places
      : new Map([...before.places, ...added.map((tenant, at) => [tenant, before.list.length + at] as const)]);
  for (const [tenant, covered] of touched) {
    const place = places.get(tenant) ?? -1;
    const account = list[place];
    if (account !== undefined)
      list[place] = {
        index: account.index,
        ...(await inTurns(nextAccount(account, checkpoint.number, covered))),
      };
  }
  const { indexes } = added.length === 0 ? before : {};
  const accounts = { cover, places, list, ...(indexes === undefined ? {} : { indexes }) };
  return { accounts, changed: [...touched.keys()] };
}
