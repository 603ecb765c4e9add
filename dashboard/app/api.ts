import type { ApprovalAnswer, ApprovalsAnswer, PendingApprovalAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { AuditAnswer, AuditExtractAnswer } from '../../src/lib/api/answers/audit.ts';
import type {
  ChangedTagsAnswer,
  EventsAnswer,
  TenantDetailsAnswer,
  TenantsAnswer,
} from '../../src/lib/api/answers/tenants.ts';
import type { JobHistoryAnswer, TenantHistoryAnswer } from '../../src/lib/api/answers/history.ts';
import type { HealthReportAnswer, HealthWord } from '../../src/lib/api/answers/health.ts';
import type {
  CancelledRunAnswer,
  CheckedQueryAnswer,
  ResultsAnswer,
  RunAnswer,
  RunChangesAnswer,
  RunsAnswer,
  RunTenantDetailsAnswer,
  RunTenantsAnswer,
  StartedRunAnswer,
} from '../../src/lib/api/answers/runs.ts';
import type { ReplayAnswer } from '../../src/lib/api/answers/policy.ts';
import type { DecidedApplyAnswer, PlanAnswer, PlansAnswer } from '../../src/lib/api/answers/plans.ts';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import type { ApplyOptions } from '../../src/lib/changes/plans.ts';
import type { ReportSource } from '../../src/lib/api/report/read-report.ts';
import type { DecisionKind } from '../../src/lib/approvals/approval.ts';
import { type Clock, retry, systemClock } from '../../src/lib/core/clock.ts';
import { apiUrl } from '../shared/api-base.ts';
import { type ApiFailure, failureOf, jsonIn, objectIn, tokenFailure, unreachable, unreadable } from './api-failure.ts';
import { createDownload, pageAttempts, pauseAfter } from './result-downloads.ts';
import { signInProblem } from './sign-in-problem.ts';

/** What the page asks the broker. Every method rejects with an ApiFailure. */
export type Api = ReturnType<typeof createApi>;

/** The body of `POST /api/queries`. */
interface Question {
  readonly path: string;
  readonly select?: readonly string[];
  readonly allPages?: boolean;
  readonly tenants?: readonly string[];
  readonly except?: readonly string[];
}

interface StartOrder {
  readonly window: string;
  readonly tenants?: readonly string[];
  readonly except?: readonly string[];
  readonly parameters?: unknown;
}

/** A page that has not arrived by then is requested again. Enough for 1 MiB over a slow connection. */
const pageTimeoutMs = 100_000;

/**
 * @param token provides the token for each request.
 * @param onRefused is called when the API rejects the token with 401.
 */
export function createApi(
  token: () => Promise<string>,
  onRefused: (failure: ApiFailure) => void,
  clock: Clock = systemClock,
) {
  const request = async (address: string, more?: RequestParts): Promise<Response> =>
    fetchWith(await token().catch(failToken), address, more);
  const requireOk = async (response: Response): Promise<Response> => {
    if (response.ok) return response;
    const failure = await failureOf(response);
    if (response.status === 401) onRefused(failure);
    throw failure;
  };
  const send = async (path: string, more?: RequestParts): Promise<Response> =>
    requireOk(await request(String(apiUrl(path)), more));
  const get = async <T>(path: string, query?: Query): Promise<T> =>
    read(await send(query === undefined ? path : withQuery(path, query)), 'json');
  const post = async <T>(path: string, body?: unknown, method: 'POST' | 'PUT' = 'POST'): Promise<T> =>
    read(await send(path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }), 'json');
  const health = async (): Promise<HealthReportAnswer | HealthWord> => {
    const response = await request(String(apiUrl('health')));
    const report = await reportIn(response.clone());
    if (report !== undefined) return report;
    throw unreadable(await requireOk(response));
  };
  const fetchPage = async (address: string): Promise<{ body: Blob; link: string | null }> => {
    const response = await requireOk(await request(address, { signal: inTime() }));
    return { body: await read<Blob>(response, 'blob'), link: response.headers.get('link') };
  };
  return {
    health,
    jobs: () => get<JobsAnswer>('jobs'),
    /** The newest runs, of one job or of all jobs. */
    runs: (limit: number, job?: string) => get<RunsAnswer>('runs', { limit: String(limit), job }),
    /** The newest runs of a job, each with the tenants that have failed. */
    failedRuns: (limit: number, job: string) => get<RunsAnswer>('runs', { limit: String(limit), job, failed: 'true' }),
    run: (runId: string) => get<RunAnswer>(pathOf('runs', runId)),
    runTenants: (runId: string) => get<RunTenantsAnswer>(`${pathOf('runs', runId)}/tenants`),
    /** One tenant of a run, with what the job logged and threw. */
    runTenant: (runId: string, tenantId: string) =>
      get<RunTenantDetailsAnswer>(`${pathOf('runs', runId)}/tenants/${tenantId}`),
    tenants: () => get<TenantsAnswer>('tenants'),
    tenant: (tenantId: string) => get<TenantDetailsAnswer>(pathOf('tenants', tenantId)),
    tenantHistory: (tenantId: string, job: string, query: Query) =>
      get<TenantHistoryAnswer>(`${pathOf('tenants', tenantId)}/history`, { job, ...query }),
    jobHistory: (job: string, query: Query) => get<JobHistoryAnswer>(`${pathOf('jobs', job)}/history`, query),
    changeTags: (tenantId: string, change: { readonly add: readonly string[]; readonly remove: readonly string[] }) =>
      post<ChangedTagsAnswer>(`${pathOf('tenants', tenantId)}/tags`, change, 'PUT'),
    approvals: (query: Query) => get<ApprovalsAnswer>('approvals', query),
    approval: (approvalId: string) => get<ApprovalAnswer>(pathOf('approvals', approvalId)),
    decide: (approvalId: string, order: { readonly decision: DecisionKind; readonly reason: string }) =>
      post<ApprovalAnswer>(`${pathOf('approvals', approvalId)}/decision`, order),
    /** Judges recorded use by a policy, or says what is used of the one in force. */
    replay: (order: { readonly policy?: string; readonly since: string }) =>
      post<ReplayAnswer>('policy/replays', order),
    audit: (query: Query) => get<AuditAnswer>('audit', query),
    /** All records of a tenant with their proof, as a file. @param onLines how many lines there are so far. */
    extract: async (period: ExtractPeriod, onLines: (lines: number) => void): Promise<Blob> => {
      const texts: string[] = [];
      let lines = 0;
      let continuation: string | undefined;
      do {
        const query = { ...period, continuation };
        const load = async () => exact<AuditExtractAnswer>(await send(withQuery('audit/extract', query)));
        const page = await retry(load, { clock, attempts: pageAttempts, afterError: pauseAfter });
        texts.push(page.lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
        lines += page.lines.length;
        onLines(lines);
        ({ continuation } = page);
      } while (continuation !== undefined);
      return new Blob(texts, { type: 'application/jsonl' });
    },
    events: (query: Query) => get<EventsAnswer>('events', query),
    start: (job: string, order: StartOrder) => post<StartedRunAnswer>(`${pathOf('jobs', job)}/runs`, order),
    /** The newest plans. */
    plans: () => get<PlansAnswer>('plans'),
    plan: (planId: string) => get<PlanAnswer>(pathOf('plans', planId)),
    makePlan: (job: string, order: StartOrder) => post<StartedRunAnswer>(`${pathOf('jobs', job)}/plans`, order),
    /** Starts an apply, or asks for the approval that a rule wants. */
    apply: (planId: string, order: ApplyOptions) =>
      post<StartedRunAnswer | PendingApprovalAnswer>(`${pathOf('plans', planId)}/apply`, order),
    /** @param waitsFor what the person has seen: nothing else is released. */
    goOn: (planId: string, waitsFor: string | undefined, reason: string | undefined) =>
      post<DecidedApplyAnswer>(`${pathOf('plans', planId)}/go-on`, { waitsFor, reason }),
    endApply: (planId: string) => post<DecidedApplyAnswer>(`${pathOf('plans', planId)}/end`),
    /** Plans the opposites of what an apply changed. */
    undo: (planId: string) => post<StartedRunAnswer>(`${pathOf('plans', planId)}/undo`),
    /** Sends one GET to Microsoft Graph in many tenants, as a run. */
    ask: (question: Question) => post<StartedRunAnswer>('queries', question),
    /** Which rule opens a question, and where. Starts nothing. */
    checkQuery: (question: Question) => post<CheckedQueryAnswer>('queries', { ...question, check: true }),
    cancel: (runId: string) => post<CancelledRunAnswer>(`${pathOf('runs', runId)}/cancel`),
    /** Starts the same job for the tenants that failed or were not attempted. */
    rerun: (runId: string) => post<StartedRunAnswer>(`${pathOf('runs', runId)}/rerun`),
    /** Changes since the previous run, or the one that the query names. */
    changes: (runId: string, query?: Query) => get<RunChangesAnswer>(`${pathOf('runs', runId)}/changes`, query),
    /** One page of the rows of a run: the first one, or the one that a page before it leads to. */
    rows: async (runId: string, continuation: string | undefined, signal: AbortSignal, order?: RowOrder) =>
      read<ResultsAnswer>(await send(pathOfRows(runId, continuation, order), { signal: inTime(signal) }), 'json'),
    /** The rows of a run in one tenant: the first 1,000, or the page that one before it leads to. */
    rowsOfTenant: (runId: string, tenantId: string, continuation?: string) =>
      get<ResultsAnswer>(`${pathOf('runs', runId)}/results`, { tenants: tenantId, continuation }),
    /** The rows of a run as one file, from all pages. */
    results: createDownload(clock, (runId) => String(apiUrl(`${pathOf('runs', runId)}/results`)), fetchPage),
  };
}

/** ISO 8601. */
interface ExtractPeriod {
  readonly tenant: string;
  readonly since: string;
  readonly until: string;
}

function failToken(thrown: unknown): never {
  throw tokenFailure(signInProblem(thrown));
}

/** Ends a request for a page that takes too long, or when `signal` is aborted. */
const inTime = (...signals: readonly AbortSignal[]): AbortSignal =>
  AbortSignal.any([...signals, AbortSignal.timeout(pageTimeoutMs)]);

/** What distinguishes a request from a plain GET. */
interface RequestParts {
  readonly method?: 'POST' | 'PUT';
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** @throws ApiFailure if there is no response. */
async function fetchWith(token: string | undefined, address: string, more: RequestParts = {}): Promise<Response> {
  try {
    return await fetch(address, {
      ...more,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(more.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      cache: 'no-store',
    });
  } catch {
    throw unreachable();
  }
}

/** Reads a document that needs no token. @throws ApiFailure */
export async function readPublic<T>(path: string): Promise<T> {
  const response = await fetchWith(undefined, String(apiUrl(path)));
  if (!response.ok) throw await failureOf(response);
  return read<T>(response, 'json');
}

/**
 * The health report in a response, with status 200 or with 503 while the broker is down, or the status alone, which a
 * caller without app roles gets. Undefined for other responses: a 503 that describes invalid settings, a plain-text
 * response of the host, or a response of a proxy.
 */
async function reportIn(response: Response): Promise<HealthReportAnswer | HealthWord | undefined> {
  const body = await objectIn(response);
  const isWord = 'status' in body && Object.keys(body).length === 1;
  return 'applications' in body || isWord ? (body as unknown as HealthReportAnswer | HealthWord) : undefined;
}

/** The document as it was sent: `read` makes characters visible, and signatures are over those that are there. */
async function exact<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch {
    throw unreadable(response);
  }
}

/** @throws ApiFailure if the body is incomplete or has another format. */
async function read<T>(response: Response, as: 'json' | 'blob'): Promise<T> {
  try {
    return (await (as === 'json' ? jsonIn(response) : response.blob())) as T;
  } catch {
    throw unreadable(response);
  }
}

/** `arrival`: as the tenants of a run in progress finish. */
export type RowOrder = 'plan' | 'arrival';

/** Rows of a page for the table. The API ends a page earlier if its rows take more than 1 MiB. */
const pageRows = 5_000;

const pathOf = (list: 'runs' | 'jobs' | 'tenants' | 'approvals' | 'plans', id: string): string =>
  `${list}/${encodeURIComponent(id)}`;

const pathOfRows = (runId: string, continuation: string | undefined, order: RowOrder = 'plan'): string =>
  withQuery(`${pathOf('runs', runId)}/results`, {
    limit: String(pageRows),
    order: order === 'plan' ? undefined : order,
    continuation,
  });

/** Parameters of a query. Undefined ones are left out. */
export type Query = Readonly<Record<string, string | undefined>>;

const withQuery = (path: string, query: Query): string =>
  `${path}?${new URLSearchParams(Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))).toString()}`;

/** The rows of jobs in a tenant. */
export const rowsFrom = (api: Api): Pick<ReportSource, 'jobs' | 'tenantHistory' | 'rowPages'> => ({
  jobs: api.jobs,
  tenantHistory: (tenantId, job) => api.tenantHistory(tenantId, job, {}),
  rowPages: async function* (runId, tenantId) {
    let continuation: string | undefined;
    do {
      const page = await api.rowsOfTenant(runId, tenantId, continuation);
      yield page.rows;
      ({ continuation } = page);
    } while (continuation !== undefined);
  },
});
