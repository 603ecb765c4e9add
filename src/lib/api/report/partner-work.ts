import type { AuditAnswer } from '../answers/audit.ts';
import type { JobsAnswer } from '../answers/jobs.ts';
import { isRefusedByMicrosoft, isRefusedByPolicy, isUnserved } from '../refusals.ts';

/** Reports compare with the run nearest to this time before their own. */
export const comparedDays = 30;

type AuditRecord = AuditAnswer['entries'][number];

/** The title of a job without what it says to the partner, who has many tenants: "Licences per tenant". */
export const reportTitle = ({ title }: JobsAnswer['jobs'][number]): string =>
  title.replace(/ (?:per|to each|in each|of each) tenant$/, '');

/** What a partner did in one customer, for one purpose or with one result. */
export interface Deed {
  /** The title of a job, or what was asked or decided. Rules of the policy are not named: a customer does not know them. */
  readonly name: string;
  readonly count: number;
  /** Those that open requests to the rule or the job. Empty: not known, or none. */
  readonly permissions: readonly string[];
  /** What the name does not say: words that follow the permissions. */
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
  /** What was served, the most frequent first. Then emergencies and approvals, and what was refused or failed. */
  readonly deeds: readonly Deed[];
}

/** A request has a record before it is sent. A token has no kind. */
const isServed = ({ kind, outcome }: AuditRecord): boolean =>
  (kind === undefined && outcome === 'issued') || (kind === 'request' && outcome === 'sent');

/** Whether a request may change something. Exchange takes every cmdlet by POST, also those that only read. */
export const mayChange = ({ method = 'GET', cmdlet = '' }: Pick<AuditRecord, 'method' | 'cmdlet'>): boolean =>
  method !== 'GET' && method !== 'HEAD' && !/^(?:Get|Test)-/i.test(cmdlet);

/** What people and applications asked for. */
const purposes = {
  token: 'Access for people and applications',
  change: 'Requests to change something',
  read: 'Requests to read something',
};

/** What a line of tokens does not say. */
const aboutTokens = {
  own: { about: 'what was done with it is not on record' },
  // A plan only reads, and an apply has a record of each change that it sends.
  change: { about: 'a change that was sent is on a line of its own' },
};

const purposeOf = (record: AuditRecord): string =>
  record.kind === undefined ? purposes.token : mayChange(record) ? purposes.change : purposes.read;

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
  const deed = (name: string, some: readonly AuditRecord[], more: Partial<Deed> = {}): readonly Deed[] =>
    some.length === 0 ? [] : [{ name, count: some.length, permissions: [], lastAt: some[0]?.at ?? '', ...more }];
  const idsOf = (some: readonly AuditRecord[]) => new Set(some.map(({ tokenId }) => tokenId));
  // A request that Microsoft refused is told once: it was sent, and did nothing.
  const refused = records.filter(isRefusedByMicrosoft);
  const refusedIds = idsOf(refused);
  const served = records.filter((one) => isServed(one) && (one.kind === undefined || !refusedIds.has(one.tokenId)));
  const answered = records.filter(({ outcome }) => outcome === 'answered');
  const succeeded = idsOf(answered.filter(({ status = 0 }) => status < 400));
  // The answer is known, though Microsoft refused.
  const known = idsOf(answered.filter(({ status = 0 }) => status < 500));
  const changing = served.filter((one) => one.kind === 'request' && mayChange(one));
  const byPurpose = Map.groupBy(served, (one) => (one.rule?.startsWith('job:') ? one.rule.slice(4) : purposeOf(one)));
  const done = [...byPurpose].flatMap(([of, some]) => {
    const job = jobs.find(({ name }) => name === of);
    // The token of a job may carry more than the job may send requests with.
    const permissions = job?.permissions ?? [...new Set(some.flatMap(({ scopes }) => scopes))];
    const areTokens = some.every(({ kind }) => kind === undefined);
    const about =
      job?.changes === true && areTokens ? aboutTokens.change : of === purposes.token ? aboutTokens.own : {};
    return deed(job === undefined ? of : reportTitle(job), some, { permissions: permissions.toSorted(), ...about });
  });
  const failed = Map.groupBy(
    records.filter((one) => isUnserved(one) && (one.kind ?? 'request') === 'request'),
    isRefusedByPolicy,
  );
  return {
    since: from,
    changes: changing.filter(({ tokenId }) => succeeded.has(tokenId)).length,
    unclear: changing.filter(({ tokenId }) => !known.has(tokenId)).length,
    tokens: done.some(({ name }) => name === purposes.token),
    deeds: [
      ...done.toSorted((one, other) => other.count - one.count),
      ...deed(
        'In an emergency',
        records.filter((one) => isServed(one) && one.breakGlass),
        { about: 'without an approval; counted above or below, too' },
      ),
      ...deed(
        'Approved by a second person',
        records.filter(({ kind, outcome }) => kind === 'approval' && outcome === 'approved'),
      ),
      ...deed('Refused by Microsoft', refused, {
        about: refused.every(mayChange) ? 'nothing was changed' : 'nothing was read or changed',
      }),
      ...deed('Refused by our policy', failed.get(true) ?? [], { about: 'nothing was sent' }),
      ...deed('Not served for another reason', failed.get(false) ?? [], { about: 'nothing was sent' }),
    ],
  };
}
