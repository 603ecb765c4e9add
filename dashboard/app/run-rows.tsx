import { useEffect, useState } from 'preact/hooks';
import type { RunAnswer } from '../../src/lib/api/answers/runs.ts';
import type { JobHistoryAnswer } from '../../src/lib/api/answers/history.ts';
import { isEnded } from '../../src/lib/runs/store/run.ts';
import { Notice } from '../shared/text.tsx';
import { count, localTime } from './format.ts';
import { type LoadedRows, loadRows, maxHeldRows } from './load-rows.ts';
import { Empty, Failure, Loading } from './pieces.tsx';
import type { DeclaredColumns } from './result-columns.ts';
import { ResultTable } from './result-table.tsx';
import { systemClock } from '../../src/lib/core/clock.ts';
import type { RowOrder } from './api.ts';
import { useRole, useSignedIn } from './context.ts';
import { usePolling } from './polling.ts';

/** The rows of a run. @param props.stored number of rows that the tenants report, if it is known. */
export function RunRows(props: {
  readonly run: RunAnswer;
  readonly stored: number | undefined;
  readonly declared: DeclaredColumns;
}) {
  const { run, stored, declared } = props;
  const [asked, setAsked] = useState(0);
  const isQuery = run.query !== undefined;
  // The rows of a job in progress are loaded again when it ends, and when the reader asks for it; those of a query arrive.
  const version = isQuery ? '' : `${run.status} ${asked}`;
  const loaded = useResultRows(run.runId, version, isQuery ? 'arrival' : 'plan');
  const { rows, state } = loaded;
  const readsRuns = useRole('Runs.Read');
  const summed =
    usePolling(async (api) => {
      if (isQuery || !readsRuns) return [];
      // A month of runs would be a request to storage each.
      const until = new Date(Date.parse(run.startedAt) + 60_000).toISOString();
      return (await api.jobHistory(run.job, { since: run.startedAt, until })).columns;
    }, `sums of ${run.runId} ${run.status}`).value ?? noColumns;
  const later = !isEnded(run.status) && state === 'complete' ? (stored ?? 0) - rows.length : 0;
  return (
    <section class="stack" aria-label="Rows">
      <Progress loaded={loaded} stored={stored} arrives={isQuery && !isEnded(run.status)} />
      {later > 0 ? (
        <p>
          {count(later, 'row')} more since then.{' '}
          <button type="button" onClick={() => setAsked(asked + 1)}>
            Load again
          </button>
        </p>
      ) : null}
      {rows.length > 0 ? (
        <ResultTable rows={rows} declared={declared} summed={summed} areAll={state === 'complete'} />
      ) : null}
      {rows.length === 0 && state === 'complete' ? <NoRows run={run} /> : null}
    </section>
  );
}

function Progress({
  loaded: { rows, state, failure, retryAtMs },
  stored,
  arrives,
}: {
  loaded: LoadedRows;
  stored?: number | undefined;
  arrives: boolean;
}) {
  const of = stored === undefined || stored < rows.length ? '' : ` of ${stored.toLocaleString('en')}`;
  if (state === 'loading' && arrives)
    return <p class="quiet">{count(rows.length, 'row')} so far. More rows appear as they arrive.</p>;
  if (state === 'loading')
    return rows.length === 0 ? (
      <Loading />
    ) : (
      <p class="quiet">
        Loading: {rows.length.toLocaleString('en')}
        {of} rows so far.
      </p>
    );
  if (state === 'full')
    return (
      <Notice kind="plain">
        This page holds the first {rows.length.toLocaleString('en')} rows{of}: at most{' '}
        {maxHeldRows.toLocaleString('en')}, and fewer if they are large. Search, filters, order and totals are of these
        rows. The downloads have all rows.
      </Notice>
    );
  return (
    <>
      <Failure failure={failure} />
      {retryAtMs === undefined ? null : (
        <p class="quiet">
          {rows.length === 0 ? '' : `The ${count(rows.length, 'row')} before stay. `}The page tries again at{' '}
          {localTime(new Date(retryAtMs).toISOString())}.
        </p>
      )}
    </>
  );
}

function NoRows({ run }: { readonly run: RunAnswer }) {
  const title = !isEnded(run.status)
    ? 'No tenant has returned rows yet.'
    : run.tenants.succeeded === 0
      ? 'No tenant succeeded, so there are no rows.'
      : run.query === undefined
        ? 'The job returned no rows.'
        : 'No tenant has such objects.';
  return <Empty title={title} />;
}

const noColumns: JobHistoryAnswer['columns'] = [];

const nothing: LoadedRows = { rows: [], state: 'loading' };

/**
 * The rows of a run, loaded page by page. Rows that are loaded stay until another load has as many.
 * @param version a new one loads all rows again.
 * @param order `arrival` goes on until the run has ended.
 */
function useResultRows(runId: string, version: string, order: RowOrder): LoadedRows {
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
