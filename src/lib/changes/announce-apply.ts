import { type Clock, minuteMs } from '../core/clock.ts';
import { adviceFor, errorTable } from '../core/errors.ts';
import { errorFields } from '../core/log.ts';
import { outcomeWord, runOutcome } from '../core/outcomes.ts';
import type { Notice, Notifier } from '../notices/notice.ts';
import type { JudgeWaveInput, WaveVerdict } from '../runs/engine/apply-waves.ts';
import { type ApplyRequest, isEnded, type Run, type RunId } from '../runs/store/run.ts';
import type { Runs } from '../runs/store/runs.ts';
import { holdOf, judgeWave, type JudgeWaveDeps, waitsFor } from './judge-wave.ts';
import { outcomesOf } from './plans.ts';

export interface AnnounceApplyDeps {
  readonly runs: Pick<Runs, 'log' | 'results'>;
  readonly notifier: Notifier;
  readonly clock: Clock;
  /** Address of the dashboard. Undefined: it is not known. */
  readonly dashboardUrl: string | undefined;
}

/** After a notice that was not accepted, the wave is judged again this much later. */
const announceAgainMs = 5 * minuteMs;

/**
 * Decides how an apply goes on, as `judgeWave` does, and announces it if the apply waits for a person. Implements the activity
 * `judge-wave`. A notice that is not accepted does not end the apply: the verdict is to judge again soon.
 * @throws BrokerError storage_unavailable; the orchestration repeats the activity.
 */
export async function judgeAndAnnounce(
  deps: JudgeWaveDeps & AnnounceApplyDeps,
  input: JudgeWaveInput,
): Promise<WaveVerdict> {
  const verdict = await judgeWave(deps, input);
  if (verdict.next !== 'wait') return verdict;
  try {
    await announceApply(deps, input);
    return verdict;
  } catch (thrown) {
    deps.log.log('warn', 'run.not_announced', { runId: input.runId, ...errorFields(thrown) });
    return { next: 'wait', untilMs: Math.min(verdict.untilMs, deps.clock.nowMs() + announceAgainMs) };
  }
}

/**
 * Sends a notice about an apply that waits for a person or has ended, with its changes by outcome. Each wait and the end are
 * told once, however often it is called.
 * @returns whether a notice was sent.
 * @throws BrokerError storage_unavailable.
 */
export async function announceApply(
  { runs, notifier, clock, dashboardUrl }: AnnounceApplyDeps,
  { runId }: { readonly runId: RunId },
): Promise<{ announced: boolean }> {
  const run = await runs.log.find(runId);
  if (run === undefined || !(isEnded(run.status) || waitsFor(run))) return { announced: false };
  const change = (await runs.log.request(runId))?.change;
  if (change?.kind !== 'apply') return { announced: false };
  const isUndo = (await runs.log.request(change.plan))?.change?.kind === 'undo';
  const outcomes = await outcomesOf(runs.log, runId);
  const { suffix, ...state } = isEnded(run.status) ? ended(run, change, isUndo) : waiting(run, change, isUndo);
  await notifier.send({
    ...state,
    key: `${runId}${suffix}`,
    atMs: run.finishedAtMs ?? clock.nowMs(),
    facts: [
      { name: 'Plan', value: change.plan },
      { name: 'Tenants', value: tenantsOf(run) },
      { name: 'Changes', value: changesOf(outcomes) },
    ],
    ...(dashboardUrl === undefined ? {} : { link: `${dashboardUrl}#/runs/${encodeURIComponent(runId)}` }),
  });
  return { announced: true };
}

/** What differs between notices about an apply. `suffix` tells those of one apply apart. */
type ApplyNotice = Pick<Notice, 'kind' | 'severity' | 'title' | 'text'> & { readonly suffix: string };

const nameOf = ({ job }: Run, isUndo: boolean): string => `The ${isUndo ? 'undo' : 'apply'} of ${job}`;

function waiting(run: Run, { plan, waves }: ApplyRequest, isUndo: boolean): ApplyNotice {
  const hold = holdOf(run);
  const { wave = 1 } = run.wave ?? {};
  const choice = `To go on: \`ptb plans go-on ${plan}\`. To end it: \`ptb plans end ${plan}\`.`;
  const severity = 'warning';
  const name = nameOf(run, isUndo);
  if (hold === undefined) {
    const title = `${name} waits for a person after wave ${wave} of ${waves.length}`;
    const text = `The wave was read again, and no further tenant is begun. ${choice}`;
    return { kind: 'apply.waiting', severity, title, text, suffix: ` wave ${wave}` };
  }
  const text = `${hold.detail} No further tenant is begun until a person has looked. ${choice}`;
  return { kind: 'apply.held', severity, title: `${name} is held`, text, suffix: ` hold ${hold.id}` };
}

function ended(run: Run, { plan }: ApplyRequest, isUndo: boolean): ApplyNotice {
  const { status, stoppedBy, tenants } = run;
  const name = nameOf(run, isUndo);
  const look = `\`ptb plans show ${plan}\` shows what became of each change.`;
  if (status === 'completed') {
    const severity = tenants.failed > 0 ? 'warning' : 'info';
    const text = isUndo ? look : `${look} \`ptb plans undo ${plan}\` plans to take them back.`;
    return { kind: 'apply.finished', severity, title: `${name} is finished`, text, suffix: '' };
  }
  const title = `${name} was ${outcomeWord(runOutcome(run))}`;
  const common = { kind: 'apply.ended', suffix: '' } as const;
  if (stoppedBy === undefined) return { ...common, severity: 'warning', title, text: look };
  const text = `${stoppedBy.detail} ${adviceFor(stoppedBy.code, 'operator')} ${look}`.trim();
  return { ...common, severity: 'critical', title: `${title}: ${errorTable[stoppedBy.code].title}`, text };
}

function tenantsOf({ status, tenants }: Run): string {
  const { total, succeeded, failed, skipped, notAttempted } = tenants;
  // The others are counted at the end.
  if (!isEnded(status)) return String(total);
  const parts = Object.entries({ succeeded, failed, skipped, 'not attempted': notAttempted });
  return [total, ...parts.flatMap(([word, count]) => (count === 0 ? [] : `${count} ${word}`))].join(', ');
}

function changesOf(outcomes: Readonly<Record<string, number>>): string {
  const parts = Object.entries(outcomes).toSorted(([, one], [, other]) => other - one);
  return parts.length === 0 ? 'none' : parts.map(([outcome, count]) => `${count} ${outcome}`).join(', ');
}
