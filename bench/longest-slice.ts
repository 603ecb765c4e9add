import { goalMs, longestSlices } from '../test/attack/attacks/longest-slice.ts';
import { startStage } from '../test/attack/stage.ts';
import { type Bench, embeddedHost, figure, round } from './measure.ts';

/** How long one request holds the event loop, so that all others wait. The attack of the same name tries it in CI. */
export const longestSlice: Bench = {
  name: 'longest-slice',
  run: async () => {
    const stage = await startStage(1);
    try {
      const { slices, emptyMs } = await longestSlices(stage);
      const [longest] = slices.toSorted((a, b) => b.ms - a.ms);
      const ms = longest?.ms ?? Number.NaN;
      return {
        title: 'Longest hold of the event loop',
        setting:
          'Processor time of the main thread of host and app between two turns of the event loop, while what costs most arrives: bodies of 4 MiB, answers of 20 MiB, batches, a policy of 100 rules. An empty loop in the same time beside it.',
        engine: embeddedHost,
        figures: [
          ...slices.map(({ what, ms: each }) => figure(what, 'ms', [each])),
          figure('an empty loop', 'ms', [emptyMs]),
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
