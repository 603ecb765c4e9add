import { useState } from 'preact/hooks';
import type { TenantDetailsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { outcomeStyle, outcomeWord } from '../../src/lib/core/outcomes.ts';
import { WideMarks } from './charts.tsx';
import { useRole } from './context.ts';
import { Dialog } from './dialog.tsx';
import { localTime, relative } from './format.ts';
import { Empty, OutcomeBadge, Panel, Table, Time } from './pieces.tsx';
import { runLink } from './route.ts';
import { TenantTrace } from './tenant-trace.tsx';
import { titleOf } from '../../src/lib/api/trouble.ts';
import { useJobs } from './nights.ts';

type Result = NonNullable<TenantDetailsAnswer['history']>[number];

interface TenantProps {
  readonly tenant: TenantDetailsAnswer;
  readonly nowMs: number;
}

/** The last result of each job in the tenant, and the results before as a line of marks. */
export function TenantJobs({ tenant: { lastResults, history }, nowMs }: TenantProps) {
  const { titleOf: titleOfJob } = useJobs();
  return (
    <Panel title="Jobs" bare>
      {lastResults === undefined || lastResults.length === 0 ? (
        <Empty
          title={lastResults === undefined ? 'The last results are not known.' : 'No job has visited this tenant yet.'}
        />
      ) : (
        <Table columns={[['Job'], ['Nights', 'w-l'], ['Last result', 'w-c'], ['Finished', 'w-m end p2']]}>
          {lastResults.map(({ job, runId, outcome, code, finishedAt }) => (
            <tr key={job}>
              <th scope="row">
                <a href={runLink(runId)} title={job}>
                  {titleOfJob(job)}
                </a>
              </th>
              <td>
                {history === undefined ? (
                  <span class="quiet">not known</span>
                ) : (
                  <ResultMarks results={history.filter((result) => result.job === job)} />
                )}
              </td>
              <td>
                <OutcomeBadge outcome={outcome} code={code} />
              </td>
              <td class="end p2 quiet">
                <span title={localTime(finishedAt)}>{relative(finishedAt, nowMs)}</span>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  );
}

function ResultMarks({ results }: { readonly results: readonly Result[] }) {
  const counts = [...Map.groupBy(results, ({ outcome }) => outcome)];
  return (
    <WideMarks
      label={counts.map(([outcome, some]) => `${some.length} ${outcomeWord(outcome)}`).join(', ')}
      marks={results.toReversed().map(({ outcome, code, finishedAt }) => ({
        tone: outcomeStyle(outcome).tone,
        title: `${localTime(finishedAt)}: ${outcomeWord(outcome)}${code === undefined ? '' : `, ${titleOf(code)}`}`,
      }))}
    />
  );
}

const shownAtFirst = 8;

/** The results of a tenant in earlier runs, the newest first. */
export function TenantHistory({ tenant: { tenantId, history } }: { readonly tenant: TenantDetailsAnswer }) {
  const [isAll, setAll] = useState(false);
  const [open, setOpen] = useState<Result>();
  const showsLog = useRole('Runs.Read');
  const { titleOf: titleOfJob } = useJobs();
  if (history?.length === 0) return null;
  return (
    <Panel title="History" bare class="no-print">
      {history === undefined ? (
        <Empty title="The results in earlier runs are not known." />
      ) : (
        <Table
          columns={[
            ['Finished', 'w-m'],
            ['Job'],
            ['Outcome', 'w-c'],
            ['Rows', 'w-s end p2'],
            ['Attempts', 'w-s end p2'],
            ['Log', 'w-s end'],
          ]}
        >
          {(isAll ? history : history.slice(0, shownAtFirst)).map((result) => (
            <tr key={result.runId}>
              <td class="quiet">
                <Time iso={result.finishedAt} short />
              </td>
              <th scope="row">
                <a href={runLink(result.runId)}>{titleOfJob(result.job)}</a>
              </th>
              <td>
                <OutcomeBadge outcome={result.outcome} code={result.code} />
              </td>
              <td class="end p2">{result.rows.toLocaleString('en')}</td>
              <td class="end p2">{result.attempts}</td>
              <td class="end">
                {showsLog && result.attempts > 0 ? (
                  <button type="button" class="link" onClick={() => setOpen(result)}>
                    Log<span class="visually-hidden">{` of ${result.job} at ${localTime(result.finishedAt)}`}</span>
                  </button>
                ) : null}
              </td>
            </tr>
          ))}
        </Table>
      )}
      {history === undefined || history.length <= shownAtFirst ? null : (
        <footer>
          <button type="button" class="link" aria-expanded={isAll} onClick={() => setAll(!isAll)}>
            {isAll ? 'Show fewer' : `Show all ${history.length} results`}
          </button>
        </footer>
      )}
      {open === undefined ? null : (
        <Dialog
          title={titleOfJob(open.job)}
          about={<Time iso={open.finishedAt} exact />}
          kind="drawer"
          onClose={() => setOpen(undefined)}
        >
          <TenantTrace runId={open.runId} tenantId={tenantId} />
        </Dialog>
      )}
    </Panel>
  );
}
