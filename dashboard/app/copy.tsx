import { useEffect, useRef, useState } from 'preact/hooks';
import { useAnnounce } from './announcer.tsx';
import { Icon } from './icon.tsx';
import { type Step, stepFor } from '../../src/lib/api/next-step.ts';
import { titleOf } from '../../src/lib/api/trouble.ts';

/** How long the button says that it has copied. */
const confirmMs = 2_000;

/** Copies a text. @param props.what the kind of text, such as `command`. */
export function CopyButton(props: {
  readonly text: string;
  readonly what: string;
  /** For screen readers, on a page with several such buttons: the cause or the tenant that the text is for. */
  readonly whatFor?: string | undefined;
  /** In a grid: -1. */
  readonly tabIndex?: number;
  /** What it copies does not stand beside it, so it says what that is. */
  readonly isAlone?: boolean;
}) {
  const { text, what, whatFor, tabIndex, isAlone = false } = props;
  const [state, setState] = useState<'ready' | 'copied' | 'failed'>('ready');
  const announce = useAnnounce();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const show = (next: 'copied' | 'failed'): void => {
    setState(next);
    announce(next === 'copied' ? `The ${what} was copied.` : `The ${what} could not be copied. Select it instead.`);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setState('ready'), confirmMs);
  };
  const copy = (): void => {
    // Undefined on a page without HTTPS, and refused by browsers whose policy says so.
    const writing = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error('There is no clipboard.'));
    writing.then(
      () => show('copied'),
      () => show('failed'),
    );
  };
  return (
    <button type="button" class="copy s" title={isAlone ? text : undefined} tabIndex={tabIndex} onClick={copy}>
      <Icon name="copy" /> {{ ready: isAlone ? `Copy ${what}` : 'Copy', copied: 'Copied', failed: 'Not copied' }[state]}
      <span class="visually-hidden">
        {isAlone ? '' : ` the ${what}`}
        {whatFor === undefined ? '' : ` for ${whatFor}`}
      </span>
    </button>
  );
}

/** The command that helps with a cause, if one does. */
export function StepFor({ cause }: { readonly cause: Parameters<typeof stepFor>[0] | undefined }) {
  if (cause === undefined) return null;
  const { command, ...more } = stepFor(cause) ?? {};
  return command === undefined ? null : <Command text={command} {...more} whatFor={titleOf(cause.cause)} />;
}

interface CommandProps extends Pick<Step, 'about'> {
  readonly text: string;
  /** As of `CopyButton`. */
  readonly whatFor?: string;
}

/** A command line with a button that copies it. */
export function Command({ text, about, whatFor }: CommandProps) {
  return (
    <>
      {about === undefined ? null : <p class="quiet">{about}</p>}
      <div class="cmd">
        <code title={text}>{text}</code>
        <CopyButton text={text} what="command" whatFor={whatFor} />
      </div>
    </>
  );
}
