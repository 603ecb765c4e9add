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
    ['POST', '/users', ''],
    ['GET', '/sites', undefined],
    ['GET', '/users/0a1b/$unknown/memberOf', undefined],
  ] as const)('%s %s: %s', (method, path, expected) => {
    expect(names(method, path)).toBe(expected);
  });

  it('keeps delegated and application permissions apart, and what a permission also needs', () => {
    const users = required(map, 'GET', '/users');
    expect(users?.application.map(({ permission }) => permission)).toEqual(['Directory.Read.All', 'User.Read.All']);
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
