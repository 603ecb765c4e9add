import { beforeEach, expect, test } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { purgeAudit } from '../../src/functions/audit.ts';
import type { AuditEntry } from '../../src/lib/audit/audit-log.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { MemoryAuditLog } from '../fakes/memory-audit-log.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';

const dayMs = 86_400_000;
const evidenceSaying = (limitMs?: number) =>
  ({ purgeLimitMs: async () => limitMs, purgeAccounts: async () => undefined }) as unknown as Services['evidence'];

let purgedEvents: number[];
const tenantEvents = {
  purge: async (beforeMs: number) => purgedEvents.push(beforeMs),
} as unknown as Services['tenantEvents'];
beforeEach(() => {
  purgedEvents = [];
});

test('never deletes an approval that may be open', async () => {
  const clock = new FakeClock();
  const purged: number[] = [];
  const approvals = { approvalLog: { purge: async (beforeMs: number) => purged.push(beforeMs) } };
  const settings = { AUDIT_RETENTION_DAYS: 1 };
  const deps = {
    approvals,
    audit: new MemoryAuditLog(),
    clock,
    evidence: evidenceSaying(),
    log: recordingLogger().log,
    settings,
    tenantEvents,
  };
  await purgeAudit(deps as unknown as Services);
  // 7,200 minutes of waiting, 1,440 of validity, and two weeks for what could not be recorded.
  expect(purged).toEqual([clock.nowMs() - 20 * dayMs]);
});

test('deletes audit records, events of tenants and approvals that are older than AUDIT_RETENTION_DAYS', async () => {
  const clock = new FakeClock();
  const audit = new MemoryAuditLog();
  const recorder = recordingLogger();
  for (const ageDays of [0, 29, 31, 400]) {
    await audit.record({ atMs: clock.nowMs() - ageDays * dayMs, tokenId: `${ageDays} days` } as AuditEntry);
  }
  const purged: number[] = [];
  const approvals = {
    approvalLog: { purge: async (beforeMs: number) => purged.push(beforeMs) },
  } as unknown as Services['approvals'];
  const settings = { AUDIT_RETENTION_DAYS: 30 } as Services['settings'];
  await purgeAudit({ approvals, audit, clock, evidence: evidenceSaying(), log: recorder.log, settings, tenantEvents });
  expect(purged).toEqual([clock.nowMs() - 30 * dayMs]);
  expect(purgedEvents).toEqual([clock.nowMs() - 30 * dayMs]);
  expect(audit.entries.map(({ tokenId }) => tokenId)).toEqual(['0 days', '29 days']);
  expect(recorder.events()).toEqual(['audit.purged']);
});

test('keeps records of which no checkpoint has said yet that they may be missing', async () => {
  const clock = new FakeClock();
  const audit = new MemoryAuditLog();
  const recorder = recordingLogger();
  for (const ageDays of [29, 31, 400])
    await audit.record({ atMs: clock.nowMs() - ageDays * dayMs, tokenId: `${ageDays} days` } as AuditEntry);
  const approvals = { approvalLog: { purge: async () => 0 } } as unknown as Services['approvals'];
  const settings = { AUDIT_RETENTION_DAYS: 30 } as Services['settings'];
  const evidence = evidenceSaying(clock.nowMs() - 365 * dayMs);
  await purgeAudit({ approvals, audit, clock, evidence, log: recorder.log, settings, tenantEvents });
  expect(audit.entries.map(({ tokenId }) => tokenId)).toEqual(['29 days', '31 days']);
  expect(recorder.events()).toEqual(['audit.purge_waits', 'audit.purged']);
});
