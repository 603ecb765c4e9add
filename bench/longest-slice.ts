import { goalMs, longestSlices, type Slice } from '../test/attack/attacks/longest-slice.ts';
import { startStage } from '../test/attack/stage.ts';
import { type Bench, embeddedHost, figure, round } from './measure.ts';

/** How long one request holds the event loop, so that all others wait. The attack of the same name tries it in CI. */
export const longestSlice: Bench = {
  name: 'longest-slice',
  run: async () => {
    const stage = await startStage(1);
    try {
      const { slices, fixedMs } = await longestSlices(stage);
      const longestOf = ({ tries }: Slice): number => Math.max(...tries);
      const [longest] = slices.toSorted((a, b) => longestOf(b) - longestOf(a));
      const ms = longest === undefined ? Number.NaN : longestOf(longest);
      return {
        title: 'Longest hold of the event loop',
        setting:
          'Processor time of the main thread of host and app between two turns of the event loop, while what costs most arrives: bodies of 4 MiB, answers of 20 MiB, rows of almost 2 MiB, batches, a policy of 100 rules, a checkpoint of 960,000 records, and twenty requests at once. A fixed piece of work in the same time beside it.',
        engine: embeddedHost,
        figures: [
          ...slices.map((slice) => figure(slice.what, 'ms', [longestOf(slice)])),
          figure('a fixed piece of work: JSON.parse of 16 MB', 'ms', [fixedMs]),
        ],
        goals: [
          {
            goal: `nothing holds the event loop for more than ${goalMs} ms`,
            reached: ms <= goalMs,
            value: `${round(ms)} ms`,
            ...(ms <= goalMs ? {} : { reason: `${longest?.what} takes longest` }),
          },
        ],
      };
    } finally {
      await stage.stop();
    }
  },
};
