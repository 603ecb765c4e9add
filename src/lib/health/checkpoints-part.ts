import type { CheckpointState } from '../audit/evidence.ts';
import { minuteMs } from '../core/durations.ts';
import { type Clock, isoTime } from '../core/clock.ts';

/** Health of the checkpoints of the audit log. Without them tokens are issued all the same. */
export interface CheckpointsHealth {
  readonly status: 'ok' | 'degraded';
  /** `off` if an operator has disabled their timer. Absent if it cannot be read. */
  readonly state?: CheckpointState['state'];
  readonly lastAt?: string;
  readonly problem?: string;
}

/** @param failure why the state cannot be read, in a sentence. */
export function checkpointsPart(
  state: CheckpointState | undefined,
  failure: string | undefined,
  clock: Pick<Clock, 'nowMs'>,
): CheckpointsHealth {
  if (state === undefined) return { status: 'degraded', ...(failure === undefined ? {} : { problem: failure }) };
  const { state: name, lastAtMs, problem, hasForeign = false } = state;
  const facts = { state: name, ...(lastAtMs === undefined ? {} : { lastAt: isoTime(lastAtMs) }) };
  if (name === 'off') return { status: 'ok', ...facts };
  if (name === 'late') return { status: 'degraded', ...facts, problem: lateText(lastAtMs, problem, clock) };
  return hasForeign ? { status: 'degraded', ...facts, problem: foreignText } : { status: 'ok', ...facts };
}

const foreignText =
  'The container of the checkpoints has lines that the app did not write. They are passed over. Find out who wrote them, and keep a copy.';

function lateText(lastAtMs: number | undefined, problem: string | undefined, clock: Pick<Clock, 'nowMs'>): string {
  const minutes = lastAtMs === undefined ? undefined : Math.floor((clock.nowMs() - lastAtMs) / minuteMs);
  const age =
    minutes === undefined
      ? 'No checkpoint of the audit log was written.'
      : `The last checkpoint of the audit log is ${minutes} minutes old.`;
  const why =
    problem ?? 'Check that the timer `checkpoint-audit` runs, and its event `audit.checkpoint_failed` in the log.';
  return `${age} ${why} Records since then are not signed; tokens are issued all the same.`;
}
