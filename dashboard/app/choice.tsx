import { Icon } from './icon.tsx';

/** A labelled selection. The empty value means all options; `all={false}` leaves it out. */
export function Choice(props: {
  readonly label: string;
  readonly value: string;
  readonly options: readonly string[];
  /** The text of an option. Default: the option itself. */
  readonly textOf?: (option: string) => string;
  readonly onChoose: (value: string) => void;
  readonly all?: false;
}) {
  const { label, value, options, textOf, onChoose, all } = props;
  return (
    <label class={all !== false && value !== '' ? 'chip on' : 'chip'}>
      {label}{' '}
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
        {all === false ? null : <option value="">all</option>}
        {options.map((option) => (
          <option key={option} value={option}>
            {textOf?.(option) ?? option}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A field that narrows a list while the reader types. */
export function Search(props: {
  readonly value: string;
  readonly placeholder: string;
  readonly onSearch: (text: string) => void;
}) {
  return (
    <label class="field">
      <Icon name="search" />
      <span class="visually-hidden">Search</span>
      <input
        type="search"
        value={props.value}
        placeholder={props.placeholder}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => props.onSearch(event.currentTarget.value)}
      />
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
