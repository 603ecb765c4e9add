import { expect, test } from 'vitest';
import { TokenBroker } from '../../../../src/lib/tokens/broker.ts';
import { CachedCredentials } from '../../../../src/lib/tokens/credential/cached-credentials.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { silentLogger } from '../../../../src/lib/core/log.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { storeWithCredential } from '../../../fakes/memory-credential-store.ts';

test('rejects a request with busy and a Retry-After while 10,000 requests are waiting', async () => {
  const clock = new FakeClock();
  const redeemer = new FakeRedeemer(clock);
  redeemer.delayMs = 1_000_000;
  const partnerTenantId = 'aaaaaaaa-0000-4000-8000-000000000000' as TenantId;
  const graph = { alias: 'graph', identifier: 'https://graph.microsoft.com' };
  const store = await storeWithCredential(partnerTenantId, () => clock.nowMs());
  const credentials = new CachedCredentials({ store, clock, log: silentLogger }, 600);
  const broker = new TokenBroker(
    { credentials, redeemer, clock, random: () => 0, log: silentLogger },
    { partnerTenantId, canaryResource: graph.identifier, entraConcurrency: 4, cacheSize: 10 },
  );
  const getToken = (n: number, signal?: AbortSignal) => {
    const tenantId = `bbbbbbbb-0000-4000-8000-${String(n).padStart(12, '0')}` as TenantId;
    const target = { tenantId, resource: graph, grant: 'delegated', application: 'default' } as const;
    return broker.getToken({ ...target, minimumLifetimeSeconds: 300, correlationId: 'c' }, signal);
  };
  const controller = new AbortController();
  const waiting = Array.from({ length: 10_004 }, (_, n) =>
    getToken(n, controller.signal).catch((thrown: unknown) => thrown),
  );
  await settle();
  expect(redeemer.inFlight).toBe(4);
  await expect(getToken(20_000)).rejects.toMatchObject({ code: 'busy', retryAfterSeconds: 10 });
  controller.abort(new Error('test ended'));
  await Promise.all(waiting);
});
