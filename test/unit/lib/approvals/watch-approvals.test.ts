import { expect, it } from 'vitest';
import type { Approval } from '../../../../src/lib/approvals/approval.ts';
import { approvalInstanceId } from '../../../../src/lib/approvals/approval-log.ts';
import { watchApprovals } from '../../../../src/lib/approvals/watch-approvals.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { FakeOrchestrations } from '../../../fakes/fake-orchestrations.ts';
import { MemoryAuditLog } from '../../../fakes/memory-audit-log.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { approval, askedAtMs, minuteMs } from '../../../support/approval-records.ts';
import { memoryApprovals } from '../../../support/approvals.ts';

/* The watchdog of approvals, by time. */

async function stage(...records: readonly Partial<Approval>[]) {
  const clock = new FakeClock(askedAtMs);
  const audit = new MemoryAuditLog();
  const recorder = recordingLogger();
  const orchestrations = new FakeOrchestrations();
  const memory = memoryApprovals({ audit, policy: {} as never, clock });
  const deps = { ...memory, orchestrations, log: recorder.log };
  for (const [index, more] of records.entries()) {
    const subject = { ...approval().subject, digest: String(index).padStart(64, '0') };
    await deps.approvalLog.create(approval({ id: idOf(index), subject, ...more }), undefined, 20, 100);
  }
  const outcomes = () => audit.entries.map(({ outcome }) => outcome);
  return {
    clock,
    audit,
    deps,
    orchestrations,
    watch: () => watchApprovals(deps),
    outcomes,
    events: () => recorder.events(),
    lines: () => recorder.lines.map(({ line }) => JSON.parse(line) as Record<string, unknown>),
  };
}

const idOf = (index: number): string => `20261124t050000-0000000${index}`;
const nothing = { started: [], settled: [] };

it('starts what has no orchestration, once it had a minute to start', async () => {
  const { clock, orchestrations, watch, lines } = await stage({});
  await clock.advance(minuteMs - 1);
  expect(await watch()).toEqual(nothing);
  await clock.advance(1);
  expect(await watch()).toEqual({ started: [idOf(0)], settled: [] });
  expect(orchestrations.started).toEqual([
    { name: 'approval', instanceId: approvalInstanceId(idOf(0)), input: { approvalId: idOf(0) } },
  ]);
  expect(lines()).toEqual([{ event: 'approval.resumed', level: 'warn', approvalId: idOf(0), state: 'unknown' }]);
  expect(await watch()).toEqual(nothing);
});

it('starts again what ended before its record was settled', async () => {
  const { clock, orchestrations, watch } = await stage({ askRecorded: true, announced: true });
  await clock.advance(2 * minuteMs);
  orchestrations.states.set(approvalInstanceId(idOf(0)), 'ended');
  expect(await watch()).toMatchObject({ started: [idOf(0)] });
});

it('settles by itself what is fifteen minutes late, and not earlier', async () => {
  const { clock, deps, orchestrations, watch, outcomes } = await stage({});
  orchestrations.states.set(approvalInstanceId(idOf(0)), 'active');
  await clock.advance(75 * minuteMs - 1);
  expect([await watch(), outcomes()]).toEqual([nothing, []]);
  await clock.advance(1);
  expect(await watch()).toEqual({ started: [], settled: [idOf(0)] });
  expect(outcomes()).toEqual(['asked', 'expired']);
  // Too late to tell anybody.
  expect(deps.notices).toEqual([]);
  expect(await watch()).toEqual(nothing);
});

it('settles a change whose process died', async () => {
  const use = { id: 'a request', atMs: askedAtMs + minuteMs, answered: false };
  const times = { approvedAtMs: askedAtMs, validUntilMs: askedAtMs + 30 * minuteMs };
  const { clock, deps, orchestrations, watch, outcomes } = await stage({ status: 'used', use, ...times });
  orchestrations.states.set(approvalInstanceId(idOf(0)), 'active');
  await clock.advance(45 * minuteMs);
  expect([await watch(), outcomes()]).toEqual([{ started: [], settled: [idOf(0)] }, ['asked', 'used']]);
  expect((await deps.approvalLog.find(idOf(0)))?.approval).toMatchObject({ status: 'used', use, endRecorded: true });
});

it('closes a change whose process died five minutes after it was to leave, however long its approval is valid', async () => {
  const use = { id: 'a request', atMs: askedAtMs + minuteMs, answered: false };
  const times = { approvedAtMs: askedAtMs, validUntilMs: askedAtMs + 1_440 * minuteMs };
  const details = [{ name: 'Body', value: 'data of the customer' }];
  const subject = { ...approval().subject, details };
  const { clock, deps, orchestrations, watch } = await stage({ status: 'used', use, subject, ...times });
  orchestrations.states.set(approvalInstanceId(idOf(0)), 'active');
  await clock.advance(6 * minuteMs - 1);
  expect(await watch()).toEqual(nothing);
  await clock.advance(1);
  expect(await watch()).toEqual({ started: [], settled: [idOf(0)] });
  expect((await deps.approvalLog.find(idOf(0)))?.approval.subject.details).toEqual([]);
});

it('looks at the others although one fails', async () => {
  const { clock, audit, orchestrations, watch, lines } = await stage({}, { expiresAtMs: askedAtMs + 120 * minuteMs });
  orchestrations.states.set(approvalInstanceId(idOf(0)), 'active');
  await clock.advance(80 * minuteMs);
  audit.down = true;
  expect(await watch()).toEqual({ started: [idOf(1)], settled: [] });
  expect(lines()).toContainEqual(
    expect.objectContaining({ event: 'approval.watch_failed', approvalId: idOf(0), code: 'audit_unavailable' }),
  );
  audit.down = false;
  expect(await watch()).toEqual({ started: [], settled: [idOf(0)] });
});

it('does not say that it settled what others keep changing', async () => {
  const { clock, deps, orchestrations, watch } = await stage({ askRecorded: true, announced: true });
  orchestrations.states.set(approvalInstanceId(idOf(0)), 'active');
  await clock.advance(80 * minuteMs);
  deps.approvalLog.change = async () => false;
  expect(await watch()).toEqual(nothing);
});

it('leaves alone what is settled, and what is older than any approval can be', async () => {
  const { clock, watch } = await stage({ status: 'denied', endRecorded: true }, {});
  await clock.advance(20 * 24 * 60 * minuteMs + 1);
  expect(await watch()).toEqual(nothing);
});
