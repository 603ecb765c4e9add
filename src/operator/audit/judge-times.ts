import { minuteMs } from '../../lib/core/durations.ts';
import { isoTime } from '../../lib/core/clock.ts';
import type { Finding } from './finding.ts';
import { type Limits, longestPauseMs } from './period.ts';
import type { ReadCheckpoints, SignedCheckpoint } from './read-checkpoints.ts';

/**
 * Says for how long no checkpoint was written: nothing signed has fixed the records of that time until its end. And says
 * which part of the period that was asked for no checkpoint covers.
 */
export function judgeCheckpointTimes({ checkpoints, unverified }: ReadCheckpoints, limits: Limits): Finding[] {
  const { asked, exportedMs } = limits;
  const findings: Finding[] = [...judgeStart(checkpoints, unverified, limits)];
  for (const [index, { number, at }] of checkpoints.entries()) {
    const next = checkpoints[index + 1];
    // Missing checkpoints are a finding of their own.
    if (next !== undefined && next.number !== number + 1) continue;
    const endMs = next === undefined ? Math.min(exportedMs, asked.toMs) : Date.parse(next.at);
    if (endMs < asked.fromMs || Date.parse(at) > asked.toMs) continue;
    const minutes = Math.round((endMs - Date.parse(at)) / minuteMs);
    if (minutes * minuteMs <= longestPauseMs) continue;
    const between = [at, isoTime(endMs)] as const;
    const detail = `No checkpoint was written for ${minutes} minutes after checkpoint ${number}.`;
    findings.push({ kind: 'unproven', checkpoint: number, between, detail });
  }
  return findings;
}

function* judgeStart(
  checkpoints: readonly SignedCheckpoint[],
  unverified: ReadonlySet<number>,
  { asked, purge, proven }: Limits,
): Iterable<Finding> {
  const [oldest] = checkpoints;
  if (oldest === undefined) return;
  const { number, from } = oldest;
  const neededMs = Math.max(asked.fromMs, purge.beforeMs);
  if (number > 1 && Date.parse(from) > neededMs) {
    const kind = unverified.has(number - 1) ? 'unproven' : 'removed';
    const detail = `The checkpoints before ${number} are ${kind === 'removed' ? 'missing' : 'not verified'}, although their records are not purged.`;
    yield { kind, checkpoint: number - 1, detail };
  } else if (proven !== undefined && Number.isFinite(asked.fromMs) && proven.fromMs > neededMs + longestPauseMs) {
    const between = [isoTime(neededMs), isoTime(proven.fromMs)] as const;
    yield { kind: 'unproven', between, detail: 'No checkpoint covers the start of the period that was asked for.' };
  }
}
