import { buildPermissionMap } from 'graph-permissions/build-map';
import { partnerEntries, partnerMap } from 'graph-permissions/partner-table';
import {
  type MapNode,
  type Method,
  methods,
  opens,
  type PermissionMap,
  schemes,
} from 'graph-permissions/permission-map';
import { isRead } from 'graph-permissions/reads';
import { tableEntries } from 'graph-permissions/table';
import { describe, expect, it } from 'vitest';
import { parsePublishedFile } from '../../../../../src/cli/permissions/published-file.ts';
import { readPath } from '../../../../../src/lib/judge/reading/path.ts';
import { type Location, resolve } from '../../../../../src/lib/judge/resolve.ts';
import { changedBy } from '../../../../../src/lib/judge/rules/changed-by.ts';
import { publishedPermissions } from '../../../../support/published-permissions.ts';

const more = [
  'POST /directoryObjects/{id}/restore',
  'DELETE /directory/deletedItems/{id}',
  'POST /directory/administrativeUnits/{id}/members',
  'PATCH /education/users/{id}',
  'POST /invitations',
  'POST /identityProtection/riskyUsers/confirmCompromised',
  'POST /identityGovernance/privilegedAccess/group/assignmentScheduleRequests',
  'POST /users/{id}/joinedTeams/{id}/members',
  'DELETE /deviceManagement/managedDevices/{id}/users/{id}',
  'POST /groups/{id}/members/$ref',
  'DELETE /groups/{id}/owners/{id}',
  'POST /groups/{id}/assignLicense',
  'PATCH /groups(uniqueName={value})',
  'PUT /groups/{id}/team',
  'POST /teams',
  'POST /teams/{id}/members',
  'POST /chats/{id}/messages',
  'PUT /users/{id}/manager/$ref',
  'PATCH /users/microsoft.graph.agentUser/{id}',
  'POST /users/validatePassword',
];
const map = buildPermissionMap([
  ...partnerEntries(),
  ...tableEntries(more.map((line) => `${line}: Directory.AccessAsUser.All`).join('\n')),
]);

function changed(method: Method, path: string) {
  const { parts } = readPath(path);
  return changedBy(method, resolve(map, parts, { method, scheme: 'delegated' }), parts);
}

const user = { kind: 'user', key: 'u@a.example' };
const group = { kind: 'group', key: 'g-1' };

describe('what a request changes', () => {
  it.each<[Method, string, ReturnType<typeof changed> | object]>([
    ['PATCH', '/users/u@a.example', user],
    ['PATCH', '/USERS/u%40a.example', user],
    ['DELETE', "/users('u@a.example')", user],
    ['PATCH', '/users/microsoft.graph.user/u@a.example', user],
    ['PATCH', '/users/$/microsoft.graph.user/u@a.example', user],
    ['PATCH', '/users/u@a.example/microsoft.graph.user', user],
    ['POST', '/users/u@a.example/microsoft.graph.assignLicense', user],
    ['POST', '/users/u@a.example/revokeSignInSessions', user],
    ['DELETE', '/users/u@a.example/authentication/phoneMethods/p-1', user],
    ['PUT', '/users/u@a.example/manager/$ref', user],
    ['POST', '/users/u@a.example/sendMail', user],
    ['PATCH', '/groups/g-1', group],
    ['POST', '/groups/g-1/members/$ref', group],
    ['DELETE', '/groups/g-1/members/u-1/$ref', group],
    ['DELETE', '/groups/microsoft.graph.group/g-1/owners/u-1/$ref', group],
    ['POST', '/groups/g-1/assignLicense', group],
    ['PUT', '/groups/g-1/team', group],
    ['POST', '/teams/g-1/members', group],
    ['GET', '/users/u@a.example', 'none'],
    ['POST', '/users/u@a.example/checkMemberGroups', 'none'],
    ['POST', '/directoryObjects/getByIds', 'none'],
    ['POST', '/users', 'none'],
    ['POST', '/groups', 'none'],
    ['POST', '/teams', 'none'],
    ['POST', '/chats/c-1/messages', 'none'],
    ['POST', '/deviceManagement/managedDevices/d-1/wipe', 'none'],
    ['POST', '/me/revokeSignInSessions', 'unknown'],
    ['DELETE', '/directory/deletedItems/u-1', 'unknown'],
    ['POST', '/directory/administrativeUnits/a-1/members/$ref', 'unknown'],
    ['POST', '/roleManagement/directory/roleAssignments', 'unknown'],
    ['DELETE', '/roleManagement/directory/roleAssignments/r-1', 'unknown'],
    ['PATCH', '/education/users/u-1', 'unknown'],
    ['POST', '/invitations', 'unknown'],
    ['POST', '/identityProtection/riskyUsers/confirmCompromised', 'unknown'],
    ['POST', '/identityGovernance/privilegedAccess/group/assignmentScheduleRequests', 'unknown'],
    ['POST', '/users/u-1/joinedTeams/g-1/members', 'unknown'],
    ['DELETE', '/deviceManagement/managedDevices/d-1/users/u-1', 'unknown'],
    ['PATCH', "/groups(uniqueName='x')", 'unknown'],
    ['PATCH', '/users/microsoft.graph.agentUser/u-1', 'unknown'],
    ['POST', '/users/validatePassword', 'unknown'],
    ['PATCH', '/organization/o-1', 'unknown'],
  ])('%s %s', (method, path, expected) => {
    expect(changed(method, path)).toEqual(expected);
  });
});

/** The writes of a map, as templates in lower case. */
function writesIn(known: PermissionMap): readonly (readonly [Method, readonly string[]])[] {
  const found: (readonly [Method, readonly string[]])[] = [];
  const walk = (node: MapNode, template: readonly string[]): void => {
    for (const method of methods)
      if (!isRead(method, `/${template.join('/')}`) && schemes.some((scheme) => opens(known, node, method, scheme)))
        found.push([method, template]);
    for (const [segment, child] of Object.entries(node[1] ?? {})) walk(child, [...template, segment]);
  };
  walk(known.root, []);
  return found;
}

function describeMap(known: PermissionMap): void {
  const judged = writesIn(known).map(([method, template]) => {
    const parts = template.map((segment) => ({ kind: 'word' as const, text: segment === '{}' ? 'k-1' : segment }));
    const location = { template, path: template.join('/') } as unknown as Location;
    return { line: `${method} /${template.join('/')}`, result: changedBy(method, location, parts) };
  });
  const linesOf = (result: string): readonly string[] =>
    judged
      .filter((each) => (typeof each.result === 'string' ? each.result : each.result.kind) === result)
      .map(({ line }) => line);

  it('is a user for every write below one, except through it to other objects', () => {
    const below = judged.filter(({ line }) => / \/users\/\{\}(?:\/|$)/.test(line));
    expect(below.length).toBeGreaterThan(7);
    expect(below.filter(({ result }) => result === 'none')).toEqual([]);
    expect(linesOf('user').every((line) => line.includes(' /users/{}'))).toBe(true);
  });

  it('is nothing only for new objects, and where no users, groups and roles are', () => {
    const open = linesOf('none').filter((line) => !/^POST \/(?:users|groups|teams)$/.test(line));
    expect(
      open.filter(
        (line) => !/ \/(?:chats|device(?:app)?management|devices|drives|planner|sites)(?:\/|\(|$)/.test(line),
      ),
    ).toEqual([]);
    expect(open.filter((line) => /\/(?:users|me|memberof)(?:\/|$)/.test(line))).toEqual([]);
  });
}

describe('what the writes of the built-in map change', () => {
  describeMap(partnerMap());
});

const json = publishedPermissions();
describe.skipIf(json === undefined)("what the writes of Microsoft's published permission file change", () => {
  if (json !== undefined) describeMap(parsePublishedFile(json).map);
});
