import type { JobHistoryAnswer, TenantHistoryAnswer } from '../../src/lib/api/answers/history.ts';
import type { HistoryPoint } from './history-points.ts';
import { OutcomeBadge, Table, Time } from './pieces.tsx';
import { runLink } from './route.ts';

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
export function HistoryTable({ history, points, title, hasRows }: HistoryTableProps) {
  const isOfTenant = 'tenantId' in history;
  return (
    <Table
      class="history-table"
      columns={[
        ['Run', 'w-m'],
        [isOfTenant ? 'Outcome' : 'Tenants'],
        ...(hasRows ? [['Rows', 'w-s end p2'] as const] : []),
        [title, 'w-m end'],
      ]}
    >
      {points.toReversed().map(({ runId, startedAt, about, rows, number }) => (
        <tr key={runId}>
          <th scope="row">
            <a href={runLink(runId)}>
              <Time iso={startedAt} short />
            </a>
          </th>
          <td>{isOfTenant ? <OutcomeBadge outcome={about.replaceAll(' ', '_')} /> : about}</td>
          {hasRows ? <Figure number={rows} class="p2" /> : null}
          <Figure number={number} />
        </tr>
      ))}
    </Table>
  );
}

function Figure(props: { readonly number: number | undefined; readonly class?: string }) {
  const { number, class: more = '' } = props;
  return (
    <td class={`end ${more}`}>
      {number === undefined ? <span class="quiet">not known</span> : number.toLocaleString('en')}
    </td>
  );
}
