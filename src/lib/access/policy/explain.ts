import {
  selects,
  missingFact,
  type TenantEntry,
  type TenantFacts,
  type TenantGroups,
  textOfEntry,
} from '../tenants/tenant-set.ts';
import {
  type CallerStage,
  decide,
  type Decision,
  failedCallerStage,
  failedStage,
  limitsReading,
  type PolicyCaller,
  type PolicyRequest,
  readsOf,
  type Stage,
} from './decide.ts';
import { listed } from '../../core/text.ts';
import { type AccessPolicy, type AllowList, deciderRole, grantOf, type Rule } from './policy.ts';
import { judgedBy } from '../../core/resources.ts';
import type { Grant } from '../../core/secrets.ts';

/**
 * Returns which entry of a list contains a tenant, with the groups that lead to it, such as `group:gold → tag:managed`;
 * undefined if none does. Pure.
 */
export function whyContained(
  entries: readonly TenantEntry[],
  groups: TenantGroups,
  facts: TenantFacts,
): string | undefined {
  for (const entry of entries) {
    if (entry.kind === 'group') {
      const why = whyContained(groups.get(entry.group) ?? [], groups, facts);
      if (why !== undefined) return `${textOfEntry(entry)} → ${why}`;
    } else if (isFor(entry, facts)) return textOfEntry(entry);
  }
  return undefined;
}

function isFor(entry: Exclude<TenantEntry, { kind: 'group' }>, facts: TenantFacts): boolean {
  if (entry.kind === 'all') return facts.isPartnerTenant !== true;
  if (entry.kind === 'id') return entry.tenantId === facts.tenantId;
  return entry.kind === 'domain' ? facts.domains.includes(entry.domain) : (facts.tags?.has(entry.tag) ?? false);
}

/**
 * Says why a list of a rule covers a tenant or does not: the entry that names it, such as `tenants: group:gold → tag:managed`,
 * what takes it away, or what is not known.
 */
export function whyTenant(
  { groups }: AccessPolicy,
  { written, tenants, reads }: Rule,
  list: 'tenants' | 'reads',
  facts: TenantFacts,
): string {
  const missing = missingFact(list === 'reads' && reads !== undefined ? reads : tenants, facts);
  if (missing === 'tags') return 'the rule names a tag, and the tags of the tenant are not known';
  if (missing === 'domains') return 'the tenant of a domain in except is not known';
  const out = whyContained(written.except, groups, facts);
  if (out !== undefined) return `except: ${out}`;
  return `${list}: ${whyContained(written[list], groups, facts) ?? 'no entry for the tenant'}`;
}

interface RuleFinding {
  readonly rule: string;
  /**
   * `allows`: this rule decides. `lacks`: the request fails at `missing`. `not reached`: an earlier rule allows.
   * `not needed`: it allows only on a condition, and the rule that decides comes before it. `no tokens`: the rule only limits
   * reading.
   */
  readonly outcome: 'allows' | 'lacks' | 'not reached' | 'not needed' | 'no tokens';
  readonly missing?: Stage;
  /** Why the rule covers the tenant, or why it does not. Only if the rule came as far as the tenant. */
  readonly because?: string;
}

/** A decision with the outcome of each rule. */
export interface Explanation {
  readonly decision: Decision;
  /** In the order of the policy. */
  readonly rules: readonly RuleFinding[];
}

/** Returns the decision and the outcome of each rule. Pure. */
export function explain(policy: AccessPolicy, caller: PolicyCaller, request: PolicyRequest): Explanation {
  const decision = decide(policy, caller, request);
  const decidedBy = decision.allow ? policy.rules.findIndex(({ name }) => name === decision.rule) : policy.rules.length;
  const rules = policy.rules.map((rule, index): RuleFinding => {
    if (index === decidedBy)
      return { rule: rule.name, outcome: 'allows', because: whyTenant(policy, rule, 'tenants', request) };
    if (!rule.tokens) return { rule: rule.name, outcome: 'no tokens' };
    if (index > decidedBy) return { rule: rule.name, outcome: 'not reached' };
    const missing = failedStage(rule, caller, request);
    if (missing === undefined) return { rule: rule.name, outcome: 'not needed' };
    const finding = { rule: rule.name, outcome: 'lacks', missing } as const;
    return missing === 'tenant' ? { ...finding, because: whyTenant(policy, rule, 'tenants', request) } : finding;
  });
  return { decision, rules };
}

interface ReadingFinding {
  readonly rule: string;
  /**
   * `reads`: the rule opens the tenant. `other tenants`: it opens only others. `lacks`: the caller fails at `missing`, so
   * the rule opens nothing. `no reads`: the rule does not limit reading.
   */
  readonly outcome: 'reads' | 'other tenants' | 'lacks' | 'no reads';
  readonly missing?: CallerStage;
  /** Why the rule covers the tenant, or why it does not. */
  readonly because?: string;
}

/** Whether a caller may read a tenant, with the outcome of each rule. */
export interface ReadingExplanation {
  readonly readable: boolean;
  /** False if no rule limits the caller, so that it reads all tenants. */
  readonly limited: boolean;
  readonly rules: readonly ReadingFinding[];
}

/** Returns whether the caller may read the tenant, and the outcome of each rule. Pure. */
export function explainReading(policy: AccessPolicy, caller: PolicyCaller, tenant: TenantFacts): ReadingExplanation {
  const reads = readsOf(policy, caller);
  const findingOf = (rule: Rule): ReadingFinding => {
    if (rule.reads === undefined) return { rule: rule.name, outcome: 'no reads' };
    const missing = failedCallerStage(rule, caller);
    if (missing !== undefined) return { rule: rule.name, outcome: 'lacks', missing };
    const because = whyTenant(policy, rule, 'reads', tenant);
    return { rule: rule.name, outcome: selects(rule.reads, tenant) ? 'reads' : 'other tenants', because };
  };
  return {
    readable: reads === '*' || reads.some((selection) => selects(selection, tenant)),
    limited: policy.rules.some((rule) => limitsReading(rule, caller)),
    rules: policy.rules.map(findingOf),
  };
}

/** What a rule opens: who may do what in which tenants. */
export interface RuleScope {
  /** Application ids in lower case. `*`: all callers of `kinds`. */
  readonly callers: readonly string[];
  /** Which kinds of callers, in words. */
  readonly kinds: string;
  /** Object ids of the only people and service principals, in lower case. Absent: all. */
  readonly objects?: readonly string[];
  /** Further conditions on the caller, in words. Absent: none. */
  readonly only?: string;
  /** What they may do, in words that follow "may". */
  readonly may: string;
  /** Whole lists of the policy of which `may` says less, by the names that the policy has for them. */
  readonly terms: Readonly<Record<string, readonly string[]>>;
  /** Entries of the rule: ids, domains, groups and tags. `*`: every customer tenant. */
  readonly tenants: readonly string[];
  readonly except: readonly string[];
  /** Entries of the tenants that the callers may read. Empty: none. Absent: the rule does not limit reading. */
  readonly reads?: readonly string[];
  /** What must happen before each, in words: the end of `may`. Absent: nothing. */
  readonly approval?: string;
  /** Present if it serves only in an emergency, with a reason. */
  readonly breakGlass?: true;
  /** Present if it opens every resource or change job in every customer tenant, without an approval: no limit is left. */
  readonly everything?: true;
  /** Present if it opens them in the partner's own tenant. */
  readonly partner?: true;
}

/**
 * Puts a rule into words. They name each limit: a narrow rule must not look like a wide one. Pure.
 * @param partner the partner's own tenant. Absent: nobody asks whether the rule opens it.
 */
export function scopeOf(rule: Rule, partner?: TenantFacts): RuleScope {
  const { callers, objects, kinds, blueprints, roles, reads, written } = rule;
  const only = [
    blueprints === '*' ? [] : `agents of the blueprints ${listed([...blueprints])}`,
    roles.length === 0 ? [] : `with the app roles ${listed(roles)}`,
  ].flat();
  const entriesOf = (list: 'tenants' | 'except' | 'reads'): readonly string[] => written[list].map(textOfEntry);
  return {
    callers: callers === '*' ? ['*'] : [...callers],
    kinds: kindsIn(kinds, callers, blueprints),
    ...(objects === '*' ? {} : { objects: [...objects] }),
    ...(only.length === 0 ? {} : { only: only.join(', ') }),
    ...whatIn(rule),
    tenants: entriesOf('tenants'),
    except: entriesOf('except'),
    ...(reads === undefined ? {} : { reads: entriesOf('reads') }),
    ...(rule.breakGlass ? { breakGlass: true } : {}),
    ...(opensAll(rule) && opensEveryCustomer(rule) ? { everything: true } : {}),
    ...(partner !== undefined && opensAll(rule) && selects(rule.tenants, partner) ? { partner: true } : {}),
  };
}

/**
 * Whether a rule opens every resource or change job in its tenants, without an approval. Rules for the gateway always name
 * permissions or paths, and only they protect targets. Pure.
 */
export const opensAll = ({ tokens, changes, resources, scopes, approval, breakGlass }: Rule): boolean =>
  approval === undefined && !breakGlass && (changes === '*' || (tokens && resources === '*' && scopes === undefined));

const opensEveryCustomer = ({ written }: Rule): boolean =>
  written.except.length === 0 && written.tenants.some(({ kind }) => kind === 'all');

/** Without kinds, a rule is for agents only if it names them. */
function kindsIn(kinds: AllowList, callers: AllowList, blueprints: AllowList): string {
  if (kinds !== '*') return [...kinds].map((kind) => kindsInWords[kind] ?? kind).join(' and ');
  if (blueprints !== '*') return 'agents';
  return callers === '*' ? 'people and applications' : 'people, applications and agents';
}

const kindsInWords: Readonly<Record<string, string>> = { user: 'people', application: 'applications', agent: 'agents' };

/** Entries of a list that words name. */
const namedInWords = 3;

function whatIn(rule: Rule): Pick<RuleScope, 'may' | 'terms' | 'approval'> {
  const { tokens, gateway, changes, grants, resources, requests, approval, breakGlass, protect, application } = rule;
  const terms: Record<string, readonly string[]> = {};
  /** Short in words. Then the whole list is a term, also if words say less of its entries. */
  const inWords = (name: string, entries: readonly string[], whole = entries): string => {
    if (entries.length > namedInWords || whole !== entries) terms[name] = whole;
    const more = entries.length - namedInWords;
    return more <= 0 ? entries.join(', ') : `${entries.slice(0, namedInWords).join(', ')} and ${more} more`;
  };
  const list = (name: string, entries: AllowList, all: string): string =>
    entries === '*' ? all : inWords(name, [...entries]);
  const resource = list('resources', resources, 'every resource');
  const granted = [...grants].map((grant) => grantsInWords[grant]);
  const methods = requests?.methods === undefined ? '' : `${[...requests.methods].join(', ')} `;
  const what = [
    tokens ? `get ${granted.join(' and ')} tokens for ${resource}` : [],
    gateway ? `send ${grantsInWords[grantOf(rule)]} ${methods}requests to ${resource}${whereIn(rule, inWords)}` : [],
    changes === undefined ? [] : `apply plans of ${list('changes', changes, 'every change job')}`,
  ].flat();
  const protectedOnes = protect && [
    ...(protect.administrators ? ['administrators'] : []),
    ...[...protect.groups].map((group) => `group:${group}`),
  ];
  const deciders = approval?.from.filter((role) => role !== deciderRole) ?? [];
  const limits = [
    rule.scopes === undefined
      ? []
      : `under ${inWords('scopes', rule.scopes)}${tokens && rule.excessScopes === 'record' ? ' (other scopes of a token are recorded, not refused)' : ''}`,
    changes !== undefined || application === 'default' ? [] : `through the application ${application} of the broker`,
    protectedOnes === undefined ? [] : `but not change ${inWords('protect', protectedOnes)}`,
  ].flat();
  const conditions = [
    approval === undefined
      ? []
      : `after ${approval.count} ${approval.count === 1 ? 'approval' : 'approvals'} each${deciders.length === 0 ? '' : ` by people with the app roles ${listed(deciders)}`}`,
    breakGlass ? 'in an emergency, with a reason' : [],
  ].flat();
  return {
    may: [what.join(' and '), ...limits, ...conditions].join(', '),
    terms,
    ...(conditions.length === 0 ? {} : { approval: conditions.join(', ') }),
  };
}

const grantsInWords: Readonly<Record<Grant, string>> = { delegated: 'delegated', application: 'app-only' };

/** The paths and cmdlets that the gateway opens. */
function whereIn(
  { resources, requests }: Rule,
  inWords: (name: string, entries: readonly string[], whole?: readonly string[]) => string,
): string {
  const paths = requests?.paths?.map((segments) => `/${segments.join('/')}`);
  const cmdlets = [...(requests?.cmdlets ?? [])];
  const isNarrow = cmdlets.some(([, parameters]) => parameters !== '*');
  const names = cmdlets.map(([name]) => name);
  const whole = cmdlets.map(([name, parameters]) =>
    parameters === '*' ? `${name}: all parameters` : `${name}: ${[...parameters].join(', ') || 'no parameters'}`,
  );
  const hasGraph = resources === '*' || [...resources].some((alias) => judgedBy(alias) === 'permissions');
  const hasCmdlets = resources === '*' || [...resources].some((alias) => judgedBy(alias) === 'cmdlets');
  return [
    paths === undefined
      ? hasGraph
        ? ' at all paths but those of /beta and /me'
        : []
      : ` at ${inWords('requests.paths', paths)}`,
    !hasCmdlets
      ? []
      : cmdlets.length === 0
        ? ' without cmdlets'
        : ` with the cmdlets ${inWords('requests.cmdlets', names, isNarrow ? whole : names)}${isNarrow ? ' (with some parameters only)' : ''}`,
  ]
    .flat()
    .join(' and');
}
