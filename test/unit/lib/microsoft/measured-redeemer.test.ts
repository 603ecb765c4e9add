import { expect, it } from 'vitest';
import { measuredRedeemer, type Redeemer } from '../../../../src/lib/microsoft/redeemer.ts';
import { AppMetrics } from '../../../../src/lib/core/metrics.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

it('measures how long Entra takes, by the outcome', async () => {
  const clock = new FakeClock(0);
  const metrics = new AppMetrics();
  const replies = [{ ok: true }, { ok: false, failure: { code: 'consent_required' } }];
  const redeemer = {
    redeem: async () => {
      await clock.advance(300);
      return replies.shift();
    },
  } as unknown as Redeemer;
  const measured = measuredRedeemer(redeemer, { metrics, clock });
  expect(await measured.redeem({} as never)).toEqual({ ok: true });
  await measured.redeem({} as never);
  expect(metrics.redemptions.samples.map(({ labels, value }) => [labels, value.sum])).toEqual([
    [['ok'], 0.3],
    [['consent_required'], 0.3],
  ]);
});
