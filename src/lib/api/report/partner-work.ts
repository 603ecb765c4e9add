import type { AuditAnswer } from '../answers/audit.ts';
import type { JobsAnswer } from '../answers/jobs.ts';
import { parseRunId } from '../../runs/store/run.ts';
import { titleOf } from '../trouble.ts';
import { isRefusedByMicrosoft, isRefusedByPolicy, isUnserved } from '../refusals.ts';

/** Reports compare with the run nearest to this time before their own. */
export const comparedDays = 30;

type AuditRecord = AuditAnswer['entries'][number];

/** The title of a job without what it says to the partner, who has many tenants: "Licences per tenant". */
export const reportTitle = ({ title }: JobsAnswer['jobs'][number]): string =>
  title.replace(/ (?:per|to each|in each|of each) tenant$/, '');

/** What came of it, in the order of a report. */
export const deedKinds = ['changed', 'unclear', 'read', 'direct', 'approval', 'none'] as const;

/** What a partner did in one customer, for one purpose or with one result. */
export interface Deed {
  readonly kind: (typeof deedKinds)[number];
  /** The title of a job, or what was asked, decided or answered. Rules of the policy are not named: a customer does not know them. */
  readonly name: string;
  /** Of a job, the visits in which it got a token. */
  readonly count: number;
  /** Those that open requests to the rule or the job. Empty: not known, or none. */
  readonly permissions: readonly string[];
  /** What the name does not say. */
  readonly about?: string;
  readonly lastAt: string;
}

/** What a partner did in one customer, by the audit log. */
export interface PartnerWork {
  readonly since: string;
  /** Requests that may have changed something and succeeded. */
  readonly changes: number;
  /** Requests that may have changed something and whose answer is unknown, or a failure of Microsoft. */
  readonly unclear: number;
  /** Whether people or applications got tokens: what they did with them is not on record. */
  readonly tokens: boolean;
  /** By their kinds, and of each kind the most frequent first. */
  readonly deeds: readonly Deed[];
}

/** A request has a record before it is sent. A token has no kind. */
const isServed = ({ kind, outcome }: AuditRecord): boolean =>
  (kind === undefined && outcome === 'issued') || (kind === 'request' && outcome === 'sent');

/** Whether a request may change something. Exchange takes every cmdlet by POST, also those that only read. */
export const mayChange = ({ method = 'GET', cmdlet = '' }: Pick<AuditRecord, 'method' | 'cmdlet'>): boolean =>
  method !== 'GET' && method !== 'HEAD' && !/^(?:Get|Test)-/i.test(cmdlet);

/** What people and applications asked for, and jobs that are not known any more. */
const purposes = {
  changed: 'Requests that can change something',
  unclear: 'Requests that can change something',
  read: 'Requests to read something',
  direct: 'Access for people and applications',
};

/** What became of the changes of a job that got tokens. */
const aboutChanges = { none: 'no change was sent', sent: 'the changes that were sent are counted apart' };

/** What a customer understands better than the title of the job. */
const deedNames: Readonly<Record<string, string>> = { 'access-check': 'Whether we can reach your tenant' };

/** Asks `GET /audit`. */
export type ReadAudit = (query: Readonly<Record<string, string | undefined>>) => Promise<AuditAnswer>;

/** Storage looks through the records of all customers: with many, a few pages are not the whole month. */
const mostPages = 5;

interface Wanted {
  readonly tenantId: string;
  readonly since: string;
  readonly jobs: JobsAnswer['jobs'];
}

/** Sums up the newest records of one customer. Undefined if none was found before it stopped to look. */
export async function readWork(read: ReadAudit, { tenantId, since, jobs }: Wanted): Promise<PartnerWork | undefined> {
  const pages: AuditAnswer[] = [];
  do {
    const [first, last] = [pages[0], pages.at(-1)];
    // Further pages are of the same period.
    const query = { tenant: tenantId, from: since, to: first?.to, limit: '1000', continuation: last?.continuation };
    pages.push(await read(query));
  } while (pages.at(-1)?.continuation !== undefined && pages.length < mostPages);
  const records = pages.flatMap(({ entries }) => entries);
  const from = pages.at(-1)?.continuation === undefined ? since : records.at(-1)?.at;
  if (from === undefined) return undefined;
  const deed = (
    kind: Deed['kind'],
    name: string,
    some: readonly AuditRecord[],
    more: Partial<Deed> = {},
  ): readonly Deed[] =>
    some.length === 0 ? [] : [{ kind, name, count: some.length, permissions: [], lastAt: some[0]?.at ?? '', ...more }];
  const idsOf = (some: readonly AuditRecord[]) => new Set(some.map(({ tokenId }) => tokenId));
  // A request that Microsoft refused is told once: it was sent, and did nothing.
  const refused = records.filter(isRefusedByMicrosoft);
  const refusedIds = idsOf(refused);
  const served = records.filter((one) => isServed(one) && (one.kind === undefined || !refusedIds.has(one.tokenId)));
  const answered = records.filter(({ outcome }) => outcome === 'answered');
  const succeeded = idsOf(answered.filter(({ status = 0 }) => status < 400));
  // With 408 or 5xx, a request to change something may have been carried out.
  const known = idsOf(answered.filter(({ status = 0 }) => status < 500 && status !== 408));
  const failed = idsOf(answered.filter(({ status = 0 }) => status >= 400));
  const isSentChange = (one: AuditRecord): boolean => one.kind === 'request' && mayChange(one);
  const changing = served.filter(isSentChange);
  // An apply sends by a rule of the policy; its run is of the job.
  const jobOf = ({ rule, plan, run }: AuditRecord): string | undefined =>
    rule?.startsWith('job:') ? rule.slice(4) : plan === undefined ? undefined : parseRunId(run ?? '')?.job;
  const kindOf = (one: AuditRecord): keyof typeof purposes | 'failed' => {
    if (isSentChange(one))
      return succeeded.has(one.tokenId) ? 'changed' : known.has(one.tokenId) ? 'failed' : 'unclear';
    if (one.kind === undefined) return jobOf(one) === undefined ? 'direct' : 'read';
    return failed.has(one.tokenId) ? 'failed' : 'read';
  };
  const byKind = Map.groupBy(served, kindOf);
  // What the policy refused was not sent.
  const sentBy = new Set(records.filter((one) => isSentChange(one) && one.outcome !== 'denied').map(jobOf));
  const done = (Object.keys(purposes) as (keyof typeof purposes)[]).flatMap((kind) =>
    [...Map.groupBy(byKind.get(kind) ?? [], jobOf)].flatMap(([of, some]) => {
      const job = of === undefined ? undefined : jobs.find(({ name }) => name === of);
      // The token of a job may carry more than the job may send requests with.
      const permissions = (job?.permissions ?? [...new Set(some.flatMap(({ scopes }) => scopes))]).toSorted();
      const name = job === undefined ? (of ?? purposes[kind]) : (deedNames[job.name] ?? reportTitle(job));
      // A plan only reads, and an apply has a record of each change that it sends.
      const about = job?.changes === true &&
        kind === 'read' && { about: sentBy.has(of) ? aboutChanges.sent : aboutChanges.none };
      // A visit has a token for each resource.
      const visits = kind === 'read' &&
        job !== undefined && { count: new Set(some.map(({ correlationId }) => correlationId)).size };
      return deed(kind, name, some, { permissions, ...about, ...visits });
    }),
  );
  const unserved = Map.groupBy(
    records.filter((one) => isUnserved(one) && (one.kind ?? 'request') === 'request'),
    (one) =>
      isRefusedByPolicy(one)
        ? 'Refused by our policy'
        : one.code === undefined
          ? 'For an unknown reason'
          : titleOf(one.code),
  );
  const deeds = [
    ...done,
    ...deed(
      'approval',
      'Approved by a second person',
      records.filter(({ kind, outcome }) => kind === 'approval' && outcome === 'approved'),
    ),
    ...deed(
      'approval',
      'In an emergency, without an approval',
      records.filter((one) => isServed(one) && one.breakGlass),
      { about: 'counted above or below, too' },
    ),
    ...deed('none', 'Refused by Microsoft', refused),
    ...deed('none', 'Failed at Microsoft', byKind.get('failed') ?? []),
    ...[...unserved].flatMap(([name, some]) => deed('none', name, some)),
  ];
  return {
    since: from,
    changes: changing.filter(({ tokenId }) => succeeded.has(tokenId)).length,
    unclear: changing.filter(({ tokenId }) => !known.has(tokenId)).length,
    tokens: byKind.has('direct'),
    deeds: deedKinds.flatMap((kind) =>
      deeds.filter((one) => one.kind === kind).toSorted((one, other) => other.count - one.count),
    ),
  };
}
