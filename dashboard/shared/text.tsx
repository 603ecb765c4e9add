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

export function Notice({
  kind,
  children,
}: {
  readonly kind: 'bad' | 'warn' | 'plain';
  readonly children: ComponentChildren;
}) {
  return (
    <div class={`notice ${kind}`} role={kind === 'bad' ? 'alert' : undefined}>
      {children}
    </div>
  );
}
