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
  if (view === 'runs' && runId !== undefined) return { view, runId: decodeURIComponent(runId) };
  return view === 'audit' ? { view, audit: parseAuditFilter(query) } : { view };
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
