import { expect, it } from 'vitest';
import { decideApproval } from '../../../../src/lib/approvals/decide-approval.ts';
import { denyAll } from '../../../../src/lib/access/policy/policy.ts';
import type { Caller } from '../../../../src/lib/core/caller.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../../../fakes/fake-orchestrations.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { approval, askedAtMs, minuteMs, person, terms } from '../../../support/approval-records.ts';
import { memoryApprovals } from '../../../support/approvals.ts';
import { guid } from '../../../support/audit-entries.ts';

/* What a decision leaves behind: in the record, in the audit log and in the log. */

const rules = [{ name: approval().subject.rule, approval: terms() }] as never;
const policy = { current: async () => ({ policy: { ...denyAll, rules } }) as never };
const { id } = approval();
const nowMs = askedAtMs + minuteMs;
const token = 'eyJhbGciOiJub25lIn0.eyJhIjoiYmNkZWZnaGlqa2xtbm9wcXJzdCJ9.c2ln';
const decider: Caller = { ...person(2), roles: ['Approvals.Decide'] };

async function stage() {
  const clock = new FakeClock(nowMs);
  const audit = new MemoryAuditLog();
  const recorder = recordingLogger();
  const orchestrations = new FakeOrchestrations();
  const deps = memoryApprovals({ audit, policy, clock });
  await deps.approvalLog.create(approval(), undefined, 20, 100);
  const decide = (decision: 'approve' | 'deny', reason = 'Agreed.') =>
    decideApproval(
      deps,
      id,
      { decision, reason },
      { caller: decider, correlationId: guid(5), log: recorder.log, orchestrations },
    );
  const lines = () => recorder.lines.map(({ line }) => JSON.parse(line) as Record<string, unknown>);
  const stored = async () => (await deps.approvalLog.find(id))?.approval;
  return { clock, audit, deps, orchestrations, decide, lines, stored };
}

it('the record says who decided what, when, with which roles and why, without secrets', async () => {
  const { decide, stored } = await stage();
  await decide('approve', `It has ${token} in it.`);
  expect((await stored())?.decisions).toEqual([
    {
      id: expect.any(String) as string,
      decision: 'approve',
      decider: person(2),
      roles: ['Approvals.Decide'],
      reason: 'It has [secret] in it.',
      atMs: nowMs,
    },
  ]);
});

it('the audit log says who decided what about which request, without secrets', async () => {
  const { audit, decide } = await stage();
  await decide('approve', `It has ${token} in it.`);
  const { subject } = approval();
  expect(audit.entries).toEqual([
    {
      ...subject.audit,
      kind: 'approval',
      outcome: 'approved',
      atMs: nowMs,
      // That of the decision, not of the request.
      correlationId: guid(5),
      approvalId: id,
      tokenId: '00000000-0000-0000-0000-000000000000',
      caller: { applicationId: guid(0xa), objectId: guid(2), kind: 'user' },
      rule: subject.rule,
      tenantId: subject.tenantId,
      reason: 'It has [secret] in it.',
    },
  ]);
});

it('the log says who decided what, and what became of the request', async () => {
  const { decide, lines } = await stage();
  await decide('deny');
  expect(lines()).toEqual([
    { event: 'approval.decided', level: 'info', approvalId: id, decision: 'deny', status: 'denied', decider: guid(2) },
  ]);
});

/** Storage refuses this many writes of a decision, as if others had written. */
function othersWrite({ deps }: Awaited<ReturnType<typeof stage>>, times: number) {
  const made = { writes: 0 };
  const write = deps.approvalLog.change.bind(deps.approvalLog);
  deps.approvalLog.change = async (...change) => {
    made.writes += 1;
    return made.writes > times && write(...change);
  };
  return made;
}

it('a decision is tried eight times, and recorded once', async () => {
  const lucky = await stage();
  othersWrite(lucky, 7);
  expect((await lucky.decide('approve')).status).toBe('approved');
  expect(lucky.audit.entries.map(({ outcome }) => outcome)).toEqual(['approved']);

  const unlucky = await stage();
  const made = othersWrite(unlucky, 8);
  await expect(unlucky.decide('approve')).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(made.writes).toBe(8);
  expect(unlucky.audit.entries.map(({ outcome, code, atMs }) => [outcome, code, atMs])).toEqual([
    ['approved', undefined, nowMs],
    ['failed', 'storage_unavailable', nowMs],
  ]);
  expect(unlucky.orchestrations.raised).toEqual([]);
});

it('a decision that meets itself in storage is made once', async () => {
  const { audit, deps, decide, stored } = await stage();
  const write = deps.approvalLog.change.bind(deps.approvalLog);
  deps.approvalLog.change = async (...change) => {
    await write(...change);
    // The reply was lost. The SDK repeats the write, and the row has changed since.
    return false;
  };
  expect((await decide('approve')).status).toBe('approved');
  expect((await stored())?.decisions).toHaveLength(1);
  expect(audit.entries.map(({ outcome }) => outcome)).toEqual(['approved']);
});

it('a decision is recorded as failed if its request was purged meanwhile', async () => {
  const { audit, deps, decide } = await stage();
  deps.approvalLog.change = async () => {
    deps.approvalLog.rows.clear();
    throw new BrokerError('storage_unavailable', 'Storage does not answer.');
  };
  await expect(decide('approve')).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(audit.entries.map(({ outcome }) => outcome)).toEqual(['approved', 'failed']);
});

it('a request that does not exist cannot be decided on', async () => {
  const { audit, deps, decide } = await stage();
  deps.approvalLog.rows.clear();
  await expect(decide('approve')).rejects.toMatchObject({ code: 'approval_not_found' });
  expect(audit.entries).toEqual([]);
});

it('a refusal names the request in the log', async () => {
  const { decide } = await stage();
  await decide('deny');
  await expect(decide('approve')).rejects.toMatchObject({ code: 'approval_conflict', logFields: { approvalId: id } });
});

it('a decision that cannot be recorded is not made', async () => {
  const { audit, decide, stored, lines } = await stage();
  audit.down = true;
  await expect(decide('approve')).rejects.toMatchObject({ code: 'audit_unavailable' });
  expect([await stored(), lines()]).toMatchObject([{ status: 'pending', decisions: [] }, []]);
});

it('a failure that cannot be recorded is logged, and does not hide the failure itself', async () => {
  const { audit, deps, decide, lines } = await stage();
  deps.approvalLog.change = async () => {
    audit.down = true;
    throw new BrokerError('storage_unavailable', 'Storage does not answer.');
  };
  await expect(decide('approve')).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(lines()).toEqual([
    expect.objectContaining({ event: 'audit.failure_not_recorded', level: 'error', code: 'audit_unavailable' }),
  ]);
});

it('a person waits three seconds for the orchestration to be woken, and not longer', async () => {
  const { clock, orchestrations, decide, lines } = await stage();
  orchestrations.raise = () => new Promise<never>(() => {});
  let status: string | undefined;
  const decided = decide('deny').then((made) => (status = made.status));
  await clock.advance(2_999);
  expect(status).toBeUndefined();
  await clock.advance(1);
  await decided;
  expect(status).toBe('denied');
  expect(lines().at(-1)).toMatchObject({ event: 'approval.not_woken', level: 'warn', approvalId: id });
});
