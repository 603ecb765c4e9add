import type { World } from '../world.ts';
import { findMicrosoftResource, publicClients, withoutSlash } from '../directory/microsoft-resources.ts';
import { Refusal } from './refusal.ts';

/** What a token is asked for. */
export interface Target {
  readonly appId: string;
  readonly displayName: string;
  /** The resource as it was written, which is the audience of a version 1.0 token. */
  readonly asked: string;
  readonly tokenVersion: 1 | 2;
  /** Permissions that the resource knows: value → id. */
  readonly scopes: Readonly<Record<string, string>>;
  readonly roles: Readonly<Record<string, string>>;
  /** Scopes that the resource grants to clients by itself: client id → values. */
  readonly preAuthorized: ReadonlyMap<string, readonly string[]>;
  /** Values asked for by name; empty when `.default` was. */
  readonly named: readonly string[];
}

export interface TokenQuestion {
  readonly target: Target;
  /** `openid` and `offline_access`, where they were asked for. */
  readonly openid: boolean;
  readonly offline: boolean;
  /** What `scope` said, for the answer. */
  readonly scope: string;
}

const oidcScopes: readonly string[] = ['openid', 'profile', 'email', 'offline_access'];
const graph = 'https://graph.microsoft.com';

/** The resource that a name stands for: one of Microsoft's, or an application of the partner tenant. */
export function findTarget(world: World, asked: string, named: readonly string[] = []): Target | undefined {
  const known = findMicrosoftResource(asked);
  if (known !== undefined) {
    const { appId, displayName, permissions } = known;
    const { scopes, roles } = permissions;
    const preAuthorized = new Map(Object.keys(publicClients).map((id) => [id, Object.keys(scopes)]));
    return { appId, displayName, asked, tokenVersion: 1, scopes, roles, preAuthorized, named };
  }
  const name = withoutSlash(asked.toLowerCase());
  for (const application of world.partner.directory.applications.values()) {
    const names = [application.appId, `api://${application.appId}`, ...application.identifierUris];
    if (!names.some((each) => each.toLowerCase() === name)) continue;
    const values = (
      list: readonly { readonly id: string; readonly value: string }[],
    ): Readonly<Record<string, string>> => Object.fromEntries(list.map(({ id, value }) => [value, id]));
    const tokenVersion = application.requestedAccessTokenVersion === 2 ? 2 : 1;
    const { appId, displayName } = application;
    return {
      appId,
      displayName,
      asked,
      tokenVersion,
      scopes: values(application.scopes),
      roles: values(application.appRoles),
      preAuthorized: new Map(
        application.preAuthorized.map(({ appId: client, delegatedPermissionIds: ids }) => [
          client,
          application.scopes.filter(({ id }) => ids.includes(id)).map(({ value }) => value),
        ]),
      ),
      named,
    };
  }
  return undefined;
}

/** What a v2.0 request asks for. @throws Refusal when `scope` is missing, malformed, or about several resources. */
export function questionFromScope(world: World, scope: string, tenant: string): TokenQuestion {
  const asked = scope.split(/\s+/).filter(Boolean);
  const split = asked.filter((value) => !oidcScopes.includes(value.toLowerCase())).map(splitScope);
  const resources = [...new Set(split.map(([resource]) => resource))];
  if (resources.length > 1) throw new Refusal(700022, { scope });
  const resource = resources[0] ?? graph;
  const named = split.map(([, value]) => value).filter((value) => value !== '.default');
  const target = findTarget(world, resource, named);
  if (target === undefined) throw new Refusal(500011, { resource, tenant });
  const unknown = named.find((value) => !Object.hasOwn(target.scopes, value));
  if (unknown !== undefined) throw new Refusal(70011, { scope: unknown });
  return { target, openid: asked.includes('openid'), offline: asked.includes('offline_access'), scope };
}

/** `https://graph.microsoft.com/.default` → resource and value; a bare value belongs to Microsoft Graph. */
function splitScope(scope: string): readonly [string, string] {
  const at = scope.lastIndexOf('/');
  if (at === -1) return [graph, scope];
  const value = scope.slice(at + 1);
  if (value === '') throw new Refusal(70011, { scope });
  return [scope.slice(0, at), value];
}

/** What a v1.0 request asks for: its `resource`. */
export function questionFromResource(world: World, resource: string, tenant: string): TokenQuestion {
  const target = findTarget(world, resource);
  if (target === undefined) throw new Refusal(500011, { resource, tenant });
  return { target, openid: true, offline: true, scope: '' };
}
