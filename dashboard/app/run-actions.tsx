import type { RunAnswer, RunTenant } from '../../src/lib/http/api/answers/runs.ts';
import type { ApiFailure } from './api.ts';
import { useRole, useSignedIn } from './context.ts';
import { count } from './format.ts';
import { runLink } from './route.ts';

const formats = ['csv', 'jsonl', 'json'] as const;

/** What can be done with a run: its rows as a file for every reader, the rest for who may start runs. */
export function RunActions(props: {
  readonly run: RunAnswer;
  readonly tenants: readonly RunTenant[];
  readonly onCancel: () => Promise<void>;
  readonly onFailure: (failure: ApiFailure) => void;
}) {
  const { run, tenants, onCancel, onFailure } = props;
  const { api } = useSignedIn();
  const writes = useRole('Runs.Write');
  const active = run.status === 'pending' || run.status === 'running';
  const failed = tenants.filter(({ outcome }) => outcome === 'failed' || outcome === 'not_attempted');
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (thrown) {
      onFailure(thrown as ApiFailure);
    }
  };
  const save = (format: string): Promise<void> =>
    attempt(async () => saveFile(await api.results(run.runId, format), `${run.job}.${format}`));
  const repeat = (): Promise<void> =>
    attempt(async () => {
      const { runId } = await api.rerun(run.runId);
      location.hash = runLink(runId);
    });
  return (
    <div class="actions">
      {formats.map((format) => (
        <button key={format} type="button" onClick={() => void save(format)}>
          Rows as {format.toUpperCase()}
        </button>
      ))}
      {writes && active ? (
        <button type="button" disabled={run.cancelRequested === true} onClick={() => void onCancel()}>
          Cancel
        </button>
      ) : null}
      {writes && !active && failed.length > 0 ? (
        <button type="button" class="primary" onClick={() => void repeat()}>
          Run again for {count(failed.length, 'tenant')}
        </button>
      ) : null}
    </div>
  );
}

function saveFile(rows: Blob, name: string): void {
  const url = URL.createObjectURL(rows);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken the address by then.
  setTimeout(() => URL.revokeObjectURL(url), 1_000);
}
