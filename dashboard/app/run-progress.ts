import type { RunAnswer } from '../../src/lib/api/answers/runs.ts';

type Progress = Pick<RunAnswer, 'outcome' | 'progress' | 'durationMs' | 'cancelRequested'>;

/** An estimate needs this many tenants, or a twentieth of them. */
const enoughTenants = 20;
const enoughPart = 20;

/**
 * The time until all tenants are visited, from the pace so far. Undefined if nobody can know: before the tenants are
 * listed, before enough of them are done, while only retries are awaited, and for a run that ends early.
 */
export function timeLeftMs({ outcome, progress, durationMs, cancelRequested }: Progress): number | undefined {
  const { done, retrying, total } = progress;
  const open = total - done;
  if (outcome !== 'running' || cancelRequested === true || open <= retrying) return undefined;
  if (done < Math.max(1, Math.min(enoughTenants, Math.ceil(total / enoughPart)))) return undefined;
  return (durationMs / done) * open;
}

const minuteMs = 60_000;

/** `about 5 min left`, rounded up: an estimate is not exact to the second. */
export function timeLeftText(ms: number): string {
  const minutes = Math.ceil(ms / minuteMs);
  if (minutes <= 1) return 'less than a minute left';
  if (minutes < 60) return `about ${minutes} min left`;
  return `about ${Math.floor(minutes / 60)} h ${minutes % 60} min left`;
}
