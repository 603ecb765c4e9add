import { createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { TableClient } from '@azure/data-tables';
import { ContainerClient } from '@azure/storage-blob';
import type { JWK } from 'jose';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditLog } from '../../src/lib/audit/audit-log.ts';
import { createBlobCheckpointLog } from '../../src/lib/audit/chain/blob-checkpoint-log.ts';
import { canonicalText, storedRecord } from '../../src/lib/audit/chain/checkpoint.ts';
import type { CheckpointSigner } from '../../src/lib/audit/chain/checkpoint-log.ts';
import { AuditEvidence } from '../../src/lib/audit/evidence.ts';
import { createBlobAccountStore } from '../../src/lib/audit/proof/blob-account-store.ts';
import type { ExtractPage } from '../../src/lib/audit/proof/extract.ts';
import { type ExtractVerdict, verifyExtract } from '../../src/lib/audit/proof/verify-extract.ts';
import { storageTimeMs } from '../../src/lib/audit/log/query-rows.ts';
import { createTableAuditLog } from '../../src/lib/audit/log/table-audit-log.ts';
import { isTampering } from '../../src/operator/audit/read-checkpoints.ts';
import { verifyExport, type Verification } from '../../src/operator/audit/verify-export.ts';
import { BrokerError } from '../../src/lib/core/errors.ts';
import { systemClock } from '../../src/lib/core/clock.ts';
import { silentLogger } from '../../src/lib/core/log.ts';
import { HeldClock } from '../fakes/held-clock.ts';
import { newIndexKey } from '../campaigns/proof/proof-world.ts';
import { guid, issued, tenant } from '../support/audit-entries.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';

const minute = 60_000;
const year = 365 * 24 * 60 * minute;
let azurite: Azurite;
let stores = 0;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

/** Minutes that the clock of the checkpoints is ahead, so that records are old enough to be covered. */
let aheadMinutes: number;
let table: TableClient;
let keyProblem: BrokerError | undefined;
let hasKey: boolean;
let isOff: boolean;
let storageTime: typeof storageTimeMs | undefined;
beforeEach(() => {
  stores += 1;
  aheadMinutes = 0;
  heldMs = undefined;
  keyProblem = undefined;
  hasKey = true;
  isOff = false;
  storageTime = undefined;
  table = TableClient.fromConnectionString(azurite.connectionString, `audit${stores}`, {
    allowInsecureConnection: true,
  });
});

/** A time that stands still. */
let heldMs: number | undefined;
const clock = { ...systemClock, nowMs: () => (heldMs ?? Date.now()) + aheadMinutes * minute };
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'key-1' } as JWK;
const signer: CheckpointSigner = {
  current: async () => {
    if (keyProblem !== undefined) throw keyProblem;
    return hasKey ? { id: 'key-1' } : { missing: 'Key Vault has no key.' };
  },
  sign: async (_id, data) => createSign('SHA256').update(data).sign({ key: privateKey, dsaEncoding: 'ieee-p1363' }),
  publicKey: async (id) => (id === 'key-1' ? jwk : undefined),
};

const indexKey = newIndexKey('index-1');

/** Its deadlines never pass, however slow this machine is. */
const instance = (): AuditLog =>
  createTableAuditLog({ table: async () => table, clock: new HeldClock(1_000), log: silentLogger, newId: randomUUID });

function evidence(): AuditEvidence {
  const container = new ContainerClient(azurite.connectionString, `evidence${stores}`);
  const checkpoints = createBlobCheckpointLog(async () => container);
  return new AuditEvidence({
    broker: guid(0xb0),
    table: async () => table,
    checkpoints,
    signer,
    clock,
    log: silentLogger,
    storageTime: async (stored) => (storageTime === undefined ? clock.nowMs() : storageTime(stored)),
    isOff,
  });
}

async function record(log: AuditLog, count: number): Promise<void> {
  const text = ['ü', 'a"b', '12', 'true', '2026-11-24T00:00:00Z'];
  await Promise.all(
    Array.from({ length: count }, (_, number) =>
      log.record(
        issued({
          atMs: clock.nowMs(),
          tokenId: guid(number),
          rule: `rule ${text[number % text.length]}`,
          status: 200 + (number % 300),
          bytes: number * 1_000_000,
          excessScopes: [],
        }),
      ),
    ),
  );
}

/** Lets enough time pass for a checkpoint to cover everything, and writes it. */
async function cover(): Promise<void> {
  aheadMinutes += 5;
  expect(await evidence().write(year)).toBeDefined();
}

async function verify(): Promise<Verification> {
  const source = evidence();
  const pages = async function* () {
    let continuation: string | undefined;
    do {
      const page = await source.records(0, clock.nowMs() + minute, continuation);
      yield* page.records;
      continuation = page.continuation;
    } while (continuation !== undefined);
  };
  const { checkpoints, keys } = await source.checkpoints(0);
  return verifyExport({
    fromMs: Number.NEGATIVE_INFINITY,
    toMs: Number.POSITIVE_INFINITY,
    exportedMs: clock.nowMs(),
    checkpoints,
    keys,
    records: pages,
  });
}

/** As an instance that has just started, with accounts of tenants. */
function evidenceOfTenants(): AuditEvidence {
  const container = new ContainerClient(azurite.connectionString, `evidence${stores}`);
  const accounts = new ContainerClient(azurite.connectionString, `accounts${stores}`);
  return new AuditEvidence({
    broker: guid(0xb0),
    table: async () => table,
    checkpoints: createBlobCheckpointLog(async () => container),
    signer,
    accounts: createBlobAccountStore(async () => accounts),
    indexKey,
    clock,
    log: silentLogger,
    storageTime: async () => clock.nowMs(),
    isOff,
  });
}

const kinds = ({ findings }: Verification): string[] => [
  ...new Set(findings.filter(isTampering).map(({ kind }) => kind)),
];
const entities = async (): Promise<Record<string, unknown>[]> => {
  const found: Record<string, unknown>[] = [];
  for await (const entity of table.listEntities()) found.push({ ...entity });
  return found;
};

/** An extract of the first tenant up to now, as its verifier judges it. */
async function extractSince(
  sinceMs: number,
  options: Pick<Parameters<typeof verifyExtract>[1], 'heads'> = {},
): Promise<ExtractVerdict> {
  const query = { tenant: tenant(1), sinceMs, untilMs: clock.nowMs() };
  const lines: unknown[] = [];
  let continuation: string | undefined;
  do {
    const page: ExtractPage = await evidenceOfTenants().extract(query, continuation);
    lines.push(...page.lines);
    continuation = page.continuation;
  } while (continuation !== undefined);
  const { x = '', y = '' } = jwk;
  const keys = [{ kty: 'EC', crv: 'P-256', x, y, kid: 'key-1' } as const];
  return verifyExtract(
    lines.map((line) => JSON.stringify(line)),
    { ...options, keys, nowMs: clock.nowMs() },
  );
}

describe('the records and checkpoints in storage', () => {
  it('prove two instances, whose records have the canonical form in storage that was hashed', async () => {
    const [one, other] = [instance(), instance()];
    await Promise.all([record(one, 130), record(other, 120)]);
    await cover();
    const verification = await verify();
    expect(verification).toMatchObject({ findings: [], records: 250, counts: { proven: 250, newer: 0 }, chains: 2 });
    const [entity = {}] = await entities();
    expect(JSON.parse(canonicalText(storedRecord(entity)))).not.toHaveProperty('etag');
  });

  it('prove the records of one tenant, whichever instance keeps the accounts, and what is removed', async () => {
    const log = instance();
    const sinceMs = clock.nowMs() - minute;
    const extract = async (): Promise<ExtractVerdict> =>
      extractSince(sinceMs, { heads: (await evidenceOfTenants().heads(0)).heads });
    await record(log, 60);
    aheadMinutes += 5;
    await evidenceOfTenants().write(year);
    await record(log, 50);
    await log.record(issued({ atMs: clock.nowMs(), tenantId: tenant(2) }));
    aheadMinutes += 5;
    await evidenceOfTenants().write(year);
    expect(await extract()).toMatchObject({ isProven: true, problems: [], records: 110, unsigned: 0 });
    expect(await verify()).toMatchObject({ findings: [], records: 111 });
    const victim = (await entities()).find((entity) => entity['tenantId'] === tenant(1));
    await table.deleteEntity(String(victim?.['partitionKey']), String(victim?.['rowKey']));
    expect((await extract()).problems).toEqual([
      '1 records are missing that the signed checkpoints count for this tenant.',
    ]);
  });

  it('prove a tenant although others have appended earlier checkpoints again, and the accounts are lost', async () => {
    const sinceMs = clock.nowMs() - minute;
    const log = instance();
    const checkpoints = new ContainerClient(azurite.connectionString, `evidence${stores}`);
    const blob = checkpoints.getAppendBlobClient('checkpoints-0000000.jsonl');
    const accounts = new ContainerClient(azurite.connectionString, `accounts${stores}`);
    for (let number = 1; number <= 6; number += 1) {
      await record(log, 3);
      aheadMinutes += 5;
      await evidenceOfTenants().write(year);
      if (number === 6) break;
      const [one = '', two = ''] = (await evidence().checkpoints(0)).checkpoints;
      const pair = number === 3 ? `${one}\n${two}\n` : `${one}\n`;
      await blob.appendBlock(pair, pair.length);
    }
    // The next checkpoint rebuilds the accounts of the last one from those of the one before.
    const names = await Array.fromAsync(accounts.listBlobsFlat(), ({ name }) => name);
    expect(names).toHaveLength(6);
    await accounts.deleteBlob(String(names.at(-1)));
    await record(log, 3);
    aheadMinutes += 5;
    await evidenceOfTenants().write(year);
    expect(await extractSince(sinceMs)).toMatchObject({ isProven: true, problems: [], records: 21, unsigned: 0 });
    // It begins with the accounts of the last checkpoint before it.
    expect(await extractSince(clock.nowMs() - 12 * minute)).toMatchObject({ isProven: true, problems: [], records: 9 });
  });

  it('cost an extract few requests to storage, and another tenant the same', async () => {
    const log = instance();
    const sinceMs = clock.nowMs() - minute;
    await record(log, 10);
    for (let tenants = 1; tenants <= 4; tenants += 1) {
      await log.record(issued({ atMs: clock.nowMs(), tenantId: tenant(tenants) }));
      aheadMinutes += 100;
      while ((await evidenceOfTenants().write(year)) !== undefined);
    }
    const evidence = evidenceOfTenants();
    const requests = async (of: number): Promise<number> => {
      let count = 0;
      const counted = (): void => void (count += 1);
      subscribe('http.client.request.start', counted);
      try {
        let continuation: string | undefined;
        do {
          const query = { tenant: tenant(of), sinceMs, untilMs: clock.nowMs() };
          ({ continuation } = await evidence.extract(query, continuation));
        } while (continuation !== undefined);
      } finally {
        unsubscribe('http.client.request.start', counted);
      }
      return count;
    };
    // Forty checkpoints. The first reads the accounts of two of them in parts, and where the log begins.
    expect(await requests(1)).toBeLessThan(50);
    const others = [await requests(2), await requests(3)];
    expect(Math.min(...others)).toBeGreaterThan(4);
    expect(Math.max(...others)).toBeLessThan(16);
  });

  it('give heads from the hour before a time to anybody, and read storage for few of those who ask', async () => {
    // Half past an hour: no minute or hour ends meanwhile.
    heldMs = Math.floor(Date.now() / 3_600_000) * 3_600_000 + 30 * minute;
    await record(instance(), 2);
    const evidence = evidenceOfTenants();
    const sinceMs = clock.nowMs();
    expect(await evidence.heads(sinceMs)).toEqual({ heads: [] });
    for (let number = 0; number < 3; number += 1) {
      aheadMinutes += 100;
      while ((await evidence.write(year)) !== undefined);
    }
    const all = (await evidenceOfTenants().heads(0)).heads;
    const page = await evidence.heads(clock.nowMs());
    const late = page.heads;
    expect(late.length).toBeGreaterThan(3);
    expect(late.length).toBeLessThan(all.length);
    expect(all.slice(-late.length)).toEqual(late);
    // Kept for a minute.
    expect(await evidence.heads(clock.nowMs())).toBe(page);
    aheadMinutes += 1;
    expect(await evidence.heads(clock.nowMs())).not.toBe(page);
    const asked = Array.from({ length: 70 }, (_, hour) => evidence.heads(clock.nowMs() - hour * 60 * minute));
    const refused = (await Promise.allSettled(asked)).filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThanOrEqual(10);
    expect(refused[0]).toMatchObject({ reason: { code: 'busy' } });
  });

  it('keep the accounts with which an extract begins after a purge, and delete those before', async () => {
    await record(instance(), 2);
    const evidence = evidenceOfTenants();
    for (let number = 0; number < 4; number += 1) {
      aheadMinutes += 100;
      while ((await evidence.write(year)) !== undefined);
    }
    const container = new ContainerClient(azurite.connectionString, `accounts${stores}`);
    const names = async (): Promise<string[]> => {
      const found: string[] = [];
      for await (const { name } of container.listBlobsFlat()) found.push(name);
      return found;
    };
    const before = await names();
    await evidence.purgeAccounts(clock.nowMs() - 30 * minute);
    const after = await names();
    // Every 24th blob has all accounts.
    expect(before.length).toBeGreaterThan(30);
    expect(after).toEqual(before.slice(24));
    const query = { tenant: tenant(1), sinceMs: clock.nowMs() - 25 * minute, untilMs: clock.nowMs() };
    const { lines } = await evidenceOfTenants().extract(query, undefined);
    expect(lines.filter(({ type }) => type === 'account')).toHaveLength(2);
    await evidence.purgeAccounts(clock.nowMs() + 30 * minute);
    expect(await names()).toEqual(after);
  });

  it('show what was done to the table', async () => {
    await record(instance(), 40);
    await cover();
    const placeOf = ({ chain }: Record<string, unknown>): number => Number(String(chain).split('.')[1]);
    const sorted = (await entities()).toSorted((one, other) => placeOf(one) - placeOf(other));
    // None of them is the neighbour of another, which would know its hash.
    const [second, third, fourth] = [sorted[10], sorted[20], sorted[30]] as { partitionKey: string; rowKey: string }[];
    if (second === undefined || third === undefined || fourth === undefined) throw new Error('too few');
    await table.updateEntity({ ...second, rule: 'another' }, 'Merge');
    expect(kinds(await verify())).toEqual(['changed']);
    await table.deleteEntity(third.partitionKey, third.rowKey);
    expect(kinds(await verify()).toSorted()).toEqual(['changed', 'removed']);
    await table.createEntity({ ...fourth, rowKey: `${fourth.rowKey.slice(0, 14)}${guid(9)}` });
    expect(kinds(await verify()).toSorted()).toEqual(['changed', 'inserted', 'removed']);
  });

  it('show that the table was restored from a backup', async () => {
    const log = instance();
    await record(log, 20);
    await cover();
    const backup = await entities();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await record(log, 20);
    await cover();
    await table.deleteTable();
    table = TableClient.fromConnectionString(azurite.connectionString, `restored${stores}`, {
      allowInsecureConnection: true,
    });
    await table.createTable();
    for (const entity of backup) await table.createEntity(entity as { partitionKey: string; rowKey: string });
    expect((await verify()).findings.filter(isTampering)).toMatchObject([{ kind: 'truncated', first: 21, last: 40 }]);
  });

  it('count records of an older version, and notice one that is added later', async () => {
    await record(instance(), 3);
    const [entity] = (await entities()) as { partitionKey: string; rowKey: string }[];
    if (entity === undefined) throw new Error('none');
    const { chain: _, etag: __, timestamp: ___, ...old } = entity as unknown as Record<string, unknown>;
    const addOld = (number: number): Promise<unknown> =>
      table.createEntity({
        ...old,
        partitionKey: entity.partitionKey,
        rowKey: `${entity.rowKey.slice(0, 14)}${guid(number)}`,
      });
    await addOld(1);
    await cover();
    expect(await verify()).toMatchObject({ findings: [], unchained: { records: 1 } });
    await addOld(2);
    expect((await verify()).findings).toMatchObject([{ kind: 'inserted', checkpoint: 1 }]);
  });

  it('go on after the key did not work, and say for how long nothing was signed', async () => {
    const log = instance();
    await record(log, 5);
    await cover();
    keyProblem = new BrokerError('key_vault_unavailable', 'The key is disabled.');
    aheadMinutes += 25;
    const source = evidence();
    await expect(source.write(year)).rejects.toThrow('The key is disabled.');
    expect(await source.state()).toMatchObject({ state: 'late', problem: 'The key is disabled.' });
    // Records do not depend on it.
    await record(log, 5);
    keyProblem = undefined;
    await evidence().write(year);
    expect((await evidence().state()).state).toBe('current');
    const { findings } = await verify();
    expect(findings).toMatchObject([{ kind: 'unproven', checkpoint: 1 }]);
    expect(findings[0]?.detail).toMatch(/^No checkpoint was written for 2[4-6] minutes after checkpoint 1/);
  });

  it('are chains only while there never was a key, and a missing key is a failure afterwards', async () => {
    hasKey = false;
    await record(instance(), 5);
    aheadMinutes += 5;
    expect(await evidence().write(year)).toBeUndefined();
    expect(await evidence().state()).toEqual({ state: 'late', problem: 'Key Vault has no key.' });
    isOff = true;
    expect(await evidence().state()).toEqual({ state: 'off' });
    isOff = false;
    expect(await verify()).toMatchObject({ findings: [], counts: { proven: 0, newer: 5 }, checkpoints: [] });
    hasKey = true;
    await cover();
    hasKey = false;
    aheadMinutes += 5;
    await expect(evidence().write(year)).rejects.toThrow('Key Vault has no key.');
  });

  it('have one checkpoint although two instances write it at the same time', async () => {
    await record(instance(), 5);
    aheadMinutes += 5;
    await Promise.all([evidence().write(year), evidence().write(year), evidence().write(year)]);
    expect(await verify()).toMatchObject({ findings: [], checkpoints: [{ number: 1 }], counts: { proven: 5 } });
    // The next one is due minutes later.
    expect(await evidence().write(year)).toBeUndefined();
  });

  it('catch up after an outage, ten minutes in each checkpoint', async () => {
    await record(instance(), 5);
    await cover();
    aheadMinutes += 45;
    await evidence().write(year);
    expect((await verify()).checkpoints.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('show a purge that no checkpoint allows', async () => {
    const log = instance();
    await record(log, 10);
    await cover();
    const beforeMs = Date.now() + 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
    await log.purge(beforeMs);
    expect(kinds(await verify())).toEqual(['removed']);
  });

  it('say before which time records may be purged, while they are not off', async () => {
    expect(await evidence().purgeLimitMs()).toBeUndefined();
    await record(instance(), 1);
    await cover();
    expect((await evidence().purgeLimitMs()) ?? 0).toBeGreaterThan(clock.nowMs() - year - 10 * minute);
    isOff = true;
    expect(await evidence().purgeLimitMs()).toBeUndefined();
  });

  it('cover no time that has not come by the clock of storage', async () => {
    storageTime = storageTimeMs;
    await record(instance(), 5);
    aheadMinutes = 30;
    const startMs = Date.now();
    const written = await evidence().write(year);
    expect(Date.parse(written?.to ?? '')).toBeGreaterThan(startMs - 2 * minute);
    expect(Date.parse(written?.to ?? '')).toBeLessThan(Date.now());
    aheadMinutes = -30;
    expect(await evidence().latestMs()).toBeGreaterThan(startMs - minute);
  });

  it('go on from the last that the key has signed, and say that there are other lines', async () => {
    await record(instance(), 5);
    await cover();
    const container = new ContainerClient(azurite.connectionString, `evidence${stores}`);
    const blob = container.getAppendBlobClient('checkpoints-0000000.jsonl');
    const [header = '', payload = ''] = (await blob.downloadToBuffer()).toString().split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const forged = {
      ...claims,
      number: 2,
      purgedBefore: '2099-01-01T00:00:00.000Z',
      at: '2099-01-01T00:00:00.000Z',
      chains: [],
    };
    const line = `${header}.${Buffer.from(JSON.stringify(forged)).toString('base64url')}.AAAA\n`;
    await blob.appendBlock(line, line.length);
    expect(await evidence().state()).toMatchObject({ state: 'current', hasForeign: true });
    aheadMinutes += 5;
    expect(await evidence().write(year)).toMatchObject({ number: 2, chains: [{ seq: 5 }] });
    expect((await evidence().purgeLimitMs()) ?? 0).toBeLessThan(clock.nowMs() - year + minute);
    expect((await verify()).checkpoints.map(({ number }) => number)).toEqual([1, 2]);
  });

  it('cover and export rows with types of columns that no version writes', async () => {
    await record(instance(), 2);
    const [entity] = (await entities()) as { partitionKey: string; rowKey: string }[];
    if (entity === undefined) throw new Error('none');
    const types = {
      big: 2n ** 60n,
      bytes: new Uint8Array([1, 2]),
      day: new Date(0),
      id: { type: 'Guid', value: guid(1) } as const,
    };
    await table.createEntity({ ...entity, rowKey: `${entity.rowKey.slice(0, 14)}${guid(9)}`, ...types });
    await cover();
    expect(await verify()).toMatchObject({ records: 3, checkpoints: [{ number: 1 }] });
    const { records } = await evidence().records(0, clock.nowMs());
    expect(records.find(({ big }) => big !== undefined)).toMatchObject({
      big: 'Edm.Int64:1152921504606846976',
      bytes: 'Edm.Binary:AQI=',
    });
    expect(JSON.parse(JSON.stringify(records))).toEqual(records);
  });
});
