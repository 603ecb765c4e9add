import { expect, it } from 'vitest';
import { closed } from '../../../../src/lib/approvals/judge-decision.ts';
import { settleApproval } from '../../../../src/lib/approvals/watch-approvals.ts';
import type { Approval } from '../../../../src/lib/approvals/approval.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { approval, askedAtMs, minuteMs } from '../../../support/approval-records.ts';
import { memoryApprovals } from '../../../support/approvals.ts';

/* How time ends an approval, as the activity `settle-approval` does it. */

async function stage(more: Partial<Approval> = {}) {
  const clock = new FakeClock(askedAtMs);
  const audit = new MemoryAuditLog();
  const recorder = recordingLogger();
  const deps = { ...memoryApprovals({ audit, policy: {} as never, clock }), log: recorder.log };
  const record = approval({ askRecorded: true, ...more });
  await deps.approvalLog.create(record, undefined, 20, 100);
  return {
    clock,
    audit,
    deps,
    settle: () => settleApproval(deps, { approvalId: record.id }),
    stored: async () => (await deps.approvalLog.find(record.id))?.approval,
    outcomes: () => audit.entries.map(({ outcome }) => outcome),
    lines: () => recorder.lines.map(({ line }) => JSON.parse(line) as Record<string, unknown>),
  };
}

const approvedFor30Minutes = {
  status: 'approved',
  approvedAtMs: askedAtMs,
  validUntilMs: askedAtMs + 30 * minuteMs,
} as const;
const usedAfterAMinute = {
  ...approvedFor30Minutes,
  status: 'used',
  use: { id: 'a request', atMs: askedAtMs + minuteMs, answered: false },
} as const;

it('a pending request waits until it expires, and not a moment longer', async () => {
  const { clock, settle, stored, outcomes, lines, audit } = await stage();
  expect(await settle()).toEqual({ settled: false, wakeAtMs: askedAtMs + 60 * minuteMs });
  await clock.advance(60 * minuteMs - 1);
  expect(await settle()).toEqual({ settled: false, wakeAtMs: askedAtMs + 60 * minuteMs });
  await clock.advance(1);
  expect(await settle()).toEqual({ settled: true });
  expect(await stored()).toMatchObject({
    status: 'expired',
    closedAtMs: askedAtMs + 60 * minuteMs,
    endRecorded: true,
    subject: { details: [] },
  });
  expect(outcomes()).toEqual(['expired']);
  expect(lines()).toEqual([{ event: 'approval.closed', level: 'info', approvalId: approval().id, status: 'expired' }]);
  expect(audit.entries[0]).toMatchObject({ atMs: askedAtMs + 60 * minuteMs, approvalId: (await stored())?.id });
  // The platform may repeat the activity.
  expect([await settle(), outcomes()]).toEqual([{ settled: true }, ['expired']]);
});

it('an approval ends with its validity, at the time of its end and not of the look at it', async () => {
  const { clock, settle, stored, outcomes, audit } = await stage(approvedFor30Minutes);
  expect(await settle()).toEqual({ settled: false, wakeAtMs: askedAtMs + 30 * minuteMs });
  await clock.advance(300 * minuteMs);
  expect([await settle(), outcomes()]).toEqual([{ settled: true }, ['ended']]);
  expect(await stored()).toMatchObject({ status: 'ended', closedAtMs: askedAtMs + 30 * minuteMs });
  expect(audit.entries[0]?.atMs).toBe(askedAtMs + 30 * minuteMs);
});

it('a change that is on its way is left alone for five minutes, also when the validity ends', async () => {
  const { clock, settle, stored, outcomes } = await stage(usedAfterAMinute);
  await clock.advance(6 * minuteMs - 1);
  expect(await settle()).toEqual({ settled: false, wakeAtMs: askedAtMs + 6 * minuteMs });
  expect((await stored())?.closedAtMs).toBeUndefined();
  await clock.advance(1);
  expect([await settle(), outcomes()]).toEqual([{ settled: true }, ['used']]);
  expect(await stored()).toMatchObject({
    status: 'used',
    closedAtMs: askedAtMs + minuteMs,
    use: { answered: false },
    subject: { details: [] },
  });
});

it('a change that was answered is settled at once', async () => {
  const answered = closed(approval(usedAfterAMinute), 'used', askedAtMs, false);
  const { settle, outcomes } = await stage({ ...answered, askRecorded: true });
  expect([await settle(), outcomes()]).toEqual([{ settled: true }, ['used']]);
});

it('a request whose announcement failed for good is in the audit log all the same', async () => {
  const { settle, stored, outcomes } = await stage({ askRecorded: false });
  expect(await settle()).toMatchObject({ settled: false });
  expect([outcomes(), (await stored())?.askRecorded]).toEqual([['asked'], true]);
  await settle();
  expect(outcomes()).toEqual(['asked']);
});

it('the request comes before its end in the audit log', async () => {
  const { clock, settle, outcomes } = await stage({ askRecorded: false });
  await clock.advance(61 * minuteMs);
  expect([await settle(), outcomes()]).toEqual([{ settled: true }, ['asked', 'expired']]);
});

it('an end that cannot be recorded stays to be recorded', async () => {
  const { clock, settle, audit, stored, outcomes } = await stage();
  await clock.advance(61 * minuteMs);
  audit.down = true;
  await expect(settle()).rejects.toMatchObject({ code: 'audit_unavailable' });
  expect(await stored()).toMatchObject({ status: 'expired', endRecorded: false });
  audit.down = false;
  expect([await settle(), outcomes()]).toEqual([{ settled: true }, ['expired']]);
});

it('a decision that comes in between is not lost', async () => {
  const { clock, deps, settle, stored } = await stage();
  await clock.advance(61 * minuteMs);
  deps.approvalLog.beforeWrite = async () => {
    deps.approvalLog.beforeWrite = () => Promise.resolve();
    const found = await deps.approvalLog.find(approval().id);
    await deps.approvalLog.change({ ...approval(found?.approval), ...approvedFor30Minutes }, found?.version ?? '');
  };
  await settle();
  expect((await stored())?.status).toBe('ended');
});

it('a record that was purged is settled', async () => {
  const { deps } = await stage();
  expect(await settleApproval(deps, { approvalId: '20261124t050000-00000000' })).toEqual({ settled: true });
});
