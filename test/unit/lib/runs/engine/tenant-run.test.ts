import { describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { BrokerError, type ErrorCode } from '../../../../../src/lib/core/errors.ts';
import { announceRun } from '../../../../../src/lib/runs/engine/announce-run.ts';
import { exportRun } from '../../../../../src/lib/runs/reading/result-page.ts';
import { finishRun } from '../../../../../src/lib/runs/engine/finish-run.ts';
import { settle } from '../../../../fakes/fake-clock.ts';
import { rerunRequest } from '../../../../../src/lib/runs/engine/start-run.ts';
import type { ApplyRequest, Asker, RunId, RunPlan, TenantRun } from '../../../../../src/lib/runs/store/run.ts';
import { createJobRegistry, defineJob } from '../../../../../src/lib/runs/job/job.ts';
import { createRunPlans, createRunStops } from '../../../../../src/lib/runs/store/runs.ts';
import {
  type ChangeVisit,
  type ChangeVisitEnd,
  type EarlierRecords,
  type QueryRows,
  type QueryVisit,
  runTenant,
} from '../../../../../src/lib/runs/engine/tenant-run.ts';
import { readPages } from '../../../../support/result-pages.ts';
import { handedOut, recordOf, runId, stageRun, tenantId } from '../store/stage.ts';

const fail = (code: ErrorCode, retryAfterSeconds?: number) => async () =>
  Promise.reject(new BrokerError(code, `It is ${code}.`, { retryAfterSeconds }));

describe('runTenant', () => {
  test('stores rows and a record, and returns only the outcome', async () => {
    const { attempt, runLog, results } = await stageRun(async () => [{ a: 1 }, { a: 2, b: 'x' }]);
    expect(await attempt(1)).toEqual({ outcome: 'succeeded' });
    expect(await runLog.findTenant(runId, tenantId(1))).toMatchObject({
      name: 'Tenant 1',
      outcome: 'succeeded',
      rows: 2,
      columns: ['a', 'b'],
      round: 1,
    });
    let rows = '';
    const { rowsName = '' } = (await runLog.findTenant(runId, tenantId(1))) ?? {};
    for await (const piece of results.rows(runId, rowsName)) rows += piece;
    expect(rows).toBe('{"a":1}\n{"a":2,"b":"x"}\n');
  });

  test('leaves rows of up to 30,000 bytes in the record, and stores longer ones apart', async () => {
    // {"a":"…"} and a line break have 9 bytes, and each ü has 2.
    const { attempt, runLog, results } = await stageRun(async ({ tenant }) => [
      { a: tenant.tenantId === tenantId(0) ? `${'ü'.repeat(14_995)}1` : 'ü'.repeat(14_996) },
    ]);
    const putRows = vi.spyOn(results, 'putRows');
    await attempt(0);
    expect(putRows).not.toHaveBeenCalled();
    expect((await runLog.shortRows(runId, tenantId(0)))?.rowsText).toHaveLength(15_005);
    await attempt(1);
    expect(putRows).toHaveBeenCalledOnce();
    expect(await runLog.shortRows(runId, tenantId(1))).toBeUndefined();
  });

  test.each<[ErrorCode, 'failed' | 'retrying' | 'skipped']>([
    ['consent_required', 'failed'],
    ['blocked_by_policy', 'failed'],
    ['job_failed', 'failed'],
    ['job_timed_out', 'failed'],
    ['resource_unavailable', 'skipped'],
    ['throttled', 'retrying'],
    ['entra_unavailable', 'retrying'],
    ['resource_error', 'retrying'],
  ])('maps the failure %s to %s', async (code, outcome) => {
    const { attempt, runLog } = await stageRun(fail(code));
    expect(await attempt(0)).toEqual({ outcome, code });
    expect(await runLog.findTenant(runId, tenantId(0))).toMatchObject({
      outcome,
      code,
      detail: `It is ${code}.`,
      rows: 0,
    });
  });

  test('returns Retry-After unless it is the last round', async () => {
    const { attempt } = await stageRun(fail('throttled', 90));
    const result = { outcome: 'retrying', code: 'throttled', retryAfterSeconds: 90 };
    expect(await attempt(0)).toEqual(result);
    // Delivered again: the same delay.
    expect(await attempt(0)).toEqual(result);
    expect(await attempt(1, { round: 3, last: true })).toEqual({ outcome: 'failed', code: 'throttled' });
  });

  test('does not retry when Retry-After exceeds the limit of a run', async () => {
    const { attempt } = await stageRun(fail('throttled', 901));
    expect(await attempt(0)).toEqual({ outcome: 'failed', code: 'throttled' });
    const patient = await stageRun(fail('throttled', 900));
    expect(await patient.attempt(0)).toMatchObject({ outcome: 'retrying', retryAfterSeconds: 900 });
  });

  test('removes a quoted token from the record and the stop reason', async () => {
    const jwt = 'eyJhbGciOiJub25lIn0.eyJ0aWQiOiJ4In0.signature';
    for (const code of ['job_failed', 'credential_revoked'] as const) {
      const { attempt, runLog } = await stageRun(async ({ token }) => {
        const opaque = (await token('graph')).reveal();
        throw new BrokerError(code, code === 'job_failed' ? `Bearer ${jwt} refused` : `${opaque} refused`);
      });
      await attempt(0);
      const kept = JSON.stringify([await runLog.findTenant(runId, tenantId(0)), await runLog.find(runId)]);
      expect(kept).toContain(code);
      expect(kept).not.toContain(jwt);
      expect(kept).not.toContain(handedOut);
    }
  });

  test('records an unexpected throw as job_failed, with its text and the log only in the trace', async () => {
    const { attempt, runLog, logger } = await stageRun(async ({ token, log }) => {
      const opaque = (await token('graph')).reveal();
      log.log('info', 'probe.read', { opaque });
      throw new Error(`details of the customer, ${opaque}`);
    });
    // The history of the orchestration stores the result.
    expect(await attempt(0)).toEqual({ outcome: 'failed', code: 'job_failed' });
    const { trace, ...rest } = (await runLog.findTenant(runId, tenantId(0))) ?? {};
    expect(JSON.stringify(rest)).not.toContain('details of the customer');
    expect(trace?.error).toMatch(/^Error: details of the customer, \[secret\]\n {4}at /);
    expect(trace?.log).toMatchObject([{ level: 'info', event: 'probe.read', fields: { opaque: '[secret]' } }]);
    expect(logger.lines.some(({ level, line }) => level === 'error' && line.includes('details of the customer'))).toBe(
      true,
    );
  });

  test('fails with job_unknown when the deployment no longer contains the job', async () => {
    const { deps, attempt } = await stageRun(async () => []);
    Object.assign(deps, { jobs: { find: () => undefined, list: () => [] } });
    expect(await attempt(0)).toEqual({ outcome: 'failed', code: 'job_unknown' });
  });
});

describe('what a visit of a tenant says to operators', () => {
  interface Span {
    readonly name: string;
    readonly facts: object;
  }
  function recordingSpans() {
    const spans: Span[] = [];
    const run = async <T>(name: string, facts: object, work: () => Promise<T>, found?: (result: T) => object) => {
      const result = await work();
      spans.push({ name, facts: { ...facts, ...found?.(result) } });
      return result;
    };
    return { spans, run };
  }

  test.each<[string, () => Promise<unknown>, object]>([
    ['a success', async () => [], { 'ptb.outcome': 'succeeded', 'error.type': undefined }],
    ['a failure', fail('consent_required'), { 'ptb.outcome': 'failed', 'error.type': 'consent_required' }],
    ['a retry', fail('throttled'), { 'ptb.outcome': 'retrying', 'error.type': 'throttled' }],
    ['a missing licence', fail('resource_unavailable'), { 'ptb.outcome': 'skipped', 'error.type': undefined }],
  ])('is a span with the outcome of %s', async (_, run, expected) => {
    const { deps, attempt } = await stageRun(run);
    const { spans, run: inSpan } = recordingSpans();
    Object.assign(deps, { spans: { run: inSpan } });
    await attempt(0, { round: 2 });
    expect(spans).toEqual([{ name: 'tenant.visit', facts: { 'ptb.job': 'probe', 'ptb.round': 2, ...expected } }]);
  });

  test.each<[ErrorCode, string]>([
    ['job_failed', 'error'],
    ['internal', 'error'],
    ['consent_required', 'warn'],
    ['throttled', 'warn'],
  ])('logs %s as %s, with run, tenant and round', async (code, level) => {
    const { attempt, logger } = await stageRun(fail(code));
    await attempt(1, { round: 2 });
    const [line] = logger.lines.filter((each) => each.line.includes('tenant_run.failed'));
    expect(line?.level).toBe(level);
    expect(JSON.parse(line?.line ?? '{}')).toMatchObject({ runId, index: 1, round: 2, tenantId: tenantId(1), code });
  });

  test('logs a failure of storage as an error', async () => {
    const { attempt, logger, runLog } = await stageRun(async () => []);
    runLog.broken = true;
    await attempt(0);
    expect(logger.lines.at(-1)).toMatchObject({
      level: 'error',
      line: expect.stringContaining('tenant_run.broken') as string,
    });
  });

  test('logs an index that the plan does not have, and has no record of it', async () => {
    const { attempt, started, logger } = await stageRun(async () => [], 2);
    expect(await attempt(2, { last: true })).toEqual({ outcome: 'failed', code: 'internal', unrecorded: true });
    expect(started).toEqual([]);
    expect(logger.lines.at(-1)?.line).toContain('The plan has no tenant with this index.');
  });
});

describe('records that a tenant has already', () => {
  test('are not looked for in the first round of a new run, and are in a later one', async () => {
    const { attempt, runLog } = await stageRun(fail('throttled'));
    const findTenant = vi.spyOn(runLog, 'findTenant');
    await attempt(0);
    expect(findTenant).not.toHaveBeenCalled();
    await attempt(0, { round: 2 });
    expect(findTenant).toHaveBeenCalledOnce();
  });

  test('are those that the caller has read', async () => {
    const { deps, attempt, runLog, started } = await stageRun(async () => []);
    await attempt(0);
    const record = (await runLog.findTenant(runId, tenantId(0)))!;
    const findTenant = vi.spyOn(runLog, 'findTenant');
    const visit = (known: EarlierRecords, index: number) =>
      runTenant(deps, { runId, index, round: 2, last: false }, known);
    expect(await visit(new Map([[tenantId(0), record]]), 0)).toEqual({ outcome: 'succeeded' });
    // The map has no record of this tenant, so it has none.
    expect(await visit(new Map(), 1)).toEqual({ outcome: 'succeeded' });
    expect(findTenant).not.toHaveBeenCalled();
    expect(await visit('unread', 0)).toEqual({ outcome: 'succeeded' });
    expect(findTenant).toHaveBeenCalledOnce();
    expect(started).toEqual([tenantId(0), tenantId(1)]);
  });
});

test('keeps the log of an attempt that succeeds, also without rows', async () => {
  const { attempt, runLog } = await stageRun(async ({ log, tenant }) => {
    log.log('warn', 'probe.odd');
    return tenant.tenantId === tenantId(0) ? [] : [{ a: 1 }];
  });
  for (const index of [0, 1]) {
    await attempt(index);
    const record = await runLog.findTenant(runId, tenantId(index));
    expect(record).toMatchObject({ outcome: 'succeeded', trace: { log: [{ event: 'probe.odd' }] } });
    expect(record?.trace?.error).toBeUndefined();
  }
});

describe('repeated attempts', () => {
  test('leave one record, even if two run concurrently', async () => {
    let count = 0;
    const { attempt, runLog } = await stageRun(async () => [{ count: ++count }]);
    await Promise.all([attempt(0), attempt(0)]);
    await attempt(0);
    expect(await runLog.countTenants(runId)).toMatchObject({ succeeded: 1 });
  });

  test('that overlap keep the rows of the recorded attempt', async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let count = 0;
    const { deps, attempt, results, runLog } = await stageRun(async () => {
      const number = count++;
      await gates[number]?.promise;
      return Array.from({ length: number + 1 }, () => ({ number }));
    });
    const attempts = [attempt(0), attempt(0)];
    gates[0]?.resolve();
    await attempts[0];
    gates[1]?.resolve();
    await Promise.all(attempts);
    await finishRun(deps, { runId });
    const run = await runLog.find(runId);
    const [text = ''] = await readPages({ log: runLog, results }, run!, { format: 'jsonl' });
    expect(await runLog.findTenant(runId, tenantId(0))).toMatchObject({ rows: 1 });
    expect(text.trim().split('\n')).toHaveLength(1);
    expect(text).toContain('"number":0');
  });

  test('in a later round skip a tenant that has succeeded', async () => {
    const { attempt, started } = await stageRun(async () => []);
    await attempt(0);
    expect(await attempt(0, { round: 2 })).toEqual({ outcome: 'succeeded' });
    expect(started).toHaveLength(1);
  });

  test('in a later round retry a transient failure once', async () => {
    let failing = true;
    const { attempt, started, runLog } = await stageRun(async () => (failing ? fail('throttled')() : []));
    await attempt(0);
    failing = false;
    expect(await attempt(0, { round: 2 })).toEqual({ outcome: 'succeeded' });
    expect(await attempt(0, { round: 2 })).toEqual({ outcome: 'succeeded' });
    expect(started).toHaveLength(2);
    expect(await runLog.findTenant(runId, tenantId(0))).toMatchObject({ outcome: 'succeeded', round: 2 });
  });

  test('by a new process skip tenants that an earlier process recorded', async () => {
    const { deps, attempt, started, runLog } = await stageRun(async () => [], 3);
    await attempt(0);
    const plans = createRunPlans({ results: deps.runs.results, runLog });
    const restarted = { ...deps, runs: { ...deps.runs, plans, stops: createRunStops({ runLog, clock: deps.clock }) } };
    const again = (index: number) => runTenant(restarted, { runId, index, round: 1, last: false });
    expect(await again(0)).toEqual({ outcome: 'succeeded' });
    expect(await again(1)).toEqual({ outcome: 'succeeded' });
    expect(started).toEqual([tenantId(0), tenantId(1)]);
  });

  test('read the plan once per run', async () => {
    const { attempt, results } = await stageRun(async () => [], 50);
    await Promise.all(Array.from({ length: 50 }, (_, index) => attempt(index)));
    expect(results.planReads).toBe(1);
  });
});

describe('a storage failure', () => {
  test('makes the tenant retryable and never throws', async () => {
    const { attempt, runLog, logger } = await stageRun(async () => []);
    runLog.broken = true;
    const lost = { code: 'storage_unavailable', unrecorded: true };
    expect(await attempt(0)).toEqual({ outcome: 'retrying', ...lost });
    expect(await attempt(0, { last: true })).toEqual({ outcome: 'failed', ...lost });
    expect(logger.events()).toContain('tenant_run.broken');
    runLog.broken = false;
    expect(await attempt(0, { round: 2 })).toEqual({ outcome: 'succeeded' });
  });
});

describe('a credential failure', () => {
  test('stops the run, starts no further tenant and records the reason', async () => {
    const { attempt, started, runLog } = await stageRun(fail('credential_revoked'), 100);
    expect(await attempt(0)).toEqual({ outcome: 'not_attempted', code: 'credential_revoked' });
    for (let index = 1; index < 100; index += 1)
      expect(await attempt(index)).toEqual({ outcome: 'not_attempted', code: 'credential_revoked' });
    expect(started).toHaveLength(1);
    expect((await runLog.find(runId))?.stoppedBy).toEqual({
      code: 'credential_revoked',
      detail: 'It is credential_revoked.',
    });
    expect(await runLog.findTenant(runId, tenantId(0))).toBeUndefined();
  });

  test('affects only the attempts in progress', async () => {
    const gate = Promise.withResolvers<void>();
    const { attempt, started } = await stageRun(async () => {
      await gate.promise;
      return fail('credential_expired')();
    }, 100);
    const concurrency = 8;
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let index = next++; index < 100; index = next++) await attempt(index);
    };
    const workers = Array.from({ length: concurrency }, worker);
    await settle();
    gate.resolve();
    await Promise.all(workers);
    expect(started.length).toBeLessThanOrEqual(concurrency);
  });

  test('with the scope of one tenant does not stop the run', async () => {
    const { attempt, started } = await stageRun(async () =>
      Promise.reject(new BrokerError('interaction_required', 'MFA.', { scope: 'tenant' })),
    );
    expect(await attempt(0)).toEqual({ outcome: 'failed', code: 'interaction_required' });
    await attempt(1);
    expect(started).toHaveLength(2);
  });

  test('recorded by another process stops this one within a second', async () => {
    const { attempt, started, clock, runLog } = await stageRun(async () => [], 10);
    await attempt(0);
    await runLog.change(runId, { stoppedBy: { code: 'credential_revoked', detail: 'Seen elsewhere.' } });
    await clock.advance(1_000);
    expect(await attempt(1)).toEqual({ outcome: 'not_attempted', code: 'credential_revoked' });
    expect(started).toHaveLength(1);
  });

  test('is checked once per second instead of once per tenant', async () => {
    const { attempt, clock, runLog, deps } = await stageRun(async () => [], 100);
    // The record is also read once with the plan, for its digest.
    await deps.runs.plans.get(runId);
    const before = runLog.finds;
    await Promise.all(Array.from({ length: 50 }, (_, index) => attempt(index)));
    await clock.advance(1_000);
    for (let index = 50; index < 100; index += 1) await attempt(index);
    expect(runLog.finds - before).toBe(2);
  });
});

test('a tenant that was excluded after the run was planned is skipped', async () => {
  const { attempt, runLog } = await stageRun(fail('tenant_excluded'), 2);
  expect(await attempt(0)).toEqual({ outcome: 'skipped', code: 'tenant_excluded' });
  expect(await runLog.findTenant(runId, tenantId(0))).toMatchObject({ outcome: 'skipped', code: 'tenant_excluded' });
});

describe('a run without a policy in force', () => {
  test('ends as failed with policy_missing after its first tenant, without a failure per tenant', async () => {
    const { deps, attempt, started, runLog } = await stageRun(fail('policy_missing'), 100);
    for (let index = 0; index < 100; index += 1)
      expect(await attempt(index)).toEqual({ outcome: 'not_attempted', code: 'policy_missing' });
    expect(started).toHaveLength(1);
    expect(await finishRun(deps, { runId })).toMatchObject({
      status: 'failed',
      tenants: { failed: 0, notAttempted: 100 },
    });
    expect((await runLog.find(runId))?.stoppedBy?.code).toBe('policy_missing');
  });
});

describe('a tenant of an apply', () => {
  const change: ApplyRequest = {
    kind: 'apply',
    plan: 'probe@plan',
    digest: '',
    waves: [1, 2],
    stop: { failed: 1, unclear: 1 },
    pauseMinutes: 0,
    confirmWaves: false,
    expiresAtMs: Number.MAX_SAFE_INTEGER,
    rules: [],
  };
  /** Tenant 0 is in the first wave, tenant 1 in the second. An earlier version wrote no wave for tenant 2. */
  async function stageApply(carryOut: (visit: ChangeVisit) => Promise<Partial<ChangeVisitEnd>>) {
    const staged = await stageRun(async () => Promise.reject(new TypeError('the job plans, and does not apply')), 3);
    const { deps, results, runLog } = staged;
    const visits: ChangeVisit[] = [];
    const failures: (readonly [RunId, ApplyRequest, number])[] = [];
    Object.assign(deps, {
      changes: {
        carryOut: async (_: unknown, visit: ChangeVisit) => {
          visits.push(visit);
          return { written: { count: 0, columns: [], jsonLines: '' }, ...(await carryOut(visit)) };
        },
        failed: async (...failure: [RunId, ApplyRequest, number]) => failures.push(failure),
      },
    });
    const attempt = [0, 1, 2].map((number) =>
      Object.assign({ tenantId: tenantId(number), name: `Tenant ${number}` }, number < 2 && { wave: number + 1 }),
    );
    results.overwritePlan(runId, { job: 'probe', parameters: {}, change, attempt, decided: [] });
    await runLog.change(runId, { planDigest: undefined });
    return { ...staged, visits, failures };
  }

  test('counts as failed in its wave, and in the first if none is known', async () => {
    const { attempt, failures } = await stageApply(async () => ({
      failure: { code: 'change_failed', detail: 'Microsoft refused it.' },
    }));
    for (const index of [0, 1, 2]) expect(await attempt(index)).toEqual({ outcome: 'failed', code: 'change_failed' });
    expect(failures).toEqual([
      [runId, change, 1],
      [runId, change, 2],
      [runId, change, 1],
    ]);
  });

  test('counts as failed if its visit throws, and not before its last visit', async () => {
    const { attempt, failures } = await stageApply(fail('entra_unavailable'));
    expect(await attempt(1)).toEqual({ outcome: 'retrying', code: 'entra_unavailable' });
    expect(failures).toEqual([]);
    expect(await attempt(1, { round: 2, last: true })).toEqual({ outcome: 'failed', code: 'entra_unavailable' });
    expect(failures).toEqual([[runId, change, 2]]);
  });

  test.each<[string, Partial<ChangeVisitEnd>, string]>([
    ['succeeds', {}, 'succeeded'],
    ['had changed since the plan', { failure: { code: 'change_drifted', detail: 'It had changed.' } }, 'failed'],
  ])('does not count as failed if it %s', async (_, end, outcome) => {
    const { attempt, failures } = await stageApply(async () => end);
    expect(await attempt(0)).toMatchObject({ outcome });
    expect(failures).toEqual([]);
  });

  test('waits, says so once, and is told what its record says', async () => {
    let waitSeconds: number | undefined = 30;
    const { attempt, visits, runLog } = await stageApply(async () => ({ waitSeconds }));
    expect(await attempt(0)).toEqual({ outcome: 'retrying', code: 'change_pending', retryAfterSeconds: 30 });
    const first = await runLog.findTenant(runId, tenantId(0));
    expect(first).toMatchObject({ detail: 'Changes are on their way, or are being confirmed.', round: 1 });
    waitSeconds = 60;
    expect(await attempt(0, { round: 2 })).toEqual({
      outcome: 'retrying',
      code: 'change_pending',
      retryAfterSeconds: 60,
    });
    expect(await runLog.findTenant(runId, tenantId(0))).toEqual(first);
    waitSeconds = undefined;
    expect(await attempt(0, { round: 3 })).toEqual({ outcome: 'succeeded' });
    expect(visits.map(({ isBegun }) => isBegun)).toEqual(['unknown', true, true]);
  });

  test.each<[string, Partial<TenantRun>, boolean]>([
    ['a visit that failed before it sent anything has not begun', {}, false],
    ['a visit that left rows has begun', { rowsName: 'rows', rows: 1 }, true],
  ])('%s', async (_, more, isBegun) => {
    const { attempt, visits, runLog } = await stageApply(async () => ({}));
    const record = { ...recordOf(0), outcome: 'retrying', code: 'entra_unavailable', ...more } as const;
    await runLog.recordTenant(runId, record);
    await attempt(0, { round: 2 });
    expect(visits).toMatchObject([{ isBegun }]);
  });

  test('that may not be visited any more is visited for the last time, and its job runs no code', async () => {
    const { deps, visits } = await stageApply(async () => ({}));
    const refuse = async () => new BrokerError('tenant_excluded', 'Excluded.');
    const input = { runId, index: 0, round: 1, last: false };
    expect(await runTenant(deps, input, undefined, refuse)).toEqual({ outcome: 'succeeded' });
    expect(visits).toMatchObject([{ last: true }]);
    const usual = await stageRun(async () => []);
    expect(await runTenant(usual.deps, input, undefined, refuse)).toEqual({
      outcome: 'skipped',
      code: 'tenant_excluded',
    });
    expect(usual.started).toEqual([]);
  });

  test('keeps what it showed when it cannot be read again at the end of its wave', async () => {
    let broken = false;
    const { attempt, runLog, failures, visits } = await stageApply(async () =>
      broken ? fail('entra_unavailable')() : {},
    );
    await attempt(0);
    const first = await runLog.findTenant(runId, tenantId(0));
    broken = true;
    expect(await attempt(0, { round: 2, again: true, last: true })).toEqual({ outcome: 'succeeded' });
    expect(await runLog.findTenant(runId, tenantId(0))).toEqual(first);
    expect(failures).toEqual([]);
    expect(visits.map(({ again }) => again)).toEqual([false, true]);
    // Without a record of its own it fails like any other.
    expect(await attempt(1, { again: true, last: true })).toEqual({ outcome: 'failed', code: 'entra_unavailable' });
  });

  test('does not keep an unfinished visit when it cannot be read again', async () => {
    let broken = false;
    const { attempt } = await stageApply(async () => (broken ? fail('entra_unavailable')() : { waitSeconds: 30 }));
    await attempt(0);
    broken = true;
    const end = { outcome: 'failed', code: 'entra_unavailable' };
    expect(await attempt(0, { round: 2, again: true, last: true })).toEqual(end);
  });

  test.each<ErrorCode>(['run_cancelled', 'apply_held'])('ends without a record when it meets %s', async (code) => {
    const { attempt, runLog, logger } = await stageApply(fail(code));
    expect(await attempt(0)).toEqual({ outcome: 'not_attempted', code });
    expect(await runLog.findTenant(runId, tenantId(0))).toBeUndefined();
    expect((await runLog.find(runId))?.stoppedBy).toBeUndefined();
    expect(logger.events()).not.toContain('tenant_run.failed');
  });

  test('stops the whole apply when its plan is too old', async () => {
    const { attempt, runLog } = await stageApply(fail('plan_expired'));
    expect(await attempt(0)).toEqual({ outcome: 'not_attempted', code: 'plan_expired' });
    expect((await runLog.find(runId))?.stoppedBy).toEqual({ code: 'plan_expired', detail: 'It is plan_expired.' });
  });

  test('keeps its rows apart from its record, with their digest', async () => {
    const written = { count: 1, columns: ['a'], jsonLines: Buffer.from('{"a":1}\n') };
    const { deps, attempt, runLog } = await stageApply(async () => ({ written }));
    const [job] = deps.jobs.list();
    Object.assign(deps, { jobs: { find: () => ({ ...job, changes: true }) } });
    await attempt(0);
    const record = await runLog.findTenant(runId, tenantId(0));
    expect(record?.rowsName).toMatch(new RegExp(`^${tenantId(0)}\\.attempt-`));
    expect(record?.rowsDigest).toMatch(/./);
    expect(await runLog.shortRows(runId, tenantId(0))).toBeUndefined();
  });

  test('is visited although the apply was stopped, and whatever parameters its job takes now', async () => {
    const { deps, attempt, visits, clock, runLog } = await stageApply(async () => ({}));
    const job = defineJob({
      name: 'probe',
      title: 'Probe',
      resources: ['graph'],
      timeoutSeconds: 60,
      parameters: z.object({ days: z.number() }),
      run: async () => [],
    });
    Object.assign(deps, { jobs: createJobRegistry([job]) });
    await runLog.change(runId, { cancelRequestedAtMs: clock.nowMs() });
    await clock.advance(1_000);
    expect(await attempt(0)).toEqual({ outcome: 'succeeded' });
    expect(visits).toMatchObject([{ tenant: { tenantId: tenantId(0), wave: 1 }, isBegun: 'unknown', last: false }]);
  });
});

test('a job gets the domain of its tenant, unless it is no domain', async () => {
  const got: unknown[] = [];
  const { attempt, results, runLog } = await stageRun(async ({ tenant }) => {
    got.push(tenant);
    return [];
  });
  const named = (number: number, defaultDomain?: string) =>
    Object.assign({ tenantId: tenantId(number), name: `Tenant ${number}` }, defaultDomain && { defaultDomain });
  const tenants = [named(0, 'zero.example'), named(1, 'not a domain'), named(2)];
  results.overwritePlan(runId, { job: 'probe', parameters: {}, attempt: tenants, decided: [] });
  await runLog.change(runId, { planDigest: undefined });
  for (const index of [0, 1, 2]) await attempt(index);
  expect(got).toEqual([named(0, 'zero.example'), named(1), named(2)]);
});

describe('a plan that was changed after it was stored', () => {
  const forged = (count: number): RunPlan => ({
    job: 'probe',
    parameters: { forged: true },
    attempt: Array.from({ length: count }, (_, index) => ({ tenantId: tenantId(50 + index), name: 'Forged' })),
    decided: [],
  });

  test('ends the run as failed with plan_changed and starts no tenant', async () => {
    const { deps, attempt, started, results, runLog } = await stageRun(async () => [], 3);
    results.overwritePlan(runId, forged(3));
    for (const index of [0, 1, 2])
      expect(await attempt(index)).toEqual({ outcome: 'not_attempted', code: 'plan_changed' });
    expect(started).toEqual([]);
    expect(await finishRun(deps, { runId })).toMatchObject({ status: 'failed', tenants: { notAttempted: 3 } });
    expect((await runLog.find(runId))?.stoppedBy).toEqual({
      code: 'plan_changed',
      detail: `The stored plan of the run ${runId} is not the one that the run was started with.`,
    });
  });

  test('ends the run as failed when it is changed after the last tenant', async () => {
    const { deps, attempt, results, runLog } = await stageRun(async () => [], 1);
    await attempt(0);
    results.overwritePlan(runId, forged(0));
    expect(await finishRun(deps, { runId })).toMatchObject({ status: 'failed', tenants: { succeeded: 1 } });
    expect((await runLog.find(runId))?.stoppedBy?.code).toBe('plan_changed');
  });

  test('does not add tenants to a rerun', async () => {
    const { deps, results, runLog } = await stageRun(async () => [], 1);
    results.overwritePlan(runId, forged(3));
    await finishRun(deps, { runId });
    await expect(rerunRequest(deps.runs, (await runLog.find(runId))!)).rejects.toMatchObject({ code: 'plan_changed' });
  });

  test('is not checked for a run that an older build planned, which recorded no digest', async () => {
    const { attempt, runLog } = await stageRun(async () => [], 1);
    await runLog.change(runId, { planDigest: undefined });
    expect(await attempt(0)).toEqual({ outcome: 'succeeded' });
  });
});

test('a cancelled run starts no further tenant', async () => {
  const { attempt, started, clock, runLog } = await stageRun(async () => [], 10);
  await attempt(0);
  await runLog.change(runId, { cancelRequestedAtMs: clock.nowMs() });
  await clock.advance(1_000);
  expect(await attempt(1)).toEqual({ outcome: 'not_attempted', code: 'run_cancelled' });
  expect(started).toHaveLength(1);
});

test('a cancelled run starts no further tenant although the clock was set back an hour', async () => {
  const { attempt, started, clock, runLog } = await stageRun(async () => [], 10);
  await attempt(0);
  await runLog.change(runId, { cancelRequestedAtMs: clock.nowMs() });
  await clock.advance(-3_600_000);
  expect(await attempt(1)).toEqual({ outcome: 'not_attempted', code: 'run_cancelled' });
  expect(started).toHaveLength(1);
});

describe('finishRun', () => {
  test('counts the records, and counts tenants waiting for a retry as failed', async () => {
    let round = 0;
    const { deps, attempt, runLog } = await stageRun(async () => (round++ === 0 ? fail('throttled')() : []), 4);
    await attempt(0);
    await attempt(1);
    await attempt(2);
    expect(await finishRun(deps, { runId })).toEqual({
      status: 'completed',
      tenants: { total: 4, succeeded: 2, failed: 2, skipped: 0, notAttempted: 0 },
    });
    expect(await runLog.findTenant(runId, tenantId(0))).toMatchObject({
      outcome: 'failed',
      code: 'throttled',
      attempts: 1,
    });
    expect(await runLog.find(runId)).toMatchObject({ status: 'completed', finishedAtMs: deps.clock.nowMs() });
  });

  test.each([
    ['internal', {}],
    ['storage_unavailable', { lostBy: 'storage_unavailable' }],
  ] as const)('adds a record for an attempted tenant without one, as failed with %s', async (code, more) => {
    const { deps, attempt, runLog } = await stageRun(async () => [], 2);
    await attempt(0);
    expect(await finishRun(deps, { runId, ...more })).toEqual({
      status: 'completed',
      tenants: { total: 2, succeeded: 1, failed: 1, skipped: 0, notAttempted: 0 },
    });
    expect(await runLog.findTenant(runId, tenantId(1))).toMatchObject({
      name: 'Tenant 1',
      outcome: 'failed',
      code,
      attempts: 1,
    });
  });

  test('ends as cancelled after a cancellation between two rounds, even if the first call failed half-way', async () => {
    const { deps, attempt, runLog } = await stageRun(fail('throttled'), 2);
    await attempt(0);
    await attempt(1);
    await runLog.change(runId, { cancelRequestedAtMs: 1 });
    const change = runLog.change.bind(runLog);
    runLog.change = async () => Promise.reject(new BrokerError('storage_unavailable', 'Away.'));
    await expect(finishRun(deps, { runId })).rejects.toMatchObject({ code: 'storage_unavailable' });
    runLog.change = change;
    expect(await finishRun(deps, { runId })).toMatchObject({ status: 'cancelled', tenants: { failed: 2 } });
    expect(await runLog.findTenant(runId, tenantId(0))).toMatchObject({
      outcome: 'failed',
      code: 'run_cancelled',
      detail: expect.stringContaining('Microsoft throttles') as string,
    });
  });

  test('ends as cancelled without a notice when cancelled before planning', async () => {
    const { deps, clock, runLog } = await stageRun(async () => []);
    const other = 'probe@w2';
    await runLog.create(
      { runId: other, job: 'probe', window: 'w2', startedBy: 'timer', createdAtMs: clock.nowMs() },
      { parameters: {} },
    );
    await runLog.change(other, { cancelRequestedAtMs: 1 });
    const stoppedBy = { code: 'directory_unavailable', detail: 'Away.' } as const;
    expect(await finishRun(deps, { runId: other, stoppedBy })).toMatchObject({ status: 'cancelled' });
    expect((await runLog.find(other))?.stoppedBy).toBeUndefined();
    const send = async () => Promise.reject(new Error('nothing to tell'));
    expect(
      await announceRun({ ...deps, notifier: { send }, clock, dashboardUrl: undefined }, { runId: other }),
    ).toEqual({
      announced: false,
    });
  });

  test('returns the same result when repeated', async () => {
    const { deps, clock, runLog, attempt } = await stageRun(async () => [], 1);
    await attempt(0);
    const first = await finishRun(deps, { runId });
    const ended = (await runLog.find(runId))?.finishedAtMs;
    await clock.advance(5_000);
    expect(await finishRun(deps, { runId, stoppedBy: { code: 'internal', detail: '' } })).toEqual(first);
    expect((await runLog.find(runId))?.finishedAtMs).toBe(ended);
  });

  test('ends as failed with the first reason when the run was stopped', async () => {
    const { deps, attempt, runLog } = await stageRun(fail('credential_revoked'), 5);
    await attempt(0);
    expect(await finishRun(deps, { runId, stoppedBy: { code: 'credential_expired', detail: 'Later.' } })).toMatchObject(
      { status: 'failed', tenants: { notAttempted: 5 } },
    );
    expect((await runLog.find(runId))?.stoppedBy?.code).toBe('credential_revoked');
  });

  test('uses the reason from the orchestration if no tenant recorded one', async () => {
    const { deps, runLog } = await stageRun(async () => [], 5);
    await finishRun(deps, { runId, stoppedBy: { code: 'directory_unavailable', detail: 'Away.' } });
    expect(await runLog.find(runId)).toMatchObject({
      status: 'failed',
      stoppedBy: { code: 'directory_unavailable', detail: 'Away.' },
    });
  });

  test('ends as cancelled if tenants are left, and as completed if the cancellation came too late', async () => {
    const early = await stageRun(async () => [], 2);
    await early.attempt(0);
    await early.runLog.change(runId, { cancelRequestedAtMs: 1 });
    expect(await finishRun(early.deps, { runId })).toMatchObject({
      status: 'cancelled',
      tenants: { succeeded: 1, notAttempted: 1 },
    });
    const late = await stageRun(async () => [], 1);
    await late.attempt(0);
    await late.runLog.change(runId, { cancelRequestedAtMs: 1 });
    expect(await finishRun(late.deps, { runId })).toMatchObject({ status: 'completed' });
  });
});

test('a tenant that waited for a retry keeps its trace when the run is closed', async () => {
  const { deps, attempt, runLog } = await stageRun(async ({ log }) => {
    log.log('warn', 'probe.slow');
    throw new BrokerError('throttled', 'Later.', { retryAfterSeconds: 30 });
  });
  expect(await attempt(0)).toMatchObject({ outcome: 'retrying' });
  await runLog.change(runId, { cancelRequestedAtMs: 1 });
  await finishRun(deps, { runId });
  const record = await runLog.findTenant(runId, tenantId(0));
  expect(record).toMatchObject({ outcome: 'failed', code: 'run_cancelled', trace: { log: [{ event: 'probe.slow' }] } });
  expect(record?.trace?.error).toContain('Later.');
});

describe('a tenant of a query', () => {
  const asker: Asker = {
    applicationId: 'cccccccc-0000-4000-8000-000000000001',
    objectId: 'cccccccc-0000-4000-8000-00000000000a',
    kind: 'user',
    roles: ['Requests.Send'],
    tenantId: tenantId(9),
    name: 'ada@partner.example',
  };

  async function staged(askTenant: (visit: QueryVisit) => Promise<QueryRows>) {
    const staged = await stageRun(async () => []);
    const query = 'query@w';
    const parameters = { path: '/v1.0/users', allPages: false };
    await staged.runLog.create(
      {
        runId: query,
        job: 'query',
        window: 'w',
        startedBy: asker.applicationId,
        createdAtMs: 0,
        query: parameters.path,
      },
      { parameters, asker },
    );
    const attempt = [{ tenantId: tenantId(0), name: 'Tenant 0', defaultDomain: 'zero.example' }];
    const { digest } = await staged.results.putPlan(query, { job: 'query', parameters, asker, attempt, decided: [] });
    await staged.runLog.change(query, { status: 'running', startedAtMs: 0, planDigest: digest });
    const visits: QueryVisit[] = [];
    const deps = {
      ...staged.deps,
      askTenant: (visit: QueryVisit) => {
        visits.push(visit);
        return askTenant(visit);
      },
    };
    const visit = (input = {}) => runTenant(deps, { runId: query, index: 0, round: 1, last: false, ...input });
    return { ...staged, visit, visits, record: () => staged.runLog.findTenant(query, tenantId(0)), query, parameters };
  }

  const rows = { jsonLines: Buffer.from('{"id":1,"a":{"b":[1]}}\n'), count: 1, columns: ['id', 'a'] };

  test('is asked for the caller that the plan keeps, and its rows may be nested', async () => {
    const { visit, visits, record, query, parameters, started, runLog, results } = await staged(async () => rows);
    expect(await visit()).toEqual({ outcome: 'succeeded' });
    expect(visits).toEqual([{ runId: query, asker, parameters, tenantId: tenantId(0) }]);
    expect(started).toEqual([]);
    expect(await record()).toMatchObject({ outcome: 'succeeded', rows: 1, columns: ['id', 'a'] });
    const run = (await runLog.find(query))!;
    expect((await readPages({ log: runLog, results }, run, { format: 'csv' })).join('')).toBe(
      `\uFEFFtenantId,tenantName,tenantDomain,id,a\r\n${tenantId(0)},Tenant 0,zero.example,1,"{""b"":[1]}"\r\n`,
    );
  });

  test.each([
    [
      { ...rows, missing: 'Cut.' },
      { more: true, detail: 'Cut.' },
    ],
    [
      { jsonLines: Buffer.from(''), count: 0, columns: [], note: 'Not there.' },
      { detail: 'Not there.', rows: 0 },
    ],
  ])('says what is missing: %#', async (answer, expected) => {
    const { visit, record } = await staged(async () => answer);
    await visit();
    expect(await record()).toMatchObject({ outcome: 'succeeded', ...expected });
  });

  test.each([false, true])('gives its memory back once its rows are stored, or cannot be: %s', async (isBroken) => {
    const released: number[] = [];
    const long = {
      ...rows,
      jsonLines: Buffer.from(`{"n":"${'1'.repeat(30_000)}"}\n`),
      release: () => void released.push(1),
    };
    const { visit, results } = await staged(async () => long);
    const putRows = results.putRows.bind(results);
    results.putRows = async (...given) => {
      expect(released).toEqual([]);
      if (isBroken) throw new Error('broken');
      return putRows(...given);
    };
    await visit();
    expect(released).toEqual([1]);
  });

  test('with short rows gives its memory back', async () => {
    const released: number[] = [];
    const { visit, record } = await staged(async () => ({
      ...rows,
      release: () => void released.push(1),
    }));
    await visit();
    expect(released).toEqual([1]);
    expect(await record()).toMatchObject({
      outcome: 'succeeded',
      rowsName: expect.stringContaining('.record-') as string,
    });
  });

  test.each<[ErrorCode, TenantRun['outcome']]>([
    ['caller_forbidden', 'failed'],
    ['busy', 'retrying'],
    ['request_invalid', 'failed'],
    ['tenant_excluded', 'skipped'],
    ['throttled', 'retrying'],
    ['audit_unavailable', 'retrying'],
  ])('maps the failure %s to %s', async (code, outcome) => {
    const { visit, record } = await staged(fail(code));
    expect(await visit()).toMatchObject({ outcome, code });
    expect(await record()).toMatchObject({ outcome, code });
  });

  test('is announced to nobody, and leaves no file', async () => {
    const { visit, query, deps, runLog, results, clock } = await staged(async () => rows);
    await visit();
    await runLog.change(query, { status: 'failed', stoppedBy: { code: 'credential_revoked', detail: 'x' } });
    const sent: unknown[] = [];
    const notifier = { send: async (notice: unknown) => void sent.push(notice) };
    expect(await announceRun({ ...deps, notifier, dashboardUrl: undefined }, { runId: query })).toEqual({
      announced: false,
    });
    expect(await exportRun({ ...deps, clock, runs: { log: runLog, results } }, query)).toEqual({ exported: false });
    expect(sent).toEqual([]);
  });
});

describe('a value of a job that cannot be read', () => {
  const hostile = (): never => {
    throw new TypeError('not to be read');
  };
  const opaque = new Proxy({}, { get: hostile, ownKeys: hostile, getPrototypeOf: hostile, has: hostile });

  test.each<[string, () => unknown]>([
    ['a row', () => [Object.defineProperty({}, 'name', { get: hostile, enumerable: true })]],
    ['a row that is a proxy', () => [opaque]],
    ['a list of rows', () => new Proxy([], { get: hostile })],
    [
      'a revoked proxy',
      () => {
        const { proxy, revoke } = Proxy.revocable([], {});
        revoke();
        return proxy;
      },
    ],
    [
      'an error',
      () => {
        throw Object.defineProperty(new Error('x'), 'stack', { get: hostile });
      },
    ],
    [
      'the message of an error',
      () => {
        throw Object.defineProperty(new Error('x'), 'message', { get: hostile });
      },
    ],
    [
      'the cause of an error',
      () => {
        throw Object.defineProperty(new Error('x'), 'cause', { get: hostile });
      },
    ],
    [
      'a thrown proxy',
      () => {
        throw opaque;
      },
    ],
    [
      'an error whose text has 10 MB',
      () => {
        throw new Error('x '.repeat(5_000_000));
      },
    ],
    [
      'an error whose text is a number',
      () => {
        throw Object.assign(new Error('x'), { stack: 7, message: Symbol('s') });
      },
    ],
  ])('fails the tenant at once as job_failed: %s', async (_, run) => {
    const { attempt, runLog } = await stageRun(async () => run(), 1);
    expect(await attempt(0)).toEqual({ outcome: 'failed', code: 'job_failed' });
    const { error } = (await runLog.findTenant(runId, tenantId(0)))?.trace ?? {};
    expect(typeof error).toBe('string');
    expect(error?.length).toBeLessThanOrEqual(8_000);
  });
});
