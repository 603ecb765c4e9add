import type { RunAnswer, RunTenant } from '../../src/lib/api/answers/runs.ts';
import { isEnded } from '../../src/lib/runs/run.ts';
import { ActionButton } from './action.tsx';
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
  readonly onFailure: (failure: ApiFailure | undefined) => void;
}) {
  const { run, tenants, onCancel, onFailure } = props;
  const { api } = useSignedIn();
  const writes = useRole('Runs.Write');
  const ended = isEnded(run.status);
  const owed = tenants.filter(({ outcome }) => outcome !== 'succeeded' && outcome !== 'skipped');
  // It owes everything that was asked, however many that is.
  const neverPlanned = tenants.length === 0 && run.status !== 'completed';
  const save = async (format: string): Promise<void> =>
    saveFile(await api.results(run.runId, format), `${run.job}.${format}`);
  const repeat = async (): Promise<void> => {
    const { runId } = await api.rerun(run.runId);
    location.hash = runLink(runId);
  };
  return (
    <div class="actions">
      {formats.map((format) => (
        <ActionButton key={format} work={() => save(format)} onFailure={onFailure}>
          Rows as {format.toUpperCase()}
        </ActionButton>
      ))}
      {writes && !ended ? (
        <ActionButton work={onCancel} onFailure={onFailure} done={run.cancelRequested === true}>
          Cancel
        </ActionButton>
      ) : null}
      {writes && ended && (owed.length > 0 || neverPlanned) ? (
        <ActionButton work={repeat} onFailure={onFailure} primary>
          {neverPlanned ? 'Run again' : `Run again for ${count(owed.length, 'tenant')}`}
        </ActionButton>
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
