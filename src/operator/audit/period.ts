import { overlapMs, settleMs } from '../../lib/audit/chain/checkpoint.ts';
import { isoTime, minuteMs } from '../../lib/core/clock.ts';
import type { Finding, ReadCheckpoints, SignedCheckpoint } from './read-checkpoints.ts';
import { countBefore } from './record-table.ts';

/** A period in milliseconds: from inclusive, to exclusive. Infinite where it has no limit. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Twice the time between two checkpoints, and some more for a slow start. */
const longestPauseMs = 15 * minuteMs;

/** What decides how records and missing sequences are judged. */
export interface Limits {
  /** What was requested: the period of the export, or the part of it that matters to the auditor. */
  readonly requested: Period;
  /** The part of it about which `proven` can be said. Undefined if no checkpoint covers any. */
  readonly proven: Period | undefined;
  readonly exportedMs: number;
  /** Times that checkpoints cover whose predecessors are at hand, too: a record of such a time that they do not know is late. */
  readonly covered: readonly Period[];
  /** Up to here the last checkpoint knows all records, whatever the clocks. Negative infinity without checkpoints. */
  readonly signedUntilMs: number;
  readonly purge: Purge;
}

/** Records before these times may have been purged. */
interface Purge {
  /** Signed, and moved on by at most {@link longestPauseMs}: the purge goes on after the last checkpoint. */
  readonly beforeMs: number;
  /** Moved on by the time since the last checkpoint. Nothing signed says so. */
  readonly perhapsBeforeMs: number;
}

/** What an export says about its time. */
interface RequestedPeriod extends Period {
  readonly exportedMs: number;
  /** Time of the oldest record. */
  readonly oldestMs: number;
}

export function limitsOf(checkpoints: readonly SignedCheckpoint[], requested: RequestedPeriod): Limits {
  const last = checkpoints.at(-1);
  const purge = purgeOf(last, requested);
  return {
    requested: { fromMs: requested.fromMs, toMs: requested.toMs },
    proven: provenPeriod(checkpoints, requested, purge),
    exportedMs: requested.exportedMs,
    covered: coveredTimes(checkpoints),
    signedUntilMs: last === undefined ? Number.NEGATIVE_INFINITY : Date.parse(last.to) - overlapMs,
    purge,
  };
}

/** Without checkpoints nothing says what was purged, but a purge leaves nothing that is older than the oldest record. */
function purgeOf(last: SignedCheckpoint | undefined, { exportedMs, oldestMs }: RequestedPeriod): Purge {
  if (last === undefined) return { beforeMs: oldestMs, perhapsBeforeMs: oldestMs };
  const signedMs = Date.parse(last.purgedBefore);
  const passedMs = Math.max(0, exportedMs - Date.parse(last.at));
  return { beforeMs: signedMs + Math.min(passedMs, longestPauseMs), perhapsBeforeMs: signedMs + passedMs };
}

/**
 * The period of the whole checkpoints in it, without what clocks may differ by: at its limits records of other times may
 * have had the same sequences, and after it an instance may have written records with an earlier time. What may have been
 * purged limits it as well.
 */
function provenPeriod(
  checkpoints: readonly SignedCheckpoint[],
  { fromMs, toMs }: Period,
  purge: Purge,
): Period | undefined {
  const neededMs = Math.max(fromMs, purge.beforeMs);
  const start = checkpoints.find(
    ({ number, from }, index) => (index > 0 || number === 1) && Date.parse(from) - overlapMs >= neededMs,
  );
  const end = checkpoints.findLast(({ to }) => Date.parse(to) + settleMs <= toMs);
  if (start === undefined || end === undefined) return undefined;
  const period = { fromMs: Date.parse(start.from), toMs: Date.parse(end.to) - overlapMs };
  return period.fromMs < period.toMs ? period : undefined;
}

function coveredTimes(checkpoints: readonly SignedCheckpoint[]): Period[] {
  const periods: { fromMs: number; toMs: number }[] = [];
  let before: SignedCheckpoint | undefined;
  for (const { number, from, to, ...rest } of checkpoints) {
    const toMs = Date.parse(to) - overlapMs;
    const last = periods.at(-1);
    if (last !== undefined && before?.number === number - 1) last.toMs = Math.max(last.toMs, toMs);
    else periods.push({ fromMs: Date.parse(from), toMs });
    before = { number, from, to, ...rest };
  }
  return periods;
}

/** Whether a time lies in one of these periods, which are in order. Here the start is exclusive, and the end inclusive. */
export function isWithin(periods: readonly Period[], ms: number): boolean {
  const index = countBefore(periods.length, (each) => (periods[each]?.fromMs ?? ms) < ms) - 1;
  return ms <= (periods[index]?.toMs ?? Number.NEGATIVE_INFINITY);
}

export const includes = ({ fromMs, toMs }: Period, ms: number): boolean => ms >= fromMs && ms < toMs;

/**
 * Says for how long no checkpoint was written: nothing signed has fixed the records of that time until its end. And says
 * which part of the period that was requested no checkpoint covers.
 */
export function judgeCheckpointTimes({ checkpoints, unverified }: ReadCheckpoints, limits: Limits): Finding[] {
  const { requested, exportedMs } = limits;
  const findings: Finding[] = [...judgeStart(checkpoints, unverified, limits)];
  for (const [index, { number, at }] of checkpoints.entries()) {
    const next = checkpoints[index + 1];
    // Missing checkpoints are a finding of their own.
    if (next !== undefined && next.number !== number + 1) continue;
    const endMs = next === undefined ? Math.min(exportedMs, requested.toMs) : Date.parse(next.at);
    if (endMs < requested.fromMs || Date.parse(at) > requested.toMs) continue;
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
  { requested, purge, proven }: Limits,
): Iterable<Finding> {
  const [oldest] = checkpoints;
  if (oldest === undefined) return;
  const { number, from } = oldest;
  const neededMs = Math.max(requested.fromMs, purge.beforeMs);
  if (number > 1 && Date.parse(from) > neededMs) {
    const kind = unverified.has(number - 1) ? 'unproven' : 'removed';
    const detail = `The checkpoints before ${number} are ${kind === 'removed' ? 'missing' : 'not verified'}, although their records are not purged.`;
    yield { kind, checkpoint: number - 1, detail };
  } else if (proven !== undefined && Number.isFinite(requested.fromMs) && proven.fromMs > neededMs + longestPauseMs) {
    const between = [isoTime(neededMs), isoTime(proven.fromMs)] as const;
    yield { kind: 'unproven', between, detail: 'No checkpoint covers the start of the period that was asked for.' };
  }
}
