import { readParameterText } from '../../src/lib/model/parameter-text.ts';
import type { ParameterField, ParameterValue } from '../../src/lib/model/parameters.ts';

/** What a field of the form holds: a text, or the chosen items of a list to choose from. */
export type FieldContent = string | readonly string[];
export type FormContent = Readonly<Record<string, FieldContent>>;

/** The form with the defaults of the job, so that a person sees what the run will be given. */
export const initialContent = (fields: readonly ParameterField[]): FormContent =>
  Object.fromEntries(fields.map((field) => [field.name, initialOf(field)]));

function initialOf({ kind, required, schema: { default: value } }: ParameterField): FieldContent {
  if (kind === 'choices') return Array.isArray(value) ? value : [];
  if (value === undefined) return kind === 'boolean' && required ? 'false' : '';
  if (kind === 'time') return String(value).replace(/(?:\.\d+)?Z$/, '');
  return typeof value === 'object' ? value.join('\n') : String(value);
}

export interface FilledForm {
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** By the name of the parameter: what is wrong with its field. */
  readonly problems: Readonly<Record<string, string>>;
}

/** Reads the form. An empty field of a parameter with a default, or that is optional, is left out. */
export function readForm(fields: readonly ParameterField[], content: FormContent): FilledForm {
  const parameters: Record<string, ParameterValue> = {};
  const problems: Record<string, string> = {};
  for (const field of fields) {
    const texts = textsOf(field, content[field.name] ?? '');
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
