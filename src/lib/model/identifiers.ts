/** Identifiers that are checked once, at the border, and then carried as types. */

declare const brand: unique symbol;

/** The GUID of an Entra tenant in lower case. Never a domain: a domain can move to another tenant. */
export type TenantId = string & { readonly [brand]: 'TenantId' };

/** A domain name in lower case. */
export type DomainName = string & { readonly [brand]: 'DomainName' };

const guidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
// RFC 1035 section 2.3.1 labels, at least two of them; a punycode label fits. Unicode is refused: what looks alike is not.
const domainPattern = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;

/** The GUID in lower case, or undefined when `value` is none. */
export function parseGuid(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length !== 36) return undefined;
  const lower = value.toLowerCase();
  return guidPattern.test(lower) ? lower : undefined;
}

/** The tenant id, or undefined when `value` is no GUID. */
export const parseTenantId = (value: unknown): TenantId | undefined => parseGuid(value) as TenantId | undefined;

/** The domain in lower case, or undefined when `value` is no domain name. */
export function parseDomainName(value: unknown): DomainName | undefined {
  if (typeof value !== 'string' || value.length > 253) return undefined;
  const lower = value.toLowerCase();
  return domainPattern.test(lower) ? (lower as DomainName) : undefined;
}
