import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';

const Announce = createContext<(text: string) => void>(() => undefined);

/** Says something to screen readers, politely. */
export const useAnnounce = (): ((text: string) => void) => useContext(Announce);

export function Announcer({ children }: { readonly children: ComponentChildren }) {
  const [text, setText] = useState('');
  return (
    <Announce.Provider value={setText}>
      {children}
      <div class="visually-hidden" role="status" aria-live="polite">
        {text}
      </div>
    </Announce.Provider>
  );
}

/** Between two announcements of progress; each one interrupts the reader. */
const quietMs = 5_000;

/** Announces `text` when it changes, not more often than every five seconds; the last one of a burst is said at once when `urgent`. */
export function useProgressAnnouncement(text: string, urgent: boolean): void {
  const announce = useAnnounce();
  const saidAtMs = useRef(Number.NEGATIVE_INFINITY);
  useEffect(() => {
    const nowMs = performance.now();
    if (text === '' || (!urgent && nowMs - saidAtMs.current < quietMs)) return;
    saidAtMs.current = nowMs;
    announce(text);
  }, [text, urgent, announce]);
}
