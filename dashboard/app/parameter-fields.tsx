import { wordsOf } from '../../src/lib/api/report/report-words.ts';
import { capitalized } from '../../src/lib/core/text.ts';
import { type ParameterField, parameterWords } from '../../src/lib/core/parameters.ts';
import { Sentence } from '../shared/text.tsx';
import type { FieldContent } from './parameter-form.ts';
import { Check } from './choice.tsx';

interface FieldProps {
  readonly field: ParameterField;
  readonly content: FieldContent;
  readonly problem: string | undefined;
  readonly onInput: (content: FieldContent) => void;
}

/** The element of a parameter that takes the focus. */
export const parameterId = (name: string): string => `start-parameter-${name}`;

/** A field with its title, what it is for and may hold, and what is wrong with it. */
export function Parameter(props: FieldProps) {
  const { field, content, problem, onInput } = props;
  const id = parameterId(field.name);
  const hint = hintOf(field);
  const notes = [hint === '' ? [] : `${id}-hint`, problem === undefined ? [] : `${id}-problem`].flat();
  const described = notes.length === 0 ? {} : { 'aria-describedby': notes.join(' ') };
  const isList = field.kind === 'choices';
  const Frame = isList ? 'fieldset' : 'div';
  return (
    <Frame class="parameter" {...(isList ? described : {})}>
      {isList ? <legend>{titleOf(field)}</legend> : null}
      {isList || isSwitch(field) ? null : <label for={id}>{titleOf(field)}</label>}
      <Control
        {...props}
        attributes={{
          id,
          'aria-invalid': problem !== undefined,
          'aria-required': field.required,
          ...described,
          value: String(content),
          onInput: (event) => onInput(event.currentTarget.value),
        }}
      />
      {hint === '' ? null : (
        <p class="small quiet" id={`${id}-hint`}>
          <Sentence text={hint} />
        </p>
      )}
      {problem === undefined ? null : (
        <p class="problem" id={`${id}-problem`}>
          {problem}
        </p>
      )}
    </Frame>
  );
}

/** Without a default, nothing is a third answer. */
const isSwitch = ({ kind, required, schema }: ParameterField): boolean =>
  kind === 'boolean' && (required || schema.default !== undefined);

const titleOf = ({ name, schema, kind, required }: ParameterField): string =>
  [schema.title ?? name, kind === 'time' ? ' (UTC)' : '', required ? ' (needed)' : ''].join('');

const hintOf = (field: ParameterField): string =>
  [field.schema.description, rule(field), defaultHint(field)].filter((text) => text !== undefined).join(' ');

/** What a person cannot see from the field itself. */
function rule(field: ParameterField): string | undefined {
  const { kind, schema } = field;
  if (kind === 'texts') return `One item a line${schema.maxItems === undefined ? '' : `, at most ${schema.maxItems}`}.`;
  const isLimited = kind === 'number' || (kind === 'text' && parameterWords(field) !== 'a text');
  const isCounted = kind === 'choices' && (schema.minItems !== undefined || schema.maxItems !== undefined);
  const words = parameterWords(field);
  return isLimited || isCounted ? `${capitalized(words)}.` : undefined;
}

function defaultHint({ kind, schema: { default: value } }: ParameterField): string | undefined {
  const isTyped = kind === 'text' || kind === 'number' || kind === 'date' || kind === 'time';
  return isTyped && value !== undefined && value !== '' ? `Default: ${String(value)}.` : undefined;
}

/** Resources are known by their names, and not by the alias that the job takes. */
const choiceText = (choice: string): string => wordsOf(choice, 'resource');

interface Attributes {
  readonly id: string;
  readonly 'aria-invalid': boolean;
  readonly 'aria-required': boolean;
  readonly 'aria-describedby'?: string;
  readonly value: string;
  readonly onInput: (event: { readonly currentTarget: { readonly value: string } }) => void;
}

function Control(props: FieldProps & { readonly attributes: Attributes }) {
  const { field, content, onInput, attributes } = props;
  const { id, onInput: onChange, ...others } = attributes;
  const { kind, schema } = field;
  if (isSwitch(field)) {
    const described = { 'aria-describedby': attributes['aria-describedby'] };
    const title = schema.title ?? field.name;
    const change = (checked: boolean): void => onInput(String(checked));
    return <Check label={title} id={id} checked={content === 'true'} onChange={change} {...described} />;
  }
  if (kind === 'choices') return <Choices {...props} />;
  if (kind === 'choice' || kind === 'boolean')
    return (
      <select id={id} {...others} onChange={onChange}>
        {schema.default === undefined ? <option value="">{field.required ? 'Choose' : 'not given'}</option> : null}
        {(kind === 'boolean' ? ['true', 'false'] : field.choices).map((option) => (
          <option key={option} value={option}>
            {kind === 'boolean' ? (option === 'true' ? 'yes' : 'no') : choiceText(option)}
          </option>
        ))}
      </select>
    );
  if (kind === 'texts') return <textarea {...attributes} rows={3} />;
  if (kind === 'date') return <input {...attributes} type="date" />;
  if (kind === 'time') return <input {...attributes} type="datetime-local" step={1} />;
  // A number is typed as text: a browser reports a wrong one as empty, and the reader would not learn why.
  const isWhole = kind === 'number' && schema.type === 'integer' && (schema.minimum ?? -1) >= 0;
  return <input {...attributes} type="text" autocomplete="off" inputMode={isWhole ? 'numeric' : 'text'} />;
}

function Choices({ field, content, onInput }: FieldProps) {
  const chosen = typeof content === 'string' ? [] : content;
  const toggle = (choice: string): void =>
    // In the order of the schema, whatever the order of the clicks.
    onInput(field.choices.filter((each) => (each === choice ? !chosen.includes(each) : chosen.includes(each))));
  return (
    <div class="choices">
      {field.choices.map((choice, index) => (
        <Check
          key={choice}
          label={choiceText(choice)}
          id={index === 0 ? parameterId(field.name) : undefined}
          checked={chosen.includes(choice)}
          onChange={() => toggle(choice)}
        />
      ))}
    </div>
  );
}
