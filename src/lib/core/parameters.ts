/** A value of a job's parameter. */
export type ParameterValue = string | number | boolean | readonly string[];

/** The values of a job's parameters by name. */
export type ParameterValues = Readonly<Record<string, ParameterValue>>;

/** The JSON Schema of one parameter, with the keywords that are read here. */
interface ParameterSchema {
  readonly type?: unknown;
  readonly title?: string;
  readonly description?: string;
  readonly default?: ParameterValue;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: ParameterSchema;
}

/** The JSON Schema (2020-12) of a job's parameters: a closed object. */
export interface ParametersSchema {
  readonly type: 'object';
  readonly additionalProperties: false;
  readonly properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly required?: readonly string[] | undefined;
}

/** A parameter as forms and help show it. */
export interface ParameterField {
  readonly name: string;
  /** `texts` and `choices` are lists. */
  readonly kind: 'text' | 'number' | 'boolean' | 'choice' | 'date' | 'time' | 'texts' | 'choices';
  /** For `choice` and `choices`. */
  readonly choices: readonly string[];
  /** Whether a run cannot be started without it. */
  readonly required: boolean;
  readonly schema: ParameterSchema;
}

/**
 * The parameters of a job, in the order of their definition.
 * @throws TypeError for a parameter that no form and no command line can show, which `defineJob` refuses.
 */
export const parameterFields = ({
  properties,
  required = [],
}: Pick<ParametersSchema, 'properties' | 'required'>): readonly ParameterField[] =>
  Object.entries(properties).map(([name, property]) => {
    const schema = property as ParameterSchema;
    const shown = shownAs(schema);
    if (shown === undefined) throw new TypeError(`the parameter ${name} cannot be shown`);
    return { name, ...shown, required: required.includes(name), schema };
  });

function shownAs(schema: ParameterSchema): Pick<ParameterField, 'kind' | 'choices'> | undefined {
  const choices = choicesOf(schema);
  switch (schema.type) {
    case 'string':
      if (choices !== undefined) return { kind: 'choice', choices };
      return { kind: kindsByFormat.get(schema.format ?? '') ?? 'text', choices: [] };
    case 'number':
    case 'integer':
      return schema.enum === undefined && schema.const === undefined ? { kind: 'number', choices: [] } : undefined;
    case 'boolean':
      return { kind: 'boolean', choices: [] };
    case 'array': {
      if (schema.items?.type !== 'string') return undefined;
      const listed = choicesOf(schema.items);
      return listed === undefined ? { kind: 'texts', choices: [] } : { kind: 'choices', choices: listed };
    }
    default:
      return undefined;
  }
}

const kindsByFormat: ReadonlyMap<string, 'date' | 'time'> = new Map([
  ['date', 'date'],
  ['date-time', 'time'],
]);

function choicesOf(schema: ParameterSchema): readonly string[] | undefined {
  const values = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  return values?.every((value) => typeof value === 'string') === true ? values : undefined;
}

/** The parameters of a run in one line: `days = 30; parts = a, b`. */
export const parametersText = (values: ParameterValues): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} = ${typeof value === 'object' ? value.join(', ') : String(value)}`)
    .join('; ');

/** What a parameter must be, to follow "must be": `a whole number from 0 to 3650`. */
export function parameterWords({ kind, choices, schema }: ParameterField): string {
  switch (kind) {
    case 'text':
      return textWords(schema);
    case 'number':
      return numberWords(schema);
    case 'boolean':
      return 'true or false';
    case 'choice':
      return oneOf(choices);
    case 'date':
      return 'a date such as 2026-11-24';
    case 'time':
      return 'a time such as 2026-11-24T05:00:00Z';
    case 'texts':
      return `a list${itemsWords(schema)}, each ${textWords(schema.items ?? {})}`;
    case 'choices':
      return `a list${itemsWords(schema)}, each ${oneOf(choices)}`;
  }
}

const oneOf = (choices: readonly string[]): string =>
  choices.length === 1 ? `${choices[0]}` : `one of ${choices.join(', ')}`;

const wordsByFormat: ReadonlyMap<string, string> = new Map([
  ['email', 'an e-mail address'],
  ['uuid', 'a GUID'],
  ['uri', 'a URL'],
]);

function textWords({ format = '', pattern, minLength, maxLength }: ParameterSchema): string {
  const kind = wordsByFormat.get(format) ?? 'a text';
  const length = rangeWords({ least: minLength, most: maxLength });
  if (minLength === 1 && maxLength === undefined && pattern === undefined) return `${kind} that is not empty`;
  const form = pattern === undefined || wordsByFormat.has(format) ? '' : ` that matches ${pattern}`;
  return `${kind}${length === '' ? '' : ` of${length.replace(' of', '')} characters`}${form}`;
}

function numberWords(schema: ParameterSchema): string {
  const { type, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  return [
    type === 'integer' ? 'a whole number' : 'a number',
    rangeWords({ least: minimum, most: maximum, from: ' from' }),
    exclusiveMinimum === undefined ? '' : ` above ${exclusiveMinimum}`,
    exclusiveMaximum === undefined ? '' : ` below ${exclusiveMaximum}`,
    multipleOf === undefined ? '' : `, a multiple of ${multipleOf}`,
  ].join('');
}

function itemsWords({ minItems, maxItems }: ParameterSchema): string {
  const length = rangeWords({ least: minItems, most: maxItems });
  return length === '' ? '' : ` of${length.replace(' of', '')}`;
}

function rangeWords(range: { least?: number | undefined; most?: number | undefined; from?: string }): string {
  const { least, most, from = '' } = range;
  if (least !== undefined && most !== undefined) return least === most ? ` ${least}` : `${from} ${least} to ${most}`;
  if (least !== undefined) return ` of at least ${least}`;
  return most === undefined ? '' : ` of at most ${most}`;
}
