import type { ComponentChildren } from 'preact';

/** A text of the API. Parts between backticks are shown as code. */
export function Sentence({ text }: { readonly text: string }) {
  return <>{text.split('`').map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}</>;
}

/** A text with line breaks, one paragraph per line. */
export function Paragraphs({ text }: { readonly text: string }) {
  return (
    <>
      {text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (
          <p key={line}>
            <Sentence text={line} />
          </p>
        ))}
    </>
  );
}

/** One thing to know, over the page or a part of it. @param props.actions what to do about it, at the end of the line. */
export function Notice(props: {
  readonly kind: 'bad' | 'warn' | 'plain' | 'you';
  readonly children: ComponentChildren;
  readonly actions?: ComponentChildren;
}) {
  const { kind, children, actions } = props;
  return (
    <div class={`note ${kind}`} role={kind === 'bad' ? 'alert' : undefined}>
      <div>{children}</div>
      {actions}
    </div>
  );
}
