import type { CallerKind, CallerRole } from '../../core/caller.ts';
import { judgedBy } from '../../core/resources.ts';
import type { Grant } from '../../core/secrets.ts';
import { noGroups, type TenantSelection, type TenantEntry, type TenantGroups } from '../tenants/tenant-set.ts';
import type { PathSegment } from '../../judge/verdict.ts';

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
export const shortName = (scope: string): string => scope.slice(scope.lastIndexOf('/') + 1);

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
  /** Names of the change jobs whose plans its callers may apply. Undefined: none. */
  readonly changes: AllowList | undefined;
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
  /** The users and groups that its requests do not change. Undefined: it protects none. */
  readonly protect: Protection | undefined;
}

/** Checks the keys of a rule that lets plans be applied. It opens nothing else. */
export const changesProblems = (
  rule: Partial<Readonly<Record<(typeof notWithChanges)[number] | 'changes' | 'tenants', unknown>>>,
  location: string,
): string[] =>
  rule.changes === undefined
    ? []
    : [
        ...(rule.tenants === undefined ? [`${location}.tenants: is missing.`] : []),
        ...notWithChanges
          .filter((key) => rule[key] !== undefined)
          .map((key) => `${location}.${key}: does not go with changes; write two rules.`),
      ];

const notWithChanges = [
  ...(['resources', 'scopes', 'excessScopes', 'grants', 'application'] as const),
  ...(['via', 'requests', 'breakGlass', 'reads'] as const),
];

/** Who is protected in every tenant of a rule. */
export interface Protection {
  /** Whoever holds or may activate a directory role, and groups to which roles can be assigned, with their members. */
  readonly administrators: boolean;
  /** Ids of groups in lower case. They are protected with their members, also those of groups in them. */
  readonly groups: ReadonlySet<string>;
}

/** The entry of `protect` for administrators. */
export const administrators = 'administrators';

/** Reads `protect` of a rule. The schema has checked each entry. */
export const protectionOf = (entries: readonly string[]): Protection => ({
  administrators: entries.includes(administrators),
  groups: new Set(
    entries.filter((entry) => entry !== administrators).map((entry) => entry.slice('group:'.length).toLowerCase()),
  ),
});

/** Checks a rule that protects targets: nothing but the gateway looks them up, in Graph. */
export function protectProblems(
  {
    protect,
    via,
    resources,
  }: Partial<Readonly<Record<'protect' | 'via' | 'resources', readonly string[] | undefined>>>,
  location: string,
): string[] {
  if (protect === undefined || resources === undefined) return [];
  return [
    ...(via?.every((way) => way === 'gateway') === true
      ? []
      : [`${location}.protect: a token could change anybody; write "via": ["gateway"], and another rule for tokens.`]),
    ...(resources.every((alias) => judgedBy(alias) === 'permissions')
      ? []
      : [`${location}.protect: works for the resource graph only; write another rule for the others.`]),
  ];
}

/** A checked access policy, ready to decide. */
export interface AccessPolicy {
  readonly rules: readonly Rule[];
  readonly groups: TenantGroups;
  /** Names by application or object id, in lower case. */
  readonly callerNames?: ReadonlyMap<string, string>;
}

/** The policy in force while none can be loaded: denies every request. */
export const denyAll: AccessPolicy = { rules: [], groups: noGroups };

/** The grant of the token behind the gateway: delegated, or application if the rule has only that. */
export const grantOf = ({ grants }: Pick<Rule, 'grants'>): Grant =>
  grants.has('delegated') ? 'delegated' : 'application';

/** All items, or the listed ones. */
export type AllowList = '*' | ReadonlySet<string>;

/** A list of a policy as an allow list. Ids, domains and aliases ignore case. */
export const allowListOf = (items: readonly string[]): AllowList =>
  items.includes('*') ? '*' : new Set(items.map((item) => item.toLowerCase()));

/** Whether a list contains an item, given in lower case. What is unknown is only in `"*"`. */
export const allows = (list: AllowList, item: string | undefined): boolean =>
  list === '*' || (item !== undefined && list.has(item));

/** The methods that the gateway sends. */
export const requestMethods = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'] as const;

/** `requests` as written in a rule. */
interface RequestsDocument {
  readonly methods?: readonly string[] | undefined;
  readonly paths?: readonly string[] | undefined;
  readonly cmdlets?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** The requests that a rule allows through the gateway. */
export interface RequestLimit {
  /** Undefined: all. */
  readonly methods: ReadonlySet<string> | undefined;
  /** Patterns of paths, as segments. Undefined: all. */
  readonly paths: readonly (readonly string[])[] | undefined;
  /** Cmdlets of Exchange in lower case, and the parameters in lower case that each may have. Undefined: none. */
  readonly cmdlets: ReadonlyMap<string, AllowList> | undefined;
}

const segmentsOf = (path: string): readonly string[] => path.slice(1).split('/');

/** Compiles `requests` of a rule. */
export const requestLimitOf = ({ methods, paths, cmdlets }: RequestsDocument): RequestLimit => ({
  methods: methods && new Set(methods),
  paths: paths?.map(segmentsOf),
  cmdlets:
    cmdlets && new Map(Object.entries(cmdlets).map(([name, list]) => [name.toLowerCase(), allowListOf(list)] as const)),
});

/** Whether a path matches a pattern: `*` stands for one key, `**` at the end for the rest, which may be nothing. */
function matches(pattern: readonly string[], segments: readonly PathSegment[]): boolean {
  for (const [index, expected] of pattern.entries()) {
    if (expected === '**') return true;
    const segment = segments[index];
    if (segment === undefined || (expected === '*' ? !segment.isKey : expected !== segment.text)) return false;
  }
  return segments.length === pattern.length;
}

/** How the resource compares paths. */
export interface Comparison {
  readonly ignoreCase: boolean;
  /** Segments, in lower case and by position, that open only to a pattern which names them itself. */
  readonly namedOnly: readonly (string | undefined)[];
}

/** Graph ignores case. `/beta`, and `/me` below a version, hold what a wildcard is not meant to cover. */
export const graphPaths: Comparison = { ignoreCase: true, namedOnly: ['beta', 'me'] };

/** Of other resources nothing is known. */
export const otherPaths: Comparison = { ignoreCase: false, namedOnly: [] };

/** The first pattern of a rule that opens a path; undefined if none does, or if the rule has no patterns. */
export function openingPattern(
  { paths }: RequestLimit,
  path: readonly PathSegment[],
  { ignoreCase, namedOnly }: Comparison,
): readonly string[] | undefined {
  const compared = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  const segments = path.map(({ text, isKey }) => ({ text: compared(text), isKey }));
  const named = namedOnly.flatMap((name, position) => (name === segments[position]?.text ? [{ name, position }] : []));
  return paths
    ?.map((pattern) => pattern.map(compared))
    .find((pattern) => matches(pattern, segments) && named.every(({ name, position }) => pattern[position] === name));
}

/** Whether the patterns of a rule open a path. */
export const opensPath = (limit: RequestLimit, path: readonly PathSegment[], comparison: Comparison): boolean =>
  limit.paths === undefined || openingPattern(limit, path, comparison) !== undefined;

/** Whether a rule opens a method. */
export const opensMethod = ({ methods }: RequestLimit, method: string): boolean => methods?.has(method) ?? true;

/** Whether any pattern names a segment at a position itself. Of a path, `opensPath` decides by the pattern that matches. */
export const namesSegment = (limit: RequestLimit | undefined, position: number, name: string): boolean =>
  limit?.paths?.some((pattern) => pattern[position]?.toLowerCase() === name) ?? false;

/**
 * Returns why a rule does not open a cmdlet with these parameters; undefined if it does. PowerShell ignores case.
 * @param parameters Names.
 */
export function cmdletRefusal(
  { cmdlets }: RequestLimit,
  cmdlet: string,
  parameters: readonly string[],
): string | undefined {
  const allowed = cmdlets?.get(cmdlet.toLowerCase());
  if (allowed === undefined) return `The rule does not list the cmdlet ${cmdlet}; use one that it lists.`;
  const excess = parameters.filter((name) => !allows(allowed, name.toLowerCase()));
  if (excess.length === 0) return undefined;
  return `The rule does not list the parameters ${excess.join(', ')} of ${cmdlet}; leave them out.`;
}
