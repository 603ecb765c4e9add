import { cpuSeconds, childrenCpuSeconds } from './cpu-time.ts';
import type { LoadResult } from './load.ts';
import { figure } from './measure.ts';

/** The processes that serve a load. Absent: the load does not reach such a process. */
export interface Serving {
  /** The function app. */
  readonly app: number;
  /** Azurite. */
  readonly storage?: number | undefined;
  /** The simulated cloud, which holds the resource. */
  readonly resource?: number | undefined;
}

/** Processor time per answer, microseconds; NaN for an absent process. */
interface ProcessorTime extends Readonly<Record<keyof Serving, number>> {
  /** Of the process that sends the load. */
  readonly load: number;
}

export interface TimedLoad extends LoadResult {
  readonly cpu: ProcessorTime;
}

/** Sends a load, and measures the processor time of all that take part. @param seconds Duration of the load. */
export async function timed(serving: Serving, seconds: number, send: () => Promise<LoadResult>): Promise<TimedLoad> {
  const before = used(serving);
  const result = await send();
  const after = used(serving);
  const answers = result.requestsPerSecond * seconds;
  const perAnswer = (of: keyof ProcessorTime): number => ((after[of] - before[of]) / answers) * 1e6;
  return {
    ...result,
    cpu: {
      app: perAnswer('app'),
      storage: perAnswer('storage'),
      resource: perAnswer('resource'),
      load: perAnswer('load'),
    },
  };
}

const used = ({ app, storage, resource }: Serving): ProcessorTime => ({
  app: cpuSeconds(app),
  storage: storage === undefined ? Number.NaN : cpuSeconds(storage),
  resource: resource === undefined ? Number.NaN : cpuSeconds(resource),
  load: childrenCpuSeconds(),
});

/** Median of the differences, round by round, because other load on the machine changes between rounds. */
export const medianDifference = <T>(of: readonly T[], than: readonly T[], value: (sample: T) => number): number =>
  figure(
    '',
    '',
    of.flatMap((sample, round) => {
      const other = than[round];
      return other === undefined ? [] : [value(sample) - value(other)];
    }),
  ).median;

export const medianOf = <T>(samples: readonly T[], value: (sample: T) => number): number =>
  figure('', '', samples.map(value)).median;
