import { parseJson } from '../core/outbound.ts';

/**
 * The claims of an access token. Microsoft documents access tokens as opaque to clients ("Access tokens in the Microsoft
 * identity platform"), so every field may be absent. The claims authenticate nobody: they show whether the token is for
 * the right tenant, which scopes it has and whether it has the MFA claim.
 */
export interface TokenClaims {
  readonly tenantId?: string;
  /** `aud`: the resource that the token is for. */
  readonly audience?: string;
  readonly objectId?: string;
  readonly username?: string;
  readonly clientId?: string;
  /** `uti`: `uniqueTokenIdentifier` in the tenant's sign-in and audit logs. */
  readonly tokenIdentifier?: string;
  /** `exp`, by Entra's clock. */
  readonly expiresAtMs?: number;
  /**
   * `scp` and `roles`. A delegated token has both if app roles of the resource are assigned to the service account
   * ("Access token claims reference").
   */
  readonly scopes?: readonly string[];
  /** `amr`: how the user signed in. Partner Center requires `mfa`. */
  readonly authenticationMethods?: readonly string[];
}

/** The claims of a JWT; an empty object if the token is not a readable JWT. Never throws. */
export function readClaims(token: string): TokenClaims {
  const [, payload, signature] = token.split('.');
  if (payload === undefined || signature === undefined) return {};
  const claims = parseJson(Buffer.from(payload, 'base64url').toString('utf8'));
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return {};
  const read = claims as Record<string, unknown>;
  const tenantId = text(read['tid'])?.toLowerCase();
  const audience = text(read['aud']);
  const objectId = text(read['oid']);
  const username = text(read['upn']) ?? text(read['unique_name']) ?? text(read['preferred_username']);
  const clientId = text(read['appid']) ?? text(read['azp']);
  const tokenIdentifier = text(read['uti']);
  const [scp, roles] = [words(read['scp']), words(read['roles'])];
  // A resource may authorize by either, so a rule must name both.
  const scopes =
    scp === undefined && roles === undefined ? undefined : [...new Set([...(scp ?? []), ...(roles ?? [])])];
  const authenticationMethods = words(read['amr']);
  const expiresAtMs = typeof read['exp'] === 'number' ? read['exp'] * 1000 : undefined;
  return {
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(audience === undefined ? {} : { audience }),
    ...(objectId === undefined ? {} : { objectId }),
    ...(username === undefined ? {} : { username }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(tokenIdentifier === undefined ? {} : { tokenIdentifier }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(authenticationMethods === undefined ? {} : { authenticationMethods }),
  };
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= 1024 ? value : undefined;

function words(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return value.split(' ').filter((word) => word !== '');
  if (Array.isArray(value)) return value.filter((word): word is string => typeof word === 'string');
  return undefined;
}
