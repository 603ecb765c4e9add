import { cpuSeconds } from './cpu-time.ts';
import { type Load, type LoadResult, post } from './load.ts';
import { type Bench, type BenchResult, type Figure, figure, type Goal, round } from './measure.ts';
import { startEmptyApp, startWhole, type Whole } from './whole.ts';

const connections = 50;
const seconds = 5;
const rounds = 5;
/** Of a transaction with Azure Table storage in the same region, about. */
const storageMs = 5;

type Who = 'empty' | 'azurite' | 'apart';
interface Sample extends LoadResult {
  /** Processor time of the function app for one answer, microseconds. */
  readonly cpuMicroseconds: number;
}

const names: Readonly<Record<Who, string>> = {
  empty: 'empty function',
  azurite: 'POST /api/tokens, audit in Azurite',
  apart: `POST /api/tokens, audit ${storageMs} ms away`,
};

/** `POST /api/tokens` from memory beside a function that does nothing, on the same host, in turns. */
export const tokenOverHttp: Bench = {
  name: 'token-over-http',
  run: async () => {
    const samples: Record<Who, Sample[]> = { empty: [], azurite: [], apart: [] };
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
        empty: { url: empty.url, pid: empty.pid, load: await loadOf(azurite) },
        azurite: await target(azurite),
        apart: await target(apart),
      };
      for (let done = -1; done < rounds; done += 1) {
        for (const who of ['empty', 'azurite', 'apart'] as const) {
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

function resultOf(samples: Readonly<Record<Who, readonly Sample[]>>): BenchResult {
  const everyone = ['empty', 'azurite', 'apart'] as const;
  const figures = everyone.flatMap((who) => [
    figure(
      `${names[who]}: throughput`,
      'requests/s',
      samples[who].map(({ requestsPerSecond }) => requestsPerSecond),
    ),
    figure(
      `${names[who]}: latency p50`,
      'ms',
      samples[who].map(({ latencyMs }) => latencyMs.p50),
    ),
    figure(
      `${names[who]}: latency p99`,
      'ms',
      samples[who].map(({ latencyMs }) => latencyMs.p99),
    ),
    figure(
      `${names[who]}: processor time of the app`,
      'µs/answer',
      samples[who].map(({ cpuMicroseconds }) => cpuMicroseconds),
    ),
  ]);
  const share = (who: Who): Figure =>
    figure(
      `${names[who]}: share of the empty function's throughput`,
      'of 1',
      samples[who].map(
        ({ requestsPerSecond }, round) => requestsPerSecond / (samples.empty[round]?.requestsPerSecond ?? Number.NaN),
      ),
    );
  const shares = { azurite: share('azurite'), apart: share('apart') };
  return {
    title: 'A cached token over HTTP',
    setting: `${connections} connections for ${seconds} s, ${rounds} rounds in turns; the load (autocannon) comes from a process of its own. Every answer has its caller's token verified, its policy asked and its audit record acknowledged by the storage before it leaves. Once the storage is Azurite on the same cores; once the audit's transactions are acknowledged after ${storageMs} ms by a process that does nothing else, as a storage account with processors of its own would.`,
    figures: [...figures, shares.azurite, shares.apart],
    goals: [goalOf(shares.azurite, samples)],
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

function goalOf(share: Figure, samples: Readonly<Record<Who, readonly Sample[]>>): Goal {
  const cpu = (who: Who): number =>
    figure(
      '',
      '',
      samples[who].map(({ cpuMicroseconds }) => cpuMicroseconds),
    ).median;
  const goal = { goal: "at least 0.7 of the empty function's throughput", value: `${round(share.median)}` };
  if (share.median >= 0.7) return { ...goal, reached: true };
  const reason = `a record per token that storage has acknowledged is most of what an answer costs beyond an empty one (${round(cpu('azurite'))} against ${round(cpu('empty'))} µs of the app's processor time), and Azurite writes it on the same cores`;
  return { ...goal, reached: false, reason };
}
