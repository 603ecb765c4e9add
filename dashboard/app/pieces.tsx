import type { ComponentChildren } from 'preact';
import { Notice, Sentence } from '../shared/text.tsx';
import type { ApiFailure } from './api.ts';
import { exactLocalTime, localTime, utcTime } from './format.ts';

const tones: Readonly<Record<string, string>> = {
  ok: 'good',
  completed: 'good',
  succeeded: 'good',
  issued: 'good',
  degraded: 'warn',
  retrying: 'warn',
  running: 'run',
  pending: 'idle',
  down: 'bad',
  failed: 'bad',
  denied: 'bad',
};

/** A state in colour and in words. */
export function Badge({ state, children }: { readonly state: string; readonly children?: ComponentChildren }) {
  return <span class={`badge ${tones[state] ?? 'idle'}`}>{children ?? state}</span>;
}

/** @param props.exact to the second. */
export function Time({ iso, exact = false }: { readonly iso: string; readonly exact?: boolean }) {
  return (
    <time dateTime={iso} title={utcTime(iso)}>
      {exact ? exactLocalTime(iso) : localTime(iso)}
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

/** In place of a view that the token does not reach. */
export function RoleNeeded({ title, role }: { readonly title: string; readonly role: string }) {
  return (
    <>
      <h2>{title}</h2>
      <Notice kind="plain">
        The token lacks the app role <code>{role}</code>, so there is nothing to show here.
      </Notice>
    </>
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

export function Loading() {
  return <p class="quiet">Loading…</p>;
}
