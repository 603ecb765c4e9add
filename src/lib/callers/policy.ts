import type { Grant } from '../model/token.ts';
import type { CallerRole } from '../model/caller.ts';
import type { ScopeLimit } from './judge-scopes.ts';

/** All, or these. */
export type Selection = '*' | ReadonlySet<string>;

/** One rule with its groups resolved and its defaults filled in. */
export interface Rule extends ScopeLimit {
  readonly name: string;
  /** Application ids in lower case. */
  readonly callers: Selection;
  /** The caller must hold all of them. */
  readonly roles: readonly CallerRole[];
  readonly grants: ReadonlySet<Grant>;
  /** Aliases. */
  readonly resources: Selection;
  /** Tenant ids and domains in lower case. */
  readonly tenants: Selection;
  /** Which of the broker's applications redeems. */
  readonly application: string;
}

/** A checked access policy, ready to decide. */
export interface AccessPolicy {
  readonly rules: readonly Rule[];
}

/** What holds while there is no policy that can be trusted. */
export const denyAll: AccessPolicy = { rules: [] };
