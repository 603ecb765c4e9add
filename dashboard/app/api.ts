import type { ApprovalAnswer, ApprovalsAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { AuditAnswer } from '../../src/lib/api/answers/audit.ts';
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
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import type { DecisionKind } from '../../src/lib/approvals/approval.ts';
import { type Clock, systemClock } from '../../src/lib/core/clock.ts';
import { apiUrl } from '../shared/api-base.ts';
import {
  listQuery,
  pathOfApproval,
  pathOfJob,
  pathOfRows,
  pathOfRun,
  pathOfTenant,
  type RowOrder,
  withQuery,
} from './api-paths.ts';
import { type ApiFailure, failureOf, objectIn, tokenFailure, unreachable, unreadable } from './api-failure.ts';
import { jsonIn } from './json-in.ts';
import { createDownload, type Download } from './result-downloads.ts';
import { signInProblem } from './sign-in-problem.ts';

/** Every method rejects with an ApiFailure. */
export interface Api {
  readonly health: () => Promise<HealthReportAnswer | HealthWord>;
  readonly jobs: () => Promise<JobsAnswer>;
  /** The newest runs, of one job or of all jobs. */
  readonly runs: (limit: number, job?: string) => Promise<RunsAnswer>;
  readonly run: (runId: string) => Promise<RunAnswer>;
  readonly runTenants: (runId: string) => Promise<RunTenantsAnswer>;
  /** One tenant of a run, with what the job logged and threw. */
  readonly runTenant: (runId: string, tenantId: string) => Promise<RunTenantDetailsAnswer>;
  readonly tenants: () => Promise<TenantsAnswer>;
  /** The tenants that two lists name: ids, domains, groups and tags. An empty `only` names all. */
  readonly tenantsIn: (only: readonly string[], except: readonly string[]) => Promise<TenantsAnswer>;
  readonly tenant: (tenantId: string) => Promise<TenantDetailsAnswer>;
  /** @param query query parameters of `GET /api/tenants/{tenant}/history`, without the job. */
  readonly tenantHistory: (tenantId: string, job: string, query: Query) => Promise<TenantHistoryAnswer>;
  /** @param query query parameters of `GET /api/jobs/{job}/history`. */
  readonly jobHistory: (job: string, query: Query) => Promise<JobHistoryAnswer>;
  readonly changeTags: (
    tenantId: string,
    change: { readonly add: readonly string[]; readonly remove: readonly string[] },
  ) => Promise<ChangedTagsAnswer>;
  /** @param query query parameters of `GET /api/approvals`. */
  readonly approvals: (query: Readonly<Record<string, string>>) => Promise<ApprovalsAnswer>;
  readonly approval: (approvalId: string) => Promise<ApprovalAnswer>;
  readonly decide: (
    approvalId: string,
    order: { readonly decision: DecisionKind; readonly reason: string },
  ) => Promise<ApprovalAnswer>;
  /** @param query query parameters of `GET /api/audit`. */
  readonly audit: (query: Readonly<Record<string, string>>) => Promise<AuditAnswer>;
  /** @param query query parameters of `GET /api/events`. */
  readonly events: (query: Query) => Promise<EventsAnswer>;
  readonly start: (
    job: string,
    order: { window: string; tenants?: readonly string[]; except?: readonly string[]; parameters?: unknown },
  ) => Promise<StartedRunAnswer>;
  /** Sends one GET to Microsoft Graph in many tenants, as a run. */
  readonly ask: (question: Question) => Promise<StartedRunAnswer>;
  /** Which rule opens a question, and where. Starts nothing. */
  readonly checkQuery: (question: Question) => Promise<CheckedQueryAnswer>;
  readonly cancel: (runId: string) => Promise<CancelledRunAnswer>;
  /** Starts the same job for the tenants that failed or were not attempted. */
  readonly rerun: (runId: string) => Promise<StartedRunAnswer>;
  /** Changes since the previous run. */
  readonly changes: (runId: string) => Promise<RunChangesAnswer>;
  /** One page of the rows of a run: the first one, or the one that a page before it leads to. */
  readonly rows: (
    runId: string,
    continuation: string | undefined,
    signal: AbortSignal,
    order?: RowOrder,
  ) => Promise<ResultsAnswer>;
  /** The rows of a run as one file, from all pages. */
  readonly results: Download;
}

type Query = Readonly<Record<string, string>>;

/** The body of `POST /api/queries`. */
interface Question {
  readonly path: string;
  readonly select?: readonly string[];
  readonly allPages?: boolean;
  readonly tenants?: readonly string[];
  readonly except?: readonly string[];
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
): Api {
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
  const get: Get = async (path) => read(await send(path), 'json');
  const post: Post = async (path, body) => read(await send(path, { method: 'POST', ...bodyOf(body) }), 'json');
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
    jobs: () => get('jobs'),
    runs: (limit, job) => get(`runs?limit=${limit}${job === undefined ? '' : `&job=${encodeURIComponent(job)}`}`),
    run: (runId) => get(pathOfRun(runId)),
    runTenants: (runId) => get(`${pathOfRun(runId)}/tenants`),
    runTenant: (runId, tenantId) => get(`${pathOfRun(runId)}/tenants/${tenantId}`),
    ...tenantRequests(get, send),
    audit: (query) => get(withQuery('audit', query)),
    events: (query) => get(withQuery('events', query)),
    ...approvalRequests(get, post),
    ...runChanges(get, post),
    jobHistory: (job, query) => get(withQuery(`${pathOfJob(job)}/history`, query)),
    start: (job, order) => post(`${pathOfJob(job)}/runs`, order),
    ask: (question) => post('queries', question),
    checkQuery: (question) => post('queries', { ...question, check: true }),
    rows: async (runId, continuation, signal, order) =>
      read(await send(pathOfRows(runId, continuation, order), { signal: inTime(signal) }), 'json'),
    results: createDownload(clock, (runId) => String(apiUrl(`${pathOfRun(runId)}/results`)), fetchPage),
  };
}

const bodyOf = (content: unknown): RequestParts => (content === undefined ? {} : { body: JSON.stringify(content) });

function failToken(thrown: unknown): never {
  throw tokenFailure(signInProblem(thrown));
}

type Get = <T>(path: string) => Promise<T>;
type Post = <T>(path: string, body?: unknown) => Promise<T>;

function tenantRequests(
  get: Get,
  send: (path: string, more: RequestParts) => Promise<Response>,
): Pick<Api, 'tenants' | 'tenantsIn' | 'tenant' | 'tenantHistory' | 'changeTags'> {
  return {
    tenants: () => get('tenants'),
    tenantsIn: (only, except) => get(withQuery('tenants', listQuery({ tenants: only, except }))),
    tenant: (tenantId) => get(pathOfTenant(tenantId)),
    tenantHistory: (tenantId, job, query) => get(withQuery(`${pathOfTenant(tenantId)}/history`, { job, ...query })),
    changeTags: async (tenantId, change) =>
      read(await send(`${pathOfTenant(tenantId)}/tags`, { method: 'PUT', ...bodyOf(change) }), 'json'),
  };
}

function approvalRequests(get: Get, post: Post): Pick<Api, 'approvals' | 'approval' | 'decide'> {
  return {
    approvals: (query) => get(withQuery('approvals', query)),
    approval: (approvalId) => get(pathOfApproval(approvalId)),
    decide: (approvalId, order) => post(`${pathOfApproval(approvalId)}/decision`, order),
  };
}

const runChanges = (get: Get, post: Post): Pick<Api, 'cancel' | 'rerun' | 'changes'> => ({
  cancel: (runId) => post(`${pathOfRun(runId)}/cancel`),
  rerun: (runId) => post(`${pathOfRun(runId)}/rerun`),
  changes: (runId) => get(`${pathOfRun(runId)}/changes`),
});

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

/** @throws ApiFailure if the body is incomplete or has another format. */
async function read<T>(response: Response, as: 'json' | 'blob'): Promise<T> {
  try {
    return (await (as === 'json' ? jsonIn(response) : response.blob())) as T;
  } catch {
    throw unreadable(response);
  }
}
