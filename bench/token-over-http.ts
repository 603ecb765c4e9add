import { type Bench, figure, round } from './measure.ts';
import { type Load, type LoadResult, post } from './load.ts';
import { startEmptyApp, startWhole } from './whole.ts';

const connections = 50;
const seconds = 5;
const rounds = 5;

/** `POST /api/tokens` from memory beside a function that does nothing, on the same host, in turns. */
export const tokenOverHttp: Bench = {
  name: 'token-over-http',
  run: async () => {
    const whole = await startWhole({ tenants: 25 });
    const empty = await startEmptyApp();
    try {
      const load = await tokenLoad(whole);
      const samples: { ours: LoadResult; empty: LoadResult }[] = [];
      for (let done = -1; done < rounds; done += 1) {
        const pair = {
          empty: await post({ ...load, url: empty.url }),
          ours: await post({ ...load, url: `${whole.url}/api/tokens` }),
        };
        if (done >= 0) samples.push(pair);
      }
      return resultOf(samples);
    } finally {
      await empty.stop();
      await whole.stop();
    }
  },
};

async function tokenLoad(whole: Awaited<ReturnType<typeof startWhole>>): Promise<Omit<Load, 'url'>> {
  const tenant = whole.cloud.tenants[0]?.tenantId;
  const headers = { authorization: `Bearer ${await whole.callerToken()}`, 'content-type': 'application/json' };
  return { headers, body: JSON.stringify({ tenant, resource: 'graph' }), connections, seconds };
}

function resultOf(samples: readonly { ours: LoadResult; empty: LoadResult }[]): Awaited<ReturnType<Bench['run']>> {
  const of = (who: 'ours' | 'empty', what: (result: LoadResult) => number): number[] =>
    samples.map((pair) => what(pair[who]));
  const figures = (['empty', 'ours'] as const).flatMap((who) => {
    const name = who === 'ours' ? 'POST /api/tokens, cached' : 'empty function';
    return [
      figure(
        `${name}, throughput`,
        'requests/s',
        of(who, (result) => result.requestsPerSecond),
      ),
      figure(
        `${name}, latency p50`,
        'ms',
        of(who, (result) => result.latencyMs.p50),
      ),
      figure(
        `${name}, latency p99`,
        'ms',
        of(who, (result) => result.latencyMs.p99),
      ),
    ];
  });
  const shares = figure(
    'share of the empty function',
    'of 1',
    samples.map(({ ours, empty }) => ours.requestsPerSecond / empty.requestsPerSecond),
  );
  return {
    title: 'A cached token over HTTP',
    setting: `${connections} connections for ${seconds} s, ${rounds} pairs in turns; the load comes from a process of its own. Every answer has its caller's token verified, its policy asked and its audit record in Azurite before it leaves.`,
    figures: [...figures, shares],
    goals: [
      {
        goal: "at least 0.7 of the empty function's throughput",
        reached: shares.median >= 0.7,
        value: `${round(shares.median)}`,
      },
    ],
  };
}
