import { post, type PostLoad } from './load.ts';
import { type Bench, type BenchResult, embeddedHost, type Figure, figure, type Goal, round } from './measure.ts';
import { medianDifference, medianOf, type Serving, timed, type TimedLoad } from './processor-time.ts';
import { startEmptyApp, startProduct, type Product } from './product.ts';

const connections = 50;
const seconds = 5;
const rounds = 5;
/** Processor time of the app for an answer, as a multiple of that of an equal function. */
const mostTimes = 1.3;
/** Approximate time of a transaction with Azure Table storage in the same region. */
const storageMs = 5;

type Subject = 'empty' | 'same' | 'azurite' | 'apart';
const subjects = ['empty', 'same', 'azurite', 'apart'] as const;

type Samples = Readonly<Record<Subject, readonly TimedLoad[]>>;

const names: Readonly<Record<Subject, string>> = {
  empty: 'empty function',
  same: 'function with an equally long answer',
  azurite: 'POST /api/tokens, audit in Azurite',
  apart: `POST /api/tokens, audit ${storageMs} ms away`,
};

/** `POST /api/tokens` with a cached token, compared with functions that do nothing on the same host. */
export const tokenOverHttp: Bench = {
  name: 'token-over-http',
  run: async () => {
    const samples: Record<Subject, TimedLoad[]> = { empty: [], same: [], azurite: [], apart: [] };
    const empty = await startEmptyApp();
    const azurite = await startProduct({ tenants: 25 });
    const apart = await startProduct({ tenants: 25, storage: { acknowledgeMs: storageMs } });
    try {
      const target = async (product: Product) => ({
        url: `${product.url}/api/tokens`,
        serving: { app: product.hostPid },
        load: await loadOf(product),
      });
      const targets = {
        empty: { url: `${empty.url}/empty`, serving: { app: empty.pid }, load: await loadOf(azurite) },
        same: { url: `${empty.url}/same-answer`, serving: { app: empty.pid }, load: await loadOf(azurite) },
        azurite: { ...(await target(azurite)), serving: { app: azurite.hostPid, storage: azurite.storagePid } },
        apart: await target(apart),
      };
      for (let done = -1; done < rounds; done += 1) {
        for (const subject of subjects) {
          const { url, serving, load }: Target = targets[subject];
          const sample = await timed(serving, seconds, () => post({ ...load, url }));
          // The first round warms up.
          if (done >= 0) samples[subject].push(sample);
        }
      }
    } finally {
      await apart.stop();
      await azurite.stop();
      await empty.stop();
    }
    return resultOf(samples);
  },
};

interface Target {
  readonly url: string;
  readonly serving: Serving;
  readonly load: Omit<PostLoad, 'url'>;
}

async function loadOf(product: Product): Promise<Omit<PostLoad, 'url'>> {
  const tenant = product.cloud.tenants[0]?.tenantId;
  const headers = { authorization: `Bearer ${await product.callerToken()}`, 'content-type': 'application/json' };
  return { headers, body: JSON.stringify({ tenant, resource: 'graph' }), connections, seconds };
}

function figuresOf(subject: Subject, samples: readonly TimedLoad[]): Figure[] {
  const of = (what: string, unit: string, value: (sample: TimedLoad) => number): Figure =>
    figure(`${names[subject]}: ${what}`, unit, samples.map(value));
  return [
    of('throughput', 'requests/s', ({ requestsPerSecond }) => requestsPerSecond),
    of('latency p50', 'ms', ({ latencyMs }) => latencyMs.p50),
    of('latency p99', 'ms', ({ latencyMs }) => latencyMs.p99),
    of('processor time of the app', 'µs/answer', ({ cpu }) => cpu.app),
  ];
}

/** Throughput relative to another subject, round by round. */
function shareOf(samples: Samples, subject: Subject, other: Subject): Figure {
  const shares = samples[subject].map(
    ({ requestsPerSecond }, round) => requestsPerSecond / (samples[other][round]?.requestsPerSecond ?? Number.NaN),
  );
  return figure(`${names[subject]}: share of the throughput of the ${names[other]}`, 'of 1', shares);
}

function resultOf(samples: Samples): BenchResult {
  const ofEmpty = shareOf(samples, 'azurite', 'empty');
  const ofSame = shareOf(samples, 'azurite', 'same');
  const times = figure(
    `${names.azurite}: processor time of the app by that of the ${names.same}`,
    'times',
    samples.azurite.map(({ cpu }, round) => cpu.app / (samples.same[round]?.cpu.app ?? Number.NaN)),
  );
  return {
    title: 'Cached token over HTTP',
    engine: embeddedHost,
    setting: `${connections} connections for ${seconds} s, alternating. The audit record of each answer is written in Azurite on the same cores, or ${storageMs} ms away.`,
    figures: [
      ...subjects.flatMap((subject) => figuresOf(subject, samples[subject])),
      figure(
        `${names.azurite}: processor time of Azurite`,
        'µs/answer',
        samples.azurite.map(({ cpu }) => cpu.storage),
      ),
      ofEmpty,
      ofSame,
      times,
      shareOf(samples, 'apart', 'empty'),
      shareOf(samples, 'apart', 'same'),
    ],
    cases: subjects.map((subject) => names[subject]),
    unlisted: ['latency p50', 'share of the throughput', 'processor time of the app by'],
    goals: [goalOf(times, samples)],
    charts: [
      {
        file: 'token-over-http',
        kind: 'bars',
        title: 'Answers per second (median, range)',
        bars: subjects.map((subject) => ({ label: names[subject], figure: `${names[subject]}: throughput` })),
      },
    ],
  };
}

function goalOf(times: Figure, samples: Samples): Goal {
  const goal = {
    goal: `at most ${mostTimes} times the processor time of a function with an equally long answer`,
    value: `${round(times.median)} times`,
  };
  if (times.median <= mostTimes) return { ...goal, reached: true };
  const cpu = (subject: Subject): number => Math.round(medianOf(samples[subject], (sample) => sample.cpu.app));
  const more = Math.round(medianDifference(samples.azurite, samples.same, (sample) => sample.cpu.app));
  const reason = `an answer takes ${cpu('azurite')} µs, ${more} µs of it for token verification, policy and audit record, and one of the function ${cpu('same')} µs`;
  return { ...goal, reached: false, reason };
}
