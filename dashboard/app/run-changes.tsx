import { useState } from 'preact/hooks';
import type { RunChangesAnswer } from '../../src/lib/api/answers/runs.ts';
import type { ApiFailure } from './api-failure.ts';
import { useSignedIn } from './context.ts';
import { count } from './format.ts';
import { Failure, Table } from './pieces.tsx';
import { runLink } from './route.ts';

type Change = RunChangesAnswer['changes'][number];

const maxShown = 500;

/** Changes since the previous run. They load on a click, because the comparison reads the rows of two runs. */
export function RunChanges({ runId }: { readonly runId: string }) {
  const { api } = useSignedIn();
  const [answer, setAnswer] = useState<RunChangesAnswer>();
  const [failure, setFailure] = useState<ApiFailure>();
  const compare = (): void => {
    setFailure(undefined);
    api.changes(runId).then(setAnswer, (thrown: unknown) => setFailure(thrown as ApiFailure));
  };
  return (
    <section class="changes" aria-label="Changes">
      <div class="title-row">
        <h3>Changes</h3>
        <button type="button" onClick={compare}>
          Compare with the previous run
        </button>
      </div>
      <Failure failure={failure} />
      {answer === undefined ? null : (
        <>
          <p role="status">
            {count(answer.changes.length, 'change')}
            {answer.truncated ? ' and more' : ''} in {count(answer.comparedTenants, 'tenant')} since{' '}
            <a href={runLink(answer.comparedWith)}>{answer.comparedWith}</a>.
          </p>
          <ChangeTable changes={answer.changes.slice(0, maxShown)} />
        </>
      )}
    </section>
  );
}

function ChangeTable({ changes }: { readonly changes: readonly Change[] }) {
  if (changes.length === 0) return null;
  return (
    <Table columns={['Tenant', 'Change', 'Before', 'After']}>
      {changes.map((change, index) => (
        <tr key={index}>
          <th scope="row">{change.name}</th>
          <td>{change.change}</td>
          <td>{'before' in change ? rowText(change.before) : ''}</td>
          <td>{'after' in change ? rowText(change.after) : ''}</td>
        </tr>
      ))}
    </Table>
  );
}

const rowText = (row: Readonly<Record<string, string | number | boolean | null>>): string =>
  Object.entries(row)
    .map(([column, value]) => `${column}: ${value === null ? 'none' : String(value)}`)
    .join(', ');
