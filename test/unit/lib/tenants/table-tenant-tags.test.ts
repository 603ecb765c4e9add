import type { TransactionAction } from '@azure/data-tables';
import { beforeEach, describe, expect, it } from 'vitest';
import { TableTenantTags } from '../../../../src/lib/tenants/table-tenant-tags.ts';
import { tagNamesOf, tagsOf } from '../../../../src/lib/tenants/tags.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { tenant } from '../../../support/audit-entries.ts';

// test/contract/tenant-tags.test.ts runs against Azurite. This file checks what depends on failures and on time.

const [one, two] = [tenant(1), tenant(2)];
const storageError = (statusCode: number, code: string) =>
  Object.assign(new Error(code), { statusCode, details: { odataError: { code } } });
type Row = Readonly<Record<string, unknown>>;

/** A table in memory with one partition. */
class Table {
  readonly rows = new Map<string, Row>();
  readonly reads: string[] = [];
  /** Thrown by the next calls of a kind. */
  failures: Partial<Record<'getEntity' | 'listEntities' | 'submitTransaction', Error>> = {};
  created = 0;
  #version = 0;

  createTable = async () => {
    this.created += 1;
  };

  getEntity = async (_partition: string, rowKey: string): Promise<Row> => {
    this.reads.push(rowKey);
    if (this.failures.getEntity !== undefined) throw this.failures.getEntity;
    const row = this.rows.get(rowKey);
    if (row === undefined) throw storageError(404, 'ResourceNotFound');
    return row;
  };

  listEntities = () => this.#list();

  async *#list() {
    this.reads.push('*');
    if (this.failures.listEntities !== undefined) throw this.failures.listEntities;
    yield* this.rows.values();
  }

  submitTransaction = async (actions: readonly TransactionAction[]) => {
    if (this.failures.submitTransaction !== undefined) throw this.failures.submitTransaction;
    for (const [kind, row, , options] of actions) {
      const known = this.rows.get(row.rowKey);
      if (kind === 'create' && known !== undefined) throw storageError(409, 'EntityAlreadyExists');
      if (kind === 'update' && known?.['etag'] !== options?.etag)
        throw storageError(412, 'UpdateConditionNotSatisfied');
    }
    for (const [, row] of actions) this.put(row);
  };

  put(row: Row) {
    this.#version += 1;
    this.rows.set(String(row['rowKey']), { ...row, etag: `v${this.#version}` });
  }
}

let table: Table;
let clock: FakeClock;
let recorded: ReturnType<typeof recordingLogger>;
let ids: number;
beforeEach(() => {
  table = new Table();
  clock = new FakeClock(Date.UTC(2026, 10, 24));
  recorded = recordingLogger();
  ids = 0;
});

const open = () =>
  new TableTenantTags(async () => table as never, { clock, log: recorded.log, newId: () => `change-${(ids += 1)}` });
const change = (...tags: string[]) => ({ tenantId: one, tags, changedBy: 'app/person' });

describe('TableTenantTags', () => {
  it('stores who changed the tags and when, and marks the table as changed', async () => {
    const tags = open();
    expect(await tags.replace(change('a', 'tier=gold'), undefined)).toBe(true);
    expect(table.rows.get(one)).toEqual({
      partitionKey: 'tags',
      rowKey: one,
      tags: 'a tier=gold',
      changedAt: '2026-11-24T00:00:00.000Z',
      changedBy: 'app/person',
      changeId: 'change-1',
      etag: 'v1',
    });
    expect(table.rows.get('mark')).toMatchObject({ partitionKey: 'tags', mark: 'change-1' });
    expect(await tags.stored(one)).toEqual({ tags: ['a', 'tier=gold'], etag: 'v1' });
    expect(table.created).toBe(1);
  });

  it('sees its own change at once, and does not read the rows again while the mark is the same', async () => {
    const tags = open();
    expect(tagsOf(await tags.current(), one)).toEqual([]);
    await tags.replace(change('a'), undefined);
    table.reads.length = 0;
    expect(tagsOf(await tags.current(), one)).toEqual(['a']);
    expect(table.reads).toEqual([]);
    await clock.advance(10_000);
    await tags.current();
    expect(table.reads).toEqual(['mark']);
    await tags.replace(change('b'), (await tags.stored(one)).etag);
    expect(tagsOf(await tags.current(), one)).toEqual(['b']);
  });

  it('reads all rows every ten minutes, even if the clock was set back', async () => {
    const tags = open();
    await tags.replace(change('a'), undefined);
    table.put({ rowKey: one, tags: 'by-hand' });
    for (let elapsedMs = 0; elapsedMs < 590_000; elapsedMs += 10_000) {
      await clock.advance(10_000);
      expect(tagsOf(await tags.current(), one)).toEqual(['a']);
    }
    await clock.advance(10_000);
    expect(tagsOf(await tags.current(), one)).toEqual(['by-hand']);
    table.put({ rowKey: one, tags: 'by-hand-again' });
    await clock.advance(-700_000);
    expect(tagsOf(await tags.current(), one)).toEqual(['by-hand-again']);
  });

  it('does not overwrite a later version', async () => {
    const tags = open();
    await tags.replace(change('a'), undefined);
    const { etag } = await tags.stored(one);
    table.put({ ...table.rows.get(one), tags: 'theirs', changeId: 'theirs' });
    expect(await tags.replace(change('mine'), etag)).toBe(false);
    expect(await tags.replace(change('mine'), undefined)).toBe(false);
    expect(table.rows.get(one)).toMatchObject({ tags: 'theirs' });
  });

  it('recognizes its own change if the reply was lost', async () => {
    const tags = open();
    table.put({ rowKey: one, tags: 'a', changeId: 'change-1' });
    table.put({ rowKey: 'mark', mark: 'change-1' });
    expect(await tags.replace(change('a'), undefined)).toBe(true);
    expect(tagsOf(await tags.current(), one)).toEqual(['a']);
  });

  it('fails if the change cannot be stored, without a word of the request', async () => {
    const tags = open();
    table.failures.submitTransaction = storageError(503, 'ServerBusy');
    await expect(tags.replace(change('a'), undefined)).rejects.toMatchObject({
      code: 'storage_unavailable',
      detail: 'The tags could not be stored.',
      logFields: { status: 503, storageCode: 'ServerBusy' },
    });
  });

  it('succeeds if only the reading of its own change fails', async () => {
    const tags = open();
    await tags.current();
    table.failures.getEntity = storageError(503, 'ServerBusy');
    expect(await tags.replace(change('a'), undefined)).toBe(true);
  });

  it('keeps its copy for a minute while storage does not answer, and says so', async () => {
    const tags = open();
    await tags.replace(change('a'), undefined);
    table.failures.getEntity = storageError(503, 'ServerBusy');
    await clock.advance(59_999);
    expect(tagsOf(await tags.current(), one)).toEqual(['a']);
    expect(recorded.events()).toContain('tags.kept_old');
    expect(recorded.lines.every(({ level }) => level === 'warn')).toBe(true);
    await clock.advance(2_000);
    await expect(tags.current()).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  it('gives up a read after five seconds', async () => {
    const tags = open();
    table.getEntity = () => new Promise<never>(() => undefined);
    const reading = tags.current().catch((thrown: unknown) => thrown);
    await clock.advance(5_000);
    expect(await reading).toBeInstanceOf(Error);
  });

  it('does not take a table that somebody deleted for an empty one', async () => {
    const tags = open();
    table.failures.getEntity = storageError(404, 'TableNotFound');
    await expect(tags.stored(one)).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(tags.current()).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  it('fails if the rows cannot be read', async () => {
    const tags = open();
    table.failures.listEntities = storageError(403, 'AuthorizationFailure');
    await expect(tags.current()).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  it.each<[string, Row]>([
    ['odd characters', { tags: 'no,good' }],
    ['a number', { tags: 7 }],
    ['no tags', {}],
  ])('knows no tags of a tenant whose row has %s, and those of the others', async (_, row) => {
    table.put({ rowKey: one, ...row });
    table.put({ rowKey: two, tags: ' a  b ' });
    table.put({ rowKey: 'no tenant', tags: 'x' });
    const tags = open();
    const list = await tags.current();
    expect([...list.byTenant.keys()]).toEqual([one, two]);
    expect(tagsOf(list, one)).toBeUndefined();
    expect(tagNamesOf(list, one)).toBeUndefined();
    expect(tagsOf(list, two)).toEqual(['a', 'b']);
    expect(recorded.events()).toEqual(['tags.record_unreadable']);
    expect(recorded.lines[0]?.level).toBe('warn');
    await expect(tags.stored(one)).rejects.toMatchObject({
      code: 'storage_unavailable',
      detail: 'The tags of the tenant cannot be read.',
    });
  });
});
