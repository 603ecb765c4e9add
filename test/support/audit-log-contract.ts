import { expect, it } from 'vitest';
import type { AuditEntry, AuditLog, AuditQuery } from '../../src/lib/audit/audit-log.ts';
import { auditStartMs, denied, guid, issued, tenant } from './audit-entries.ts';

const hour = 3_600_000;
const allTime: AuditQuery = { fromMs: 0, toMs: auditStartMs + 100 * hour, limit: 1000 };

async function readAll(log: AuditLog, query: AuditQuery): Promise<readonly AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for (let continuation: string | undefined, page = 0; page === 0 || continuation !== undefined; page += 1) {
    const answer = await log.query(continuation === undefined ? query : { ...query, continuation });
    expect(answer.entries.length).toBeLessThanOrEqual(query.limit);
    entries.push(...answer.entries);
    continuation = answer.continuation;
  }
  return entries;
}

const times = (entries: readonly AuditEntry[]): number[] => entries.map(({ atMs }) => atMs - auditStartMs);

/** The tests that every audit log passes. @param make returns an empty one. */
export function testAuditLog(make: () => AuditLog): void {
  it('is empty before the first record', async () => {
    const log = make();
    expect(await log.query(allTime)).toEqual({ entries: [] });
    expect(await log.purge(auditStartMs)).toBe(0);
  });

  it('tells requests through the gateway from tokens', async () => {
    const log = make();
    const request: Partial<AuditEntry> = {
      kind: 'request',
      method: 'POST',
      path: '/v1.0/users',
      template: '/v1.0/users',
      query: '$select=id&$expand=manager($select=id)&$top',
      bodyNames: ['displayName', '/password', '@odata.type=#microsoft.graph.user'],
      roles: ['Tokens.Request', 'Requests.Send'],
      requestedScopes: ['User.Read.All'],
      bodySha256: 'ab'.repeat(32),
      changeSha256: 'cd'.repeat(32),
      uti: 'token-1',
      status: 201,
      requestId: 'request-1',
      bytes: 20 * 1024 * 1024,
    };
    const { expiresAtMs: _, ...sent } = issued({ ...request, outcome: 'answered', atMs: auditStartMs + 1 });
    const entries = [issued(), sent, denied({ ...request, atMs: auditStartMs + 2 }), denied()];
    await Promise.all(entries.map((entry) => log.record(entry)));
    expect(times(await readAll(log, { ...allTime, kind: 'request' }))).toEqual([2, 1]);
    expect(times(await readAll(log, { ...allTime, kind: 'token' }))).toEqual([0, 0]);
    expect(await readAll(log, { ...allTime, kind: 'request', outcome: 'answered' })).toEqual([sent]);
  });

  it('keeps what changed about the tags of a tenant', async () => {
    const log = make();
    const { expiresAtMs: _, ...change } = issued({
      kind: 'tags',
      outcome: 'changed',
      tagsAdded: ['managed', 'tier=gold'],
      tagsRemoved: [],
      atMs: auditStartMs + 1,
    });
    await Promise.all([issued(), change].map((entry) => log.record(entry)));
    expect(await readAll(log, { ...allTime, kind: 'tags' })).toEqual([change]);
    expect(await readAll(log, { ...allTime, outcome: 'changed' })).toEqual([change]);
    expect(times(await readAll(log, { ...allTime, kind: 'token' }))).toEqual([0]);
  });

  it.each([
    ['no', 0],
    ['three', 3],
    ['nine', 9],
    ['fifty', 50],
  ])('returns only entries of %s readable tenants, page by page', async (_name, size) => {
    const log = make();
    const readable = new Set(Array.from({ length: size }, (_, index) => tenant(100 + index)));
    const entries = Array.from({ length: 12 }, (_, index) =>
      issued({ atMs: auditStartMs + index, tenantId: tenant(index % 3 === 0 ? 100 + (index % 2) : 1) }),
    );
    const { tenantId: _tenantId, ...unresolved } = issued({ atMs: auditStartMs + 50 });
    await Promise.all([...entries, unresolved].map((entry) => log.record(entry)));
    const expected = size === 0 ? [] : [9, 6, 3, 0];
    expect(times(await readAll(log, { ...allTime, tenantIds: readable }))).toEqual(expected);
    expect(times(await readAll(log, { ...allTime, limit: 1, tenantIds: readable }))).toEqual(expected);
    const one = { ...allTime, tenantId: tenant(1), tenantIds: readable };
    expect(await readAll(log, one)).toEqual([]);
  });

  it('returns recorded entries unchanged', async () => {
    const log = make();
    await log.record(issued());
    await log.record(denied({ atMs: auditStartMs - 1 }));
    expect(await log.query(allTime)).toEqual({ entries: [issued(), denied({ atMs: auditStartMs - 1 })] });
  });

  it('returns the newest entries first, across hours, days and years', async () => {
    const log = make();
    const offsets = [0, 1, hour - 1, hour, 30 * hour, 24 * 40 * hour];
    await Promise.all(offsets.map((offset) => log.record(issued({ atMs: auditStartMs + offset }))));
    expect(times((await log.query({ ...allTime, toMs: auditStartMs + 9999 * hour })).entries)).toEqual(
      offsets.toReversed(),
    );
  });

  it('includes the start of the range and excludes its end, to the millisecond', async () => {
    const log = make();
    for (const offset of [-1, 0, 1, 2 * hour, 2 * hour + 1]) await log.record(issued({ atMs: auditStartMs + offset }));
    const found = await log.query({ ...allTime, fromMs: auditStartMs, toMs: auditStartMs + 2 * hour });
    expect(times(found.entries)).toEqual([1, 0]);
  });

  it('filters by caller, tenant and outcome', async () => {
    const log = make();
    await log.record(issued({ atMs: auditStartMs }));
    await log.record(issued({ atMs: auditStartMs + 1, tenantId: tenant(2) }));
    await log.record(denied({ atMs: auditStartMs + 2 }));
    expect(times((await log.query({ ...allTime, tenantId: tenant(2) })).entries)).toEqual([1]);
    expect(times((await log.query({ ...allTime, caller: guid(0xa2) })).entries)).toEqual([2]);
    expect(times((await log.query({ ...allTime, caller: guid(0xa1), tenantId: tenant(1) })).entries)).toEqual([0]);
    expect((await log.query({ ...allTime, caller: guid(0xdd) })).entries).toEqual([]);
    expect(times((await log.query({ ...allTime, outcome: 'denied' })).entries)).toEqual([2]);
    expect(times((await log.query({ ...allTime, outcome: 'issued' })).entries)).toEqual([1, 0]);
    expect((await log.query({ ...allTime, outcome: 'denied', tenantId: tenant(1) })).entries).toEqual([]);
  });

  it('returns every matching entry once over all pages', async () => {
    const log = make();
    await Promise.all(
      Array.from({ length: 60 }, (_, number) =>
        log.record(issued({ atMs: auditStartMs + number * 7 * 60_000, tenantId: tenant(number % 3) })),
      ),
    );
    const expected = Array.from({ length: 20 }, (_, index) => (58 - index * 3) * 7 * 60_000);
    expect(times(await readAll(log, { ...allTime, tenantId: tenant(1), limit: 7 }))).toEqual(expected);
    expect(await readAll(log, { ...allTime, limit: 60 })).toHaveLength(60);
  });

  it('rejects a continuation that it did not issue', async () => {
    const log = make();
    await log.record(issued());
    for (const continuation of [
      '',
      'x',
      '{}',
      '../../etc/passwd',
      'A'.repeat(5000),
      Buffer.from('{"a":1}').toString('base64'),
    ]) {
      await expect(log.query({ ...allTime, continuation })).rejects.toMatchObject({ code: 'request_invalid' });
    }
  });

  it('purges only the entries older than the given time', async () => {
    const log = make();
    const offsets = [-50 * hour, -2 * hour, -1, 0, 1, 3 * hour];
    for (const offset of offsets) await log.record(issued({ atMs: auditStartMs + offset }));
    expect(await log.purge(auditStartMs)).toBe(3);
    expect(times((await log.query(allTime)).entries)).toEqual([3 * hour, 1, 0]);
    expect(await log.purge(auditStartMs)).toBe(0);
  });

  it('records each of many concurrent entries once', async () => {
    const log = make();
    const ids = Array.from({ length: 450 }, (_, number) => guid(number));
    await Promise.all(
      ids.map((tokenId, index) => log.record(issued({ tokenId, atMs: auditStartMs + index * 20_000 }))),
    );
    const found = (await readAll(log, allTime)).map(({ tokenId }) => tokenId);
    expect(found.toSorted()).toEqual(ids);
  });
}
