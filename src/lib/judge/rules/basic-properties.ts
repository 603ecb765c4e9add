import type { PermissionRule, Question } from '../resolve.ts';
import type { PropertyPath } from '../reading/filter.ts';
import { operationOf } from 'graph-permissions/reads';

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

const within = (list: readonly string[], paths: readonly PropertyPath[]): boolean =>
  paths.every(({ names: [first = ''] }) => list.some((name) => name.toLowerCase() === first.toLowerCase()));

/** Honours a basic permission only for GET with a `$select` of listed properties; conditions use the same list. */
export const basicOnly: PermissionRule = (permission, { method, query, location }) => {
  if (!/^Read(?:Write)?Basic$/.test(operationOf(permission))) return undefined;
  const list = basicProperties[permission];
  if (list === undefined || method !== 'GET' || location.suffix !== undefined) return 'covers only basic properties';
  if (query.select === undefined) return `covers only basic properties; add $select with some of ${list.join(', ')}`;
  return within(list, [...query.select, ...query.conditions])
    ? undefined
    : `covers only the properties ${list.join(', ')}`;
};

/**
 * Operations whose requests in the published file do no more than the permission covers. A permission with another one, such
 * as `Remove` or `UpdateBranding`, covers a part of what its path can do, and only the body or the object tells which.
 * Operations that Microsoft adds later count as such until somebody has reviewed them.
 */
const wholeOperations: ReadonlySet<string> = new Set(
  (
    'AccessAsUser Activate Archive Compute Create Delete DeleteRestore Evaluate Export FullControl ImportExport Invite Manage ' +
    'ManageDeletion PrivilegedOperations Process Read ReadAnonymous ReadBasic ReadWrite ReadWriteBasic RevokeSessions Send ' +
    'Start UpdateSponsors Upload Write'
  ).split(' '),
);
/** What an account can reach; `ownObjects` limits them. */
const reachOperations = /^Read(?:Write(?:AndConsent)?)?For(?:User|Chat|Team)$/;

/**
 * Properties that a permission for single properties may change ("Update user", "Update group", "Update agentIdentity",
 * "Update chatMessage").
 */
const singleProperties: Readonly<Record<string, readonly string[]>> = {
  'User-Mail.ReadWrite.All': ['otherMails'],
  'User-Phone.ReadWrite.All': ['businessPhones', 'mobilePhone'],
  'User-PasswordProfile.ReadWrite.All': ['passwordProfile'],
  'User.EnableDisableAccount.All': ['accountEnabled'],
  'User.ManageIdentities.All': ['identities'],
  'Group-PreferredDataLocation.ReadWrite.All': ['preferredDataLocation'],
  'AgentIdentity.EnableDisable.All': ['accountEnabled'],
  'AgentIdentityBlueprintPrincipal.EnableDisable.All': ['accountEnabled'],
  'ChannelMessage.UpdatePolicyViolation.All': ['policyViolation'],
  'Chat.UpdatePolicyViolation.All': ['policyViolation'],
};

const sharedEntities = new Set(['users', 'users/{}', 'users/delta', 'groups', 'groups/{}', 'groups/delta', 'me']);

/** Permissions for a part of an entity stand on the whole of it. They change what their list names, and read nothing. */
export const singlePropertiesOnly: PermissionRule = (permission, question) => {
  const operation = operationOf(permission);
  const whole = wholeOperations.has(operation) || reachOperations.test(operation);
  if (whole && !(/^(?:User|Group)-/.test(permission) && sharedEntities.has(question.location.path))) return undefined;
  const list = Object.hasOwn(singleProperties, permission) ? singleProperties[permission] : undefined;
  if (list !== undefined && changesOnly(list, question)) return undefined;
  return list === undefined
    ? 'may cover only a part of what this request can do; add one that covers all of it'
    : `covers only single properties; send PATCH with ${list.join(', ')} alone`;
};

const changesOnly = (list: readonly string[], { method, bodyKeys, location }: Question): boolean =>
  method === 'PATCH' &&
  location.suffix === undefined &&
  bodyKeys !== undefined &&
  bodyKeys.length > 0 &&
  bodyKeys.every((key) => list.includes(key));
