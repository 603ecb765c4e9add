import { expect, it } from 'vitest';
import * as z from 'zod';
import { startRunBody } from '../../../../../src/lib/api/answers/jobs.ts';
import { defineJob } from '../../../../../src/lib/runs/job/job.ts';

const job = (name: string, parameters = z.object({ days: z.number().default(1) })) =>
  defineJob({
    name,
    title: name,
    resources: [],
    timeoutSeconds: 60,
    parameters,
    run: async () => [],
  });

it('names the parameters of jobs apart whose names have the same words', () => {
  const body = startRunBody(['a-1', 'a1', 'access-check'].map((name) => job(name)));
  const { $defs } = z.toJSONSchema(body, { io: 'input' });
  expect(Object.keys($defs ?? {})).toEqual(['A1Parameters', 'A1Parameters2', 'AccessCheckParameters']);
});

it('allows no parameters if a job has none', () => {
  const plain = job('plain', z.object({}) as never);
  const parametersOf = (...jobs: Parameters<typeof startRunBody>[0]) =>
    z.toJSONSchema(startRunBody(jobs), { io: 'input' }).properties?.['parameters'];
  const reference = { $ref: '#/$defs/OtherParameters' };
  const none = { type: 'object', additionalProperties: false };
  expect(parametersOf(job('other'), plain)).toMatchObject({ anyOf: [reference, none] });
  expect(parametersOf(job('other'))).toMatchObject({ anyOf: [reference] });
  expect(parametersOf(plain, plain)).toMatchObject({ anyOf: [none] });
});
