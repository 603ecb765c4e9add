import { type Attack, control } from '../attack.ts';
import { victim } from '../forge.ts';
import { ended, startRun } from '../runs.ts';

/** Windows that have, or nearly have, the form of a batch's instance id. */
const windowsBeside = (window: string): readonly string[] => [
  ...['r1:b0', 'r2:b0', 'R1:b0', 'r1:B0', 'r1:b0:r1:b0', 'r01:b00', 'r1:b0:r2:b1', 'r9:b99', 'r3:b000'].map(
    (suffix) => `${window}:${suffix}`,
  ),
  `${window}:r1:b0 `,
  `${window}:r1:b0\n`,
  `${window}%3Ar1%3Ab0`,
  `${window}:r１:b０`,
  ':r1:b0',
  'r1:b0',
  `${window}@r1:b0`,
  `../${window}`,
  '2026-11-24T05:00Z',
  '2026-11-24t05:00z',
  `${'x'.repeat(100)}:r1:b0`,
];

/** Instance ids that no window may claim: those of batches, and of scheduled runs. */
const isTaken = (window: string): boolean =>
  /:r\d+:b\d+$/i.test(window) || /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}Z$/i.test(window);

export const collision: Attack = {
  name: 'collision',
  tries: "windows that take the id of another run's batch or of a scheduled run, before and during that run",
  promise: 'One caller does not stop another.',
  run: async (stage, { full }, tally) => {
    const { app } = stage;
    const tenants = stage.tenants.slice(0, 6).map(({ tenantId }) => tenantId);
    const mine: string[] = [];
    for (let time = 0; time < (full ? 5 : 1); time += 1) {
      const window = `victim:${time}`;
      const attempt = async (): Promise<void> => {
        for (const beside of windowsBeside(window)) {
          const { status, text, body } = await startRun(app, stage, { tenants: tenants.slice(0, 1), window: beside });
          tally.attempt(
            status === 400 || status === 409 || (status === 202 && !isTaken(beside)),
            `window ${JSON.stringify(beside)}: ${status} ${text.slice(0, 120)}`,
          );
          if (status === 202) mine.push(String(body['runId']));
        }
      };
      await attempt();
      const started = await startRun(app, stage, { tenants, window }, victim);
      control(started.status === 202, `the run of the victim does not start: ${started.status} ${started.text}`);
      const runId = String(started.body['runId']);
      await attempt();
      const again = await startRun(app, stage, { tenants, window });
      tally.attempt(again.status === 409, `the victim's own window again: ${again.status}`);
      const { status, tenants: counts } = await ended(app, stage, runId);
      tally.attempt(
        status === 'completed' && counts.succeeded === tenants.length,
        `the run of the victim ends as ${status}: ${JSON.stringify(counts)}`,
      );
    }
    for (const runId of mine) await ended(app, stage, runId);
  },
};
