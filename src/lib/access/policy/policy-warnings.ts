import { nameOfTag } from '../../tenants/tags.ts';
import {
  type TenantSelection,
  type TenantEntry,
  type TenantGroups,
  type TenantSet,
  textOfEntry,
} from '../tenants/tenant-set.ts';
import { judgedBy } from '../../core/resources.ts';
import { conditionRank } from './decide.ts';
import type { ParsedPolicy } from './parse-policy.ts';
import type { PolicyDocument } from './policy-document.ts';
import { type AccessPolicy, type AllowList, grantOf, graphPaths, type RequestLimit, type Rule } from './policy.ts';

/**
 * Sentences about valid but probably unintended content. The broker does not need them: `ptb policy check` shows them. Pure.
 * @param parsed as `parsePolicy` returns it.
 */
export const policyWarnings = ({ policy, document }: Extract<ParsedPolicy, { ok: true }>): readonly string[] => [
  ...tenantListWarnings(policy, document),
  ...openRuleWarnings(document),
  ...idleConditionWarnings(policy),
  ...wideRuleWarnings(policy),
];

function tenantListWarnings(policy: AccessPolicy, { tenantGroups = {}, rules }: PolicyDocument): string[] {
  const lists = [
    ...rules.flatMap(({ tenants, except, reads }) => [tenants, except, reads]),
    ...Object.values(tenantGroups),
  ];
  const used = new Set(lists.flat());
  return [
    ...Object.keys(tenantGroups)
      .filter((name) => !used.has(`group:${name}`))
      .map((name) => `No rule uses the group "${name}"; runs and jobs may.`),
    ...policy.rules.flatMap(({ name, tenants: { except } }) => {
      const [[first] = []] = except.domainLists;
      if (first === undefined) return [];
      const isOne = except.domainLists.length === 1 && except.domainLists[0]?.length === 1;
      return [
        `The rule "${name}" excepts ${isOne ? `the domain ${first}` : `domains such as ${first}`}. A customer can remove a domain from its tenant; name the tenant id instead.`,
      ];
    }),
  ];
}

const openRuleWarnings = ({ rules }: PolicyDocument): string[] =>
  rules
    .filter(
      ({ callers, tenants = [], resources = [] }) =>
        callers.applications.includes('*') &&
        callers.objects === undefined &&
        tenants.includes('*') &&
        resources.includes('*'),
    )
    .map(({ name }) => `The rule "${name}" allows every caller every resource in every tenant.`);

/** A list as it is written, and compiled. */
interface List {
  readonly entries: readonly TenantEntry[];
  readonly set: TenantSet;
}

/** A selection with its lists as they are written. */
export interface WrittenSelection {
  readonly selection: TenantSelection;
  readonly tenants: readonly TenantEntry[];
  readonly except: readonly TenantEntry[];
}

/**
 * Returns what tells whether one selection contains every tenant of another, by the names in their lists: whether a tag, a domain
 * and an id mean the same tenant is not known. Keeps what it learns about lists.
 */
export function createCover(groups: TenantGroups): (wide: WrittenSelection, part: WrittenSelection) => boolean {
  const written = new Map<readonly TenantEntry[], ReadonlySet<string>>();
  const textsOf = (entries: readonly TenantEntry[]): ReadonlySet<string> => {
    const texts = written.get(entries) ?? new Set(entries.map(textOfEntry));
    written.set(entries, texts);
    return texts;
  };
  // The same entry comes first, because a group may be large.
  const holds = (wide: List, entry: TenantEntry): boolean =>
    wide.set.all ||
    textsOf(wide.entries).has(textOfEntry(entry)) ||
    (entry.kind === 'group' && (groups.get(entry.group) ?? []).every((each) => holds(wide, each))) ||
    (entry.kind === 'tag' && [entry.tag, nameOfTag(entry.tag)].some((tag) => wide.set.tags.includes(tag))) ||
    (entry.kind === 'id' && wide.set.names.has(entry.tenantId)) ||
    (entry.kind === 'domain' && wide.set.names.has(entry.domain));
  return (wide, part) => {
    const wideTenants = { entries: wide.tenants, set: wide.selection.tenants };
    if (!part.tenants.every((entry) => holds(wideTenants, entry))) return false;
    const except = { entries: part.except, set: part.selection.except };
    if (wide.except.every((entry) => holds(except, entry))) return true;
    const { tenants } = part.selection;
    if (tenants.all || tenants.tags.length > 0 || wide.selection.except.tags.length > 0) return false;
    for (const name of tenants.names)
      if (wide.selection.except.names.has(name) && !part.selection.except.names.has(name)) return false;
    return true;
  };
}

/**
 * Warns about rules whose approval or emergency nobody ever needs, because a rule without a condition allows the same: such a
 * rule decides first, wherever it stands (`conditionRank`). A rule that covers only a part is no mistake. Pure.
 */
function idleConditionWarnings({ rules, groups }: AccessPolicy): string[] {
  const covers = createRuleCover(groups);
  const free = rules.filter((rule) => !isConditional(rule));
  return rules.filter(isConditional).flatMap((rule) => {
    const forTokens = free.find((wide) => coversTokens(wide, rule) && covers(wide, rule));
    const forRequests = free.find((wide) => coversRequests(wide, rule) && covers(wide, rule));
    const wide = forTokens ?? forRequests;
    if (wide === undefined) return [];
    const isWhole = (forTokens !== undefined || !rule.tokens) && (forRequests !== undefined || !rule.gateway);
    const on = isWhole ? '' : forTokens === undefined ? ' on requests through the gateway' : ' on tokens';
    const condition = rule.breakGlass ? 'an emergency' : 'an approval';
    return [
      `The rule "${rule.name}" has no effect${on}: the rule "${wide.name}" allows the same without ${condition}. Narrow that rule, for example with "except".`,
    ];
  });
}

/**
 * Warns about rules that are wider than they look: scopes that change something in a rule for GET, an accepted excess, patterns for
 * everything below a version, `*` where no key is known, and rules that an earlier one makes void. Pure.
 */
function wideRuleWarnings({ rules, groups }: AccessPolicy): string[] {
  const covers = createRuleCover(groups);
  const isWhole = (wide: Rule, rule: Rule): boolean =>
    // Whether a tenant has an excepted domain is not known here.
    wide.tenants.except.domainLists.length === 0 &&
    (!rule.tokens || coversTokens(wide, rule)) &&
    (!rule.gateway || coversRequests(wide, rule)) &&
    covers(wide, rule);
  const free = rules.filter((rule) => !isConditional(rule) && (rule.tokens || rule.gateway));
  return free.flatMap((rule, index) => {
    const wide = rule.reads === undefined ? free.slice(0, index).find((earlier) => isWhole(earlier, rule)) : undefined;
    return [
      ...(wide === undefined
        ? []
        : [`The rule "${rule.name}" has no effect: the rule "${wide.name}" stands before it and allows the same.`]),
      ...writeScopeWarning(rule),
      ...(rule.tokens && rule.excessScopes === 'record'
        ? [`The rule "${rule.name}" hands out tokens with any scopes: "excessScopes": "record" only writes them down.`]
        : []),
      ...pathWarnings(rule),
    ];
  });
}

/** Scopes by whose name they only read. */
const onlyReads = /\.Read(?:Basic)?(?:\.|$)/;

function writeScopeWarning({ name, tokens, gateway, requests, scopes = [] }: Rule): string[] {
  const methods = [...(requests?.methods ?? [])];
  const writing = scopes.filter((scope) => !onlyReads.test(scope));
  if (tokens || !gateway || methods.length !== 1 || methods[0] !== 'GET' || writing.length === 0) return [];
  return [
    `The rule "${name}" sends GET only, and names scopes that do more than read: ${writing.slice(0, 5).join(', ')}. Name scopes that read.`,
  ];
}

function pathWarnings({ name, requests, resources }: Rule): string[] {
  const isGraphOnly = resources !== '*' && [...resources].every((alias) => judgedBy(alias) === 'permissions');
  return (requests?.paths ?? []).flatMap((pattern) => {
    const path = `/${pattern.join('/')}`;
    if (pattern.at(-1) === '**' && pattern.length <= 2)
      return [`The rule "${name}" opens all of ${path}; name the paths that are needed.`];
    // Graph alone tells a key from a name.
    return !isGraphOnly && pattern.includes('*')
      ? [
          `In the rule "${name}", each "*" of ${path} stands for any segment, not only for a key, at resources other than graph.`,
        ]
      : [];
  });
}

const isConditional = (rule: Rule): boolean => conditionRank(rule) > 0;

const coversTokens = (wide: Rule, rule: Rule): boolean =>
  rule.tokens && wide.tokens && [...rule.grants].every((grant) => wide.grants.has(grant));

/** The same scopes open other requests to the other grant, and a rule that protects leaves those with unknown targets to the next. */
const coversRequests = (wide: Rule, rule: Rule): boolean =>
  rule.gateway &&
  wide.gateway &&
  grantOf(wide) === grantOf(rule) &&
  (wide.protect === undefined || rule.protect !== undefined) &&
  coversLimit(wide.requests, rule.requests);

/** Returns what tells whether one rule is for every caller, resource, scope and tenant of another. */
function createRuleCover(groups: TenantGroups): (wide: Rule, rule: Rule) => boolean {
  const coversTenants = createCover(groups);
  return (wide, rule) =>
    coversCallers(wide, rule) &&
    coversTenants({ ...wide.written, selection: wide.tenants }, { ...rule.written, selection: rule.tenants });
}

const coversCallers = (wide: Rule, rule: Rule): boolean =>
  contains(wide.callers, rule.callers) &&
  contains(wide.objects, rule.objects) &&
  contains(wide.kinds, rule.kinds) &&
  // Without kinds, every application means no agents.
  !(wide.kinds === '*' && wide.callers === '*' && rule.kinds !== '*' && rule.kinds.has('agent')) &&
  contains(wide.blueprints, rule.blueprints) &&
  wide.roles.every((role) => rule.roles.includes(role)) &&
  contains(wide.resources, rule.resources) &&
  coversScopes(wide.scopes, rule.scopes);

const contains = (wide: AllowList, part: AllowList): boolean =>
  wide === '*' || (part !== '*' && part.size <= wide.size && [...part].every((item) => wide.has(item)));

const coversScopes = (wide: Rule['scopes'], scopes: Rule['scopes']): boolean =>
  wide === undefined || (scopes?.every((scope) => wide.includes(scope)) ?? false);

/** Without paths, a rule opens all but these. */
const isNamedOnly = (path: readonly string[]): boolean =>
  path.some((segment, position) => graphPaths.namedOnly[position] === segment.toLowerCase());

/** Patterns of paths are compared as they are written. */
function coversLimit(wide: RequestLimit | undefined, limit: RequestLimit | undefined): boolean {
  if (wide?.paths === undefined && limit?.paths?.some((path) => wide?.cmdlets !== undefined || isNamedOnly(path)))
    return false;
  if (wide === undefined) return true;
  const methods = limit?.methods;
  if (wide.methods !== undefined && (methods === undefined || [...methods].some((each) => !wide.methods?.has(each))))
    return false;
  const patterns = new Set(wide.paths?.map((path) => path.join('/')));
  if (wide.paths !== undefined && !(limit?.paths?.every((path) => patterns.has(path.join('/'))) ?? false)) return false;
  return [...(limit?.cmdlets ?? [])].every(([name, parameters]) => {
    const known = wide.cmdlets?.get(name);
    return known !== undefined && contains(known, parameters);
  });
}
