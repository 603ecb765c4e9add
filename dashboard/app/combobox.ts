import { useEffect, useId, useState } from 'preact/hooks';

/**
 * A field that keeps the focus while its list is moved through, as the ARIA Authoring Practices describe a combobox.
 * @param first the option before somebody moves. -1: none.
 */
export function useCombobox<T>(options: readonly T[], take: (option: T) => void, isShown = true, first = 0) {
  const id = useId();
  const [moved, setMoved] = useState<number>();
  const at = isShown ? Math.min(moved ?? first, options.length - 1) : -1;
  const option = options[at];
  useEffect(() => document.getElementById(`${id}-${at}`)?.scrollIntoView({ block: 'nearest' }), [at, options]);
  return {
    reset: () => setMoved(undefined),
    /** Moves, or takes the option. @returns false for another key. */
    handles: (event: KeyboardEvent): boolean => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step !== undefined && options.length > 0)
        setMoved(isShown ? (Math.max(at, step === 1 ? -1 : 0) + step + options.length) % options.length : 0);
      else if (event.key === 'Enter' && option !== undefined) take(option);
      else return false;
      event.preventDefault();
      return true;
    },
    field: {
      role: 'combobox',
      'aria-autocomplete': 'list',
      'aria-expanded': isShown,
      'aria-controls': id,
      'aria-activedescendant': at < 0 ? undefined : `${id}-${at}`,
      autocomplete: 'off',
      spellcheck: false,
    } as const,
    list: { role: 'listbox', id, 'aria-label': 'Found' } as const,
    propsOf: (one: T, index: number) =>
      ({
        id: `${id}-${index}`,
        role: 'option',
        'aria-selected': index === at,
        onClick: () => take(one),
        onPointerMove: () => setMoved(index),
      }) as const,
  };
}
