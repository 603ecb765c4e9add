import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Approval,
  newApprovalId,
  rowKeyOf,
  rowPrefixAt,
  severalTenants,
} from '../../../../src/lib/approvals/approval.ts';
import { visibleApproval } from '../../../../src/lib/approvals/decide-approval.ts';
import { pendingAnswer } from '../../../../src/lib/approvals/meet-condition.ts';
import {
  listApprovals,
  showApproval,
  summariseApproval,
  viewApproval,
  visible,
} from '../../../../src/lib/approvals/read-approvals.ts';
import type { Caller } from '../../../../src/lib/core/caller.ts';
import type { VisibleTenants } from '../../../../src/lib/access/tenants/visible-tenants.ts';
import { parsePolicy } from '../../../../src/lib/access/policy/parse-policy.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { approval, askedAtMs, asker, decision, minuteMs, person, terms } from '../../../support/approval-records.ts';
import { memoryApprovals } from '../../../support/approvals.ts';
import { guid, tenant } from '../../../support/audit-entries.ts';

const decider: Caller = { ...person(2), roles: ['Approvals.Decide'] };
const own: Caller = { ...asker, roles: [] };
const stranger: Caller = { ...person(3), roles: ['Runs.Read'] };

const rule = {
  name: approval().subject.rule,
  callers: { applications: [guid(0xa)] },
  tenants: ['*'],
  resources: ['graph'],
  approval: { expiresMinutes: 60, validMinutes: 30 },
};
const parsed = parsePolicy(JSON.stringify({ version: 1, rules: [rule] }));
if (!parsed.ok) throw new Error(parsed.problems.join(' '));
const policy = { current: async () => ({ policy: parsed.policy, state: 'current', loadedAtMs: 1 }) as const };

let clock: FakeClock;
let approvals: ReturnType<typeof memoryApprovals>;
let tenants: VisibleTenants;
beforeEach(() => {
  clock = new FakeClock(askedAtMs);
  tenants = '*';
  const memory = memoryApprovals({ audit: new MemoryAuditLog(), policy, clock });
  approvals = { ...memory, visibleTo: async () => tenants };
});

let stored = 0;
async function store(more: Partial<Approval> = {}): Promise<string> {
  stored += 1;
  const id = `20261124t050000-${String(stored).padStart(8, '0')}`;
  const subject = { ...approval().subject, digest: String(stored).padStart(64, '0'), ...more.subject };
  await approvals.approvalLog.create(approval({ id, ...more, subject }), undefined, 100, 100);
  return id;
}
const inTenant = (number: number) => ({ subject: { ...approval().subject, tenantId: tenant(number) } });
const listed = async (caller: Caller, filter: Partial<Parameters<typeof listApprovals>[2]> = {}) =>
  (await listApprovals(approvals, caller, { limit: 50, ...filter })).approvals.map(({ approval: { id } }) => id);

describe('listApprovals', () => {
  it('shows deciders all in tenants that they may read, and others what they asked for', async () => {
    const mine = await store();
    const other = await store({ asker: person(4) });
    const elsewhere = await store({ asker: person(4), ...inTenant(0x22) });
    tenants = new Set([approval().subject.tenantId]);
    expect(await listed(decider)).toEqual([other, mine]);
    expect(await listed(own)).toEqual([mine]);
    expect(await listed(stranger)).toEqual([]);
    expect(await listed({ ...own, roles: ['Approvals.Decide'] }, { mine: true })).toEqual([mine]);
    tenants = '*';
    expect(await listed(decider)).toEqual([elsewhere, other, mine]);
  });

  it('shows what is about several tenants to deciders who may read all, whatever tenants others read', async () => {
    const several = await store({ subject: { ...approval().subject, tenantId: severalTenants } });
    tenants = new Set([approval().subject.tenantId, decider.tenantId]);
    expect(await listed(decider)).toEqual([]);
    await expect(visibleApproval(approvals, several, decider)).rejects.toMatchObject({ code: 'approval_not_found' });
    tenants = '*';
    expect(await listed(decider)).toEqual([several]);
    await expect(visibleApproval(approvals, several, decider)).resolves.toMatchObject({ approval: { id: several } });
  });

  it('lists by what time has made of a status, not by what was written', async () => {
    const pending = await store();
    const approved = await store({ status: 'approved', approvedAtMs: askedAtMs, validUntilMs: askedAtMs + minuteMs });
    const denied = await store({ status: 'denied', closedAtMs: askedAtMs });
    const by = (status: Approval['status']) => listed(decider, { status });
    expect(await by('pending')).toEqual([pending]);
    expect(await by('approved')).toEqual([approved]);
    expect(await by('denied')).toEqual([denied]);
    expect(await by('ended')).toEqual([]);
    await clock.advance(60 * minuteMs);
    expect(await by('pending')).toEqual([]);
    expect(await by('approved')).toEqual([]);
    expect(await by('expired')).toEqual([pending]);
    expect(await by('ended')).toEqual([approved]);
    const expired = await store({ status: 'expired', closedAtMs: askedAtMs });
    const ended = await store({ status: 'ended', closedAtMs: askedAtMs });
    expect(await by('expired')).toEqual([expired, pending]);
    expect(await by('ended')).toEqual([ended, approved]);
  });

  it('asks for the statuses that a record may have, and for open ones no longer than they can live', async () => {
    const queries: object[] = [];
    approvals.approvalLog.list = async (query) => {
      queries.push(query);
      return { approvals: [] };
    };
    for (const status of ['pending', 'denied', 'expired', 'ended'] as const) await listed(decider, { status });
    expect(queries).toEqual([
      { limit: 50, statuses: ['pending'], sinceMs: askedAtMs - 6 * 24 * 60 * minuteMs },
      { limit: 50, statuses: ['denied'] },
      { limit: 50, statuses: ['expired', 'pending'] },
      { limit: 50, statuses: ['ended', 'approved'] },
    ]);
  });

  it('continues after a page', async () => {
    const ids = [await store(), await store(), await store()].toReversed();
    const first = await listApprovals(approvals, decider, { limit: 2 });
    expect(first).toMatchObject({ continuation: ids[1] });
    expect(await listed(decider, { continuation: first.continuation })).toEqual([ids[2]]);
    expect(await listApprovals(approvals, decider, { limit: 3 })).not.toHaveProperty('continuation');
  });

  it('says what the caller could decide', async () => {
    await store();
    const possible = async (caller: Caller) =>
      (await listApprovals(approvals, caller, { limit: 1 })).approvals[0]?.possibleDecisions;
    expect(await possible(decider)).toEqual(expect.arrayContaining(['approve', 'deny']));
    expect(await possible(own)).not.toContain('approve');
  });
});

describe('showApproval', () => {
  it('shows the asker its own, and deciders those of tenants that they may read', async () => {
    const id = await store();
    const shown = async (caller: Caller) => (await showApproval(approvals, caller, id)).approval.id;
    expect(await shown(own)).toBe(id);
    expect(await shown(decider)).toBe(id);
    tenants = new Set();
    expect(await shown(own)).toBe(id);
    await expect(shown(decider)).rejects.toMatchObject({ code: 'approval_not_found' });
  });

  it('does not tell others whether there is one', async () => {
    const id = await store();
    const problem = (caller: Caller, wanted: string) =>
      showApproval(approvals, caller, wanted).catch(({ code, detail }: { code: string; detail: string }) => [
        code,
        detail,
      ]);
    const [unknown, hidden] = [await problem(stranger, 'nothing'), await problem(stranger, id)];
    expect(hidden).toEqual(unknown);
    expect(await problem(decider, 'nothing')).toEqual(unknown);
    // The same person behind another application did not ask.
    expect(await problem({ ...own, applicationId: guid(0xf) }, id)).toEqual(unknown);
  });
});

describe('an approval in an answer', () => {
  const decided = approval({
    reason: 'Ticket 4711.',
    decisions: [decision(person(2))],
    terms: terms({ count: 2 }),
  });

  it('has what is decided on, and who decided', () => {
    expect(viewApproval(decided, askedAtMs, ['approve'])).toEqual({
      id: decided.id,
      kind: 'request',
      title: decided.subject.title,
      status: 'pending',
      rule: decided.subject.rule,
      tenantId: decided.subject.tenantId,
      facts: decided.subject.facts,
      asker: { objectId: guid(1), applicationId: guid(0xa), kind: 'user', name: 'person-1@partner.example' },
      reason: 'Ticket 4711.',
      askedAt: '2026-11-24T05:00:00.000Z',
      expiresAt: '2026-11-24T06:00:00.000Z',
      approvalsNeeded: 2,
      approvalsGiven: 1,
      deciders: [{ objectId: guid(2), applicationId: guid(0xa), kind: 'user', name: 'person-2@partner.example' }],
      servedOnce: true,
      possibleDecisions: ['approve'],
      details: decided.subject.details,
      digest: decided.subject.digest,
      from: ['Approvals.Decide'],
      validMinutes: 30,
      decisions: [
        {
          decision: 'approve',
          decider: { objectId: guid(2), applicationId: guid(0xa), kind: 'user', name: 'person-2@partner.example' },
          reason: 'Agreed with the customer.',
          at: '2026-11-24T05:01:00.000Z',
        },
      ],
      correlationId: decided.correlationId,
    });
  });

  it('has times only for what has happened, and no details once its time is over', () => {
    const summary = summariseApproval(approval(), askedAtMs, []);
    for (const name of ['reason', 'approvedAt', 'validUntil', 'closedAt']) expect(summary).not.toHaveProperty(name);
    const ended = approval({
      status: 'approved',
      approvedAtMs: askedAtMs,
      validUntilMs: askedAtMs + minuteMs,
      closedAtMs: askedAtMs + 2 * minuteMs,
    });
    expect(viewApproval(ended, askedAtMs + minuteMs, [])).toMatchObject({
      status: 'ended',
      details: [],
      approvedAt: '2026-11-24T05:00:00.000Z',
      validUntil: '2026-11-24T05:01:00.000Z',
      closedAt: '2026-11-24T05:02:00.000Z',
    });
  });

  it('says when a change used it and whether it was answered, and that a token is served more than once', () => {
    const use = { id: 'u', atMs: askedAtMs + minuteMs, answered: true };
    expect(summariseApproval(approval({ status: 'used', use }), askedAtMs, [])).toMatchObject({
      status: 'used',
      use: { at: '2026-11-24T05:01:00.000Z', answered: true },
      servedOnce: true,
    });
    const token = approval({ subject: { ...approval().subject, kind: 'token' } });
    expect(summariseApproval(token, askedAtMs, [])).toMatchObject({ kind: 'token', servedOnce: false });
    expect(summariseApproval(token, askedAtMs, [])).not.toHaveProperty('use');
  });

  it('offers decisions only to those who may see it', () => {
    const rules = { policy: parsed.policy, signInClientId: guid(0xa) };
    const offered = (caller: Caller) => visible(rules, approval(), caller, askedAtMs).possibleDecisions;
    expect([offered(decider), offered(own), offered(stranger)]).toEqual([
      ['approve', 'deny', 'revoke'],
      ['revoke'],
      [],
    ]);
  });

  it('that waits says how many people are missing', () => {
    const waiting = pendingAnswer(decided);
    expect(waiting).toEqual({
      status: 202,
      headers: {
        location: `/api/approvals/${decided.id}`,
        'retry-after': '15',
        'x-approval-id': decided.id,
        'cache-control': 'no-store',
      },
      body: {
        approvalId: decided.id,
        status: 'pending',
        rule: decided.subject.rule,
        detail: expect.stringContaining('until one more person approves it') as string,
        approvalsNeeded: 2,
        approvalsGiven: 1,
        expiresAt: '2026-11-24T06:00:00.000Z',
      },
    });
    expect(pendingAnswer(approval({ terms: terms({ count: 3 }) })).body.detail).toContain(
      'until 3 more people approve it',
    );
  });
});

describe('the id of an approval', () => {
  it('has the time, and its row key counts down', () => {
    const id = newApprovalId(askedAtMs, '7f3a9c21-aaaa-4bbb-8ccc-dddddddddddd');
    expect(id).toBe('20261124t050000-7f3a9c21');
    expect(rowKeyOf(id)).toBe(`${rowPrefixAt(askedAtMs)}-7f3a9c21`);
    expect(rowPrefixAt(askedAtMs + 1_000) < rowPrefixAt(askedAtMs)).toBe(true);
    expect(rowPrefixAt(askedAtMs + 999)).toBe(rowPrefixAt(askedAtMs));
    expect(rowPrefixAt(0)).toBe('r-9999999999');
    expect(rowPrefixAt(Number.MAX_SAFE_INTEGER)).toBe('r-0000000000');
    expect(rowPrefixAt(-1_000)).toBe('r-9999999999');
  });

  it.each([
    '',
    'x20261124t050000-7f3a9c21',
    '20261124t050000-7f3a9c21x',
    '20261324t050000-7f3a9c21',
    '20261124t050000-7F3A9C21',
  ])('is not %j', (text) => {
    expect(rowKeyOf(text)).toBeUndefined();
  });
});
