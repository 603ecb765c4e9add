import { type ParameterField, type ParameterValue, parameterWords } from '../../lib/core/parameters.ts';

/** A parameter that was read, or why not: the sentence without its subject. */
export type ReadParameter = { readonly value: ParameterValue } | { readonly problem: string };

/**
 * Reads a parameter as a person writes it on a command line or in a form. The broker checks patterns and formats of texts:
 * here only what a person should learn before anything is sent.
 * @param texts one text, or the items of a list. A list of one empty text is an empty list.
 */
export function readParameterText(field: ParameterField, texts: readonly string[]): ReadParameter {
  const value = valueOf(field, texts);
  return value !== undefined && fits(field, value) ? { value } : { problem: `must be ${parameterWords(field)}` };
}

const isNumber = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function valueOf({ kind }: ParameterField, texts: readonly string[]): ParameterValue | undefined {
  const [first = ''] = texts;
  switch (kind) {
    case 'texts':
    case 'choices':
      return texts.length === 1 && first === '' ? [] : texts;
    case 'number':
      return isNumber.test(first.trim()) ? Number(first) : undefined;
    case 'boolean':
      return first === 'true' ? true : first === 'false' ? false : undefined;
    default:
      return first;
  }
}

function fits(field: ParameterField, value: ParameterValue): boolean {
  const { schema, choices, kind } = field;
  if (typeof value === 'number') return fitsNumber(field, value);
  if (typeof value === 'boolean') return true;
  if (typeof value !== 'string') {
    const { minItems = 0, maxItems = Number.POSITIVE_INFINITY } = schema;
    const known = kind === 'texts' || value.every((item) => choices.includes(item));
    return known && value.length >= minItems && value.length <= maxItems;
  }
  if (kind === 'choice') return choices.includes(value);
  if (kind === 'date') return isDate(value);
  if (kind === 'time') return value.includes('T') && !Number.isNaN(Date.parse(value));
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY } = schema;
  return value.length >= minLength && value.length <= maxLength;
}

function fitsNumber({ schema }: ParameterField, value: number): boolean {
  const { type, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const lowest = Number.NEGATIVE_INFINITY;
  const highest = Number.POSITIVE_INFINITY;
  return (
    Number.isFinite(value) &&
    (type !== 'integer' || Number.isSafeInteger(value)) &&
    value >= (minimum ?? lowest) &&
    value <= (maximum ?? highest) &&
    value > (exclusiveMinimum ?? lowest) &&
    value < (exclusiveMaximum ?? highest)
  );
}

/** `Date.parse` accepts 2026-02-30 in some engines, as a day in March. */
function isDate(text: string): boolean {
  const ms = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}
