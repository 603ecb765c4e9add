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
  /** Object ids of people and service principals in lower case. */
  readonly objects: Selection;
  /** Kinds of callers. */
  readonly kinds: Selection;
  /** The caller must hold all of them. */
  readonly roles: readonly CallerRole[];
  /** False for a rule that only limits reading. */
  readonly tokens: boolean;
  readonly grants: ReadonlySet<Grant>;
  /** Aliases of resources. */
  readonly resources: Selection;
  /** Tenant ids and domains in lower case. */
  readonly tenants: Selection;
  /** The broker's application that redeems the token. */
  readonly application: string;
  /** Tenant ids and domains in lower case that the callers may read. Undefined: the rule does not limit reading. */
  readonly reads: Selection | undefined;
}

/** A checked access policy, ready to decide. */
export interface AccessPolicy {
  readonly rules: readonly Rule[];
}

/** The policy in force while none can be loaded: denies every request. */
export const denyAll: AccessPolicy = { rules: [] };
