import { isoTime } from '../clock.ts';
import type { User } from '../directory/records.ts';
import { json, type Reply } from '../web/http.ts';
import { rolesThatAllow } from '../population/roles.ts';
import {
  checkAdmin,
  checkPermission,
  checkRole,
  type GraphContext,
  graphRoute,
  listOptions,
  withRoles,
} from './context.ts';
import type { Item } from './filter.ts';
import { badRequest, GraphError, notFound } from './graph-error.ts';
import { groupsOf, transitiveGroupsOf } from './groups.ts';
import { userJson, userOnSelect } from './json.ts';
import { bodyOf } from './objects.ts';
import { collection, single } from './query.ts';

const read = 'User.Read.All User.ReadWrite.All Directory.Read.All Directory.ReadWrite.All';

const usersOf = ({ world, caller }: GraphContext): readonly User[] =>
  caller.customer === undefined ? [...world.partner.directory.users.values()] : world.usersOf(caller.customer);

function find(context: GraphContext): User {
  const key = (context.parameters['id'] ?? '').toLowerCase();
  const found = usersOf(context).find((user) => user.id === key || user.userPrincipalName.toLowerCase() === key);
  if (found === undefined) throw notFound(context.parameters['id'] ?? '');
  return found;
}

function me(context: GraphContext): User {
  const { caller, world } = context;
  if (caller.isApplication)
    throw new GraphError(400, 'BadRequest', '/me request is only valid with delegated authentication flow.');
  const found = world.partner.directory.users.get(caller.objectId);
  // A delegated administrator is no object of the customer's directory.
  if (found === undefined || caller.customer !== undefined) throw notFound(caller.objectId);
  return found;
}

/** The endpoint that OpenID Connect discovery names (OpenID Connect Core 1.0 section 5.3). */
function userInfo(context: GraphContext): Reply {
  const { id, displayName, givenName, surname, userPrincipalName } = me(context);
  return json(200, {
    sub: id,
    name: displayName,
    given_name: givenName,
    family_name: surname,
    email: userPrincipalName,
  });
}

/** Revokes all refresh tokens that were issued before now. */
function revoke({ world }: GraphContext, user: User): Reply {
  user.validFromMs = world.clock.nowMs();
  return json(200, { '@odata.context': `${world.addresses().graph}/v1.0/$metadata#Edm.Boolean`, value: true });
}

/** The report on sign-in methods: one row for each user. */
function registrationDetails(context: GraphContext): Reply {
  const rows = usersOf(context).map((user): Item => {
    const strong = user.methods.length > 0;
    return {
      id: user.id,
      userPrincipalName: user.userPrincipalName,
      userDisplayName: user.displayName,
      userType: user.userType.toLowerCase(),
      isAdmin: user.isAdmin,
      isSsprRegistered: strong,
      isSsprEnabled: true,
      isSsprCapable: strong,
      isMfaRegistered: strong,
      isMfaCapable: strong,
      isPasswordlessCapable: user.methods.includes('fido2SecurityKey'),
      methodsRegistered: user.methods,
      isSystemPreferredAuthenticationMethodEnabled: true,
      systemPreferredAuthenticationMethods: strong ? ['PhoneAppNotification'] : [],
      userPreferredMethodForSecondaryAuthentication: strong ? 'push' : 'none',
      defaultMfaMethod: user.methods[0] ?? 'none',
      lastUpdatedDateTime: isoTime(user.createdMs),
    };
  });
  return collection(rows, listOptions(context, 'reports/authenticationMethods/userRegistrationDetails'));
}

/** `checkMemberGroups` and `checkMemberObjects`: the groups of which the signed-in user is a member. */
function checkMembership(context: GraphContext): Reply {
  const body = bodyOf(context);
  const ids = body['groupIds'] ?? body['ids'];
  if (!Array.isArray(ids)) throw badRequest('groupIds is required.');
  const { id } = me(context);
  const value = ids.map(String).filter((groupId) => context.directory.groups.get(groupId)?.members.has(id));
  return json(200, { value });
}

/**
 * Whether the request selects or filters by `signInActivity`. This needs a permission of its own and has smaller pages
 * ("List users").
 * @throws GraphError 403 without the permission.
 */
function usesSignInActivity(context: GraphContext): boolean {
  const { query } = context.request;
  const isUsed = /\bsignInActivity\b/i.test(`${query.get('$select')} ${query.get('$filter')}`);
  if (isUsed) {
    checkPermission(context, ['AuditLog.Read.All']);
    checkRole(context, rolesThatAllow.reports);
  }
  return isUsed;
}

function listUsers(context: GraphContext): Reply {
  const maxPage = usesSignInActivity(context) ? { maxPage: 500 } : {};
  return collection(
    usersOf(context).map(userJson),
    listOptions(context, 'users', { onSelect: userOnSelect, ...maxPage }),
  );
}

function showUser(context: GraphContext, user: User): Reply {
  usesSignInActivity(context);
  return single(userJson(user), listOptions(context, 'users', { onSelect: userOnSelect }));
}

export const userRoutes = [
  graphRoute('GET', '/oidc/userinfo', 'openid', userInfo),
  graphRoute('GET', '/v1.0/me', `User.Read ${read}`, (context) => showUser(context, me(context))),
  graphRoute('GET', '/v1.0/me/memberOf', `User.Read ${read}`, (context) => groupsOf(context, me(context).id)),
  graphRoute('GET', '/v1.0/me/transitiveMemberOf', `User.Read ${read}`, (context) =>
    transitiveGroupsOf(context, me(context).id),
  ),
  graphRoute('POST', '/v1.0/me/checkMemberGroups', `User.Read ${read}`, checkMembership),
  graphRoute('POST', '/v1.0/me/checkMemberObjects', `User.Read ${read}`, checkMembership),
  graphRoute(
    'POST',
    '/v1.0/me/revokeSignInSessions',
    'User.RevokeSessions.All User.ReadWrite.All Directory.ReadWrite.All',
    (context) => revoke(context, me(context)),
  ),
  graphRoute('GET', '/v1.0/users', read, listUsers),
  graphRoute('GET', '/v1.0/users/{id}', read, (context) => showUser(context, find(context))),
  graphRoute('GET', '/v1.0/users/{id}/memberOf', read, (context) => groupsOf(context, find(context).id)),
  graphRoute('GET', '/v1.0/users/{id}/transitiveMemberOf', read, (context) =>
    transitiveGroupsOf(context, find(context).id),
  ),
  graphRoute(
    'POST',
    '/v1.0/users/{id}/revokeSignInSessions',
    'User.RevokeSessions.All User.ReadWrite.All Directory.ReadWrite.All',
    (context) => {
      checkAdmin(context);
      return revoke(context, find(context));
    },
  ),
  withRoles(
    rolesThatAllow.reports,
    graphRoute(
      'GET',
      '/v1.0/reports/authenticationMethods/userRegistrationDetails',
      'AuditLog.Read.All',
      registrationDetails,
    ),
  ),
];
