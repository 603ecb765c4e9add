import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { createJobRegistry, defineJob } from '../../../../../src/lib/runs/job/job.ts';
import { jobParameters, readParameters } from '../../../../../src/lib/runs/job/job-parameters.ts';
import { runId, stageRun, tenantId } from '../store/stage.ts';

const definition = { name: 'probe', title: 'Probe', resources: [], timeoutSeconds: 60, run: async () => [] };

const shape = {
  days: z.int().min(0).max(3650).default(30),
  share: z.number().gt(0).lt(1).multipleOf(0.25).optional(),
  note: z.string().min(2).max(5).optional(),
  mail: z.email().optional(),
  code: z
    .string()
    .regex(/^[A-Z]+$/)
    .optional(),
  deep: z.boolean().default(false),
  level: z.enum(['low', 'high']).optional(),
  only: z.literal('this').optional(),
  since: z.iso.date().optional(),
  at: z.iso.datetime().optional(),
  names: z.array(z.string().min(1)).min(1).max(3).optional(),
  parts: z
    .array(z.enum(['a', 'b']))
    .max(2)
    .default(['a']),
};

/** The problem with these parameters, or the values that the job gets. */
function read(schema: z.ZodObject, given: Readonly<Record<string, unknown>>): unknown {
  try {
    return readParameters({ name: 'probe', parameters: jobParameters(schema) }, given);
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'request_invalid' });
    return (thrown as { detail: string }).detail;
  }
}

describe('readParameters', () => {
  test('adds defaults, and accepts its own result', () => {
    const values = read(z.object(shape), { note: 'abc' });
    expect(values).toEqual({ days: 30, note: 'abc', deep: false, parts: ['a'] });
    expect(read(z.object(shape), values as Record<string, unknown>)).toEqual(values);
  });

  test.each<[string, unknown, string]>([
    ['days', '30', 'a whole number from 0 to 3650'],
    ['days', 3651, 'a whole number from 0 to 3650'],
    ['days', 1.5, 'a whole number from 0 to 3650'],
    ['days', null, 'a whole number from 0 to 3650'],
    ['days', { toString: 1 }, 'a whole number from 0 to 3650'],
    ['share', 1, 'a number above 0 below 1, a multiple of 0.25'],
    ['note', 'abcdef', 'a text of 2 to 5 characters'],
    ['mail', 'x', 'an e-mail address'],
    ['code', 'x', 'a text that matches ^[A-Z]+$'],
    ['deep', 'true', 'true or false'],
    ['level', 'medium', 'one of low, high'],
    ['only', 'that', 'this'],
    ['since', '2026-02-30', 'a date such as 2026-11-24'],
    ['at', '2026-11-24', 'a time such as 2026-11-24T05:00:00Z'],
    ['names', [], 'a list of 1 to 3, each a text that is not empty'],
    ['names', 'a', 'a list of 1 to 3, each a text that is not empty'],
    ['parts', ['a', 'c'], 'a list of at most 2, each one of a, b'],
  ])('refuses %s: %j, and says what it must be', (name, value, words) => {
    expect(read(z.object(shape), { [name]: value })).toBe(
      `"${name}" must be ${words}. The parameters of the job: ${Object.keys(shape).join(', ')}.`,
    );
  });

  test('names every wrong parameter in one problem, and no value', () => {
    const problem = read(z.object({ days: shape.days, level: z.enum(['low', 'high']) }), {
      dayz: 'secret-1',
      days: 'secret-2',
    });
    expect(problem).toBe(
      '"dayz" is no parameter of probe; did you mean "days"? "days" must be a whole number from 0 to 3650. "level" is missing: it must be one of low, high. The parameters of the job: days, level.',
    );
  });

  test('refuses a name of the prototype that JSON makes a property', () => {
    expect(read(z.object({}), JSON.parse('{"__proto__": 1}') as Record<string, unknown>)).toBe(
      '"__proto__" is no parameter of probe. The job has no parameters.',
    );
  });

  test('does not repeat thousands of unknown names', () => {
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`n${index}`, 1]));
    expect(read(z.object({}), many)).toMatch(/"n4" is no parameter of probe\. 4995 more names are unknown\./);
  });

  test("shows the text of the job's own checks, also of those over several parameters", () => {
    const even = z.int().refine((value) => value % 2 === 0, 'must be even');
    const schema = z.object({ from: even, to: even }).refine(({ from, to }) => from < to, 'from must be below to');
    expect(read(schema, { from: 1, to: 2 })).toContain('"from": must be even.');
    expect(read(schema, { from: 4, to: 2 })).toContain('The parameters do not fit together: from must be below to.');
    expect(read(schema, { from: 2, to: 4, more: 1 })).toContain('"more" is no parameter of probe.');
  });
});

describe('defineJob', () => {
  const define = (parameters: z.ZodObject, more: object = {}) => defineJob({ ...definition, ...more, parameters });

  test('gives the values to the job with their type', () => {
    const job = defineJob({
      ...definition,
      parameters: z.object(shape),
      run: async ({ parameters }) => [
        // The compiler checks these types.
        { days: parameters.days.toFixed(), level: parameters.level?.length ?? 0, parts: parameters.parts.join() },
      ],
    });
    defineJob({
      ...definition,
      run: async ({ parameters }) => {
        // @ts-expect-error: a job without parameters has none.
        parameters['days']?.toFixed();
        return [];
      },
    });
    expect(job.parameters.fields.map(({ kind }) => kind)).toEqual([
      'number',
      'number',
      'text',
      'text',
      'text',
      'boolean',
      'choice',
      'choice',
      'date',
      'time',
      'texts',
      'choices',
    ]);
  });

  test('describes the parameters as JSON Schema without noise', () => {
    expect(
      define(z.object({ ...shape, count: z.int(), start: z.string().startsWith('x') })).parameters.jsonSchema,
    ).toMatchObject({
      type: 'object',
      additionalProperties: false,
      required: ['count', 'start'],
      properties: {
        days: { type: 'integer', minimum: 0, maximum: 3650, default: 30 },
        since: { type: 'string', format: 'date' },
        parts: { type: 'array', items: { type: 'string', enum: ['a', 'b'] }, default: ['a'] },
      },
    });
    const { properties } = define(z.object({ count: z.int(), start: z.string().startsWith('x') })).parameters
      .jsonSchema;
    expect(properties).toEqual({ count: { type: 'integer' }, start: { type: 'string', pattern: '^x.*' } });
  });

  const only = /must be a string, number, boolean, enum of strings/;
  test.each<[string, z.ZodType, RegExp]>([
    ['a transformation', z.string().transform(Number), only],
    ['a preprocessor', z.preprocess((value) => value, z.string()), only],
    ['a coercion', z.coerce.number(), /must not coerce/],
    ['a coerced text', z.coerce.string().optional(), /must not coerce/],
    ['a date object', z.date(), only],
    ['null', z.string().nullable(), only],
    ['a union', z.union([z.string(), z.number()]), only],
    ['anything', z.unknown(), only],
    ['an object', z.object({}), only],
    ['a record', z.record(z.string(), z.string()), only],
    ['a list of numbers', z.array(z.number()), only],
    ['a list of lists', z.array(z.array(z.string())), only],
    ['a list of optional texts', z.array(z.string().optional()), only],
    ['a fallback', z.number().catch(1), only],
    ['numbers to choose from', z.literal([1, 2]), /must have strings as its values/],
    ['an enum of numbers', z.enum({ A: 1 }), /must have strings as its values/],
    ['a schema with an id', z.string().meta({ id: 'TheId' }), /must have no `id`/],
    ['a default that is refused', z.int().max(3).default(4), /default that it refuses/],
  ])('refuses %s, with the reason', (_case, field, reason) => {
    const attempt = () => define(z.object({ odd: field }));
    expect(attempt).toThrow(/^job "probe": parameters: odd /);
    expect(attempt).toThrow(reason);
  });

  test.each(['1st', 'a b', 'a=b', '', 'x'.repeat(41), 'größe'])('refuses the name %j', (name) => {
    expect(() => define(z.object({ [name]: z.string().optional() }))).toThrow(/the name ".*" must be 1 to 40 letters/);
  });

  test('refuses a schema that accepts any name', () => {
    expect(() => define(z.looseObject({}))).toThrow(/must name every parameter/);
    expect(() => define(z.strictObject({}))).not.toThrow();
  });

  test('refuses a schedule if a parameter has no default', () => {
    const schedule = '0 0 5 * * *';
    const needed = z.object({ days: z.int() });
    expect(() => define(needed, { schedule })).toThrow(/schedule needs .*"days" is missing/);
    expect(() => define(needed)).not.toThrow();
    expect(() =>
      define(z.object({ days: z.int().default(3), more: z.string().optional() }), { schedule }),
    ).not.toThrow();
  });
});

describe('a run that an earlier build started', () => {
  test('is stopped for every tenant if its parameters do not fit any more', async () => {
    const { deps, attempt, runLog, started } = await stageRun(async () => []);
    expect(await attempt(0)).toEqual({ outcome: 'succeeded' });
    const job = { ...deps.jobs.find('probe')!, parameters: jobParameters(z.object({ days: z.int() })) };
    Object.assign(deps, { jobs: createJobRegistry([job]) });
    expect(await attempt(1)).toEqual({ outcome: 'not_attempted', code: 'request_invalid' });
    expect(await attempt(2)).toEqual({ outcome: 'not_attempted', code: 'request_invalid' });
    expect(started).toEqual([tenantId(0)]);
    expect((await runLog.find(runId))?.stoppedBy).toEqual({
      code: 'request_invalid',
      detail:
        'The job was changed after the run was started. "days" is missing: it must be a whole number. The parameters of the job: days. Start the job again.',
    });
  });

  test('goes on with the defaults of parameters that were added', async () => {
    const seen: unknown[] = [];
    const { deps, attempt } = await stageRun(async (context) => {
      seen.push(context.parameters);
      return [];
    });
    const parameters = jobParameters(z.object({ days: z.int().max(10).default(3) }));
    Object.assign(deps, { jobs: createJobRegistry([{ ...deps.jobs.find('probe')!, parameters }]) });
    expect(await attempt(0)).toEqual({ outcome: 'succeeded' });
    expect(seen).toEqual([{ days: 3 }]);
  });
});

describe('jobParameters refuses what would break later', () => {
  const later = async () => false;
  test.each<[string, z.ZodObject, string]>([
    ['a name of every object', z.object({ constructor: z.string() }), 'the name "constructor" is taken by JavaScript'],
    ['another one', z.object({ toString: z.string().optional() }), 'the name "toString" is taken by JavaScript'],
    ['an overwrite that adds', z.object({ s: z.string().overwrite((text) => `${text}x`) }), 's must not change'],
    [
      'one in a list with a default',
      z.object({ s: z.array(z.string().overwrite((text) => `${text}x`)).default([]) }),
      's must not change',
    ],
    ['one of numbers', z.object({ n: z.number().overwrite((value) => value + 1) }), 'n must not change'],
    ['an asynchronous check', z.object({ s: z.string().refine(later) }), 's must be checked at once'],
    ['one of a choice', z.object({ s: z.enum(['a']).refine(later).optional() }), 's must be checked at once'],
    ['one of a list', z.object({ s: z.array(z.string()).refine(later) }), 's must be checked at once'],
    ['one of all parameters', z.object({ s: z.string() }).refine(later), 'parameters must be checked at once'],
    ['a long default', z.object({ s: z.string().default('a'.repeat(4001)) }), 's has a default that it refuses'],
  ])('%s', (_, schema, problem) => {
    expect(() => jobParameters(schema)).toThrow(problem);
  });

  test('but not what leaves its own result as it is', () => {
    const schema = z.object({ s: z.string().trim().toLowerCase().default('a'), n: z.number().overwrite(Math.round) });
    expect(read(schema, { s: ' B ', n: 1.4 })).toEqual({ s: 'b', n: 1 });
  });
});

test('refuses a long text before any check of the job sees it', () => {
  const seen: string[] = [];
  const check = (text: string): boolean => seen.push(text) > 0;
  const schema = z.object({ s: z.string().refine(check).optional(), l: z.array(z.string().refine(check)).optional() });
  const job = { name: 'probe', parameters: jobParameters(schema) };
  seen.length = 0;
  const long = 'a'.repeat(4001);
  expect(() => readParameters(job, { s: long })).toThrow('"s": a text is longer than 4000 characters.');
  expect(() => readParameters(job, { l: ['a', long] })).toThrow('"l": a text is longer than 4000 characters.');
  expect(seen).toEqual([]);
  expect(readParameters(job, { s: long.slice(1) })).toEqual({ s: long.slice(1) });
});

test('does not publish a pattern that JSON Schema would read in another way', () => {
  const schema = z.object({
    code: z.string().regex(/^abc$/i),
    both: z.string().regex(/^a/).regex(/b$/i),
    letters: z.string().regex(/^\p{L}+$/u),
  });
  expect(jobParameters(schema).jsonSchema.properties).toEqual({
    code: { type: 'string' },
    both: { type: 'string' },
    letters: { type: 'string', pattern: '^\\p{L}+$' },
  });
});
