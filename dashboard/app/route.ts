import { useEffect, useState } from 'preact/hooks';
import { type AuditFilter, parseAuditFilter } from './audit-filter.ts';

export type View = 'overview' | 'runs' | 'tenants' | 'jobs' | 'audit';

export interface Route {
  readonly view: View;
  readonly runId?: string;
  readonly audit?: AuditFilter;
}

const views: readonly View[] = ['overview', 'runs', 'tenants', 'jobs', 'audit'];

function parseRoute(hash: string): Route {
  const [, name, runId, query = ''] = /^#\/([a-z]+)(?:\/([^?]+))?(?:\?(.*))?$/.exec(hash) ?? [];
  const view = views.find((known) => known === name) ?? 'overview';
  if (view === 'runs' && runId !== undefined) return { view, runId: decoded(runId) };
  return view === 'audit' ? { view, audit: parseAuditFilter(query) } : { view };
}

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

export const runLink = (runId: string): string => `#/runs/${encodeURIComponent(runId)}`;

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
