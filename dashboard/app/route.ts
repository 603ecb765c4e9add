import { useEffect, useState } from 'preact/hooks';

export type View = 'overview' | 'runs' | 'tenants' | 'jobs';

export interface Route {
  readonly view: View;
  readonly runId?: string;
}

const views: readonly View[] = ['overview', 'runs', 'tenants', 'jobs'];

export function parseRoute(hash: string): Route {
  const [, view, runId] = /^#\/([a-z]+)(?:\/(.+))?$/.exec(hash) ?? [];
  const known = views.find((name) => name === view) ?? 'overview';
  return known === 'runs' && runId !== undefined ? { view: known, runId: decodeURIComponent(runId) } : { view: known };
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
