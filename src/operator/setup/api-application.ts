import { hash } from 'node:crypto';
import { type JsonObject, objectsIn } from '../../lib/core/objects.ts';
import { type CallerRole, callerRoles, personScope } from '../../lib/core/caller.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';

/**
 * Clients through which people sign in without consent. Without one of them, Entra issues no token for the broker to a
 * person whom no administrator has consented for (AADSTS65001).
 */
export const signInClients = {
  'Azure CLI and azd': '04b07795-8ddb-461a-bbee-02f9e1bf7b46',
  'Azure PowerShell': '1950a258-227b-4e31-a9cf-717495945fc2',
} as const;

const roleTexts: Readonly<Record<CallerRole, string>> = {
  'Tokens.Request': 'Request tokens for tenants, as the access policy allows.',
  'Requests.Send': 'Send requests into tenants through the gateway, as the access policy allows.',
  'Tenants.Read': 'Read the delegated tenants.',
  'Tenants.Write': 'Change the tags of tenants. Rules of the access policy may grant access by tag.',
  'Runs.Read': 'Read runs and their results.',
  'Runs.Write': 'Start and cancel runs.',
  'Audit.Read': 'Read which caller got which token and sent which request.',
  'Metrics.Read': 'Read counts and states of the broker, without names of tenants and callers.',
  'Changes.Plan': 'Plan changes of tenants, which changes nothing.',
  'Changes.Apply': 'Apply plans of changes to tenants, as the access policy allows.',
  'Approvals.Decide': 'Decide on requests of others that need an approval, as the access policy allows.',
};

/** The broker's own application as Graph has it. Lists keep what others added. */
export interface ApiApplication {
  readonly objectId: string;
  readonly clientId: string;
  readonly signInAudience: string;
  readonly tokenVersion: number | undefined;
  readonly roles: readonly JsonObject[];
  readonly scopes: readonly JsonObject[];
  readonly clients: readonly JsonObject[];
  /** Optional claims by kind of token. */
  readonly optionalClaims: JsonObject;
}

/** The desired state of an application, and what differs from it. */
export interface ApiChanges {
  /** Everything but the clients, which refer to a scope: Graph refuses both in one request while the scope is new. */
  readonly body: JsonObject;
  /** Everything in `api`: Graph may replace the whole of it. */
  readonly bodyWithClients: JsonObject;
  readonly roles: readonly JsonObject[];
  readonly differences: readonly string[];
}

const signInAudience = 'AzureADMyOrg';

/**
 * By these claims verify-caller.ts tells agents from programs and people. Entra puts them only into tokens for an
 * application that asks for them ("Token claims reference for agents").
 */
const agentClaims = ['xms_act_fct', 'xms_sub_fct', 'xms_par_app_azp'] as const;

/** The claims about agents that the access tokens for an application lack. @param found its `optionalClaims`. */
export const missingAgentClaims = (found: JsonObject | undefined): readonly string[] => {
  const names = objectsIn(found?.['accessToken']).map(({ name }) => name);
  return agentClaims.filter((name) => !names.includes(name));
};

/** The App ID URI. Entra accepts one with the tenant id without a verified domain. */
export const apiIdentifier = (tenantId: TenantId, name: string): string => `api://${tenantId}/${name}`;

/** An id that is the same on every run. It has to be unique within the application only. */
function stableId(value: string): string {
  const hex = hash('sha256', `partner-token-broker:${value}`, 'hex');
  // The layout of RFC 9562, version 8.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The body that creates the application, without the clients: they refer to a scope that has to exist. */
export function newApiApplication(displayName: string, identifier: string): JsonObject {
  return {
    displayName,
    signInAudience,
    identifierUris: [identifier],
    api: { requestedAccessTokenVersion: 2, oauth2PermissionScopes: [newScope()] },
    appRoles: callerRoles.map(newRole),
  };
}

const newScope = (): JsonObject => ({
  id: stableId(personScope),
  value: personScope,
  type: 'Admin',
  adminConsentDisplayName: 'Use the broker as the signed-in user',
  adminConsentDescription: 'Use the broker with the app roles that the signed-in user has.',
  isEnabled: true,
});

const newRole = (value: CallerRole): JsonObject => ({
  id: stableId(value),
  value,
  displayName: value,
  description: roleTexts[value],
  allowedMemberTypes: ['Application', 'User'],
  isEnabled: true,
});

/**
 * What has to change in an application that exists. Roles, scopes and clients that others added stay.
 * @param signInClientId the client of the dashboard and of `ptb login`. Undefined: it does not exist yet.
 */
export function changesOf(found: ApiApplication, signInClientId: string | undefined): ApiChanges {
  const roles = callerRoles.map((value) => enabled(found.roles, newRole(value)));
  const scope = enabled(found.scopes, newScope());
  const named = { ...signInClients, 'the dashboard and ptb login': signInClientId };
  const wanted = Object.entries(named).map(([name, appId]) => ({
    name,
    client: appId === undefined ? {} : authorized(found.clients, appId, String(scope['id'])),
  }));
  const clients = wanted.map(({ client }) => client).filter((client) => Object.hasOwn(client, 'appId'));
  const api = { requestedAccessTokenVersion: 2, oauth2PermissionScopes: merged(found.scopes, [scope], 'value') };
  const claims = missingAgentClaims(found.optionalClaims);
  const accessToken = [...objectsIn(found.optionalClaims['accessToken']), ...claims.map((name) => ({ name }))];
  return {
    roles,
    differences: [
      ...(found.signInAudience === signInAudience ? [] : ['only accounts of this tenant may sign in']),
      ...(found.tokenVersion === 2 ? [] : ['access tokens of version 2']),
      ...(claims.length === 0 ? [] : ['claims that identify agents']),
      ...(found.scopes.includes(scope) ? [] : [`scope ${personScope}`]),
      ...roles.filter((role) => !found.roles.includes(role)).map((role) => `app role ${String(role['value'])}`),
      ...wanted.filter(({ client }) => !found.clients.includes(client)).map(({ name }) => `sign-in with ${name}`),
    ],
    body: {
      signInAudience,
      appRoles: merged(found.roles, roles, 'value'),
      api,
      optionalClaims: { ...found.optionalClaims, accessToken },
    },
    bodyWithClients: { api: { ...api, preAuthorizedApplications: merged(found.clients, clients, 'appId') } },
  };
}

/** The existing entry if it is as wanted. Otherwise the wanted one, under the id of the existing one: ids cannot change. */
function enabled(existing: readonly JsonObject[], wanted: JsonObject): JsonObject {
  const found = existing.find(({ value }) => value === wanted['value']);
  if (found === undefined) return wanted;
  const types = found['allowedMemberTypes'];
  const hasTypes = !Array.isArray(types) || ['Application', 'User'].every((type) => types.includes(type));
  return found['isEnabled'] === true && hasTypes ? found : { ...found, ...wanted, id: found['id'] };
}

function authorized(existing: readonly JsonObject[], appId: string, scopeId: string): JsonObject {
  const found = existing.find((client) => client['appId'] === appId);
  const ids = Array.isArray(found?.['delegatedPermissionIds']) ? found['delegatedPermissionIds'].map(String) : [];
  if (found !== undefined && ids.includes(scopeId)) return found;
  return { appId, delegatedPermissionIds: [...ids, scopeId] };
}

const merged = (existing: readonly JsonObject[], wanted: readonly JsonObject[], key: string): readonly JsonObject[] => [
  ...existing.filter((entry) => !wanted.some((other) => other[key] === entry[key])),
  ...wanted,
];
