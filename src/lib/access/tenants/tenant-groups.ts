import { didYouMean } from '../../core/did-you-mean.ts';
import { entryRule, parseEntry, type TenantEntry } from './entry.ts';

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
  /** Ends a sentence that begins with the place of the group. */
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
  const places = new Map<string, number>();
  let group = open[0] ?? '';
  while (!places.has(group)) {
    places.set(group, chain.length);
    chain.push(group);
    group = heldBy(groups, group).find((held) => unresolved.has(held)) ?? '';
  }
  const circle = [...chain.slice(places.get(group)), group];
  return { group, problem: `contains itself: ${circle.join(' → ')}.` };
}
