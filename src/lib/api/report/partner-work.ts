import type { AuditAnswer } from '../answers/audit.ts';
import type { JobsAnswer } from '../answers/jobs.ts';

type AuditRecord = AuditAnswer['entries'][number];

/** The title of a job without what it says to the partner, who has many tenants: "Licences per tenant". */
export const reportTitle = ({ title }: JobsAnswer['jobs'][number]): string =>
  title.replace(/ (?:per|to each|in each|of each) tenant$/, '');

/** What a partner did in one customer, for one purpose. */
interface Purpose {
  /** The title of a job, or that people or applications asked. Rules of the policy are not named: a customer does not know them. */
  readonly name: string;
  /** Records of tokens that were handed out and requests that were sent. */
  readonly count: number;
  /** Those that open requests to the rule or the job. Empty: not known. */
  readonly permissions: readonly string[];
  readonly lastAt: string;
}

/** What a partner did in one customer, by the audit log. */
export interface PartnerWork {
  readonly since: string;
  /** The most frequent first. */
  readonly purposes: readonly Purpose[];
  /** Tokens that jobs of the broker got. */
  readonly ofJobs: number;
  /** Tokens that were handed out to callers. What is done with them has no record. */
  readonly tokens: number;
  /** Requests that were sent through the broker. */
  readonly requests: number;
  /** Those of these requests that can change something. Microsoft may have refused them. */
  readonly changes: number;
  /** Tokens and requests that a rule for emergencies served. */
  readonly emergencies: number;
  /** Requests that other people approved. */
  readonly approvals: number;
  /** Tokens and requests that were asked for and not served: nothing was sent. */
  readonly refused: number;
}

/** A request has a record before it is sent. A token has no kind. */
const isServed = ({ kind, outcome }: AuditRecord): boolean =>
  (kind === undefined && outcome === 'issued') || (kind === 'request' && outcome === 'sent');

/** Whether a request may change something. Exchange takes every cmdlet by POST, also those that only read. */
export const mayChange = ({ method = 'GET', cmdlet = '' }: Pick<AuditRecord, 'method' | 'cmdlet'>): boolean =>
  method !== 'GET' && method !== 'HEAD' && !/^(?:Get|Test)-/i.test(cmdlet);

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
  const served = records.filter(isServed);
  const requests = served.filter(({ kind }) => kind === 'request');
  const tokens = served.filter(({ kind }) => kind === undefined);
  const ofJobs = tokens.filter(({ rule }) => rule?.startsWith('job:')).length;
  const byJob = Map.groupBy(served, ({ rule }) => (rule?.startsWith('job:') ? rule.slice('job:'.length) : undefined));
  const purposes = [...byJob].map(([of, some]): Purpose => {
    const job = jobs.find(({ name }) => name === of);
    // The token of a job may carry more than the job may send requests with.
    const permissions = job?.permissions ?? [...new Set(some.flatMap(({ scopes }) => scopes))];
    const name = job === undefined ? (of ?? 'Asked by people or applications') : reportTitle(job);
    return { name, count: some.length, permissions: permissions.toSorted(), lastAt: some[0]?.at ?? '' };
  });
  return {
    since: from,
    purposes: purposes.toSorted((one, other) => other.count - one.count),
    ofJobs,
    tokens: tokens.length - ofJobs,
    requests: requests.length,
    changes: requests.filter(mayChange).length,
    emergencies: served.filter(({ breakGlass }) => breakGlass).length,
    approvals: records.filter(({ kind, outcome }) => kind === 'approval' && outcome === 'approved').length,
    refused: records.filter(({ kind, outcome }) => (kind ?? 'request') === 'request' && outcome === 'denied').length,
  };
}
