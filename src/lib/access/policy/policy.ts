import type { CallerKind, CallerRole } from '../../core/caller.ts';
import type { Grant } from '../../core/secrets.ts';
import { noGroups, type TenantSelection, type TenantEntry, type TenantGroups } from '../tenants/tenant-set.ts';
import type { RequestLimit, AllowList } from './request-limit.ts';

/** What approval the requests under a rule need. */
export interface ApprovalTerms {
  /** App roles that a decider must hold, all of them. */
  readonly from: readonly CallerRole[];
  /** How many people must approve. */
  readonly count: number;
  /** How long a request waits for decisions. */
  readonly expiresMinutes: number;
  /** How long the approved request is served. */
  readonly validMinutes: number;
}

/**
 * The least and the largest value of each term. Five days span a weekend, and keep the timer of an orchestration within the
 * six days that the platform can wait at once. More than a day of validity is a right and not an exception.
 */
export const approvalRanges = {
  count: [1, 10],
  expiresMinutes: [5, 7_200],
  validMinutes: [1, 1_440],
} as const satisfies Partial<Record<keyof ApprovalTerms, readonly [number, number]>>;

/** The role that every decider must hold. */
export const deciderRole: CallerRole = 'Approvals.Decide';

/** `approval` as written in a rule. */
type ApprovalDocument = { readonly [Term in keyof ApprovalTerms]?: ApprovalTerms[Term] | undefined };

/** Fills in the defaults. */
export const termsOf = ({
  from = [],
  count = 1,
  expiresMinutes = 60,
  validMinutes = 60,
}: ApprovalDocument): ApprovalTerms => ({
  from: [...new Set<CallerRole>([deciderRole, ...from])],
  count,
  expiresMinutes,
  validMinutes,
});

/** Checks the keys of a rule that put a condition on its requests. */
export const approvalProblems = (
  { approval, breakGlass }: { readonly approval?: unknown; readonly breakGlass?: true | undefined },
  location: string,
): string[] =>
  approval === undefined || breakGlass === undefined
    ? []
    : [`${location}.breakGlass: a rule for emergencies does not wait for an approval; write two rules.`];

/** Checks the keys of a rule that concern agents. */
export const agentProblems = (
  { callers: { kinds, blueprints }, breakGlass }: AgentKeys,
  location: string,
): string[] => [
  ...(blueprints !== undefined && kinds?.some((kind) => kind !== 'agent')
    ? [`${location}.callers.kinds: only agents have a blueprint; leave kinds out, or write two rules.`]
    : []),
  ...(breakGlass && (blueprints !== undefined || kinds?.includes('agent'))
    ? [`${location}.breakGlass: an agent cannot declare an emergency; write the rule for people and applications.`]
    : []),
];

/** The keys that {@link agentProblems} checks. */
interface AgentKeys {
  readonly callers: {
    readonly kinds?: readonly CallerKind[] | undefined;
    readonly blueprints?: readonly string[] | undefined;
  };
  readonly breakGlass?: true | undefined;
}

/** The scopes that a rule allows. */
export interface ScopeLimit {
  /** Undefined: no limit. */
  readonly scopes: readonly string[] | undefined;
  /** Whether a token with other scopes is refused, or issued and its other scopes recorded. */
  readonly excessScopes: 'refuse' | 'record';
}

/** Whether a token may be issued. `excess`: the scopes that its rule does not name, for the audit record. */
type ScopeJudgement =
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
  if (excess.length === 0) return { allow: true, excess };
  return {
    allow: false,
    excess,
    reason: `The token would carry scopes that the rule does not allow: ${listed(excess)}.`,
  };
}

/** `https://graph.microsoft.com/User.Read` → `User.Read`. A token is for one resource, so the prefix is redundant. */
const shortName = (scope: string): string => scope.slice(scope.lastIndexOf('/') + 1);

const listed = (scopes: readonly string[]): string =>
  scopes.length <= 5 ? scopes.join(', ') : `${scopes.slice(0, 5).join(', ')} and ${scopes.length - 5} more`;

/** One rule with its groups resolved and its defaults filled in. */
export interface Rule extends ScopeLimit {
  readonly name: string;
  /** Application ids in lower case. */
  readonly callers: AllowList;
  /** Object ids of people and service principals in lower case. */
  readonly objects: AllowList;
  /** Kinds of callers. `"*"`: people, applications, and the agents that `callers` names by their ids. */
  readonly kinds: AllowList;
  /** Blueprints of agents in lower case. `"*"`: the rule names none. */
  readonly blueprints: AllowList;
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
  readonly resources: AllowList;
  /** `tenants` without `except`. */
  readonly tenants: TenantSelection;
  /** The broker's application that redeems the token. */
  readonly application: string;
  /** `reads` without `except`: what the callers may read. Undefined: the rule does not limit reading. */
  readonly reads: TenantSelection | undefined;
  /** The lists of tenants as they are written, to explain a decision. */
  readonly written: Readonly<Record<'tenants' | 'except' | 'reads', readonly TenantEntry[]>>;
  /** What approval each request needs. Undefined: none. */
  readonly approval: ApprovalTerms | undefined;
  /** The rule is for emergencies: it serves at once, demands a reason and alerts. */
  readonly breakGlass: boolean;
}

/** A checked access policy, ready to decide. */
export interface AccessPolicy {
  readonly rules: readonly Rule[];
  readonly groups: TenantGroups;
}

/** The policy in force while none can be loaded: denies every request. */
export const denyAll: AccessPolicy = { rules: [], groups: noGroups };

/** The grant of the token behind the gateway: delegated, or application if the rule has only that. */
export const grantOf = ({ grants }: Pick<Rule, 'grants'>): Grant =>
  grants.has('delegated') ? 'delegated' : 'application';
