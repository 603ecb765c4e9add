import { type ComponentChildren, createContext } from 'preact';
import { useContext, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

/** What was done, shown for a while, or what failed, until it is dismissed. */
interface Toast {
  readonly text: string;
  /** Default: `good`. */
  readonly tone?: 'good' | 'bad';
  /** Takes it back, or leads to it. */
  readonly action?: { readonly label: string; readonly run: () => void } | undefined;
}

const Announce = createContext<{ readonly say: (text: string) => void; readonly toast: (toast: Toast) => void }>({
  say: () => undefined,
  toast: () => undefined,
});

/** Returns a function that announces a text to screen readers (`aria-live="polite"`). */
export const useAnnounce = (): ((text: string) => void) => useContext(Announce).say;

/** Returns a function that shows what was done, and announces it. */
export const useToast = (): ((toast: Toast) => void) => useContext(Announce).toast;

/** Long enough to read it and to reach its button. */
const shownMs = 12_000;

export function Announcer({ children }: { readonly children: ComponentChildren }) {
  const [text, setText] = useState('');
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  const close = (toast: Toast): void => setToasts((current) => current.filter((shown) => shown !== toast));
  const value = useMemo(() => {
    const toast = (next: Toast): void => {
      // Failures stay: the dialog that is open lies over them.
      setToasts((current) => [...current.filter(({ tone, text }) => tone === 'bad' && text !== next.text), next]);
      if (next.tone !== 'bad') setTimeout(() => close(next), shownMs);
    };
    return { say: setText, toast };
  }, []);
  return (
    <Announce.Provider value={value}>
      {children}
      <div class="visually-hidden" role="status" aria-live="polite">
        {text}
      </div>
      <div class="toasts" role="status">
        {toasts.map((toast) => (
          <ToastCard key={toast.text} toast={toast} onClose={() => close(toast)} />
        ))}
      </div>
    </Announce.Provider>
  );
}

export function ToastCard({ toast, onClose }: { readonly toast: Toast; readonly onClose: () => void }) {
  const { text, tone = 'good', action } = toast;
  return (
    <div class={`toast ${tone}`}>
      <Icon name={tone} />
      <span>{text}</span>
      {action === undefined ? (
        <span />
      ) : (
        <button
          type="button"
          class="s"
          onClick={() => {
            onClose();
            action.run();
          }}
        >
          {action.label}
        </button>
      )}
      <button type="button" class="bare s" aria-label="Dismiss" onClick={onClose}>
        <Icon name="close" />
      </button>
    </div>
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
