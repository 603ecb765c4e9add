import { describe, expect, it } from 'vitest';
import { buildPermissionMap } from 'graph-permissions/build-map';
import type { PermissionMap } from 'graph-permissions/permission-map';
import { tableEntries } from 'graph-permissions/table';
import { parsePublishedFile } from '../../../../src/cli/permissions/published-file.ts';
import { publishedPermissions } from '../../../support/published-permissions.ts';
import { type Case, judged, somebody } from './cases/case.ts';

/** Lines of Microsoft's published file on which permissions stand that cover less than the line. */
const table = `
POST /roleManagement/directory/roleAssignmentScheduleRequests: RoleAssignmentSchedule.ReadWrite.Directory RoleAssignmentSchedule.Remove.Directory RoleEligibilitySchedule.Remove.Directory
POST /identityGovernance/privilegedAccess/group/assignmentScheduleRequests: PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup PrivilegedAssignmentSchedule.Remove.AzureADGroup
POST /roleManagement/deviceManagement/roleDefinitions: DeviceManagementRBAC.ReadWrite.All CloudPC.ReadWrite.All RoleManagement.ReadWrite.CloudPC
POST /roleManagement/cloudPC/roleDefinitions: DeviceManagementRBAC.ReadWrite.All CloudPC.ReadWrite.All RoleManagement.ReadWrite.CloudPC
GET /roleManagement/exchange/roleDefinitions: RoleManagement.Read.Exchange CloudPC.Read.All
GET /teams/{id}/members: TeamMember.Read.All TeamMember.ReadWrite.All
POST /teams/{id}/members: TeamMember.ReadWrite.All TeamMember.ReadWriteNonOwnerRole.All
POST /teams/{id}/members/add: TeamMember.ReadWrite.All TeamMember.ReadWriteNonOwnerRole.All
POST /teams/{id}/members/remove: TeamMember.ReadWrite.All
PATCH,DELETE /teams/{id}/members/{id}: TeamMember.ReadWrite.All TeamMember.ReadWriteNonOwnerRole.All
PATCH /teams/{id}: TeamSettings.ReadWrite.All
PUT /groups/{id}/team: Group.ReadWrite.All
POST /teams: Team.Create
POST /chats: Chat.Create
GET /groups/{id}: Group.Read.All Group.ReadWrite.All
GET /users/{id}: User.Read.All
POST /directory/administrativeUnits/{id}/members: AdministrativeUnit.ReadWrite.All Directory.ReadWrite.All Group.ReadWrite.All | AdministrativeUnit.ReadWrite.All Directory.ReadWrite.All Group.ReadWrite.All Group.Create
POST /directory/administrativeUnits/{id}/members/$ref: AdministrativeUnit.ReadWrite.All
POST /administrativeUnits/{id}/members: AdministrativeUnit.ReadWrite.All
DELETE /administrativeUnits/{id}/members/{id}: AdministrativeUnit.ReadWrite.All
PATCH /applications/microsoft.graph.agentIdentityBlueprint/{id}: AgentIdentityBlueprint.ReadWrite.All AgentIdentityBlueprint.UpdateBranding.All AgentIdentityBlueprint.AddRemoveCreds.All AgentIdentityBlueprint.UpdateAuthProperties.All
PATCH /servicePrincipals/microsoft.graph.agentIdentity/{id}: AgentIdentity.ReadWrite.All AgentIdentity.EnableDisable.All
PATCH /chats/{id}/messages/{id}: Chat.ReadWrite | Chat.UpdatePolicyViolation.All
POST /appCatalogs/teamsApps: AppCatalog.ReadWrite.All AppCatalog.Submit
POST /search/query: Calendars.Read Mail.Read Files.Read.All Sites.Read.All
GET /me/messages: Mail.Read
GET /me/events: Calendars.Read
GET /me/calendar/calendarView: Calendars.Read
GET /me/events/{id}/instances: Calendars.Read
`;

const part = 'may cover only a part of what this request can do';
const single = 'covers only single properties';
const assign = { action: 'adminAssign', principalId: somebody, roleDefinitionId: 'r', directoryScopeId: '/' };
const alice = "https://graph.microsoft.com/v1.0/users('alice@a.example')";
const member = { '@odata.type': '#microsoft.graph.aadUserConversationMember', roles: [], 'user@odata.bind': alice };
const bound = (url: unknown): Readonly<Record<string, unknown>> => ({ ...member, 'user@odata.bind': url });
const otherUser = 'The value of "user@odata.bind" is not the absolute URL of one object of /users';
const group = { '@odata.type': '#microsoft.graph.group', displayName: 'x' };
const unit = 'POST /v1.0/directory/administrativeUnits/{u}/members';
const scheduled = 'POST /v1.0/roleManagement/directory/roleAssignmentScheduleRequests';
const inGroup = 'POST /v1.0/identityGovernance/privilegedAccess/group/assignmentScheduleRequests';
const blueprint = 'PATCH /beta/applications/microsoft.graph.agentIdentityBlueprint/{u}';
const agent = 'PATCH /beta/servicePrincipals/microsoft.graph.agentIdentity/{u}';
const message = 'app:PATCH /v1.0/chats/{u}/messages/1';
const intune = 'POST /v1.0/roleManagement/deviceManagement/roleDefinitions';

const day = 'startDateTime=2026-01-01&endDateTime=2026-01-02';

const cases: readonly Case[] = [
  // The dates of a calendar
  ['allow', `GET /v1.0/me/calendar/calendarView?${day}`, 'Calendars.Read'],
  ['allow', `GET /v1.0/me/events/{u}/instances?${day}`, 'Calendars.Read'],
  ['startDateTime and endDateTime belong', `GET /v1.0/me/events?${day}`, 'Calendars.Read'],
  // Permissions that only remove
  [`RoleAssignmentSchedule.Remove.Directory ${part}`, scheduled, 'RoleAssignmentSchedule.Remove.Directory', assign],
  [`RoleEligibilitySchedule.Remove.Directory ${part}`, scheduled, 'RoleEligibilitySchedule.Remove.Directory', assign],
  [part, `app:${scheduled}`, 'RoleAssignmentSchedule.Remove.Directory', assign],
  [part, inGroup, 'PrivilegedAssignmentSchedule.Remove.AzureADGroup', { ...assign, accessId: 'owner' }],
  ['allow', scheduled, 'RoleAssignmentSchedule.ReadWrite.Directory', assign],
  ['allow', inGroup, 'PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup', { ...assign, accessId: 'owner' }],
  // Members of teams, except owners
  [part, 'POST /v1.0/teams/{u}/members', 'TeamMember.ReadWriteNonOwnerRole.All', { ...member, roles: ['owner'] }],
  [part, 'POST /v1.0/teams/{u}/members/add', 'TeamMember.ReadWriteNonOwnerRole.All', { values: [member] }],
  [part, 'PATCH /v1.0/teams/{u}/members/1', 'TeamMember.ReadWriteNonOwnerRole.All', { roles: ['owner'] }],
  [part, 'DELETE /v1.0/teams/{u}/members/1', 'TeamMember.ReadWriteNonOwnerRole.All'],
  ['allow', 'POST /v1.0/teams/{u}/members', 'TeamMember.ReadWrite.All', { ...member, roles: ['owner'] }],
  // Objects that a body binds
  [
    'allow',
    'POST /v1.0/teams/{u}/members',
    'TeamMember.ReadWrite.All',
    bound(`https://graph.microsoft.com/beta/users/a1`),
  ],
  [otherUser, 'POST /v1.0/chats', 'Chat.Create', { members: [member, bound('https://evil.example/x')] }],
  [
    'allow',
    'POST /v1.0/teams',
    'Team.Create TeamMember.ReadWrite.All',
    { 'template@odata.bind': "https://graph.microsoft.com/v1.0/teamsTemplates('standard')", members: [member] },
  ],
  [
    'The value of "template@odata.bind" is not the absolute URL of one object of /teamstemplates',
    'POST /v1.0/teams',
    'Team.Create',
    { 'template@odata.bind': 'https://graph.microsoft.com/v1.0/groups/a1' },
  ],
  ...[
    [otherUser, 'https://evil.example/x'],
    [otherUser, 'https://graph.microsoft.com.evil.example/v1.0/users/a1'],
    ['The path contains a dot segment', 'https://graph.microsoft.com/v1.0/users/../groups/a1'],
    [otherUser, "/v1.0/users('a1')"],
    [otherUser, ['https://graph.microsoft.com/v1.0/users/a1']],
    [otherUser, null],
    [otherUser, 'https://graph.microsoft.com/v1.0/groups/a1'],
    [otherUser, 'https://graph.microsoft.com/v1.0/users'],
    [otherUser, 'https://graph.microsoft.com/v1.0/users/a1/manager'],
    [otherUser, 'https://graph.microsoft.com/v1.0/users/$count'],
    [otherUser, 'https://graph.microsoft.com/v1.0/users/a1?$select=id'],
  ].map(
    ([verdict, url]): Case => [String(verdict), 'POST /v1.0/teams/{u}/members', 'TeamMember.ReadWrite.All', bound(url)],
  ),
  // New members of administrative units
  ['adds members that exist', unit, 'AdministrativeUnit.ReadWrite.All', { ...group, membershipRule: 'true' }],
  ['adds members that exist', unit, 'AdministrativeUnit.ReadWrite.All', { passwordProfile: { password: 'x' } }],
  ['Creating a group in an administrative unit also needs', unit, 'Group.ReadWrite.All', group],
  ['allow', unit, 'Group.ReadWrite.All AdministrativeUnit.Read.All', group],
  ['allow', unit, 'Group.ReadWrite.All AdministrativeUnit.ReadWrite.All', group],
  ['allow', unit, 'Directory.ReadWrite.All', group],
  ['allow', `app:${unit}`, 'Group.Create AdministrativeUnit.Read.All', group],
  [
    'The request creates an object',
    unit,
    'Directory.ReadWrite.All',
    { ...group, '@odata.type': '#microsoft.graph.user' },
  ],
  ['The request creates an object', unit, 'Directory.ReadWrite.All', { displayName: 'x' }],
  ['The request creates an object', `${unit}/microsoft.graph.user`, 'Directory.ReadWrite.All', group],
  ['The property "isAssignableToRole"', unit, 'Directory.ReadWrite.All', { ...group, isAssignableToRole: true }],
  [
    'allow',
    `${unit}/$ref`,
    'AdministrativeUnit.ReadWrite.All User.Read.All',
    { '@odata.id': 'https://graph.microsoft.com/v1.0/users/a1' },
  ],
  [
    'would change the object itself',
    'POST /beta/administrativeUnits/{u}/members',
    'AdministrativeUnit.ReadWrite.All',
    group,
  ],
  [
    'would change the object itself',
    'DELETE /beta/administrativeUnits/{u}/members/a1',
    'AdministrativeUnit.ReadWrite.All',
  ],
  ['allow', 'DELETE /beta/administrativeUnits/{u}/members/a1/$ref', 'AdministrativeUnit.ReadWrite.All'],
  // Parts of other entities
  [part, blueprint, 'AgentIdentityBlueprint.UpdateBranding.All', { keyCredentials: [{ key: 'x' }] }],
  [part, blueprint, 'AgentIdentityBlueprint.AddRemoveCreds.All', { displayName: 'x' }],
  [part, blueprint, 'AgentIdentityBlueprint.UpdateAuthProperties.All', { keyCredentials: [] }],
  ['allow', blueprint, 'AgentIdentityBlueprint.ReadWrite.All', { displayName: 'x' }],
  [single, agent, 'AgentIdentity.EnableDisable.All', { appRoleAssignmentRequired: false }],
  [single, agent, 'AgentIdentity.EnableDisable.All', { accountEnabled: false, displayName: 'x' }],
  ['allow', agent, 'AgentIdentity.EnableDisable.All', { accountEnabled: false }],
  [single, message, 'Chat.UpdatePolicyViolation.All', { body: { content: 'x' } }],
  ['allow', message, 'Chat.UpdatePolicyViolation.All', { policyViolation: { dlpAction: 'blockAccess' } }],
  [part, 'POST /v1.0/appCatalogs/teamsApps', 'AppCatalog.Submit', {}],
  // Cloud PCs
  ['CloudPC.ReadWrite.All covers only Cloud PCs', intune, 'CloudPC.ReadWrite.All', { displayName: 'x' }],
  [
    'RoleManagement.ReadWrite.CloudPC covers only Cloud PCs',
    intune,
    'RoleManagement.ReadWrite.CloudPC',
    { displayName: 'x' },
  ],
  ['allow', intune, 'DeviceManagementRBAC.ReadWrite.All', { displayName: 'x' }],
  ['allow', 'POST /v1.0/roleManagement/cloudPC/roleDefinitions', 'CloudPC.ReadWrite.All', { displayName: 'x' }],
  ['covers only Cloud PCs', 'GET /beta/roleManagement/exchange/roleDefinitions', 'CloudPC.Read.All'],
];

const search = (...entityTypes: readonly string[]): Case => [
  '',
  'POST /v1.0/search/query',
  'Mail.Read Calendars.Read Files.Read.All Sites.Read.All',
  { requests: [{ entityTypes, query: { queryString: 'a' } }] },
];

function describeNarrow(map: PermissionMap): void {
  it.each(cases.map((each) => [each[1], each[2], each[0], each] as const))(
    'judges %s with "%s": %s',
    (_request, _permissions, expected, each) => {
      const verdict = judged(map, each);
      expect(verdict.allowed ? 'allow' : verdict.reason).toContain(expected);
    },
  );

  it.each(['message', 'event'])('searches for %s only with a rule that allows /me', (type) => {
    expect(judged(map, search(type)).allowed).toBe(true);
    expect(judged(map, search(type), false)).toMatchObject({
      reason: expect.stringContaining('objects of the signed-in account') as string,
    });
    expect(judged(map, search('driveItem', type), false).allowed).toBe(false);
  });

  it('searches for files and sites without /me', () => {
    expect(judged(map, search('driveItem', 'site'), false).allowed).toBe(true);
  });

  it('names the permission to read administrative units among those that it needs', () => {
    expect(judged(map, ['', unit, 'Group.ReadWrite.All AdministrativeUnit.Read.All', group])).toMatchObject({
      permissions: expect.arrayContaining(['AdministrativeUnit.Read.All', 'Group.ReadWrite.All']) as string[],
    });
  });

  it.each<readonly [request: string, permission: string, body: Case[3]]>([
    ['POST /v1.0/teams/{u}/members', 'TeamMember.ReadWrite.All', member],
    ['POST /v1.0/teams/{u}/members/add', 'TeamMember.ReadWrite.All', { values: [member] }],
    ['POST /v1.0/teams/{u}/members/remove', 'TeamMember.ReadWrite.All', { values: [member] }],
    ["DELETE /v1.0/teams('{u}')/members/1", 'TeamMember.ReadWrite.All', undefined],
    ['PATCH /v1.0/teams/{u}', 'TeamSettings.ReadWrite.All', { memberSettings: {} }],
    ['PUT /v1.0/groups/{u}/team', 'Group.ReadWrite.All', { memberSettings: {} }],
  ])('needs a look at the group of the team: %s', (request, permission, body) => {
    const url = `https://graph.microsoft.com/v1.0/groups/${somebody}?$select=isAssignableToRole`;
    const verdict = judged(map, ['', request, permission, body]);
    expect(verdict).toMatchObject({ lookUps: [{ condition: 'group-is-not-role-assignable', url }] });
    const more = judged(map, ['', request, `${permission} RoleManagement.ReadWrite.Directory`, body]);
    expect(more).toMatchObject({ allowed: true, lookUps: [] });
  });

  it('needs no look at the group of a team to read its members', () => {
    expect(judged(map, ['', 'GET /v1.0/teams/{u}/members', 'TeamMember.Read.All'])).toMatchObject({ lookUps: [] });
  });
}

describe('a permission that covers less than its line in the map', () => {
  describeNarrow(buildPermissionMap(tableEntries(table)));
});

const json = publishedPermissions();
describe.skipIf(json === undefined)("a permission that covers less than its line in Microsoft's file", () => {
  if (json !== undefined) describeNarrow(parsePublishedFile(json).map);
});
