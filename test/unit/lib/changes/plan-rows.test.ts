import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { act, addReference, type Change, create, created, remove, update } from '../../../../src/lib/changes/change.ts';
import type { Reader } from '../../../../src/lib/changes/kinds.ts';
import { planChanges, planRows, readPlanRows } from '../../../../src/lib/changes/plan-rows.ts';
import type { JsonObject } from '../../../../src/lib/core/objects.ts';

const readerOf = (objects: Readonly<Record<string, JsonObject | readonly JsonObject[]>>): Reader =>
  ({
    graph: {
      find: async (path: string) => objects[path.split('?')[0] ?? ''],
      async *list(path: string) {
        yield* (objects[path.split('?')[0] ?? ''] ?? []) as readonly JsonObject[];
      },
    },
  }) as unknown as Reader;

const group = create('/groups', { displayName: 'Pilot', description: 'new' }, { key: ['displayName'], as: 'pilot' });
const member = addReference(`/groups/${created('pilot').id}/members`, '1');

describe('a plan', () => {
  test('leaves out what is as it should be', async () => {
    const reader = readerOf({ '/users/1': { city: 'Bern' }, '/users/2': { city: 'Rom' } });
    const planned = await planChanges(
      [update('/users/1', { city: 'Bern' }), update('/users/2', { city: 'Bern' })],
      reader,
    );
    expect(planned).toEqual([{ change: update('/users/2', { city: 'Bern' }), before: { city: 'Rom' } }]);
  });

  test('updates an object that exists rather than creating it', async () => {
    const reader = readerOf({
      '/groups': [{ id: '7', displayName: 'Pilot', description: 'old' }],
      '/groups/7/members': [],
    });
    expect(await planChanges([group, member], reader)).toEqual([
      {
        change: update('/groups/7', { displayName: 'Pilot', description: 'new' }),
        before: { displayName: 'Pilot', description: 'old' },
      },
      { change: addReference('/groups/7/members', '1'), before: null },
    ]);
  });

  test('names the id of an object that is as it should be in the changes after it', async () => {
    const reader = readerOf({
      '/groups': [{ id: '7', displayName: 'Pilot', description: 'new' }],
      '/groups/7/members': [],
    });
    expect(await planChanges([group, member], reader)).toEqual([
      { change: addReference('/groups/7/members', '1'), before: null },
    ]);
  });

  test('keeps the name of what does not exist yet, and reads nothing of it', async () => {
    expect(await planChanges([group, member], readerOf({ '/groups': [] }))).toEqual([
      { change: group, before: null },
      { change: member },
    ]);
  });

  test('holds the facts that its changes rest on', async () => {
    const facts = { while: { path: '/users/1', properties: ['active'] } };
    const reader = readerOf({ '/users/1': { active: false, city: 'Rom' }, '/groups': [] });
    const onNew = update(`/groups/${created('pilot').id}`, { a: 1 }, facts);
    expect(await planChanges([update('/users/1', { city: 'Bern' }, facts), group, onNew], reader)).toMatchObject([
      { facts: { active: false } },
      {},
      { change: onNew, facts: { active: false } },
    ]);
  });

  test.each<[string, readonly Change[], RegExp]>([
    ['a change that needs what no change creates', [member], /no change before it does/],
    ['a change that needs what a later one creates', [member, group], /no change before it does/],
    ['a key that two objects have', [create('/twins', { a: 1 }, { key: ['a'] })], /2 objects in \/twins/],
    ['a user of an on-premises directory', [update('/users/synced', { city: 'Bern' })], /on-premises/],
    ['the removal of such a group', [remove('/groups/synced')], /on-premises/],
  ])('is refused for %s', async (_, changes, message) => {
    const synced = { onPremisesSyncEnabled: true, city: 'Rom' };
    const reader = readerOf({
      '/twins': [{ a: 1 }, { a: 1 }],
      '/users/synced': synced,
      '/groups/synced': synced,
      '/groups': [],
    });
    await expect(planChanges(changes, reader)).rejects.toMatchObject({
      code: 'job_failed',
      detail: expect.stringMatching(message) as unknown,
    });
  });
});

describe('the rows of a plan', () => {
  let ids = 0;
  const newId = (): string => `nonce-${(ids += 1)}`;

  test('show a change as people read it, and hold it as data', () => {
    const planned = [
      { change: update('/users/1', { city: '<b>' }), before: { city: null } },
      { change: group, before: null },
    ];
    const rows = planRows(planned, newId);
    expect(rows).toMatchObject([
      {
        change: 1,
        action: 'update',
        target: '/users/1',
        before: '{"city":null}',
        after: '{"city":"<b>"}',
        undo: 'yes',
      },
      { change: 2, action: 'create', target: '/groups (displayName: Pilot)', before: null, undo: 'yes' },
    ]);
    const lines = rows.map((row) => JSON.stringify(row));
    const sha256 = lines.map((line) => hash('sha256', line, 'hex'));
    expect(readPlanRows(lines.join('\n'))).toEqual(planned.map((each, at) => ({ ...each, sha256: sha256[at] })));
  });

  test('have a random part, so that nobody finds a tenant in the digest of a plan by guessing its changes', () => {
    const change = { change: update('/users/1', { city: 'Bern' }), before: { city: 'Rom' } };
    const [one, other] = planRows([change, change], newId);
    expect(one?.['content']).not.toBe(other?.['content']);
    // Those of earlier versions have none, so records do not name them.
    const old = JSON.stringify({ ...one, content: JSON.stringify(change) });
    expect(readPlanRows(old)).toEqual([change]);
  });

  test('have their members in the order of RFC 8785', () => {
    const [row = {}] = planRows([{ change: act('/users/1/x'), before: null }], newId);
    expect(Object.keys(row)).toEqual(Object.keys(row).toSorted());
  });

  test.each<[string, Change, JsonObject | null, string]>([
    ['an action', act('/users/1/x'), null, 'no: an action has no opposite'],
    ['a removal that is kept', remove('/users/1'), { id: '1' }, 'for 30 days'],
    ['another removal', remove('/things/1'), { id: '1' }, 'no: Microsoft does not keep what was removed there'],
    [
      'a value that Graph does not show',
      update('/users/1', { a: 1 }),
      {},
      'no: Microsoft Graph does not show the value of a',
    ],
  ])('say whether %s can be undone', (_, change, before, undo) => {
    expect(planRows([{ change, before }], newId)).toMatchObject([{ undo }]);
  });

  test('are refused above 1,000 changes of a tenant, and above 64 KiB of one', () => {
    const change = { change: act('/users/1/x'), before: null };
    expect(
      planRows(
        Array.from({ length: 1_000 }, () => change),
        newId,
      ),
    ).toHaveLength(1_000);
    expect(() =>
      planRows(
        Array.from({ length: 1_001 }, () => change),
        newId,
      ),
    ).toThrow(/1001 changes/);
    const long = { change: update('/users/1', { text: 'x'.repeat(64 * 1024) }), before: null };
    expect(() => planRows([long], newId)).toThrow(/a plan holds 65536 of one change/);
  });
});
