import { describe, expect, it } from 'vitest';
import type { WitnessStore } from '../../../../src/lib/tokens/witnesses.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { aadstsFailure } from '../../../fakes/fake-redeemer.ts';
import { brokerWithBlocked, threeBlockedCustomers } from '../../../support/simulated-brokers.ts';
import { request, tenant } from './stage.ts';

describe('TokenBroker while a caller requests tokens for three blocked customers', () => {
  it('issues every token to another caller for ten minutes, on an instance that has issued none', async () => {
    const outcomes = await threeBlockedCustomers(600);
    expect(outcomes.filter((outcome) => outcome !== 'token')).toEqual([]);
    expect(outcomes).toHaveLength(600);
  });

  it('never probes a tenant that reported the failure, and does not let callers postpone the recovery', async () => {
    const everyone = Array.from({ length: 40 }, (_, n) => n + 1);
    const { clock, redeemer, broker } = await brokerWithBlocked(everyone);
    const ask = async (n: number): Promise<void> => {
      const outcome = broker.getToken(request(n, { callerId: 'attacker' })).catch(() => undefined);
      await clock.advance(1_000);
      await outcome;
    };
    for (const n of [1, 2, 3]) await ask(n);
    expect(broker.credentialFailure('default')?.code).toBe('blocked_by_policy');
    const before = redeemer.sent.length;
    // The policy of the partner is corrected. Three customers stay blocked, and the attacker asks for them.
    redeemer.script = ({ tenantId }) => ([1, 2, 3].map(tenant).includes(tenantId) ? aadstsFailure(500212) : undefined);
    for (let second = 0; second < 12; second += 1) await ask(1 + (second % 3));
    expect(broker.credentialFailure('default')).toBeUndefined();
    // The first request after the correction is the probe, which the attacker caused.
    expect([1, 2, 3].map(tenant)).not.toContain(redeemer.sent[before]?.tenantId);
  });

  it('asks the customer that last received a token before the restart first', async () => {
    let stored: { tenantId: TenantId; resourceIdentifier: string } | undefined;
    let writes = 0;
    const witnessStore: WitnessStore = {
      read: async () => stored,
      write: async (_, target) => {
        stored = target;
        writes += 1;
      },
    };
    const first = await brokerWithBlocked([], { witnessStore });
    for (const n of [7, 8, 9]) {
      const token = first.broker.getToken(request(n));
      await first.clock.advance(100);
      await token;
    }
    expect([stored?.tenantId, writes]).toEqual([tenant(7), 1]);
    const second = await brokerWithBlocked(
      Array.from({ length: 40 }, (_, n) => n + 1).filter((n) => n !== 7),
      { witnessStore },
    );
    for (const n of [1, 2, 3]) {
      const refused = second.broker.getToken(request(n)).catch(() => undefined);
      await second.clock.advance(1_000);
      await refused;
    }
    expect(second.redeemer.sent.at(-1)?.tenantId).toBe(tenant(7));
    expect(second.broker.credentialFailure('default')).toBeUndefined();
  });

  it('asks no tenant that was excluded since it received a token', async () => {
    let customers = Array.from({ length: 40 }, (_, n) => tenant(n + 1));
    const { clock, redeemer, broker } = await brokerWithBlocked([1, 2, 3], { customers: () => customers });
    const ask = async (n: number): Promise<void> => {
      const outcome = broker.getToken(request(n)).catch(() => undefined);
      await clock.advance(1_000);
      await outcome;
    };
    await ask(9);
    customers = customers.filter((id) => id !== tenant(9));
    for (const n of [1, 2, 3]) await ask(n);
    expect(redeemer.sent.filter(({ tenantId }) => tenantId === tenant(9))).toHaveLength(1);
    expect(broker.credentialFailure('default')).toBeUndefined();
  });

  it('issues tokens to others when the caller chose the tenants that last received a token, and they are blocked now', async () => {
    const { clock, redeemer, broker } = await brokerWithBlocked([4, 5, 6]);
    const ask = async (n: number): Promise<unknown> => {
      const outcome = broker.getToken(request(n)).then(
        () => 'token',
        (error: unknown) => (error as { code: string }).code,
      );
      await clock.advance(1_000);
      return outcome;
    };
    for (const n of [1, 2, 3]) await ask(n);
    const blocked = [1, 2, 3, 4, 5, 6].map(tenant);
    redeemer.script = ({ tenantId }) => (blocked.includes(tenantId) ? aadstsFailure(500212) : undefined);
    for (const n of [4, 5, 6]) await ask(n);
    expect(broker.credentialFailure('default')).toBeUndefined();
    expect(await ask(20)).toBe('token');
  });
});

describe('TokenBroker with three customers', () => {
  it('declares the credential dead when all of them report the failure, and recovers when one works', async () => {
    const { clock, redeemer, broker } = await brokerWithBlocked([1, 2, 3], { customers: () => [1, 2, 3].map(tenant) });
    const ask = async (n: number): Promise<void> => {
      const outcome = broker.getToken(request(n)).catch(() => undefined);
      await clock.advance(1_000);
      await outcome;
    };
    for (const n of [1, 2, 3]) await ask(n);
    expect(broker.credentialFailure('default')?.code).toBe('blocked_by_policy');
    redeemer.script = () => undefined;
    await clock.advance(10_000);
    const recovery = broker.recover('default');
    await clock.advance(1_000);
    await recovery;
    expect(broker.credentialFailure('default')).toBeUndefined();
  });
});
