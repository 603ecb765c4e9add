import { useMemo } from 'preact/hooks';
import type { AuditRecord } from './audit-pages.ts';
import { useRole, useSignedIn } from './context.ts';
import { usePolling } from './polling.ts';
import { useJobs } from './nights.ts';

/** Application id in records of tokens that the broker issued to its own jobs. */
const brokerId = '00000000-0000-0000-0000-000000000000';

/** Who a record names, in words for people. */
interface Who {
  readonly name: string;
  readonly kind: 'person' | 'application' | 'agent' | 'job';
}

export interface Names {
  readonly tenants: ReadonlyMap<string, string>;
  readonly whoIn: (record: Pick<AuditRecord, 'caller' | 'rule'>) => Who;
}

/**
 * Names for the ids in audit records: tenants, jobs, and whoever started a run or asked for an approval lately. The audit
 * log itself has ids alone. An id without a known name is shown by its start.
 */
export function useNames(): Names {
  const { api, session } = useSignedIn();
  const [readsTenants, readsRuns, decides] = [
    useRole('Tenants.Read'),
    useRole('Runs.Read'),
    useRole('Approvals.Decide'),
  ];
  const load = async () => (readsTenants ? api.tenants() : undefined);
  const tenants = usePolling(load, 'tenants', undefined).value;
  const { titleOf } = useJobs();
  const people = usePolling(
    async () => ({
      runs: readsRuns ? (await api.runs(200)).runs : [],
      approvals: decides ? (await api.approvals({ limit: '100' })).approvals : [],
    }),
    'people',
    undefined,
  ).value;
  return useMemo(() => {
    const byId = new Map<string, string>();
    for (const { starter } of people?.runs ?? [])
      if (starter?.name !== undefined) byId.set(starter.objectId, starter.name);
    for (const { asker } of people?.approvals ?? [])
      byId.set(asker.kind === 'application' ? asker.applicationId : (asker.objectId ?? ''), asker.name);
    if (session.objectId !== undefined) byId.set(session.objectId, session.name);
    return {
      tenants: new Map(tenants?.tenants.map(({ tenantId, name }) => [tenantId, name])),
      whoIn: ({ caller: { applicationId, objectId, kind }, rule = '' }) => {
        const job = rule.startsWith('job:') ? rule.slice(4) : undefined;
        if (applicationId === brokerId)
          return { kind: 'job', name: job === undefined ? 'the broker itself' : titleOf(job) };
        const name = byId.get(objectId) ?? (kind === 'user' ? undefined : byId.get(applicationId));
        if (kind === 'user') return { kind: 'person', name: name ?? `person ${start(objectId)}` };
        return { kind: kind === 'agent' ? 'agent' : 'application', name: name ?? `${kind} ${start(applicationId)}` };
      },
    };
  }, [tenants, titleOf, people, session]);
}

const start = (id: string): string => (id.length > 9 ? `${id.slice(0, 8)}…` : id);
