/** The attacks on availability in simulated time: exact, and the same on every machine. */
import { attack, latencies, p99 } from '../support/latency.ts';
import { slowBroker } from '../support/simulated-brokers.ts';
import { domain, slowResolver } from '../support/slow-resolver.ts';
import { request } from '../unit/lib/tokens/stage.ts';

interface Starved {
  readonly name: string;
  /** The 99th percentile of the victim's latency. */
  readonly restMs: number;
  readonly attackedMs: number;
}

/** One caller keeps 190 distinct tokens waiting while Entra takes one to three seconds. */
export async function starvedKeys(samples: number): Promise<Starved> {
  const { clock, broker } = await slowBroker();
  const victim = (first: number) => (nth: number) => broker.getToken(request(first + nth, { callerId: 'victim' }));
  const restMs = p99(await latencies(clock, samples, victim(0)));
  const stop = attack(clock, 190, (nth) => broker.getToken(request(1_000_000 + nth, { callerId: 'attacker' })));
  await clock.advance(500);
  const attackedMs = p99(await latencies(clock, samples, victim(1_000)));
  await stop();
  return { name: '190 distinct tokens', restMs: Math.round(restMs), attackedMs: Math.round(attackedMs) };
}

/** One caller keeps 400 made-up domains waiting. */
export async function starvedDomains(samples: number): Promise<Starved> {
  const { clock, resolver } = slowResolver();
  const victim = (name: string) => (nth: number) => resolver.tenantOf(domain(name, nth), undefined, 'victim');
  const restMs = p99(await latencies(clock, samples, victim('rest')));
  const stop = attack(clock, 400, (nth) => resolver.tenantOf(domain('made-up-a', nth), undefined, 'attacker'));
  await clock.advance(1_000);
  const attackedMs = p99(await latencies(clock, samples, victim('attacked')));
  await stop();
  return { name: '400 made-up domains', restMs: Math.round(restMs), attackedMs: Math.round(attackedMs) };
}
