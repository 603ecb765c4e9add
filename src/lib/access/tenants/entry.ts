import { type DomainName, parseDomainName, parseTenantId, type TenantId } from '../../core/identifiers.ts';
import { maxTagLength, parseTag, tagRule } from '../../tenants/tag.ts';

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
