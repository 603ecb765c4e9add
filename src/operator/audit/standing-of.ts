import { overlapMs } from '../../lib/audit/chain/checkpoint.ts';
import { includes, isWithin, type Limits } from './period.ts';
import type { RecordTable } from './record-table.ts';

/**
 * How a record stands for which no signature vouches.
 * - `newer`: after what the last checkpoint covers.
 * - `earlier`: before what the first checkpoint covers.
 * - `outside`: beyond what was asked for.
 * - `late`: checkpoints cover its time and do not know it.
 * - `uncovered`: the checkpoints of its time are not at hand.
 * - `backdated`: its key has a time that is not signed yet, and it shows one that is.
 * - `future`: after the export.
 */
export type Unsigned = 'newer' | 'earlier' | 'outside' | 'late' | 'uncovered' | 'backdated' | 'future';

export function unsignedStanding(table: RecordTable, row: number, limits: Limits): Unsigned {
  const { asked, covered, exportedMs } = limits;
  const atMs = table.atMs(row);
  const shownMs = table.shownMs.get(row) ?? atMs;
  const [first] = covered;
  if (isWithin(covered, atMs)) return 'late';
  if (isWithin(covered, shownMs)) return 'backdated';
  if (!includes(asked, atMs)) return includes(asked, shownMs) ? 'backdated' : 'outside';
  if (atMs > exportedMs + overlapMs) return 'future';
  if (first === undefined || atMs > limits.signedUntilMs) return 'newer';
  return atMs <= first.fromMs ? 'earlier' : 'uncovered';
}

/**
 * How a record stands for which a signature vouches. Of the time before the first checkpoint only such records are known
 * that the chains of that checkpoint name, so `proven` cannot be said of it.
 */
export function signedStanding(atMs: number, limits: Limits): 'proven' | 'newer' | 'earlier' | 'outside' {
  const { asked, covered, proven, signedUntilMs } = limits;
  if (proven !== undefined && includes(proven, atMs)) return 'proven';
  if (atMs >= signedUntilMs) return 'newer';
  return includes(asked, atMs) && atMs < (covered[0]?.fromMs ?? atMs) ? 'earlier' : 'outside';
}
