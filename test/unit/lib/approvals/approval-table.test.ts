import type { TableClient, TransactionAction } from '@azure/data-tables';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Approval, askerKeyOf, rowKeyOf, rowPrefixAt } from '../../../../src/lib/approvals/approval.ts';
import { approvalRow, readApproval } from '../../../../src/lib/approvals/approval-entity.ts';
import { TableApprovalLog } from '../../../../src/lib/approvals/table-approval-log.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { approval, askedAtMs, asker, minuteMs, person } from '../../../support/approval-records.ts';

type Row = Readonly<Record<string, unknown>>;
const refusal = (statusCode: number) => Object.assign(new Error(`HTTP ${statusCode}`), { statusCode });

/** The approvals' table in memory. It keeps versions, refuses stale writes, and returns the pages that a test prepares. */
class Table {
  readonly rows = new Map<string, Row>();
  readonly queries: { filter: string; select?: string[]; maxPageSize?: number }[] = [];
  readonly transactions: (readonly (readonly [string, string])[])[] = [];
  pages: readonly (readonly Row[])[] = [];
  created = 0;
  /** Runs before each transaction, as if another request came first. */
  meanwhile: () => void = () => undefined;
  failure: Error | undefined;
  #versions = 0;

  createTable = async () => {
    this.created += 1;
  };

  getEntity = async (_partition: string, rowKey: string) => {
    if (this.failure !== undefined) throw this.failure;
    const row = this.rows.get(rowKey);
    if (row === undefined) throw refusal(404);
    return row;
  };

  updateEntity = async (row: Row, mode: string, { etag }: { etag: string }) => {
    const known = this.rows.get(String(row['rowKey']));
    if (known === undefined) throw refusal(404);
    if (known['etag'] !== etag) throw refusal(412);
    return this.put(mode === 'Replace' ? row : { ...known, ...row });
  };

  deleteEntity = async (_partition: string, rowKey: string, { etag }: { etag?: string }) => {
    const known = this.rows.get(rowKey);
    if (known === undefined) throw refusal(404);
    if (known['etag'] !== etag) throw refusal(412);
    this.rows.delete(rowKey);
  };

  submitTransaction = async (actions: readonly TransactionAction[]) => {
    this.meanwhile();
    this.transactions.push(actions.map(([kind, { rowKey }]) => [kind, rowKey]));
    for (const [kind, row, , options] of actions) {
      const known = this.rows.get(row.rowKey);
      if (kind === 'create' && known !== undefined) throw refusal(409);
      if (kind === 'update' && known?.['etag'] !== options?.etag) throw refusal(412);
      if (kind === 'delete' && known === undefined) throw refusal(404);
    }
    for (const [kind, row] of actions) {
      if (kind === 'delete') this.rows.delete(row.rowKey);
      else this.put(row);
    }
  };

  listEntities = ({ queryOptions }: { queryOptions: { filter: string; select?: string[] } }) => {
    const query: { filter: string; select?: string[]; maxPageSize?: number } = { ...queryOptions };
    this.queries.push(query);
    const { pages } = this;
    const byPage = async function* ({ maxPageSize }: { maxPageSize: number }) {
      query.maxPageSize = maxPageSize;
      for (const [index, page] of pages.entries())
        yield Object.assign([...page], index + 1 < pages.length ? { continuationToken: 'more' } : {});
    };
    const all = async function* () {
      for (const page of pages) yield* page;
    };
    return { byPage, [Symbol.asyncIterator]: all };
  };

  put(row: Row) {
    this.#versions += 1;
    const etag = `v${this.#versions}`;
    this.rows.set(String(row['rowKey']), { ...row, etag });
    return { etag };
  }
}

let table: Table;
let recorded: ReturnType<typeof recordingLogger>;
let log: TableApprovalLog;
beforeEach(() => {
  table = new Table();
  recorded = recordingLogger();
  log = new TableApprovalLog(async () => table as unknown as TableClient, recorded.log);
});

/** An approval by a number, for a subject of its own. */
const numbered = (number: number, more: Partial<Approval> = {}) => {
  const digits = String(number).padStart(8, '0');
  const subject = { ...approval().subject, digest: digits.repeat(8), ...more.subject };
  return approval({ id: `20261124t0500${String(number % 60).padStart(2, '0')}-${digits}`, ...more, subject });
};
const rowOf = (record: Approval): Row => ({ ...approvalRow(record), etag: 'v' });
const digestKey = (record: Approval) => `d-${record.subject.digest}`;
const slotsKey = `s-${askerKeyOf(asker)}`;

describe('create', () => {
  it('writes the record, the latest for its subject, and the open ones of its asker in one transaction', async () => {
    const record = numbered(1);
    expect(await log.create(record, undefined, 2, 100)).toBe('created');
    expect(table.transactions).toEqual([
      [
        ['create', rowKeyOf(record.id)],
        ['create', digestKey(record)],
        ['create', slotsKey],
      ],
    ]);
    expect(table.rows.get(digestKey(record))).toMatchObject({ id: record.id, askedAt: '2026-11-24T05:00:00.000Z' });
    expect(JSON.parse(String(table.rows.get(slotsKey)?.['open']))).toEqual([
      { id: record.id, untilMs: record.expiresAtMs },
    ]);
    expect(table.created).toBe(1);
    expect((await log.current(record.subject.digest))?.approval).toEqual(record);
    // The reply may have been lost, and the request repeated.
    expect(await log.create(record, undefined, 2, 100)).toBe('created');
    expect(table.transactions).toHaveLength(1);
  });

  it('keeps the blueprint and the person of an agent, and reads a record of a version without them', () => {
    const agent = person(1, { kind: 'agent', blueprint: 'b-1', actsFor: person(1).objectId });
    for (const party of [agent, asker]) {
      const record = approval({ asker: party });
      expect(readApproval(approvalRow(record)).asker).toEqual(party);
    }
  });

  it('gives way to another record for the same subject, unless it replaces that one', async () => {
    const first = numbered(1);
    const second = { ...numbered(2), subject: first.subject };
    await log.create(first, undefined, 20, 100);
    expect(await log.create(second, undefined, 20, 100)).toBe('outrun');
    expect(await log.create(second, 'another', 20, 100)).toBe('outrun');
    expect(await log.create(second, first.id, 20, 100)).toBe('created');
    expect(table.transactions.at(-1)?.map(([kind]) => kind)).toEqual(['create', 'update', 'update']);
    expect((await log.current(first.subject.digest))?.approval.id).toBe(second.id);
  });

  it('refuses more open records of one asker than allowed', async () => {
    const [first, second, third] = [numbered(1), numbered(2), numbered(3)];
    expect(await log.create(first, undefined, 2, 100)).toBe('created');
    expect(await log.create(second, undefined, 2, 100)).toBe('created');
    expect(await log.create(third, undefined, 2, 100)).toBe('full');
    expect(await log.create({ ...third, asker: person(4) }, undefined, 2, 100)).toBe('created');
    // One that was decided on, or has expired, waits no more.
    const stored = await log.find(first.id);
    await log.change({ ...first, status: 'denied' }, stored?.version ?? '');
    expect(await log.create(numbered(4), undefined, 2, 100)).toBe('created');
    const later = numbered(5, { askedAtMs: askedAtMs + 60 * minuteMs, expiresAtMs: askedAtMs + 90 * minuteMs });
    expect(await log.create(later, undefined, 1, 100)).toBe('created');
  });

  it('starts again if another request of the asker came first, and gives up after five attempts', async () => {
    let left = 4;
    table.meanwhile = () => {
      if (left <= 0) return;
      left -= 1;
      table.put({ rowKey: slotsKey, open: '[]' });
    };
    expect(await log.create(numbered(1), undefined, 20, 100)).toBe('created');
    expect(table.transactions).toHaveLength(5);
    left = 5;
    await expect(log.create(numbered(2), undefined, 20, 100)).rejects.toMatchObject({
      code: 'caller_throttled',
      retryAfterSeconds: 1,
    });
    expect(table.transactions).toHaveLength(10);
  });

  it('counts the open records of a row that cannot be read as none', async () => {
    table.put({ rowKey: slotsKey, open: '{"id":1}' });
    expect(await log.create(numbered(1), undefined, 1, 100)).toBe('created');
  });

  it('fails while storage does', async () => {
    table.failure = refusal(503);
    await expect(log.create(numbered(1), undefined, 1, 100)).rejects.toMatchObject({ code: 'storage_unavailable' });
    table.failure = undefined;
    table.submitTransaction = () => Promise.reject(refusal(503));
    await expect(log.create(numbered(1), undefined, 1, 100)).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});

describe('change', () => {
  it('replaces the version that was read, and no other', async () => {
    const record = numbered(1);
    await log.create(record, undefined, 20, 100);
    const { version = '' } = (await log.find(record.id)) ?? {};
    expect(await log.change({ ...record, announced: true }, version)).toBe(true);
    expect(await log.change({ ...record, askRecorded: true }, version)).toBe(false);
    expect((await log.find(record.id))?.approval).toMatchObject({ announced: true, askRecorded: false });
    expect(await log.change(numbered(2), version)).toBe(false);
    table.updateEntity = () => Promise.reject(refusal(503));
    await expect(log.change(record, version)).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  it('removes what may hold data of the customer with the end of a request', async () => {
    const record = numbered(1);
    await log.create(record, undefined, 20, 100);
    const { version = '' } = (await log.find(record.id)) ?? {};
    expect(table.rows.get(rowKeyOf(record.id) ?? '')).toHaveProperty('details');
    await log.change({ ...record, status: 'denied', subject: { ...record.subject, details: [] } }, version);
    expect(table.rows.get(rowKeyOf(record.id) ?? '')).not.toHaveProperty('details');
    expect((await log.find(record.id))?.approval.subject.details).toEqual([]);
  });

  it('finds nothing by a text that is no id', async () => {
    expect(await log.find('nothing')).toBeUndefined();
    expect(await log.current('d'.repeat(64))).toBeUndefined();
  });
});

describe('list', () => {
  const filterOf = async (query: Partial<Parameters<TableApprovalLog['list']>[0]>) => {
    await log.list({ limit: 5, ...query });
    return table.queries.at(-1)?.filter;
  };

  it('asks for the range and the columns of the query', async () => {
    expect(await filterOf({})).toBe("PartitionKey eq 'approvals' and RowKey gt 'r-' and RowKey lt 'r.'");
    // One more tells whether there is another page.
    expect(table.queries.at(-1)?.maxPageSize).toBe(6);
    const { id } = numbered(1);
    expect(await filterOf({ after: id, statuses: ['pending', 'expired'], askerKey: 'a.b.c', sinceMs: askedAtMs })).toBe(
      `PartitionKey eq 'approvals' and RowKey gt '${rowKeyOf(id)}' and RowKey lt '${rowPrefixAt(askedAtMs)}.' and (status eq 'pending' or status eq 'expired') and asker eq 'a.b.c'`,
    );
    await expect(log.list({ limit: 5, after: "' or '" })).rejects.toMatchObject({ code: 'request_invalid' });
  });

  it('ends a page at its limit, and continues after its last approval', async () => {
    const records = [1, 2, 3].map((number) => numbered(number));
    table.pages = [records.map(rowOf)];
    const page = await log.list({ limit: 2 });
    expect(page.approvals.map(({ approval: { id } }) => id)).toEqual(records.slice(0, 2).map(({ id }) => id));
    expect(page.continuation).toBe(records[1]?.id);
    expect(await log.list({ limit: 4 })).not.toHaveProperty('continuation');
  });

  it('leaves out other tenants, and looks at ten pages at most', async () => {
    const record = numbered(1);
    table.pages = Array.from({ length: 12 }, () => [rowOf(record)]);
    const none = await log.list({ limit: 100, tenantIds: new Set() });
    expect(none).toEqual({ approvals: [], continuation: record.id });
    const all = await log.list({ limit: 100, tenantIds: new Set([record.subject.tenantId]) });
    expect(all.approvals).toHaveLength(10);
    table.pages = Array.from({ length: 10 }, () => [rowOf(record)]);
    expect(await log.list({ limit: 100, tenantIds: new Set() })).toEqual({ approvals: [] });
    // Without a record to continue after, it goes on.
    table.pages = [...Array.from({ length: 11 }, () => []), [rowOf(record)]];
    expect((await log.list({ limit: 100 })).approvals).toHaveLength(1);
  });

  it('logs a row that it cannot read', async () => {
    table.pages = [[{ rowKey: 'r-1', status: 'odd' }, rowOf(numbered(1))]];
    expect((await log.list({ limit: 5 })).approvals).toHaveLength(1);
    expect(recorded.events()).toEqual(['approval.unreadable']);
    expect(recorded.lines[0]?.level).toBe('error');
    expect(recorded.lines[0]?.line).toContain('"rowKey":"r-1"');
  });
});

it('unsettled asks for records whose end is not recorded, since a time', async () => {
  table.pages = [[rowOf(numbered(1)), { rowKey: 'r-1' }], [rowOf(numbered(2))]];
  const found: string[] = [];
  for await (const {
    approval: { id },
  } of log.unsettled(askedAtMs))
    found.push(id);
  expect(found).toEqual([numbered(1).id, numbered(2).id]);
  expect(table.queries).toEqual([
    {
      filter: `PartitionKey eq 'approvals' and RowKey gt 'r-' and RowKey lt '${rowPrefixAt(askedAtMs)}.' and endRecorded eq false`,
    },
  ]);
});

it('lists fail while storage does', async () => {
  const away = async function* () {
    yield* [];
    throw refusal(503);
  };
  table.listEntities = () => ({ byPage: away, [Symbol.asyncIterator]: away });
  await expect(log.list({ limit: 5 })).rejects.toMatchObject({ code: 'storage_unavailable' });
  await expect(log.unsettled(askedAtMs).next()).rejects.toMatchObject({ code: 'storage_unavailable' });
});

describe('purge', () => {
  beforeEach(() => {
    for (const rowKey of ['r-1', 'r-2', 'r-3']) table.put({ rowKey });
  });

  it('deletes the records before a time, and the rows that refer to such', async () => {
    table.pages = [[{ rowKey: 'r-1' }, { rowKey: 'r-2' }], [], [{ rowKey: 'r-3' }, {}]];
    // Each of the three queries returns the same pages here, so only the first finds rows.
    expect(await log.purge(askedAtMs)).toBe(3);
    expect([...table.rows.keys()]).toEqual([]);
    const partition = "PartitionKey eq 'approvals'";
    const before = "askedAt lt '2026-11-24T05:00:00.000Z'";
    expect(table.queries.map(({ filter }) => filter)).toEqual([
      `${partition} and RowKey ge '${rowPrefixAt(askedAtMs - 1_000)}' and RowKey lt 'r.'`,
      `${partition} and RowKey ge 'd-' and RowKey lt 'd.' and ${before}`,
      `${partition} and RowKey ge 's-' and RowKey lt 's.' and ${before}`,
    ]);
    // The references go one by one, each as it was read.
    expect(table.queries.map(({ maxPageSize }) => maxPageSize)).toEqual([1000, undefined, undefined]);
    // A million rows are read for their keys only.
    expect(table.queries[0]?.select).toEqual(['partitionKey', 'rowKey']);
    expect(table.transactions[0]).toEqual([
      ['delete', 'r-1'],
      ['delete', 'r-2'],
    ]);
  });

  it('deletes the others if another instance has deleted one', async () => {
    for (const gone of ['r-2', 'r-1']) {
      for (const rowKey of ['r-1', 'r-2', 'r-3']) table.put({ rowKey });
      table.rows.delete(gone);
      table.pages = [[{ rowKey: 'r-1' }, { rowKey: 'r-2' }, { rowKey: 'r-3' }]];
      expect(await log.purge(askedAtMs)).toBe(2);
      expect(table.rows.size).toBe(0);
    }
  });

  /** Prepares one row that refers to a record: the queries for the others find nothing. */
  const onlyReference = (row: Row) => {
    const list = table.listEntities;
    table.listEntities = (query) => {
      table.pages = query.queryOptions.filter.includes("'d-'") ? [[row]] : [];
      return list(query);
    };
  };

  it('deletes a row that refers to such a record only as it was read', async () => {
    table.put({ rowKey: 'd-1' });
    onlyReference({ ...table.rows.get('d-1') });
    expect(await log.purge(askedAtMs)).toBe(0);
    expect(table.rows.has('d-1')).toBe(false);
    // The caller asked again meanwhile, or another instance purges too.
    table.put({ rowKey: 'd-1' });
    onlyReference({ rowKey: 'd-1', etag: 'an earlier version' });
    expect(await log.purge(askedAtMs)).toBe(0);
    expect(table.rows.has('d-1')).toBe(true);
    onlyReference({ rowKey: 'd-2', etag: 'v' });
    expect(await log.purge(askedAtMs)).toBe(0);
    table.deleteEntity = () => Promise.reject(refusal(503));
    await expect(log.purge(askedAtMs)).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  it('fails if storage does', async () => {
    table.pages = [[{ rowKey: 'r-1' }]];
    table.submitTransaction = () => Promise.reject(refusal(503));
    await expect(log.purge(askedAtMs)).rejects.toMatchObject({ code: 'storage_unavailable' });
  });
});
