import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';

const Announce = createContext<(text: string) => void>(() => undefined);

/** Returns a function that announces a text to screen readers (`aria-live="polite"`). */
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

/** Minimum time between two progress announcements, because each one interrupts the reader. */
const intervalMs = 5_000;

/** Announces each change of `text`, at most once in five seconds. An `urgent` text is announced immediately. */
export function useProgressAnnouncement(text: string, urgent: boolean): void {
  const announce = useAnnounce();
  const announcedAtMs = useRef(Number.NEGATIVE_INFINITY);
  useEffect(() => {
    const nowMs = performance.now();
    if (text === '' || (!urgent && nowMs - announcedAtMs.current < intervalMs)) return;
    announcedAtMs.current = nowMs;
    announce(text);
  }, [text, urgent, announce]);
}
