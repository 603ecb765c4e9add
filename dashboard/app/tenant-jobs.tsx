import type { TenantDetailsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { outcomeStyle, outcomeWord } from '../../src/lib/core/outcomes.ts';
import { localTime, relative } from './format.ts';
import { OutcomeBadge, Table } from './pieces.tsx';
import { runLink } from './route.ts';

type Result = NonNullable<TenantDetailsAnswer['history']>[number];

interface TenantJobsProps {
  readonly tenant: TenantDetailsAnswer;
  readonly nowMs: number;
}

/** The last result of each job in the tenant, and the results before as a line of marks. */
export function TenantJobs({ tenant: { lastResults, history }, nowMs }: TenantJobsProps) {
  return (
    <section class="card" aria-labelledby="jobs-title">
      <h3 id="jobs-title">Jobs</h3>
      {lastResults === undefined || lastResults.length === 0 ? (
        <p class="quiet">
          {lastResults === undefined ? 'The last results are not known.' : 'No job has visited this tenant yet.'}
        </p>
      ) : (
        <Table columns={['Job', 'Last result', 'Finished', 'Recent runs']}>
          {lastResults.map(({ job, runId, outcome, code, finishedAt }) => (
            <tr key={job}>
              <th scope="row">
                <a href={runLink(runId)}>{job}</a>
              </th>
              <td>
                <OutcomeBadge outcome={outcome} code={code} />
              </td>
              <td class="number">
                <span title={localTime(finishedAt)}>{relative(finishedAt, nowMs)}</span>
              </td>
              <td>
                {history === undefined ? (
                  <span class="quiet">not known</span>
                ) : (
                  <Marks results={history.filter((result) => result.job === job)} />
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

/** One mark per result, the oldest first. The sentence says the same to people who do not see them. */
function Marks({ results }: { readonly results: readonly Result[] }) {
  const counts = [...Map.groupBy(results, ({ outcome }) => outcome)];
  return (
    <>
      <span class="marks" aria-hidden="true">
        {results.toReversed().map(({ runId, outcome, code, finishedAt }) => {
          const { tone, icon } = outcomeStyle(outcome);
          const title = `${localTime(finishedAt)}: ${outcomeWord(outcome)}${code === undefined ? '' : `, ${code}`}`;
          return (
            <a key={runId} href={runLink(runId)} tabIndex={-1} class={`mark ${tone}`} title={title}>
              {icon}
            </a>
          );
        })}
      </span>
      <span class="visually-hidden">
        {counts.map(([outcome, some]) => `${some.length} ${outcomeWord(outcome)}`).join(', ')}
      </span>
    </>
  );
}
