import type { PermissionRule, Question } from '../question.ts';
import type { PropertyPath } from '../reading/filter.ts';
import { operationOf } from './read-ceiling.ts';

const user = ['id', 'displayName', 'givenName', 'surname', 'mail', 'userPrincipalName'];
const group = ['id', 'displayName', 'description', 'mail'];
const member = ['id', 'displayName'];

/**
 * Properties that a `ReadBasic` permission covers ("Microsoft Graph permissions reference"). Permissions
 * without a list open nothing.
 */
const basicProperties: Readonly<Record<string, readonly string[]>> = {
  'User.ReadBasic.All': user,
  'Group.ReadBasic.All': group,
  'GroupMember.ReadBasic.All': member,
  'BitlockerKey.ReadBasic.All': ['id', 'createdDateTime', 'deviceId', 'volumeType'],
  'DeviceLocalCredential.ReadBasic.All': ['id', 'deviceName', 'lastBackupDateTime', 'refreshDateTime'],
  'Team.ReadBasic.All': ['id', 'displayName', 'description'],
  'Channel.ReadBasic.All': ['id', 'displayName', 'description'],
  'Chat.ReadBasic': ['id', 'topic', 'chatType', 'createdDateTime'],
  'Mail.ReadBasic': ['id', 'subject', 'from', 'sender', 'toRecipients', 'receivedDateTime', 'sentDateTime', 'isRead'],
  'Calendars.ReadBasic': ['id', 'subject', 'start', 'end', 'isAllDay', 'showAs'],
  'MultiTenantOrganization.ReadBasic.All': ['id', 'displayName', 'tenantId'],
  'CrossTenantInformation.ReadBasic.All': ['tenantId', 'displayName', 'defaultDomainName', 'federationBrandName'],
};

function isBasic(permission: string): boolean {
  const operation = operationOf(permission);
  return operation === 'ReadBasic' || operation === 'ReadWriteBasic';
}

const within = (list: readonly string[], paths: readonly PropertyPath[]): boolean =>
  paths.every(({ names: [first = ''] }) => list.some((name) => name.toLowerCase() === first.toLowerCase()));

/** Honours a basic permission only for GET with a `$select` of listed properties; conditions use the same list. */
export const basicOnly: PermissionRule = (permission, { method, query, location }) => {
  if (!isBasic(permission)) return undefined;
  const list = basicProperties[permission];
  if (list === undefined || method !== 'GET' || location.suffix !== undefined) return 'covers only basic properties';
  if (query.select === undefined) return `covers only basic properties; add $select with some of ${list.join(', ')}`;
  return within(list, [...query.select, ...query.conditions])
    ? undefined
    : `covers only the properties ${list.join(', ')}`;
};

/** Properties that a permission for single properties may change ("Update user", "Update group"). */
const singleProperties: Readonly<Record<string, readonly string[]>> = {
  'User-Mail.ReadWrite.All': ['otherMails'],
  'User-Phone.ReadWrite.All': ['businessPhones', 'mobilePhone'],
  'User-PasswordProfile.ReadWrite.All': ['passwordProfile'],
  'User.EnableDisableAccount.All': ['accountEnabled'],
  'User.ManageIdentities.All': ['identities'],
  'Group-PreferredDataLocation.ReadWrite.All': ['preferredDataLocation'],
};

const sharedEntities = new Set(['users', 'users/{}', 'users/delta', 'groups', 'groups/{}', 'groups/delta', 'me']);
const nameOfLimited = /^(?:User|Group)-|^User\.(?:EnableDisableAccount|ManageIdentities)\.|^Group\.ManageProtection\./;

/** Permissions for single properties stand on the whole user or group. They change what their list names, and read nothing. */
export const singlePropertiesOnly: PermissionRule = (permission, question) => {
  if (!nameOfLimited.test(permission) || !sharedEntities.has(question.location.path)) return undefined;
  const list = singleProperties[permission];
  return list !== undefined && changesOnly(list, question) ? undefined : 'covers only single properties';
};

const changesOnly = (list: readonly string[], { method, bodyKeys, location }: Question): boolean =>
  method === 'PATCH' &&
  location.suffix === undefined &&
  bodyKeys !== undefined &&
  bodyKeys.length > 0 &&
  bodyKeys.every((key) => list.includes(key));
