import type { ComponentChildren } from 'preact';
import { outcomeStyle, outcomeWord } from '../../src/lib/model/outcomes.ts';
import { Notice, Sentence } from '../shared/text.tsx';
import type { ApiFailure } from './api-failure.ts';
import { exactLocalTime, localClock, localTime, utcTime } from './format.ts';
import type { Polled } from './polling.ts';

export { RoleNeeded } from './role-needed.tsx';

const tones: Readonly<Record<string, string>> = {
  ok: 'good',
  issued: 'good',
  degraded: 'warn',
  down: 'bad',
  denied: 'bad',
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

/** A time in the reader's zone, with the UTC time as its title. @param props.exact shows seconds. */
export function Time({ iso, exact = false }: { readonly iso: string; readonly exact?: boolean }) {
  return (
    <time dateTime={iso} title={utcTime(iso)}>
      {exact ? exactLocalTime(iso) : localTime(iso)}
    </time>
  );
}

/** The time of day, where the day is known, with the UTC time as its title. */
export function Clock({ iso }: { readonly iso: string }) {
  return (
    <time dateTime={iso} title={utcTime(iso)}>
      {localClock(iso)}
    </time>
  );
}

export function Failure({ failure }: { readonly failure: ApiFailure | undefined }) {
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

export function Loading() {
  return <p class="quiet">Loading…</p>;
}

/** The failure of the last request, and below it the last value. */
export function Loaded<T>(props: { readonly polled: Polled<T>; readonly children: (value: T) => ComponentChildren }) {
  const { value, failure } = props.polled;
  return (
    <>
      <Failure failure={failure} />
      {value === undefined && failure === undefined ? <Loading /> : null}
      {value === undefined ? null : props.children(value)}
    </>
  );
}
