import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { Icon, type IconName } from './icon.tsx';
import { reasonLength } from '../../src/lib/core/text.ts';

/** A labelled selection. The empty value means all options; `all={false}` leaves it out. */
export function Choice(props: {
  readonly label: string;
  readonly value: string;
  readonly options: readonly string[];
  /** The text of an option. Default: the option itself. */
  readonly textOf?: (option: string) => string;
  readonly onChoose: (value: string) => void;
  readonly all?: false;
  /** Whether it leaves something out. */
  readonly isSet?: boolean;
}) {
  const { label, value, options, textOf, onChoose, all, isSet = all !== false && value !== '' } = props;
  return (
    <label class={isSet ? 'chip on' : 'chip'}>
      {label}{' '}
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
        {all === false ? null : <option value="">all</option>}
        {options.map((option) => (
          <option key={option} value={option}>
            {textOf?.(option) ?? option}
          </option>
        ))}
      </select>
      <Icon name="down" />
    </label>
  );
}

interface FieldProps {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly placeholder?: string;
  readonly type?: 'search' | 'text' | 'number' | 'date' | 'datetime-local';
  readonly required?: boolean;
  /** In place of the label, which screen readers say. */
  readonly icon?: IconName;
}

/** A labelled field of a filter. */
export function Field({ label, icon, onInput, type = 'search', ...attributes }: FieldProps) {
  return (
    <label class="field">
      {icon === undefined ? null : <Icon name={icon} />}
      <span class={icon === undefined ? undefined : 'visually-hidden'}>{label}</span>{' '}
      <input
        {...({ type, ...attributes } as object)}
        step={type === 'number' ? 'any' : undefined}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}

/** A field that narrows a list while the reader types. */
export const Search = (props: Pick<FieldProps, 'value' | 'onInput'> & { readonly placeholder: string }) => (
  <Field label="Search" icon="search" {...props} />
);

/** A labelled check box. */
export function Check(props: {
  readonly label: ComponentChildren;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
  readonly id?: string | undefined;
}) {
  const { label, onChange, ...attributes } = props;
  return (
    <label class="check">
      <input type="checkbox" {...attributes} onChange={(event) => onChange(event.currentTarget.checked)} /> {label}
    </label>
  );
}

/** A choice of a few options with their counts. The empty value means all. */
export function Segments(props: {
  /** Accessible name. */
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, text: string, count?: number])[];
  readonly onChoose: (value: string) => void;
}) {
  return (
    <div class="seg" role="group" aria-label={props.label}>
      {props.options.map(([value, text, count]) => (
        <button key={value} type="button" aria-pressed={value === props.value} onClick={() => props.onChoose(value)}>
          {text} {count === undefined ? null : <span>{count.toLocaleString('en')}</span>}
        </button>
      ))}
    </div>
  );
}

/** The options with the chosen one, which the data may lack. */
export const withChosen = (options: readonly string[], chosen: string | undefined): readonly string[] =>
  chosen === undefined || options.includes(chosen) ? options : [...options, chosen];

/** A field for a line of text that no dictionary knows, such as a path. */
export interface TextFieldProps {
  readonly id: string;
  readonly label: string;
  readonly placeholder: string;
  /** `number`: from 0, and needed. */
  readonly type?: 'text' | 'number';
  readonly value: string;
  readonly onText: (text: string) => void;
  /** When the field is left with another text. */
  readonly onLeave?: () => void;
  /** Suggestions. */
  readonly examples?: readonly string[];
  /** Id of the element that describes the field. */
  readonly describedBy?: string;
}

export function TextField(props: TextFieldProps) {
  const { id, label, placeholder, type = 'text', value, onText, onLeave, examples, describedBy } = props;
  return (
    <>
      <label for={id}>{label}</label>
      <input
        id={id}
        type={type}
        min={type === 'number' ? 0 : undefined}
        required={type === 'number'}
        list={examples && `${id}-examples`}
        placeholder={placeholder}
        autoComplete="off"
        spellcheck={false}
        value={value}
        onInput={(event) => onText(event.currentTarget.value)}
        onChange={onLeave}
        aria-describedby={describedBy}
      />
      {examples === undefined ? null : (
        <datalist id={`${id}-examples`}>
          {examples.map((example) => (
            <option key={example} value={example} />
          ))}
        </datalist>
      )}
    </>
  );
}

/** The reason of a decision, with its field. A short one explains nothing. @param field.isNeeded default: it may be left out. */
export function useReason(field: {
  readonly id: string;
  readonly label: string;
  readonly first?: string | undefined;
  readonly isNeeded?: true;
  /** Id of the element that describes the field. */
  readonly describedBy?: string;
}) {
  const { id, label, first = '', isNeeded, describedBy = '' } = field;
  const [text, setText] = useState(first);
  const [isShort, setShort] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const reason = text.trim();
  /** Says so, and leads to the field, if the reason cannot be sent. */
  const isFit = (): boolean => {
    const isFound = reason.length < reasonLength.least && (isNeeded === true || reason !== '');
    setShort(isFound);
    if (isFound) area.current?.focus();
    return !isFound;
  };
  const element = (
    <>
      <label for={id}>{label}</label>
      <textarea
        id={id}
        ref={area}
        rows={isNeeded === true ? 2 : 1}
        maxLength={reasonLength.most}
        value={text}
        aria-invalid={isShort}
        aria-describedby={`${describedBy}${isShort ? ` ${id}-problem` : ''}`.trim() || undefined}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setShort(false);
        }}
      />
      {isShort ? (
        <p class="problem" id={`${id}-problem`}>
          Write at least {reasonLength.least} characters.
        </p>
      ) : null}
    </>
  );
  return { reason, area, isFit, element };
}
