import { expect, it } from 'vitest';
import { decideApproval } from '../../../../src/lib/approvals/decide-approval.ts';
import { showApproval } from '../../../../src/lib/approvals/read-approvals.ts';
import { settleApproval } from '../../../../src/lib/approvals/watch-approvals.ts';
import type { AuditEntry } from '../../../../src/lib/audit/audit-log.ts';
import { denyAll } from '../../../../src/lib/access/policy/policy.ts';
import type { Caller } from '../../../../src/lib/core/caller.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { approval, asker, askedAtMs, minuteMs, person, terms } from '../../../support/approval-records.ts';
import { memoryApprovals } from '../../../support/approvals.ts';
import { guid } from '../../../support/audit-entries.ts';

const rule = { name: 'changes need an approval', approval: terms() };
const policy = {
  current: async () => ({ policy: { ...denyAll, rules: [rule as never] }, state: 'current', loadedAtMs: 0 }) as never,
};
const clock = { nowMs: () => askedAtMs + minuteMs, sleep: () => Promise.resolve() };
const orchestrations = { start: async () => {}, state: async () => 'unknown' as const, raise: async () => {} };
const id = approval().id;

async function stage(by = asker) {
  const entries: AuditEntry[] = [];
  const audit = { record: async (entry: AuditEntry) => void entries.push(entry) };
  const deps = memoryApprovals({ audit, policy, clock });
  await deps.approvalLog.create(approval({ asker: by }), undefined, 20, 100);
  const decide = (decision: 'approve' | 'deny' | 'revoke', caller: Caller) =>
    decideApproval(
      deps,
      id,
      { decision, reason: 'Agreed with the customer.' },
      { caller, correlationId: guid(5), log: silentLogger, orchestrations },
    );
  return { deps, decide, outcomes: () => entries.map(({ outcome }) => outcome) };
}

const caller = (party: typeof asker, roles: Caller['roles'] = ['Approvals.Decide']): Caller => ({ ...party, roles });

it('the asker revokes without the role of deciders, and nothing else', async () => {
  const service = person(9, { kind: 'application', applicationId: guid(0xb) });
  const { deps, decide } = await stage(service);
  const sender = caller(service, ['Requests.Send']);
  expect((await showApproval(deps, sender, id)).possibleDecisions).toEqual(['revoke']);
  await expect(decide('approve', sender)).rejects.toMatchObject({ code: 'decision_refused' });
  await expect(decide('revoke', caller(person(8), ['Requests.Send']))).rejects.toMatchObject({
    code: 'approval_not_found',
  });
  expect((await decide('revoke', sender)).status).toBe('revoked');
});

it('an application cannot approve its own request with the token of a person', async () => {
  const portal = guid(0xb);
  const { decide } = await stage(person(9, { kind: 'application', applicationId: portal }));
  const approve = decide('approve', caller(person(2, { applicationId: portal })));
  await expect(approve).rejects.toMatchObject({ code: 'decision_refused' });
  expect((await decide('approve', caller(person(2)))).status).toBe('approved');
});

it('a decision that another one outran is marked as failed in the audit log', async () => {
  const { deps, decide, outcomes } = await stage();
  let isFirst = true;
  deps.approvalLog.beforeWrite = async () => {
    if (!isFirst) return;
    isFirst = false;
    await decide('deny', caller(person(3)));
  };
  await expect(decide('approve', caller(person(2)))).rejects.toMatchObject({ code: 'approval_conflict' });
  expect(outcomes()).toEqual(['approved', 'denied', 'failed']);
});

it('a decision is recorded once although the notice was noted at the same time', async () => {
  const { deps, decide, outcomes } = await stage();
  deps.approvalLog.beforeWrite = async () => {
    deps.approvalLog.beforeWrite = () => Promise.resolve();
    const found = await deps.approvalLog.find(id);
    await deps.approvalLog.change({ ...approval(found?.approval), announced: true }, found?.version ?? '');
  };
  expect(await decide('approve', caller(person(2)))).toMatchObject({ status: 'approved', announced: true });
  expect(outcomes()).toEqual(['approved']);
});

it.each([
  ['deny', 'denied'],
  ['revoke', 'revoked'],
] as const)('the audit log has the request also if somebody used %s before it was announced', async (made, outcome) => {
  const { deps, decide, outcomes } = await stage();
  await decide(made, caller(person(2)));
  const settle = () => settleApproval({ ...deps, log: silentLogger }, { approvalId: id });
  expect([await settle(), await settle()]).toEqual([{ settled: true }, { settled: true }]);
  expect(outcomes()).toEqual([outcome, 'asked']);
});

it.each([
  ['made', true, ['approved']],
  ['not made', false, ['approved', 'failed']],
])('a decision whose reply storage loses is answered as it was stored (%s)', async (_, isMade, recorded) => {
  const { deps, decide, outcomes } = await stage();
  const write = deps.approvalLog.change.bind(deps.approvalLog);
  deps.approvalLog.change = async (...change) => {
    if (isMade) await write(...change);
    throw new BrokerError('storage_unavailable', 'The reply was lost.');
  };
  const decided = await decide('approve', caller(person(2))).catch(({ code }: BrokerError) => code);
  if (isMade) expect(decided).toMatchObject({ status: 'approved' });
  else expect(decided).toBe('storage_unavailable');
  expect(outcomes()).toEqual(recorded);
});

it('a decision of which nobody knows whether it was stored is not recorded as failed', async () => {
  const { deps, decide, outcomes } = await stage();
  deps.approvalLog.change = async () => {
    deps.approvalLog.failure = new BrokerError('storage_unavailable', 'Storage does not answer.');
    throw deps.approvalLog.failure;
  };
  await expect(decide('approve', caller(person(2)))).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(outcomes()).toEqual(['approved']);
});
