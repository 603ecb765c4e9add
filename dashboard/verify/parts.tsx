import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

/** How many of a list are shown at first, and how many more at a time. */
const firstShown = 50;
const moreShown = 500;

interface SomeProps<T> {
  readonly items: readonly T[];
  /** Such as `change`. */
  readonly noun: string;
  readonly children: (shown: readonly T[]) => ComponentChildren;
}

/** A long list in parts. What is on the page is on paper. */
export function Some<T>({ items, noun, children }: SomeProps<T>) {
  const [most, setMost] = useState(firstShown);
  const left = items.length - most;
  return (
    <>
      {children(items.slice(0, most))}
      {left <= 0 ? null : (
        <p class="more">
          {most.toLocaleString('en')} of {items.length.toLocaleString('en')} {noun}s are shown.{' '}
          <button type="button" class="s" onClick={() => setMost(most + moreShown)}>
            Show {Math.min(left, moreShown).toLocaleString('en')} more
          </button>
        </p>
      )}
    </>
  );
}

interface DropProps {
  readonly id: string;
  readonly label: string;
  readonly multiple?: boolean;
  readonly accept?: string;
  readonly onFiles: (files: readonly File[]) => void;
  readonly children?: ComponentChildren;
}

/** Where files are dropped, or chosen with keyboard or mouse. */
export function Drop({ id, label, multiple = false, accept, onFiles, children }: DropProps) {
  const [isOver, setOver] = useState(false);
  const take = (list: FileList | null | undefined): void => {
    const files = [...(list ?? [])];
    if (files.length > 0) onFiles(multiple ? files : files.slice(0, 1));
  };
  return (
    <div
      class={isOver ? 'drop over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        event.stopPropagation();
        setOver(false);
        take(event.dataTransfer?.files);
      }}
    >
      <label for={id}>{label}</label>
      {children}
      <input
        id={id}
        type="file"
        multiple={multiple}
        accept={accept}
        onChange={(event) => {
          take(event.currentTarget.files);
          // The same file can be chosen again, after somebody has repaired it.
          event.currentTarget.value = '';
        }}
      />
    </div>
  );
}

const time = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const day = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });

/** The zone in which the page shows times. */
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export const dayOf = (ms: number): string => day.format(ms);

interface WhenProps {
  readonly ms: number;
  /** Leaves the day out, and shows seconds. */
  readonly short?: boolean;
}

/** A time in the reader's zone. */
export function When({ ms, short = false }: WhenProps) {
  const iso = new Date(ms).toISOString();
  return (
    <time dateTime={iso} title={`${iso.slice(0, 19).replace('T', ' ')} UTC`}>
      {(short ? clock : time).format(ms)}
    </time>
  );
}

/** A sentence, with its times in the reader's zone. */
export const Times = ({ text }: { readonly text: string }) => (
  <>
    {text
      .split(/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)/)
      .map((part, at) => (at % 2 === 1 ? <When key={at} ms={Date.parse(part)} /> : part))}
  </>
);

/** `1 change`, `25 changes`. */
export const counted = (n: number, noun: string): string => `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;

/** A field that narrows a list while the reader types. */
export const SearchField = (props: {
  /** What is searched, for screen readers. */
  readonly of: string;
  readonly placeholder: string;
  readonly class?: string;
  readonly value: string;
  readonly onText: (text: string) => void;
}) => (
  <label class={props.class ?? 'field'}>
    <span class="visually-hidden">Search the {props.of}</span>
    <input
      type="search"
      placeholder={props.placeholder}
      autocomplete="off"
      value={props.value}
      onInput={(event) => props.onText(event.currentTarget.value)}
    />
  </label>
);
