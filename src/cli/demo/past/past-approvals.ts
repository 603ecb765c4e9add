import { randomUUID } from 'node:crypto';
import { parsePolicy } from '../../../lib/access/policy/parse-policy.ts';
import { admit } from '../../../lib/approvals/admit.ts';
import { digestOf, partyOf, type Subject } from '../../../lib/approvals/approval.ts';
import { createApprovals } from '../../../lib/approvals/approvals.ts';
import { decideApproval } from '../../../lib/approvals/decide-approval.ts';
import { announceApproval, settleApproval } from '../../../lib/approvals/watch-approvals.ts';
import type { Caller } from '../../../lib/core/caller.ts';
import { dayMs, hourMs, minuteMs, systemClock } from '../../../lib/core/clock.ts';
import { silentLogger as log } from '../../../lib/core/log.ts';
import { defaultApplication } from '../../../lib/core/identifiers.ts';
import { approvalRule } from '../local-policy.ts';
import type { Past, PastTenant } from './past-tenants.ts';

/** Requests of the portal: how many days ago, why, and what people have decided. */
const cases = [
  [28, 'Ticket 3902: list of users for the audit', { decision: 'approve', reason: 'Agreed with the customer' }],
  [20, 'Ticket 4120: who uses the old domain?', { decision: 'deny', reason: 'The ticket is closed already' }],
  [12, 'Ticket 4377: export for the intranet', undefined],
  [3, 'Ticket 4655: new starters since Monday', { decision: 'approve', reason: 'Checked with the helpdesk' }],
] as const;

/** Asks for approvals, decides and settles them, each step at its time. */
export async function writePastApprovals({ storage, audit, tenants, toMs, ...past }: Past): Promise<void> {
  const [portal, approver] = [past.callerOf('Portal'), past.callerOf('approver')];
  let nowMs = toMs;
  const parsed = parsePolicy(past.policy);
  const terms = parsed.ok ? parsed.policy.rules.find(({ name }) => name === approvalRule)?.approval : undefined;
  if (!parsed.ok || terms === undefined) throw new Error('The policy of the demo has no rule for the portal.');
  const approvals = createApprovals({
    storage,
    audit,
    policy: { current: async () => ({ policy: parsed.policy, state: 'current', loadedAtMs: nowMs }) },
    visibleTo: async () => '*',
    signInClientId: approver.applicationId,
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
  const working = tenants.filter((tenant) => tenant.refusalAt(toMs) === undefined && tenant.listedAt(toMs));
  for (const [at, [day, reason, decision]] of cases.entries()) {
    const tenant = working[at % Math.max(1, working.length)];
    if (tenant === undefined) continue;
    nowMs = toMs - day * dayMs;
    const by = (caller: Caller) => ({ correlationId: randomUUID(), log, orchestrations, caller });
    // With few customers, the same request ended before.
    const asked = { ...by(portal), reason, askAgain: true };
    const { approval } = await admit(approvals, subjectOf(tenant, portal), terms, asked);
    nowMs += 2_000;
    await announceApproval({ ...approvals, log }, { approvalId: approval.id });
    nowMs += 18 * minuteMs;
    if (decision !== undefined) await decideApproval(approvals, approval.id, decision, by(approver));
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
