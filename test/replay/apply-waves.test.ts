import { describe, expect, test } from 'vitest';
import hostJson from '../../host.json' with { type: 'json' };
import { applyWaves, type JudgeWaveInput, type WaveVerdict } from '../../src/lib/runs/engine/apply-waves.ts';
import { fanOutBatch } from '../../src/lib/runs/engine/fan-out.ts';
import { summaryOf, type VisitTenantsInput } from '../../src/lib/runs/engine/run-schemas.ts';
import type { TenantRunInput, TenantRunResult } from '../../src/lib/runs/engine/tenant-run.ts';
import { type DriverOptions, drive, newJournal } from './driver.ts';
import { replay } from './sdk.ts';

const runId = 'adjust@apply-00000000000000000000000000000000';
const input = { runId, batchSize: 4, groupSize: 3, inTurn: true, rounds: 3, retryDelaySeconds: 60, jitter: 0 };
const finished = { status: 'completed', tenants: { total: 6, succeeded: 6, failed: 0, skipped: 0, notAttempted: 0 } };

interface Stage {
  readonly waves?: readonly number[];
  readonly visit?: (input: TenantRunInput) => TenantRunResult;
  readonly judge?: (input: JudgeWaveInput, nowMs: number) => WaveVerdict;
  readonly more?: Partial<DriverOptions>;
}

function stage({
  waves = [1, 2, 3],
  visit = () => ({ outcome: 'succeeded' }),
  judge = () => ({ next: 'go' }),
  more,
}: Stage) {
  /** What happened, in order. */
  const steps: string[] = [];
  const visited: TenantRunInput[] = [];
  const ends: unknown[] = [];
  const journal = newJournal();
  const options: DriverOptions = {
    orchestrations: { 'apply-waves': applyWaves, 'fan-out-batch': fanOutBatch },
    activities: {
      'list-tenants': () => {
        const attempt = waves.reduce((sum, wave) => sum + wave, 0);
        return { ok: true, attempt, total: attempt, waves };
      },
      'visit-tenants': (asked, raise) => {
        const { indexes, takenEvent, ...rest } = asked as VisitTenantsInput;
        if (takenEvent !== undefined) raise(rest.runId, takenEvent);
        const inputs = indexes.map((index) => ({ ...rest, index }));
        visited.push(...inputs);
        for (const { index, again } of inputs) steps.push(`${again === true ? 'look' : 'visit'} ${index}`);
        return summaryOf(indexes, inputs.map(visit));
      },
      'judge-wave': (asked) => {
        const given = asked as JudgeWaveInput;
        const verdict = judge(given, journal.nowMs);
        steps.push(`${given.phase} ${given.wave}: ${verdict.next}`);
        return verdict;
      },
      'finish-run': (asked) => {
        ends.push(asked);
        return finished;
      },
      'announce-run': () => ({ announced: false }),
      'export-run': () => ({ exported: true }),
    },
    version: hostJson.extensions.durableTask.defaultVersion,
    ...more,
  };
  return { steps, visited, ends, run: () => drive(options, 'apply-waves', runId, input, journal) };
}

const visits = (steps: readonly string[]): string[] => steps.filter((step) => !step.includes(':'));
const looks = (from: number, until: number): string[] =>
  Array.from({ length: until - from + 1 }, (_, index) => `look ${from + index}`);

describe.each(['one', 'batch'] as const)('an apply, completions delivered: %s', (delivery) => {
  const more = { delivery };

  test('visits wave after wave, and asks how to go on after each', async () => {
    const { steps, ends, run } = stage({ more });
    expect((await run()).output).toEqual(finished);
    expect(steps).toEqual([
      'visit 0',
      'sent 1: go',
      'looked 1: go',
      'visit 1',
      'visit 2',
      'sent 2: go',
      'looked 2: go',
      'visit 3',
      'visit 4',
      'visit 5',
      'sent 3: go',
      'looked 3: go',
      'late 3: go',
    ]);
    expect(ends).toEqual([{ runId }]);
  });

  test('visits those again that wait for their next step, when it is time', async () => {
    const { visited, run } = stage({
      waves: [2],
      visit: ({ index, round }) =>
        index === 0 && round < 4
          ? { outcome: 'retrying', code: 'change_pending', retryAfterSeconds: 8 }
          : { outcome: 'succeeded' },
      more,
    });
    const { waitedMs } = await run();
    expect(visited.map(({ index, round }) => [index, round])).toEqual([
      [0, 1],
      [1, 1],
      [0, 2],
      [0, 3],
      [0, 4],
    ]);
    expect(waitedMs).toEqual([8_000, 8_000, 8_000]);
  });

  test('tells the last visit of a wave that it is the last', async () => {
    const { visited, run } = stage({
      waves: [1, 1],
      visit: ({ last }) =>
        last ? { outcome: 'failed', code: 'change_unclear' } : { outcome: 'retrying', retryAfterSeconds: 1 },
      more,
    });
    await run();
    const ofFirst = visited.filter(({ index }) => index === 0);
    expect(ofFirst.filter(({ last }) => last)).toHaveLength(1);
    expect(ofFirst.at(-1)?.last).toBe(true);
    // A record is replaced by one of a later round only.
    const rounds = visited.map(({ round }) => round);
    expect(new Set(rounds).size).toBe(rounds.length);
  });

  test('begins no further tenant while a limit holds it, and goes on with the rest of the wave', async () => {
    let isHeld = true;
    const { steps, run } = stage({
      waves: [2, 1],
      visit: ({ index }) =>
        index === 1 && isHeld ? { outcome: 'not_attempted', code: 'apply_held' } : { outcome: 'succeeded' },
      judge: ({ phase }, nowMs) => {
        if (phase !== 'held' || !isHeld) return { next: 'go' };
        isHeld = false;
        return { next: 'wait', untilMs: nowMs + 3_600_000 };
      },
      more: { ...more, raiseWhileWaiting: ['decided'] },
    });
    const { waitedMs } = await run();
    expect(waitedMs).toEqual([]);
    expect(steps.slice(0, 7)).toEqual([
      'visit 0',
      'visit 1',
      'held 1: wait',
      'held 1: go',
      'visit 0',
      'visit 1',
      'sent 1: go',
    ]);
    expect(steps).toContain('visit 2');
  });

  test('waits for the pause, reads the wave again, and waits for a person', async () => {
    let waits = 0;
    const { steps, run } = stage({
      waves: [1, 1],
      judge: ({ phase, wave }, nowMs) => {
        if (wave > 1) return { next: 'go' };
        waits += 1;
        if (waits === 1) return { next: 'wait', untilMs: nowMs + 3_600_000 };
        if (phase === 'sent') return { next: 'go', again: [0] };
        return waits === 3 || waits === 4 ? { next: 'wait', untilMs: nowMs + 86_400_000 } : { next: 'go' };
      },
      more: { ...more, raiseWhileWaiting: [] },
    });
    const { waitedMs } = await run();
    expect(waitedMs).toEqual([3_600_000, 86_400_000, 86_400_000]);
    expect(steps.slice(0, 8)).toEqual([
      'visit 0',
      'sent 1: wait',
      'sent 1: go',
      'look 0',
      'looked 1: wait',
      'looked 1: wait',
      'looked 1: go',
      'visit 1',
    ]);
  });

  test('is woken from each of several waits, whatever woke it before', async () => {
    let waits = 0;
    const { run } = stage({
      waves: [1, 1],
      judge: ({ phase }, nowMs) =>
        phase === 'looked' && (waits += 1) <= 4 ? { next: 'wait', untilMs: nowMs + 86_400_000 } : { next: 'go' },
      more: { ...more, raiseWhileWaiting: ['decided', 'cancel', 'decided', 'cancel'] },
    });
    expect((await run()).waitedMs).toEqual([]);
    expect(waits).toBeGreaterThan(4);
  });

  test('ended by a person in a wave, it reads what was sent and begins nothing more', async () => {
    const { steps, ends, run } = stage({
      waves: [1, 2, 3],
      visit: ({ index, again }) =>
        index === 2 && again !== true
          ? { outcome: 'retrying', code: 'change_pending', retryAfterSeconds: 30 }
          : { outcome: 'succeeded' },
      more: { ...more, raiseWhileWaiting: ['cancel'] },
    });
    await run();
    expect(visits(steps)).toEqual(['visit 0', 'visit 1', 'visit 2', ...looks(0, 2)]);
    expect(ends).toEqual([{ runId }]);
  });

  test('ended twice, it still waits for what is on its way before it ends', async () => {
    let looked = 0;
    const { steps, run } = stage({
      waves: [1],
      visit: ({ again }) =>
        again !== true || (looked += 1) < 3
          ? { outcome: 'retrying', code: 'change_pending', retryAfterSeconds: 30 }
          : { outcome: 'succeeded' },
      more: { ...more, raiseWhileWaiting: ['cancel', 'cancel', 'cancel'] },
    });
    await run();
    expect(visits(steps)).toEqual(['visit 0', 'look 0', 'look 0', 'look 0']);
  });

  test('ended by a person in a pause, it reads what was sent and begins nothing more', async () => {
    let isEnded = false;
    const { steps, ends, run } = stage({
      judge: ({ wave }, nowMs) => {
        if (isEnded) return { next: 'end' };
        isEnded = wave === 2;
        return isEnded ? { next: 'wait', untilMs: nowMs + 3_600_000 } : { next: 'go' };
      },
      more: { ...more, raiseWhileWaiting: ['cancel'] },
    });
    await run();
    expect(visits(steps)).toEqual(['visit 0', 'visit 1', 'visit 2', ...looks(0, 2)]);
    expect(ends).toEqual([{ runId }]);
  });

  test.each(['plan_expired', 'credential_revoked', 'plan_changed'] as const)(
    'stopped by %s, it begins nothing more',
    async (code) => {
      const { steps, ends, run } = stage({
        visit: ({ index, again }) =>
          index === 1 && again !== true ? { outcome: 'not_attempted', code } : { outcome: 'succeeded' },
        more,
      });
      await run();
      expect(visits(steps).filter((step) => step.startsWith('visit'))).toEqual(['visit 0', 'visit 1', 'visit 2']);
      expect(ends).toMatchObject([{ runId, stoppedBy: { code } }]);
    },
  );

  test('looks twice at the end for what was accepted and does not show', async () => {
    const { steps, run } = stage({
      waves: [2],
      judge: ({ phase, looks: before }, nowMs) => {
        if (phase !== 'late') return { next: 'go' };
        return steps.at(-1) === `late 1: wait`
          ? { next: 'go', again: [1] }
          : { next: 'wait', untilMs: nowMs + (before === 0 ? 900_000 : 2_700_000) };
      },
      more,
    });
    const { waitedMs } = await run();
    expect(waitedMs).toEqual([900_000, 2_700_000]);
    expect(visits(steps)).toEqual(['visit 0', 'visit 1', 'look 1', 'look 1']);
  });
});

test('the history of an apply replays to the same end from each of its points', async () => {
  let waits = 0;
  const { run } = stage({
    visit: ({ index, round }) =>
      index === 1 && round < 4 ? { outcome: 'retrying', retryAfterSeconds: 8 } : { outcome: 'succeeded' },
    judge: ({ phase }, nowMs) =>
      phase === 'looked' && (waits += 1) % 2 === 1 ? { next: 'wait', untilMs: nowMs + 60_000 } : { next: 'go' },
    more: { raiseWhileWaiting: ['decided'] },
  });
  const { history, output } = await run();
  const whole = await replay(applyWaves, runId, input, [...history]);
  expect(whole).toMatchObject({ isDone: true, output });
  for (let until = 1; until < history.length; until += 1)
    await expect(replay(applyWaves, runId, input, history.slice(0, until))).resolves.toBeDefined();
});
