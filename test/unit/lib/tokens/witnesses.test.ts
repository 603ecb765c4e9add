import { describe, expect, it } from 'vitest';
import type { RedemptionTarget } from '../../../../src/lib/tokens/canary.ts';
import { type WitnessDeps, Witnesses } from '../../../../src/lib/tokens/witnesses.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { recordingLogger } from '../../../fakes/recording-logger.ts';
import { tenant } from './stage.ts';

const canaryResource = 'https://graph.microsoft.com';
const target = (n: number, resourceIdentifier = 'https://exchange.example'): RedemptionTarget => ({
  tenantId: tenant(n),
  resourceIdentifier,
});

/** Witnesses among the customers 1 to `customers`. The first of several is always the random one. */
function stage(customers: number, more: Partial<WitnessDeps> = {}) {
  const clock = new FakeClock();
  const logged = recordingLogger();
  const list = Array.from({ length: customers }, (_, index) => tenant(index + 1));
  const deps = { clock, log: logged.log, random: () => 0, customers: () => [...list], ...more };
  const witnesses = new Witnesses(deps, { application: 'default', canaryResource });
  const chosen = async (): Promise<number[]> =>
    (await witnesses.choose()).map(({ tenantId }) => Number(tenantId.slice(-12)));
  return { clock, logged, witnesses, chosen };
}

describe('Witnesses', () => {
  it('chooses the one that last received a token, three random customers, then others that received a token', async () => {
    const { witnesses, chosen } = stage(20);
    for (const n of [11, 12, 13]) witnesses.recordSuccess(target(n));
    expect(await chosen()).toEqual([13, 1, 2, 3, 12]);
  });

  it('counts a customer as the last again when it receives another token', async () => {
    const { witnesses, chosen } = stage(20);
    for (const n of [11, 12, 11]) witnesses.recordSuccess(target(n));
    expect(await chosen()).toEqual([11, 1, 2, 3, 12]);
  });

  it('asks those that received a token for the same resource, and random ones for the resource of the canary', async () => {
    const { witnesses } = stage(2);
    witnesses.recordSuccess(target(2));
    expect(await witnesses.choose()).toEqual([target(2), target(1, canaryResource)]);
  });

  it('remembers five that received a token, without any list of customers', async () => {
    const { witnesses, chosen } = stage(0, { customers: undefined });
    expect(await chosen()).toEqual([]);
    for (let n = 1; n <= 7; n += 1) witnesses.recordSuccess(target(n));
    expect(await chosen()).toEqual([7, 6, 5, 4, 3]);
    for (let n = 3; n <= 7; n += 1) witnesses.recordFailure(tenant(n));
    expect(await chosen()).toEqual([]);
  });

  it('does not choose one that reported the failure, for an hour or until it receives a token', async () => {
    const { clock, witnesses, chosen } = stage(4);
    witnesses.recordSuccess(target(1));
    for (const n of [1, 2, 3]) witnesses.recordFailure(tenant(n));
    expect(await chosen()).toEqual([4]);
    witnesses.recordSuccess(target(2));
    expect(await chosen()).toEqual([2, 4]);
    await clock.advance(3_600_000 - 1);
    expect(await chosen()).toEqual([2, 4]);
    await clock.advance(1);
    expect(await chosen()).toEqual([2, 3, 4, 1]);
  });

  it('chooses random customers if every one has reported the failure', async () => {
    const { witnesses, chosen } = stage(5);
    for (let n = 1; n <= 5; n += 1) witnesses.recordFailure(tenant(n));
    expect(await chosen()).toEqual([1, 2, 3]);
  });

  it('chooses none that reported the failure while another one works', async () => {
    const { witnesses, chosen } = stage(3);
    for (const n of [1, 2]) witnesses.recordFailure(tenant(n));
    witnesses.recordSuccess(target(3));
    expect(await chosen()).toEqual([3]);
  });

  it('does not choose one that is no customer any more', async () => {
    const { witnesses, chosen } = stage(1);
    witnesses.recordSuccess(target(9));
    expect(await chosen()).toEqual([1]);
  });

  it('reads the stored one when it knows fewer than five, and stores one at most every six hours', async () => {
    const written: RedemptionTarget[] = [];
    const witnessStore = {
      read: async () => target(8),
      write: async (_application: string, stored: RedemptionTarget) => void written.push(stored),
    };
    const { clock, witnesses, chosen } = stage(9, { witnessStore });
    expect(await chosen()).toEqual([8, 1, 2, 3]);
    witnesses.recordSuccess(target(4));
    witnesses.recordSuccess(target(5));
    await clock.advance(6 * 3_600_000 - 1);
    witnesses.recordSuccess(target(6));
    await clock.advance(1);
    witnesses.recordSuccess(target(7));
    expect(written).toEqual([target(4), target(7)]);
    expect(await chosen()).toEqual([7, 1, 2, 3, 6]);
  });

  it('does without a store that fails, and logs it', async () => {
    const witnessStore = { read: () => Promise.reject(new Error('away')), write: async () => undefined };
    const { chosen, logged } = stage(2, { witnessStore });
    expect(await chosen()).toEqual([1, 2]);
    expect(logged.events()).toEqual(['credential.witness_not_read']);
  });
});
