import { expect, it } from 'vitest';
import type { Approval } from '../../../../src/lib/approvals/approval.ts';
import { claimApproval } from '../../../../src/lib/approvals/meet-condition.ts';
import { settleApproval } from '../../../../src/lib/approvals/watch-approvals.ts';
import { denyAll } from '../../../../src/lib/access/policy/policy.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../../../fakes/fake-orchestrations.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { approval, askedAtMs, decision, minuteMs, person, terms } from '../../../support/approval-records.ts';
import { memoryApprovals } from '../../../support/approvals.ts';

/* The right of one request to leave. What the gateway makes of it: test/unit/lib/core/changes-once.test.ts. */

const rules = [{ name: approval().subject.rule, approval: terms() }] as never;
const policy = { current: async () => ({ policy: { ...denyAll, rules } }) as never };
const { id } = approval();
const revocation = decision(person(3), { id: 'revocation', decision: 'revoke' });

async function stage(more: Partial<Approval> = {}) {
  const clock = new FakeClock(askedAtMs + minuteMs);
  const recorder = recordingLogger();
  const orchestrations = new FakeOrchestrations();
  const deps = memoryApprovals({ audit: new MemoryAuditLog(), policy, clock });
  const { approvalLog } = deps;
  const approvedAtMs = askedAtMs + minuteMs;
  const times = { approvedAtMs, validUntilMs: approvedAtMs + 30 * minuteMs };
  const record = approval({ ...times, status: 'approved', decisions: [decision(person(2))], ...more });
  await approvalLog.create(record, undefined, 20, 100);
  const stored = async () => (await approvalLog.find(id))?.approval ?? approval();
  /** Another process writes to the record. */
  const change = async (changes: Partial<Approval>) => {
    const found = await approvalLog.find(id);
    await approvalLog.change({ ...(await stored()), ...changes }, found?.version ?? '');
  };
  const claim = () => claimApproval(deps, { id }, terms(), { log: recorder.log, orchestrations });
  const lines = () => recorder.lines.map(({ line }) => JSON.parse(line) as Record<string, unknown>);
  return { clock, deps, orchestrations, stored, change, claim, lines, log: recorder.log };
}

it('a claim notes when the request is to leave, and that nothing has answered', async () => {
  const { clock, stored, claim } = await stage();
  await claim();
  expect(await stored()).toMatchObject({ status: 'used', use: { atMs: clock.nowMs(), answered: false } });
});

it.each([true, false])(
  'a concluded claim closes the approval, wakes its orchestration and is logged (%s)',
  async (answered) => {
    const { clock, orchestrations, stored, claim, lines } = await stage();
    const held = await claim();
    await clock.advance(2_000);
    await held.conclude(answered);
    expect(await stored()).toMatchObject({
      status: 'used',
      use: { atMs: clock.nowMs() - 2_000, answered },
      closedAtMs: clock.nowMs(),
      // The end goes into the audit log when the orchestration settles it.
      endRecorded: false,
      subject: { details: [] },
    });
    expect(orchestrations.raised).toEqual([`approval-${id} decided`]);
    expect(lines()).toEqual([{ event: 'approval.used', level: 'info', approvalId: id, answered }]);
  },
);

it('an outcome that cannot be noted is logged, and leaves the approval used and its outcome unknown', async () => {
  const { deps, stored, claim, lines } = await stage();
  const held = await claim();
  deps.approvalLog.change = () => Promise.reject(new BrokerError('storage_unavailable', 'Storage does not answer.'));
  await held.conclude(true);
  expect(lines()[0]).toMatchObject({ event: 'approval.use_not_noted', level: 'error', approvalId: id });
  expect(await stored()).toMatchObject({ status: 'used', use: { answered: false } });
});

it.each([
  ['is in the audit log', true],
  ['is not in the audit log yet', false],
])('a claim that is given back after a revocation ends the approval (its request %s)', async (_, askRecorded) => {
  const { clock, stored, change, claim, lines } = await stage({ askRecorded });
  const held = await claim();
  await change({ decisions: [decision(person(2)), revocation] });
  await clock.advance(1_000);
  await held.giveBack();
  expect(await stored()).toMatchObject({
    status: 'revoked',
    use: undefined,
    closedAtMs: clock.nowMs(),
    // What is missing in the audit log is written when the record is settled.
    endRecorded: askRecorded,
    subject: { details: [] },
  });
  expect(lines()).toEqual([]);
});

it('a claim whose process was given up serves nothing, and is not given back', async () => {
  const { clock, deps, stored, claim, log } = await stage({ askRecorded: true });
  const held = await claim();
  await clock.advance(5 * minuteMs);
  expect(await settleApproval({ ...deps, log }, { approvalId: id })).toEqual({ settled: true });
  await expect(held.confirm()).rejects.toMatchObject({
    code: 'approval_ended',
    detail: expect.stringContaining('The request took too long, and did not leave.') as string,
    logFields: { approvalId: id },
  });
  await held.giveBack();
  expect((await stored()).status).toBe('used');
});

it('the claim of another request is not given back', async () => {
  const { change, stored, claim } = await stage();
  const held = await claim();
  const use = { id: 'another request', atMs: askedAtMs, answered: false };
  await change({ use });
  await held.giveBack();
  expect((await stored()).use).toEqual(use);
});

/** Others write to the record, right before each of this many writes. */
function othersWrite({ deps }: Awaited<ReturnType<typeof stage>>, times: number) {
  const made = { writes: 0 };
  deps.approvalLog.beforeWrite = async () => {
    const row = deps.approvalLog.rows.get(id);
    made.writes += 1;
    if (row !== undefined && made.writes <= times) deps.approvalLog.rows.set(id, { ...row, version: row.version + 1 });
  };
  return made;
}

it('a claim is tried eight times while others write to the record', async () => {
  const lucky = await stage();
  othersWrite(lucky, 7);
  await lucky.claim();
  expect((await lucky.stored()).status).toBe('used');

  const unlucky = await stage();
  const made = othersWrite(unlucky, 8);
  await expect(unlucky.claim()).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect([made.writes, (await unlucky.stored()).status]).toEqual([8, 'approved']);
});

it('an outcome is tried eight times while others write to the record', async () => {
  const lucky = await stage();
  const held = await lucky.claim();
  othersWrite(lucky, 7);
  await held.conclude(true);
  expect((await lucky.stored()).use?.answered).toBe(true);

  const unlucky = await stage();
  const lost = await unlucky.claim();
  const made = othersWrite(unlucky, 8);
  await lost.conclude(true);
  expect([made.writes, (await unlucky.stored()).use?.answered]).toEqual([8, false]);
  expect(unlucky.lines()[0]).toMatchObject({ event: 'approval.use_not_noted', code: 'storage_unavailable' });
});

it('an approval that has ended is not claimed, and its record stays as it is', async () => {
  const { deps, claim, stored } = await stage({ status: 'revoked', closedAtMs: askedAtMs });
  deps.approvalLog.beforeWrite = () => Promise.reject(new Error('nothing is written'));
  await expect(claim()).rejects.toMatchObject({ code: 'approval_ended' });
  expect((await stored()).status).toBe('revoked');
});
