import { cpuSeconds } from './cpu-time.ts';
import { get, type Load, type LoadResult } from './load.ts';
import { type Bench, type BenchResult, embeddedHost, type Figure, figure, type Goal, round } from './measure.ts';
import { startProduct, startProxyApp } from './product.ts';

const connections = 50;
const seconds = 5;
const rounds = 5;
const path = '/v1.0/users?$select=id,displayName&$top=5';

type Subject = 'proxy' | 'gateway';
const subjects = ['proxy', 'gateway'] as const;

interface Sample extends LoadResult {
  /** p50 of a single connection, so that no request waits for another. */
  readonly singleMs: number;
  /** Processor time of the function app per answer, microseconds. */
  readonly cpuMicroseconds: number;
  /** Processor time of Azurite per answer, microseconds; NaN if the subject writes nothing to it. */
  readonly storageMicroseconds: number;
}
type Samples = Readonly<Record<Subject, readonly Sample[]>>;

const names: Readonly<Record<Subject, string>> = { proxy: 'reverse proxy', gateway: 'gateway' };

interface Target {
  readonly url: string;
  readonly pid: number;
  readonly storagePid?: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** A request through the gateway, compared with a reverse proxy that checks and records nothing. */
export const gateway: Bench = {
  name: 'gateway',
  run: async () => {
    const samples: Record<Subject, Sample[]> = { proxy: [], gateway: [] };
    const product = await startProduct({ tenants: 25 });
    try {
      const tenant = product.cloud.tenants[0]?.tenantId ?? '';
      const authorization = `Bearer ${await product.callerToken()}`;
      const proxy = await startProxyApp({
        UPSTREAM_URL: product.cloud.graph,
        UPSTREAM_TOKEN: await graphToken(product.url, authorization, tenant),
        NODE_EXTRA_CA_CERTS: product.cloud.caCertificatePath,
      });
      try {
        const targets: Readonly<Record<Subject, Target>> = {
          proxy: { url: `${proxy.url}/proxy${path}`, pid: proxy.pid, headers: {} },
          gateway: {
            url: `${product.url}/api/gateway/${tenant}/graph${path}`,
            pid: product.hostPid,
            storagePid: product.storagePid,
            headers: { authorization },
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

async function measured({ url, pid, storagePid, headers }: Target): Promise<Sample> {
  const load = (wanted: number): Load => ({ url, headers, connections: wanted, seconds });
  const used = (): readonly [app: number, storage: number] => [
    cpuSeconds(pid),
    storagePid === undefined ? Number.NaN : cpuSeconds(storagePid),
  ];
  const before = used();
  const result = await get(load(connections));
  const after = used();
  const answers = result.requestsPerSecond * seconds;
  const { requestsPerSecond } = await get(load(1));
  // autocannon rounds latencies to milliseconds. One connection sends one request after the other.
  return {
    ...result,
    singleMs: 1000 / requestsPerSecond,
    cpuMicroseconds: ((after[0] - before[0]) / answers) * 1e6,
    storageMicroseconds: ((after[1] - before[1]) / answers) * 1e6,
  };
}

function figuresOf(subject: Subject, samples: readonly Sample[]): Figure[] {
  const of = (what: string, unit: string, value: (sample: Sample) => number): Figure =>
    figure(`${names[subject]}: ${what}`, unit, samples.map(value));
  return [
    of('throughput', 'requests/s', ({ requestsPerSecond }) => requestsPerSecond),
    of('latency p99', 'ms', ({ latencyMs }) => latencyMs.p99),
    of('time of a request on one connection', 'ms', ({ singleMs }) => singleMs),
    of('processor time of the app', 'µs/answer', ({ cpuMicroseconds }) => cpuMicroseconds),
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
  const added = figure(
    'gateway: time added to a request on one connection',
    'ms',
    pairs.map(({ of, than }) => of.singleMs - than.singleMs),
  );
  const more = figure(
    '',
    '',
    pairs.map(({ of, than }) => of.cpuMicroseconds - than.cpuMicroseconds),
  ).median;
  const storage = figure(
    'gateway: processor time of Azurite',
    'µs/answer',
    samples.gateway.map(({ storageMicroseconds }) => storageMicroseconds),
  );
  const reason = `caller's token, policy, judge, links and two audit records take ${Math.round(more)} µs of processor time more than the proxy; Azurite on the same cores takes ${Math.round(storage.median)} µs`;
  return {
    title: 'Request through the gateway',
    engine: embeddedHost,
    setting: `\`GET ${path}\` from the simulated Graph, for ${seconds} s with ${connections} connections and then with one, ${rounds} alternating rounds; a separate process sends the load (autocannon). Before a request leaves, the broker verifies the caller's token, evaluates the policy, judges the request and waits until Azurite, on the same cores, has the audit record. Compared on the same host: a function that sends the request with undici and a fixed token, and checks and records nothing.`,
    figures: [...subjects.flatMap((subject) => figuresOf(subject, samples[subject])), storage, share, added],
    goals: [
      goalOf(
        'at least 0.7 of the throughput of the reverse proxy',
        `${round(share.median)}`,
        share.median >= 0.7,
        reason,
      ),
      goalOf(
        'at most 2 ms added to a request',
        `${round(added.median)} ms`,
        added.median <= 2,
        `${reason}; a request waits for its audit record`,
      ),
    ],
  };
}

const goalOf = (goal: string, value: string, reached: boolean, reason: string): Goal => ({
  goal,
  value,
  reached,
  ...(reached ? {} : { reason }),
});
