import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import { toRow } from '../../../src/lib/audit/log/audit-row.ts';
import type { AuditEntry } from '../../../src/lib/audit/audit-log.ts';
import type { Checkpoint, StoredRecord } from '../../../src/lib/audit/chain/checkpoint.ts';
import type { TenantTree } from '../../../src/lib/audit/proof/tenant-tree.ts';
import { type LinkedRows, RecordChain } from '../../../src/lib/audit/log/table-audit-log.ts';
import type { Evidence } from '../../../src/operator/audit/verify-export.ts';
import type { CheckpointLog, CheckpointSigner } from '../../../src/lib/audit/chain/checkpoint-log.ts';
import { writeCheckpoint } from '../../../src/lib/audit/chain/write-checkpoint.ts';
import { guid, issued, tenant } from '../../support/audit-entries.ts';
import { writeFirstVersionCheckpoint } from './first-version.ts';

const second = 1_000;
const minute = 60 * second;
const startMs = Date.UTC(2026, 10, 24, 9, 30);

/** Tenant id of the partner whose broker it is. */
export const partner = guid(0xb0);

/** What an auditor gets, as plain data that a tamperer can change. */
export interface Exported {
  readonly records: StoredRecord[];
  readonly checkpoints: string[];
  readonly keys: JWK[];
  readonly exportedMs: number;
  /** Whose it claims to be. Absent: the partner's. */
  readonly broker?: string;
  /** What the export says about its period, if it is limited. */
  readonly period?: { readonly from?: string; readonly to?: string };
  /** When it is verified, if that is later. */
  readonly verifiedMs?: number;
}

export const evidenceOf = (
  { records, checkpoints, keys, exportedMs }: Exported,
  limits: Partial<Evidence> = {},
): Evidence => ({
  fromMs: Number.NEGATIVE_INFINITY,
  toMs: Number.POSITIVE_INFINITY,
  exportedMs,
  checkpoints,
  keys,
  records: async function* () {
    yield* records;
  },
  ...limits,
});

interface Instance {
  readonly chain: RecordChain | undefined;
  /** Id of its chain, once it has written a record. */
  chainId?: string;
  /** Error of its clock, milliseconds. */
  skewMs: number;
  readonly inFlight: {
    readonly linked: LinkedRows;
    readonly endsMs: number;
    readonly fails: boolean;
    readonly lands: boolean;
  }[];
}

/** What may go wrong. Probabilities per second and instance, or per write. */
export interface Mishaps {
  /** Probability that an instance begins a write. */
  readonly writes: number;
  readonly failedWrites: number;
  readonly crashes: number;
  /** Probability that a checkpoint fails, such as while the key is disabled. */
  readonly failedCheckpoints: number;
}

/** A fleet of instances, their storage and the key of the vault, in simulated time. */
export class AuditWorld {
  readonly stored = new Map<string, StoredRecord>();
  readonly checkpoints: string[] = [];
  readonly keys: JWK[] = [];
  /** Entries that a caller was told are durable. */
  durable = 0;
  nowMs = startMs;
  retentionMs = 365 * 24 * 60 * minute;
  readonly #random: () => number;
  readonly #mishaps: Mishaps;
  #instances: Instance[] = [];
  #ids = 0;
  #signing: { readonly keyId: string; readonly key: KeyObject } | undefined;
  #rotations = 0;
  isKeyDisabled = false;
  /** Whether the first version with checkpoints writes them. */
  isFirstVersion = false;
  /** The rows of plans that records name, by their digests. */
  readonly planned = new Map<string, string>();
  /** How many tenants the records are of. */
  tenants = 1;
  /** Keeps the accounts of the tenants. */
  tree: TenantTree | undefined;

  constructor(random: () => number, mishaps: Mishaps) {
    this.#random = random;
    this.#mishaps = mishaps;
    this.rotateKey();
  }

  rotateKey(): void {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#rotations += 1;
    const keyId = `https://vault.example/keys/audit-checkpoints/${this.#rotations}`;
    this.keys.push({ ...(publicKey.export({ format: 'jwk' }) as JWK), kid: keyId });
    this.#signing = { keyId, key: privateKey };
  }

  /** @param isOld whether it runs a version without chains. */
  startInstance(isOld = false, skewMs = 0): void {
    const chain = isOld ? undefined : new RecordChain(() => this.#newId());
    this.#instances.push({ chain, skewMs, inFlight: [] });
  }

  /** Ends an instance with what it was writing: each write may still arrive. */
  kill(index = this.#pick(this.#instances.length)): void {
    const [instance] = this.#instances.splice(index, 1);
    for (const { linked } of instance?.inFlight ?? []) if (this.#random() < 0.5) this.#store(linked);
  }

  /** Whether an instance runs that writes this chain. */
  isLive(chain: string): boolean {
    return this.#instances.some(({ chainId }) => chainId === chain);
  }

  /** When the timer fires next. */
  nextCheckpointMs(everySeconds: number): number {
    const every = everySeconds * second;
    return startMs + (Math.floor((this.nowMs - startMs) / every) + 1) * every;
  }

  get instances(): number {
    return this.#instances.length;
  }

  /** Lets some seconds pass, in which records are written. */
  async run(seconds: number, checkpointEverySeconds = 300): Promise<void> {
    for (let passed = 0; passed < seconds; passed += 1) {
      this.nowMs += second;
      for (const instance of this.#instances.slice()) {
        this.#endWrites(instance);
        if (this.#random() < this.#mishaps.writes) this.#write(instance);
        if (this.#random() < this.#mishaps.crashes) {
          this.kill(this.#instances.indexOf(instance));
          this.startInstance(instance.chain === undefined);
        }
      }
      if (Math.floor((this.nowMs - startMs) / second) % checkpointEverySeconds === 0) await this.checkpoint();
    }
  }

  /** Writes a checkpoint, as the timer does. */
  async checkpoint(): Promise<void> {
    if (this.isKeyDisabled || this.#random() < this.#mishaps.failedCheckpoints) return;
    if (this.isFirstVersion) {
      while (await this.#checkpointOfFirstVersion());
      return;
    }
    while (typeof (await this.write(this.tree)) !== 'string');
  }

  /** Writes one checkpoint, as an instance does. */
  write(tree: TenantTree | undefined): Promise<Checkpoint | 'none' | 'off'> {
    const clock = { nowMs: () => this.nowMs };
    const deps = { broker: partner, checkpoints: this.log, signer: this.signer(), read: this.read, clock };
    return writeCheckpoint({ ...deps, ...(tree === undefined ? {} : { tree }) }, this.retentionMs);
  }

  #checkpointOfFirstVersion(): Promise<boolean> {
    const position = this.checkpoints.length;
    const jws = this.checkpoints.at(-1);
    const last = jws === undefined ? undefined : { jws, position };
    return writeFirstVersionCheckpoint(
      { checkpoints: this.log, last, signer: this.signer(), read: this.read, nowMs: this.nowMs },
      this.retentionMs,
    );
  }

  /** Lets time pass without records. Checkpoints are written in larger steps, which does not matter then. */
  async leap(minutes: number): Promise<void> {
    for (const instance of this.#instances) while (instance.inFlight.length > 0) await this.run(1);
    for (let passed = 0; passed < minutes; passed += 10) {
      this.nowMs += 10 * minute;
      await this.checkpoint();
    }
  }

  /** Puts a row into the table, as somebody may who can write it. */
  put(record: StoredRecord): void {
    this.#insert(record);
  }

  remove(record: StoredRecord): void {
    this.stored.delete(keyOf(record));
  }

  readonly log: CheckpointLog = {
    last: async (isOwn) => {
      const position = this.checkpoints.length;
      if (position === 0) return undefined;
      for (const jws of this.checkpoints.toReversed()) if (await isOwn(jws)) return { jws, position };
      return { position };
    },
    append: async (jws, _number, before) => {
      if ((before?.position ?? 0) !== this.checkpoints.length) return false;
      this.checkpoints.push(jws);
      return true;
    },
    page: async () => ({ checkpoints: this.checkpoints }),
  };

  readonly read = async function* (this: AuditWorld, fromMs: number, toMs: number): AsyncIterable<StoredRecord> {
    for (const record of this.stored.values()) {
      const atMs = timeOf(record);
      if (atMs >= fromMs && atMs < toMs) yield record;
    }
  }.bind(this);

  purge(beforeMs: number): void {
    for (const [key, record] of this.stored) if (timeOf(record) < beforeMs) this.stored.delete(key);
  }

  export(): Exported {
    return {
      records: [...this.stored.values()].toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1)),
      checkpoints: [...this.checkpoints],
      keys: [...this.keys],
      exportedMs: this.nowMs,
    };
  }

  signer(): CheckpointSigner {
    const { keyId, key } = this.#signing ?? {};
    return {
      current: async () => ({ id: String(keyId) }),
      publicKey: async (id: string) => this.keys.find(({ kid }) => kid === id),
      sign: async (_keyId: string, data: Uint8Array) =>
        createSign('SHA256')
          .update(data)
          .sign({ key: key as KeyObject, dsaEncoding: 'ieee-p1363' }),
    };
  }

  #write(instance: Instance): void {
    const { chain, inFlight, skewMs } = instance;
    const count = 1 + this.#pick(6);
    const rows = Array.from({ length: count }, () => toRow(this.#entry(this.nowMs + skewMs), this.#newId()));
    if (chain === undefined) {
      for (const { partitionKey, rowKey, ...columns } of rows)
        this.#insert({ ...columns, PartitionKey: partitionKey, RowKey: rowKey });
      return;
    }
    if (inFlight.length >= 4) return;
    const fails = this.#random() < this.#mishaps.failedWrites;
    // A write without a reply may have worked.
    const lands = !fails || this.#random() < 0.5;
    const endsMs = this.nowMs + this.#pick(fails ? 4_000 : 3_000);
    const linked = chain.link(rows, this.nowMs + skewMs);
    instance.chainId = (JSON.parse(linked.texts[0] ?? '{}') as { chain?: string }).chain?.split('.')[0] ?? '';
    inFlight.push({ linked, endsMs, fails, lands });
  }

  #endWrites({ inFlight }: Instance): void {
    for (const write of inFlight.slice()) {
      if (write.endsMs > this.nowMs) continue;
      inFlight.splice(inFlight.indexOf(write), 1);
      if (write.lands) this.#store(write.linked);
      write.linked.settle(!write.fails);
      if (!write.fails) this.durable += write.linked.texts.length;
    }
  }

  #store({ texts }: LinkedRows): void {
    for (const text of texts) this.#insert(JSON.parse(text) as StoredRecord);
  }

  #insert(record: StoredRecord): void {
    this.stored.set(keyOf(record), record);
  }

  #entry(atMs: number): AuditEntry {
    const number = this.#pick(1_000_000);
    const made = issued({ atMs: atMs - this.#pick(400), tokenId: this.#newId(), correlationId: guid(number) });
    // Records of earlier versions, and of people and applications, lack the columns of agents.
    const agent = { ...made.caller, kind: 'agent', blueprint: guid(0xd1), actsFor: made.caller.objectId } as const;
    const entry = number % 3 === 0 ? { ...made, caller: agent } : made;
    const holder = this.tenants === 1 ? {} : this.#holder();
    if (this.#random() < 0.6) return { ...entry, ...holder };
    return {
      ...entry,
      ...holder,
      kind: 'request',
      outcome: 'sent',
      method: 'GET',
      path: `/v1.0/users/${number}`,
      status: 200,
      bytes: number,
      ...(number % 2 === 0 ? this.#change(number) : {}),
    };
  }

  /** Of a plan. Some are made twice, after an unknown outcome. */
  #change(number: number): Partial<AuditEntry> {
    const place = number % 400;
    const [before, after] = [{ city: `Rom \uFFFD${place}` }, { city: `Bern ${place}` }].map((state) =>
      JSON.stringify(state),
    );
    const change = { after, before, nonce: place };
    const row = JSON.stringify({
      action: 'update',
      after,
      before,
      content: JSON.stringify(change),
      target: '/users/1',
    });
    const changeSha256 = createHash('sha256').update(row).digest('hex');
    this.planned.set(changeSha256, row);
    return { method: 'PATCH', plan: 'ab'.repeat(32), run: 'adjust@apply-1', changeSha256 };
  }

  /** One of the tenants, or none. */
  #holder(): Partial<AuditEntry> {
    const number = this.#pick(this.tenants);
    return number === 0 ? { outcome: 'denied', tenantId: undefined as never } : { tenantId: tenant(number) };
  }

  #newId(): string {
    this.#ids += 1;
    const hex = createHash('sha256').update(`${this.#ids} ${this.#random()}`).digest('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }

  #pick(count: number): number {
    return Math.floor(this.#random() * count);
  }
}

const keyOf = ({ PartitionKey, RowKey }: StoredRecord): string => `${PartitionKey} ${RowKey}`;
const timeOf = ({ RowKey }: StoredRecord): number => 9_999_999_999_999 - Number(RowKey.slice(0, 13));
