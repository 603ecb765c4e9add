import { randomUUID } from 'node:crypto';
import { parsePolicy } from '../../../lib/access/policy/parse-policy.ts';
import { admit } from '../../../lib/approvals/admit.ts';
import { digestOf, partyOf, type Subject } from '../../../lib/approvals/approval.ts';
import { createApprovals } from '../../../lib/approvals/approvals.ts';
import { decideApproval } from '../../../lib/approvals/decide-approval.ts';
import { announceApproval, settleApproval } from '../../../lib/approvals/watch-approvals.ts';
import type { Storage } from '../../../lib/config/storage.ts';
import type { Caller } from '../../../lib/core/caller.ts';
import { dayMs, hourMs, minuteMs, systemClock } from '../../../lib/core/clock.ts';
import { silentLogger as log } from '../../../lib/core/log.ts';
import { defaultApplication } from '../../../lib/core/identifiers.ts';
import { approvalRule } from '../local-policy.ts';
import type { PastAudit } from './past-audit.ts';
import type { PastTenant } from './past-tenants.ts';

/** Requests of the portal that people have decided on: how many days ago, and what became of them. */
const cases = [
  { day: 34, reason: 'Ticket 3902: list of users for the audit', decision: 'approve', why: 'Agreed with the customer' },
  { day: 20, reason: 'Ticket 4120: who uses the old domain?', decision: 'deny', why: 'The ticket is closed already' },
  { day: 12, reason: 'Ticket 4377: export for the intranet' },
  { day: 3, reason: 'Ticket 4655: new starters since Monday', decision: 'approve', why: 'Checked with the helpdesk' },
] as const;

interface PastApprovalsDeps {
  readonly storage: Storage;
  readonly audit: PastAudit;
  readonly tenants: readonly PastTenant[];
  /** The text of the access policy. */
  readonly policy: string;
  readonly signInClientId: string;
  readonly portal: Caller;
  readonly approver: Caller;
}

/** Asks for approvals, decides and settles them, each step at its time. */
export async function writePastApprovals(deps: PastApprovalsDeps, toMs: number): Promise<void> {
  const { storage, audit, portal, approver, signInClientId } = deps;
  let nowMs = toMs;
  const parsed = parsePolicy(deps.policy);
  const terms = parsed.ok ? parsed.policy.rules.find(({ name }) => name === approvalRule)?.approval : undefined;
  if (!parsed.ok || terms === undefined) throw new Error('The policy of the demo has no rule for the portal.');
  const approvals = createApprovals({
    storage,
    audit,
    policy: { current: async () => ({ policy: parsed.policy, state: 'current', loadedAtMs: nowMs }) },
    visibleTo: async () => '*',
    signInClientId,
    notifier: { send: async () => undefined },
    clock: { ...systemClock, nowMs: () => nowMs },
    newId: randomUUID,
    dashboardUrl: undefined,
    log,
  });
  const orchestrations = {
    start: async () => undefined,
    state: async () => 'ended' as const,
    raise: async () => undefined,
  };
  const working = deps.tenants.filter((tenant) => tenant.refusalAt(toMs) === undefined && tenant.listedAt(toMs));
  for (const [at, { day, reason, ...decided }] of cases.entries()) {
    const tenant = working[at % Math.max(1, working.length)];
    if (tenant === undefined) continue;
    nowMs = toMs - day * dayMs;
    const requester = { correlationId: randomUUID(), log, orchestrations };
    // With few customers, the same request ended before.
    const asked = { ...requester, caller: portal, reason, askAgain: true };
    const { approval } = await admit(approvals, subjectOf(tenant, portal), terms, asked);
    nowMs += 2_000;
    await announceApproval({ ...approvals, log }, { approvalId: approval.id });
    if ('decision' in decided) {
      nowMs += 18 * minuteMs;
      const decision = { decision: decided.decision, reason: decided.why };
      const by = { ...requester, correlationId: randomUUID(), caller: approver };
      await decideApproval(approvals, approval.id, decision, by);
    }
    nowMs += 25 * hourMs;
    await settleApproval({ ...approvals, log }, { approvalId: approval.id });
  }
}

/** As `requestSubject` describes the request. */
function subjectOf({ tenantId, name }: PastTenant, portal: Caller): Subject {
  const [method, path, scopes] = ['GET', '/v1.0/users', ['User.Read.All']];
  return {
    kind: 'request',
    digest: digestOf('request', partyOf(portal), [tenantId, method, path]),
    title: `${method} ${path} at graph in ${name}`,
    facts: [
      { name: 'Tenant', value: `${name} (${tenantId})` },
      { name: 'Request', value: `${method} ${path}` },
      { name: 'Permissions', value: scopes.join(', ') },
    ],
    details: [],
    tenantId,
    rule: approvalRule,
    audit: { resource: 'graph', scopes, grant: 'delegated', application: defaultApplication, method, path },
  };
}
