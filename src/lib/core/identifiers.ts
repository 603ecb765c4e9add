/** Identifiers are parsed once, at the boundary. Their types prove that they are valid. */

declare const brand: unique symbol;

/** The GUID of an Entra tenant in lower case. Never a domain: a domain can move to another tenant. */
export type TenantId = string & { readonly [brand]: 'TenantId' };

/** A domain name in lower case. */
export type DomainName = string & { readonly [brand]: 'DomainName' };

const guidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
// At least two labels (RFC 1035 section 2.3.1), also in punycode. Unicode is refused, because lookalike characters differ.
const domainPattern = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;

/** The GUID in lower case, or undefined if `value` is not a GUID. */
export function parseGuid(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length !== 36) return undefined;
  const lower = value.toLowerCase();
  return guidPattern.test(lower) ? lower : undefined;
}

/** The tenant id, or undefined if `value` is not a GUID. */
export const parseTenantId = (value: unknown): TenantId | undefined => parseGuid(value) as TenantId | undefined;

/** The domain in lower case, or undefined if `value` is not a domain name. */
export function parseDomainName(value: unknown): DomainName | undefined {
  if (typeof value !== 'string' || value.length > 253) return undefined;
  const lower = value.toLowerCase();
  return domainPattern.test(lower) ? (lower as DomainName) : undefined;
}

export const defaultApplication = 'default';

/** The nil UUID (RFC 9562 section 5.9): in the audit log, the caller id of the broker itself. */
export const nilUuid = '00000000-0000-0000-0000-000000000000';
