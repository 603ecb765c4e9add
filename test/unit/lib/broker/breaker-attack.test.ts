import { describe, expect, it } from 'vitest';
import { TokenBroker } from '../../../../src/lib/broker/broker.ts';
import type { WitnessStore } from '../../../../src/lib/broker/witnesses.ts';
import { CachedCredentials } from '../../../../src/lib/credential/cached-credentials.ts';
import type { TenantId } from '../../../../src/lib/model/identifiers.ts';
import { silentLogger } from '../../../../src/lib/runtime/log.ts';
import { FakeClock, seededRandom } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { storeWithCredential } from '../../../fakes/memory-credential-store.ts';
import { graph, partner, request, tenant } from './stage.ts';

/** A fresh instance with 40 customers, of which Entra blocks some for reasons of their own. */
async function start(
  blocked: readonly number[],
  more: { customers?: () => TenantId[]; witnessStore?: WitnessStore } = {},
) {
  const clock = new FakeClock();
  const redeemer = new FakeRedeemer(clock);
  redeemer.delayMs = 50;
  const blockedIds = blocked.map(tenant);
  redeemer.script = ({ tenantId }) => (blockedIds.includes(tenantId) ? aadstsFailure(500212) : undefined);
  const store = await storeWithCredential(partner, () => clock.nowMs());
  const credentials = new CachedCredentials({ store, clock, log: silentLogger }, 600);
  const customers = (): TenantId[] => Array.from({ length: 40 }, (_, n) => tenant(n + 1));
  const deps = { credentials, redeemer, clock, random: seededRandom(3), log: silentLogger, customers, ...more };
  const settings = {
    partnerTenantId: partner,
    canaryResource: graph.identifier,
    entraConcurrency: 32,
    cacheSize: 1000,
  };
  return { clock, redeemer, broker: new TokenBroker(deps, settings) };
}

const resources = ['graph', 'arm', 'exchange', 'a', 'b', 'c'].map((alias) => ({
  alias,
  identifier: `https://${alias}`,
}));

describe('TokenBroker while a caller requests tokens for three blocked customers', () => {
  it('issues every token to another caller for ten minutes, on an instance that has issued none', async () => {
    const { clock, broker } = await start([1, 2, 3]);
    const outcomes: string[] = [];
    for (let second = 0; second < 600; second += 1) {
      // The attacker asks every second for each blocked tenant and each resource, before and after the victim.
      const ask = (at: number): void => {
        const resource = resources[(second + at) % resources.length] ?? graph;
        void broker.getToken(request(1 + (at % 3), { resource, callerId: 'attacker' })).catch(() => undefined);
      };
      for (let at = 0; at < 9; at += 1) ask(at);
      await clock.advance(500);
      const victim = broker
        .getToken(
          request(4 + (second % 37), {
            resource: { alias: `r${second}`, identifier: `https://r${second}` },
            callerId: 'victim',
          }),
        )
        .then(
          () => 'token',
          (error: unknown) => (error as { code: string }).code,
        );
      for (let at = 0; at < 9; at += 1) ask(at);
      await clock.advance(500);
      outcomes.push(await victim);
    }
    expect(outcomes.filter((outcome) => outcome !== 'token')).toEqual([]);
    expect(outcomes).toHaveLength(600);
  });

  it('never probes a tenant that reported the failure, and does not let callers postpone the recovery', async () => {
    const everyone = Array.from({ length: 40 }, (_, n) => n + 1);
    const { clock, redeemer, broker } = await start(everyone);
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
    const first = await start([], { witnessStore });
    for (const n of [7, 8, 9]) {
      const token = first.broker.getToken(request(n));
      await first.clock.advance(100);
      await token;
    }
    expect([stored?.tenantId, writes]).toEqual([tenant(7), 1]);
    const second = await start(
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
    const { clock, redeemer, broker } = await start([1, 2, 3], { customers: () => customers });
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
    const { clock, redeemer, broker } = await start([4, 5, 6]);
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
    const { clock, redeemer, broker } = await start([1, 2, 3], { customers: () => [1, 2, 3].map(tenant) });
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
