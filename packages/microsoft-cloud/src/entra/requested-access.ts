import { findMicrosoftResource, publicClients, withoutTrailingSlash } from '../directory/microsoft-resources.ts';
import type { Application } from '../directory/records.ts';
import type { World } from '../world.ts';
import { Refusal } from './refusal.ts';

/** The resource that a token is requested for. */
export interface TargetResource {
  readonly appId: string;
  readonly displayName: string;
  /** The identifier as the client wrote it: the audience of a version 1.0 token. */
  readonly identifier: string;
  readonly tokenVersion: 1 | 2;
  /** Delegated permissions that the resource offers: value → id. */
  readonly scopes: Readonly<Record<string, string>>;
  /** Application permissions that the resource offers: value → id. */
  readonly roles: Readonly<Record<string, string>>;
  /** Scopes that the resource grants to clients without consent: client id → values. */
  readonly preAuthorized: ReadonlyMap<string, readonly string[]>;
  /** Scopes that the request names. Empty for `.default`. */
  readonly namedScopes: readonly string[];
}

/** What a request asks for. */
export interface RequestedAccess {
  readonly target: TargetResource;
  /** Whether `openid` is requested: an id token. */
  readonly openid: boolean;
  /** Whether `offline_access` is requested: a refresh token. */
  readonly offlineAccess: boolean;
  /** The `scope` parameter as sent. Empty for version 1.0. */
  readonly scope: string;
  /** A named scope that the resource does not offer. */
  readonly unknownScope?: string;
}

export const oidcScopes: readonly string[] = ['openid', 'profile', 'email', 'offline_access'];
const graph = 'https://graph.microsoft.com';

const mixedScopesText =
  "The provided value for the input parameter 'scope' is not valid. The scope '{scope}' is not valid. .default scope can't be combined with resource-specific scopes.";

/** Finds one of Microsoft's resources or an application of the partner tenant. */
export function findTargetResource(
  world: World,
  identifier: string,
  written: readonly string[] = [],
): TargetResource | undefined {
  const known = findMicrosoftResource(identifier);
  if (known !== undefined) {
    const { appId, displayName } = known;
    const { scopes, roles, usualScopes = Object.keys(scopes) } = world.permissionsOf(known);
    const namedScopes = asOffered(written, scopes);
    // Microsoft's own clients also get what they ask for by name.
    const granted = [...new Set([...usualScopes, ...namedScopes.filter((name) => Object.hasOwn(scopes, name))])];
    const preAuthorized = new Map(Object.keys(publicClients).map((id) => [id, granted]));
    return { appId, displayName, identifier, tokenVersion: 1, scopes, roles, preAuthorized, namedScopes };
  }
  const name = withoutTrailingSlash(identifier.toLowerCase());
  const application = [...world.partner.directory.applications.values()].find(({ appId, identifierUris }) =>
    [appId, `api://${appId}`, ...identifierUris].some((each) => each.toLowerCase() === name),
  );
  if (application === undefined) return undefined;
  const resource = applicationResource(application);
  return { ...resource, identifier, namedScopes: asOffered(written, resource.scopes) };
}

/** Scopes as the resource spells them. Letter case does not matter: examples of MSAL ask for `user.read`. */
function asOffered(written: readonly string[], scopes: Readonly<Record<string, string>>): readonly string[] {
  if (written.every((value) => Object.hasOwn(scopes, value))) return written;
  const byLowerCase = new Map(Object.keys(scopes).map((value) => [value.toLowerCase(), value]));
  return written.map((value) => byLowerCase.get(value.toLowerCase()) ?? value);
}

function applicationResource(application: Application): Omit<TargetResource, 'identifier' | 'namedScopes'> {
  const idsByValue = (
    list: readonly { readonly id: string; readonly value: string }[],
  ): Readonly<Record<string, string>> => Object.fromEntries(list.map(({ id, value }) => [value, id]));
  return {
    appId: application.appId,
    displayName: application.displayName,
    tokenVersion: application.requestedAccessTokenVersion === 2 ? 2 : 1,
    scopes: idsByValue(application.scopes),
    roles: idsByValue(application.appRoles),
    preAuthorized: new Map(
      application.preAuthorized.map(({ appId, delegatedPermissionIds: ids }) => [
        appId,
        application.scopes.filter(({ id }) => ids.includes(id)).map(({ value }) => value),
      ]),
    ),
  };
}

/**
 * Reads the `scope` of a version 2.0 request to the token endpoint.
 * @throws Refusal AADSTS28000 for several resources, and those of {@link signInAccess}.
 */
export function accessFromScope(world: World, scope: string, tenant: string): RequestedAccess {
  if (resourcesIn(scope).size > 1) throw new Refusal(28000, { scope });
  const access = signInAccess(world, scope, tenant);
  if (access.unknownScope !== undefined) throw new Refusal(70011, { scope: access.unknownScope });
  return access;
}

/** Scopes that are not those of OpenID Connect, as resource and value. */
const splitScopes = (scope: string): readonly (readonly [string, string])[] =>
  scope
    .split(/\s+/)
    .filter((value) => value !== '' && !oidcScopes.includes(value.toLowerCase()))
    .map(splitScope);

const resourcesIn = (scope: string): ReadonlySet<string> => new Set(splitScopes(scope).map(([resource]) => resource));

/**
 * Reads the `scope` of a version 2.0 sign-in. It may name several resources: the token is for the first.
 * @throws Refusal AADSTS500011 for an unknown resource, 70011 for `.default` together with a named scope.
 */
export function signInAccess(world: World, scope: string, tenant: string): RequestedAccess {
  const requested = scope.toLowerCase().split(/\s+/);
  const split = splitScopes(scope);
  const [[resource] = [graph]] = split;
  const values = split.filter(([of]) => of === resource).map(([, value]) => value);
  const namedScopes = values.filter((value) => value.toLowerCase() !== '.default');
  if (namedScopes.length > 0 && namedScopes.length < values.length)
    throw new Refusal(70011, { text: mixedScopesText.replace('{scope}', scope) });
  const target = findTargetResource(world, resource, namedScopes);
  if (target === undefined) throw new Refusal(500011, { resource, tenant });
  const unknown = target.namedScopes.find((value) => !Object.hasOwn(target.scopes, value));
  return {
    target,
    ...(unknown === undefined ? {} : { unknownScope: unknown }),
    openid: requested.includes('openid'),
    offlineAccess: requested.includes('offline_access'),
    scope,
  };
}

/** `https://graph.microsoft.com/.default` → resource and value. A value without a resource belongs to Microsoft Graph. */
function splitScope(scope: string): readonly [string, string] {
  const at = scope.lastIndexOf('/');
  if (at === -1) return [graph, scope];
  const value = scope.slice(at + 1);
  if (value === '') throw new Refusal(70011, { scope });
  return [scope.slice(0, at), value];
}

/** Reads the `resource` of a version 1.0 request. @throws Refusal AADSTS500011 for an unknown resource. */
export function accessFromResource(world: World, resource: string, tenant: string): RequestedAccess {
  const target = findTargetResource(world, resource);
  if (target === undefined) throw new Refusal(500011, { resource, tenant });
  return { target, openid: true, offlineAccess: true, scope: '' };
}
