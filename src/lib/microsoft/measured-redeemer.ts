import type { Clock } from '../core/clock.ts';
import type { AppMetrics } from '../core/metrics.ts';
import type { Redeemer } from './redeemer.ts';

/** A redeemer that measures how long Entra takes, by `ok` or the code of the failure. */
export const measuredRedeemer = (
  redeemer: Redeemer,
  { metrics, clock }: { readonly metrics: AppMetrics; readonly clock: Clock },
): Redeemer => ({
  redeem: async (redemption, signal) => {
    const startedAtMs = clock.nowMs();
    const reply = await redeemer.redeem(redemption, signal);
    metrics.redemptions.observe(Math.max(0, clock.nowMs() - startedAtMs) / 1000, reply.ok ? 'ok' : reply.failure.code);
    return reply;
  },
});
