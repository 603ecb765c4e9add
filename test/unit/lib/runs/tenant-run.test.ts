import { describe, expect, test } from 'vitest';
import { BrokerError, type ErrorCode } from '../../../../src/lib/model/errors.ts';
import { announceRun } from '../../../../src/lib/runs/announce-run.ts';
import { exportRows } from '../../../../src/lib/runs/export-rows.ts';
import { finishRun } from '../../../../src/lib/runs/finish-run.ts';
import { settle } from '../../../fakes/fake-clock.ts';
import { createRunPlans } from '../../../../src/lib/runs/run-plans.ts';
import { createRunStops } from '../../../../src/lib/runs/run-stops.ts';
import { runTenant } from '../../../../src/lib/runs/tenant-run.ts';
import { handedOut, runId, stageRun, tenantId } from './stage.ts';

const fail = (code: ErrorCode, retryAfterSeconds?: number) => async () =>
  Promise.reject(new BrokerError(code, `It is ${code}.`, { retryAfterSeconds }));

describe('one tenant of a run', () => {
  test('that succeeds leaves its rows and a record, and tells the orchestration no more than that', async () => {
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

  test.each<[ErrorCode, 'failed' | 'retrying' | 'skipped']>([
    ['consent_required', 'failed'],
    ['blocked_by_policy', 'failed'],
    ['job_failed', 'failed'],
    ['job_timed_out', 'failed'],
    ['resource_unavailable', 'skipped'],
    ['throttled', 'retrying'],
    ['entra_unavailable', 'retrying'],
    ['resource_error', 'retrying'],
  ])('that fails with %s has %s', async (code, outcome) => {
    const { attempt, runLog } = await stageRun(fail(code));
    expect(await attempt(0)).toEqual({ outcome, code });
    expect(await runLog.findTenant(runId, tenantId(0))).toMatchObject({
      outcome,
      code,
      detail: `It is ${code}.`,
      rows: 0,
    });
  });

  test('hands a Retry-After on while there is another round, and none after the last', async () => {
    const { attempt } = await stageRun(fail('throttled', 90));
    const result = { outcome: 'retrying', code: 'throttled', retryAfterSeconds: 90 };
    expect(await attempt(0)).toEqual(result);
    // Delivered again: still as patient.
    expect(await attempt(0)).toEqual(result);
    expect(await attempt(1, { round: 3, last: true })).toEqual({ outcome: 'failed', code: 'throttled' });
  });

  test('is not come back to in this run when it asks for more patience than a run has', async () => {
    const { attempt } = await stageRun(fail('throttled', 901));
    expect(await attempt(0)).toEqual({ outcome: 'failed', code: 'throttled' });
    const patient = await stageRun(fail('throttled', 900));
    expect(await patient.attempt(0)).toMatchObject({ outcome: 'retrying', retryAfterSeconds: 900 });
  });

  test('whose failure quotes a token has it neither on record nor as the reason of the run', async () => {
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

  test('that throws something unforeseen is job_failed; the text is in the log, and nowhere else', async () => {
    const { attempt, runLog, logger } = await stageRun(async () =>
      Promise.reject(new Error('details of the customer')),
    );
    expect(await attempt(0)).toEqual({ outcome: 'failed', code: 'job_failed' });
    expect(JSON.stringify(await runLog.findTenant(runId, tenantId(0)))).not.toContain('details of the customer');
    expect(logger.lines.some(({ level, line }) => level === 'error' && line.includes('details of the customer'))).toBe(
      true,
    );
  });

  test('whose job is not part of the deployment any more fails by name', async () => {
    const { deps, attempt } = await stageRun(async () => []);
    Object.assign(deps, { jobs: { find: () => undefined, list: () => [] } });
    expect(await attempt(0)).toEqual({ outcome: 'failed', code: 'job_unknown' });
  });
});

describe('attempts that are repeated', () => {
  test('leave one record and one effect, also when two of them run at once', async () => {
    let count = 0;
    const { attempt, runLog } = await stageRun(async () => [{ count: ++count }]);
    await Promise.all([attempt(0), attempt(0)]);
    await attempt(0);
    expect(await runLog.countTenants(runId)).toMatchObject({ succeeded: 1 });
  });

  test('that overlap leave the rows of the attempt whose record counts', async () => {
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
    let text = '';
    if (run !== undefined)
      for await (const piece of exportRows({ log: runLog, results }, run, undefined, 'jsonl')) text += piece;
    expect(await runLog.findTenant(runId, tenantId(0))).toMatchObject({ rows: 1 });
    expect(text.trim().split('\n')).toHaveLength(1);
    expect(text).toContain('"number":0');
  });

  test('of a later round ask the record first: what has succeeded is not run again', async () => {
    const { attempt, begun } = await stageRun(async () => []);
    await attempt(0);
    expect(await attempt(0, { round: 2 })).toEqual({ outcome: 'succeeded' });
    expect(begun).toHaveLength(1);
  });

  test('of a later round come back to what was left for it, once', async () => {
    let failing = true;
    const { attempt, begun, runLog } = await stageRun(async () => (failing ? fail('throttled')() : []));
    await attempt(0);
    failing = false;
    expect(await attempt(0, { round: 2 })).toEqual({ outcome: 'succeeded' });
    expect(await attempt(0, { round: 2 })).toEqual({ outcome: 'succeeded' });
    expect(begun).toHaveLength(2);
    expect(await runLog.findTenant(runId, tenantId(0))).toMatchObject({ outcome: 'succeeded', round: 2 });
  });

  test('by a process that has just started leave alone what an earlier one has done', async () => {
    const { deps, attempt, begun, runLog } = await stageRun(async () => [], 3);
    await attempt(0);
    const plans = createRunPlans({ results: deps.runs.results, runLog });
    const restarted = { ...deps, runs: { ...deps.runs, plans, stops: createRunStops({ runLog, clock: deps.clock }) } };
    const again = (index: number) => runTenant(restarted, { runId, index, round: 1, last: false });
    expect(await again(0)).toEqual({ outcome: 'succeeded' });
    expect(await again(1)).toEqual({ outcome: 'succeeded' });
    expect(begun).toEqual([tenantId(0), tenantId(1)]);
  });

  test('read the plan once for all tenants of a run', async () => {
    const { attempt, results } = await stageRun(async () => [], 50);
    await Promise.all(Array.from({ length: 50 }, (_, index) => attempt(index)));
    expect(results.planReads).toBe(1);
  });
});

describe('storage that fails', () => {
  test('makes the tenant one to come back to, and never a throw', async () => {
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

describe('a failure of the credential', () => {
  test('stops the run: no further tenant is begun, and the reason is on record', async () => {
    const { attempt, begun, runLog } = await stageRun(fail('credential_revoked'), 100);
    expect(await attempt(0)).toEqual({ outcome: 'not_attempted', code: 'credential_revoked' });
    for (let index = 1; index < 100; index += 1)
      expect(await attempt(index)).toEqual({ outcome: 'not_attempted', code: 'credential_revoked' });
    expect(begun).toHaveLength(1);
    expect((await runLog.find(runId))?.stoppedBy).toEqual({
      code: 'credential_revoked',
      detail: 'It is credential_revoked.',
    });
    expect(await runLog.findTenant(runId, tenantId(0))).toBeUndefined();
  });

  test('costs no more calls than ran at that moment', async () => {
    const gate = Promise.withResolvers<void>();
    const { attempt, begun } = await stageRun(async () => {
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
    expect(begun.length).toBeLessThanOrEqual(concurrency);
  });

  test('that a job meets in one tenant only because the tenant is odd does not stop the run', async () => {
    const { attempt, begun } = await stageRun(async () =>
      Promise.reject(new BrokerError('interaction_required', 'MFA.', { scope: 'tenant' })),
    );
    expect(await attempt(0)).toEqual({ outcome: 'failed', code: 'interaction_required' });
    await attempt(1);
    expect(begun).toHaveLength(2);
  });

  test('seen by another process stops this one within a second', async () => {
    const { attempt, begun, clock, runLog } = await stageRun(async () => [], 10);
    await attempt(0);
    await runLog.change(runId, { stoppedBy: { code: 'credential_revoked', detail: 'Seen elsewhere.' } });
    await clock.advance(1_000);
    expect(await attempt(1)).toEqual({ outcome: 'not_attempted', code: 'credential_revoked' });
    expect(begun).toHaveLength(1);
  });

  test('looks at the record of the run once a second, not once a tenant', async () => {
    const { attempt, clock, runLog } = await stageRun(async () => [], 100);
    const before = runLog.finds;
    await Promise.all(Array.from({ length: 50 }, (_, index) => attempt(index)));
    await clock.advance(1_000);
    for (let index = 50; index < 100; index += 1) await attempt(index);
    expect(runLog.finds - before).toBe(2);
  });
});

test('a cancelled run begins no further tenant', async () => {
  const { attempt, begun, clock, runLog } = await stageRun(async () => [], 10);
  await attempt(0);
  await runLog.change(runId, { cancelRequestedAtMs: clock.nowMs() });
  await clock.advance(1_000);
  expect(await attempt(1)).toEqual({ outcome: 'not_attempted', code: 'run_cancelled' });
  expect(begun).toHaveLength(1);
});

describe('finishing', () => {
  test('counts what is on record, and what was to be retried has failed', async () => {
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
  ] as const)('gives a tenant that was visited and left no record one, as failed with %s', async (code, more) => {
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

  test('after a cancellation between two rounds is cancelled, also when the first attempt to finish died', async () => {
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

  test('after a cancellation while the list of tenants was waited for is cancelled, and no news', async () => {
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
    expect(await announceRun({ runs: { log: runLog }, notifier: { send } }, { runId: other })).toEqual({
      announced: false,
    });
  });

  test('twice gives the same answer, and the first end stays', async () => {
    const { deps, clock, runLog, attempt } = await stageRun(async () => [], 1);
    await attempt(0);
    const first = await finishRun(deps, { runId });
    const ended = (await runLog.find(runId))?.finishedAtMs;
    await clock.advance(5_000);
    expect(await finishRun(deps, { runId, stoppedBy: { code: 'internal', detail: '' } })).toEqual(first);
    expect((await runLog.find(runId))?.finishedAtMs).toBe(ended);
  });

  test('is failed, with the first reason, when the run was stopped', async () => {
    const { deps, attempt, runLog } = await stageRun(fail('credential_revoked'), 5);
    await attempt(0);
    expect(await finishRun(deps, { runId, stoppedBy: { code: 'credential_expired', detail: 'Later.' } })).toMatchObject(
      { status: 'failed', tenants: { notAttempted: 5 } },
    );
    expect((await runLog.find(runId))?.stoppedBy?.code).toBe('credential_revoked');
  });

  test('takes the reason of the orchestration where no tenant gave one', async () => {
    const { deps, runLog } = await stageRun(async () => [], 5);
    await finishRun(deps, { runId, stoppedBy: { code: 'directory_unavailable', detail: 'Away.' } });
    expect(await runLog.find(runId)).toMatchObject({
      status: 'failed',
      stoppedBy: { code: 'directory_unavailable', detail: 'Away.' },
    });
  });

  test('is cancelled when the cancellation left tenants out, and completed when it came too late', async () => {
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
