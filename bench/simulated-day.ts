import { AsyncLocalStorage } from 'node:async_hooks';
import { TokenBroker } from '../src/lib/tokens/broker.ts';
import { CachedCredentials } from '../src/lib/tokens/credential/cached-credentials.ts';
import type { Redeemer } from '../src/lib/microsoft/redeemer.ts';
import { hourMs, minuteMs } from '../src/lib/core/clock.ts';
import type { TenantId } from '../src/lib/core/identifiers.ts';
import { type AccessToken, Secret, type TokenRequest } from '../src/lib/core/secrets.ts';
import { silentLogger } from '../src/lib/core/log.ts';
import { FakeClock, seededRandom } from '../test/fakes/fake-clock.ts';
import { storeWithCredential } from '../test/fakes/memory-credential-store.ts';
import type { Demand } from './demand.ts';

const partner = 'aaaaaaaa-0000-4000-8000-000000000000' as TenantId;
const tenantOf = (n: number): TenantId => `bbbbbbbb-0000-4000-8000-${n.toString(16).padStart(12, '0')}` as TenantId;
/** The default of `minimumLifetimeSeconds`, plus the time for the audit record. */
const minimumLifetimeSeconds = 303;
/** Entra gives access tokens a random life of 60 to 90 minutes ("Access tokens", Microsoft identity platform). */
const life = { minMs: 60 * minuteMs, jitterMs: 30 * minuteMs };
const redemption = { minMs: 150, jitterMs: 100 };

/** Who renews early: as the broker is built, one instance for each token (rendezvous hashing), or none. */
export type Renewal = 'built' | 'owner' | 'never';

export interface Day {
  readonly requests: number;
  readonly redemptions: number;
  readonly redemptionsInBusiestHour: number;
  readonly earlyRenewals: number;
  /** Early renewals whose token nobody received after the end of the earlier one. */
  readonly unusedRenewals: number;
  /** Requests that waited for a redemption. */
  readonly waited: number;
}

/** One day of the product's own brokers, one for each instance, on a simulated clock. The same arguments give the same day. */
export async function simulateDay(demand: readonly Demand[], instances: number, renewal: Renewal): Promise<Day> {
  const clock = new FakeClock();
  const midnightMs = clock.nowMs();
  const entra = new SimulatedEntra(clock);
  const brokers: TokenBroker[] = [];
  // The broker decides to renew while the request is made.
  let asking: Asking = { instance: 0, key: '' };
  const renews = {
    built: () => true,
    owner: () => ownerOf(asking.key, instances) === asking.instance,
    never: () => false,
  };
  for (let instance = 0; instance < instances; instance += 1) {
    const background = (work: () => void): void => (renews[renewal]() ? entra.renewing.run(true, work) : undefined);
    brokers.push(await startBroker(clock, entra.of(instance), background));
  }
  let waited = 0;
  const answers: Promise<void>[] = [];
  for (const { atMs, tenant, resource, by, place } of demand) {
    if (midnightMs + atMs > clock.nowMs()) await clock.advance(midnightMs + atMs - clock.nowMs());
    asking = { instance: Math.floor(place * instances), key: `${tenant} ${resource}` };
    const request = requestOf(tenant, resource, by);
    const answer = brokers[asking.instance]?.getToken(request).then((token) => {
      if (!token.fromCache) waited += 1;
      entra.received(token);
    });
    if (answer !== undefined) answers.push(answer);
  }
  await clock.advance(minuteMs);
  await Promise.all(answers);
  return { ...entra.counts(midnightMs), requests: demand.length, waited };
}

interface Asking {
  readonly instance: number;
  readonly key: string;
}

async function startBroker(
  clock: FakeClock,
  redeemer: Redeemer,
  background: (work: () => void) => void,
): Promise<TokenBroker> {
  const store = await storeWithCredential(partner, () => clock.nowMs());
  const credentials = new CachedCredentials({ store, clock, log: silentLogger }, 600);
  return new TokenBroker(
    { clock, random: seededRandom(2), log: silentLogger, credentials, redeemer, background },
    {
      partnerTenantId: partner,
      canaryResource: 'https://graph.microsoft.com',
      entraConcurrency: 32,
      cacheSize: 50_000,
    },
  );
}

const requestOf = (tenant: number, alias: string, by: Demand['by']): TokenRequest => ({
  tenantId: tenantOf(tenant),
  resource: { alias, identifier: `https://${alias}` },
  grant: 'delegated',
  application: 'default',
  minimumLifetimeSeconds,
  correlationId: 'cccccccc-0000-4000-8000-000000000000',
  ...(by === 'job' ? { purpose: 'job:nightly' } : { callerId: by }),
});

/** Issues tokens, and follows what becomes of those that were renewed early. */
class SimulatedEntra {
  /** Set while the broker renews early. */
  readonly renewing = new AsyncLocalStorage<boolean>();
  readonly #clock: FakeClock;
  readonly #random = seededRandom(3);
  readonly #redeemedAtMs: number[] = [];
  /** By instance, tenant and resource: when the last token ends. */
  readonly #endsAtMs = new Map<string, number>();
  /** By token: when the one before it can no longer be handed out. */
  readonly #early = new Map<string, number>();
  readonly #used = new Set<string>();

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  of(instance: number): Redeemer {
    return {
      redeem: async ({ tenantId, resourceIdentifier }) => {
        const name = `token-${this.#redeemedAtMs.push(this.#clock.nowMs())}`;
        const key = `${instance} ${tenantId} ${resourceIdentifier}`;
        const isEarly = this.renewing.getStore() === true;
        if (isEarly) this.#early.set(name, (this.#endsAtMs.get(key) ?? 0) - minimumLifetimeSeconds * 1000);
        await this.#clock.sleep(redemption.minMs + this.#random() * redemption.jitterMs);
        const expiresAtMs = this.#clock.nowMs() + life.minMs + this.#random() * life.jitterMs;
        this.#endsAtMs.set(key, expiresAtMs);
        const token = { accessToken: new Secret(name), refreshToken: undefined, expiresAtMs, scopes: [], claims: {} };
        return { ok: true, token };
      },
    };
  }

  received({ secret }: AccessToken): void {
    const name = secret.reveal();
    if (this.#clock.nowMs() > (this.#early.get(name) ?? Infinity)) this.#used.add(name);
  }

  counts(midnightMs: number): Omit<Day, 'requests' | 'waited'> {
    const hours = new Map<number, number>();
    for (const atMs of this.#redeemedAtMs) {
      const hour = Math.floor((atMs - midnightMs) / hourMs);
      hours.set(hour, (hours.get(hour) ?? 0) + 1);
    }
    return {
      redemptions: this.#redeemedAtMs.length,
      redemptionsInBusiestHour: Math.max(...hours.values()),
      earlyRenewals: this.#early.size,
      unusedRenewals: this.#early.size - this.#used.size,
    };
  }
}

/** Rendezvous hashing (FNV-1a with a final mix): every instance names the same owner of a key. */
function ownerOf(key: string, instances: number): number {
  let owner = 0;
  let most = -1;
  for (let instance = 0; instance < instances; instance += 1) {
    let hash = 2_166_136_261;
    for (const character of `${instance} ${key}`) hash = Math.imul(hash ^ character.charCodeAt(0), 16_777_619);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    const weight = (hash ^ (hash >>> 13)) >>> 0;
    if (weight > most) [owner, most] = [instance, weight];
  }
  return owner;
}
