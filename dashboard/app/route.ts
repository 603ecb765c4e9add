import { useEffect, useState } from 'preact/hooks';
import { type AuditFilter, parseAuditFilter } from './audit-filter.ts';

export type View = 'overview' | 'runs' | 'tenants' | 'jobs' | 'audit';

export interface Route {
  readonly view: View;
  readonly runId?: string;
  readonly audit?: AuditFilter;
}

const views: readonly View[] = ['overview', 'runs', 'tenants', 'jobs', 'audit'];

export function parseRoute(hash: string): Route {
  const [, name, runId, query = ''] = /^#\/([a-z]+)(?:\/([^?]+))?(?:\?(.*))?$/.exec(hash) ?? [];
  const view = views.find((known) => known === name) ?? 'overview';
  if (view === 'runs' && runId !== undefined) return { view, runId: decoded(runId) };
  return view === 'audit' ? { view, audit: parseAuditFilter(query) } : { view };
}

/** As it stands where it is cut off inside of `%40`, as mail programs do to links: the API then says that there is no such run. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const runLink = (runId: string): string => `#/runs/${encodeURIComponent(runId)}`;

/** The view that the address names; the browser's own back and forward work. */
export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = (): void => setHash(location.hash);
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return parseRoute(hash);
}
