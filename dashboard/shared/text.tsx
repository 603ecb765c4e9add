import type { ComponentChildren } from 'preact';

/** A text of the API. Parts between backticks are shown as code. */
export function Sentence({ text }: { readonly text: string }) {
  return <>{text.split('`').map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}</>;
}

/** A text with line breaks, one paragraph per line. Nothing without a text. */
export function Paragraphs({ text = '' }: { readonly text?: string | undefined }) {
  const lines = text.split('\n').filter((line) => line !== '');
  return (
    <>
      {lines.map((line) => (
        <p key={line}>
          <Sentence text={line} />
        </p>
      ))}
    </>
  );
}

interface NoticeProps {
  readonly kind: 'bad' | 'warn' | 'plain' | 'you';
  readonly actions?: ComponentChildren;
}

/** One thing to know, over the page or a part of it. @param props.actions what to do about it, at the end of the line. */
export function Notice({ kind, children, actions }: NoticeProps & { readonly children: ComponentChildren }) {
  return (
    <div class={`note ${kind}`} role={kind === 'bad' ? 'alert' : undefined}>
      <div>{children}</div>
      {actions}
    </div>
  );
}

/** A notice of something that went wrong: what, why, and what to do. */
export function Problem(
  props: NoticeProps & {
    readonly title: string;
    readonly message: string;
    readonly advice?: string | undefined;
    readonly children?: ComponentChildren;
  },
) {
  const { title, message, advice, children, ...notice } = props;
  return (
    <Notice {...notice}>
      <strong>{title}</strong> <Sentence text={message} />
      <Paragraphs text={advice} />
      {children}
    </Notice>
  );
}

export function Warnings({ texts }: { readonly texts: readonly string[] | undefined }) {
  return (
    <>
      {texts?.map((text) => (
        <Notice kind="warn" key={text}>
          <Sentence text={text} />
        </Notice>
      ))}
    </>
  );
}
