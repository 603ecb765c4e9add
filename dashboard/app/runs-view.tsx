import { useState } from 'preact/hooks';
import { outcomeWord, runOutcomes } from '../../src/lib/model/outcomes.ts';
import { Choice } from './choice.tsx';
import { useRole, useSignedIn } from './context.ts';
import { count } from './format.ts';
import { Loaded, RoleNeeded } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { RunTable } from './run-table.tsx';

const intervalMs = 5_000;
const maxRuns = 200;

export function RunsView() {
  return useRole('Runs.Read') ? <RunList /> : <RoleNeeded title="Runs" role="Runs.Read" />;
}

function RunList() {
  const { api } = useSignedIn();
  const polled = usePolling(() => api.runs(maxRuns), 'runs', intervalMs);
  const [job, setJob] = useState('');
  const [outcome, setOutcome] = useState('');
  const runs = polled.value?.runs ?? [];
  const shown = runs.filter((run) => (job === '' || run.job === job) && (outcome === '' || run.outcome === outcome));
  return (
    <>
      <h2>Runs</h2>
      <div class="filters">
        <Choice
          label="Job"
          value={job}
          options={[...new Set(runs.map((run) => run.job))].toSorted()}
          onChoose={setJob}
        />
        <Choice label="Outcome" value={outcome} options={runOutcomes} textOf={outcomeWord} onChoose={setOutcome} />
        {polled.value === undefined ? null : <span class="quiet">{count(shown.length, 'run')}</span>}
      </div>
      <Loaded polled={polled}>
        {() =>
          shown.length === 0 && runs.length > 0 ? (
            <p class="quiet">No run matches the filter. The list contains the latest {maxRuns} runs.</p>
          ) : (
            <RunTable runs={shown} />
          )
        }
      </Loaded>
    </>
  );
}
