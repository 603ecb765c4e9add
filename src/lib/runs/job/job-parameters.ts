import * as z from 'zod';
// By its own name: `z.core` as a value brings all languages of zod's messages into the bundle, 261 kB.
import { $ZodAsyncError } from 'zod/v4/core';
import { didYouMean } from '../../core/text.ts';
import { BrokerError } from '../../core/errors.ts';
import {
  type ParameterField,
  parameterFields,
  type ParametersSchema,
  type ParameterValues,
  parameterWords,
} from '../../core/parameters.ts';
import { safeParse } from '../../core/json.ts';
import { defined } from '../../core/objects.ts';

/** The parameters of a job, with what its forms, its help and the API document are made of. */
export interface JobParameters {
  /** Closed: it refuses unknown names. */
  readonly schema: z.ZodObject;
  /** What a request may send: the schema before defaults. */
  readonly jsonSchema: ParametersSchema;
  readonly fields: readonly ParameterField[];
}

/**
 * Examines the parameters of a definition. A run stores its parameters as JSON, defaults included, and checks them again
 * when it visits a tenant. So a checked value must pass the check again, unchanged.
 * @throws TypeError that names the parameter and the rule.
 */
export function jobParameters(schema?: z.ZodObject): JobParameters {
  return schema === undefined ? (noParameters ??= examined(z.object({}))) : examined(schema);
}

/** What the jobs without parameters share: to examine a schema costs 0.2 ms, at start. */
let noParameters: JobParameters | undefined;

function examined(schema: z.ZodObject): JobParameters {
  const { catchall } = schema._zod.def;
  if (catchall !== undefined && catchall._zod.def.type !== 'never')
    throw new TypeError('parameters must name every parameter: use z.object');
  for (const [name, field] of Object.entries(schema.shape)) checkField(name, field);
  const closed = schema.strict();
  const samples = Object.entries(schema.shape).map(([name, field]) => [name, samplesOf(field)[0]] as const);
  if (isAsynchronous(closed, Object.fromEntries(samples))) throw new TypeError(`parameters ${noWaiting}`);
  const jsonSchema = jsonSchemaOf(closed);
  return { schema: closed, jsonSchema, fields: parameterFields(jsonSchema) };
}

function checkField(name: string, field: z.core.$ZodType): void {
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,39}$/.test(name))
    throw new TypeError(`parameters: the name "${name}" must be 1 to 40 letters, digits, - and _, a letter first`);
  // Every object has a member of this name, so a parameter that is not given would look as if it were.
  if (name in Object.prototype) throw new TypeError(`parameters: the name "${name}" is taken by JavaScript`);
  const problem = problemOf(field, false);
  if (problem !== undefined) throw new TypeError(`parameters: ${name} ${problem}`);
  for (const sample of samplesOf(field)) {
    if (isAsynchronous(field, sample)) throw new TypeError(`parameters: ${name} ${noWaiting}`);
    if (!isStable(field, sample)) throw new TypeError(`parameters: ${name} ${noDrift}`);
  }
  // `default` is not checked by zod, and the stored value is.
  const omitted = z.safeParse(field, undefined);
  if (!omitted.success || omitted.data === undefined) return;
  if (!z.safeParse(field, omitted.data).success || tooLong(omitted.data))
    throw new TypeError(`parameters: ${name} has a default that it refuses`);
}

const allowed =
  'must be a string, number, boolean, enum of strings, z.iso.date(), z.iso.datetime(), or a list of strings or of an enum, each with `optional`, `default` and checks';

/** Why a schema cannot be a parameter. Undefined if it can. */
function problemOf(field: z.core.$ZodType, isItem: boolean): string | undefined {
  const { def } = (field as z.core.$ZodTypes)._zod;
  if (z.globalRegistry.get(field)?.id !== undefined) return 'must have no `id` in `meta`';
  switch (def.type) {
    case 'string':
      return def.coerce ? noCoercion : undefined;
    case 'number':
    case 'boolean':
      return isItem ? allowed : def.coerce ? noCoercion : undefined;
    case 'enum':
      return allTexts(Object.values(def.entries));
    case 'literal':
      return allTexts(def.values);
    case 'array':
      return isItem ? allowed : problemOf(def.element, true);
    case 'optional':
    case 'default':
    case 'prefault':
      return isItem ? allowed : problemOf(def.innerType, false);
    default:
      return allowed;
  }
}

/** Values of the type of a parameter, whether its checks accept them or not. */
function samplesOf(field: z.core.$ZodType): readonly unknown[] {
  const { def } = (field as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'string':
      return ['', 'a', ' A b ', '2026-11-24', '2026-11-24T05:00:00Z'];
    case 'number':
      return [0, 1, -2.5];
    case 'boolean':
      return [true];
    case 'enum':
      return Object.values(def.entries).slice(0, 1);
    case 'literal':
      return def.values.slice(0, 1);
    case 'array':
      return [samplesOf(def.element), []];
    case 'optional':
    case 'default':
    case 'prefault':
      return samplesOf(def.innerType);
    default:
      return [];
  }
}

/** A check that does something else than to refuse a sample is a fault of its own, which each run reports. */
function isAsynchronous(schema: z.core.$ZodType, sample: unknown): boolean {
  try {
    z.safeParse(schema, sample);
    return false;
  } catch (thrown) {
    return thrown instanceof $ZodAsyncError;
  }
}

/** Whether a checked value passes the check again, unchanged. */
function isStable(field: z.core.$ZodType, sample: unknown): boolean {
  const parsed = parsedOrNothing(field, sample);
  return parsed === undefined || parsedOrNothing(field, JSON.parse(parsed)) === parsed;
}

/** As JSON, as a run stores it. */
function parsedOrNothing(field: z.core.$ZodType, value: unknown): string | undefined {
  try {
    const parsed = z.safeParse(field, value);
    return parsed.success ? JSON.stringify(parsed.data) : undefined;
  } catch {
    return undefined;
  }
}

const noWaiting = 'must be checked at once: `refine` must not be asynchronous';
const noDrift = 'must not change a value that it has checked: give `overwrite` what leaves its own result as it is';

const noCoercion = 'must not coerce: the stored value would differ from the given one';

const allTexts = (values: readonly unknown[]): string | undefined =>
  values.every((value) => typeof value === 'string') ? undefined : 'must have strings as its values';

/** Formats that readers of JSON Schema know. The others are zod's own names for a pattern. */
const knownFormats: ReadonlySet<string> = new Set(['date', 'date-time', 'email', 'uuid', 'uri']);

function jsonSchemaOf(schema: z.ZodObject): ParametersSchema {
  const { properties = {}, required } = z.toJSONSchema(schema, { io: 'input', override: tidy });
  return defined({
    type: 'object',
    properties: properties as ParametersSchema['properties'],
    required,
    additionalProperties: false,
  });
}

/** What JSON Schema cannot say of a pattern: that case does not matter, and what `.`, `^` and `$` match. */
const unsaidFlags = /[ims]/;

function hasUnsaidFlag(check: z.core.$ZodCheck): boolean {
  const { def } = (check as z.core.$ZodChecks)._zod;
  return def.check === 'string_format' && 'pattern' in def && unsaidFlags.test(def.pattern?.flags ?? '');
}

type Override = NonNullable<z.core.ToJSONSchemaParams['override']>;

/** Removes the bounds of a safe integer and patterns with flags, and says a format or its pattern, not both. */
function tidy({ jsonSchema, zodSchema }: Parameters<Override>[0]): void {
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if ((zodSchema._zod.def.checks ?? []).some(hasUnsaidFlag)) {
    delete jsonSchema.pattern;
    delete jsonSchema.allOf;
  }
  if (jsonSchema.format === undefined) return;
  if (knownFormats.has(jsonSchema.format)) delete jsonSchema.pattern;
  else delete jsonSchema.format;
}

/** The longest text that a run is given, in UTF-16 units. */
const maxTextLength = 4000;

const tooLong = (value: unknown): boolean =>
  Array.isArray(value) ? value.some(tooLong) : typeof value === 'string' && value.length > maxTextLength;

/** Unknown names that a problem quotes. */
const maxQuoted = 5;

/**
 * Checks the parameters for a run and adds defaults.
 * @throws BrokerError request_invalid, which names each wrong parameter and those that the job has. It never quotes a
 * value.
 */
export function readParameters(
  job: { readonly name: string; readonly parameters: JobParameters },
  given: Readonly<Record<string, unknown>>,
): ParameterValues {
  const { schema, fields } = job.parameters;
  const known = fields.map(({ name }) => name);
  // Before the schema: the time that a pattern takes may grow with the square of the length.
  const long = known.find((name) => tooLong(given[name]));
  if (long !== undefined)
    throw new BrokerError('request_invalid', `"${long}": a text is longer than ${maxTextLength} characters.`);
  const parsed = safeParse(schema, given);
  // The definition allows no other values: see problemOf.
  if (parsed.success) return parsed.data as ParameterValues;
  const unknown = Object.keys(given).filter((name) => !known.includes(name));
  const problems = [
    ...unknown
      .slice(0, maxQuoted)
      .map((name) => sentence(`"${name.slice(0, 40)}" is no parameter of ${job.name}`, didYouMean(name, known))),
    ...(unknown.length > maxQuoted ? [`${unknown.length - maxQuoted} more names are unknown.`] : []),
    ...wrongValues(parsed.error.issues, fields, given),
    known.length === 0 ? 'The job has no parameters.' : `The parameters of the job: ${known.join(', ')}.`,
  ];
  throw new BrokerError('request_invalid', problems.join(' '));
}

const sentence = (text: string, question: string): string => (question === '' ? `${text}.` : text + question);

/** One sentence for each wrong parameter. */
function wrongValues(
  issues: z.ZodError['issues'],
  fields: readonly ParameterField[],
  given: Readonly<Record<string, unknown>>,
): readonly string[] {
  const sentences = issues
    .filter(({ code }) => code !== 'unrecognized_keys')
    .map((issue) => {
      const field = fields.find(({ name }) => name === issue.path[0]);
      if (field === undefined) return `The parameters do not fit together: ${issue.message}.`;
      if (given[field.name] === undefined) return `"${field.name}" is missing: it must be ${parameterWords(field)}.`;
      // A check of the job's own says more than the type.
      return issue.code === 'custom'
        ? `"${field.name}": ${issue.message}.`
        : `"${field.name}" must be ${parameterWords(field)}.`;
    });
  return [...new Set(sentences)];
}

/** Parameters that are shown. Those of an earlier version may have another form. */
export const parameterValuesSchema: z.ZodType<ParameterValues> = z.record(
  z.string(),
  z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]),
);
