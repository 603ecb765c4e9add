import type { Grant } from '../model/token.ts';
import type { CallerRole } from '../model/caller.ts';
import type { ScopeLimit } from './judge-scopes.ts';

/** All items, or the listed ones. */
export type Selection = '*' | ReadonlySet<string>;

/** One rule with its groups resolved and its defaults filled in. */
export interface Rule extends ScopeLimit {
  readonly name: string;
  /** Application ids in lower case. */
  readonly callers: Selection;
  /** The caller must hold all of them. */
  readonly roles: readonly CallerRole[];
  readonly grants: ReadonlySet<Grant>;
  /** Aliases of resources. */
  readonly resources: Selection;
  /** Tenant ids and domains in lower case. */
  readonly tenants: Selection;
  /** The broker's application that redeems the token. */
  readonly application: string;
}

/** A checked access policy, ready to decide. */
export interface AccessPolicy {
  readonly rules: readonly Rule[];
}

/** The policy in force while none can be loaded: denies every request. */
export const denyAll: AccessPolicy = { rules: [] };
