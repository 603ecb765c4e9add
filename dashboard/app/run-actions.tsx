import type { RunAnswer, RunTenant } from '../../src/lib/api/answers/runs.ts';
import { isEnded } from '../../src/lib/runs/store/run.ts';
import { ActionButton } from './action.tsx';
import type { ApiFailure } from './api-failure.ts';
import { useRole, useSignedIn } from './context.ts';
import { count } from './format.ts';
import { Icon } from './icon.tsx';
import { goTo, runLink } from './route.ts';

const formats = [
  ['csv', 'CSV'],
  ['jsonl', 'JSON Lines'],
  ['json', 'JSON'],
] as const;

/** Buttons of a run. Every reader can download its rows. Runs.Write is needed to cancel it or run it again; whoever asked a query may do both. */
export function RunActions(props: {
  readonly run: RunAnswer;
  /** Undefined until they are loaded. */
  readonly tenants: readonly RunTenant[] | undefined;
  /** Whether the run can be started again: a plan and an apply cannot. */
  readonly repeats: boolean;
  readonly onCancel: () => Promise<void>;
  readonly onFailure: (failure: ApiFailure | undefined) => void;
}) {
  const { run, tenants, repeats, onCancel, onFailure } = props;
  const { api } = useSignedIn();
  const [mayWrite, mayAsk] = [useRole('Runs.Write'), useRole('Requests.Send')];
  const isQuery = run.query !== undefined;
  const mayStart = isQuery ? mayAsk : mayWrite;
  const mayCancel = mayWrite || mayStart;
  const ended = isEnded(run.status);
  const unfinished = (tenants ?? []).filter(({ outcome }) => outcome !== 'succeeded' && outcome !== 'skipped');
  // The run failed before it listed its tenants: run it again for all of them.
  const neverPlanned = tenants?.length === 0 && run.status !== 'completed';
  const save = async (format: string): Promise<void> =>
    saveFile(await api.results(run, format), `${run.job}.${format}`);
  const repeat = async (): Promise<void> => {
    const { runId } = await api.rerun(run.runId);
    goTo(runLink(runId));
  };
  return (
    <>
      <div class="seg" role="group" aria-label="Downloads">
        {formats.map(([format, name]) => (
          <ActionButton key={format} work={() => save(format)} onFailure={onFailure}>
            <Icon name="download" />
            <span class="visually-hidden">Download </span>
            {name}
          </ActionButton>
        ))}
      </div>
      {mayCancel && !ended ? (
        <ActionButton work={onCancel} onFailure={onFailure} done={run.cancelRequested === true}>
          Cancel
        </ActionButton>
      ) : null}
      {repeats && mayStart && ended && (unfinished.length > 0 || neverPlanned) ? (
        <ActionButton work={repeat} onFailure={onFailure} primary>
          {neverPlanned ? 'Run again' : `Run again for ${count(unfinished.length, 'tenant')}`}
        </ActionButton>
      ) : null}
    </>
  );
}

function saveFile(rows: Blob, name: string): void {
  const url = URL.createObjectURL(rows);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has started by then.
  setTimeout(() => URL.revokeObjectURL(url), 1_000);
}
