import { expect, it } from 'vitest';
import type { Services } from '../../src/composition.ts';
import { writeCheckpoint } from '../../src/functions/audit.ts';
import { recordingLogger } from '../fakes/recording-logger.ts';

const day = 24 * 3_600_000;

it('tells checkpoints how long records are kept, and logs each that was written', async () => {
  const logged = recordingLogger();
  const retentions: number[] = [];
  const written = [{ number: 7, to: '2026-11-24T05:00:00.000Z', chains: [{}, {}] }, undefined];
  const services = {
    log: logged.log,
    settings: { AUDIT_RETENTION_DAYS: 30 },
    evidence: {
      write: async (retentionMs: number) => {
        retentions.push(retentionMs);
        return written.shift();
      },
    },
  } as unknown as Pick<Services, 'evidence' | 'log' | 'settings'>;
  await writeCheckpoint(services);
  await writeCheckpoint(services);
  expect(retentions).toEqual([30 * day, 30 * day]);
  expect(logged.events()).toEqual(['audit.checkpoint_written']);
  expect(logged.lines[0]?.line).toContain('"number":7');
});
