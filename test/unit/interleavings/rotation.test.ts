import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rotateRefreshToken, versionsKept } from '../../../src/lib/tokens/credential/rotate.ts';
import type { TenantId } from '../../../src/lib/core/identifiers.ts';
import { silentLogger } from '../../../src/lib/core/log.ts';
import { FakeClock } from '../../fakes/fake-clock.ts';
import { refreshTokenOf, storeWithCredential } from '../../fakes/memory-credential-store.ts';
import { RotatingEntra } from '../../fakes/rotating-entra.ts';

const partner = '99999999-9999-4999-8999-999999999999' as TenantId;

/** Wraps an object so that the scheduler decides when each asynchronous method begins and ends. */
function scheduled<T extends object>(s: fc.Scheduler, object: T): T {
  return new Proxy(object, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]): Promise<unknown> => {
        await s.schedule(Promise.resolve(), `${String(name)} begins`);
        const result: unknown = await Reflect.apply(value, target, args);
        await s.schedule(Promise.resolve(), `${String(name)} ends`);
        return result;
      };
    },
  });
}

test('the store holds a valid refresh token in every order of rotations, reads and a consent', async () => {
  const plan = fc.record({
    rotators: fc.integer({ min: 1, max: 3 }),
    consent: fc.boolean(),
    readers: fc.integer({ min: 1, max: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), plan, async (s, { rotators, consent, readers }) => {
      const clock = new FakeClock();
      const store = await storeWithCredential(partner, () => clock.nowMs());
      const entra = new RotatingEntra(() => clock.nowMs(), 'refresh-token-1');
      entra.good.add('of-a-consent');
      const deps = {
        store: scheduled(s, store),
        redeemer: scheduled(s, entra),
        clock,
        log: silentLogger,
        newId: () => 'id',
        canaryResource: 'https://graph.microsoft.com',
      };
      const isGood = async (): Promise<boolean> => {
        const stored = await store.loadRefreshToken('default');
        return stored !== undefined && entra.good.has(stored.secret.reveal());
      };
      await s.waitFor(
        Promise.all([
          ...Array.from({ length: rotators }, () => rotateRefreshToken(deps, 'default')),
          ...Array.from({ length: readers }, async () => {
            await s.schedule(Promise.resolve(), 'a read begins');
            expect(await isGood()).toBe(true);
          }),
          ...(consent
            ? [
                s
                  .schedule(Promise.resolve(), 'a consent begins')
                  .then(() => store.saveRefreshToken('default', refreshTokenOf('of-a-consent', clock.nowMs()))),
              ]
            : []),
        ]),
      );
      expect(await isGood()).toBe(true);
      const enabled = (await store.listRefreshTokenVersions('default')).filter((version) => version.enabled);
      expect(enabled.length).toBeLessThanOrEqual(versionsKept + rotators);
    }),
    { numRuns: 1_000 },
  );
});
