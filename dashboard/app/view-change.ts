import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Route } from './route.ts';

const pageTitle = 'Partner Token Broker';

/** Names the view in the title of the page, and moves the focus to its heading when another view is opened. */
export function useViewChange({ view, runId, tenantId, job, approvalId }: Route): void {
  const isFirst = useRef(true);
  // Not after painting: rows may arrive in between, and a grid that finds the reader's place again would lose the focus.
  useLayoutEffect(() => {
    const content = document.querySelector<HTMLElement>('#content');
    const isOpened = !isFirst.current;
    isFirst.current = false;
    if (content === null) return;
    const { activeElement } = document;
    const isTaken = activeElement !== content && content.contains(activeElement);
    const moves = isOpened && !isTaken;
    // The heading of a tenant or run comes with its data.
    if (moves) content.focus({ preventScroll: true });
    const end = withHeading(content, (heading) => {
      document.title = `${heading.dataset['name'] ?? heading.textContent?.trim()} - ${pageTitle}`;
      if (!moves || document.activeElement !== content) return;
      heading.tabIndex = -1;
      heading.focus();
    });
    return () => {
      end();
      document.title = pageTitle;
    };
  }, [view, runId, tenantId, job, approvalId]);
}

/** Calls back once, with the heading of the view. @returns ends the wait for it. */
function withHeading(content: HTMLElement, found: (heading: HTMLElement) => void): () => void {
  const look = (): boolean => {
    const heading = content.querySelector('h1');
    if (heading !== null) found(heading);
    return heading !== null;
  };
  if (look()) return () => undefined;
  const observer = new MutationObserver(() => {
    if (look()) observer.disconnect();
  });
  observer.observe(content, { childList: true, subtree: true });
  return () => observer.disconnect();
}
