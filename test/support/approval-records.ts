import type { Approval, ApprovalDecision, Party } from '../../src/lib/approvals/approval.ts';
import type { ApprovalTerms } from '../../src/lib/access/policy/policy.ts';
import type { TenantId } from '../../src/lib/core/identifiers.ts';
import { guid, tenant } from './audit-entries.ts';

/** Made-up approvals for tests. Times are relative to `askedAtMs`. */

export const partnerTenant = tenant(0x900);
const customerTenant: TenantId = tenant(0x11);
export const askedAtMs = Date.parse('2026-11-24T05:00:00Z');
export const minuteMs = 60_000;

export const terms = (more: Partial<ApprovalTerms> = {}): ApprovalTerms => ({
  from: ['Approvals.Decide'],
  count: 1,
  expiresMinutes: 60,
  validMinutes: 30,
  ...more,
});

/** A person, by a number. */
export const person = (number: number, more: Partial<Party> = {}): Party => ({
  tenantId: partnerTenant,
  applicationId: guid(0xa),
  objectId: guid(number),
  kind: 'user',
  name: `person-${number}@partner.example`,
  ...more,
});

export const asker = person(1);

export const decision = (decider: Party, more: Partial<ApprovalDecision> = {}): ApprovalDecision => ({
  id: `decision of ${decider.objectId}`,
  decision: 'approve',
  decider,
  roles: ['Approvals.Decide'],
  reason: 'Agreed with the customer.',
  atMs: askedAtMs + minuteMs,
  ...more,
});

export const approval = (more: Partial<Approval> = {}): Approval => ({
  id: '20261124t050000-7f3a9c21',
  subject: {
    kind: 'request',
    digest: 'd'.repeat(64),
    title: 'PATCH /v1.0/users/0a1b at graph in Contoso',
    facts: [{ name: 'Tenant', value: 'Contoso' }],
    details: [{ name: 'Body', value: '{ "accountEnabled": false }' }],
    tenantId: customerTenant,
    rule: 'changes need an approval',
    audit: { resource: 'graph', scopes: ['User.ReadWrite.All'], method: 'PATCH', path: '/v1.0/users/0a1b' },
  },
  asker,
  reason: undefined,
  terms: terms(),
  correlationId: guid(3),
  askedAtMs,
  expiresAtMs: askedAtMs + 60 * minuteMs,
  status: 'pending',
  decisions: [],
  approvedAtMs: undefined,
  validUntilMs: undefined,
  use: undefined,
  closedAtMs: undefined,
  askRecorded: false,
  announced: false,
  endRecorded: false,
  ...more,
});
