import { describe, expect, it } from 'vitest';
import type { Approval } from '../../../../src/lib/approvals/approval.ts';
import { judgeServing } from '../../../../src/lib/approvals/admit.ts';
import type { ApprovalTerms } from '../../../../src/lib/access/policy/policy.ts';
import { approval, asker, askedAtMs, decision, minuteMs, person, terms } from '../../../support/approval-records.ts';

const [ada, ben] = [person(2), person(3)];
const approvedAtMs = askedAtMs + minuteMs;
const record = (more: Partial<Approval> = {}): Approval =>
  approval({
    status: 'approved',
    decisions: [decision(ada)],
    approvedAtMs,
    validUntilMs: approvedAtMs + 30 * minuteMs,
    ...more,
  });
const serving = (one: Approval, now: ApprovalTerms = terms(), atMs = approvedAtMs, accepted = true) =>
  judgeServing(one, now, atMs, () => accepted);

const reasons = {
  pending: /waits for decisions/,
  denied: /was denied/,
  revoked: /was revoked/,
  expired: /expired before/,
  ended: /no longer valid/,
};

describe('an approval', () => {
  it('serves from the last needed decision until its validity ends', () => {
    expect(serving(record()).serves).toBe(true);
    expect(serving(record(), terms(), approvedAtMs + 30 * minuteMs - 1).serves).toBe(true);
    expect(serving(record(), terms(), approvedAtMs + 30 * minuteMs)).toMatchObject({ serves: false, waits: false });
  });

  it.each(['pending', 'denied', 'revoked', 'expired', 'ended'] as const)('does not serve while it is %s', (status) => {
    expect(serving(record({ status }))).toMatchObject({
      serves: false,
      waits: status === 'pending',
      reason: expect.stringMatching(reasons[status]) as string,
    });
  });

  it('that a change has used up says what became of the change', () => {
    const usedAtMs = approvedAtMs + minuteMs;
    const reason = (answered: boolean, atMs: number, closedAtMs?: number): string => {
      const used = record({ status: 'used', use: { id: 'u', atMs: usedAtMs, answered }, closedAtMs });
      const outcome = serving(used, terms(), atMs);
      return outcome.serves || outcome.waits ? 'it serves or waits' : outcome.reason;
    };
    const end = usedAtMs + 5 * minuteMs;
    expect(reason(false, end - 1)).toMatch(/on its way since 2026-11-24T05:02:00/);
    expect(reason(false, end)).toMatch(/left at 2026-11-24T05:02:00.* may have reached Microsoft/);
    expect(reason(false, usedAtMs, usedAtMs)).toMatch(/may have reached Microsoft/);
    expect(reason(true, usedAtMs, usedAtMs)).toMatch(/sent at 2026-11-24T05:02:00.* once/);
  });

  it('does not serve longer, or with fewer people, than the rule says now', () => {
    const at = approvedAtMs + 5 * minuteMs;
    expect(serving(record(), terms({ validMinutes: 5 }), at - 1).serves).toBe(true);
    expect(serving(record(), terms({ validMinutes: 5 }), at).serves).toBe(false);
    expect(serving(record(), terms({ count: 2 }))).toMatchObject({ reason: expect.stringContaining('stricter') });
    expect(serving(record({ decisions: [decision(ada), decision(ben)] }), terms({ count: 2 })).serves).toBe(true);
    expect(serving(record(), terms({ from: ['Approvals.Decide', 'Audit.Read'] })).serves).toBe(false);
  });

  it('gains nothing from a rule that asks for less now', () => {
    const two = record({ terms: terms({ count: 2 }) });
    expect(serving(two, terms()).serves).toBe(false);
    expect(serving(record(), terms({ validMinutes: 600 }), approvedAtMs + 30 * minuteMs).serves).toBe(false);
  });

  it('does not serve by decisions of people whom the policy does not accept any more', () => {
    expect(serving(record(), terms(), approvedAtMs, false).serves).toBe(false);
  });

  it('does not serve by decisions of the asker, of an application, or of one person twice', () => {
    const twice = [decision(ada), decision({ ...ada, applicationId: ben.objectId })];
    expect(serving(record({ decisions: twice }), terms({ count: 2 })).serves).toBe(false);
    expect(serving(record({ decisions: [decision(asker)] })).serves).toBe(false);
    expect(serving(record({ decisions: [decision(person(2, { kind: 'application' }))] })).serves).toBe(false);
    expect(serving(record({ decisions: [decision(ada, { decision: 'deny' })] })).serves).toBe(false);
  });

  it('does not serve on an instance whose clock was set back, except for the differences between clocks', () => {
    expect(serving(record(), terms(), approvedAtMs - 5 * minuteMs).serves).toBe(true);
    expect(serving(record(), terms(), approvedAtMs - 5 * minuteMs - 1)).toMatchObject({
      reason: expect.stringContaining('clock'),
    });
  });
});
