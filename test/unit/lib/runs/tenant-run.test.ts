import { describe, expect, test } from 'vitest';
import { BrokerError, type ErrorCode } from '../../../../src/lib/errors.ts';
import { finishRun } from '../../../../src/lib/runs/finish-run.ts';
import { settle } from '../../../fakes/fake-clock.ts';
import { createRunPlans } from '../../../../src/lib/runs/run-plans.ts';
import { createRunStops } from '../../../../src/lib/runs/run-stops.ts';
import { runTenant } from '../../../../src/lib/runs/tenant-run.ts';
import { runId, stageRun, tenantId } from './stage.ts';

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
    for await (const piece of results.rows(runId, tenantId(1))) rows += piece;
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
    expect(await attempt(0)).toEqual({ outcome: 'retrying', code: 'throttled', retryAfterSeconds: 90 });
    expect(await attempt(1, { round: 3, last: true })).toEqual({ outcome: 'failed', code: 'throttled' });
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
    const restarted = { ...deps, plans: createRunPlans(deps), stops: createRunStops({ runLog, clock: deps.clock }) };
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
    expect(await attempt(0)).toEqual({ outcome: 'retrying', code: 'storage_unavailable' });
    expect(await attempt(0, { last: true })).toEqual({ outcome: 'failed', code: 'storage_unavailable' });
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
      tenants: { total: 4, succeeded: 2, failed: 1, skipped: 0, notAttempted: 1 },
    });
    expect(await runLog.findTenant(runId, tenantId(0))).toMatchObject({ outcome: 'failed', code: 'throttled' });
    expect(await runLog.find(runId)).toMatchObject({ status: 'completed', finishedAtMs: deps.clock.nowMs() });
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
