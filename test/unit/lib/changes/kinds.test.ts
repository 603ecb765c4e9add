import { describe, expect, test } from 'vitest';
import {
  act,
  addReference,
  type Change,
  cmdlet,
  create,
  remove,
  removeReference,
  update,
} from '../../../../src/lib/changes/change.ts';
import { idIn, kindOf, type Reader, readFacts, type State } from '../../../../src/lib/changes/kinds.ts';
import type { JsonObject } from '../../../../src/lib/core/objects.ts';

/** A reader of fixed answers that keeps what it was asked for. */
function readerOf(objects: Readonly<Record<string, JsonObject | readonly JsonObject[]>>) {
  const asked: string[] = [];
  async function* list(path: string) {
    asked.push(path);
    yield* (objects[path] ?? []) as readonly JsonObject[];
  }
  const reader = {
    graph: {
      find: async (path: string) => {
        asked.push(path);
        return objects[path.split('?')[0] ?? ''] as JsonObject | undefined;
      },
      list,
    },
    exchange: { list: (name: string, parameters: object) => list(`${name} ${JSON.stringify(parameters)}`) },
  } as unknown as Reader;
  return { asked, reader };
}

const tenant = '00000000-0000-4000-8000-000000000001';
const named = '#microsoft.graph.ipNamedLocation';

interface Case {
  readonly change: Change;
  readonly objects: Parameters<typeof readerOf>[0];
  readonly before: State;
  readonly asked: string;
  /** A state that is the aim. */
  readonly aim: State;
  readonly request: string;
  readonly body: unknown;
  readonly inverse: unknown;
  readonly setsState: boolean;
}

const cases: Readonly<Record<string, Case>> = {
  update: {
    change: update('/users/1', { city: 'Bern', manager: { id: 'x' } }),
    objects: { '/users/1': { id: '1', city: 'Rom', manager: { id: 'y', name: 'z' } } },
    asked: '/users/1?$select=city,manager',
    before: { city: 'Rom', manager: { id: 'y' } },
    aim: { city: 'Bern', manager: { id: 'x', name: 'z' } },
    request: 'graph PATCH /v1.0/users/1',
    body: { city: 'Bern', manager: { id: 'x' } },
    inverse: { action: 'update', path: '/users/1', properties: { city: 'Rom', manager: { id: 'y' } } },
    setsState: true,
  },
  create: {
    change: create('/beta/things', { '@odata.type': named, displayName: 'A', size: 1 }, { key: ['displayName'] }),
    objects: {
      '/beta/things': [
        { id: '1', displayName: 'A', size: 2 },
        { id: '2', displayName: 'B' },
      ],
    },
    asked: '/beta/things',
    before: { '@odata.type': named, displayName: 'A', size: 2, id: '1' },
    aim: { displayName: 'A', size: 1, id: '1' },
    request: 'graph POST /beta/things',
    body: { '@odata.type': named, displayName: 'A', size: 1 },
    inverse: { action: 'remove', path: '/beta/things/new' },
    setsState: false,
  },
  remove: {
    change: remove('/groups/1'),
    objects: { '/groups/1': { id: '1' } },
    asked: '/groups/1',
    before: { id: '1' },
    aim: null,
    request: 'graph DELETE /v1.0/groups/1',
    body: undefined,
    inverse: { action: 'restore', path: '/groups/1', by: '/directory/deletedItems/1/restore' },
    setsState: true,
  },
  restore: {
    change: { action: 'restore', path: '/groups/1', by: '/directory/deletedItems/1/restore' },
    objects: {},
    asked: '/groups/1',
    before: null,
    aim: { id: '1' },
    request: 'graph POST /v1.0/directory/deletedItems/1/restore',
    body: undefined,
    inverse: { action: 'remove', path: '/groups/1' },
    setsState: false,
  },
  'add-reference': {
    change: addReference('/groups/1/members', 'AAAAAAAA-0000-4000-8000-000000000001'),
    objects: { '/groups/1/members?$select=id': [{ id: '3' }] },
    asked: '/groups/1/members?$select=id',
    before: null,
    aim: { id: 'aaaaaaaa-0000-4000-8000-000000000001' },
    request: 'graph POST /v1.0/groups/1/members/$ref',
    body: {
      '@odata.id': 'https://graph.microsoft.com/v1.0/directoryObjects/AAAAAAAA-0000-4000-8000-000000000001',
    },
    inverse: { action: 'remove-reference', path: '/groups/1/members', id: 'AAAAAAAA-0000-4000-8000-000000000001' },
    setsState: true,
  },
  'remove-reference': {
    change: removeReference('/groups/1/members', 'AAAAAAAA-0000-4000-8000-000000000001'),
    objects: { '/groups/1/members?$select=id': [{ id: '3' }, { id: 'aaaaaaaa-0000-4000-8000-000000000001' }] },
    asked: '/groups/1/members?$select=id',
    before: { id: 'AAAAAAAA-0000-4000-8000-000000000001' },
    aim: null,
    request: 'graph DELETE /v1.0/groups/1/members/AAAAAAAA-0000-4000-8000-000000000001/$ref',
    body: undefined,
    inverse: { action: 'add-reference', path: '/groups/1/members', id: 'AAAAAAAA-0000-4000-8000-000000000001' },
    setsState: true,
  },
  cmdlet: {
    change: cmdlet(
      'Set-Mailbox',
      { ForwardingAddress: null, ForwardingSmtpAddress: null },
      { read: { cmdlet: 'Get-Mailbox', parameters: { Identity: 'guid' } } },
    ),
    objects: { 'Get-Mailbox {"Identity":"guid"}': [{ ForwardingSmtpAddress: 'smtp:a@b.c', Name: 'x' }] },
    asked: 'Get-Mailbox {"Identity":"guid"}',
    before: { ForwardingAddress: null, ForwardingSmtpAddress: 'smtp:a@b.c' },
    aim: { ForwardingAddress: null, ForwardingSmtpAddress: null },
    request: `exchange POST /adminapi/beta/${tenant}/InvokeCommand`,
    body: {
      CmdletInput: {
        CmdletName: 'Set-Mailbox',
        Parameters: { ForwardingAddress: null, ForwardingSmtpAddress: null, Identity: 'guid' },
      },
    },
    inverse: {
      action: 'cmdlet',
      cmdlet: 'Set-Mailbox',
      parameters: { ForwardingAddress: null, ForwardingSmtpAddress: 'smtp:a@b.c', Identity: 'guid' },
      read: { cmdlet: 'Get-Mailbox', parameters: { Identity: 'guid' } },
    },
    setsState: true,
  },
};

describe.each(Object.entries(cases))(
  '%s',
  (_, { change, objects, asked, before, aim, request, body, inverse, setsState }) => {
    const kind = kindOf(change);

    test('reads what it is about, and knows its aim', async () => {
      const stage = readerOf(objects);
      const state = await kind.read(change, stage.reader);
      expect(state).toEqual(before);
      expect(stage.asked).toEqual([asked]);
      expect(kind.isAim(change, state)).toBe(false);
      expect(kind.isAim(change, aim)).toBe(true);
    });

    test('is one request', () => {
      const made = kind.request(change, tenant);
      expect(`${made.resource} ${made.method} ${made.path}`).toBe(request);
      expect(made.body).toEqual(body);
      expect(kind.setsState(change)).toBe(setsState);
    });

    test('has an opposite', () => {
      expect(kind.inverse(change, before, { createdId: 'new' })).toEqual(inverse);
    });
  },
);

test('an action reads nothing, has no opposite and may not be repeated', async () => {
  const change = act('/users/1/revokeSignInSessions');
  const kind = kindOf(change);
  const { asked, reader } = readerOf({});
  expect(await kind.read(change, reader)).toBeNull();
  expect(asked).toEqual([]);
  expect(kind.isAim(change, null)).toBe(false);
  expect(kind.inverse(change, null)).toBe('an action has no opposite');
  expect(kind.setsState(change)).toBe(false);
});

test('only a cmdlet that sets a state may be repeated', () => {
  const made = cmdlet('New-TransportRule', { Name: 'x' }, { read: { cmdlet: 'Get-TransportRule' } });
  expect(kindOf(made).setsState(made)).toBe(false);
});

test('a text that Exchange shows as empty is the one that was cleared', async () => {
  const read = { cmdlet: 'Get-Mailbox', parameters: { Identity: '1' } };
  const rows = (value: string | null) => readerOf({ 'Get-Mailbox {"Identity":"1"}': [{ Forward: value }] }).reader;
  for (const given of [null, '']) {
    const change = cmdlet('Set-Mailbox', { Forward: given }, { read });
    for (const value of [null, '']) {
      const state = await kindOf(change).read(change, rows(value));
      expect([state, kindOf(change).isAim(change, state)]).toEqual([{ Forward: null }, true]);
    }
    expect(kindOf(change).isAim(change, await kindOf(change).read(change, rows('x')))).toBe(false);
  }
});

test.each([
  ['/users/1', '/directory/deletedItems/1/restore'],
  ['/beta/users/1', '/directory/deletedItems/1/restore'],
  ['/v1.0/groups/1', '/directory/deletedItems/1/restore'],
  ['/directory/administrativeUnits/1', '/directory/deletedItems/1/restore'],
  ['/applications/1', '/directory/deletedItems/1/restore'],
  ['/servicePrincipals/1', '/directory/deletedItems/1/restore'],
  ['/identity/conditionalAccess/policies/1', '/beta/identity/conditionalAccess/deletedItems/policies/1/restore'],
  [
    '/identity/conditionalAccess/namedLocations/1',
    '/beta/identity/conditionalAccess/deletedItems/namedLocations/1/restore',
  ],
])('the removal of %s is undone by %s', (path, by) => {
  const change = remove(path);
  const restore = kindOf(change).inverse(change, { id: '1' });
  expect(restore).toEqual({ action: 'restore', path, by });
  expect(kindOf(restore as Change).request(restore as Change, tenant)).toMatchObject({ method: 'POST' });
});

test.each(['/groups/1/members/2', '/users/1/messages/2', '/policies/authorizationPolicy', '/devices/1'])(
  'the removal of %s cannot be undone',
  (path) => {
    const change = remove(path);
    expect(kindOf(change).inverse(change, { id: '1' })).toMatch(/does not keep/);
  },
);

test('what Graph does not show cannot be undone, unless absent is null', async () => {
  const objects = { '/users/1': { id: '1' } };
  for (const absentIsNull of [false, true]) {
    const change = update('/users/1', { city: 'Bern' }, absentIsNull ? { absentIsNull } : {});
    const before = await kindOf(change).read(change, readerOf(objects).reader);
    expect(kindOf(change).inverse(change, before)).toEqual(
      absentIsNull
        ? { action: 'update', path: '/users/1', properties: { city: null }, absentIsNull: true }
        : 'Microsoft Graph does not show the value of city',
    );
  }
});

test('an object that is not there is neither the aim of an update nor restored by its opposite', async () => {
  const change = update('/users/1', { city: null }, { absentIsNull: true });
  const before = await kindOf(change).read(change, readerOf({}).reader);
  expect(before).toBeNull();
  expect(kindOf(change).isAim(change, before)).toBe(false);
  expect(kindOf(change).inverse(change, before)).toBe('the object was not there');
});

test('several objects with one key, or of one cmdlet, are not clear', async () => {
  const two = [
    { id: '1', displayName: 'A' },
    { id: '2', displayName: 'A' },
  ];
  const ambiguous = create('/groups', { displayName: 'A' }, { key: ['displayName'] });
  const many = cmdlet('Set-X', { A: 1 }, { read: { cmdlet: 'Get-X' } });
  for (const change of [ambiguous, many]) {
    const { reader } = readerOf({ '/groups': two, 'Get-X {}': two });
    await expect(kindOf(change).read(change, reader)).rejects.toMatchObject({ code: 'job_failed' });
  }
});

test('what was created is read by its id', async () => {
  const change = create('/groups', { displayName: 'A' }, { key: ['displayName'] });
  const { asked, reader } = readerOf({ '/groups/7': { id: '7', displayName: 'A', other: 1 } });
  expect(await kindOf(change).read(change, reader, { createdId: '7' })).toEqual({ id: '7', displayName: 'A' });
  expect(await kindOf(change).read(change, reader, { createdId: '8' })).toBeNull();
  expect(asked).toEqual(['/groups/7', '/groups/8']);
  expect(kindOf(change).inverse(change, null)).toBe('the id of the new object is not known');
});

test.each([
  ['/users/1', '/directory/deletedItems/1/restore'],
  ['/v1.0/applications/1', '/directory/deletedItems/1/restore'],
  ['/identity/conditionalAccess/policies/1', '/beta/identity/conditionalAccess/deletedItems/policies/1/restore'],
  [
    '/identity/conditionalAccess/namedLocations/1',
    '/beta/identity/conditionalAccess/deletedItems/namedLocations/1/restore',
  ],
])('%s is restored by %s', (path, by) => {
  expect(kindOf(remove(path)).inverse(remove(path), {})).toEqual({ action: 'restore', path, by });
});

test.each(['/users/1/messages/2', '/deviceManagement/deviceConfigurations/1'])('%s is not restored', (path) => {
  expect(kindOf(remove(path)).inverse(remove(path), {})).toBe('Microsoft does not keep what was removed there');
});

test('facts that are absent are null', async () => {
  const change = remove('/users/1', { while: { path: '/users/1', properties: ['a', 'b'] } });
  const { asked, reader } = readerOf({ '/users/1': { a: 1, c: 2 } });
  expect(await readFacts(change, reader)).toEqual({ a: 1, b: null });
  expect(asked).toEqual(['/users/1?$select=a,b']);
  expect(await readFacts(remove('/users/1'), reader)).toBeUndefined();
});

test('the id of an answer is a text of an object', () => {
  expect([idIn({ id: '1' }), idIn({ id: 1 }), idIn([]), idIn(null)]).toEqual(['1', undefined, undefined, undefined]);
});
