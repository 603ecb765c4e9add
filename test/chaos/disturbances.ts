import { setTimeout as delay } from 'node:timers/promises';
import { addFault, changeAccount, clearFaults, moveClock, setTenantState } from 'microsoft-cloud/client';
import type { Random } from '../../src/lib/runtime/clock.ts';
import type { World } from './world.ts';

/** Something that goes wrong for a while. */
interface Disturbance {
  readonly name: string;
  /** Makes it happen. @returns what ends it, where it does not end by itself. */
  strike(world: World, random: Random): Promise<(() => Promise<void>) | undefined>;
}

/** Sets of the simulated cloud that pass: none of them spoils the credential for good. */
const faultSets = [
  'flaky',
  'throttle',
  'broken-replies',
  'revoked',
  'account-disabled',
  'home-risk',
  'conditional-access-everywhere',
  'mfa-required',
  'secret-expired',
  'secret-wrong',
  'entra-down',
  'entra-slow',
  'graph-down',
  'graph-forbidden',
  'aad-graph-retired',
  'partner-center-down',
  'partner-center-throttled',
  'key-vault-down',
  'key-vault-forbidden',
  'key-vault-throttled',
  'key-vault-lost-writes',
  'managed-identity-down',
];

const faultSet = (name: string): Disturbance => ({
  name,
  strike: async ({ cloud }) => {
    await addFault(cloud.control, name);
    return () => clearFaults(cloud.control);
  },
});

/** How far the cloud's clock may run ahead in all: its tokens must not come from the future (60 s of skew are allowed). */
const longestLeadMs = 40_000;

/** Everything that the campaign can do to the product, by name. */
export function createDisturbances(): readonly Disturbance[] {
  let leadMs = 0;
  return [
    ...faultSets.map(faultSet),
    {
      name: 'host killed',
      strike: async (world) => {
        await world.killHost();
        return undefined;
      },
    },
    {
      name: 'storage restarted',
      strike: async (world) => {
        await world.restartStorage();
        return undefined;
      },
    },
    {
      name: 'connections to storage broken',
      strike: async ({ storageWires }) => {
        for (const wire of storageWires) wire.breakAll();
        return undefined;
      },
    },
    {
      name: 'storage hangs',
      strike: async ({ storageWires }) => {
        for (const wire of storageWires) wire.hang(true);
        return async () => {
          for (const wire of storageWires) {
            wire.hang(false);
            // What was swallowed is gone: the connection would wait for ever.
            wire.breakAll();
          }
        };
      },
    },
    {
      name: 'replies of storage lost',
      strike: async ({ storageWires }) => {
        for (const wire of storageWires) wire.loseReplies(true);
        return async () => storageWires.forEach((wire) => wire.loseReplies(false));
      },
    },
    {
      name: 'clock of the cloud jumps',
      strike: async ({ cloud }, random) => {
        const jumpMs = Math.floor(random() * Math.min(15_000, longestLeadMs - leadMs));
        leadMs += jumpMs;
        await moveClock(cloud.control, jumpMs);
        return undefined;
      },
    },
    {
      name: 'customer leaves and comes back',
      strike: async ({ cloud }, random) => {
        const healthy = cloud.tenants.filter(({ state }) => state === 'ok');
        const tenant = healthy[Math.floor(random() * healthy.length)];
        if (tenant === undefined) return undefined;
        await setTenantState(cloud.control, tenant.tenantId, random() < 0.5 ? 'gdap_expired' : 'no_consent');
        return () => setTenantState(cloud.control, tenant.tenantId, 'ok');
      },
    },
    {
      // Everywhere, it would rightly stop all work for five minutes.
      name: 'loop detected in one tenant',
      strike: async ({ cloud }, random) => {
        const tenant = cloud.tenants[Math.floor(random() * cloud.tenants.length)];
        const id = await addFault(cloud.control, { service: 'entra', tenantId: tenant?.tenantId ?? '', aadsts: 50196 });
        return () => clearFaults(cloud.control, id);
      },
    },
    {
      name: 'service account disabled and enabled',
      strike: async ({ cloud }) => {
        const account = cloud.accounts.find(({ username }) => username.startsWith('broker@'))?.username ?? '';
        await changeAccount(cloud.control, account, { enabled: false });
        return () => changeAccount(cloud.control, account, { enabled: true });
      },
    },
  ];
}

/**
 * One thing after the other, sometimes two at once, until `untilMs`; everything is in order again when it resolves.
 * @returns how often each thing happened.
 */
export async function disturb(
  world: World,
  random: Random,
  untilMs: number,
): Promise<Readonly<Record<string, number>>> {
  const all = createDisturbances();
  const counts: Record<string, number> = {};
  // Each thing once before any comes twice.
  let deck: Disturbance[] = [];
  while (Date.now() < untilMs) {
    const ends: ((() => Promise<void>) | undefined)[] = [];
    for (let number = random() < 0.25 ? 2 : 1; number > 0; number -= 1) {
      if (deck.length === 0) deck = shuffled(all, random);
      const next = deck.pop();
      if (next === undefined) continue;
      counts[next.name] = (counts[next.name] ?? 0) + 1;
      ends.push(await next.strike(world, random));
    }
    await delay(300 + random() * 1_500);
    for (const end of ends) await end?.();
    await delay(100 + random() * 600);
  }
  return counts;
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
