import { expect, test } from 'vitest';
import { TokenBroker } from '../../../../src/lib/broker/broker.ts';
import { CachedCredentials } from '../../../../src/lib/credential/cached-credentials.ts';
import type { TenantId } from '../../../../src/lib/model/identifiers.ts';
import { silentLogger } from '../../../../src/lib/runtime/log.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { storeWithCredential } from '../../../fakes/memory-credential-store.ts';

test('a queue of ten thousand takes no more, and says when to come back', async () => {
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
  const ask = (n: number, signal?: AbortSignal) => {
    const tenantId = `bbbbbbbb-0000-4000-8000-${String(n).padStart(12, '0')}` as TenantId;
    const what = { tenantId, resource: graph, grant: 'delegated', application: 'default' } as const;
    return broker.getToken({ ...what, minimumLifetimeSeconds: 300, correlationId: 'c' }, signal);
  };
  const giveUp = new AbortController();
  const waiting = Array.from({ length: 10_004 }, (_, n) => ask(n, giveUp.signal).catch((thrown: unknown) => thrown));
  await settle();
  expect(redeemer.inFlight).toBe(4);
  await expect(ask(20_000)).rejects.toMatchObject({ code: 'busy', retryAfterSeconds: 10 });
  giveUp.abort(new Error('enough'));
  await Promise.all(waiting);
});
