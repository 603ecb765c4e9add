import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Icon } from './icon.tsx';
import { useNarrow } from './virtual-rows.tsx';

/**
 * Buttons or choices that stand in a row. On a phone they are behind one button, because the list comes first: `Filter` with the
 * number of those that are set, or a sign in the corner of the head.
 */
export function Folded({
  name,
  set = 0,
  isEmpty = false,
  children,
}: {
  readonly name: 'Filter' | 'More actions';
  readonly set?: number;
  /** Whether none of the children is a button now. A dialog that one of them has opened stays. */
  readonly isEmpty?: boolean;
  readonly children: ComponentChildren;
}) {
  const [isOpen, setOpen] = useState(false);
  const folds = useNarrow() && !isEmpty;
  const isMenu = name === 'More actions';
  return (
    <>
      {folds ? (
        <button
          type="button"
          class={isMenu ? 'bare more' : set > 0 ? 'on' : undefined}
          aria-label={isMenu ? name : undefined}
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          {isMenu ? <Icon name="more" /> : name}
          {set === 0 ? null : ` ${set}`}
        </button>
      ) : null}
      {folds && !isOpen ? null : children}
    </>
  );
}
