import type { AuditAnswer } from '../../src/lib/api/answers/audit.ts';
import type { TenantHistoryAnswer } from '../../src/lib/api/answers/history.ts';
import type { TenantDetailsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { mayChange } from '../../src/lib/api/report/partner-work.ts';
import { titleOf as titleOfCause } from '../../src/lib/api/trouble.ts';
import { outcomeStyle } from '../../src/lib/core/outcomes.ts';
import type { Api } from './api.ts';
import type { AuditRecord } from './audit-pages.ts';
import { oneARequest, subjectOf } from './audit-table.tsx';
import { useRole } from './context.ts';
import { entryOf, Timeline, type TimelineEntry } from './event-list.tsx';
import { count, localDay } from './format.ts';
import { useJobs } from './nights.ts';
import { Loaded, Panel } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { approvalLink, runLink } from './route.ts';
import { isApply } from './tenant-filter.ts';
import { eventsLink } from './view-filter.ts';

const intervalMs = 60_000;
const shown = 8;
/** As far back as the chart of the page. */
const storyMs = 90 * 86_400_000;

/** What happened in a tenant, the newest first: its access and tags, changes, approvals, and when its jobs failed. */
export function TenantEvents({ tenant }: { readonly tenant: TenantDetailsAnswer }) {
  const { tenantId, tags = [], history = [] } = tenant;
  const { titleOf } = useJobs();
  const [readsAudit, readsRuns] = [useRole('Audit.Read'), useRole('Runs.Read')];
  const visits = history.filter((result) => !isApply(result));
  // The job with most results tells when the tenant did not answer.
  const [job] = [...Map.groupBy(visits, ({ job }) => job)]
    .toSorted(([one, some], [other, more]) => more.length - some.length || one.localeCompare(other))
    .map(([name]) => name);
  const polled = usePolling(
    (api) => api.events({ tenants: tenantId, limit: String(shown) }),
    `events of ${tenantId}`,
    intervalMs,
  );
  // Once: they are looked for among the records of all tenants. What cannot be read is left out.
  const load = async (api: Api) => {
    const from = new Date(Date.now() - storyMs).toISOString();
    const [records, runs] = await Promise.all([
      readsAudit ? api.audit({ tenant: tenantId, from, limit: '1000' }).then(recordEntries, () => []) : [],
      readsRuns && job !== undefined
        ? api.tenantHistory(tenantId, job, { since: from }).then(
            (found) => found.runs,
            () => [],
          )
        : [],
    ]);
    return { records, runs };
  };
  const { records = [], runs = [] } = usePolling(load, `story of ${tenantId} ${job} ${tags.join()}`).value ?? {};
  // The audit log has who changed a tag, and has it at once.
  const hasTags = records.some(({ kind }) => kind === 'tags');
  const events = polled.value?.events.filter(({ kind }) => kind !== 'tags_changed' || !hasTags) ?? [];
  const applied = history.filter(isApply).map(
    ({ runId, job: name, outcome, code, finishedAt }): TimelineEntry => ({
      id: runId,
      at: finishedAt,
      tone: outcomeStyle(outcome).tone,
      // It succeeds also if all was so already.
      title: outcome === 'succeeded' ? 'An apply succeeded' : titleOfCause(code ?? outcome),
      details: <RunOf runId={runId}>{titleOf(name)}</RunOf>,
    }),
  );
  const causes = new Map(history.map(({ runId, code }) => [runId, code]));
  const entries = [
    ...events.map(entryOf),
    ...records,
    ...applied,
    ...failuresOf(runs.toReversed()).map(({ first, until, runs }): TimelineEntry => {
      const cause = causes.get(first.runId);
      return {
        id: `failures ${first.runId}`,
        at: (until ?? first).startedAt,
        tone: until === undefined ? 'bad' : 'good',
        title:
          until === undefined
            ? `Jobs began to fail${cause === undefined ? '' : `: ${titleOfCause(cause)}`}`
            : `Jobs answer again, after ${count(runs, 'failed run')} since ${localDay(first.startedAt)}`,
        details: <RunOf runId={first.runId}>{titleOf(job ?? '')}</RunOf>,
      };
    }),
  ];
  // What was there at the first look is no event: "nothing happened" would be wrong below a trouble.
  if (polled.value !== undefined && entries.length === 0) return null;
  return (
    <Panel title="What happened">
      <Loaded polled={polled}>
        {({ continuation }) => (
          <>
            <Timeline entries={entries} most={shown} />
            {continuation === undefined ? null : (
              <a href={eventsLink({ tenants: tenantId })}>All events of this tenant</a>
            )}
          </>
        )}
      </Loaded>
    </Panel>
  );
}

const RunOf = ({ runId, children }: { readonly runId: string; readonly children: string }) => (
  <p>
    <a href={runLink(runId, 'tenants')}>{children}</a>
  </p>
);

type Run = TenantHistoryAnswer['runs'][number];

/** Runs one after another that failed. `until`: the next one that succeeded. @param runs the oldest first. */
function failuresOf(runs: readonly Run[]) {
  const found: { first: Run; runs: number; until?: Run }[] = [];
  for (const run of runs) {
    const last = found.at(-1);
    const isOpen = last !== undefined && last.until === undefined;
    if (isOpen && run.outcome === 'succeeded') last.until = run;
    else if (run.outcome !== 'failed') continue;
    else if (isOpen) last.runs += 1;
    else found.push({ first: run, runs: 1 });
  }
  return found;
}

/** What people decided, changed or sent in a tenant. What an apply sent is told by the apply. */
const recordEntries = ({ entries, callerNames = {} }: AuditAnswer) =>
  oneARequest(entries).flatMap((record): readonly (TimelineEntry & Pick<AuditRecord, 'kind'>)[] => {
    const { at, kind, outcome, status = 0, plan, approvalId, reason, caller } = record;
    const isDecision = kind === 'approval' && (outcome === 'approved' || outcome === 'denied');
    const isChange = kind === 'request' && outcome === 'answered' && plan === undefined && mayChange(record);
    if (kind !== 'tags' && !isDecision && !isChange) return [];
    const name = callerNames[caller.objectId] ?? callerNames[caller.applicationId];
    const what = kind === 'tags' ? 'Tags were changed' : `A request was ${isDecision ? outcome : 'sent'}`;
    return [
      {
        id: `${record.tokenId} ${outcome} ${at}`,
        kind,
        at,
        tone: status >= 400 ? 'bad' : kind === 'tags' ? 'idle' : outcome === 'denied' ? 'warn' : 'good',
        title: `${what}${name === undefined ? '' : ` by ${name}`}`,
        details: (
          <p>
            <code>{subjectOf(record)}</code> {isChange ? `was answered ${status}` : reason}{' '}
            {approvalId === undefined ? null : <a href={approvalLink(approvalId)}>Approval</a>}
          </p>
        ),
      },
    ];
  });
