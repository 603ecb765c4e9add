import { useEffect, useRef, useState } from 'preact/hooks';
import { useAnnounce } from './announcer.tsx';
import { Icon } from './icon.tsx';
import { stepFor } from '../../src/lib/api/next-step.ts';

/** How long the button says that it has copied. */
const confirmMs = 2_000;

/** Copies a text. @param props.what names the text for screen readers, such as `command`. */
export function CopyButton(props: {
  readonly text: string;
  readonly what: string;
  /** In a grid: -1. */
  readonly tabIndex?: number;
  /** What it copies does not stand beside it, so it says what that is. */
  readonly isAlone?: boolean;
}) {
  const { text, what, tabIndex, isAlone = false } = props;
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
      <span class="visually-hidden"> {isAlone ? text : `the ${what}`}</span>
    </button>
  );
}

/** The command that helps with a cause, if one does. */
export function StepFor({ cause }: { readonly cause: Parameters<typeof stepFor>[0] | undefined }) {
  const step = cause && stepFor(cause);
  return step === undefined ? null : <Command text={step.command} only={step.only} />;
}

/**
 * A command line with a button that copies it.
 * @param props.only name of what the command is for, if it is for one of several.
 */
export function Command({ text, only }: { readonly text: string; readonly only?: string | undefined }) {
  return (
    <>
      {only === undefined ? null : <p class="quiet">For {only}, as an example:</p>}
      <div class="cmd">
        <code title={text}>{text}</code>
        <CopyButton text={text} what={`command ${text}`} />
      </div>
    </>
  );
}
