import { getMixed, type MixedLoad } from './load.ts';
import { type Bench, type BenchResult, embeddedHost, type Figure, figure, type Goal, round } from './measure.ts';
import { medianDifference, medianOf, type Serving, timed, type TimedLoad } from './processor-time.ts';
import { startProduct, startProxyApp } from './product.ts';

const connections = 50;
const seconds = 5;
const rounds = 5;
const tenants = 25;
/** Processor time of the app for an answer, as a multiple of that of the proxy. */
const mostTimes = 2.5;
const path = '/v1.0/users?$select=id,displayName&$top=5';

type Subject = 'proxy' | 'gateway';
const subjects = ['proxy', 'gateway'] as const;

interface Sample extends TimedLoad {
  /** p50 of a single connection, so that no request waits for another. */
  readonly singleMs: number;
}
type Samples = Readonly<Record<Subject, readonly Sample[]>>;

const names: Readonly<Record<Subject, string>> = { proxy: 'reverse proxy', gateway: 'gateway' };

interface Target extends Pick<MixedLoad, 'requests'> {
  readonly serving: Serving;
}

/** A request through the gateway, compared with a reverse proxy that checks and records nothing. */
export const gateway: Bench = {
  name: 'gateway',
  run: async () => {
    const samples: Record<Subject, Sample[]> = { proxy: [], gateway: [] };
    const product = await startProduct({ tenants });
    try {
      const tenant = product.cloud.tenants[0]?.tenantId ?? '';
      const authorization = `Bearer ${await product.callerToken()}`;
      const proxy = await startProxyApp({
        UPSTREAM_URL: product.cloud.graph,
        UPSTREAM_TOKEN: await graphToken(product.url, authorization, tenant),
        NODE_EXTRA_CA_CERTS: product.cloud.caCertificatePath,
      });
      try {
        const resource = product.cloudPid;
        const targets: Readonly<Record<Subject, Target>> = {
          proxy: {
            requests: [{ url: `${proxy.url}/proxy${path}`, headers: {} }],
            serving: { app: proxy.pid, resource },
          },
          gateway: {
            requests: product.cloud.tenants.map(({ tenantId }) => ({
              url: `${product.url}/api/gateway/${tenantId}/graph${path}`,
              headers: { authorization },
            })),
            serving: { app: product.hostPid, storage: product.storagePid, resource },
          },
        };
        for (let done = -1; done < rounds; done += 1) {
          for (const subject of subjects) {
            const sample = await measured(targets[subject]);
            // The first round warms up.
            if (done >= 0) samples[subject].push(sample);
          }
        }
      } finally {
        await proxy.stop();
      }
    } finally {
      await product.stop();
    }
    return resultOf(samples);
  },
};

async function graphToken(url: string, authorization: string, tenant: string): Promise<string> {
  const answer = await fetch(`${url}/api/tokens`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ tenant, resource: 'graph' }),
  });
  return ((await answer.json()) as { accessToken: string }).accessToken;
}

async function measured({ requests, serving }: Target): Promise<Sample> {
  const load = (wanted: number): MixedLoad => ({ requests, connections: wanted, seconds });
  const many = await timed(serving, seconds, () => getMixed(load(connections)));
  const { requestsPerSecond } = await getMixed(load(1));
  // autocannon rounds latencies to milliseconds. One connection sends one request after the other.
  return { ...many, singleMs: 1000 / requestsPerSecond };
}

function figuresOf(subject: Subject, samples: readonly Sample[]): Figure[] {
  const of = (what: string, unit: string, value: (sample: Sample) => number): Figure =>
    figure(`${names[subject]}: ${what}`, unit, samples.map(value));
  return [
    of('throughput', 'requests/s', ({ requestsPerSecond }) => requestsPerSecond),
    of('latency p99', 'ms', ({ latencyMs }) => latencyMs.p99),
    of('time of a request on one connection', 'ms', ({ singleMs }) => singleMs),
    of('processor time of the app', 'µs/answer', ({ cpu }) => cpu.app),
    of('processor time of the simulated Graph', 'µs/answer', ({ cpu }) => cpu.resource),
    of('processor time of the load', 'µs/answer', ({ cpu }) => cpu.load),
  ];
}

function resultOf(samples: Samples): BenchResult {
  // Round by round, because other load on the machine changes between rounds.
  const pairs = samples.gateway.map((of, index) => ({ of, than: samples.proxy[index] ?? of }));
  const share = figure(
    'gateway: share of the throughput of the reverse proxy',
    'of 1',
    pairs.map(({ of, than }) => of.requestsPerSecond / than.requestsPerSecond),
  );
  const times = figure(
    'gateway: processor time of the app by that of the reverse proxy',
    'times',
    pairs.map(({ of, than }) => of.cpu.app / than.cpu.app),
  );
  const added = figure(
    'gateway: time added to a request on one connection',
    'ms',
    pairs.map(({ of, than }) => of.singleMs - than.singleMs),
  );
  const storage = figure(
    'gateway: processor time of Azurite',
    'µs/answer',
    samples.gateway.map(({ cpu }) => cpu.storage),
  );
  const reason = reasonOf(samples);
  return {
    title: 'Request through the gateway',
    engine: embeddedHost,
    setting: `\`GET ${path}\` from the simulated Graph, for ${seconds} s with ${connections} connections and then with one, alternating; through the gateway in ${tenants} tenants in turn, because Graph limits the requests of each. Audit in Azurite, on the same cores. The proxy is a function on the same host that checks and records nothing.`,
    figures: [...subjects.flatMap((subject) => figuresOf(subject, samples[subject])), storage, share, times, added],
    cases: subjects.map((subject) => names[subject]),
    unlisted: [
      'processor time of the simulated Graph',
      'processor time of the load',
      'processor time of Azurite',
      'share of the throughput',
      'processor time of the app by',
      'time added',
    ],
    goals: [
      goalOf(
        `at most ${mostTimes} times the processor time of the reverse proxy`,
        `${round(times.median)} times`,
        times.median <= mostTimes,
        reason,
      ),
      goalOf(
        'at most 2 ms added to a request',
        `${round(added.median)} ms`,
        added.median <= 2,
        `a request waits for its audit record; ${reason}`,
      ),
    ],
  };
}

function reasonOf({ proxy, gateway: samples }: Samples): string {
  const others = medianOf(proxy, ({ cpu }) => cpu.app);
  const more = medianDifference(samples, proxy, ({ cpu }) => cpu.app);
  const us = (value: number): string => `${Math.round(value)} µs`;
  return `an answer of the proxy takes ${us(others)}, and the judge, two audit records and the limits that instances share ${us(more)} more`;
}

const goalOf = (goal: string, value: string, reached: boolean, reason: string): Goal => ({
  goal,
  value,
  reached,
  ...(reached ? {} : { reason }),
});
