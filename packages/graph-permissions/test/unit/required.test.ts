import { describe, expect, it } from 'vitest';
import { buildPermissionMap } from '../../src/build-map.ts';
import { partnerMap } from '../../src/partner-table.ts';
import type { Method } from '../../src/permission-map.ts';
import { required } from '../../src/required.ts';
import { tableEntries } from '../../src/table.ts';

const map = buildPermissionMap(
  tableEntries(`
GET /users: User.Read.All | User.Read.All Directory.Read.All
GET /users/{id}: User.Read User.Read.All
GET /users/delta: Delta.Read.All
GET /users/{id}/memberOf: Member.Read.All
GET /groups/{id}/members: GroupMember.Read.All
DELETE /groups/{id}/members/{id}/$ref: GroupMember.ReadWrite.All+User.Read.All
GET /reports/getMailboxUsageDetail(period={value}): Reports.Read.All
POST /policies/x/{id}/microsoft.graph.assign: Assign.All
GET /drives/{id}/content: Content.Read.All
GET /drives/{id}/content/$value: Value.Read.All
GET /sheets/{id}/cell(row={value},column={value}): Cell.Read.All
GET /sheets/{id}/cell(row={value}): Row.Read.All
GET /sheets/{id}/used(only={value}): Used.Read.All
GET /lists/{id}: List.Read.All
GET /refs/{id}: Refs.Read.All
DELETE /refs/{id}/$ref: Refs.Write.All
GET /refs/{id}/deep/{id}: Deep.Read.All
DELETE /refs/{id}/deep/{id}/$ref: Deep.Write.All
PATCH /refs/{id}: Refs.Write.All
PATCH /refs/{id}/$value: Refs.Value.All |
PATCH /lists/{id}/items: Items.Write.All
`),
);

const names = (method: Method, path: string): string | undefined =>
  required(map, method, path)
    ?.delegated.map(({ permission }) => permission)
    .join(' ');

describe('required', () => {
  it.each([
    ['GET', '/users', 'User.Read.All'],
    ['GET', '/Users/', 'User.Read.All'],
    ['GET', '/users/$count', 'User.Read.All'],
    ['GET', '/users/delta', 'Delta.Read.All'],
    ['GET', '/users/delta()', 'Delta.Read.All'],
    ['GET', '/users/0a1b', 'User.Read User.Read.All'],
    ['GET', "/users('0a1b')", 'User.Read User.Read.All'],
    ['GET', "/users(userPrincipalName='a@b.example')", 'User.Read User.Read.All'],
    ['GET', '/users/{id}/memberOf', 'Member.Read.All'],
    ['GET', '/users/0a1b/memberOf/microsoft.graph.group', 'Member.Read.All'],
    ['GET', '/users/0a1b/memberOf/microsoft.graph.group/$count', 'Member.Read.All'],
    ['GET', '/groups/1/members/$ref', 'GroupMember.Read.All'],
    ['DELETE', '/groups/1/members/2/$ref', 'GroupMember.ReadWrite.All'],
    ['GET', "/reports/getMailboxUsageDetail(period='D7')", 'Reports.Read.All'],
    ['POST', '/policies/x/1/microsoft.graph.assign', 'Assign.All'],
    ['GET', '/drives/1/content/$value', 'Value.Read.All'],
    ['GET', '/drives/1/content/$value/', 'Value.Read.All'],
    // The map lists it for delegated permissions alone.
    ['PATCH', '/refs/1/$value', 'Refs.Value.All'],
    // The map lists the suffix, but not for this method.
    ['GET', '/refs/1/$ref', 'Refs.Read.All'],
    ['PATCH', '/refs/1/$ref', 'Refs.Write.All'],
    ['GET', '/refs/1/deep/2/$ref', 'Deep.Read.All'],
    ['GET', "/refs('1')", 'Refs.Read.All'],
    ['GET', '/refs(1)/deep(2)/$ref', 'Deep.Read.All'],
    ['DELETE', '/refs/1/$ref/', 'Refs.Write.All'],
    ['GET', '/users/$count/', 'User.Read.All'],
    ['GET', '/users/0a1b/$value', 'User.Read User.Read.All'],
    ['GET', '/sheets/1/cell(column=1,row=2)', 'Cell.Read.All'],
    ['GET', '/sheets/1/cell( row = 2 , column = 1 )', 'Cell.Read.All'],
    ['GET', '/sheets/1/cell(row=2)', 'Row.Read.All'],
    ['GET', '/sheets/1/microsoft.graph.used(only=true)', 'Used.Read.All'],
    ['GET', "/devices(deviceId='1')", undefined],
    ['GET', '/', ''],
    ['POST', '/users', ''],
    ['GET', '/lists/1/items', ''],
    ['PATCH', '/lists/1/items/$ref', 'Items.Write.All'],
    // A function is not a key, and no suffix goes on.
    ['GET', "/lists(name='a')", undefined],
    ['GET', '/lists/x(name=1)', 'List.Read.All'],
    ['GET', '/users/$count/$count', undefined],
    ['GET', '/sheets/1/microsoft.graph.used(only=true)/more', undefined],
    ['GET', '/users/0a1b/memberOf/microsoft.graph.group.more', undefined],
    ['GET', '/users/0a1b/memberOf/xmicrosoft.graph.group', undefined],
    ['GET', '/sites', undefined],
    ['GET', '/users/0a1b/$unknown/memberOf', undefined],
  ] as const)('%s %s: %s', (method, path, expected) => {
    expect(names(method, path)).toBe(expected);
  });

  it('keeps delegated and application permissions apart, and what a permission also needs', () => {
    const users = required(map, 'GET', '/users');
    const application = users?.application.map(({ permission }) => permission);
    expect(application?.toSorted()).toEqual(['Directory.Read.All', 'User.Read.All']);
    expect(users?.delegated.map(({ permission }) => permission)).toEqual(['User.Read.All']);
    const [removal] = required(map, 'DELETE', '/groups/1/members/2/$ref')?.delegated ?? [];
    expect(removal?.alsoOneOf).toEqual(['User.Read.All']);
  });

  it('marks permissions that cover only objects of the signed-in account', () => {
    const found = required(partnerMap(), 'GET', '/users/{id}')?.delegated;
    expect(found?.filter(({ own }) => own).map(({ permission }) => permission)).toEqual([
      'User.Read',
      'User.ReadWrite',
    ]);
  });
});
