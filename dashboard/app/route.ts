import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

export type View = 'overview' | 'runs' | 'tenants' | 'events' | 'jobs' | 'approvals' | 'plans' | 'policy' | 'audit';

export interface Route {
  /** Undefined: there is no such view. */
  readonly view: View | undefined;
  /** A run, tenant or another thing of the view. Absent: all of them. */
  readonly id?: string;
  /** Without `?`. */
  readonly query: string;
}

/** Parts of the page of a run, of which one is shown at a time. */
const runParts = ['tenants', 'rows', 'changes'] as const;
export type RunPart = (typeof runParts)[number];

/** The views with their titles, in the order of the navigation. */
export const views: readonly (readonly [View, string])[] = [
  ['overview', 'Overview'],
  ['tenants', 'Tenants'],
  ['runs', 'Runs'],
  ['plans', 'Plans'],
  ['approvals', 'Approvals'],
  ['events', 'Events'],
  ['jobs', 'Jobs'],
  ['policy', 'Policy'],
  ['audit', 'Audit'],
];

function parseRoute(hash: string): Route {
  const [, name, id, query = ''] = /^#\/([a-z]+)(?:\/([^?]+))?(?:\?(.*))?$/.exec(hash) ?? [];
  const view = hash === '' || hash === '#' ? 'overview' : views.find(([known]) => known === name)?.[0];
  return { view, ...(id === undefined ? {} : { id: decoded(id) }), query };
}

/** What a query asks to show. */
const askedFor = (query: string): string | null => new URLSearchParams(query).get('show');

/** Undefined: the part that the page chooses. */
export const runPartIn = (query: string): RunPart | undefined => runParts.find((known) => known === askedFor(query));

/** Whether the address of a tenant is that of its report. */
export const asksForReport = ({ view, id, query }: Route): boolean =>
  view === 'tenants' && id !== undefined && askedFor(query) === 'report';

/**
 * Returns the text unchanged if it is not valid percent-encoding, for example because a mail program cut the link inside
 * `%40`. The API then reports that the run does not exist.
 */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param part Default: the part that the page chooses. */
export const runLink = (runId: string, part?: RunPart): string =>
  `#/runs/${encodeURIComponent(runId)}${part === undefined ? '' : `?show=${part}`}`;

export const tenantLink = (tenantId: string): string => `#/tenants/${encodeURIComponent(tenantId)}`;

/** @param job whose rows the report begins to show. Default: its beginning. */
export const reportLink = (tenantId: string, job?: string): string =>
  `${tenantLink(tenantId)}?show=report${job === undefined ? '' : `&job=${encodeURIComponent(job)}`}`;

export const jobLink = (name: string): string => `#/jobs/${encodeURIComponent(name)}`;

export const planLink = (planId: string): string => `#/plans/${encodeURIComponent(planId)}`;

export const approvalLink = (approvalId: string): string => `#/approvals/${encodeURIComponent(approvalId)}`;

/** How a job gets a schedule. */
export const scheduleDocs =
  'https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/jobs.md#change-a-schedule';

/** Shows an address and adds it to the history of the browser. Does nothing for the address that is already shown. */
export function goTo(link: string): void {
  if (new URL(link, location.href).href !== location.href) changeAddress(() => history.pushState(null, '', link));
}

/** Shows another address in place of this one, so that the back button leaves the page. */
export const replaceAddress = (link: string): void => changeAddress(() => history.replaceState(null, '', link));

/**
 * Reports the change at once. The browser reports a new fragment later, as a task of its own, and the page shows the old
 * filter until then. A choice made in that old filter would undo the choice before it.
 */
function changeAddress(change: () => void): void {
  change();
  dispatchEvent(new HashChangeEvent('hashchange'));
}

/** The view that the address names. It follows links and the browser's back and forward buttons. */
export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = (): void => setHash(location.hash);
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return parseRoute(hash);
}

/** Ids of the tenants whose pages were opened in this window, the last one first. */
const openedTenants = new Set<string>();

export const recentTenants = (): readonly string[] => [...openedTenants].toReversed();

const pageTitle = 'Partner Token Broker';

/** Names the view in the title of the page, and moves the focus to its heading when another view is opened. */
export function useViewChange(route: Route): void {
  const isFirst = useRef(true);
  // Not after painting: rows may arrive in between, and a grid that finds the reader's place again would lose the focus.
  useLayoutEffect(() => {
    if (route.view === 'tenants' && route.id !== undefined) {
      openedTenants.delete(route.id);
      openedTenants.add(route.id);
    }
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
  }, [route.view, route.id, asksForReport(route)]);
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
