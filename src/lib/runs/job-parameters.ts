import * as z from 'zod';
import { didYouMean } from '../model/did-you-mean.ts';
import { BrokerError } from '../model/errors.ts';
import {
  type ParameterField,
  parameterFields,
  type ParametersSchema,
  type ParameterValues,
  parameterWords,
} from '../model/parameters.ts';
import { safeParse } from '../runtime/safe-parse.ts';

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
export function jobParameters(schema: z.ZodObject = z.object({})): JobParameters {
  const { catchall } = schema._zod.def;
  if (catchall !== undefined && catchall._zod.def.type !== 'never')
    throw new TypeError('parameters must name every parameter: use z.object');
  for (const [name, field] of Object.entries(schema.shape)) checkField(name, field);
  const closed = schema.strict();
  const jsonSchema = jsonSchemaOf(closed);
  return { schema: closed, jsonSchema, fields: parameterFields(jsonSchema) };
}

function checkField(name: string, field: z.core.$ZodType): void {
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,39}$/.test(name))
    throw new TypeError(`parameters: the name "${name}" must be 1 to 40 letters, digits, - and _, a letter first`);
  const problem = problemOf(field, false);
  if (problem !== undefined) throw new TypeError(`parameters: ${name} ${problem}`);
  // `default` is not checked by zod, and the stored value is.
  const omitted = z.safeParse(field, undefined);
  if (omitted.success && omitted.data !== undefined && !z.safeParse(field, omitted.data).success)
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

const noCoercion = 'must not coerce: the stored value would differ from the given one';

const allTexts = (values: readonly unknown[]): string | undefined =>
  values.every((value) => typeof value === 'string') ? undefined : 'must have strings as its values';

/** Formats that readers of JSON Schema know. The others are zod's own names for a pattern. */
const knownFormats: ReadonlySet<string> = new Set(['date', 'date-time', 'email', 'uuid', 'uri']);

function jsonSchemaOf(schema: z.ZodObject): ParametersSchema {
  const { properties = {}, required } = z.toJSONSchema(schema, { io: 'input', override: tidy });
  return {
    type: 'object',
    properties: properties as ParametersSchema['properties'],
    ...(required === undefined ? {} : { required }),
    additionalProperties: false,
  };
}

/** Removes the bounds of a safe integer, and says a format or its pattern, not both. */
function tidy({ jsonSchema }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.format === undefined) return;
  if (knownFormats.has(jsonSchema.format)) delete jsonSchema.pattern;
  else delete jsonSchema.format;
}

/** A job as far as its parameters are concerned. */
interface Parametrized {
  readonly name: string;
  readonly parameters: JobParameters;
}

/** Unknown names that a problem quotes. */
const maxQuoted = 5;

/**
 * Checks the parameters for a run and adds defaults.
 * @throws BrokerError request_invalid, which names each wrong parameter and those that the job has. It never quotes a
 * value.
 */
export function readParameters(job: Parametrized, given: Readonly<Record<string, unknown>>): ParameterValues {
  const { schema, fields } = job.parameters;
  const known = fields.map(({ name }) => name);
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

type Issues = Pick<z.ZodError, 'issues'>['issues'];

/** One sentence for each wrong parameter. */
function wrongValues(
  issues: Issues,
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
