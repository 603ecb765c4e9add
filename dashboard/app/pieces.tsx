import type { ComponentChildren } from 'preact';
import { outcomeStyle, outcomeWord } from '../../src/lib/core/outcomes.ts';
import { Notice, Sentence } from '../shared/text.tsx';
import type { ApiFailure } from './api-failure.ts';
import { exactLocalTime, localClock, localTime, shortLocalTime, utcTime } from './format.ts';
import type { Polled } from './polling.ts';

export { RoleNeeded } from './role-needed.tsx';

const tones: Readonly<Record<string, string>> = {
  ok: 'good',
  issued: 'good',
  changed: 'good',
  approved: 'good',
  degraded: 'warn',
  down: 'bad',
  denied: 'bad',
  revoked: 'bad',
  asked: 'warn',
  failed: 'bad',
};

/** A state, shown by colour and by text. */
export function Badge({ state, children }: { readonly state: string; readonly children?: ComponentChildren }) {
  return <span class={`badge ${tones[state] ?? 'idle'}`}>{children ?? state}</span>;
}

/**
 * The outcome of a run or of a tenant in a run, shown by colour, by icon and by word.
 * @param props.code is shown instead of the word: the error code of a failed tenant.
 */
export function OutcomeBadge({ outcome, code }: { readonly outcome: string; readonly code?: string | undefined }) {
  const { tone, icon } = outcomeStyle(outcome);
  const word = outcomeWord(outcome);
  return (
    <span class={`badge ${tone}`}>
      <span aria-hidden="true">{icon}</span> {outcome === 'failed' ? (code ?? word) : word}
    </span>
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
      {exact ? exactLocalTime(iso) : short ? shortLocalTime(iso, Date.now()) : localTime(iso)}
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

export function Failure(props: {
  readonly failure: ApiFailure | undefined;
  /** What the page does about it. */
  readonly children?: ComponentChildren;
}) {
  const { failure, children } = props;
  if (failure === undefined) return null;
  return (
    <Notice kind="bad">
      <strong>{failure.title}.</strong> <Sentence text={failure.message} />
      <p>
        <Sentence text={failure.advice} />
      </p>
      {failure.code === undefined ? null : (
        <p class="quiet">
          Code <code>{failure.code}</code>
          {failure.correlationId === undefined ? null : <>, correlation id {failure.correlationId}</>}
        </p>
      )}
      {children}
    </Notice>
  );
}

export function Card({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <section class="card" aria-label={title}>
      <h3>{title}</h3>
      {children}
    </section>
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

export function Table(props: {
  readonly columns: readonly string[];
  readonly class?: string;
  /** The rows. */
  readonly children: ComponentChildren;
}) {
  return (
    <div class="scroll">
      <table class={props.class}>
        <thead>
          <tr>
            {props.columns.map((title) => (
              <th scope="col" key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </div>
  );
}

/** Takes the place of what is being loaded. @param props.rows lines to leave room for. */
export function Loading({ rows = 3 }: { readonly rows?: number }) {
  return (
    <div class="loading-rows">
      <p class="quiet">Loading…</p>
      <div aria-hidden="true">
        {Array.from({ length: rows }, (_, index) => (
          <span key={index} />
        ))}
      </div>
    </div>
  );
}

/** The failure of the last request or a word about a slow one, and below it the last value. */
export function Loaded<T>(props: { readonly polled: Polled<T>; readonly children: (value: T) => ComponentChildren }) {
  const { polled } = props;
  return (
    <>
      <Connection of={[polled]} />
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
    <p class="actions">
      <span>
        {value === undefined ? '' : `The page shows what it had${at(loadedAtMs)}. `}
        {retryAtMs === undefined ? '' : `It tries again${at(retryAtMs)}.`}
      </span>
      <button type="button" onClick={onRetry}>
        Try now
      </button>
    </p>
  );
}

const at = (atMs: number | undefined): string =>
  atMs === undefined ? '' : ` at ${new Date(atMs).toLocaleTimeString('en-GB')}`;
