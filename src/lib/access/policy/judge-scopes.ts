/** The scopes that a rule allows. */
export interface ScopeLimit {
  /** Undefined: no limit. */
  readonly scopes: readonly string[] | undefined;
  /** Whether a token with other scopes is refused, or issued and its other scopes recorded. */
  readonly excessScopes: 'refuse' | 'record';
}

/** Whether a token may be issued. `excess`: the scopes that its rule does not name, for the audit record. */
export type ScopeJudgement =
  | { readonly allow: true; readonly excess: readonly string[] }
  | { readonly allow: false; readonly excess: readonly string[]; readonly reason: string };

/**
 * Entra adds these scopes to delegated tokens (OpenID Connect Core 1.0 sections 5.4 and 11). They give no access to data
 * of the tenant, so a rule need not name them.
 */
const openIdScopes = new Set(['openid', 'profile', 'email', 'offline_access']);

/**
 * Judges the scopes of an issued token. Entra issues every scope consented to the application, whatever the request
 * names. Pure.
 * @param tokenScopes Scopes as reported by Entra, short (`User.Read`) or prefixed with the resource.
 */
export function judgeScopes(limit: ScopeLimit, tokenScopes: readonly string[]): ScopeJudgement {
  if (limit.scopes === undefined) return { allow: true, excess: [] };
  const named = tokenScopes.map(shortName).filter((scope) => scope !== '.default');
  const allowed = new Set(limit.scopes);
  const excess = [...new Set(named.filter((scope) => !allowed.has(scope) && !openIdScopes.has(scope)))];
  if (limit.excessScopes === 'record') return { allow: true, excess };
  // The token may carry scopes that cannot be read, so it cannot be checked against the rule.
  if (named.length === 0) return { allow: false, excess, reason: 'The scopes of the token are unknown.' };
  if (excess.length > 0)
    return {
      allow: false,
      excess,
      reason: `The token would carry scopes that the rule does not allow: ${listed(excess)}.`,
    };
  return { allow: true, excess };
}

/** `https://graph.microsoft.com/User.Read` → `User.Read`. A token is for one resource, so the prefix is redundant. */
const shortName = (scope: string): string => scope.slice(scope.lastIndexOf('/') + 1);

const listed = (scopes: readonly string[]): string =>
  scopes.length <= 5 ? scopes.join(', ') : `${scopes.slice(0, 5).join(', ')} and ${scopes.length - 5} more`;
