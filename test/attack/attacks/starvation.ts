import { Agent } from 'node:http';
import type { Answered } from '../ask.ts';
import { type Attack, control, type Tally } from '../attack.ts';
import { attacker, victim } from '../forge.ts';
import { comparison } from '../measure.ts';
import { starvedDomains, starvedKeys } from '../simulated.ts';
import type { Host, Stage } from '../stage.ts';

interface Extent {
  /** Requests of the attacker at the same time. */
  readonly parallel: number;
  readonly entraDelayMs: number;
  /** Requests of the victim, at rest and under attack. */
  readonly samples: number;
}

type Order = { readonly tenant: string; readonly resource: string; readonly grant?: string };

/** Without it, the victim would wait for the attacker's connections. */
const attackersConnections = new Agent({ keepAlive: true });

const request = (host: Host, { forge }: Stage, application: string, body: Order): Promise<Answered> =>
  host.ask({
    ...(application === attacker ? { agent: attackersConnections } : {}),
    method: 'POST',
    path: '/api/tokens',
    body,
    headers: { authorization: forge.bearer({ application }) },
  });

/** Keeps requests of the attacker in flight until the result is called, which resolves when they have ended. */
function occupy(parallel: number, ask: (nth: number) => Promise<Answered>) {
  const state = { isOver: false, asked: 0, refused: 0 };
  const loops = Array.from({ length: parallel }, async () => {
    while (!state.isOver) {
      state.asked += 1;
      const { status } = await ask(state.asked);
      if (status === 429 || status === 503) state.refused += 1;
    }
  });
  return async (): Promise<typeof state> => {
    state.isOver = true;
    await Promise.all(loops);
    return state;
  };
}

async function compare(
  name: string,
  extent: Extent,
  asks: { readonly victim: (nth: number) => Promise<Answered>; readonly attacker: (nth: number) => Promise<Answered> },
  tally: Tally,
): Promise<void> {
  const sample = async (from: number): Promise<Answered[]> => {
    const answers = [];
    for (let nth = from; nth < from + extent.samples; nth += 1) answers.push(await asks.victim(nth));
    return answers;
  };
  const rest = await sample(0);
  control(
    rest.every(({ status }) => status === 200),
    `the victim gets ${rest.map(({ status }) => status).join()} at rest`,
  );
  const stop = occupy(extent.parallel, asks.attacker);
  const attacked = await sample(extent.samples);
  const { asked, refused } = await stop();
  for (const { status, code } of attacked) tally.attempt(status === 200, `${name}: the victim gets ${status} ${code}`);
  tally.note(comparison(name, rest, attacked));
  tally.note(`${name}: ${asked} requests of the attacker, ${refused} of them turned away`);
}

export const starvation: Attack = {
  name: 'starvation',
  tries: '400 made-up domains at once, and 190 distinct tokens at once with a slow Entra, while another caller asks',
  promise: 'One caller does not stop another.',
  run: async (stage, { full }, tally) => {
    for (const simulate of [starvedDomains, starvedKeys]) {
      const { name, restMs, attackedMs } = await simulate(full ? 200 : 12);
      tally.attempt(attackedMs <= 2 * restMs, `${name}: p99 of the victim is ${attackedMs} ms, ${restMs} ms at rest`);
      tally.note(`simulated time, ${name}: p99 ${restMs} ms at rest, ${attackedMs} ms under attack`);
    }
    const { cloud } = stage;
    const host = await stage.startHost({ settings: { ENTRA_CONCURRENCY: '32' } });
    const extent = full
      ? { parallel: 190, entraDelayMs: 1_000, samples: 40 }
      : { parallel: 50, entraDelayMs: 50, samples: 3 };
    const all = cloud.document.tenants.map(({ tenantId }) => tenantId);
    const orders = ['graph', 'exchange', 'arm'].flatMap((resource) =>
      ['delegated', 'application'].flatMap((grant) => all.map((tenant) => ({ tenant, resource, grant }))),
    );
    const order = (nth: number): Order => orders[nth % orders.length] ?? { tenant: '', resource: '' };
    // Cached keys and known domains of the victim; those of the attacker are new each time.
    const [first = '', ...others] = all;
    await request(host, stage, victim, { tenant: first, resource: 'graph' });
    const fault = cloud.faults.add({ service: 'entra', path: '/token$', delayMs: extent.entraDelayMs });
    await compare(
      'distinct tokens',
      extent,
      {
        victim: (nth) =>
          request(host, stage, victim, { tenant: others[nth % others.length] ?? '', resource: 'partner-center' }),
        attacker: (nth) => request(host, stage, attacker, order(nth)),
      },
      tally,
    );
    cloud.faults.clear(fault);
    const slowLookup = cloud.faults.add({ service: 'entra', path: 'openid-configuration$', delayMs: full ? 300 : 50 });
    const domains = stage.cloud.world.customers.flatMap(({ initialDomain, defaultDomain }) => [
      ...new Set([initialDomain, defaultDomain]),
    ]);
    await compare(
      'made-up domains',
      { ...extent, parallel: full ? 400 : 100, samples: Math.min(extent.samples, Math.floor(domains.length / 2)) },
      {
        victim: (nth) => request(host, stage, victim, { tenant: domains[nth] ?? '', resource: 'graph' }),
        attacker: (nth) => request(host, stage, attacker, { tenant: `made-up-${nth}.example`, resource: 'graph' }),
      },
      tally,
    );
    cloud.faults.clear(slowLookup);
    await host.stop();
  },
};
