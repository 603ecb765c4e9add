import { useMemo } from 'preact/hooks';
import type { ApprovalsAnswer } from '../../src/lib/api/answers/approvals.ts';
import { nilUuid } from '../../src/lib/core/identifiers.ts';
import { factIn } from './approval-facts.tsx';
import { atLeast, type AuditRecord, type Line } from './audit-lines.ts';
import type { AuditPages } from './audit-pages.ts';
import { useOwnName, useRole, useSignedIn } from './context.ts';
import { count } from './format.ts';
import { useJobs } from './nights.ts';
import { usePolling, useTenants } from './polling.ts';

type Summary = ApprovalsAnswer['approvals'][number];
/** A broker of another version does not name the deciders. */
type Approval = Omit<Summary, 'deciders'> & Partial<Pick<Summary, 'deciders'>>;

/** Who a record names, in words for people. */
interface Who {
  readonly name: string;
  readonly kind: 'person' | 'application' | 'agent' | 'job';
}

export interface Names {
  readonly tenants: ReadonlyMap<string, string>;
  /** The newest approvals, by their ids, for those who may see them. */
  readonly approvals: ReadonlyMap<string, Approval>;
  /** The title of a job, or of that of a run or plan, by its name or id. */
  readonly jobOf: (nameOrId: string) => string;
  readonly whoIn: (record: Pick<AuditRecord, 'caller' | 'rule'>) => Who;
  /** The name of an application or object id, or else the start of the id, which a search in the policy finds. */
  readonly nameOf: (id: string) => string;
}

/**
 * Names for the ids in audit records: tenants, jobs, whoever started a run, asked for an approval or decided on it lately, and
 * the callers that the policy names. The audit log itself has ids alone. An id without a known name is shown by its start.
 */
export function useNames(callerNames?: AuditPages['callerNames']): Names {
  const { session } = useSignedIn();
  const [readsRuns, decides] = [useRole('Runs.Read'), useRole('Approvals.Decide')];
  const tenants = useTenants()?.tenants;
  const { titleOf } = useJobs();
  const own = useOwnName();
  const people = usePolling(
    async (api) => ({
      runs: readsRuns ? (await api.runs(200)).runs : [],
      approvals: decides ? ((await api.approvals({ limit: '100' })).approvals as readonly Approval[]) : [],
    }),
    'people',
  ).value;
  return useMemo(() => {
    const byId = new Map<string, string>();
    // The name of an agent that acts for a person is not that of the person, whose object id it has.
    for (const { starter } of people?.runs ?? [])
      if (starter?.name?.startsWith('agent ') === false) byId.set(starter.objectId, starter.name);
    const parties = people?.approvals.flatMap(({ asker, deciders = [] }) => [asker, ...deciders]);
    for (const { kind, actsFor, objectId, applicationId, name } of parties ?? [])
      if (actsFor === undefined) byId.set(kind === 'user' ? objectId : applicationId, name.replace(/^agent /, ''));
    if (session.objectId !== undefined) byId.set(session.objectId, session.name);
    for (const [id, name] of Object.entries(callerNames ?? {})) byId.set(id, name);
    for (const [id, name] of byId) byId.set(id, own(name));
    return {
      tenants: new Map(tenants?.map(({ tenantId, name }) => [tenantId, name])),
      approvals: new Map(people?.approvals.map((approval) => [approval.id, approval])),
      jobOf: (id) => titleOf(id.split('@')[0] ?? id),
      nameOf: (id) => byId.get(id) ?? start(id),
      whoIn: ({ caller: { applicationId, objectId, kind, actsFor }, rule = '' }) => {
        const job = rule.startsWith('job:') ? rule.slice(4) : undefined;
        if (applicationId === nilUuid)
          return { kind: 'job', name: job === undefined ? 'the broker itself' : titleOf(job) };
        const person = byId.get(objectId) ?? `person ${start(objectId)}`;
        if (kind === 'user') return { kind: 'person', name: person };
        const own = byId.get(applicationId);
        if (actsFor !== undefined) return { kind, name: `agent ${own ?? start(applicationId)} for ${person}` };
        const name = byId.get(objectId) ?? own;
        if (kind === 'agent') return { kind, name: `agent ${name ?? start(applicationId)}` };
        return { kind, name: name ?? `${kind} ${start(applicationId)}` };
      },
    };
  }, [tenants, titleOf, people, session, callerNames]);
}

const start = (id: string): string => (id.length > 9 ? `${id.slice(0, 8)}…` : id);

/** Approvals of plans have the nil id. */
export function tenantOf({ equal, ...record }: Line, names: Names): string {
  const ids = new Set((equal ?? [record]).flatMap(({ tenantId, tenantAsked }) => tenantId ?? tenantAsked ?? []));
  const [id = ''] = ids;
  if (ids.size > 1) return `${atLeast(ids.size, record)} tenants`;
  if (id !== nilUuid) return names.tenants.get(id) ?? id;
  const approval = names.approvals.get(record.approvalId ?? '');
  const known = Number(approval && factIn(approval, 'Tenants'));
  return known > 0 ? count(known, 'tenant') : 'several tenants';
}
