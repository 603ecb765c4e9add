/** Claims of the caller token that decide what the page shows. Only the API verifies the token. */
export interface Session {
  readonly token: string;
  /** The address of a person's account, or the name of an application. */
  readonly name: string;
  /** Such as "Olivia Operator". Absent for an application. */
  readonly fullName?: string;
  readonly roles: readonly string[];
  readonly expiresAtMs: number;
  /** The person or service principal that roles are given to. */
  readonly objectId?: string;
  /** The partner tenant. */
  readonly tenantId?: string;
}

/**
 * Reads the claims of a token without verifying it: the API rejects a forged token.
 * @returns undefined for a text that is not a JWT.
 */
export function readSession(pasted: string): Session | undefined {
  const token = pasted.trim().replace(/^bearer\s+/i, '');
  const payload = token.split('.')[1];
  if (payload === undefined || token.split('.').length !== 3) return undefined;
  try {
    const claims = JSON.parse(decodeBase64Url(payload)) as Record<string, unknown>;
    const { exp, roles, oid, tid, name } = claims;
    if (typeof exp !== 'number') return undefined;
    return {
      token,
      name: nameOf(claims),
      ...(typeof name === 'string' && name !== '' ? { fullName: name } : {}),
      roles: Array.isArray(roles) ? roles.filter((role): role is string => typeof role === 'string') : [],
      expiresAtMs: exp * 1000,
      ...(typeof oid === 'string' ? { objectId: oid } : {}),
      ...(typeof tid === 'string' ? { tenantId: tid } : {}),
    };
  } catch {
    return undefined;
  }
}

function decodeBase64Url(text: string): string {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
}

function nameOf(claims: Readonly<Record<string, unknown>>): string {
  for (const name of ['preferred_username', 'upn', 'app_displayname', 'azp', 'appid']) {
    const value = claims[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return 'unknown';
}
