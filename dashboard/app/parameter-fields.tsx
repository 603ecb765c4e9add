import type { ComponentChildren } from 'preact';
import { type ParameterField, parameterWords } from '../../src/lib/core/parameters.ts';
import { Sentence } from '../shared/text.tsx';
import type { FieldContent, FormContent } from './parameter-form.ts';
import { Check } from './choice.tsx';

interface FieldProps {
  readonly field: ParameterField;
  readonly content: FieldContent;
  readonly problem: string | undefined;
  readonly onInput: (content: FieldContent) => void;
}

/** The element of a parameter that takes the focus. */
export const parameterId = (name: string): string => `start-parameter-${name}`;

/** A field for each parameter of a job. */
export function ParameterFields(props: {
  readonly fields: readonly ParameterField[];
  readonly content: FormContent;
  readonly problems: Readonly<Record<string, string>>;
  readonly onInput: (name: string, content: FieldContent) => void;
}) {
  const { fields, content, problems, onInput } = props;
  return (
    <>
      {fields.map((field) => (
        <Parameter
          key={field.name}
          field={field}
          content={content[field.name] ?? ''}
          problem={problems[field.name]}
          onInput={(next) => onInput(field.name, next)}
        />
      ))}
    </>
  );
}

function Parameter(props: FieldProps) {
  const { field } = props;
  switch (field.kind) {
    case 'choices':
      return <Choices {...props} />;
    case 'boolean':
      // Without a default, nothing is a third answer.
      return field.required || field.schema.default !== undefined ? <Switch {...props} /> : <OneOf {...props} />;
    case 'choice':
      return <OneOf {...props} />;
    case 'texts':
      return <Lines {...props} />;
    default:
      return <Text {...props} />;
  }
}

const titleOf = ({ name, schema, kind, required }: ParameterField): string =>
  [schema.title ?? name, kind === 'time' ? ' (UTC)' : '', required ? ' (needed)' : ''].join('');

/** What the field is for and what it may hold, and what is wrong with it. */
function Notes({ field, problem }: Pick<FieldProps, 'field' | 'problem'>) {
  const { name } = field;
  const hint = hintOf(field);
  return (
    <>
      {hint === '' ? null : (
        <p class="quiet" id={`${parameterId(name)}-hint`}>
          <Sentence text={hint} />
        </p>
      )}
      {problem === undefined ? null : (
        <p class="problem" id={`${parameterId(name)}-problem`}>
          {problem}
        </p>
      )}
    </>
  );
}

const hintOf = (field: ParameterField): string =>
  [field.schema.description, rule(field), defaultHint(field)].filter((text) => text !== undefined).join(' ');

/** What a person cannot see from the field itself. */
function rule(field: ParameterField): string | undefined {
  const { kind, schema } = field;
  if (kind === 'texts') return `One item a line${schema.maxItems === undefined ? '' : `, at most ${schema.maxItems}`}.`;
  const isLimited = kind === 'number' || (kind === 'text' && parameterWords(field) !== 'a text');
  const isCounted = kind === 'choices' && (schema.minItems !== undefined || schema.maxItems !== undefined);
  const words = parameterWords(field);
  return isLimited || isCounted ? `${words.charAt(0).toUpperCase()}${words.slice(1)}.` : undefined;
}

function defaultHint({ kind, schema: { default: value } }: ParameterField): string | undefined {
  const isTyped = kind === 'text' || kind === 'number' || kind === 'date' || kind === 'time';
  return isTyped && value !== undefined && value !== '' ? `Default: ${String(value)}.` : undefined;
}

function described({ field, problem }: FieldProps) {
  const id = parameterId(field.name);
  const notes = [...(hintOf(field) === '' ? [] : [`${id}-hint`]), ...(problem === undefined ? [] : [`${id}-problem`])];
  return notes.length === 0 ? {} : { 'aria-describedby': notes.join(' ') };
}

type InputAttributes = ReturnType<typeof attributes> & {
  readonly value: string;
  readonly onInput: (event: { readonly currentTarget: HTMLInputElement }) => void;
};

function attributes(props: FieldProps) {
  const { field, problem } = props;
  return {
    id: parameterId(field.name),
    'aria-invalid': problem !== undefined,
    'aria-required': field.required,
    ...described(props),
  };
}

function Labelled({ children, ...props }: FieldProps & { readonly children: ComponentChildren }) {
  return (
    <div class="parameter">
      <label for={parameterId(props.field.name)}>{titleOf(props.field)}</label>
      {children}
      <Notes {...props} />
    </div>
  );
}

function Text(props: FieldProps) {
  const { field, content, onInput } = props;
  const common = {
    ...attributes(props),
    value: String(content),
    onInput: (event: { readonly currentTarget: HTMLInputElement }) => onInput(event.currentTarget.value),
  };
  return <Labelled {...props}>{inputFor(field, common)}</Labelled>;
}

function inputFor({ kind, schema }: ParameterField, common: InputAttributes) {
  if (kind === 'date') return <input {...common} type="date" />;
  if (kind === 'time') return <input {...common} type="datetime-local" step={1} />;
  if (kind === 'text') return <input {...common} type="text" autocomplete="off" />;
  // A number is typed as text: a browser reports a wrong one as empty, and the reader would not learn why.
  const inputMode = schema.type === 'integer' && (schema.minimum ?? -1) >= 0 ? 'numeric' : 'text';
  return <input {...common} type="text" autocomplete="off" inputMode={inputMode} />;
}

function Lines(props: FieldProps) {
  return (
    <Labelled {...props}>
      <textarea
        {...attributes(props)}
        rows={3}
        value={String(props.content)}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
    </Labelled>
  );
}

function OneOf(props: FieldProps) {
  const { field, content, onInput } = props;
  const { kind, choices, required, schema } = field;
  const options = kind === 'boolean' ? ['true', 'false'] : choices;
  const words: Readonly<Record<string, string>> = kind === 'boolean' ? { true: 'yes', false: 'no' } : {};
  return (
    <Labelled {...props}>
      <select {...attributes(props)} value={String(content)} onChange={(event) => onInput(event.currentTarget.value)}>
        {schema.default === undefined ? <option value="">{required ? 'Choose' : 'not given'}</option> : null}
        {options.map((option) => (
          <option key={option} value={option}>
            {words[option] ?? option}
          </option>
        ))}
      </select>
    </Labelled>
  );
}

function Switch(props: FieldProps) {
  const { field, content, problem, onInput } = props;
  return (
    <div class="parameter">
      <Check
        label={field.schema.title ?? field.name}
        id={parameterId(field.name)}
        checked={content === 'true'}
        onChange={(checked) => onInput(String(checked))}
        {...described(props)}
      />
      <Notes field={field} problem={problem} />
    </div>
  );
}

function Choices(props: FieldProps) {
  const { field, content, problem, onInput } = props;
  const chosen = typeof content === 'string' ? [] : content;
  const toggle = (choice: string): void =>
    // In the order of the schema, whatever the order of the clicks.
    onInput(field.choices.filter((each) => (each === choice ? !chosen.includes(each) : chosen.includes(each))));
  return (
    <fieldset class="parameter" {...described(props)}>
      <legend>{titleOf(field)}</legend>
      <div class="choices">
        {field.choices.map((choice, index) => (
          <Check
            key={choice}
            label={choice}
            id={index === 0 ? parameterId(field.name) : undefined}
            checked={chosen.includes(choice)}
            onChange={() => toggle(choice)}
          />
        ))}
      </div>
      <Notes field={field} problem={problem} />
    </fieldset>
  );
}
