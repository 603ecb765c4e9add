import { describe, expect, it } from 'vitest';
import { createDomainResolver, type DomainResolver } from '../../../../src/lib/tenants/domain-resolver.ts';
import { FakeClock, settle } from '../../../fakes/fake-clock.ts';
import { attack, latencies, p99 } from '../../../support/latency.ts';
import { contoso, domain, slowResolver } from '../../../support/slow-resolver.ts';

const attackBy = (clock: FakeClock, resolver: DomainResolver, callerId: string) =>
  attack(clock, 400, (nth) => resolver.tenantOf(domain(`made-up-${callerId}`, nth), undefined, callerId));

describe('createDomainResolver while one caller looks up hundreds of made-up domains', () => {
  it.each([
    ['one caller', ['a']],
    ['two callers', ['a', 'b']],
  ])('answers another caller at most twice as late at the 99th percentile (%s)', async (_, attackers) => {
    const { clock, resolver } = slowResolver();
    const victim = (name: string) => (nth: number) => resolver.tenantOf(domain(name, nth), undefined, 'victim');
    const atRest = p99(await latencies(clock, 100, victim('rest')));
    const stops = attackers.map((id) => attackBy(clock, resolver, id));
    await clock.advance(1_000);
    const attacked = p99(await latencies(clock, 100, victim('attacked')));
    for (const stop of stops) await stop();
    console.log(`domain lookup, p99 of the victim: ${atRest} ms at rest, ${attacked} ms under attack`);
    expect(attacked).toBeLessThanOrEqual(2 * atRest);
  });

  it('answers another caller that asks for a domain in the queue of the first', async () => {
    const { clock, resolver } = slowResolver();
    const stop = attackBy(clock, resolver, 'a');
    await clock.advance(100);
    const [ms = 0] = await latencies(clock, 1, () => resolver.tenantOf(domain('made-up-a', 400), undefined, 'victim'));
    await stop();
    expect(ms).toBeLessThanOrEqual(800);
  });

  it('resolves the domains of the settings, which no caller asks for', async () => {
    const { clock, resolver } = slowResolver();
    const stop = attackBy(clock, resolver, 'a');
    await clock.advance(100);
    const [ms = 0] = await latencies(clock, 1, () => resolver.tenantOf(domain('excluded', 1)));
    await stop();
    expect(ms).toBeLessThanOrEqual(800);
  });

  it('rejects the lookups beyond 500 of one caller with a Retry-After, and keeps known domains', async () => {
    const { clock, resolver, requests } = slowResolver();
    await latencies(clock, 1, () => resolver.tenantOf(domain('known', 1), undefined, 'victim'));
    const asked = Array.from({ length: 600 }, (_, nth) =>
      resolver.tenantOf(domain('made-up', nth), undefined, 'a').catch((thrown: unknown) => thrown),
    );
    await settle();
    await expect(resolver.tenantOf(domain('made-up', 1_000), undefined, 'a')).rejects.toMatchObject({
      code: 'caller_throttled',
      retryAfterSeconds: 10,
    });
    const sent = requests.length;
    expect(await resolver.tenantOf(domain('known', 1), undefined, 'a')).toBe(contoso);
    expect(requests).toHaveLength(sent);
    await clock.advance(60_000);
    await Promise.all(asked);
  });

  it('rejects a lookup that waits for 30 seconds', async () => {
    const clock = new FakeClock();
    const fetch = (): Promise<Response> => Promise.withResolvers<Response>().promise;
    const resolver = createDomainResolver({ clock, fetch }, 'https://login.microsoftonline.com');
    const outcome = resolver.tenantOf(domain('slow', 1)).catch((thrown: unknown) => thrown);
    await clock.advance(30_000);
    expect(await outcome).toMatchObject({ code: 'busy', retryAfterSeconds: 10 });
  });
});
