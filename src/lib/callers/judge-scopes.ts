/** What a rule says of scopes. */
export interface ScopeLimit {
  /** Undefined: no limit. */
  readonly scopes: readonly string[] | undefined;
  readonly excessScopes: 'refuse' | 'record';
}

export type ScopeJudgement =
  | {
      readonly handOut: true /** To be recorded; empty when the token is within its rule. */;
      readonly excess: readonly string[];
    }
  | { readonly handOut: false; readonly excess: readonly string[]; readonly reason: string };

/**
 * Entra adds these to delegated tokens by itself (OpenID Connect Core 1.0 section 5.4, and `offline_access`); they open
 * no data of the tenant, and no rule should have to name them.
 */
const openIdScopes = new Set(['openid', 'profile', 'email', 'offline_access']);

/**
 * Judges the token that Entra really gave: it carries every scope consented to the application, whatever was asked. Pure.
 * @param tokenScopes As Entra reported them, short (`User.Read`) or with the resource in front.
 */
export function judgeScopes(limit: ScopeLimit, tokenScopes: readonly string[]): ScopeJudgement {
  if (limit.scopes === undefined) return { handOut: true, excess: [] };
  const named = tokenScopes.map(shortName).filter((scope) => scope !== '.default');
  const allowed = new Set(limit.scopes);
  const excess = [...new Set(named.filter((scope) => !allowed.has(scope) && !openIdScopes.has(scope)))];
  if (limit.excessScopes === 'record') return { handOut: true, excess };
  // Nothing known is not nothing carried: an unreadable token cannot be shown to keep to its rule.
  if (named.length === 0) return { handOut: false, excess, reason: 'The scopes of the token are not known.' };
  if (excess.length > 0) return { handOut: false, excess, reason: `The token would also carry ${listed(excess)}.` };
  return { handOut: true, excess };
}

/** `https://graph.microsoft.com/User.Read` → `User.Read`: one token is for one resource, so the front says nothing new. */
const shortName = (scope: string): string => scope.slice(scope.lastIndexOf('/') + 1);

const listed = (scopes: readonly string[]): string =>
  scopes.length <= 5 ? scopes.join(', ') : `${scopes.slice(0, 5).join(', ')} and ${scopes.length - 5} more`;
