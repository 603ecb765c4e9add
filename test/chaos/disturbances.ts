import { setTimeout as delay } from 'node:timers/promises';
import { addFault, changeAccount, clearFaults, moveClock, setTenantState } from 'microsoft-cloud/client';
import type { Random } from '../../src/lib/core/clock.ts';
import type { World } from './world.ts';

/** A temporary fault. */
interface Disturbance {
  readonly name: string;
  /** Starts the fault. @returns a function that ends it, unless it ends by itself. */
  strike(world: World, random: Random): Promise<(() => Promise<void>) | undefined>;
}

/** Temporary fault sets of the simulated cloud: none of them destroys the credential. */
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

/** Maximum total advance of the cloud's clock. Tokens must not come from the future (60 s of skew are allowed). */
const longestLeadMs = 40_000;

/** All disturbances by name. */
function createDisturbances(): readonly Disturbance[] {
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
            // The swallowed bytes are lost, so the connection would wait forever.
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
      // In all tenants it would rightly stop all work for five minutes.
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
 * Runs disturbances one after another, sometimes two at once, until it is over. All have ended when it resolves.
 * @param counts receives how often each disturbance ran.
 */
export async function disturb(
  world: World,
  random: Random,
  isOver: () => boolean,
  counts: Record<string, number>,
): Promise<void> {
  const all = createDisturbances();
  // Run each disturbance once before any is repeated.
  let deck: Disturbance[] = [];
  while (!isOver()) {
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
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
