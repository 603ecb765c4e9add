import { beforeEach, describe, expect, it } from 'vitest';
import { admit, confirm } from '../../../../src/lib/approvals/admit.ts';
import { decideApproval } from '../../../../src/lib/approvals/decide-approval.ts';
import { ruleNow } from '../../../../src/lib/approvals/judge-decision.ts';
import { emergencyReason } from '../../../../src/lib/approvals/emergency.ts';
import { meetCondition, type RuleCondition } from '../../../../src/lib/approvals/meet-condition.ts';
import type { Caller } from '../../../../src/lib/core/caller.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../../../fakes/fake-orchestrations.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { approval, asker, askedAtMs, person, terms } from '../../../support/approval-records.ts';
import { memoryApprovals } from '../../../support/approvals.ts';
import { guid, tenant } from '../../../support/audit-entries.ts';

const rule = { name: approval().subject.rule, approval: terms() };
const policy = { current: async () => ({ policy: { rules: [rule] }, state: 'current', loadedAtMs: 0 }) as never };
const caller: Caller = { ...asker, roles: [] };
const reason = 'The account sends spam, ticket 4711.';

let clock: FakeClock;
let audit: MemoryAuditLog;
let approvals: ReturnType<typeof memoryApprovals>;
let recorded: ReturnType<typeof recordingLogger>;
let orchestrations: FakeOrchestrations;
beforeEach(() => {
  clock = new FakeClock(askedAtMs);
  audit = new MemoryAuditLog();
  approvals = memoryApprovals({ audit, policy, clock });
  recorded = recordingLogger();
  orchestrations = new FakeOrchestrations();
});

const asking = (more: object = {}) => ({ caller, correlationId: guid(3), log: recorded.log, orchestrations, ...more });
const logged = () => recorded.lines.map(({ line }) => JSON.parse(line) as Record<string, unknown>);

describe('meetCondition', () => {
  const emergency = () => ({ tenantId: tenant(1), resource: 'graph', request: 'a token' });
  const notAsked = () => {
    throw new Error('There is nothing to describe.');
  };
  const meet = (condition: Partial<RuleCondition>, more: object = {}) =>
    meetCondition(
      approvals,
      { name: rule.name, approval: undefined, breakGlass: false, ...condition },
      { subject: condition.approval === undefined ? notAsked : () => approval().subject, emergency },
      asking(more),
    );

  it('demands nothing for a rule without a condition', async () => {
    const outcome = await meet({});
    if (!('met' in outcome)) throw new Error('The rule has no condition.');
    expect(outcome.met.facts).toEqual({});
    expect(await outcome.met.confirm()).toBeUndefined();
    expect(approvals.approvalLog.rows.size).toBe(0);
  });

  it('waits for an approval, serves under it, and no more once it is revoked', async () => {
    const waiting = await meet({ approval: terms() });
    if (!('pending' in waiting)) throw new Error('Nobody has approved yet.');
    const { id } = waiting.pending;
    const decide = (decision: 'approve' | 'revoke') =>
      decideApproval(
        approvals,
        id,
        { decision, reason },
        {
          ...asking(),
          caller: { ...person(2), roles: ['Approvals.Decide'] },
        },
      );
    await decide('approve');
    const outcome = await meet({ approval: terms() });
    if (!('met' in outcome)) throw new Error('It was approved.');
    expect(outcome.met.facts).toEqual({ approvalId: id });
    await outcome.met.confirm();
    await decide('revoke');
    await expect(outcome.met.confirm()).rejects.toMatchObject({ code: 'approval_ended' });
    await expect(meet({ approval: terms() })).rejects.toMatchObject({
      code: 'approval_ended',
      logFields: { approvalId: id },
    });
  });

  it('serves an emergency with its reason, and tells people', async () => {
    const outcome = await meet({ breakGlass: true, approval: terms() }, { breakGlass: true, reason });
    if (!('met' in outcome)) throw new Error('An emergency waits for nobody.');
    expect(outcome.met.facts).toEqual({ breakGlass: true, reason });
    await outcome.met.confirm();
    expect(approvals.notices).toMatchObject([{ severity: 'critical', title: `Emergency rule used: ${rule.name}` }]);
  });

  it('refuses an agent that declares an emergency, whatever the rule asks for', async () => {
    const agent: Caller = { ...caller, kind: 'agent', actsFor: caller.objectId };
    for (const condition of [{}, { approval: terms() }, { breakGlass: true }])
      await expect(meet(condition, { caller: agent, breakGlass: true, reason })).rejects.toMatchObject({
        code: 'caller_forbidden',
        detail: 'An agent cannot declare an emergency. A person must send the request.',
      });
    expect(approvals.notices).toEqual([]);
    expect('met' in (await meet({}, { caller: agent }))).toBe(true);
    expect('pending' in (await meet({ approval: terms() }, { caller: agent }))).toBe(true);
  });

  it.each([
    ['without a condition', {}, {}],
    ['for emergencies', { breakGlass: true }, { breakGlass: true, reason }],
  ])('lets a change leave that a rule %s allows, as often as it is sent', async (_, condition, more) => {
    for (let time = 1; time <= 2; time += 1) {
      const outcome = await meet(condition, more);
      if (!('met' in outcome)) throw new Error('Nobody has to approve.');
      const claim = await outcome.met.claim();
      expect([await claim.confirm(), await claim.giveBack(), await claim.conclude(true)]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    }
    expect(approvals.approvalLog.rows.size).toBe(0);
  });
});

describe('emergencyReason', () => {
  it('is the reason of a declared emergency, without secrets', () => {
    const token = 'eyJhbGciOiJub25lIn0.eyJhIjoiYmNkZWZnaGlqa2xtbm9wcXJzdCJ9.c2ln';
    expect(emergencyReason('r', { breakGlass: true, reason })).toBe(reason);
    expect(emergencyReason('r', { breakGlass: true, reason: `It has ${token}.` })).not.toContain(token);
  });

  it.each([{}, { breakGlass: true }, { reason }, { breakGlass: false, reason }])(
    'is missing in %j',
    (justification) => {
      expect(() => emergencyReason('r', justification)).toThrow(
        expect.objectContaining({
          code: 'reason_required',
          detail: expect.stringContaining('"r"') as string,
          logFields: { rule: 'r' },
        }),
      );
    },
  );
});

describe('a new request', () => {
  const ask = () => admit(approvals, approval().subject, terms(), asking());

  it('starts the orchestration that announces it', async () => {
    const { approval: asked } = await ask();
    expect(orchestrations.started).toEqual([
      { name: 'approval', instanceId: `approval-${asked.id}`, input: { approvalId: asked.id } },
    ]);
    expect(logged()).toEqual([
      expect.objectContaining({
        event: 'approval.asked',
        level: 'info',
        approvalId: asked.id,
        rule: rule.name,
        tenantId: approval().subject.tenantId,
        caller: `${caller.applicationId}/${caller.objectId}`,
      }),
    ]);
  });

  it('waits although the orchestration cannot be started: the watchdog starts it', async () => {
    orchestrations.broken = true;
    const { admitted, approval: asked } = await ask();
    expect(admitted).toBe(false);
    expect(logged().at(-1)).toMatchObject({ event: 'approval.start_failed', level: 'warn', approvalId: asked.id });
  });

  it('is not confirmed once its record was removed', async () => {
    const { approval: asked } = await ask();
    approvals.approvalLog.rows.clear();
    await expect(confirm(approvals, asked, terms())).rejects.toMatchObject({
      code: 'approval_ended',
      detail: `The approval ${asked.id} was removed.`,
    });
  });
});

describe('a decision', () => {
  const decider: Caller = { ...person(2), roles: ['Approvals.Decide'] };
  beforeEach(() => approvals.approvalLog.create(approval(), undefined, 20, 100));
  const decide = () =>
    decideApproval(approvals, approval().id, { decision: 'deny', reason }, { ...asking(), caller: decider });

  it('wakes the orchestration, which closes the record', async () => {
    expect((await decide()).status).toBe('denied');
    expect(orchestrations.raised).toEqual([`approval-${approval().id} decided`]);
  });

  it('holds although the orchestration cannot be woken', async () => {
    orchestrations.raise = () => Promise.reject(new Error('the platform is away'));
    expect((await decide()).status).toBe('denied');
    expect(logged().at(-1)).toMatchObject({ event: 'approval.not_woken', level: 'warn', approvalId: approval().id });
  });

  it('follows the rule of the request as it is now', () => {
    const rules = [{ name: 'another', approval: terms({ count: 9 }) }, rule] as never;
    expect(ruleNow({ rules } as never, approval())).toEqual(terms());
    expect(ruleNow({ rules: [] } as never, approval())).toBe('gone');
    expect(ruleNow({ rules: [{ name: rule.name }] } as never, approval())).toBe('gone');
  });
});
