import { describe, expect, test } from 'vitest';
import {
  act,
  addReference,
  type Change,
  cmdlet,
  create,
  created,
  including,
  needsOf,
  remove,
  removeReference,
  update,
  withCreated,
  without,
} from '../../../../src/lib/changes/change.ts';

const jwt = `eyJhbGciOiJub25lIn0.${'a'.repeat(40)}.${'b'.repeat(40)}`;

describe('a change is refused', () => {
  test.each<[string, () => Change, RegExp]>([
    ['with a path that has a query', () => update('/users/1?$select=id', { a: 1 }), /is no path/],
    ['with a path that has a fragment', () => remove('/users/1#x'), /is no path/],
    ['with a whole address', () => update('https://graph.microsoft.com/v1.0/me', { a: 1 }), /is no path/],
    ['with a path that has a space', () => act('/users/a b/x'), /is no path/],
    ['that updates nothing', () => update('/users/1', {}), /names the properties/],
    ['that creates without a key', () => create('/groups', { a: 1 }, { key: [] }), /key of a create/],
    ['with a key that it does not set', () => create('/groups', { a: 1 }, { key: ['b'] }), /key of a create/],
    ['that removes a reference as an object', () => remove('/groups/1/members/2/$ref'), /removeReference/],
    ['with a reference that has /$ref', () => addReference('/groups/1/members/$ref', '2'), /"\/\$ref" is added/],
    ['with a reference without an id', () => removeReference('/groups/1/members', ''), /needs the id/],
    ['with a reference to a path', () => removeReference('/groups/1/members', '2/3'), /needs the id/],
    ['with a password', () => update('/users/1', { passwordProfile: { password: 'x' } }), /is a secret/],
    [
      'with a secret deep inside',
      () => create('/x', { a: [{ secretText: 'x' }] }, { key: ['a'] }),
      /"secretText" is a secret/,
    ],
    ['with a token', () => act('/users/1/x', { text: `Bearer ${jwt}` }), /looks like a token/],
    [
      'with a token for a cmdlet',
      () => cmdlet('Set-X', { A: jwt }, { read: { cmdlet: 'Get-X' } }),
      /looks like a token/,
    ],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(
      expect.objectContaining({ code: 'job_failed', detail: expect.stringMatching(message) as unknown }),
    );
  });
});

test('a change is plain data that survives JSON', () => {
  for (const change of [
    update('/users/1', { a: null }, { absentIsNull: true, while: { path: '/users/1', properties: ['b'] } }),
    create('/groups', { displayName: '</script>' }, { key: ['displayName'], as: 'g' }),
    cmdlet(
      'Set-Mailbox',
      { ForwardingAddress: null },
      { read: { cmdlet: 'Get-Mailbox', parameters: { Identity: '1' } } },
    ),
  ])
    expect(JSON.parse(JSON.stringify(change))).toEqual(change);
});

test('a cmdlet names the object as the cmdlet that reads it does', () => {
  expect(cmdlet('Set-X', { A: 1 }, { read: { cmdlet: 'Get-X', parameters: { Identity: 'guid' } } })).toMatchObject({
    parameters: { A: 1, Identity: 'guid' },
  });
});

test('an id of something new is put wherever the change names it', () => {
  const change = update(`/policies/${created('a').id}`, { list: [created('b').id, `x${created('a').id}`] });
  expect(needsOf(change)).toEqual(['a', 'b']);
  const half = withCreated(change, new Map([['a', '1"2']]));
  expect(half).toEqual({ action: 'update', path: '/policies/1"2', properties: { list: ['{created:b}', 'x1"2'] } });
  expect(needsOf(half)).toEqual(['b']);
});

test('lists are made from lists without changing them', () => {
  const list = ['a', 'b'];
  expect(without(list, (item) => item === 'a')).toEqual(['b']);
  expect(including(list, 'b')).toEqual(['a', 'b']);
  expect(including(list, 'c')).toEqual(['a', 'b', 'c']);
  expect(list).toEqual(['a', 'b']);
});
