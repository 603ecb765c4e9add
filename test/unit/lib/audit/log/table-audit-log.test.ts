import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { AzureNamedKeyCredential, TableClient } from '@azure/data-tables';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CheckpointLog, CheckpointSigner } from '../../../../../src/lib/audit/chain/checkpoint-log.ts';
import { AuditEvidence } from '../../../../../src/lib/audit/evidence.ts';
import { verifyExport } from '../../../../../src/operator/audit/verify-export.ts';
import type { AuditLog } from '../../../../../src/lib/audit/audit-log.ts';
import { createTableAuditLog } from '../../../../../src/lib/audit/log/table-audit-log.ts';
import { systemClock } from '../../../../../src/lib/core/clock.ts';
import { silentLogger } from '../../../../../src/lib/core/log.ts';
import { HeldClock } from '../../../../fakes/held-clock.ts';
import { auditStartMs, guid, issued } from '../../../../support/audit-entries.ts';
import { type Azurite, emptyAzurite, startAzurite } from '../../../../support/azurite.ts';
import { startTcpProxy, type TcpProxy } from '../../../../support/tcp-proxy.ts';

let azurite: Azurite;
let tables = 0;
const proxies: TcpProxy[] = [];
beforeAll(async () => {
  azurite = await emptyAzurite();
});
afterEach(async () => {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.cut()));
});

/** The timeout of an attempt to write. The pauses between attempts are shorter. */
const attemptMs = 1_000;

const clientAt = (
  { accountName, accountKey }: Pick<Azurite, 'accountName' | 'accountKey'>,
  port: number,
  table: string,
): TableClient =>
  new TableClient(
    `http://127.0.0.1:${port}/${accountName}`,
    table,
    new AzureNamedKeyCredential(accountName, accountKey),
    { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } },
  );

function logAt(
  { accountName, accountKey }: Azurite,
  port: number,
  table: string,
  clock = new HeldClock(attemptMs),
): AuditLog {
  const client = clientAt({ accountName, accountKey }, port, table);
  return createTableAuditLog({
    table: () => Promise.resolve(client),
    clock,
    log: silentLogger,
    newId: randomUUID,
  });
}

const newTable = (): string => `audit${(tables += 1)}`;

/** The token ids of all stored entries, over all pages. */
async function storedTokenIds(storage: Azurite, table: string): Promise<string[]> {
  const log = logAt(storage, storage.ports.table, table);
  const ids: string[] = [];
  for (let continuation: string | undefined, page = 0; page === 0 || continuation !== undefined; page += 1) {
    const query = { fromMs: 0, toMs: auditStartMs * 2, limit: 1000 };
    const answer = await log.query(continuation === undefined ? query : { ...query, continuation });
    ids.push(...answer.entries.map(({ tokenId }) => tokenId));
    continuation = answer.continuation;
  }
  return ids.toSorted();
}

/** Kinds of findings in the stored records, which no checkpoint covers. */
async function findingsIn(storage: Azurite, table: string): Promise<string[]> {
  const evidence = new AuditEvidence({
    broker: guid(0xb0),
    table: async () => clientAt(storage, storage.ports.table, table),
    clock: systemClock,
    log: silentLogger,
    checkpoints: {} as CheckpointLog,
    signer: {} as CheckpointSigner,
    isOff: false,
  });
  const records = async function* () {
    let continuation: string | undefined;
    do {
      const page = await evidence.records(0, auditStartMs * 2, continuation);
      yield* page.records;
      continuation = page.continuation;
    } while (continuation !== undefined);
  };
  const limits = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY, exportedMs: auditStartMs };
  const { findings, records: count } = await verifyExport({ ...limits, checkpoints: [], keys: [], records });
  expect(count).toBeGreaterThan(0);
  return [...new Set(findings.map(({ kind }) => kind))];
}

/**
 * Records `count` entries over a period of time. Calls `atHalf` once, when half of them are durable. The last tenth is
 * recorded after `atHalf` has resolved, so that some entries always meet the interruption.
 */
async function recordMany(
  log: AuditLog,
  count: number,
  atHalf: () => Promise<void>,
): Promise<{ durable: string[]; codes: Set<unknown> }> {
  const durable: string[] = [];
  const codes = new Set<unknown>();
  const work: Promise<void>[] = [];
  const interrupted = Promise.withResolvers<void>();
  const recordOne = async (tokenId: string, atMs: number): Promise<void> => {
    try {
      await log.record(issued({ tokenId, atMs }));
      durable.push(tokenId);
      if (durable.length === count / 2) interrupted.resolve(atHalf());
    } catch (error) {
      codes.add(error instanceof Error && 'code' in error ? error.code : error);
    }
  };
  for (let number = 0; number < count; number += 1) {
    if (number === count * 0.9) await interrupted.promise;
    work.push(recordOne(guid(number), auditStartMs + number));
    // In small groups, as requests arrive, so that the interruption hits both between and within writes.
    if (number % 5 === 0) await systemClock.sleep(1);
  }
  await Promise.all(work);
  return { durable: durable.toSorted(), codes };
}

describe('createTableAuditLog when storage fails during 1,000 records', () => {
  it('has every resolved record on disk after storage was stopped', async () => {
    const storage = await startAzurite({ persistence: 'disk' });
    const table = newTable();
    const log = logAt(storage, storage.ports.table, table);
    const { durable, codes } = await recordMany(log, 1000, () => storage.stop({ keepFolder: true }));
    expect(durable.length).toBeGreaterThanOrEqual(500);
    expect(durable.length).toBeLessThan(1000);
    expect(codes).toEqual(new Set(['audit_unavailable']));

    const again = await startAzurite({ persistence: 'disk', folder: storage.folder, accountKey: storage.accountKey });
    const stored = new Set(await storedTokenIds(again, table));
    expect(durable.filter((id) => !stored.has(id))).toEqual([]);
    // What was being written is nobody's tampering.
    expect((await findingsIn(again, table)).filter((kind) => kind !== 'crash')).toEqual([]);
    await again.stop();
    await rm(storage.folder, { recursive: true });
    console.log(`stopped storage: ${durable.length} of 1000 resolved, ${stored.size} on disk, 0 resolved but missing`);
  });

  it('has every resolved record in the table after the connections broke', async () => {
    const table = newTable();
    const proxy = await startTcpProxy(azurite.ports.table);
    const { durable, codes } = await recordMany(logAt(azurite, proxy.port, table), 1000, () => proxy.cut());
    expect(durable.length).toBeGreaterThanOrEqual(500);
    expect(durable.length).toBeLessThan(1000);
    expect(codes).toEqual(new Set(['audit_unavailable']));
    const stored = new Set(await storedTokenIds(azurite, table));
    expect(durable.filter((id) => !stored.has(id))).toEqual([]);
    expect((await findingsIn(azurite, table)).filter((kind) => kind !== 'crash')).toEqual([]);
    console.log(
      `broken connections: ${durable.length} of 1000 resolved, ${stored.size} in the table, 0 resolved but missing`,
    );
  });
});

describe('createTableAuditLog', () => {
  /** A log that has recorded an entry through a proxy, which a test then disturbs. */
  async function logBehindProxy() {
    const table = newTable();
    const proxy = await startTcpProxy(azurite.ports.table);
    proxies.push(proxy);
    const clock = new HeldClock(attemptMs);
    const log = logAt(azurite, proxy.port, table, clock);
    await log.record(issued({ tokenId: guid(1) }));
    return { log, table, proxy, clock };
  }

  it('stores an entry once if it writes the entry twice because a reply was lost', async () => {
    const { log, table, proxy, clock } = await logBehindProxy();
    const tryAgain = clock.holdPauses();
    proxy.loseReplies(true);
    const recorded = Promise.all([log.record(issued({ tokenId: guid(2) })), log.record(issued({ tokenId: guid(3) }))]);
    await expect.poll(async () => (await storedTokenIds(azurite, table)).length).toBe(2);
    proxy.loseReplies(false);
    tryAgain();
    await recorded;
    expect(await storedTokenIds(azurite, table)).toEqual([guid(1), guid(2), guid(3)]);
  });

  it('records an entry although the first attempt hangs', async () => {
    const { log, table, proxy, clock } = await logBehindProxy();
    proxy.hang(true);
    const recorded = log.record(issued({ tokenId: guid(2) }));
    await expect.poll(() => proxy.swallowed).toBeGreaterThan(0);
    proxy.hang(false);
    await clock.advance(attemptMs);
    await recorded;
    expect(await storedTokenIds(azurite, table)).toEqual([guid(1), guid(2)]);
  });

  it('records again as soon as storage is available again', async () => {
    const first = await startAzurite();
    const log = logAt(first, first.ports.table, 'audit');
    await log.record(issued());
    await first.stop();
    await expect(log.record(issued())).rejects.toMatchObject({ code: 'audit_unavailable', transient: true });
    const second = await startAzurite({ ports: first.ports, accountKey: first.accountKey });
    await log.record(issued({ tokenId: guid(9) }));
    expect(await storedTokenIds(second, 'audit')).toEqual([guid(9)]);
    await second.stop();
  });

  it('records long and malformed text of callers without affecting other entries', async () => {
    const table = newTable();
    const log = logAt(azurite, azurite.ports.table, table);
    const strange = [
      "a'; drop",
      '\u0000\u0007\uD800',
      '../..',
      'ü'.repeat(100_000),
      '\r\n--changeset_1\r\n',
      '{"a":1}',
    ];
    await Promise.all(
      strange.flatMap((text, index) => [
        log.record(issued({ tokenId: guid(index), tenantAsked: text, resource: text, scopes: [text, text] })),
        log.record(issued({ tokenId: guid(100 + index) })),
      ]),
    );
    expect(await storedTokenIds(azurite, table)).toHaveLength(12);
    const full = Array.from({ length: 300 }, (_, index) =>
      log.record(issued({ tokenId: guid(1000 + index), scopes: Array.from({ length: 500 }, () => 'ü'.repeat(128)) })),
    );
    await Promise.all(full);
    expect(await storedTokenIds(azurite, table)).toHaveLength(312);
  });
});
