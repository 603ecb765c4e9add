import { cpuSeconds } from './cpu-time.ts';
import { type LoadResult, post, type PostLoad } from './load.ts';
import { type Bench, type BenchResult, embeddedHost, type Figure, figure, type Goal, round } from './measure.ts';
import { startEmptyApp, startProduct, type Product } from './product.ts';

const connections = 50;
const seconds = 5;
const rounds = 5;
/** Approximate time of a transaction with Azure Table storage in the same region. */
const storageMs = 5;

type Subject = 'empty' | 'same' | 'azurite' | 'apart';
const subjects = ['empty', 'same', 'azurite', 'apart'] as const;
interface Sample extends LoadResult {
  /** Processor time of the function app per answer, microseconds. */
  readonly cpuMicroseconds: number;
  /** Processor time of Azurite per answer, microseconds; NaN if the subject writes nothing to it. */
  readonly storageMicroseconds: number;
}

type Samples = Readonly<Record<Subject, readonly Sample[]>>;

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
    const samples: Record<Subject, Sample[]> = { empty: [], same: [], azurite: [], apart: [] };
    const empty = await startEmptyApp();
    const azurite = await startProduct({ tenants: 25 });
    const apart = await startProduct({ tenants: 25, storage: { acknowledgeMs: storageMs } });
    try {
      const target = async (product: Product) => ({
        url: `${product.url}/api/tokens`,
        pid: product.hostPid,
        load: await loadOf(product),
      });
      const targets = {
        empty: { url: `${empty.url}/empty`, pid: empty.pid, load: await loadOf(azurite) },
        same: { url: `${empty.url}/same-answer`, pid: empty.pid, load: await loadOf(azurite) },
        azurite: { ...(await target(azurite)), storagePid: azurite.storagePid },
        apart: await target(apart),
      };
      for (let done = -1; done < rounds; done += 1) {
        for (const subject of subjects) {
          const { url, pid, load, storagePid }: Target = targets[subject];
          const sample = await measured({ ...load, url }, { pid, storagePid });
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
  readonly pid: number;
  readonly load: Omit<PostLoad, 'url'>;
  readonly storagePid?: number | undefined;
}

async function loadOf(product: Product): Promise<Omit<PostLoad, 'url'>> {
  const tenant = product.cloud.tenants[0]?.tenantId;
  const headers = { authorization: `Bearer ${await product.callerToken()}`, 'content-type': 'application/json' };
  return { headers, body: JSON.stringify({ tenant, resource: 'graph' }), connections, seconds };
}

async function measured(load: PostLoad, { pid, storagePid }: Pick<Target, 'pid' | 'storagePid'>): Promise<Sample> {
  const used = (): readonly [app: number, storage: number] => [
    cpuSeconds(pid),
    storagePid === undefined ? Number.NaN : cpuSeconds(storagePid),
  ];
  const before = used();
  const result = await post(load);
  const after = used();
  const answers = result.requestsPerSecond * load.seconds;
  return {
    ...result,
    cpuMicroseconds: ((after[0] - before[0]) / answers) * 1e6,
    storageMicroseconds: ((after[1] - before[1]) / answers) * 1e6,
  };
}

const medianOf = (samples: readonly Sample[], value: (sample: Sample) => number): number =>
  figure('', '', samples.map(value)).median;

function figuresOf(subject: Subject, samples: readonly Sample[]): Figure[] {
  const of = (what: string, unit: string, value: (sample: Sample) => number): Figure =>
    figure(`${names[subject]}: ${what}`, unit, samples.map(value));
  return [
    of('throughput', 'requests/s', ({ requestsPerSecond }) => requestsPerSecond),
    of('latency p50', 'ms', ({ latencyMs }) => latencyMs.p50),
    of('latency p99', 'ms', ({ latencyMs }) => latencyMs.p99),
    of('processor time of the app', 'µs/answer', ({ cpuMicroseconds }) => cpuMicroseconds),
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
  return {
    title: 'Cached token over HTTP',
    engine: embeddedHost,
    setting: `${connections} connections for ${seconds} s, ${rounds} alternating rounds; a separate process sends the load (autocannon). Before each answer, the broker verifies the caller's token, evaluates the policy and waits until the storage acknowledges the audit record. In one variant the storage is Azurite on the same cores. In the other, a separate process acknowledges the audit transactions after ${storageMs} ms, like a storage account with its own processors. Compared on the same host: a function that answers \`{}\`, and one that reads the request and sends an answer as long as a token answer.`,
    figures: [
      ...subjects.flatMap((subject) => figuresOf(subject, samples[subject])),
      figure(
        `${names.azurite}: processor time of Azurite`,
        'µs/answer',
        samples.azurite.map(({ storageMicroseconds }) => storageMicroseconds),
      ),
      ofEmpty,
      ofSame,
      shareOf(samples, 'apart', 'empty'),
      shareOf(samples, 'apart', 'same'),
    ],
    goals: [goalOf(ofSame, samples)],
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

function goalOf(share: Figure, samples: Samples): Goal {
  const goal = {
    goal: 'at least 0.8 of the throughput of a function that answers as many bytes',
    value: `${round(share.median)}`,
  };
  if (share.median >= 0.8) return { ...goal, reached: true };
  const cpu = (subject: Subject): number =>
    Math.round(medianOf(samples[subject], ({ cpuMicroseconds }) => cpuMicroseconds));
  // Round by round, like the shares, because other load on the machine changes between rounds.
  const more = (subject: Subject, than: Subject): number =>
    Math.round(
      figure(
        '',
        '',
        samples[subject].map(
          ({ cpuMicroseconds }, round) => cpuMicroseconds - (samples[than][round]?.cpuMicroseconds ?? Number.NaN),
        ),
      ).median,
    );
  const storage = Math.round(medianOf(samples.azurite, ({ storageMicroseconds }) => storageMicroseconds));
  const reason = `an answer takes ${cpu('azurite')} µs of processor time, one of the function with an equally long answer ${cpu('same')} µs; token verification, policy and audit record account for ${more('azurite', 'same')} µs; Azurite on the same cores takes ${storage} µs`;
  return { ...goal, reached: false, reason };
}
