import type { RunTenant } from '../../src/lib/api/answers/runs.ts';

/** The tenants that a run tried in one round, as far as their answers show. */
export interface Round {
  /** From 1. */
  readonly number: number;
  /** Tenants tried, by what the round brought. */
  readonly counts: { readonly succeeded: number; readonly failed: number; readonly skipped: number };
  /** Tenants that were tried in vain and are left for a later round. */
  readonly retried: number;
  /**
   * From the first start to the last end among the tenants whose last attempt was in this round. Unix times in
   * milliseconds. Undefined if all of them were tried again.
   */
  readonly period: { readonly fromMs: number; readonly toMs: number } | undefined;
}

/** The rounds of a run, the first one first. The API knows the last attempt of each tenant, and the number of attempts. */
export function roundsOf(tenants: readonly RunTenant[]): readonly Round[] {
  const last = tenants.reduce((max, { attempts }) => Math.max(max, attempts), 0);
  return Array.from({ length: last }, (_, index) => roundOf(tenants, index + 1));
}

function roundOf(tenants: readonly RunTenant[], number: number): Round {
  const counts = { succeeded: 0, failed: 0, skipped: 0 };
  let retried = 0;
  let [fromMs, toMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { attempts, outcome, startedAt, finishedAt } of tenants) {
    if (attempts < number) continue;
    const isLast = attempts === number;
    if (isLast && outcome in counts) counts[outcome as keyof typeof counts] += 1;
    else retried += 1;
    if (!isLast || startedAt === undefined || finishedAt === undefined) continue;
    fromMs = Math.min(fromMs, Date.parse(startedAt));
    toMs = Math.max(toMs, Date.parse(finishedAt));
  }
  return { number, counts, retried, period: toMs >= fromMs ? { fromMs, toMs } : undefined };
}
