import { describe, expect, it } from 'vitest';
import { announceApply, judgeAndAnnounce } from '../../../../src/lib/changes/announce-apply.ts';
import { minuteMs } from '../../../../src/lib/core/clock.ts';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import type { Notice } from '../../../../src/lib/notices/notice.ts';
import type { ApplyRequest, RunChange, TenantRun } from '../../../../src/lib/runs/store/run.ts';
import { writeRows } from '../../../../src/lib/runs/job/row.ts';
import { createRunStops } from '../../../../src/lib/runs/store/runs.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { MemoryRunLog, MemoryRunResults } from '../../../fakes/memory-run-log.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { tenantId } from '../runs/store/stage.ts';

const planId = 'adjust@plan';
const runId = 'adjust@apply-00000000000000000000000000000000';
const dashboardUrl = 'https://broker.example/api/dashboard';
const ended = { total: 3, succeeded: 2, failed: 1, skipped: 0, notAttempted: 0 };

/** An apply of three tenants in two waves, of which the first tenant ended with these outcomes. */
async function stage(outcomes: readonly string[], { isUndo = false }: { readonly isUndo?: boolean } = {}) {
  const runLog = new MemoryRunLog();
  const results = new MemoryRunResults();
  const clock = new FakeClock();
  const logger = recordingLogger();
  const sent: Notice[] = [];
  const told = { isRefused: false };
  const notifier = {
    send: async (notice: Notice) => {
      if (told.isRefused) throw new BrokerError('storage_unavailable', 'not now');
      // What happened twice is told once.
      if (!sent.some(({ kind, key }) => kind === notice.kind && key === notice.key)) sent.push(notice);
    },
  };
  const about = { job: 'adjust', startedBy: 'app', createdAtMs: 0 };
  const parameters = {};
  const undone = isUndo ? { change: { kind: 'undo', apply: 'adjust@apply-earlier' } as const } : {};
  await runLog.create({ ...about, runId: planId, window: 'plan' }, { parameters, ...undone });
  const change: ApplyRequest = {
    kind: 'apply',
    plan: planId,
    digest: 'd',
    waves: [1, 2],
    stop: { failed: 3, unclear: 1 },
    pauseMinutes: 0,
    confirmWaves: true,
    expiresAtMs: clock.nowMs() + 600 * minuteMs,
    rules: ['r'],
  };
  const window = runId.slice('adjust@'.length);
  await runLog.create({ ...about, runId, window }, { parameters, change });
  const attempt = [1, 2, 3].map((number) => ({
    tenantId: tenantId(number),
    name: `Customer ${number}`,
    defaultDomain: `c${number}.example`,
    wave: number === 1 ? 1 : 2,
  }));
  const { digest } = await results.putPlan(runId, { job: 'adjust', parameters, change, attempt, decided: [] });
  const tenants = { total: 3, succeeded: 0, failed: 0, skipped: 0, notAttempted: 0 };
  await runLog.change(runId, { status: 'running', startedAtMs: 0, planDigest: digest, tenants });
  const row = { action: 'update', target: '/p', before: null, after: null, undo: 'yes' };
  const counting = { by: 'outcome', without: new Set<string>() };
  const { jsonLines, numbers } = writeRows(
    outcomes.map((outcome) => ({ ...row, outcome })),
    [],
    counting,
  );
  await results.putRows(runId, 'rows', jsonLines);
  const hasFailed = outcomes.some((outcome) => outcome !== 'applied');
  const record: TenantRun = {
    tenantId: tenantId(1),
    name: 'Customer 1',
    outcome: hasFailed ? 'failed' : 'succeeded',
    ...(hasFailed ? { code: 'change_failed' as const } : {}),
    round: 1,
    rows: outcomes.length,
    rowsName: 'rows',
    ...(numbers === undefined ? {} : { numbers }),
    columns: [],
    startedAtMs: 0,
    finishedAtMs: 0,
  };
  await runLog.recordTenant(runId, record);
  let ids = 0;
  const runs = { log: runLog, results, stops: createRunStops({ runLog, clock }) };
  const newId = () => `hold-${(ids += 1)}`;
  const deps = { runs, notifier, clock, newId, log: logger.log, dashboardUrl };
  return {
    sent,
    told,
    clock,
    logger,
    change: (changed: RunChange) => runLog.change(runId, changed),
    announce: () => announceApply(deps, { runId }),
    judge: (phase: 'sent' | 'looked') => judgeAndAnnounce(deps, { runId, wave: 1, phase }),
  };
}

describe('an apply is announced', () => {
  it('once when a limit holds it, and again at the next hold, with what to do', async () => {
    const { sent, change, judge } = await stage(['applied', 'refused']);
    expect(await judge('sent')).toMatchObject({ next: 'wait' });
    await judge('sent');
    expect(sent).toEqual([
      expect.objectContaining({
        kind: 'apply.held',
        severity: 'warning',
        title: 'The apply of adjust is held',
        text: expect.stringMatching(
          /1 tenant failed.*`ptb plans go-on adjust@plan`.*`ptb plans end adjust@plan`/,
        ) as string,
        link: `${dashboardUrl}#/runs/${encodeURIComponent(runId)}`,
        facts: [
          { name: 'Plan', value: planId },
          { name: 'Tenants', value: '3' },
          { name: 'Changes', value: '1 applied, 1 refused' },
        ],
      }),
    ]);
    await change({ hold: { id: 'another', atMs: 0, code: 'apply_held', detail: 'again' } });
    await judge('sent');
    expect(sent.map(({ kind }) => kind)).toEqual(['apply.held', 'apply.held']);
  });

  it('once when it waits for a person after a wave, and not during a pause', async () => {
    const { sent, judge, announce } = await stage(['applied']);
    expect(await judge('sent')).toMatchObject({ next: 'go' });
    expect(sent).toEqual([]);
    expect(await judge('looked')).toMatchObject({ next: 'wait' });
    await judge('looked');
    expect(await announce()).toEqual({ announced: true });
    const title = 'The apply of adjust waits for a person after wave 1 of 2';
    expect(sent).toEqual([expect.objectContaining({ kind: 'apply.waiting', severity: 'warning', title })]);
  });

  it('no more once a person has gone on', async () => {
    const { sent, change, announce } = await stage(['applied']);
    await change({ wave: { wave: 1, endedAtMs: 0, waits: true } });
    await change({ goneOn: { wave: 1, bad: { failed: 0, unclear: 0, unconfirmed: 0 }, by: 'app' } });
    expect([await announce(), sent]).toEqual([{ announced: false }, []]);
  });

  it.each([
    [{ ...ended, succeeded: 3, failed: 0 }, 'info', '3, 3 succeeded'],
    [ended, 'warning', '3, 2 succeeded, 1 failed'],
  ])('when it is finished with %j', async (tenants, severity, words) => {
    const { sent, change, announce } = await stage(['applied', 'applied', 'drifted']);
    await change({ status: 'completed', tenants, finishedAtMs: 7 });
    await announce();
    await announce();
    const text = expect.stringContaining('ptb plans undo adjust@plan') as string;
    const title = 'The apply of adjust is finished';
    expect(sent).toEqual([expect.objectContaining({ kind: 'apply.finished', severity, title, text, atMs: 7 })]);
    expect(sent[0]?.facts.map(({ value }) => value)).toEqual([planId, words, '2 applied, 1 drifted']);
  });

  it('as an undo when its plan takes back another apply', async () => {
    const { sent, change, announce } = await stage(['applied'], { isUndo: true });
    await change({ status: 'completed', tenants: ended });
    await announce();
    expect(sent).toMatchObject([{ kind: 'apply.finished', title: 'The undo of adjust is finished' }]);
    expect(sent[0]?.text).not.toContain('plans undo');
  });

  it('when a person ended it, and when it was stopped, with the reason', async () => {
    const cancelled = await stage(['applied']);
    await cancelled.change({ status: 'cancelled', tenants: { ...ended, failed: 0, notAttempted: 1 } });
    await cancelled.announce();
    expect(cancelled.sent).toMatchObject([
      { kind: 'apply.ended', severity: 'warning', title: 'The apply of adjust was cancelled' },
    ]);
    expect(cancelled.sent[0]?.facts[1]?.value).toBe('3, 2 succeeded, 1 not attempted');
    const stopped = await stage(['applied']);
    const stoppedBy = { code: 'plan_expired', detail: 'The plan expired at noon.' } as const;
    await stopped.change({ status: 'failed', stoppedBy, tenants: ended });
    await stopped.announce();
    expect(stopped.sent).toMatchObject([
      {
        kind: 'apply.ended',
        severity: 'critical',
        text: expect.stringContaining('expired at noon. Make a new plan') as string,
      },
    ]);
  });
});

it('an apply whose notice is not accepted goes on waiting, and is announced five minutes later', async () => {
  const { sent, told, clock, judge, logger } = await stage(['applied']);
  await judge('sent');
  told.isRefused = true;
  expect(await judge('looked')).toEqual({ next: 'wait', untilMs: clock.nowMs() + 5 * minuteMs });
  expect(logger.events()).toContain('run.not_announced');
  told.isRefused = false;
  await judge('looked');
  expect(sent).toHaveLength(1);
});
