import type { AuditAnswer } from '../../src/lib/api/answers/audit.ts';
import type { TenantHistoryAnswer } from '../../src/lib/api/answers/history.ts';
import type { TenantDetailsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { mayChange } from '../../src/lib/api/report/partner-work.ts';
import { titleOf as titleOfCause } from '../../src/lib/api/trouble.ts';
import { outcomeStyle } from '../../src/lib/core/outcomes.ts';
import type { Api } from './api.ts';
import { shortName, titleInWords } from './approval-facts.tsx';
import { type AuditRecord, oneARequest } from './audit-lines.ts';
import { subjectOf } from './audit-record.tsx';
import { useRole } from './context.ts';
import { entryOf, openOf, Timeline, type TimelineEntry } from './event-list.tsx';
import { count } from './format.ts';
import { useJobs } from './nights.ts';
import { Loaded, Panel } from './pieces.tsx';
import { usePolling } from './polling.ts';
import { approvalLink, runLink } from './route.ts';
import { isApply } from './tenant-filter.ts';
import { auditLink, eventsLink } from './view-filter.ts';

const intervalMs = 60_000;
const shown = 8;
/** As far back as the chart of the page. */
const storyMs = 90 * 86_400_000;
/** In place of what cannot be read. There may be more. */
const unread = () => ({ runs: [], entries: [], continuation: '' });

/** What happened in a tenant, the newest first: its access and tags, changes, approvals, and when its jobs failed. */
export function TenantEvents({ tenant }: { readonly tenant: TenantDetailsAnswer }) {
  const { tenantId, tags = [], history = [] } = tenant;
  const { titleOf } = useJobs();
  const [readsAudit, readsRuns] = [useRole('Audit.Read'), useRole('Runs.Read')];
  const visits = history.filter((result) => !isApply(result));
  // One job tells since when the tenant did not answer: the one that failed most, or that has most results.
  const failedOf = (some: typeof visits): number => some.filter(({ outcome }) => outcome === 'failed').length;
  const [job = ''] = [...Map.groupBy(visits, ({ job }) => job)]
    .toSorted(([, some], [, more]) => failedOf(more) - failedOf(some) || more.length - some.length)
    .map(([name]) => name);
  const polled = usePolling(
    (api) => api.events({ tenants: tenantId, limit: String(shown) }),
    `events of ${tenantId}`,
    intervalMs,
  );
  // Once: they are looked for among the records of all tenants. By kind, so that requests that read displace no others.
  const load = async (api: Api) => {
    const from = new Date(Date.now() - storyMs).toISOString();
    const kinds = readsAudit ? (['tags', 'approval', 'request'] as const) : [];
    const [past, ...answers] = await Promise.all([
      readsRuns && job !== '' ? api.tenantHistory(tenantId, job, { since: from }).catch(unread) : { runs: [] },
      ...kinds.map((kind) => api.audit({ tenant: tenantId, from, kind, limit: '1000' }).catch(unread)),
    ]);
    const isCut = [past, ...answers].some((one) => 'continuation' in one);
    return { runs: past.runs, isCut, records: answers.flatMap(recordEntries) };
  };
  const { records = [], runs = [], isCut } = usePolling(load, `story of ${tenantId} ${job} ${tags.join()}`).value ?? {};
  // The audit log has who changed a tag, and has it at once.
  const hasTags = records.some(({ kind }) => kind === 'tags');
  const events = polled.value?.events.filter(({ kind }) => kind !== 'tags_changed' || !hasTags) ?? [];
  const open = openOf(events);
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
    ...events.map((event) => entryOf(event, open)),
    ...records,
    ...applied,
    ...failuresOf(runs).map(([last, ...others]): TimelineEntry => {
      const cause = causes.get(last.runId);
      return {
        id: `failures ${last.runId}`,
        at: last.startedAt,
        tone: 'bad',
        title: `${titleOf(job)} failed in ${count(others.length + 1, 'run')}${cause === undefined ? '' : `: ${titleOfCause(cause)}`}`,
        details: <RunOf runId={last.runId}>Last failed run</RunOf>,
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
            {continuation === undefined && isCut !== true && entries.length <= shown ? null : (
              <p class="small">
                There may be more: <a href={eventsLink({ tenants: tenantId })}>events of this tenant</a>
                {readsAudit ? (
                  <>
                    , <a href={auditLink({ tenant: tenantId })}>audit records</a>
                  </>
                ) : null}
              </p>
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

/** Runs one after another that failed. Any other run ends them. @param runs the newest first, as in what is found. */
function failuresOf(runs: readonly Run[]) {
  const found: [Run, ...Run[]][] = [];
  for (const [at, run] of runs.entries()) {
    if (run.outcome !== 'failed') continue;
    if (runs[at - 1]?.outcome === 'failed') found.at(-1)?.push(run);
    else found.push([run]);
  }
  return found;
}

/** What people decided, changed or sent in a tenant. What an apply sent is told by the apply. */
const recordEntries = ({ entries, callerNames = {} }: Pick<AuditAnswer, 'entries' | 'callerNames'>) =>
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
            {doneBy(record)} {isChange ? (status < 400 ? 'succeeded' : `failed with ${status}`) : reason}{' '}
            {approvalId === undefined ? null : <a href={approvalLink(approvalId)}>Approval</a>}
          </p>
        ),
      },
    ];
  });

/** What some actions do. An approval has their path, because somebody decides by it. */
const actions: readonly (readonly [RegExp, string])[] = [
  [/^POST \/[^/]+\/users\/[^/]+\/assignLicense at graph$/, 'Changes the licences of one user'],
  [/^POST \/[^/]+\/users\/[^/]+\/revokeSignInSessions at graph$/, 'Ends all sessions of one user'],
];

/** The log has paths encoded, such as the `#EXT#` in the name of a guest. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What a request does, and to which object, if its path tells it, or else its path. */
function doneBy(record: AuditRecord) {
  const subject = subjectOf(record);
  const action = actions.find(([path]) => path.test(subject))?.[1];
  const words = action ?? titleInWords({ title: `${subject} in it` }).replace(/ in it$/, '');
  if (words === subject) return <code>{subject}</code>;
  const key = record.path?.split('/')[3];
  return (
    <span title={subject}>
      {words}
      {key === undefined ? '' : ` (${shortName(decoded(key), 'id')})`}:
    </span>
  );
}
