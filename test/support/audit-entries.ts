import type { AuditEntry } from '../../src/lib/audit/audit-log.ts';
import { parseTenantId, type TenantId } from '../../src/lib/core/identifiers.ts';

/** A GUID that is easy to recognize in test output. */
export const guid = (number: number): string => `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;

export function tenant(number: number): TenantId {
  const id = parseTenantId(guid(number));
  if (id === undefined) throw new Error('not a GUID');
  return id;
}

export const auditStartMs = Date.UTC(2026, 10, 24, 9, 30);

/** A record of an issued token. */
export const issued = (changes: Partial<AuditEntry> = {}): AuditEntry => ({
  atMs: auditStartMs,
  correlationId: guid(0xc0),
  tokenId: guid(0xf0),
  outcome: 'issued',
  caller: { applicationId: guid(0xa1), objectId: guid(0xb1), kind: 'application' },
  rule: 'helpdesk may read Graph',
  tenantId: tenant(1),
  tenantAsked: 'contoso.com',
  resource: 'graph',
  scopes: ['User.Read.All', 'Directory.Read.All'],
  grant: 'delegated',
  application: 'reader',
  expiresAtMs: auditStartMs + 3_600_000,
  tokenFingerprint: 'ab'.repeat(32),
  fromCache: false,
  excessScopes: ['Mail.Read'],
  ...changes,
});

/** A record of a refusal, with only the fields known at that point. */
export const denied = (changes: Partial<AuditEntry> = {}): AuditEntry => ({
  atMs: auditStartMs,
  correlationId: guid(0xc1),
  tokenId: guid(0xf1),
  outcome: 'denied',
  code: 'caller_forbidden',
  caller: { applicationId: guid(0xa2), objectId: guid(0xb2), kind: 'user' },
  resource: 'exchange',
  scopes: [],
  grant: 'application',
  ...changes,
});
