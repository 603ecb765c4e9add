import { minuteMs } from '../../model/durations.ts';
import { isoTime } from '../../runtime/clock.ts';
import type { Finding } from './finding.ts';
import type { GapLimits } from './judge-gaps.ts';
import type { SignedCheckpoint } from './read-checkpoints.ts';

/** Twice the time between two checkpoints, and some more for a slow start. */
const longestMs = 15 * minuteMs;

/**
 * Says for how long no checkpoint was written: nothing signed has fixed the records of that time until its end. And says
 * whether the first ones are missing.
 */
export function judgeCheckpointTimes(
  checkpoints: readonly SignedCheckpoint[],
  exportedMs: number,
  { fromMs, toMs, purgedBeforeMs }: GapLimits,
): readonly Finding[] {
  const findings: Finding[] = [];
  const [oldest] = checkpoints;
  if (oldest !== undefined && oldest.number > 1 && Date.parse(oldest.from) > Math.max(fromMs, purgedBeforeMs)) {
    const detail = `The checkpoints before ${oldest.number} are missing, although their records are not purged.`;
    findings.push({ kind: 'removed', checkpoint: oldest.number - 1, detail });
  }
  for (const [index, { number, at }] of checkpoints.entries()) {
    const next = checkpoints[index + 1];
    // Missing checkpoints are a finding of their own.
    if (next !== undefined && next.number !== number + 1) continue;
    const endMs = next === undefined ? Math.min(exportedMs, toMs) : Date.parse(next.at);
    const minutes = Math.round((endMs - Date.parse(at)) / minuteMs);
    if (minutes * minuteMs <= longestMs) continue;
    const between = [at, isoTime(endMs)] as const;
    const detail = `No checkpoint was written for ${minutes} minutes after checkpoint ${number}.`;
    findings.push({ kind: 'unproven', checkpoint: number, between, detail });
  }
  return findings;
}
