import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TokenBroker } from '../../../src/lib/tokens/broker.ts';
import { Secret, type TokenRequest } from '../../../src/lib/core/secrets.ts';
import { CachedCredentials } from '../../../src/lib/tokens/credential/cached-credentials.ts';
import type { Redeemer, Redemption } from '../../../src/lib/microsoft/redeemer.ts';
import type { TenantId } from '../../../src/lib/core/identifiers.ts';
import { silentLogger } from '../../../src/lib/core/log.ts';
import { SingleFlight } from '../../../src/lib/core/single-flight.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { aadstsFailure } from '../../fakes/fake-redeemer.ts';
import { storeWithCredential } from '../../fakes/memory-credential-store.ts';

// fast-check's scheduler decides in which order pending operations continue, including orders that the event loop takes
// very rarely.

const partner = 'aaaaaaaa-0000-4000-8000-000000000000' as TenantId;
const tenant = (n: number): TenantId => `bbbbbbbb-0000-4000-8000-${String(n).padStart(12, '0')}` as TenantId;
const numRuns = 2_000;

describe('SingleFlight', () => {
  test('runs one call per key, answers every waiting caller and aborts only calls without callers, in every order', async () => {
    const caller = fc.record({ key: fc.nat(1), aborts: fc.boolean(), fails: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(caller, { minLength: 1, maxLength: 8 }), async (s, callers) => {
        const flights = new SingleFlight<number>();
        const active = new Map<number, Set<AbortSignal>>();
        let works = 0;
        const call = async ({ key, aborts, fails }: (typeof callers)[number]): Promise<string> => {
          await s.schedule(Promise.resolve(), 'arrives');
          const aborting = new AbortController();
          if (aborts) void s.schedule(Promise.resolve(), 'aborts').then(() => aborting.abort(new Error('aborted')));
          const work = async (signal: AbortSignal): Promise<number> => {
            works += 1;
            const mine = works;
            const others = active.get(key) ?? new Set();
            active.set(key, others);
            // An aborted call may still be ending while the next has started. No other call may be active.
            expect([...others].filter(({ aborted }) => !aborted)).toEqual([]);
            others.add(signal);
            await s.schedule(Promise.resolve(), 'works');
            others.delete(signal);
            if (fails) throw new Error('failed');
            return mine;
          };
          try {
            const answer = await flights.run(`${key}`, work, aborting.signal);
            expect(answer).toBeLessThanOrEqual(works);
            return 'answered';
          } catch (error) {
            return error instanceof Error ? error.message : 'thrown';
          }
        };
        const outcomes = await s.waitFor(Promise.all(callers.map(call)));
        for (const [index, outcome] of outcomes.entries()) {
          expect(['answered', 'failed', ...(callers[index]?.aborts ? ['aborted'] : [])]).toContain(outcome);
        }
        await s.waitIdle();
        expect(flights.size).toBe(0);
      }),
      { numRuns },
    );
  });
});

/** Entra under the scheduler. Counts the redemptions, and the concurrent ones for one tenant and resource. */
function scheduledEntra(s: fc.Scheduler) {
  let began = 0;
  const active = new Map<string, number>();
  let maxConcurrent = 0;
  const redeemer: Redeemer = {
    redeem: async ({ tenantId, resourceIdentifier }: Redemption) => {
      began += 1;
      const mine = began;
      const key = `${tenantId} ${resourceIdentifier}`;
      active.set(key, (active.get(key) ?? 0) + 1);
      maxConcurrent = Math.max(maxConcurrent, active.get(key) ?? 0);
      await s.schedule(Promise.resolve(), `redeems ${mine}`);
      active.set(key, (active.get(key) ?? 1) - 1);
      if (tenantId === tenant(9)) return aadstsFailure(65001);
      return {
        ok: true,
        token: {
          accessToken: new Secret(`${mine} ${key}`),
          refreshToken: undefined,
          expiresAtMs: Date.UTC(2026, 10, 24) + 3_600_000,
          scopes: [],
          claims: { tenantId },
        },
      };
    },
  };
  return { redeemer, began: () => began, maxConcurrent: () => maxConcurrent };
}

const request = (tenantId: TenantId, resource: string): TokenRequest => ({
  tenantId,
  resource: { alias: resource, identifier: `https://${resource}` },
  grant: 'delegated',
  application: 'default',
  minimumLifetimeSeconds: 300,
  correlationId: 'cccccccc-0000-4000-8000-000000000000',
});

const anyStep = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('request' as const),
      tenant: fc.constantFrom(1, 2, 9),
      resource: fc.constantFrom('a', 'b'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), tenant: fc.constantFrom(1, 2, 9) }) },
);

describe('TokenBroker', () => {
  test('never mixes tenants, shares redemptions and returns no token from before forgetTenant, in every order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(anyStep, { minLength: 2, maxLength: 14 }), async (s, steps) => {
        const clock = new FakeClock(Date.UTC(2026, 10, 24));
        const store = await storeWithCredential(partner, () => clock.nowMs());
        const entra = scheduledEntra(s);
        const broker = new TokenBroker(
          {
            credentials: new CachedCredentials({ store, clock, log: silentLogger }, 600),
            redeemer: entra.redeemer,
            clock,
            random: () => 0.5,
            log: silentLogger,
          },
          { partnerTenantId: partner, canaryResource: 'https://canary', entraConcurrency: 2, cacheSize: 100 },
        );
        const forgottenAt = new Map<TenantId, number>();
        const run = async (step: (typeof steps)[number]): Promise<void> => {
          await s.schedule(Promise.resolve(), step.kind);
          const tenantId = tenant(step.tenant);
          if (step.kind === 'forget') {
            broker.forgetTenant(tenantId);
            forgottenAt.set(tenantId, entra.began());
            return;
          }
          const oldest = forgottenAt.get(tenantId) ?? 0;
          const outcome = await broker.getToken(request(tenantId, step.resource)).then(
            (token) => token.secret.reveal(),
            (error: unknown) => (error as { code: string }).code,
          );
          if (tenantId === tenant(9)) {
            expect(outcome).toBe('consent_required');
            return;
          }
          const [began, ofTenant, ofResource] = outcome.split(' ');
          expect([ofTenant, ofResource]).toEqual([tenantId, `https://${step.resource}`]);
          expect(Number(began)).toBeGreaterThan(oldest);
        };
        await s.waitFor(Promise.all(steps.map(run)));
        await s.waitIdle();
        const forgets = steps.filter(({ kind }) => kind === 'forget').length;
        expect(entra.maxConcurrent()).toBeLessThanOrEqual(1 + forgets);
      }),
      { numRuns },
    );
  });
});
