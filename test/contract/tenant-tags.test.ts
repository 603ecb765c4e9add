import { TableClient } from '@azure/data-tables';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseTenantId } from '../../src/lib/core/identifiers.ts';
import { TableTenantTags } from '../../src/lib/tenants/table-tenant-tags.ts';
import { tagNamesOf, tagsOf, type TenantTags } from '../../src/lib/tenants/tags.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { MemoryTenantTags } from '../fakes/memory-tenant-tags.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';
import { type Azurite, emptyAzurite } from '../support/azurite.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await emptyAzurite();
});

const one = parseTenantId('00000000-0000-4000-8000-000000000001')!;
const two = parseTenantId('00000000-0000-4000-8000-000000000002')!;

let number = 0;
let clock: FakeClock;
let recorder: ReturnType<typeof recordingLogger>;
/** Requests that the tables have sent, by operation. */
let sent: string[];
let isAway: boolean;
/** Replies that are lost after storage has done what was asked. */
let lost: number;

beforeEach(() => {
  number += 1;
  clock = new FakeClock();
  recorder = recordingLogger();
  sent = [];
  isAway = false;
  lost = 0;
});

const client = (): TableClient =>
  TableClient.fromConnectionString(azurite.connectionString, `TenantTags${number}`, { allowInsecureConnection: true });

async function open(): Promise<TableClient> {
  const table = client();
  table.pipeline.addPolicy({
    name: 'counted',
    sendRequest: async (request, next) => {
      if (isAway) throw new Error('the account is away');
      sent.push(`${request.method} ${new URL(request.url).pathname.split('/').at(-1)}`);
      const response = await next(request);
      if (lost === 0 || !request.url.endsWith('$batch')) return response;
      lost -= 1;
      return next(request);
    },
  });
  return table;
}

let ids = 0;
const inTable = (): TenantTags =>
  new TableTenantTags(open, { clock, log: recorder.log, newId: () => `mark-${(ids += 1)}` });

describe.each<readonly [string, () => TenantTags]>([
  ['in memory', () => new MemoryTenantTags()],
  ['in a table', inTable],
])('tags of tenants %s', (_, make) => {
  const change = (tenantId: typeof one, ...tags: string[]) => ({ tenantId, tags, changedBy: 'somebody' });

  test('are none at first, and then what was stored', async () => {
    const tags = make();
    expect(await tags.stored(one)).toEqual({ tags: [], etag: undefined });
    expect(await tags.replace(change(one, 'a', 'tier=gold'), undefined)).toBe(true);
    expect((await tags.stored(one)).tags).toEqual(['a', 'tier=gold']);
    const list = await tags.current();
    expect(tagsOf(list, one)).toEqual(['a', 'tier=gold']);
    expect(tagNamesOf(list, one)).toEqual(new Set(['a', 'tier=gold', 'tier']));
    expect(tagsOf(list, two)).toEqual([]);
  });

  test('change only from the version that was read', async () => {
    const tags = make();
    await tags.replace(change(one, 'a'), undefined);
    const { etag } = await tags.stored(one);
    expect(await tags.replace(change(one, 'b'), undefined)).toBe(false);
    expect(await tags.replace(change(one, 'b'), etag)).toBe(true);
    expect(await tags.replace(change(one, 'c'), etag)).toBe(false);
    expect((await tags.stored(one)).tags).toEqual(['b']);
    expect(tagsOf(await tags.current(), one)).toEqual(['b']);
  });

  test('can be taken away', async () => {
    const tags = make();
    await tags.replace(change(one, 'a'), undefined);
    await tags.replace(change(one), (await tags.stored(one)).etag);
    expect(tagsOf(await tags.current(), one)).toEqual([]);
    expect((await tags.stored(one)).tags).toEqual([]);
  });
});

describe('TableTenantTags', () => {
  const set = async (tags: TenantTags, tenantId: typeof one, ...own: string[]): Promise<void> => {
    const { etag } = await tags.stored(tenantId);
    expect(await tags.replace({ tenantId, tags: own, changedBy: 'somebody' }, etag)).toBe(true);
  };

  test('sees the changes of other instances within ten seconds', async () => {
    const [writer, reader] = [inTable(), inTable()];
    await set(writer, one, 'a');
    expect(tagsOf(await reader.current(), one)).toEqual(['a']);
    await set(writer, one, 'b');
    await clock.advance(9_999);
    expect(tagsOf(await reader.current(), one)).toEqual(['a']);
    await clock.advance(1);
    expect(tagsOf(await reader.current(), one)).toEqual(['b']);
  });

  test('reads one row while nothing changes', async () => {
    const tags = inTable();
    await set(tags, one, 'a');
    await clock.advance(10_000);
    sent = [];
    expect(tagsOf(await tags.current(), one)).toEqual(['a']);
    expect(sent).toEqual([expect.stringContaining('mark')]);
    await tags.current();
    expect(sent).toHaveLength(1);
  });

  test('finds a row that somebody changed by hand within ten minutes', async () => {
    const tags = inTable();
    await set(tags, one, 'a');
    await client().updateEntity({ partitionKey: 'tags', rowKey: one, tags: 'b' }, 'Merge');
    for (let elapsed = 0; elapsed < 10 * 60_000 - 10_000; elapsed += 10_000) {
      await clock.advance(10_000);
      expect(tagsOf(await tags.current(), one)).toEqual(['a']);
    }
    await clock.advance(10_000);
    expect(tagsOf(await tags.current(), one)).toEqual(['b']);
  });

  test('keeps its copy for a minute while storage is away, and then fails', async () => {
    const tags = inTable();
    await set(tags, one, 'a');
    isAway = true;
    await clock.advance(10_000);
    expect(tagsOf(await tags.current(), one)).toEqual(['a']);
    expect(recorder.lines.some(({ line }) => line.includes('tags.kept_old'))).toBe(true);
    await clock.advance(50_000);
    await expect(tags.current()).rejects.toMatchObject({ code: 'storage_unavailable' });
    isAway = false;
    await clock.advance(2_000);
    expect(tagsOf(await tags.current(), one)).toEqual(['a']);
  });

  test('does not take a table that was deleted for one without tags', async () => {
    const tags = inTable();
    for (const call of [() => tags.stored(one), () => tags.current()]) {
      await set(tags, one, 'a');
      await client().deleteTable();
      await clock.advance(60_000);
      await expect(call()).rejects.toMatchObject({ code: 'storage_unavailable' });
    }
  });

  test.each([
    ['odd characters', { tags: 'no,good' }],
    ['a number', { tags: 7 }],
    ['nothing', {}],
  ])('knows no tags of a tenant whose row has %s, and those of the others', async (_, row) => {
    const tags = inTable();
    await set(tags, two, 'a');
    await client().createEntity({ partitionKey: 'tags', rowKey: one, ...row });
    const fresh = inTable();
    const list = await fresh.current();
    expect(tagsOf(list, one)).toBeUndefined();
    expect(tagNamesOf(list, one)).toBeUndefined();
    expect(tagsOf(list, two)).toEqual(['a']);
    expect(recorder.lines.some(({ line }) => line.includes('tags.record_unreadable'))).toBe(true);
    await expect(fresh.stored(one)).rejects.toMatchObject({ code: 'storage_unavailable' });
  });

  test.each([['a new tenant'], ['a tagged tenant']])('repeats a change of %s whose reply was lost', async (kind) => {
    const tags = inTable();
    if (kind === 'a tagged tenant') await set(tags, one, 'before');
    const { etag } = await tags.stored(one);
    lost = 1;
    expect(await tags.replace({ tenantId: one, tags: ['a'], changedBy: 'somebody' }, etag)).toBe(true);
    expect(lost).toBe(0);
    expect(tagsOf(await tags.current(), one)).toEqual(['a']);
    expect(await tags.replace({ tenantId: one, tags: ['b'], changedBy: 'somebody' }, etag)).toBe(false);
  });

  test('keeps one of two changes that are made from the same version', async () => {
    const [a, b] = [inTable(), inTable()];
    await set(a, one, 'start');
    const { etag } = await a.stored(one);
    const results = await Promise.all([
      a.replace({ tenantId: one, tags: ['a'], changedBy: 'a' }, etag),
      b.replace({ tenantId: one, tags: ['b'], changedBy: 'b' }, etag),
    ]);
    expect(results.filter((isStored) => isStored)).toHaveLength(1);
    expect((await a.stored(one)).tags).toEqual([results[0] ? 'a' : 'b']);
  });
});
