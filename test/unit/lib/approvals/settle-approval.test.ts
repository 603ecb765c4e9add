import { beforeEach, describe, expect, it } from 'vitest';
import type { Approval } from '../../../../src/lib/approvals/approval.ts';
import { settleApproval, watchApprovals } from '../../../../src/lib/approvals/watch-approvals.ts';
import { openPolicy } from '../../../support/open-policy.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../../../fakes/fake-orchestrations.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { approval, askedAtMs, minuteMs } from '../../../support/approval-records.ts';
import { memoryApprovals } from '../../../support/approvals.ts';

const nobody = '00000000-0000-0000-0000-000000000000';
const { id } = approval();
const expiresAtMs = askedAtMs + 60 * minuteMs;
const validUntilMs = askedAtMs + 45 * minuteMs;
const approved = { status: 'approved', approvedAtMs: askedAtMs, validUntilMs } as const;

let clock: FakeClock;
let audit: MemoryAuditLog;
let approvals: ReturnType<typeof memoryApprovals>;
let recorded: ReturnType<typeof recordingLogger>;
beforeEach(() => {
  clock = new FakeClock(askedAtMs);
  audit = new MemoryAuditLog();
  approvals = memoryApprovals({ audit, policy: openPolicy, clock });
  recorded = recordingLogger();
});

async function store(more: Partial<Approval> = {}): Promise<Approval> {
  const record = approval(more);
  await approvals.approvalLog.create(record, undefined, 20, 100);
  return record;
}
const settle = (approvalId = id) => settleApproval({ ...approvals, log: recorded.log }, { approvalId });
const found = async () => (await approvals.approvalLog.find(id))?.approval;
const steps = () => audit.entries.map(({ outcome, atMs, caller }) => [outcome, atMs, caller.objectId]);

describe('settleApproval', () => {
  it('waits for the end of a request, or of its validity', async () => {
    await store({ askRecorded: true });
    expect(await settle()).toEqual({ settled: false, wakeAtMs: expiresAtMs });
    const stored = await approvals.approvalLog.find(id);
    await approvals.approvalLog.change({ ...approval({ askRecorded: true }), ...approved }, stored?.version ?? '');
    expect(await settle()).toEqual({ settled: false, wakeAtMs: validUntilMs });
    expect(audit.entries).toEqual([]);
  });

  it('closes a request that nobody decided on, and records who asked and that it expired', async () => {
    const { asker } = await store();
    await clock.advance(90 * minuteMs);
    expect(await settle()).toEqual({ settled: true });
    expect(await found()).toMatchObject({
      status: 'expired',
      closedAtMs: expiresAtMs,
      askRecorded: true,
      endRecorded: true,
      // They may hold data of the customer.
      subject: { details: [] },
    });
    expect(steps()).toEqual([
      ['asked', askedAtMs, asker.objectId],
      ['expired', expiresAtMs, nobody],
    ]);
    // The app may have slept. Checkpoints have covered the time at which it happened.
    expect(audit.entries.map(({ writtenMs }) => writtenMs)).toEqual([clock.nowMs(), clock.nowMs()]);
    expect(recorded.events()).toEqual(['approval.closed']);
    // Once is enough.
    expect(await settle()).toEqual({ settled: true });
    expect(audit.entries).toHaveLength(2);
  });

  it('ends an approved one after its validity', async () => {
    await store({ ...approved, askRecorded: true });
    await clock.advance(45 * minuteMs);
    expect(await settle()).toEqual({ settled: true });
    expect(await found()).toMatchObject({ status: 'ended', closedAtMs: validUntilMs, endRecorded: true });
    expect(steps()).toEqual([['ended', validUntilMs, nobody]]);
  });

  it.each(['denied', 'revoked'] as const)('has nothing to record about the end of one that was %s', async (status) => {
    await store({ status, closedAtMs: askedAtMs, askRecorded: true });
    expect(await settle()).toEqual({ settled: true });
    expect(await found()).toMatchObject({ status, endRecorded: true });
    expect(audit.entries).toEqual([]);
  });

  it('is done with a record that was removed', async () => {
    expect(await settle('20261124t050000-00000009')).toEqual({ settled: true });
  });

  it('starts again if others write meanwhile, and gives way if they do not stop', async () => {
    await store({ askRecorded: true });
    await clock.advance(60 * minuteMs);
    let writes = 0;
    approvals.approvalLog.beforeWrite = async () => {
      writes += 1;
      const row = approvals.approvalLog.rows.get(id);
      if (row !== undefined && writes <= 2) approvals.approvalLog.rows.set(id, { ...row, version: row.version + 1 });
    };
    expect(await settle()).toEqual({ settled: true });
    await store({ id: '20261124t050001-00000001', subject: { ...approval().subject, digest: 'e'.repeat(64) } });
    approvals.approvalLog.change = async () => false;
    expect(await settle('20261124t050001-00000001')).toEqual({ settled: false, wakeAtMs: clock.nowMs() });
  });

  it('fails while the audit log does, and is repeated', async () => {
    await store({ ...approved, askRecorded: true });
    await clock.advance(45 * minuteMs);
    audit.down = true;
    await expect(settle()).rejects.toMatchObject({ code: 'audit_unavailable' });
    expect((await found())?.endRecorded).toBe(false);
    audit.down = false;
    expect(await settle()).toEqual({ settled: true });
  });
});

describe('watchApprovals', () => {
  let orchestrations: FakeOrchestrations;
  beforeEach(() => {
    orchestrations = new FakeOrchestrations();
  });
  const watch = () => watchApprovals({ ...approvals, orchestrations, log: recorded.log });

  it('starts the orchestration of a request whose process died, and leaves others alone', async () => {
    await store();
    await clock.advance(minuteMs - 1);
    expect(await watch()).toEqual({ started: [], settled: [] });
    await clock.advance(1);
    expect(await watch()).toEqual({ started: [id], settled: [] });
    expect(orchestrations.started).toEqual([
      { name: 'approval', instanceId: `approval-${id}`, input: { approvalId: id } },
    ]);
    expect(await watch()).toEqual({ started: [], settled: [] });
    orchestrations.states.set(`approval-${id}`, 'ended');
    expect(await watch()).toEqual({ started: [id], settled: [] });
    expect(recorded.events()).toEqual(['approval.resumed', 'approval.resumed']);
  });

  it.each<[string, Partial<Approval>, number]>([
    ['expired', {}, 75],
    ['ended', approved, 60],
    ['was denied', { status: 'denied', closedAtMs: askedAtMs }, 15],
  ])('settles one that %s long ago, announced or not', async (_, more, minutes) => {
    await store(more);
    orchestrations.states.set(`approval-${id}`, 'active');
    await clock.advance(minutes * minuteMs - 1);
    expect(await watch()).toEqual({ started: [], settled: [] });
    await clock.advance(1);
    expect(await watch()).toEqual({ started: [], settled: [id] });
    expect(audit.entries[0]).toMatchObject({ outcome: 'asked' });
    expect(await watch()).toEqual({ started: [], settled: [] });
  });

  it('looks back over the longest life of a request and two weeks', async () => {
    await store();
    const day = 24 * 60 * minuteMs;
    await clock.advance((5 + 1 + 14) * day + 1);
    expect(await watch()).toEqual({ started: [], settled: [] });
    await clock.advance(-1);
    expect(await watch()).toEqual({ started: [], settled: [id] });
  });

  it('goes on after a failure with one, and logs it', async () => {
    await store();
    const other = '20261124t050001-00000001';
    await store({ id: other, subject: { ...approval().subject, digest: 'e'.repeat(64) } });
    await clock.advance(minuteMs);
    orchestrations.state = async (instanceId) => {
      if (instanceId.endsWith(id)) throw new Error('the platform is away');
      return 'unknown';
    };
    expect(await watch()).toEqual({ started: [other], settled: [] });
    expect(recorded.lines.map(({ level, line }) => [level, (JSON.parse(line) as { event: string }).event])).toEqual([
      ['error', 'approval.watch_failed'],
      ['warn', 'approval.resumed'],
    ]);
  });
});
