import { TokenBroker } from '../../src/lib/tokens/broker.ts';
import type { WitnessStore } from '../../src/lib/tokens/witnesses.ts';
import { CachedCredentials } from '../../src/lib/tokens/credential/cached-credentials.ts';
import type { TenantId } from '../../src/lib/core/identifiers.ts';
import { silentLogger } from '../../src/lib/core/log.ts';
import { FakeClock, seededRandom } from '../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer } from '../fakes/fake-redeemer.ts';
import { storeWithCredential } from '../fakes/memory-credential-store.ts';
import { graph, partner, request, tenant } from '../unit/lib/tokens/stage.ts';

/** A broker with the default concurrency, whose Entra takes 1 to 3 seconds. */
export async function slowBroker() {
  const clock = new FakeClock();
  const redeemer = new FakeRedeemer(clock);
  const random = seededRandom(11);
  const slow = {
    redeem: async (...redemption: Parameters<FakeRedeemer['redeem']>) => {
      await clock.sleep(1_000 + random() * 2_000, redemption[1]);
      return redeemer.redeem(...redemption);
    },
  };
  const store = await storeWithCredential(partner, () => clock.nowMs());
  const credentials = new CachedCredentials({ store, clock, log: silentLogger }, 600);
  const broker = new TokenBroker(
    { credentials, redeemer: slow, clock, random, log: silentLogger },
    { partnerTenantId: partner, canaryResource: graph.identifier, entraConcurrency: 32, cacheSize: 10_000 },
  );
  return { clock, broker };
}

/** A fresh instance with 40 customers, of which Entra blocks some for reasons of their own. */
export async function brokerWithBlocked(
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

/**
 * One caller asks all the time for three blocked customers, on an instance that has issued no token.
 * @returns what another caller gets in each second: `token`, or a code.
 */
export async function threeBlockedCustomers(seconds: number): Promise<readonly string[]> {
  const { clock, broker } = await brokerWithBlocked([1, 2, 3]);
  const outcomes: string[] = [];
  for (let second = 0; second < seconds; second += 1) {
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
  return outcomes;
}
