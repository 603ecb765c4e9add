import { type ComponentChildren, Fragment } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { outcomeStyle, outcomeWord } from '../../src/lib/core/outcomes.ts';
import { Notice, Problem } from '../shared/text.tsx';
import type { ApiFailure } from './api-failure.ts';
import { capitalized } from '../../src/lib/core/text.ts';
import { count, exactLocalTime, localClock, localTime, shortLocalTime, utcTime } from './format.ts';
import { Icon } from './icon.tsx';
import type { Polled } from './polling.ts';
import { titleOf } from '../../src/lib/api/trouble.ts';

export type Tone = ReturnType<typeof outcomeStyle>['tone'];

const tones: Readonly<Record<string, Tone>> = {
  ok: 'good',
  issued: 'good',
  changed: 'good',
  approved: 'good',
  answered: 'good',
  called: 'good',
  sent: 'idle',
  degraded: 'warn',
  down: 'bad',
  denied: 'bad',
  revoked: 'bad',
  failed: 'bad',
};

/** A state, shown by a sign, by a word and by colour. */
export function ToneBadge(props: {
  readonly tone: Tone;
  readonly title?: string;
  readonly children: ComponentChildren;
}) {
  const { tone, title, children } = props;
  return (
    <span class={`badge ${tone}`} title={title}>
      <Icon name={tone} />
      <span class="cut">{children}</span>
    </span>
  );
}

/** A state of the API. */
export function Badge({ state, children }: { readonly state: string; readonly children?: ComponentChildren }) {
  return <ToneBadge tone={tones[state] ?? 'idle'}>{children ?? state}</ToneBadge>;
}

/**
 * The outcome of a run or of a tenant in a run.
 * @param props.code is named instead of the word: the error code of a failed tenant.
 */
export function OutcomeBadge({ outcome, code }: { readonly outcome: string; readonly code?: string | undefined }) {
  const text = outcome === 'failed' && code !== undefined ? titleOf(code) : outcomeWord(outcome);
  return (
    <ToneBadge tone={outcomeStyle(outcome).tone} title={text}>
      {text}
    </ToneBadge>
  );
}

/**
 * A time in the reader's zone, with the UTC time as its title.
 * @param props.exact shows seconds.
 * @param props.short leaves out the year unless it is another one.
 */
export function Time(props: { readonly iso: string; readonly exact?: boolean; readonly short?: boolean }) {
  const { iso, exact = false, short = false } = props;
  return (
    <time dateTime={iso} title={utcTime(iso)}>
      {exact ? exactLocalTime(iso) : short ? shortLocalTime(iso) : localTime(iso)}
    </time>
  );
}

/** The time of day, where the day is known, with the UTC time as its title. @param props.exact shows seconds. */
export function Clock({ iso, exact = false }: { readonly iso: string; readonly exact?: boolean }) {
  return (
    <time dateTime={iso} title={utcTime(iso)}>
      {localClock(iso, exact)}
    </time>
  );
}

interface HeadProps {
  /** The answer of a list, or the name of a thing. */
  readonly title: ComponentChildren;
  /** Names the view in the title of the window. Default: `title`, then a text. */
  readonly name?: string;
  /** Where the view belongs to: address and name of the list, and the address of what the view is named after. */
  readonly in?: readonly [string, string, string?];
  readonly lede?: ComponentChildren;
  readonly about?: ComponentChildren;
  /** Buttons. */
  readonly children?: ComponentChildren;
}

/** The head of a view. */
export function Head({ title, name, in: list, lede, about, children }: HeadProps) {
  return (
    <div class="head">
      <div>
        {list === undefined ? null : (
          <nav class="crumbs" aria-label="Breadcrumb">
            <a href={list[0]}>{list[1]}</a>
            {/* Not what the title says. */}
            {name && <span aria-hidden="true">/</span>}
            {name && (list[2] === undefined ? <span class="cut">{name}</span> : <a href={list[2]}>{name}</a>)}
          </nav>
        )}
        <h1 data-name={name}>{title}</h1>
        {lede === undefined ? null : <p class="lede">{lede}</p>}
        {about === undefined ? null : <div class="about">{about}</div>}
      </div>
      {children === undefined ? null : <div class="actions">{children}</div>}
    </div>
  );
}

export function Failure(props: {
  readonly failure: ApiFailure | undefined;
  /** What the page does about it. */
  readonly children?: ComponentChildren;
}) {
  const { failure, children } = props;
  if (failure === undefined) return null;
  return (
    <Problem
      kind="bad"
      title={`${failure.title}.`}
      message={failure.message}
      advice={failure.advice}
      actions={children}
    >
      {failure.code === undefined ? null : (
        <p class="quiet">
          Code <code>{failure.code}</code>
          {failure.correlationId === undefined ? null : <>, correlation id {failure.correlationId}</>}
        </p>
      )}
    </Problem>
  );
}

/** Names of a long list that stay in sight. */
export const namesShown = 4;

interface SomeProps {
  readonly names: readonly string[];
  readonly most?: number;
  /** At the start of a sentence. */
  readonly isFirst?: boolean;
}

/** The first names of a list in a sentence, and the others once they are asked for. */
export function Some({ names, most = namesShown, isFirst = false }: SomeProps) {
  const [isOpen, setOpen] = useState(false);
  const more = names.length - most;
  const isWhole = isOpen || more <= 1;
  const text = isWhole ? names.join(', ') : `${names.slice(0, most).join(', ')} and `;
  return (
    <>
      {isFirst ? capitalized(text) : text}
      {isWhole ? null : (
        <button type="button" class="link" onClick={() => setOpen(true)}>
          {count(more, 'other')}
        </button>
      )}
    </>
  );
}

/** Code that breaks after a slash, a full stop or a dash, or else between the words of a name. */
export const Breakable = ({ text }: { readonly text: string }) => (
  <>
    {text.split(/(?<=[/.-])|(?<=[a-z\d])(?=[A-Z])/).map((part, at) => (
      <Fragment key={at}>
        {at === 0 ? null : <wbr />}
        {part}
      </Fragment>
    ))}
  </>
);

interface PanelProps {
  readonly title: string;
  /** A few words or a link beside the title. */
  readonly more?: ComponentChildren;
  /** The content has its own space at the sides: a table or list. */
  readonly bare?: boolean;
  readonly children: ComponentChildren;
}

export function Panel({ title, more, bare = false, children }: PanelProps) {
  const id = useId();
  return (
    <section class="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {more}
      </header>
      {bare ? children : <div class="pad">{children}</div>}
    </section>
  );
}

/** Numbers beside each other, each with its name above, and what it is a part of or how it changed beside it. */
export function Metrics(props: {
  readonly of: readonly (readonly [name: string, value: string, about: string, tone?: Tone | undefined])[];
  readonly class?: string;
}) {
  return (
    <dl class={`metrics ${props.class ?? ''}`}>
      {props.of.map(([name, value, about, tone]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class={tone}>
            {value} <small>{about}</small>
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** One entry of a `<dl>`. Shows nothing without content. */
export function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  if (children === undefined || children === '') return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

/** A column of a table: its title, classes for width, alignment and priority on narrow screens, and its cell. */
export type Column<T> = readonly [
  title: string,
  classes: string | undefined,
  cell: (item: T) => ComponentChildren,
  /** The whole text of a cell that may be cut. */
  textOf?: (item: T) => string | undefined,
];

interface TableProps<T> {
  /** The first one names the row. */
  readonly columns: readonly Column<T>[];
  readonly items: readonly T[];
  readonly keyOf: (item: T) => string;
  readonly class?: string;
  readonly rowClass?: (item: T) => string | undefined;
  /**
   * A cell over several columns, in place of theirs. A table of medium width has theirs: what it says is then to be in another
   * cell.
   */
  readonly wideOf?: (item: T) => readonly [at: number, columns: number, content: ComponentChildren] | undefined;
  /** Called for a click beside links and buttons: one of these does the same by keyboard. */
  readonly onOpen?: (item: T) => void;
  /** Puts the items under headings, such as the days that they happened on. A group needs a key if another one has its title. */
  readonly groupsOf?: (items: readonly T[]) => readonly {
    readonly title: string;
    readonly key?: string;
    /** In place of the title. */
    readonly head?: ComponentChildren;
    readonly items: readonly T[];
  }[];
}

export function Table<T>({
  columns,
  items,
  keyOf,
  class: name = '',
  rowClass,
  wideOf,
  onOpen,
  groupsOf,
}: TableProps<T>) {
  const open = (target: EventTarget | null, item: T): void => {
    if (target instanceof Element && target.closest('a, button') === null) onOpen?.(item);
  };
  const rows = (some: readonly T[]) =>
    some.map((item) => {
      const [at = columns.length, span = 0, wide] = wideOf?.(item) ?? [];
      return (
        <tr key={keyOf(item)} class={rowClass?.(item)} onClick={({ target }) => open(target, item)}>
          {columns.map(([title, classes, cell, textOf], index) => {
            const Cell = index === 0 ? 'th' : 'td';
            const isCovered = index >= at && index < at + span;
            return (
              <Fragment key={title}>
                {index === at ? (
                  <td class="wide wrap" colSpan={span}>
                    {wide}
                  </td>
                ) : null}
                <Cell
                  scope={index === 0 ? 'row' : undefined}
                  class={isCovered ? `${classes ?? ''} covered` : classes}
                  title={textOf?.(item)}
                >
                  {cell(item)}
                </Cell>
              </Fragment>
            );
          })}
        </tr>
      );
    });
  return (
    <table class={`table ${name} ${onOpen === undefined ? '' : 'opens'}`}>
      <thead>
        <tr>
          {columns.map(([title, classes]) => (
            <th scope="col" key={title} class={classes}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      {groupsOf === undefined ? (
        <tbody>{rows(items)}</tbody>
      ) : (
        groupsOf(items).map(({ title, key = title, head = <b>{title}</b>, items: some }) => (
          <tbody key={key}>
            <tr class="group">
              <th scope="rowgroup">{head}</th>
            </tr>
            {rows(some)}
          </tbody>
        ))
      )}
    </table>
  );
}

/** Takes the place of what is being loaded. */
export function Loading() {
  return (
    <div class="loading-rows">
      <p>Loading…</p>
      <div aria-hidden="true">
        <span />
        <span />
        <span />
      </div>
    </div>
  );
}

/** Nothing is here, and why. @param props.children what leads on. */
export function Empty({
  title,
  children,
}: {
  readonly title: ComponentChildren;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <b>{title}</b>
      {children}
    </div>
  );
}

export const NoJobs = () => (
  <Empty title="There are no jobs.">
    <p>
      <code>ptb jobs new NAME</code> writes one.
    </p>
  </Empty>
);

/**
 * The failure of the last request or a word about a slow one, and below it the last value.
 * @param props.isPart the page says for all of its parts what failed.
 */
export function Loaded<T>(props: {
  readonly polled: Polled<T | undefined>;
  readonly isPart?: boolean;
  readonly children: (value: T) => ComponentChildren;
}) {
  const { polled, isPart = false } = props;
  return (
    <>
      {isPart ? null : <Connection of={[polled]} />}
      {polled.value === undefined && polled.failure === undefined ? <Loading /> : null}
      {polled.value === undefined ? null : props.children(polled.value)}
    </>
  );
}

/**
 * Says what is wrong between page and broker, once for all requests that fail alike: what failed, how old the values on
 * the page are, and when the page tries again.
 */
export function Connection({ of }: { readonly of: readonly Polled<unknown>[] }) {
  const failed = of.filter(({ failure }) => failure !== undefined);
  const different = [
    ...new Map(failed.map((polled) => [`${polled.failure?.title} ${polled.failure?.message}`, polled])).values(),
  ];
  const slow = of.find((polled) => polled.slow === true && polled.failure === undefined);
  return (
    <>
      {different.map((polled) => (
        <Failure key={polled.failure?.title} failure={polled.failure}>
          <Recovery polled={polled} onRetry={() => failed.forEach(({ reload }) => reload())} />
        </Failure>
      ))}
      {slow === undefined || failed.length > 0 ? null : (
        <Notice kind="warn">
          <span role="status">The broker is slow to answer.</span>
          {slow.value === undefined ? '' : <> The page shows what it had{at(slow.loadedAtMs)}.</>} It keeps waiting.
        </Notice>
      )}
    </>
  );
}

function Recovery({ polled, onRetry }: { readonly polled: Polled<unknown>; readonly onRetry: () => void }) {
  const { value, loadedAtMs, retryAtMs } = polled;
  return (
    <>
      <span>
        {value === undefined ? '' : `The page shows what it had${at(loadedAtMs)}. `}
        {retryAtMs === undefined ? '' : `It tries again${at(retryAtMs)}.`}
      </span>
      <button type="button" onClick={onRetry}>
        Try now
      </button>
    </>
  );
}

const at = (atMs: number | undefined): string =>
  atMs === undefined ? '' : ` at ${new Date(atMs).toLocaleTimeString('en-GB')}`;

/** Loads the next page of a list. After the last page, the focus moves to the text that replaces the button. */
export function MoreButton(props: {
  readonly text: string;
  readonly busy: boolean;
  /** Undefined: there is no further page. */
  readonly onMore: (() => void) | undefined;
  /** What stands below the last page. */
  readonly end: string | undefined;
}) {
  const { text, busy, onMore, end } = props;
  const last = useRef<HTMLParagraphElement>(null);
  const isPressed = useRef(false);
  useEffect(() => {
    if (busy || !isPressed.current) return;
    isPressed.current = false;
    last.current?.focus();
  }, [busy]);
  if (onMore === undefined)
    return end === undefined ? null : (
      <p ref={last} class="quiet" tabIndex={-1}>
        {end}
      </p>
    );
  const press = (): void => {
    if (busy) return;
    isPressed.current = true;
    onMore();
  };
  return (
    <button type="button" aria-disabled={busy} onClick={press}>
      {text}
    </button>
  );
}
