import { type DomainName, parseDomainName, parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { didYouMean } from '../../core/text.ts';
import { maxTagLength, parseTag, tagRule } from '../../tenants/tags.ts';

/**
 * One entry of a list of tenants. Lists have the same entries wherever tenants are named: in rules of the policy, in
 * groups, in jobs, in runs and on the command line.
 */
export type TenantEntry =
  | { readonly kind: 'all' }
  | { readonly kind: 'id'; readonly tenantId: TenantId }
  | { readonly kind: 'domain'; readonly domain: DomainName }
  /** Names of groups are compared exactly. */
  | { readonly kind: 'group'; readonly group: string }
  | { readonly kind: 'tag'; readonly tag: string };

const groupPattern = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** Whether a text can be the name of a group. */
const isGroupName = (text: string): boolean => text.length <= maxTagLength && groupPattern.test(text);

/** Returns the entry that a text stands for; undefined if it is none. */
export function parseEntry(text: string): TenantEntry | undefined {
  if (text === '*') return { kind: 'all' };
  if (text.startsWith('group:')) {
    const group = text.slice('group:'.length);
    return isGroupName(group) ? { kind: 'group', group } : undefined;
  }
  if (text.startsWith('tag:')) {
    const tag = parseTag(text.slice('tag:'.length));
    return tag === undefined ? undefined : { kind: 'tag', tag };
  }
  const tenantId = parseTenantId(text);
  if (tenantId !== undefined) return { kind: 'id', tenantId };
  const domain = parseDomainName(text);
  return domain === undefined ? undefined : { kind: 'domain', domain };
}

/** Why a text is no entry. Ends a sentence that begins with the text. */
export function entryRule(text: string): string {
  if (text.startsWith('tag:')) return tagRule;
  if (text.startsWith('group:'))
    return `does not name a group: use at most ${maxTagLength} letters, digits, "-", "_" and ".", and start with a letter or digit`;
  return 'is neither a tenant id, a domain, "group:NAME", "tag:NAME" nor "*"';
}

/** An entry as it is written. */
export function textOfEntry(entry: TenantEntry): string {
  if (entry.kind === 'id') return entry.tenantId;
  if (entry.kind === 'domain') return entry.domain;
  if (entry.kind === 'group') return `group:${entry.group}`;
  return entry.kind === 'tag' ? `tag:${entry.tag}` : '*';
}

/** The tenant groups of the policy: their entries by name. */
export type TenantGroups = ReadonlyMap<string, readonly TenantEntry[]>;

/** The groups of a policy that has none. */
export const noGroups: TenantGroups = new Map();

/** How deep groups may hold groups. */
const maxDepth = 10;
/** How many names of groups a message lists. */
const maxListed = 20;

/** A problem with a group. */
interface GroupProblem {
  readonly group: string;
  /** Ends a sentence that begins with the location of the group. */
  readonly problem: string;
}

/** Groups that were read, or what is wrong with them. */
type ReadGroups =
  | { readonly ok: true; readonly groups: TenantGroups }
  | { readonly ok: false; readonly problems: readonly GroupProblem[] };

/** Reads groups as they are written: lists of tenant ids, domains, `group:NAME` and `tag:NAME`. */
export function readGroups(written: Readonly<Record<string, readonly string[]>>): ReadGroups {
  const problems: GroupProblem[] = [];
  const groups = new Map<string, readonly TenantEntry[]>();
  for (const [group, texts] of Object.entries(written)) {
    const entries: TenantEntry[] = [];
    for (const text of texts) {
      const entry = parseEntry(text);
      if (entry === undefined) problems.push({ group, problem: `"${text.slice(0, 100)}" ${entryRule(text)}.` });
      else if (entry.kind === 'all') problems.push({ group, problem: 'cannot hold "*"; write "*" where you use it.' });
      else entries.push(entry);
    }
    groups.set(group, entries);
  }
  for (const [group, entries] of groups)
    for (const unknown of unknownGroups(entries, groups)) problems.push({ group, problem: unknown });
  if (problems.length === 0) problems.push(...nestingProblems(groups));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, groups };
}

/** One end of a sentence for each group of a list that does not exist. */
export const unknownGroups = (entries: readonly TenantEntry[], groups: ReadonlyMap<string, unknown>): string[] =>
  entries.flatMap((entry) =>
    entry.kind === 'group' && !groups.has(entry.group) ? [unknownGroup(entry.group, [...groups.keys()])] : [],
  );

/** Says that a group does not exist, and which do. */
export function unknownGroup(group: string, known: readonly string[]): string {
  if (known.length === 0) return `unknown group "${group}"; the policy has no groups.`;
  const more = known.length > maxListed ? ` and ${known.length - maxListed} more` : '';
  const hint = didYouMean(group, known);
  return `unknown group "${group}"${hint === '' ? ';' : hint} ${hint === '' ? 'the' : 'The'} groups are ${known.slice(0, maxListed).join(', ')}${more}.`;
}

const heldBy = (groups: TenantGroups, group: string): readonly string[] =>
  (groups.get(group) ?? []).flatMap((entry) => (entry.kind === 'group' ? [entry.group] : []));

/** Groups that contain themselves, or that are nested too deep. Without recursion, because chains may be long. */
function nestingProblems(groups: TenantGroups): GroupProblem[] {
  const levels = new Map<string, number>();
  let open = [...groups.keys()];
  for (let level = 1; open.length > 0; level += 1) {
    const resolved = open.filter((group) => heldBy(groups, group).every((held) => levels.has(held)));
    if (resolved.length === 0) return [containsItself(groups, open)];
    if (level > maxDepth)
      return [{ group: resolved[0] ?? '', problem: `holds groups in more than ${maxDepth} levels; use fewer.` }];
    for (const group of resolved) levels.set(group, level);
    open = open.filter((group) => !levels.has(group));
  }
  return [];
}

/** @param open Groups each of which holds one of them. */
function containsItself(groups: TenantGroups, open: readonly string[]): GroupProblem {
  const unresolved = new Set(open);
  const chain: string[] = [];
  const indexes = new Map<string, number>();
  let group = open[0] ?? '';
  while (!indexes.has(group)) {
    indexes.set(group, chain.length);
    chain.push(group);
    group = heldBy(groups, group).find((held) => unresolved.has(held)) ?? '';
  }
  const circle = [...chain.slice(indexes.get(group)), group];
  return { group, problem: `contains itself: ${circle.join(' → ')}.` };
}

/** What is known of a tenant when lists of tenants are evaluated. */
export interface TenantFacts {
  /** Undefined if no tenant owns the requested domain, or if its tenant is unknown. Entries with a tenant id do not match then. */
  readonly tenantId: TenantId | undefined;
  /** Domains in lower case that are proven to belong to the tenant. */
  readonly domains: readonly DomainName[];
  /**
   * What `tag:` entries may name of the tenant (`namesOfTags`). Undefined: the tags cannot be read, and a selection that
   * names a tag selects nothing.
   */
  readonly tags?: ReadonlySet<string> | undefined;
  /** Whether this is the partner's own tenant. `"*"` means every customer tenant, so a list must name the partner tenant. */
  readonly isPartnerTenant?: boolean | undefined;
  /** Domains whose tenant cannot be found out now. A selection that has one of them in `except` selects nothing. */
  readonly unresolved?: ReadonlySet<DomainName> | undefined;
}

/** A list of tenants with its groups resolved. */
export interface TenantSet {
  /** Whether `"*"` is in the list. */
  readonly all: boolean;
  /** Tenant ids and domains. */
  readonly names: ReadonlySet<string>;
  /**
   * The domains among the names: those that are written in the list, then those of each group. Sets that name the same group
   * share its lists, because many rules may name the same large group. A domain may be on several lists.
   */
  readonly domainLists: readonly (readonly DomainName[])[];
  readonly tags: readonly string[];
}

/** The tenants of one list without those of another. */
export interface TenantSelection {
  readonly tenants: TenantSet;
  /** Takes away, whatever `tenants` says. */
  readonly except: TenantSet;
  readonly usesTags: boolean;
}

/** Compiles lists. Lists with the same entries share a set, because many rules may name the same large groups. */
type SetCompiler = (entries: readonly TenantEntry[]) => TenantSet;

/** @param groups Read by `readGroups`, so they do not contain themselves. */
export function createSetCompiler(groups: TenantGroups = noGroups): SetCompiler {
  const known = new Map<string, TenantSet>();
  const ofGroup = (group: string): TenantSet => remembered(`group:${group}`, groups.get(group) ?? []);
  const remembered = (key: string, entries: readonly TenantEntry[]): TenantSet => {
    const found = known.get(key);
    if (found !== undefined) return found;
    const compiled = compile(entries, ofGroup);
    known.set(key, compiled);
    return compiled;
  };
  return (entries) => {
    const [first] = entries;
    if (entries.length === 1 && first?.kind === 'group') return ofGroup(first.group);
    return remembered(JSON.stringify(entries), entries);
  };
}

function compile(entries: readonly TenantEntry[], ofGroup: (group: string) => TenantSet): TenantSet {
  const names = new Set<string>();
  const domains = new Set<DomainName>();
  const held = new Set<readonly DomainName[]>();
  const tags = new Set<string>();
  let all = false;
  for (const entry of entries) {
    if (entry.kind === 'all') all = true;
    else if (entry.kind === 'id') names.add(entry.tenantId);
    else if (entry.kind === 'tag') tags.add(entry.tag);
    else if (entry.kind === 'domain') domains.add(entry.domain);
    else {
      const group = ofGroup(entry.group);
      for (const name of group.names) names.add(name);
      for (const list of group.domainLists) held.add(list);
      for (const tag of group.tags) tags.add(tag);
    }
  }
  for (const domain of domains) names.add(domain);
  return { all, names, domainLists: [...(domains.size === 0 ? [] : [[...domains]]), ...held], tags: [...tags] };
}

/** The domains of some sets, each once. Pure. */
export function domainsIn(sets: Iterable<TenantSet>): readonly DomainName[] {
  const lists = new Set<readonly DomainName[]>();
  for (const { domainLists } of sets) for (const list of domainLists) lists.add(list);
  const [first = []] = lists;
  return lists.size <= 1 ? first : [...new Set([...lists].flat())];
}

/** A selection of two compiled lists. */
export const selectionOf = (tenants: TenantSet, except: TenantSet): TenantSelection => ({
  tenants,
  except,
  usesTags: tenants.tags.length > 0 || except.tags.length > 0,
});

/** Whether a list contains a tenant. Unknown tags match nothing. Pure. */
const contains = (set: TenantSet, facts: TenantFacts): boolean =>
  (set.all && facts.isPartnerTenant !== true) || namesIt(set, facts) || hasTag(set, facts.tags);

const namesIt = ({ names }: TenantSet, { tenantId, domains }: TenantFacts): boolean =>
  (tenantId !== undefined && names.has(tenantId)) || domains.some((domain) => names.has(domain));

/** A list has few tags, a tenant may have many. */
const hasTag = ({ tags }: TenantSet, known: TenantFacts['tags']): boolean =>
  tags.some((tag) => known?.has(tag) === true);

/** What a selection would have to know of a tenant and is not known. */
export type UnknownFact = 'tags' | 'domains';

/** The fact that is missing to decide a selection; undefined if nothing is missing. Pure. */
export function missingFact({ except, usesTags }: TenantSelection, facts: TenantFacts): UnknownFact | undefined {
  if (usesTags && facts.tags === undefined) return 'tags';
  const { unresolved } = facts;
  if (unresolved === undefined || unresolved.size === 0) return undefined;
  return except.domainLists.length > 0 && [...unresolved].some((domain) => except.names.has(domain))
    ? 'domains'
    : undefined;
}

/** Whether a selection contains a tenant. While a fact is missing that it depends on, it contains none. Pure. */
export const selects = (selection: TenantSelection, facts: TenantFacts): boolean =>
  missingFact(selection, facts) === undefined &&
  contains(selection.tenants, facts) &&
  !contains(selection.except, facts);
