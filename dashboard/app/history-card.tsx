import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { JobHistoryAnswer, TenantHistoryAnswer } from '../../src/lib/api/answers/history.ts';
import { parametersText } from '../../src/lib/core/parameters.ts';
import type { Api } from './api.ts';
import { Choice, withChosen } from './choice.tsx';
import { count, localTime } from './format.ts';
import { HistoryChart } from './history-chart.tsx';
import {
  columnOf,
  columnOptions,
  type HistoryChoice,
  historyLink,
  periodOf,
  periods,
  rowsColumn,
} from './history-choice.ts';
import { type HistoryPoint, numberText } from './history-points.ts';
import { type Column, Empty, Loaded, OutcomeBadge, Panel, Table, Time } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { replaceAddress, runLink } from './route.ts';

const intervalMs = 300_000;

type History = JobHistoryAnswer | TenantHistoryAnswer;

interface HistoryCardProps<H extends History> {
  /** Address of the page without its query. */
  readonly page: string;
  readonly choice: HistoryChoice;
  readonly job: string;
  /** Names what is loaded for this choice. */
  readonly name: string;
  readonly load: (api: Api) => Promise<H>;
  readonly pointsOf: (history: H, column: string) => readonly HistoryPoint[];
  /** Of its numbers, if they are not those of the tenant. */
  readonly unit?: string;
  /** Further choices, before the others. */
  readonly children?: ComponentChildren;
}

/** How the numbers of a job developed: what to show, a chart, and the same as a table. */
export function HistoryCard<H extends History>(props: HistoryCardProps<H>) {
  const { page, choice, job, name, load, pointsOf, unit, children } = props;
  const polled = usePolling(load, name, intervalMs);
  // While another period or value loads, the choices stay.
  const last = useRef<History | undefined>(undefined);
  last.current = polled.value ?? last.current;
  const known = last.current?.job === job ? last.current : undefined;
  return (
    <Panel title="Over time">
      <div class="filters">
        {children}
        <Choices page={page} choice={choice} history={known} />
      </div>
      <Loaded polled={polled}>
        {(history) => (
          <Shown
            history={history}
            choice={choice}
            unit={unit}
            points={pointsOf(history, columnOf(choice, history.columns))}
          />
        )}
      </Loaded>
    </Panel>
  );
}

interface ChoicesProps {
  readonly page: string;
  readonly choice: HistoryChoice;
  readonly history: History | undefined;
}

function Choices({ page, choice, history }: ChoicesProps) {
  // Replaces the address, so that the back button leaves the page.
  const show = (change: HistoryChoice): void => replaceAddress(historyLink({ ...choice, ...change }, page));
  const columns = columnOptions(history?.columns ?? []);
  const column = columnOf(choice, history?.columns ?? []);
  const values = history?.split?.values ?? [];
  return (
    <>
      <Choice
        label="Number"
        value={column}
        options={withChosen(
          columns.map(({ name }) => name),
          column,
        )}
        textOf={(name) => columns.find((known) => known.name === name)?.title ?? name}
        onChoose={(column) => show({ column })}
        all={false}
      />
      {values.length === 0 && choice.value === undefined ? null : (
        <Choice
          label={history?.split?.title ?? 'Value'}
          value={choice.value ?? ''}
          options={withChosen(values, choice.value)}
          onChoose={(value) => show({ value })}
        />
      )}
      <Choice
        label="Period"
        value={periodOf(choice)}
        options={Object.keys(periods)}
        textOf={(days) => periods[days] ?? days}
        onChoose={(days) => show({ days })}
        all={false}
      />
    </>
  );
}

interface ShownProps {
  readonly history: History;
  readonly choice: HistoryChoice;
  readonly unit: string | undefined;
  readonly points: readonly HistoryPoint[];
}

function Shown({ history, choice, unit, points }: ShownProps) {
  const [isTable, setTable] = useState(false);
  const { columns, since, until } = history;
  const column = columnOf(choice, columns);
  const name = columnOptions(columns).find((known) => known.name === column)?.title ?? column;
  const title = choice.value === undefined ? name : `${name}, ${choice.value}`;
  if (points.length === 0)
    return (
      <>
        <Empty title="No run has ended in this period." />
        <LeftOut history={history} />
      </>
    );
  return (
    <>
      <HistoryChart {...{ points, title, unit, since, until }} />
      <LeftOut history={history} />
      {points.length === 1 ? null : (
        <button type="button" class="s no-print" aria-expanded={isTable} onClick={() => setTable(!isTable)}>
          {isTable ? 'Hide the table' : 'Show as a table'}
        </button>
      )}
      {isTable ? (
        <HistoryTable
          history={history}
          points={points}
          title={[title, unit ?? []].flat().join(' ')}
          hasRows={column !== rowsColumn}
        />
      ) : null}
    </>
  );
}

/** What the chart does not have, although it happened. */
function LeftOut({ history }: { readonly history: History }) {
  const { otherParameters, parameters, truncated, since } = history;
  return (
    <>
      {otherParameters === 0 ? null : (
        <p class="quiet">
          {count(otherParameters, 'run')} with other parameters
          {parameters === undefined ? '' : ` than ${parametersText(parameters)}`} {otherParameters === 1 ? 'is' : 'are'}{' '}
          left out: other parameters may mean other rows.
        </p>
      )}
      {truncated ? (
        <p class="quiet">
          The period has more than 1,000 runs of this job. Those before {localTime(since)} are left out.
        </p>
      ) : null}
    </>
  );
}

interface HistoryTableProps {
  readonly history: JobHistoryAnswer | TenantHistoryAnswer;
  /** Oldest first. */
  readonly points: readonly HistoryPoint[];
  /** What the numbers are. */
  readonly title: string;
  /** Whether the rows have a column of their own. */
  readonly hasRows: boolean;
}

/** The same as the chart, newest first. */
function HistoryTable({ history, points, title, hasRows }: HistoryTableProps) {
  const outcome: Column<HistoryPoint> =
    'tenantId' in history
      ? ['Outcome', undefined, ({ about }) => <OutcomeBadge outcome={about.replaceAll(' ', '_')} />]
      : ['Tenants', undefined, ({ sum, about }) => [sum === undefined ? [] : numberText(sum), about].flat().join(' ')];
  return (
    <Table<HistoryPoint>
      class="history-table"
      items={points.toReversed()}
      keyOf={({ runId }) => runId}
      columns={[
        ['Run', 'w-m', ({ runId, startedAt }) => <a href={runLink(runId)}>{<Time iso={startedAt} short />}</a>],
        outcome,
        ...(hasRows ? [['Rows', 'w-s end p2', ({ rows }) => figure(rows)] satisfies Column<HistoryPoint>] : []),
        [title, 'w-m end', ({ number }) => figure(number)],
      ]}
    />
  );
}

const figure = (number: number | undefined) =>
  number === undefined ? <span class="quiet">not known</span> : numberText(number);
