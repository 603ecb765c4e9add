import type { TenantEntry } from '../tenants/entry.ts';
import { noGroups, type TenantGroups } from '../tenants/tenant-groups.ts';
import type { TenantChoice } from '../tenants/tenant-set.ts';
import type { Grant } from '../../core/token.ts';
import type { CallerRole } from '../../core/caller.ts';
import type { ScopeLimit } from './judge-scopes.ts';
import type { RequestLimit } from './request-limit.ts';
import type { ApprovalTerms } from './approval-keys.ts';
import type { Selection } from './selection.ts';

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
  /** False for a rule that hands out no token: it is for the gateway alone, or only limits reading. */
  readonly tokens: boolean;
  /** Whether the rule lets the gateway send requests for its callers. */
  readonly gateway: boolean;
  /** Narrows the requests of the gateway. Undefined: only the scopes do. */
  readonly requests: RequestLimit | undefined;
  readonly grants: ReadonlySet<Grant>;
  /** Aliases of resources. */
  readonly resources: Selection;
  /** `tenants` without `except`. */
  readonly tenants: TenantChoice;
  /** The broker's application that redeems the token. */
  readonly application: string;
  /** `reads` without `except`: what the callers may read. Undefined: the rule does not limit reading. */
  readonly reads: TenantChoice | undefined;
  /** The lists of tenants as they are written, to explain a decision. */
  readonly written: WrittenTenants;
  /** What approval each request needs. Undefined: none. */
  readonly approval: ApprovalTerms | undefined;
  /** The rule is for emergencies: it serves at once, demands a reason and alerts. */
  readonly breakGlass: boolean;
}

/** The lists of tenants of a rule. */
export interface WrittenTenants {
  readonly tenants: readonly TenantEntry[];
  readonly except: readonly TenantEntry[];
  readonly reads: readonly TenantEntry[];
}

/** A checked access policy, ready to decide. */
export interface AccessPolicy {
  readonly rules: readonly Rule[];
  readonly groups: TenantGroups;
}

/** The policy in force while none can be loaded: denies every request. */
export const denyAll: AccessPolicy = { rules: [], groups: noGroups };
