import { describe, expect, it } from 'vitest';
import type { Approval, ApprovalDecision } from '../../../../src/lib/approvals/approval.ts';
import { judgeDecision, possibleDecisions, type RuleNow } from '../../../../src/lib/approvals/judge-decision.ts';
import { approval, asker, askedAtMs, decision, minuteMs, person, terms } from '../../../support/approval-records.ts';
import { guid, tenant } from '../../../support/audit-entries.ts';

const [ada, ben, cleo] = [person(2), person(3), person(4)];
const judge = (made: ApprovalDecision, record = approval(), now: RuleNow = record.terms) =>
  judgeDecision(record, made, now, signInClientId);
/** The application of every `person`. */
const signInClientId = guid(0xa);
const refusal = (made: ApprovalDecision, record?: Approval, now?: RuleNow): string => {
  const outcome = judge(made, record, now);
  return 'kind' in outcome && 'reason' in outcome && !('id' in outcome) ? `${outcome.kind}: ${outcome.reason}` : 'ok';
};
const approved = (more: Partial<Approval> = {}): Approval =>
  approval({
    status: 'approved',
    decisions: [decision(ada)],
    approvedAtMs: askedAtMs + minuteMs,
    validUntilMs: askedAtMs + 31 * minuteMs,
    ...more,
  });

describe('approving', () => {
  it('counts the shortest time to wait of every rule under which somebody decided', () => {
    const two = approval({ terms: terms({ count: 2 }) });
    const first = judge(decision(ada), two, terms({ count: 2, expiresMinutes: 10 })) as Approval;
    expect(first.expiresAtMs).toBe(askedAtMs + 10 * minuteMs);
    // The rule is as before.
    const late = decision(ben, { atMs: askedAtMs + 10 * minuteMs });
    expect(refusal(late, first, two.terms)).toContain('It expired');
    const intime = decision(ben, { atMs: askedAtMs + 10 * minuteMs - 1 });
    expect(judge(intime, first, two.terms)).toMatchObject({ status: 'approved' });
  });

  it('starts the validity with the last decision that is needed', () => {
    const two = approval({ terms: terms({ count: 2 }) });
    const first = judge(decision(ada), two) as Approval;
    expect(first).toMatchObject({ status: 'pending', approvedAtMs: undefined });
    const second = judge(decision(ben, { atMs: askedAtMs + 20 * minuteMs }), first);
    expect(second).toMatchObject({
      status: 'approved',
      approvedAtMs: askedAtMs + 20 * minuteMs,
      validUntilMs: askedAtMs + 50 * minuteMs,
    });
  });

  it.each([
    ['the asker', asker],
    ['the asker behind another application', { ...asker, applicationId: guid(0xb) }],
  ])('is refused to %s, who may revoke', (_, decider) => {
    for (const kind of ['approve', 'deny'] as const)
      expect(refusal(decision(decider, { decision: kind }))).toMatch(/^forbidden: You asked for it yourself/);
    expect(judge(decision(decider, { decision: 'revoke' }))).toMatchObject({ status: 'revoked' });
  });

  it('is refused through any other application than the one through which people sign in', () => {
    const portal = guid(0xb);
    const service = { kind: 'application', objectId: guid(9), applicationId: portal } as const;
    const throughPortal = person(2, { applicationId: portal });
    for (const party of [person(1, service), person(1, { applicationId: portal })]) {
      const record = approval({ asker: party });
      expect(refusal(decision(throughPortal), record)).toMatch(/^forbidden: Another application cannot approve/);
      // Who only ends it harms nobody.
      expect(refusal(decision(throughPortal, { decision: 'deny' }), record)).toBe('ok');
      expect(refusal(decision(ada), record)).toBe('ok');
    }
    const unset = judgeDecision(approval(), decision(ada), terms(), undefined);
    expect(unset).toMatchObject({ kind: 'forbidden', reason: expect.stringContaining('SIGN_IN_CLIENT_ID') as string });
  });

  it('does not count through the application that asked as itself, even if people sign in through it', () => {
    const service = person(9, { kind: 'application', objectId: guid(9) });
    expect(judge(decision(ada), approval({ asker: service }))).toMatchObject({ status: 'pending' });
  });

  it('is open to a person with the same object id in another tenant', () => {
    expect(judge(decision({ ...asker, tenantId: tenant(0x901) }))).toMatchObject({ status: 'approved' });
  });

  it('is refused to an application', () => {
    expect(refusal(decision(person(2, { kind: 'application' })))).toMatch(/^forbidden: An application cannot decide/);
  });

  it('is refused to an agent, also for a person who could decide, and on its own request', () => {
    const agent = person(2, { kind: 'agent', blueprint: guid(0xd1) });
    const parties = [agent, { ...agent, actsFor: agent.objectId }, { ...agent, objectId: asker.objectId }];
    for (const party of parties)
      for (const kind of ['approve', 'deny', 'revoke'] as const)
        for (const record of [approval(), approval({ asker: party }), approved()])
          expect(refusal(decision(party, { decision: kind }), record)).toBe(
            'forbidden: An agent cannot decide, not even for a person or on its own request. Sign in as a person.',
          );
  });

  it('is refused to the person for whom an agent asked, who may revoke', () => {
    const agent = person(2, { kind: 'agent', applicationId: guid(0xb), actsFor: ada.objectId });
    const record = approval({ asker: agent });
    expect(refusal(decision(ada), record)).toBe(
      'forbidden: An agent asked for it on your behalf, so another person must decide. You may revoke it.',
    );
    expect(judge(decision(ada, { decision: 'revoke' }), record)).toMatchObject({ status: 'revoked' });
    expect(judge(decision(ben), record)).toMatchObject({ status: 'approved' });
  });

  it('does not count through the application of the agent that asked', () => {
    const agent = person(9, { kind: 'agent', actsFor: guid(9) });
    expect(judge(decision(ada), approval({ asker: agent }))).toMatchObject({ status: 'pending' });
  });

  it('is refused to a person without a role that the rule asks for, then or now', () => {
    expect(refusal(decision(ada, { roles: [] }))).toMatch(/needs the app role Approvals.Decide/);
    const stricter = terms({ from: ['Approvals.Decide', 'Audit.Read'] });
    expect(refusal(decision(ada), approval(), stricter)).toMatch(/needs the app role Audit.Read/);
    expect(refusal(decision(ada), approval({ terms: stricter }), terms())).toMatch(/needs the app role Audit.Read/);
  });

  it('names every role that is missing', () => {
    const both = terms({ from: ['Approvals.Decide', 'Audit.Read'] });
    expect(refusal(decision(ada, { roles: [] }), approval(), both)).toContain('Approvals.Decide and Audit.Read');
  });

  it('needs roles that denying and revoking do not need', () => {
    const both = terms({ from: ['Approvals.Decide', 'Audit.Read'] });
    expect(judge(decision(ada, { decision: 'revoke' }), approved(), both)).toMatchObject({ status: 'revoked' });
    expect(judge(decision(ben, { decision: 'deny' }), approval(), both)).toMatchObject({ status: 'denied' });
  });

  it('is refused a second time, also after the approval of the other', () => {
    const two = approval({ terms: terms({ count: 2 }) });
    const first = judge(decision(ada), two) as Approval;
    expect(refusal(decision(ada, { id: 'again' }), first)).toMatch(/^conflict: You have decided on it already/);
    const elsewhere = { ...ada, applicationId: guid(0xb) };
    for (const decider of [ada, elsewhere])
      expect(refusal(decision(decider, { decision: 'deny' }), first)).toMatch(/^conflict: You have decided/);
  });

  it('is refused from the moment of expiry on', () => {
    const atEnd = { atMs: askedAtMs + 60 * minuteMs };
    expect(refusal(decision(ada, { atMs: atEnd.atMs - 1 }))).toBe('ok');
    expect(refusal(decision(ada, atEnd))).toMatch(/^conflict: It expired without enough decisions/);
    // The rule waits for a shorter time now.
    const shorter = terms({ expiresMinutes: 5 });
    expect(refusal(decision(ada, { atMs: askedAtMs + 5 * minuteMs }), approval(), shorter)).toMatch(
      /^conflict: It exp/,
    );
  });

  it.each(['denied', 'revoked', 'expired', 'ended'] as const)('is refused for a request that is %s', (status) => {
    for (const kind of ['approve', 'deny', 'revoke'] as const)
      expect(refusal(decision(ben, { decision: kind }), approval({ status }))).toMatch(/^conflict: .* ask again/);
  });

  it('is refused if the rule no longer asks for an approval, but denying and revoking is not', () => {
    expect(refusal(decision(ada), approval(), 'gone')).toMatch(/^conflict: The rule no longer exists/);
    expect(judge(decision(ada, { decision: 'deny' }), approval(), 'gone')).toMatchObject({ status: 'denied' });
    const late = decision(ada, { decision: 'deny', atMs: askedAtMs + 60 * minuteMs });
    expect(refusal(late, approval(), 'gone')).toMatch(/^conflict: It expired/);
    expect(judge(decision(ada, { decision: 'revoke' }), approval(), 'gone')).toMatchObject({ status: 'revoked' });
  });

  it('needs the larger number of people, of when it was asked and now', () => {
    const now = judge(decision(ada), approval(), terms({ count: 2 }));
    expect(now).toMatchObject({ status: 'pending', terms: { count: 2 } });
    expect(judge(decision(ada), approval({ terms: terms({ count: 2 }) }), terms())).toMatchObject({
      status: 'pending',
    });
    // The policy asks for one again: the stricter terms stay.
    expect(judge(decision(ben), now as Approval, terms())).toMatchObject({ status: 'approved', terms: { count: 2 } });
  });

  it('counts only decisions with the roles that are asked for now', () => {
    const two = judge(decision(ada), approval({ terms: terms({ count: 2 }) })) as Approval;
    const both = terms({ count: 2, from: ['Approvals.Decide', 'Audit.Read'] });
    const roles = both.from;
    const second = judge(decision(ben, { roles }), two, both) as Approval;
    expect(second.status).toBe('pending');
    expect(judge(decision(cleo, { roles }), second, both)).toMatchObject({ status: 'approved' });
  });

  it('is valid for the shorter time, of when it was asked and now', () => {
    const end = askedAtMs + 6 * minuteMs;
    expect(judge(decision(ada), approval(), terms({ validMinutes: 5 }))).toMatchObject({ validUntilMs: end });
    const short = approval({ terms: terms({ validMinutes: 5 }) });
    expect(judge(decision(ada), short, terms())).toMatchObject({ validUntilMs: end });
  });
});

describe('ending', () => {
  it('one denial ends a request, whatever others approved, and removes what may hold data of the customer', () => {
    const first = judge(decision(ada), approval({ terms: terms({ count: 3 }) })) as Approval;
    expect(judge(decision(ben, { decision: 'deny' }), first)).toMatchObject({
      status: 'denied',
      closedAtMs: askedAtMs + minuteMs,
      subject: { details: [] },
      // Its request is not in the audit log yet.
      endRecorded: false,
    });
  });

  it('an approval is revoked by any decider, also by the one who approved', () => {
    for (const decider of [ada, ben]) {
      expect(judge(decision(decider, { decision: 'revoke', id: 'r' }), approved())).toMatchObject({
        status: 'revoked',
        subject: { details: [] },
      });
    }
    expect(refusal(decision(ben, { decision: 'deny' }), approved())).toMatch(/Revoke it to end it/);
    expect(refusal(decision(ben), approved())).toMatch(/approved already/);
  });

  it('what a change has used up is neither approved nor denied, and not revoked once the change is over', () => {
    const used = { status: 'used', use: { id: 'u', atMs: askedAtMs + minuteMs, answered: true } } as const;
    const over = approved({ ...used, closedAtMs: askedAtMs + 2 * minuteMs });
    for (const record of [approved(used), over])
      for (const kind of ['approve', 'deny'] as const)
        expect(refusal(decision(ben, { decision: kind }), record)).toMatch(/^conflict: The approval was used/);
    const revocation = decision(ben, { decision: 'revoke' });
    expect(refusal(revocation, over)).toMatch(/^conflict: The approval was used.*ask again/);
    // Its request is on the way: whoever holds the claim sees the revocation.
    const first = judge(revocation, approved(used)) as Approval;
    expect(first).toMatchObject({ status: 'used', closedAtMs: undefined, decisions: [decision(ada), revocation] });
    expect(refusal(decision(cleo, { decision: 'revoke' }), first)).toMatch(/^conflict: It was revoked while/);
  });

  it('nothing is left to record about the end of a request that the audit log has', () => {
    for (const askRecorded of [true, false]) {
      const denied = judge(decision(ben, { decision: 'deny' }), approval({ askRecorded }));
      const revoked = judge(decision(ben, { decision: 'revoke' }), approved({ askRecorded }));
      expect([denied, revoked]).toMatchObject([{ endRecorded: askRecorded }, { endRecorded: askRecorded }]);
    }
  });

  it('an approval that is over cannot be revoked', () => {
    const late = decision(ben, { decision: 'revoke', atMs: askedAtMs + 31 * minuteMs });
    expect(refusal(late, approved())).toMatch(/no longer valid/);
  });
});

it('says what a person may decide', () => {
  const asking = { decider: ada, roles: ['Approvals.Decide'] as const, atMs: askedAtMs + minuteMs };
  expect(possibleDecisions(approval(), asking, terms(), signInClientId)).toEqual(['approve', 'deny', 'revoke']);
  expect(possibleDecisions(approved(), asking, terms(), signInClientId)).toEqual(['revoke']);
  expect(possibleDecisions(approval(), { ...asking, decider: asker }, terms(), signInClientId)).toEqual(['revoke']);
  expect(possibleDecisions(approval({ status: 'denied' }), asking, terms(), signInClientId)).toEqual([]);
  const agent = { ...asking, decider: person(2, { kind: 'agent' }) };
  expect(possibleDecisions(approval(), agent, terms(), signInClientId)).toEqual([]);
});
