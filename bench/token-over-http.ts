import { cpuSeconds } from './cpu-time.ts';
import { type Load, type LoadResult, post } from './load.ts';
import { type Bench, type BenchResult, type Figure, figure, type Goal, round } from './measure.ts';
import { startEmptyApp, startWhole, type Whole } from './whole.ts';

const connections = 50;
const seconds = 5;
const rounds = 5;
/** Of a transaction with Azure Table storage in the same region, about. */
const storageMs = 5;

type Who = 'empty' | 'same' | 'azurite' | 'apart';
const everyone = ['empty', 'same', 'azurite', 'apart'] as const;
interface Sample extends LoadResult {
  /** Processor time of the function app for one answer, microseconds. */
  readonly cpuMicroseconds: number;
}

type Samples = Readonly<Record<Who, readonly Sample[]>>;

const names: Readonly<Record<Who, string>> = {
  empty: 'empty function',
  same: 'function with an answer as long',
  azurite: 'POST /api/tokens, audit in Azurite',
  apart: `POST /api/tokens, audit ${storageMs} ms away`,
};

/** `POST /api/tokens` from memory beside a function that does nothing, on the same host, in turns. */
export const tokenOverHttp: Bench = {
  name: 'token-over-http',
  run: async () => {
    const samples: Record<Who, Sample[]> = { empty: [], same: [], azurite: [], apart: [] };
    const empty = await startEmptyApp();
    const azurite = await startWhole({ tenants: 25 });
    const apart = await startWhole({ tenants: 25, storage: { quickMs: storageMs } });
    try {
      const target = async (whole: Whole) => ({
        url: `${whole.url}/api/tokens`,
        pid: whole.hostPid,
        load: await loadOf(whole),
      });
      const targets = {
        empty: { url: `${empty.url}/empty`, pid: empty.pid, load: await loadOf(azurite) },
        same: { url: `${empty.url}/same-answer`, pid: empty.pid, load: await loadOf(azurite) },
        azurite: await target(azurite),
        apart: await target(apart),
      };
      for (let done = -1; done < rounds; done += 1) {
        for (const who of everyone) {
          const { url, pid, load } = targets[who];
          const sample = await measured({ ...load, url }, pid);
          // The first round warms up.
          if (done >= 0) samples[who].push(sample);
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

async function loadOf(whole: Whole): Promise<Omit<Load, 'url'>> {
  const tenant = whole.cloud.tenants[0]?.tenantId;
  const headers = { authorization: `Bearer ${await whole.callerToken()}`, 'content-type': 'application/json' };
  return { headers, body: JSON.stringify({ tenant, resource: 'graph' }), connections, seconds };
}

async function measured(load: Load, pid: number): Promise<Sample> {
  const before = cpuSeconds(pid);
  const result = await post(load);
  const answers = result.requestsPerSecond * load.seconds;
  return { ...result, cpuMicroseconds: ((cpuSeconds(pid) - before) / answers) * 1e6 };
}

const medianOf = (samples: readonly Sample[], value: (sample: Sample) => number): number =>
  figure('', '', samples.map(value)).median;

function figuresOf(who: Who, samples: readonly Sample[]): Figure[] {
  const of = (what: string, unit: string, value: (sample: Sample) => number): Figure =>
    figure(`${names[who]}: ${what}`, unit, samples.map(value));
  return [
    of('throughput', 'requests/s', ({ requestsPerSecond }) => requestsPerSecond),
    of('latency p50', 'ms', ({ latencyMs }) => latencyMs.p50),
    of('latency p99', 'ms', ({ latencyMs }) => latencyMs.p99),
    of('processor time of the app', 'µs/answer', ({ cpuMicroseconds }) => cpuMicroseconds),
  ];
}

/** Throughput against another's, round by round. */
function shareOf(samples: Samples, who: Who, other: Who): Figure {
  const shares = samples[who].map(
    ({ requestsPerSecond }, round) => requestsPerSecond / (samples[other][round]?.requestsPerSecond ?? Number.NaN),
  );
  return figure(`${names[who]}: share of the throughput of the ${names[other]}`, 'of 1', shares);
}

function resultOf(samples: Samples): BenchResult {
  const ofEmpty = shareOf(samples, 'azurite', 'empty');
  const ofSame = shareOf(samples, 'azurite', 'same');
  return {
    title: 'A cached token over HTTP',
    setting: `${connections} connections for ${seconds} s, ${rounds} rounds in turns; the load (autocannon) comes from a process of its own. Every answer has its caller's token verified, its policy asked and its audit record acknowledged by the storage before it leaves. Once the storage is Azurite on the same cores; once the audit's transactions are acknowledged after ${storageMs} ms by a process that does nothing else, as a storage account with processors of its own would. Beside it, on the same host: a function that answers \`{}\`, and one that reads the request and sends an answer as long as a token's.`,
    figures: [
      ...everyone.flatMap((who) => figuresOf(who, samples[who])),
      ofEmpty,
      ofSame,
      shareOf(samples, 'apart', 'empty'),
      shareOf(samples, 'apart', 'same'),
    ],
    goals: [goalOf(ofEmpty, samples)],
    charts: [
      {
        file: 'token-over-http',
        kind: 'bars',
        title: 'Answers a second (median, range)',
        bars: everyone.map((who) => ({ label: names[who], figure: `${names[who]}: throughput` })),
      },
    ],
  };
}

function goalOf(share: Figure, samples: Samples): Goal {
  const goal = { goal: "at least 0.7 of the empty function's throughput", value: `${round(share.median)}` };
  if (share.median >= 0.7) return { ...goal, reached: true };
  const cpu = (who: Who): number => Math.round(medianOf(samples[who], ({ cpuMicroseconds }) => cpuMicroseconds));
  // Round by round, as the shares: what else the machine does changes from one to the next.
  const more = (who: Who, than: Who): number =>
    Math.round(
      figure(
        '',
        '',
        samples[who].map(
          ({ cpuMicroseconds }, round) => cpuMicroseconds - (samples[than][round]?.cpuMicroseconds ?? Number.NaN),
        ),
      ).median,
    );
  const reason = `an answer takes ${cpu('azurite')} µs of processor time, the empty function's ${cpu('empty')}; the reading and sending of more bytes adds ${more('same', 'empty')} of the difference, the caller's token, the policy and the record ${more('azurite', 'same')}; and Azurite writes the record on the same cores`;
  return { ...goal, reached: false, reason };
}
