import { useMemo, useState } from 'preact/hooks';
import type { RunAnswer, RunTenant } from '../../src/lib/api/answers/runs.ts';
import { isApplyWindow, isEnded } from '../../src/lib/runs/store/run.ts';
import { useAnnounce, useProgressAnnouncement } from './announcer.tsx';
import type { Api } from './api.ts';
import { type ApiFailure, finalAnswer } from './api-failure.ts';
import { runReaders, useRole, useSignedIn } from './context.ts';
import { Empty, Failure, Head, Loaded } from './pieces.tsx';
import { forRole } from './role-needed.tsx';
import { usePolling } from './polling.ts';
import type { DeclaredColumns } from './result-columns.ts';
import { goTo, jobLink, planLink, runLink, type RunPart } from './route.ts';
import { RunChanges, SinceBefore } from './run-changes.tsx';
import { RunRows } from './run-rows.tsx';
import { headlineOf, progressText, RunFacts, RunSummary } from './run-summary.tsx';
import { RunTenants } from './run-tenants.tsx';
import { useHeld } from './run-table.tsx';
import { noFilter } from './run-tenant-list.ts';
import { HowItWent, partsOf, Strip } from './run-timeline.tsx';
import { useJobs } from './nights.ts';
import { ActionButton } from './action.tsx';
import { Dialog, DialogButton } from './dialog.tsx';
import { count } from './format.ts';
import { Folded } from './folded.tsx';
import { Icon } from './icon.tsx';
import { saveFile } from './save-file.ts';

const intervalMs = 2_000;

interface RunViewProps {
  readonly runId: string;
  /** Part of the page to show. Undefined: the tenants, or the rows of a run that succeeded. */
  readonly part?: RunPart | undefined;
}

export const RunView = forRole(runReaders, 'Run', OneRun);

/** Polls until the answer is that of a run that has ended, or that it does not exist. */
function useRun<T extends { readonly status: RunAnswer['status'] }>(key: string, load: (api: Api) => Promise<T>) {
  const [ended, setEnded] = useState(false);
  const loadFinal = async (api: Api) => {
    const final = await finalAnswer(load(api));
    setEnded(final.answer === undefined || isEnded(final.answer.status));
    return final;
  };
  return usePolling(loadFinal, key, ended ? undefined : intervalMs);
}

function OneRun({ runId, part }: RunViewProps) {
  const polled = useRun(`run ${runId}`, (api) => api.run(runId));
  return (
    <Loaded polled={polled}>
      {({ answer, refusal }) =>
        answer === undefined ? (
          <>
            <Head title="There is no such run" name="Run" in={['#/runs', 'Runs']} about={<code>{runId}</code>} />
            <Failure failure={refusal}>
              <a class="btn" href="#/runs">
                All runs
              </a>
            </Failure>
          </>
        ) : (
          <RunPage run={answer} part={part} reload={polled.reload} />
        )
      }
    </Loaded>
  );
}

function RunPage({
  run,
  part,
  reload,
}: { readonly run: RunAnswer; readonly reload: () => void } & Omit<RunViewProps, 'runId'>) {
  const { api } = useSignedIn();
  const { runId } = run;
  const held = useHeld(runId);
  const tenants = useRun(`tenants ${runId}`, (api) => api.runTenants(runId));
  const job = useJobs().jobs?.find(({ name }) => name === run.job);
  const isQuery = run.query !== undefined;
  const announce = useAnnounce();
  const [actionFailure, setActionFailure] = useState<ApiFailure>();
  const [filter, setFilter] = useState(noFilter);
  // A run that ends while the reader looks at its tenants does not show its rows instead.
  const [first] = useState<RunPart>(() => (isQuery || run.outcome === 'succeeded' ? 'rows' : 'tenants'));
  useProgressAnnouncement(progressText(run), isEnded(run.status));
  const cancel = async (): Promise<void> => {
    await api.cancel(runId);
    announce('The run will stop before the next tenant.');
    reload();
  };
  const list = tenants.value?.answer;
  const isApply = isApplyWindow(run.window);
  // Not anew for each letter of a search.
  const parts = useMemo(() => partsOf(list?.tenants ?? []), [list]);
  const showsSince = run.status === 'completed' && !isQuery && !isApply;
  // A tenant in which a change was refused has rows, too.
  const stored = list?.tenants.reduce(
    (sum, { outcome, rows }) => sum + (outcome === 'succeeded' || isApply ? rows : 0),
    0,
  );
  const shown = part ?? first;
  const declared = isApply ? [...answerColumns, ...(job?.columns ?? [])] : job?.columns;
  const planId = isApply ? held?.planId : job?.changes ? runId : undefined;
  const counts = { tenants: list?.tenants.length, rows: stored, changes: undefined };
  const title = isQuery ? 'Query' : (job?.title ?? run.job);
  return (
    <article class="run">
      <Head
        title={`${title}: ${headlineOf(run)}`}
        name={title}
        in={isQuery ? ['#/runs', 'Runs'] : ['#/runs', 'Runs', jobLink(run.job)]}
        about={<RunFacts run={run} />}
      >
        {planId === undefined ? null : (
          <a class="btn" href={planLink(planId)}>
            Show the plan
          </a>
        )}
        <RunActions
          run={run}
          tenants={list?.tenants}
          repeats={job?.changes !== true}
          onCancel={cancel}
          onFailure={setActionFailure}
        />
      </Head>
      <Failure failure={actionFailure} />
      <RunSummary run={run} />
      {/* While it runs, the notice above has a bar. */}
      {parts.length > 1 && isEnded(run.status) ? <Strip parts={parts} /> : null}
      <nav class="tabs" aria-label="Parts of the run">
        {(isQuery || isApply ? tabsAlone : tabs).map(([part, title]) => (
          <a key={part} href={runLink(runId, part)} aria-current={part === shown ? 'page' : undefined}>
            {title} <span>{counts[part]?.toLocaleString('en')}</span>
          </a>
        ))}
      </nav>
      {shown === 'tenants' ? (
        <Loaded polled={tenants}>
          {({ answer, refusal }) =>
            answer === undefined ? (
              <Failure failure={refusal} />
            ) : (
              <>
                {showsSince ? <SinceBefore run={run} tenants={answer.tenants} /> : null}
                <RunTenants {...{ answer, run, filter, parts }} onFilter={setFilter} />
                <HowItWent run={run} tenants={answer.tenants} />
              </>
            )
          }
        </Loaded>
      ) : null}
      {shown === 'rows' ? <RunRows run={run} stored={stored} declared={declared} /> : null}
      {shown === 'changes' ? <ChangesPart run={run} declared={job?.columns} /> : null}
    </article>
  );
}

/** Of the rows of an apply, before those of its plan. */
const answerColumns = [
  { name: 'outcome', title: 'Outcome', type: 'text' },
  { name: 'detail', title: 'Detail', type: 'text' },
] as const;

const tabs: readonly (readonly [RunPart, string])[] = [
  ['tenants', 'Tenants'],
  ['rows', 'Rows'],
  ['changes', 'Since the run before'],
];

/** Two queries are not compared, and an apply says itself what it changed. */
const tabsAlone = tabs.filter(([part]) => part !== 'changes');

function ChangesPart({ run, declared }: { readonly run: RunAnswer; readonly declared: DeclaredColumns }) {
  if (run.status === 'completed') return <RunChanges run={run} declared={declared} />;
  return (
    <Empty
      title={
        isEnded(run.status)
          ? 'Only a run that visited all its tenants is compared with the previous one.'
          : 'The run is compared with the previous one when it has visited all its tenants.'
      }
    />
  );
}

const formats = [
  ['csv', 'CSV'],
  ['jsonl', 'JSON Lines'],
  ['json', 'JSON'],
] as const;

/** Buttons of a run. Every reader can download its rows. Runs.Write is needed to cancel it or run it again; whoever asked a query may do both. */
function RunActions(props: {
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
      <Folded name="More actions">
        <DialogButton
          dialog={(onClose) => (
            <Dialog title="Download the rows" onClose={onClose}>
              <div class="actions">
                {formats.map(([format, name]) => (
                  <ActionButton key={format} work={() => save(format).finally(onClose)} onFailure={onFailure}>
                    <Icon name="download" /> {name}
                  </ActionButton>
                ))}
              </div>
            </Dialog>
          )}
        >
          <Icon name="download" /> Download…
        </DialogButton>
      </Folded>
      {mayCancel && !ended ? (
        <ActionButton work={onCancel} onFailure={onFailure} done={run.cancelRequested === true}>
          Cancel
        </ActionButton>
      ) : null}
      {repeats && mayStart && ended && (unfinished.length > 0 || neverPlanned) ? (
        <ActionButton work={repeat} onFailure={onFailure} primary>
          <Icon name="again" /> {neverPlanned ? 'Run again' : `Run again for ${count(unfinished.length, 'tenant')}`}
        </ActionButton>
      ) : null}
    </>
  );
}
