import { describe, expect, test, vi } from 'vitest';
import { waitsFor } from '../../../../src/lib/changes/judge-wave.ts';
import type { ErrorCode } from '../../../../src/lib/core/errors.ts';
import type { ApplyRequest, TenantRun } from '../../../../src/lib/runs/store/run.ts';
import { recordOf } from '../runs/store/stage.ts';
import { applyId, stageChanges } from './stage.ts';

const minute = 60_000;
/** Rounds of an apply are above that of every visit. */
const failed = (number: number, code: ErrorCode): TenantRun =>
  recordOf(number, { outcome: 'failed', code, round: 900 });

async function stage(waves: readonly number[], apply: Partial<ApplyRequest> = {}) {
  const { judge, runLog, ...rest } = await stageChanges({ plan: () => [], waves, apply });
  const record = (...records: readonly TenantRun[]) => runLog.recordTenants(applyId, records);
  const run = async () => (await runLog.find(applyId))!;
  return { judge, runLog, record, run, ...rest };
}

describe('a limit', () => {
  test.each<[string, ErrorCode[], boolean]>([
    ['one failed tenant', ['change_failed'], true],
    ['one unreachable tenant', ['consent_required'], true],
    ['one unclear tenant', ['change_unclear'], false],
    ['two unclear tenants', ['change_unclear', 'change_unclear'], true],
    ['one unclear and one accepted tenant', ['change_unclear', 'change_unconfirmed'], true],
    ['tenants that had drifted', ['change_drifted', 'change_drifted', 'change_drifted'], false],
  ])('of the first wave: %s', async (_, codes, isHeld) => {
    const { judge, record, run } = await stage([4, 4], { stop: { failed: 8, unclear: 8 } });
    await record(...codes.map((code, index) => failed(index, code)));
    expect((await judge({ wave: 1, phase: 'sent' })).next).toBe(isHeld ? 'wait' : 'go');
    expect((await run()).hold?.code).toBe(isHeld ? 'apply_held' : undefined);
  });

  test.each<[string, ErrorCode[], boolean]>([
    ['as many failed tenants as may', ['change_failed', 'job_failed', 'change_failed'], false],
    ['one more', ['change_failed', 'job_failed', 'change_failed', 'change_failed'], true],
    ['as many unclear ones as may', ['change_unclear'], false],
    ['two unclear ones', ['change_unclear', 'change_unclear'], true],
    ['accepted ones', ['change_unconfirmed', 'change_unconfirmed', 'change_unconfirmed'], false],
  ])('of a later wave: %s', async (_, codes, isHeld) => {
    const { judge, record } = await stage([1, 8, 1]);
    await record(...codes.map((code, index) => failed(index + 1, code)));
    expect((await judge({ wave: 2, phase: 'sent' })).next).toBe(isHeld ? 'wait' : 'go');
  });

  test('of the first wave is never above that of the others', async () => {
    const { judge, record } = await stage([4, 4], { stop: { failed: 8, unclear: 0 } });
    await record(failed(0, 'change_unclear'));
    expect((await judge({ wave: 1, phase: 'sent' })).next).toBe('wait');
  });

  test('does not count a tenant that was decided before the apply', async () => {
    const { judge, record } = await stage([2, 2]);
    await record(recordOf(0, { outcome: 'failed', code: 'consent_required', round: 0 }));
    expect((await judge({ wave: 1, phase: 'sent' })).next).toBe('go');
  });

  test('names its number, and is counted anew after a person went on', async () => {
    const { judge, record, run, runLog } = await stage([1, 8, 1]);
    await record(...[1, 2, 3, 4].map((number) => failed(number, 'change_failed')));
    await judge({ wave: 2, phase: 'sent' });
    const { hold } = await run();
    expect(hold?.detail).toBe('4 tenants failed: later waves stop at 4.');
    expect(waitsFor(await run())).toBe((await run()).hold?.id);
    await runLog.change(applyId, {
      goneOn: { hold: hold?.id, wave: 1, bad: { failed: 4, unclear: 0, unconfirmed: 0 }, by: 'x' },
    });
    expect((await judge({ wave: 2, phase: 'sent' })).next).toBe('go');
    await record(...[5, 6, 7, 8].map((number) => failed(number, 'change_failed')));
    expect((await judge({ wave: 2, phase: 'sent' })).next).toBe('wait');
    expect((await run()).hold?.id).not.toBe(hold?.id);
  });
});

test('a failure that is counted late leaves the hold that is in force', async () => {
  const { judge, record, run, runLog } = await stage([1, 8, 1]);
  await record(...[1, 2, 3, 4].map((number) => failed(number, 'change_failed')));
  const hold = { id: 'second', atMs: 0, code: 'apply_held' as const, detail: 'Held again.' };
  const changeBy = runLog.changeBy.bind(runLog);
  vi.spyOn(runLog, 'changeBy').mockImplementationOnce(async (...given) => {
    // Meanwhile others hold the apply, a person goes on, and more tenants fail.
    const bad = { failed: 0, unclear: 0, unconfirmed: 0 };
    await runLog.change(applyId, { goneOn: { hold: 'first', wave: 1, bad, by: 'x' }, hold });
    return changeBy(...given);
  });
  expect((await judge({ wave: 2, phase: 'sent' })).next).toBe('wait');
  expect((await run()).hold).toEqual(hold);
});

describe('the last wave', () => {
  test('holds nothing once it is sent', async () => {
    const { judge, record, run } = await stage([1]);
    await record(failed(0, 'change_failed'));
    expect((await judge({ wave: 1, phase: 'sent' })).next).toBe('go');
    expect((await judge({ wave: 1, phase: 'looked' })).next).toBe('go');
    expect(waitsFor(await run())).toBeUndefined();
  });

  test('is held while some of its tenants are not begun', async () => {
    const { judge, record } = await stage([2]);
    await record(failed(0, 'change_failed'));
    expect((await judge({ wave: 1, phase: 'held' })).next).toBe('wait');
  });
});

test('a plan that expires in a pause ends the apply then', async () => {
  const { judge, clock, record, run } = await stage([1, 1], { pauseMinutes: 7_200 });
  await record(recordOf(0, { round: 900 }));
  expect((await judge({ wave: 1, phase: 'sent' })).next).toBe('wait');
  await clock.advance(86_400_000);
  expect((await judge({ wave: 1, phase: 'sent' })).next).toBe('end');
  expect((await run()).stoppedBy?.code).toBe('plan_expired');
});

describe('a pause', () => {
  test('lasts from the end of the wave, and then the wave is read again where something was done', async () => {
    const { judge, clock, record } = await stage([2, 1], { pauseMinutes: 60 });
    await record(
      recordOf(0, { rowsName: 'rows', rows: 1, round: 900 }),
      recordOf(1, { outcome: 'skipped', round: 900 }),
    );
    const untilMs = clock.nowMs() + 60 * minute;
    // It asks again after half an hour, because an event may be lost.
    expect(await judge({ wave: 1, phase: 'sent' })).toEqual({ next: 'wait', untilMs: untilMs - 30 * minute });
    await clock.advance(59 * minute);
    expect(await judge({ wave: 1, phase: 'sent' })).toEqual({ next: 'wait', untilMs });
    await clock.advance(minute);
    expect(await judge({ wave: 1, phase: 'sent' })).toEqual({ next: 'go', again: [0] });
  });

  test('does not delay tenants that a limit had held back', async () => {
    const { judge, runLog, run } = await stage([2, 1], { pauseMinutes: 60 });
    await runLog.change(applyId, { hold: { id: 'h', atMs: 0, code: 'apply_held', detail: 'Held.' } });
    expect((await judge({ wave: 1, phase: 'held' })).next).toBe('wait');
    await runLog.change(applyId, {
      goneOn: { hold: 'h', wave: 0, bad: { failed: 1, unclear: 0, unconfirmed: 0 }, by: 'x' },
    });
    expect(await judge({ wave: 1, phase: 'held' })).toEqual({ next: 'go' });
    expect((await run()).wave).toBeUndefined();
  });

  test('follows no last wave', async () => {
    const { judge } = await stage([1], { pauseMinutes: 60, confirmWaves: true });
    expect(await judge({ wave: 1, phase: 'sent' })).toEqual({ next: 'go' });
    expect(await judge({ wave: 1, phase: 'looked' })).toEqual({ next: 'go' });
  });
});

describe('a person', () => {
  test('goes on after each wave but the last', async () => {
    const { judge, run, runLog } = await stage([1, 1, 1], { confirmWaves: true });
    for (const wave of [1, 2]) {
      await judge({ wave, phase: 'sent' });
      expect((await judge({ wave, phase: 'looked' })).next).toBe('wait');
      expect(waitsFor(await run())).toBe(`wave-${wave}`);
      await runLog.change(applyId, { goneOn: { wave, bad: { failed: 0, unclear: 0, unconfirmed: 0 }, by: 'x' } });
      expect(waitsFor(await run())).toBeUndefined();
      expect(await judge({ wave, phase: 'looked' })).toEqual({ next: 'go' });
      expect((await run()).wave).toEqual({ wave: wave + 1 });
    }
  });

  test('who ends it ends it in every phase', async () => {
    for (const phase of ['sent', 'held', 'looked', 'late'] as const) {
      const { judge, runLog } = await stage([1, 1], { confirmWaves: true });
      await runLog.change(applyId, { cancelRequestedAtMs: 1 });
      expect(await judge({ wave: 1, phase })).toEqual({ next: 'end' });
    }
  });
});

test('the plan expires while the apply waits for a person, or is held', async () => {
  for (const isHeld of [false, true]) {
    const { judge, clock, run, runLog } = await stage([1, 1], { confirmWaves: true });
    const { expiresAtMs } = ((await runLog.request(applyId))?.change ?? {}) as ApplyRequest;
    if (isHeld) await runLog.change(applyId, { hold: { id: 'h', atMs: 0, code: 'apply_held', detail: 'Held.' } });
    const phase = isHeld ? 'held' : 'looked';
    const untilMs = clock.nowMs() + 30 * minute;
    expect(await judge({ wave: 1, phase })).toEqual({ next: 'wait', untilMs });
    await clock.advance(expiresAtMs - clock.nowMs());
    expect(await judge({ wave: 1, phase })).toEqual({ next: 'end' });
    expect((await run()).stoppedBy?.code).toBe('plan_expired');
  }
});

describe('accepted changes that do not show', () => {
  test('are looked for 15 and 60 minutes after the last wave', async () => {
    const { judge, clock, record } = await stage([3]);
    await record(failed(1, 'change_unconfirmed'), failed(0, 'change_failed'));
    const endedAtMs = clock.nowMs();
    await record(recordOf(0, { round: 901 }));
    await judge({ wave: 1, phase: 'sent' });
    for (const [looks, minutes] of [15, 60].entries()) {
      const untilMs = endedAtMs + minutes * minute;
      expect(await judge({ wave: 1, phase: 'late', looks })).toEqual({ next: 'wait', untilMs });
      await clock.advance(untilMs - clock.nowMs());
      expect(await judge({ wave: 1, phase: 'late', looks })).toEqual({ next: 'go', again: [1] });
    }
    expect(await judge({ wave: 1, phase: 'late', looks: 2 })).toEqual({ next: 'go' });
  });

  test('are not waited for if there are none', async () => {
    const { judge } = await stage([2]);
    expect(await judge({ wave: 1, phase: 'late', looks: 0 })).toEqual({ next: 'go' });
  });
});
