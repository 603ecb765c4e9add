import { useEffect, useState } from 'preact/hooks';
import { systemClock } from '../../src/lib/core/clock.ts';
import type { RowOrder } from './api-paths.ts';
import { useSignedIn } from './context.ts';
import { type LoadedRows, loadRows } from './load-rows.ts';

const nothing: LoadedRows = { rows: [], state: 'loading' };

/**
 * The rows of a run, loaded page by page. Rows that are loaded stay until another load has as many.
 * @param version a new one loads all rows again.
 * @param order `arrival` goes on until the run has ended.
 */
export function useResultRows(runId: string, version: string, order: RowOrder): LoadedRows {
  const { api } = useSignedIn();
  const [loaded, setLoaded] = useState(nothing);
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    const onChange = (next: LoadedRows): void =>
      setLoaded((current) =>
        next.state === 'complete' || next.rows.length >= current.rows.length ? next : { ...next, rows: current.rows },
      );
    const fetchPage = (continuation: string | undefined) => api.rows(runId, continuation, signal, order);
    void loadRows({ fetchPage, clock: systemClock, signal, onChange });
    return () => ending.abort();
  }, [api, runId, version, order]);
  return loaded;
}
