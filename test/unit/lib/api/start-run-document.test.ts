import { expect, it } from 'vitest';
import * as z from 'zod';
import { startRunBody } from '../../../../src/lib/api/start-run-document.ts';
import { defineJob } from '../../../../src/lib/runs/job.ts';

const job = (name: string) =>
  defineJob({
    name,
    title: name,
    resources: [],
    timeoutSeconds: 60,
    parameters: z.object({ days: z.number().default(1) }),
    run: async () => [],
  });

it('names the parameters of jobs apart whose names have the same words', () => {
  const body = startRunBody(['a-1', 'a1', 'access-check'].map(job));
  const { $defs } = z.toJSONSchema(body, { io: 'input' });
  expect(Object.keys($defs ?? {})).toEqual(['A1Parameters', 'A1Parameters2', 'AccessCheckParameters']);
});
