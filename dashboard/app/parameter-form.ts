import { readParameterText } from '../../src/cli/jobs/parameter-text.ts';
import type { ParameterField, ParameterValue } from '../../src/lib/core/parameters.ts';

/** What a field of the form holds: a text, or the chosen items of a list to choose from. */
export type FieldContent = string | readonly string[];
export type FormContent = Readonly<Record<string, FieldContent>>;

/**
 * The form with the defaults of the job, so that a person sees what the run will be given.
 * @param given values in place of defaults.
 */
export const initialContent = (
  fields: readonly ParameterField[],
  given: Readonly<Record<string, ParameterValue>> = {},
): FormContent => Object.fromEntries(fields.map((field) => [field.name, initialOf(field, given[field.name])]));

function initialOf({ kind, required, schema }: ParameterField, value = schema.default): FieldContent {
  if (kind === 'choices') return Array.isArray(value) ? value : [];
  if (value === undefined) return kind === 'boolean' && required ? 'false' : '';
  if (kind === 'time') return shownTime(String(value));
  return typeof value === 'object' ? value.join('\n') : String(value);
}

/** The field of a browser knows no offset, so it shows UTC. */
function shownTime(text: string): string {
  const ms = /[+-]\d\d:?\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  return (Number.isNaN(ms) ? text : new Date(ms).toISOString()).replace(/(?:\.\d+)?Z$/, '');
}

export interface FilledForm {
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** By the name of the parameter: what is wrong with its field. */
  readonly problems: Readonly<Record<string, string>>;
}

/**
 * Reads the form. A field that still shows its default is left out, because the broker applies the default, and a field cannot
 * show every one as it is. So is an empty field of a parameter that is not required.
 */
export function readForm(fields: readonly ParameterField[], content: FormContent): FilledForm {
  const parameters: Record<string, ParameterValue> = {};
  const problems: Record<string, string> = {};
  for (const field of fields) {
    const given = content[field.name] ?? '';
    if (field.schema.default !== undefined && isSame(given, initialOf(field))) continue;
    const texts = textsOf(field, given);
    if (texts === undefined) {
      if (field.required) problems[field.name] = 'This parameter is needed.';
      continue;
    }
    const read = readParameterText(field, texts);
    if ('value' in read) parameters[field.name] = read.value;
    else problems[field.name] = `It ${read.problem}.`;
  }
  return { parameters, problems };
}

const isSame = (one: FieldContent, other: FieldContent): boolean => JSON.stringify(one) === JSON.stringify(other);

/** The texts of a field. Undefined if it is empty and leaves the parameter out. */
function textsOf({ kind, schema }: ParameterField, content: FieldContent): readonly string[] | undefined {
  if (kind === 'texts' || kind === 'choices') {
    const lines = typeof content === 'string' ? content.split('\n') : content;
    const items = lines.map((line) => line.trim()).filter((line) => line !== '');
    // The field shows the default, so a person who empties it means an empty list.
    return items.length === 0 && schema.default === undefined ? undefined : items;
  }
  const text = String(content).trim();
  if (text === '') return undefined;
  return [kind === 'time' ? inUtc(text) : text];
}

/** Browsers leave out seconds of zero. */
const inUtc = (text: string): string => (/T\d\d:\d\d$/.test(text) ? `${text}:00Z` : `${text}Z`);
