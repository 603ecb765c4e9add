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
  return (
    <label>
      {props.label}{' '}
      <select value={props.value} onChange={(event) => props.onChoose(event.currentTarget.value)}>
        {props.all === false ? null : <option value="">all</option>}
        {props.options.map((option) => (
          <option key={option} value={option}>
            {props.textOf?.(option) ?? option}
          </option>
        ))}
      </select>
    </label>
  );
}
