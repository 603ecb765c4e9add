import { createHash, hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import * as z from 'zod';
import { isoTime, minuteMs } from '../../core/clock.ts';
import { parseTenantId, type TenantId } from '../../core/identifiers.ts';
import type { Logger } from '../../core/log.ts';
import { parseJson } from '../../core/outbound.ts';
import { collectCheckpoint } from '../chain/collect-checkpoint.ts';
import { type CheckpointSigner, partOf } from '../chain/checkpoint-log.ts';
import {
  canonicalText,
  type ChainLink,
  type Checkpoint,
  checkpointSchema,
  hashOf,
  readLink,
  type StoredRecord,
} from '../chain/checkpoint.ts';
import {
  accountIn,
  type Accounts,
  accountsOf,
  type AccountTree,
  type Cover,
  coverOf,
  indexesIn,
  isCoveredBy,
  nextAccounts,
  nextCover,
  type SeenRecord,
  seenRecord,
  type TenantAccount,
  treeOf,
} from './accounts.ts';
import { headType, indexText, jwsHeader, nonceText, thumbprintText, type TreeHead } from './layout.ts';

/** Keeps texts by name. All that it says is believed only if a signed root confirms it. */
export interface AccountStore {
  /** Undefined if there is none. @throws BrokerError storage_unavailable. */
  read(name: string): Promise<string | undefined>;
  /** @throws BrokerError storage_unavailable. */
  write(name: string, text: string): Promise<void>;
  /** Deletes those whose names come before this one. @throws BrokerError storage_unavailable. */
  purge(before: string): Promise<void>;
}

export interface TenantTreeDeps {
  readonly accounts: AccountStore;
  /** The key that makes indexes: RSA, RS256. */
  readonly indexKey: CheckpointSigner;
  readonly signer: Pick<CheckpointSigner, 'sign'>;
  /** Tenant id of the partner. */
  readonly broker: string;
  /** What is in the log of checkpoints, from before this time. Others may have appended lines. */
  readonly lines: (fromMs: number) => AsyncIterable<string>;
  readonly read: (fromMs: number, toMs: number) => AsyncIterable<StoredRecord>;
  readonly log: Logger;
}

/** A checkpoint that the key of the app has signed. */
export interface OwnCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly jws: string;
}

/** The accounts after a checkpoint, and what its head says about them. */
export interface TreeState {
  readonly number: number;
  readonly accounts: Accounts;
  readonly tree: AccountTree;
  readonly began: TreeHead['began'];
  /** Id of the key that makes the indexes. */
  readonly keyId: string;
  /** Name under which they are kept, and how many texts they are in. */
  readonly name: string;
  readonly parts: number;
}

/** Without the tree, which costs some time. */
type Kept = Omit<TreeState, 'tree'>;

/** Checkpoints whose accounts are written as changes. Then all are written. */
const longestChanges = 24;
/** How far accounts that were lost are computed again, in checkpoints: about a day. Beyond it, the tree begins anew. */
const longestRebuild = 288;
/** Trees that are kept: the extracts of all tenants for a period begin and end with the same two. One takes some megabytes. */
const mostTrees = 4;
/** Signatures that are kept: nine of a key, and one of each tenant. */
const mostSignatures = 20_000;
/** Requests to Key Vault at the same time. */
const signingAtOnce = 16;

const accountSchema = z.tuple([z.string(), z.number().int().min(0), z.string()]);
const stateSchema = z.object({
  v: z.literal(1),
  /** Name of the accounts that these change; null if these are all. */
  base: z.string().nullable(),
  keyId: z.string(),
  /** Places that no checkpoint has covered, by chain. */
  open: z.record(z.string(), z.array(z.tuple([z.int(), z.int()]))),
  /** Index, count and head, by tenant. */
  tenants: z.record(z.string(), accountSchema),
});
type StoredState = z.output<typeof stateSchema>;

const headSchema = z.object({
  v: z.literal(1),
  broker: z.string(),
  number: z.int(),
  to: z.string(),
  root: z.string(),
  bits: z.int(),
  began: z.object({ number: z.int(), from: z.string() }),
  indexKey: z.string(),
  previous: z.string().nullable(),
});

/** What a checkpoint says about the tenants; undefined if it says nothing. */
export function headOf({ tenants }: Checkpoint): TreeHead | undefined {
  return tenants === undefined ? undefined : headSchema.safeParse(partOf(tenants, 1)).data;
}

const minuteOf = (iso: string): string => isoTime(Math.floor(Date.parse(iso) / minuteMs) * minuteMs);
const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64url');
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** Keeps the accounts of all tenants, and writes and reads the tree over them (docs/audit-evidence.md). */
export class TenantTree {
  readonly #deps: TenantTreeDeps;
  #last: TreeState | undefined;
  /** Trees that a signed root has confirmed, by their name. */
  readonly #states = new LRUCache<string, TreeState>({ max: mostTrees });
  /** A text has one signature, so it is asked for once. By key and text. */
  readonly #signatures = new LRUCache<string, Promise<string>>({ max: mostSignatures });

  constructor(deps: TenantTreeDeps) {
    this.#deps = deps;
  }

  /**
   * What the next checkpoint says about the tenants. The accounts are stored first, under the name of their root: of two
   * instances that write the same checkpoint, the accounts of that whose checkpoint counts are there.
   * @param before the one before, as it is stored.
   * @param records all that the checkpoint has read.
   * @returns undefined if there is no key for indexes.
   * @throws BrokerError of storage or Key Vault. The checkpoint can do without: the next one makes up for it.
   */
  async head(
    checkpoint: Checkpoint,
    before: OwnCheckpoint | undefined,
    records: Iterable<SeenRecord>,
    keyId: string,
  ): Promise<string | undefined> {
    const key = await this.#deps.indexKey.current();
    if ('missing' in key) return undefined;
    const known = before === undefined ? undefined : await this.#stateAfter(before);
    if (known === undefined) this.#deps.log.log('info', 'audit.accounts_begin', { number: checkpoint.number });
    const start = known ?? {
      accounts: accountsOf(coverOf(before?.checkpoint), new Map()),
      began: { number: checkpoint.number, from: minuteOf(checkpoint.from) },
      // A new version of the key would be another index for each tenant, so a tree keeps the one that it began with.
      keyId: key.id,
    };
    const { accounts, changed } = await nextAccounts(start.accounts, checkpoint, records, (tenants) =>
      this.#indexes(start.keyId, tenants),
    );
    const previous = known === undefined ? undefined : await this.#previousHead(before);
    const hashOfPrevious = previous === undefined ? null : hashOf(previous);
    const { number } = checkpoint;
    const tree = await this.#tree(start.keyId, accounts, checkpoint, hashOfPrevious);
    const parts = (known?.parts ?? longestChanges) + 1;
    const isWhole = parts > longestChanges;
    const name = nameOf(number, tree.root);
    const written = isWhole ? [...accounts.places.keys()] : changed;
    const stored: StoredState = {
      v: 1,
      base: isWhole ? null : (known?.name ?? null),
      keyId: start.keyId,
      open: Object.fromEntries(openPlaces(accounts)),
      tenants: Object.fromEntries(written.map((tenant) => [tenant, storedAccount(accountIn(accounts, tenant))])),
    };
    await this.#deps.accounts.write(name, JSON.stringify(stored));
    this.#last = { ...start, number, accounts, tree, name, parts: isWhole ? 1 : parts };
    const head: TreeHead = {
      v: 1,
      broker: this.#deps.broker,
      number,
      to: minuteOf(checkpoint.to),
      root: tree.root,
      bits: tree.bits,
      began: start.began,
      indexKey: await this.#thumbprint(start.keyId),
      previous: hashOfPrevious,
    };
    return this.sign(keyId, headType, head);
  }

  /** Signs a statement with the key of the checkpoints. */
  async sign(keyId: string, typ: string, payload: object): Promise<string> {
    const encode = (text: string): string => textOf(Buffer.from(text));
    const signed = `${encode(jwsHeader(keyId, typ))}.${encode(JSON.stringify(payload))}`;
    return `${signed}.${textOf(await this.#deps.signer.sign(keyId, Buffer.from(signed)))}`;
  }

  /**
   * The accounts after a checkpoint with a head.
   * @returns undefined if they are not kept any more, or are not those that were signed.
   * @throws BrokerError
   */
  async state({ checkpoint }: OwnCheckpoint): Promise<TreeState | undefined> {
    const head = headOf(checkpoint);
    if (head === undefined) return undefined;
    const { began } = head;
    if (this.#last?.number === head.number && this.#last.tree.root === head.root) return { ...this.#last, began };
    const name = nameOf(head.number, head.root);
    const known = this.#states.get(name);
    if (known !== undefined) return { ...known, began };
    const parts = await this.#parts(name);
    const newest = parts.at(-1);
    if (newest === undefined) return undefined;
    const tenants = new Map<TenantId, TenantAccount>();
    for (const part of parts)
      for (const [id, [index, count, hashed]] of Object.entries(part.tenants)) {
        const tenant = parseTenantId(id);
        if (tenant !== undefined) tenants.set(tenant, { index: bytesOf(index), count, head: bytesOf(hashed) });
      }
    const { keyId } = newest;
    if ((await this.#thumbprint(keyId)) !== head.indexKey) return undefined;
    const accounts = accountsOf(coverIn(newest, checkpoint), tenants);
    const tree = await this.#tree(keyId, accounts, checkpoint, head.previous);
    if (tree.root !== head.root) return undefined;
    const state = { number: head.number, accounts, tree, began, keyId, name, parts: parts.length };
    this.#states.set(name, state);
    return state;
  }

  /**
   * Which records the checkpoints up to this one have covered, as far as that is known. No root confirms it: enough to choose the
   * records of an extract, whose verifier counts them.
   * @throws BrokerError
   */
  async cover({ checkpoint }: OwnCheckpoint): Promise<Cover> {
    const head = headOf(checkpoint);
    const newest = head === undefined ? undefined : await this.#part(nameOf(head.number, head.root));
    return newest === undefined ? coverOf(checkpoint) : coverIn(newest, checkpoint);
  }

  /**
   * Deletes the accounts of the time before a checkpoint that those after it do not need.
   * @returns false if it has none itself.
   * @throws BrokerError
   */
  async purge({ checkpoint }: OwnCheckpoint): Promise<boolean> {
    const head = headOf(checkpoint);
    const [oldest] = head === undefined ? [] : await this.#parts(nameOf(head.number, head.root));
    if (oldest === undefined) return false;
    await this.#deps.accounts.purge(oldest.name);
    return true;
  }

  async #part(name: string): Promise<(StoredState & { readonly name: string }) | undefined> {
    const parsed = stateSchema.safeParse(parseJson((await this.#deps.accounts.read(name)) ?? ''));
    return parsed.success ? { ...parsed.data, name } : undefined;
  }

  /** The texts that are the accounts of a name, oldest first: all of some time, and the changes since. Empty if one is lost. */
  async #parts(name: string): Promise<readonly (StoredState & { readonly name: string })[]> {
    const parts: (StoredState & { readonly name: string })[] = [];
    for (let next: string | null = name; next !== null; next = parts[0]?.base ?? null) {
      const part = await this.#part(next);
      if (part === undefined || parts.length >= longestChanges) return [];
      parts.unshift(part);
    }
    return parts;
  }

  /** What shows that the index of a tenant is the only one that it has. @throws BrokerError. */
  async signatures(keyId: string, texts: readonly string[]): Promise<readonly string[]> {
    const signed: string[] = [];
    for (let at = 0; at < texts.length; at += signingAtOnce) {
      const some = texts.slice(at, at + signingAtOnce).map((text) => this.#signature(keyId, text));
      signed.push(...(await Promise.all(some)));
    }
    return signed;
  }

  #signature(keyId: string, text: string): Promise<string> {
    const name = `${keyId} ${text}`;
    const kept = this.#signatures.get(name);
    if (kept !== undefined) return kept;
    const made = this.#deps.indexKey.sign(keyId, Buffer.from(text)).then(textOf);
    this.#signatures.set(name, made);
    made.catch(() => this.#signatures.delete(name));
    return made;
  }

  async #indexes(keyId: string, tenants: readonly TenantId[]): Promise<readonly Uint8Array[]> {
    const signed = await this.signatures(keyId, tenants.map(indexText));
    return signed.map((signature) => hash('sha256', bytesOf(signature), 'buffer'));
  }

  async #tree(
    keyId: string,
    accounts: Accounts,
    checkpoint: Checkpoint,
    previous: string | null,
  ): Promise<AccountTree> {
    const { number } = checkpoint;
    const text = nonceText(number, previous, basisOf(checkpoint, accounts));
    const signature = await this.#deps.indexKey.sign(keyId, Buffer.from(text));
    return treeOf(number, hash('sha256', signature, 'buffer'), accounts.list);
  }

  async #thumbprint(keyId: string): Promise<string> {
    const { n = '', e = '' } = (await this.#deps.indexKey.publicKey(keyId)) ?? {};
    return hashOf(thumbprintText({ kty: 'RSA', n, e, kid: keyId }));
  }

  /** The last head up to a checkpoint. Those between may lack one. */
  async #previousHead(before: OwnCheckpoint | undefined): Promise<string | undefined> {
    if (before === undefined || before.checkpoint.tenants !== undefined) return before?.checkpoint.tenants;
    const recent = await this.#recent(before);
    return recent.findLast(({ checkpoint }) => checkpoint.tenants !== undefined)?.checkpoint.tenants;
  }

  /** The accounts after the last checkpoint, computed again if they are not there. Undefined if that is not possible. */
  async #stateAfter(before: OwnCheckpoint): Promise<Kept | undefined> {
    const kept = await this.state(before);
    if (kept !== undefined) return kept;
    const recent = await this.#recent(before);
    let known: Kept | undefined;
    let at = recent.length;
    // Before the first of all checkpoints is the start of a tree, too.
    while (known === undefined && at > (recent[0]?.checkpoint.number === 1 ? -1 : 0)) {
      at -= 1;
      known = await this.#startAt(recent, at);
    }
    for (const [place, { checkpoint }] of recent.entries())
      if (place > at) known &&= await this.#rebuilt(known, checkpoint, recent[place - 1]);
    if (known !== undefined) this.#deps.log.log('warn', 'audit.accounts_rebuilt', { number: before.checkpoint.number });
    return known;
  }

  /** The accounts after one of these checkpoints, if they are kept, or if they are empty because the tree begins after it. */
  async #startAt(recent: readonly OwnCheckpoint[], at: number): Promise<Kept | undefined> {
    const [each, next] = [recent[at], recent[at + 1]];
    const kept = each === undefined ? undefined : await this.state(each);
    const head = next === undefined ? undefined : headOf(next.checkpoint);
    if (kept !== undefined || head?.began.number !== next?.checkpoint.number || head === undefined) return kept;
    const key = await this.#deps.indexKey.current();
    if ('missing' in key || (await this.#thumbprint(key.id)) !== head.indexKey) return undefined;
    const accounts = accountsOf(coverOf(each?.checkpoint), new Map());
    return { number: head.number - 1, accounts, began: head.began, keyId: key.id, name: '', parts: longestChanges };
  }

  /** @returns undefined if the records are not those that were signed: some were changed, removed or purged. */
  async #rebuilt(before: Kept, checkpoint: Checkpoint, previous: OwnCheckpoint | undefined): Promise<Kept | undefined> {
    const [cover] = nextCover(before.accounts.cover, checkpoint);
    const records: SeenRecord[] = [];
    const links = new Map<string, Link>();
    const { read } = this.#deps;
    const collected = await collectCheckpoint({
      previous: previous && { checkpoint: previous.checkpoint, hash: hashOf(previous.jws) },
      nowMs: Date.parse(checkpoint.at),
      purgedBeforeMs: 0,
      // Without the records that came after it was written: those at places that it does not cover.
      read: async function* (fromMs, toMs) {
        for await (const record of read(fromMs, toMs)) {
          const chain = readLink(record['chain']);
          if (chain !== undefined && !isCoveredBy(cover, { chain: record['chain'] })) continue;
          if (chain !== undefined) addLink(links, chain, hashOf(canonicalText(record)));
          yield record;
        }
      },
      see: (record) => records.push(seenRecord(record)),
    });
    // Each checkpoint has signed the ends of its chains, and in them each record names the one before by its hash.
    if (collected === undefined || signedText(collected) !== signedText(checkpoint) || !areLinked(links))
      return undefined;
    const head = headOf(checkpoint);
    const { keyId, began } = before;
    const { accounts } = await nextAccounts(before.accounts, checkpoint, records, (tenants) =>
      this.#indexes(keyId, tenants),
    );
    if (head !== undefined && (await this.#tree(keyId, accounts, checkpoint, head.previous)).root !== head.root)
      return undefined;
    // The parts are not stored, so the next accounts are written whole.
    return { number: checkpoint.number, accounts, began, keyId, name: '', parts: longestChanges };
  }

  /** The last checkpoints up to this one, without gaps. */
  async #recent(newest: OwnCheckpoint): Promise<readonly OwnCheckpoint[]> {
    const { checkpoint } = newest;
    const found = new Map<string, OwnCheckpoint>();
    // Five minutes each, and some more.
    const fromMs = Date.parse(checkpoint.from) - longestRebuild * 2 * 5 * minuteMs;
    for await (const jws of this.#deps.lines(fromMs)) {
      const parsed = checkpointSchema.safeParse(partOf(jws, 1));
      if (parsed.success && parsed.data.number <= checkpoint.number)
        found.set(hashOf(jws), { checkpoint: parsed.data, jws });
    }
    const recent: OwnCheckpoint[] = [];
    // Each names the one before by its hash, so lines of others are not among them.
    for (let each: OwnCheckpoint | undefined = newest; each !== undefined && recent.length < longestRebuild; ) {
      recent.unshift(each);
      each = found.get(each.checkpoint.previous ?? '');
    }
    return recent;
  }
}

/** A record at a place of a chain. */
interface Link extends Pick<ChainLink, 'id' | 'seq' | 'previous'> {
  /** Undefined if there are several, of which the app wrote one. */
  readonly hash: string | undefined;
}

function addLink(links: Map<string, Link>, { id, seq, previous }: ChainLink, hashed: string): void {
  const place = `${id}.${seq}`;
  links.set(place, { id, seq, previous, hash: links.has(place) ? undefined : hashed });
}

const areLinked = (links: ReadonlyMap<string, Link>): boolean =>
  [...links.values()].every(({ id, seq, hash: hashed }) => {
    const next = links.get(`${id}.${seq + 1}`);
    return hashed !== undefined && (next === undefined || next.previous === hashed);
  });

/** What a checkpoint says about records. */
const signedText = ({ chains, unchained }: Checkpoint): string =>
  JSON.stringify([chains.toSorted((one, other) => (one.id < other.id ? -1 : 1)), unchained]);

const coverIn = ({ open }: StoredState, { chains }: Checkpoint): Cover =>
  new Map(chains.map(({ id, seq }) => [id, { seq, open: open[id] ?? [] }]));

/** Places that no checkpoint has covered, by chain. */
const openPlaces = ({ cover }: Accounts): [string, [number, number][]][] =>
  [...cover].flatMap(([id, { open }]) => (open.length === 0 ? [] : [[id, open.map(([a, b]) => [a, b])]]));

/** What the nonces of a tree depend on, so that its root confirms too which places are open, and which index is whose. */
function basisOf({ at, from, to, previous, chains, unchained }: Checkpoint, accounts: Accounts): string {
  const start = JSON.stringify([
    [at, from, to, previous, unchained.digest],
    chains.map(({ id, seq, head }) => [id, seq, head]),
    openPlaces(accounts),
  ]).slice(0, -1);
  return createHash('sha256').update(`${start},`).update(indexesIn(accounts)).update(']').digest('base64url');
}

const nameOf = (number: number, root: string): string => `${String(number).padStart(7, '0')}-${root}`;

const storedAccount = (account: TenantAccount | undefined): [string, number, string] => [
  textOf(account?.index ?? new Uint8Array()),
  account?.count ?? 0,
  textOf(account?.head ?? new Uint8Array()),
];
