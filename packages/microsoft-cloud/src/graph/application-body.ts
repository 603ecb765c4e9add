import { randomUUID } from 'node:crypto';
import type {
  Application,
  AppRole,
  KeyCredential,
  OptionalClaims,
  PermissionScope,
  PreAuthorizedClient,
  ResourceAccess,
} from '../directory/records.ts';
import { newKey } from '../directory/tenant-directory.ts';
import { badRequest, GraphError } from './graph-error.ts';

type Body = Readonly<Record<string, unknown>>;
type Setter = (application: Application, value: unknown) => void;

const audiences = [
  'AzureADMyOrg',
  'AzureADMultipleOrgs',
  'AzureADandPersonalMicrosoftAccount',
  'PersonalMicrosoftAccount',
];

const isObject = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');
const isObjects = (value: unknown): value is readonly Body[] => Array.isArray(value) && value.every(isObject);

function invalid(name: string): GraphError {
  return badRequest(`Invalid value specified for property '${name}' of resource 'Application'.`);
}

function texts(name: string, value: unknown): readonly string[] {
  if (!isTexts(value)) throw invalid(name);
  return value;
}

function objects(name: string, value: unknown): readonly Body[] {
  if (!isObjects(value)) throw invalid(name);
  return value;
}

const optionalText = (name: string, value: unknown): string | null => {
  if (value === null || typeof value === 'string') return value;
  throw invalid(name);
};

function redirects(kind: 'web' | 'publicClient' | 'spa'): Setter {
  return (application, value) => {
    if (!isObject(value)) throw invalid(kind);
    const redirectUris = value['redirectUris'];
    if (redirectUris === undefined) return;
    application.redirectUris = { ...application.redirectUris, [kind]: texts(`${kind}/redirectUris`, redirectUris) };
  };
}

const setters: Readonly<Record<string, Setter>> = {
  displayName: (application, value) => {
    if (typeof value !== 'string' || value === '') throw invalid('displayName');
    application.displayName = value;
  },
  description: (application, value) => {
    application.description = optionalText('description', value);
  },
  notes: (application, value) => {
    application.notes = optionalText('notes', value);
  },
  tags: (application, value) => {
    application.tags = texts('tags', value);
  },
  signInAudience: (application, value) => {
    if (typeof value !== 'string' || !audiences.includes(value)) throw invalid('signInAudience');
    application.signInAudience = value;
  },
  identifierUris: (application, value) => {
    application.identifierUris = texts('identifierUris', value);
  },
  isFallbackPublicClient: (application, value) => {
    if (value !== null && typeof value !== 'boolean') throw invalid('isFallbackPublicClient');
    application.isFallbackPublicClient = value;
  },
  requiredResourceAccess: (application, value) => {
    application.requiredResourceAccess = objects('requiredResourceAccess', value).map(resourceAccess);
  },
  appRoles: (application, value) => {
    application.appRoles = objects('appRoles', value).map(appRole);
  },
  keyCredentials: (application, value) => {
    application.keys = objects('keyCredentials', value).map((each) => keyCredential(application, each));
  },
  api: (application, value) => {
    if (!isObject(value)) throw invalid('api');
    const {
      requestedAccessTokenVersion: version,
      oauth2PermissionScopes: scopes,
      preAuthorizedApplications: clients,
    } = value;
    if (version !== undefined) {
      if (version !== null && version !== 1 && version !== 2) throw invalid('api/requestedAccessTokenVersion');
      application.requestedAccessTokenVersion = version;
    }
    if (scopes !== undefined) application.scopes = objects('api/oauth2PermissionScopes', scopes).map(permissionScope);
    // After the scopes, because one body may set both.
    if (clients !== undefined) application.preAuthorized = preAuthorized(application.scopes, clients);
  },
  optionalClaims: (application, value) => {
    application.optionalClaims = value === null ? null : optionalClaims(value);
  },
  servicePrincipalLockConfiguration: (application, value) => {
    const name = 'servicePrincipalLockConfiguration';
    if (value !== null && (!isObject(value) || Object.values(value).some((each) => typeof each !== 'boolean')))
      throw invalid(name);
    application.lock = value;
  },
  web: redirects('web'),
  publicClient: redirects('publicClient'),
  spa: redirects('spa'),
};

// Accepted without effect.
const ignored = new Set([
  'info',
  'parentalControlSettings',
  'groupMembershipClaims',
  'serviceManagementReference',
  'uniqueName',
]);

/** Applies the body of a create or update request to an application. @throws GraphError for a body that Graph rejects. */
export function applyApplicationBody(application: Application, body: Body): void {
  for (const [name, value] of Object.entries(body)) {
    if (ignored.has(name) || name.startsWith('@odata')) continue;
    const setter = Object.hasOwn(setters, name) ? setters[name] : undefined;
    if (setter === undefined) throw badRequest(`Invalid property '${name}'.`);
    setter(application, value);
  }
}

function resourceAccess(value: Body): ResourceAccess {
  const { resourceAppId, resourceAccess: accesses } = value;
  if (typeof resourceAppId !== 'string') throw invalid('requiredResourceAccess');
  return {
    resourceAppId,
    resourceAccess: objects('requiredResourceAccess', accesses).map(({ id, type }) => {
      if (typeof id !== 'string' || (type !== 'Scope' && type !== 'Role')) throw invalid('requiredResourceAccess');
      return { id, type };
    }),
  };
}

/** As Graph returns them: each kind of token has a list, and each claim all properties. */
function optionalClaims(value: unknown): OptionalClaims {
  if (!isObject(value)) throw invalid('optionalClaims');
  const claims = (kind: keyof OptionalClaims) =>
    objects(`optionalClaims/${kind}`, value[kind] ?? []).map(({ name, ...more }) => {
      if (typeof name !== 'string') throw invalid(`optionalClaims/${kind}`);
      return { additionalProperties: [], essential: false, source: null, ...more, name };
    });
  return { accessToken: claims('accessToken'), idToken: claims('idToken'), saml2Token: claims('saml2Token') };
}

const textOr = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise);

function appRole(value: Body): AppRole {
  const name = textOr(value['value'], '');
  return {
    id: textOr(value['id'], randomUUID()),
    value: name,
    displayName: textOr(value['displayName'], name),
    description: textOr(value['description'], name),
    allowedMemberTypes: isTexts(value['allowedMemberTypes']) ? value['allowedMemberTypes'] : ['Application'],
    isEnabled: value['isEnabled'] !== false,
  };
}

function permissionScope(value: Body): PermissionScope {
  const name = textOr(value['value'], '');
  return {
    id: textOr(value['id'], randomUUID()),
    value: name,
    adminConsentDisplayName: textOr(value['adminConsentDisplayName'], name),
    adminConsentDescription: textOr(value['adminConsentDescription'], name),
    type: textOr(value['type'], 'Admin'),
    isEnabled: value['isEnabled'] !== false,
  };
}

function preAuthorized(scopes: readonly PermissionScope[], value: unknown): readonly PreAuthorizedClient[] {
  const name = 'api/preAuthorizedApplications';
  return objects(name, value).map(({ appId, delegatedPermissionIds: ids }) => {
    const isScope = (id: string): boolean => scopes.some((scope) => scope.id === id);
    if (typeof appId !== 'string' || !isTexts(ids) || !ids.every(isScope)) throw invalid(name);
    return { appId: appId.toLowerCase(), delegatedPermissionIds: ids };
  });
}

/** Reads an ISO 8601 time as milliseconds. @throws GraphError for anything else. */
export function timeOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) throw badRequest("Cannot convert the literal to the expected type 'Edm.DateTimeOffset'.");
  return ms;
}

/** An entry without `key` refers to an existing entry by its `keyId`. */
function keyCredential(application: Application, value: Body): KeyCredential {
  const { key, keyId, displayName, startDateTime, endDateTime } = value;
  if (typeof key !== 'string' || key === '') {
    const known = application.keys.find((each) => each.keyId === keyId);
    if (known === undefined) throw invalid('keyCredentials');
    return known;
  }
  try {
    return newKey(
      key,
      typeof displayName === 'string' ? displayName : null,
      typeof keyId === 'string' ? keyId : undefined,
      { startMs: timeOf(startDateTime), endMs: timeOf(endDateTime) },
    );
  } catch (error) {
    if (error instanceof GraphError) throw error;
    if (error instanceof RangeError)
      throw new GraphError(400, 'KeyCredentialsInvalidEndDate', 'Key credential end date is invalid.');
    throw new GraphError(400, 'KeyCredentialsInvalidCertificate', 'Key credential is not a valid certificate.');
  }
}
