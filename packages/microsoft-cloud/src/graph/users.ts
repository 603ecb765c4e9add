import type { User } from '../directory/records.ts';
import { pairwise } from '../entra/tokens.ts';
import { json, type Reply } from '../web/http.ts';
import { checkAdmin, type GraphContext, graphRoute } from './context.ts';
import { GraphError, notFound } from './graph-error.ts';

const revokes = 'User.RevokeSessions.All User.ReadWrite.All Directory.ReadWrite.All';

function me({ caller, world }: GraphContext): User {
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
    // The same as in the ID token (section 5.3.2).
    sub: pairwise(id, context.caller.clientId),
    name: displayName,
    given_name: givenName,
    family_name: surname,
    email: userPrincipalName,
  });
}

/** A user of the tenant who can sign in. Undefined for one that a client has created. */
function find({ world, caller, parameters, findUser }: GraphContext): User | undefined {
  const key = parameters['id'] ?? '';
  const id = findUser(key)?.['id'];
  if (id === undefined) throw notFound(key);
  const users = caller.customer === undefined ? world.partner.directory.users.values() : world.usersOf(caller.customer);
  return [...users].find((user) => user.id === id);
}

/** Revokes all refresh tokens that were issued before now. */
function revoke({ world }: GraphContext, user: User | undefined): Reply {
  if (user !== undefined) user.validFromMs = world.clock.nowMs();
  return json(200, { '@odata.context': `${world.addresses().graph}/v1.0/$metadata#Edm.Boolean`, value: true });
}

export const userRoutes = [
  graphRoute('GET', '/oidc/userinfo', 'openid', userInfo),
  graphRoute('POST', '/v1.0/me/revokeSignInSessions', revokes, (context) => revoke(context, me(context))),
  graphRoute('POST', '/v1.0/users/{id}/revokeSignInSessions', revokes, (context) => {
    checkAdmin(context);
    return revoke(context, find(context));
  }),
];
