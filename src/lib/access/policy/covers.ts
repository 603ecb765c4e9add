import { type TenantEntry, textOfEntry } from '../tenants/entry.ts';
import { nameOfTag } from '../../tenants/tag.ts';
import type { TenantGroups } from '../tenants/tenant-groups.ts';
import type { TenantChoice, TenantSet } from '../tenants/tenant-set.ts';

/** A list as it is written, and compiled. */
interface List {
  readonly entries: readonly TenantEntry[];
  readonly set: TenantSet;
}

/** A choice with its lists as they are written. */
export interface WrittenChoice {
  readonly choice: TenantChoice;
  readonly tenants: readonly TenantEntry[];
  readonly except: readonly TenantEntry[];
}

/**
 * Returns what tells whether one choice contains every tenant of another, by the names in their lists: whether a tag, a domain
 * and an id mean the same tenant is not known. Keeps what it learns about lists.
 */
export function createCover(groups: TenantGroups): (wide: WrittenChoice, part: WrittenChoice) => boolean {
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
    const wideTenants = { entries: wide.tenants, set: wide.choice.tenants };
    if (!part.tenants.every((entry) => holds(wideTenants, entry))) return false;
    const except = { entries: part.except, set: part.choice.except };
    if (wide.except.every((entry) => holds(except, entry))) return true;
    const { tenants } = part.choice;
    if (tenants.all || tenants.tags.length > 0 || wide.choice.except.tags.length > 0) return false;
    for (const name of tenants.names)
      if (wide.choice.except.names.has(name) && !part.choice.except.names.has(name)) return false;
    return true;
  };
}
