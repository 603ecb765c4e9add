import { createSign, generateKeyPairSync } from 'node:crypto';
import { Readable } from 'node:stream';
import type { JWK } from 'jose';
import { type CheckpointSigner, partOf } from '../../../src/lib/audit/chain/checkpoint-log.ts';
import { hashOf, type StoredRecord } from '../../../src/lib/audit/chain/checkpoint.ts';
import { ownCheckpoint } from '../../../src/lib/audit/chain/write-checkpoint.ts';
import { extractPage, type ExtractDeps } from '../../../src/lib/audit/proof/extract.ts';
import type { EcKey, ExtractLine } from '../../../src/lib/audit/proof/layout.ts';
import { type OwnCheckpoint, TenantTree } from '../../../src/lib/audit/proof/tenant-tree.ts';
import { nilUuid, type TenantId } from '../../../src/lib/core/identifiers.ts';
import { BrokerError } from '../../../src/lib/core/errors.ts';
import { silentLogger } from '../../../src/lib/core/log.ts';
import { seededRandom } from '../../fakes/fake-clock.ts';
import { tenant } from '../../support/audit-entries.ts';
import { AuditWorld, partner } from '../audit/world.ts';

const minute = 60_000;
const dayBefore = 24 * 60 * minute;
const mishaps = { writes: 0.03, failedWrites: 0.1, crashes: 0.002, failedCheckpoints: 0.05 };

/** A key for indexes, as in Key Vault. */
export function newIndexKey(id: string): CheckpointSigner {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: id } as JWK;
  return {
    current: async () => ({ id }),
    publicKey: async (wanted) => (wanted === id ? jwk : undefined),
    sign: async (_id, data) => createSign('SHA256').update(data).sign(privateKey),
  };
}

const indexKey = newIndexKey('https://vault.example/keys/audit-index/1');

export interface Storms {
  /** Probability that accounts are lost after a checkpoint, or cannot be written, or an instance restarts. */
  readonly lost: number;
  readonly unwritten: number;
  readonly restarts: number;
  /** Probability that two instances write the same checkpoint. */
  readonly doubled: number;
}
const storms: Storms = { lost: 0.1, unwritten: 0.1, restarts: 0.3, doubled: 0.2 };
export const calm: Storms = { lost: 0, unwritten: 0, restarts: 0, doubled: 0 };

/** A fleet whose checkpoints have accounts of tenants. */
export class ProofWorld {
  readonly audit: AuditWorld;
  /** Tenants with records, and the nil UUID. */
  readonly tenants: readonly TenantId[];
  readonly stored = new Map<string, string>();
  readonly #random: () => number;
  readonly #storms: Storms;
  tree: TenantTree;

  constructor(seed: number, tenants = 6, given: Partial<Storms> = {}) {
    this.#random = seededRandom(seed);
    this.#storms = { ...storms, ...given };
    this.audit = new AuditWorld(this.#random, mishaps);
    this.audit.tenants = tenants;
    this.tenants = [nilUuid as TenantId, ...Array.from({ length: tenants - 1 }, (_, number) => tenant(number + 1))];
    this.tree = this.newTree();
  }

  readonly indexKey = indexKey;

  newTree(key = indexKey): TenantTree {
    return new TenantTree({
      accounts: {
        read: async (name) => this.stored.get(name),
        write: async (name, text) => {
          if (this.#random() < this.#storms.unwritten) throw new BrokerError('storage_unavailable', 'no storage');
          this.stored.set(name, text);
        },
        purge: async (before) => {
          for (const name of this.stored.keys()) if (name < before) this.stored.delete(name);
        },
      },
      indexKey: key,
      broker: partner,
      signer: { sign: (id, data) => this.audit.signer().sign(id, data) },
      lines: (fromMs) => Readable.from(this.lines(fromMs)),
      read: this.audit.read,
      log: silentLogger,
    });
  }

  /** Lets some seconds pass, with a checkpoint every five minutes. */
  async run(seconds: number): Promise<void> {
    const { audit } = this;
    for (let left = seconds; left > 0; ) {
      const step = Math.min(left, Math.ceil((audit.nextCheckpointMs(300) - audit.nowMs) / 1_000));
      // The world's own timer never fires: its checkpoints are written here.
      await audit.run(step, Number.MAX_SAFE_INTEGER);
      left -= step;
      if ((audit.nowMs / 1_000) % 300 === 0) await this.checkpoint();
    }
  }

  async checkpoint(): Promise<void> {
    if (this.#random() < mishaps.failedCheckpoints) return;
    if (this.#random() < this.#storms.restarts) this.tree = this.newTree();
    if (this.#random() < this.#storms.doubled)
      await Promise.all([this.audit.write(this.tree), this.audit.write(this.newTree())]);
    else while (typeof (await this.audit.write(this.tree)) !== 'string');
    if (this.#random() < this.#storms.lost) {
      this.stored.delete([...this.stored.keys()].at(-1) ?? '');
      this.tree = this.newTree();
    }
  }

  /** As the log gives them: some come before the time. */
  lines(fromMs: number): readonly string[] {
    return this.audit.checkpoints.filter((jws) => Date.parse(String(partOf(jws, 1)['at'])) >= fromMs - dayBefore);
  }

  async *checkpoints(fromMs = 0): AsyncIterable<OwnCheckpoint> {
    let last: OwnCheckpoint | undefined;
    for (const jws of this.lines(fromMs)) {
      const checkpoint = await ownCheckpoint(jws, this.audit.signer());
      if (checkpoint === undefined || (last !== undefined && checkpoint.previous !== hashOf(last.jws))) continue;
      last = { checkpoint, jws };
      yield last;
    }
  }

  /** Lets hours pass without records, and then purges as the app does. */
  async keep(hours: number): Promise<void> {
    this.audit.retentionMs = 24 * 60 * minute;
    this.audit.tree = this.tree;
    await this.audit.leap(hours * 60);
    this.audit.tree = undefined;
    this.audit.purge(await this.purgedBeforeMs());
    for await (const own of this.checkpoints())
      if (Date.parse(own.checkpoint.to) >= (await this.purgedBeforeMs()) && (await this.tree.purge(own))) return;
  }

  /** What the last checkpoint says. */
  async purgedBeforeMs(): Promise<number> {
    const last = await ownCheckpoint(this.audit.checkpoints.at(-1) ?? '', this.audit.signer());
    return Date.parse(last?.purgedBefore ?? '1970-01-01');
  }

  get keys(): readonly EcKey[] {
    return this.audit.keys.map(({ x = '', y = '', kid = '' }) => ({ kty: 'EC', crv: 'P-256', x, y, kid }));
  }

  /** The lines of an extract. */
  async extract(...asked: Parameters<ProofWorld['pages']>): Promise<ExtractLine[]> {
    return (await this.pages(...asked)).flat();
  }

  /** The same by page. */
  async pages(
    tenantId: TenantId,
    sinceMs: number,
    untilMs: number,
    given: Partial<ExtractDeps> = {},
    most = Number.POSITIVE_INFINITY,
  ): Promise<(readonly ExtractLine[])[]> {
    const deps: ExtractDeps = {
      broker: partner,
      tree: this.tree,
      signer: this.audit.signer(),
      indexKey,
      checkpoints: (fromMs) => this.checkpoints(fromMs),
      purgedBeforeMs: await this.purgedBeforeMs(),
      names: async (records) =>
        new Map([
          records.length === 0 ? [tenantId, 'Contoso'] : [String(records[0]?.['callerApplication']), 'Helpdesk'],
        ]),
      read: (fromMs, toMs) => this.audit.read(fromMs, toMs),
      changes: async () => this.audit.planned,
      ...given,
    };
    const pages: (readonly ExtractLine[])[] = [];
    let continuation: string | undefined;
    do {
      const page = await extractPage(
        deps,
        { tenant: tenantId, sinceMs, untilMs, nowMs: this.audit.nowMs },
        continuation,
      );
      pages.push(page.lines);
      continuation = page.continuation;
    } while (continuation !== undefined && pages.length < most);
    return pages;
  }

  /** The records of a tenant, as they are stored. */
  recordsOf(tenantId: TenantId): StoredRecord[] {
    return [...this.audit.stored.values()].filter((row) => (row['tenantId'] ?? nilUuid) === tenantId);
  }
}

export const textsOf = (lines: readonly ExtractLine[]): string[] => lines.map((line) => JSON.stringify(line));

/**
 * A fleet over 40 minutes, with crashes, failed writes, restarts, clocks that differ and an older version beside it. Of some,
 * the first part is a day older, and purged.
 */
export async function generateProof(seed: number): Promise<ProofWorld> {
  const random = seededRandom(seed);
  const world = new ProofWorld(seed, 2 + Math.floor(random() * 12));
  for (let started = 0; started < 3; started += 1) world.audit.startInstance(started === 2 && random() < 0.3);
  // A version without accounts ran before, sometimes.
  if (random() < 0.3) await world.audit.run(600);
  await world.run(900);
  world.audit.kill();
  if (random() < 0.1) await world.keep(25);
  world.audit.startInstance(false, (random() - 0.5) * 150_000);
  if (random() < 0.3) world.audit.rotateKey();
  await world.run(600 + Math.floor(random() * 900));
  return world;
}

export const randomPeriod = (random: () => number, world: ProofWorld): [number, number] => {
  const startMs = Date.UTC(2026, 10, 24, 9, 30);
  const lengthMs = world.audit.nowMs - startMs;
  const sinceMs = startMs + Math.floor((random() - 0.3) * lengthMs);
  return [sinceMs, sinceMs + minute + Math.floor(random() * 1.3 * lengthMs)];
};
