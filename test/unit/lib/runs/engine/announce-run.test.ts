import { describe, expect, test } from 'vitest';
import { BrokerError, type ErrorCode } from '../../../../../src/lib/core/errors.ts';
import type { Notice } from '../../../../../src/lib/notices/notice.ts';
import { FakeClock } from '../../../../fakes/fake-clock.ts';
import { announceRun } from '../../../../../src/lib/runs/engine/announce-run.ts';
import { defineJob } from '../../../../../src/lib/runs/job/job.ts';
import type { Run } from '../../../../../src/lib/runs/store/run.ts';
import { MemoryRunLog } from '../../../../fakes/memory-run-log.ts';
import { tenantId } from '../store/stage.ts';

const dashboardUrl = 'https://broker.example/api/dashboard';
const finished = { kind: 'run.finished', severity: 'info', key: 'job@1', link: `${dashboardUrl}#/runs/job%401` };

function stage({ notify, dashboard = true }: { readonly notify?: boolean; readonly dashboard?: boolean } = {}) {
  const runLog = new MemoryRunLog();
  const sent: Notice[] = [];
  const notifier = {
    send: async (notice: Notice) => {
      sent.push(notice);
    },
  };
  let created = 0;
  const job = defineJob({
    name: 'job',
    title: 'Job',
    resources: [],
    timeoutSeconds: 1,
    ...(notify === undefined ? {} : { notify }),
    run: async () => [],
  });
  const put = async (window: string, failed: Record<number, ErrorCode>, more: Partial<Run> = {}): Promise<void> => {
    const runId = `job@${window}`;
    created += 1;
    await runLog.create(
      { runId, job: 'job', window, startedBy: 'timer', createdAtMs: created },
      { parameters: {}, ...(more.scope === 'selected' ? { tenants: [] } : {}) },
    );
    const count = Object.keys(failed).length;
    await runLog.change(runId, {
      status: 'completed',
      tenants: { total: 20, succeeded: 20 - count, failed: count, skipped: 0, notAttempted: 0 },
      ...more,
    });
    for (const [number, code] of Object.entries(failed)) {
      await runLog.recordTenant(runId, {
        tenantId: tenantId(Number(number)),
        name: number === '13' ? 'evil.example/13' : `Tenant ${number}`,
        outcome: 'failed',
        code,
        round: 1,
        rows: 0,
        columns: [],
        startedAtMs: 0,
        finishedAtMs: 0,
      });
    }
  };
  return {
    put,
    sent,
    runLog,
    announce: (window: string) =>
      announceRun(
        {
          runs: { log: runLog },
          notifier,
          clock: new FakeClock(),
          jobs: { find: () => job },
          dashboardUrl: dashboard ? dashboardUrl : undefined,
        },
        { runId: `job@${window}` },
      ),
  };
}

describe('announceRun sends a notice', () => {
  test('for a failed run, with the reason and the next step', async () => {
    const { put, sent, announce } = stage();
    await put(
      '1',
      {},
      { status: 'failed', stoppedBy: { code: 'credential_revoked', detail: 'Revoked (AADSTS50173).' } },
    );
    expect(await announce('1')).toEqual({ announced: true });
    expect(sent).toMatchObject([
      {
        severity: 'critical',
        title: expect.stringContaining('refresh token was revoked') as string,
        text: expect.stringMatching(/AADSTS50173.*ptb consent/s) as string,
      },
    ]);
  });

  test('when more tenants failed than before, naming the new ones and their reasons', async () => {
    const { put, sent, announce } = stage();
    await put('1', { 1: 'consent_required' });
    await put('2', { 1: 'consent_required', 2: 'consent_required', 3: 'blocked_by_policy' });
    expect(await announce('2')).toEqual({ announced: true });
    expect(sent[0]).toMatchObject({ severity: 'warning', title: 'job: 3 tenants failed, 1 in the previous run' });
    expect(sent[0]?.facts[1]).toEqual({ name: 'Outcome', value: 'partly failed' });
    expect(sent[0]?.facts.slice(3)).toEqual([
      { name: 'No consent for the application', value: 'Tenant 2' },
      { name: 'A policy of the tenant blocks the partner', value: 'Tenant 3' },
    ]);
  });

  test('in which the name of a customer is no link', async () => {
    const { put, sent, announce } = stage();
    await put('1', {});
    await put('2', { 13: 'access_denied' });
    await announce('2');
    expect(sent[0]?.facts.at(-1)?.value).toBe('evil[.]example/13');
  });

  test('with at most ten names per reason', async () => {
    const { put, sent, announce } = stage();
    await put('1', {});
    await put('2', Object.fromEntries(Array.from({ length: 15 }, (_, index) => [index, 'access_denied' as const])));
    await announce('2');
    expect(sent[0]?.facts.at(-1)?.value).toMatch(/^Tenant 0, .* and 5 more$/);
  });
});

describe('a job that asks for notices about finished runs', () => {
  test('has one with counts and a link, also after failures', async () => {
    const { put, sent, announce } = stage({ notify: true });
    await put('1', { 1: 'consent_required' }, { finishedAtMs: 5 });
    expect(await announce('1')).toEqual({ announced: true });
    expect(sent).toMatchObject([{ ...finished, atMs: 5 }]);
    expect(sent[0]?.facts).toEqual([
      { name: 'Run', value: 'job@1' },
      { name: 'Outcome', value: 'partly failed' },
      { name: 'Tenants', value: '20, 19 succeeded, 1 failed' },
    ]);
    await put('2', { 1: 'consent_required', 2: 'consent_required' });
    await announce('2');
    expect(sent.slice(1).map(({ kind }) => kind)).toEqual(['run.more-failures', 'run.finished']);
  });

  test('says how many tenants were skipped', async () => {
    const { put, sent, announce } = stage({ notify: true });
    await put('1', {}, { tenants: { total: 3, succeeded: 1, failed: 0, skipped: 2, notAttempted: 0 } });
    await announce('1');
    expect(sent[0]?.facts).toContainEqual({ name: 'Skipped', value: '2' });
  });

  test('has no link if the dashboard is not known', async () => {
    const { put, sent, announce } = stage({ notify: true, dashboard: false });
    await put('1', {});
    await announce('1');
    expect(sent[0]).not.toHaveProperty('link');
  });

  test.each(['failed', 'cancelled'] as const)('has none about a run that is %s', async (status) => {
    const { put, sent, announce } = stage({ notify: true });
    await put('1', {}, { status });
    await announce('1');
    expect(sent.map(({ kind }) => kind)).toEqual(status === 'failed' ? ['run.failed'] : []);
  });

  test('with false has none', async () => {
    const { put, announce } = stage({ notify: false });
    await put('1', {});
    expect(await announce('1')).toEqual({ announced: false });
  });
});

test('announceRun fails when storage is unavailable, so that the platform retries it', async () => {
  const { put, sent, runLog, announce } = stage();
  await put('1', {});
  await put('2', { 1: 'consent_required' });
  const list = runLog.list.bind(runLog);
  runLog.list = () => Promise.reject(new BrokerError('storage_unavailable', 'Away.'));
  await expect(announce('2')).rejects.toMatchObject({ code: 'storage_unavailable' });
  runLog.list = list;
  expect(await announce('2')).toEqual({ announced: true });
  expect(sent).toHaveLength(1);
});

describe('announceRun sends no notice for', () => {
  test.each<[string, Record<number, ErrorCode>, Partial<Run>]>([
    ['a run with the same failures', { 1: 'consent_required' }, {}],
    ['a run with fewer failures', {}, {}],
    ['a run over selected tenants', { 1: 'consent_required', 2: 'access_denied' }, { scope: 'selected' }],
    ['a cancelled run', { 1: 'consent_required', 2: 'access_denied' }, { status: 'cancelled' }],
  ])('%s', async (_what, failed, more) => {
    const { put, sent, announce } = stage();
    await put('1', { 1: 'consent_required' });
    await put('2', failed, more);
    expect(await announce('2')).toEqual({ announced: false });
    expect(sent).toEqual([]);
  });

  test('the first run of a job, or a run without a record', async () => {
    const { put, sent, announce } = stage();
    await put('1', { 1: 'consent_required' });
    expect(await announce('1')).toEqual({ announced: false });
    expect(await announce('nothing')).toEqual({ announced: false });
    expect(sent).toEqual([]);
  });
});
