import type { Case } from './case.ts';

const user = 'https://graph.microsoft.com/v1.0/users/a1';
const members = 'GroupMember.ReadWrite.All';
const noReference = 'The body of a reference is not';

/** What a body may contain. */
export const bodyCases: readonly Case[] = [
  ['allow', 'PATCH /v1.0/users/{u}', 'User.ReadWrite.All', { jobTitle: 'x' }],
  ['allow', 'PATCH /v1.0/users/{u}', 'User.ReadWrite.All', { '@odata.type': '#microsoft.graph.user', jobTitle: 'x' }],
  ['A GET request has no body', 'GET /v1.0/users', 'User.Read.All', {}],
  ['A DELETE request has no body', 'DELETE /v1.0/users/{u}', 'User.ReadWrite.All', {}],
  // References in bodies
  [
    'The body contains "members@odata.bind"',
    'PATCH /v1.0/groups/{u}',
    'Group.ReadWrite.All',
    { 'members@odata.bind': [user] },
  ],
  [
    'The body contains "owners@odata.bind"',
    'POST /v1.0/groups',
    'Group.ReadWrite.All',
    { displayName: 'x', 'owners@odata.bind': [user] },
  ],
  ['The body contains "manager@odata.bind"', 'POST /v1.0/users', 'User.ReadWrite.All', { 'manager@odata.bind': user }],
  ['The body contains "members@delta"', 'PATCH /v1.0/groups/{u}', 'Group.ReadWrite.All', { 'members@delta': [] }],
  [
    'The body contains "x@odata.bind"',
    'PATCH /v1.0/users/{u}',
    'User.ReadWrite.All',
    { employeeOrgData: { deep: [{ 'x@odata.bind': user }] } },
  ],
  ['The body contains "@odata.id"', 'PATCH /v1.0/users/{u}', 'User.ReadWrite.All', { '@odata.id': user }],
  // Navigations in bodies
  ['The body sets the navigation "memberOf"', 'PATCH /v1.0/users/{u}', 'User.ReadWrite.All', { memberOf: [] }],
  ['The body sets the navigation "Manager"', 'PATCH /v1.0/users/{u}', 'User.ReadWrite.All', { Manager: {} }],
  ['The body sets "mailboxSettings"', 'PATCH /v1.0/users/{u}', 'User.ReadWrite.All', { mailboxSettings: {} }],
  ['The body sets the navigation "members"', 'POST /v1.0/groups', 'Group.ReadWrite.All', { members: [] }],
  // Properties with a permission of their own
  [
    'The property "passwordProfile"',
    'PATCH /v1.0/users/{u}',
    'User.ReadWrite.All',
    { passwordProfile: { password: 'x' } },
  ],
  [
    'allow',
    'PATCH /v1.0/users/{u}',
    'User.ReadWrite.All User-PasswordProfile.ReadWrite.All',
    { passwordProfile: { password: 'x' } },
  ],
  ['allow', 'POST /v1.0/users', 'User.ReadWrite.All', { displayName: 'x', passwordProfile: { password: 'x' } }],
  [
    'The property "customSecurityAttributes"',
    'PATCH /v1.0/users/{u}',
    'User.ReadWrite.All',
    { customSecurityAttributes: {} },
  ],
  [
    'The property "customSecurityAttributes"',
    'PATCH /v1.0/users/{u}',
    'User.ReadWrite.All CustomSecAttributeAssignment.Read.All',
    { customSecurityAttributes: {} },
  ],
  [
    'The property "employeeLeaveDateTime"',
    'PATCH /v1.0/users/{u}',
    'User.ReadWrite.All',
    { employeeLeaveDateTime: '2026-01-01' },
  ],
  [
    'The property "isAssignableToRole"',
    'POST /v1.0/groups',
    'Group.ReadWrite.All',
    { displayName: 'x', isAssignableToRole: true },
  ],
  [
    'allow',
    'POST /v1.0/groups',
    'Group.ReadWrite.All RoleManagement.ReadWrite.Directory',
    { displayName: 'x', isAssignableToRole: true },
  ],
  // Addresses to send data to
  [
    'The body names an address in "notificationUrl"',
    'PATCH /v1.0/users/{u}',
    'User.ReadWrite.All',
    { notificationUrl: 'https://elsewhere.example' },
  ],
  ['The body names an address in "callbackURI"', 'POST /v1.0/users', 'User.ReadWrite.All', { a: { callbackURI: 'x' } }],
  // $ref
  ['allow', 'POST /v1.0/groups/{u}/members/$ref', `${members} User.Read.All`, { '@odata.id': user }],
  [
    'allow',
    'POST /v1.0/groups/{u}/members/$ref',
    `${members} Directory.Read.All`,
    { '@odata.id': 'https://graph.microsoft.com/v1.0/directoryObjects/a1' },
  ],
  [
    'allow',
    'POST /v1.0/groups/{u}/members/$ref',
    `${members} User.Read.All`,
    { '@odata.id': "https://graph.microsoft.com/beta/users('alice@a.example')" },
  ],
  [
    'The reference names an object of /users/{id}',
    'POST /v1.0/groups/{u}/members/$ref',
    members,
    { '@odata.id': user },
  ],
  [
    'The reference names an object of /directoryObjects/{id}',
    'POST /v1.0/groups/{u}/members/$ref',
    `${members} User.Read.All`,
    { '@odata.id': 'https://graph.microsoft.com/v1.0/directoryObjects/a1' },
  ],
  [
    'The reference names an object of /servicePrincipals/{id}',
    'POST /v1.0/groups/{u}/members/$ref',
    `${members} User.Read.All`,
    { '@odata.id': 'https://graph.microsoft.com/v1.0/servicePrincipals/a1' },
  ],
  [
    'The reference names an object of /users/{id}',
    'POST /v1.0/groups/{u}/members/$ref',
    `${members} User.Read`,
    { '@odata.id': 'https://graph.microsoft.com/v1.0/users/{own}' },
  ],
  [
    'The URL is not on graph.microsoft.com',
    'POST /v1.0/groups/{u}/members/$ref',
    `${members} User.Read.All`,
    { '@odata.id': 'https://elsewhere.example/v1.0/users/a1' },
  ],
  [
    'The reference is not the absolute URL',
    'POST /v1.0/groups/{u}/members/$ref',
    `${members} User.Read.All`,
    { '@odata.id': '/v1.0/users/a1' },
  ],
  [
    'The reference is not the absolute URL',
    'POST /v1.0/groups/{u}/members/$ref',
    `${members} User.Read.All`,
    { '@odata.id': `${user}?$select=id` },
  ],
  [
    'The reference does not name one object',
    'POST /v1.0/groups/{u}/members/$ref',
    `${members} User.Read.All`,
    { '@odata.id': 'https://graph.microsoft.com/v1.0/users' },
  ],
  [
    'The reference does not name one object',
    'POST /v1.0/groups/{u}/members/$ref',
    `${members} User.Read.All`,
    { '@odata.id': `${user}/microsoft.graph.user` },
  ],
  [
    'The path contains a dot segment',
    'POST /v1.0/groups/{u}/members/$ref',
    `${members} User.Read.All`,
    { '@odata.id': 'https://graph.microsoft.com/v1.0/users/../groups/a1' },
  ],
  [noReference, 'POST /v1.0/groups/{u}/members/$ref', `${members} User.Read.All`, { '@odata.id': user, x: 1 }],
  [noReference, 'POST /v1.0/groups/{u}/members/$ref', `${members} User.Read.All`, { '@odata.id': [user] }],
  [noReference, 'POST /v1.0/groups/{u}/members/$ref', `${members} User.Read.All`, {}],
  ['The request has no body', 'POST /v1.0/groups/{u}/members/$ref', `${members} User.Read.All`],
  // getByIds
  ['allow', 'POST /v1.0/directoryObjects/getByIds', 'Directory.Read.All', { ids: ['a'], types: ['user'] }],
  ['allow', 'POST /v1.0/directoryObjects/getByIds', 'Directory.Read.All', { ids: ['a'] }],
  [
    'getByIds asks for objects',
    'POST /v1.0/directoryObjects/getByIds',
    'Directory.Read.All',
    { ids: ['a'], types: ['anything'] },
  ],
  [
    "None of the rule's permissions opens POST /directoryObjects/getByIds",
    'POST /v1.0/directoryObjects/getByIds',
    'User.Read.All',
    { ids: ['a'], types: ['user'] },
  ],
  ['The request has no body', 'POST /v1.0/directoryObjects/getByIds', 'Directory.Read.All'],
];
