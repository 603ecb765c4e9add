/** A field for a line of text that no dictionary knows, such as a path. */
export interface TextFieldProps {
  readonly id: string;
  readonly label: string;
  readonly placeholder: string;
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
  const { id, label, placeholder, value, onText, onLeave, examples, describedBy } = props;
  return (
    <>
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
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
