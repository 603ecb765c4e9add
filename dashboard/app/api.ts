import type { AuditAnswer } from '../../src/lib/http/api/answers/audit.ts';
import type { HealthReportAnswer } from '../../src/lib/http/api/answers/health.ts';
import type { JobsAnswer } from '../../src/lib/http/api/answers/jobs.ts';
import type {
  CancelledRunAnswer,
  RunAnswer,
  RunChangesAnswer,
  RunsAnswer,
  RunTenantsAnswer,
  StartedRunAnswer,
} from '../../src/lib/http/api/answers/runs.ts';
import type { TenantsAnswer } from '../../src/lib/http/api/answers/tenants.ts';
import { apiUrl } from '../shared/api-base.ts';

/** A failure in the words of the API (problem+json), or of the network. */
export class ApiFailure extends Error {
  override readonly name = 'ApiFailure';
  readonly code: string;
  readonly title: string;
  readonly advice: string;
  readonly correlationId: string | undefined;
  constructor(problem: { code: string; title: string; detail: string; advice: string; correlationId?: string }) {
    super(problem.detail);
    this.code = problem.code;
    this.title = problem.title;
    this.advice = problem.advice;
    this.correlationId = problem.correlationId;
  }
}

export interface Api {
  readonly health: () => Promise<HealthReportAnswer>;
  readonly jobs: () => Promise<JobsAnswer>;
  readonly runs: (limit: number) => Promise<RunsAnswer>;
  readonly run: (runId: string) => Promise<RunAnswer>;
  readonly runTenants: (runId: string) => Promise<RunTenantsAnswer>;
  readonly tenants: () => Promise<TenantsAnswer>;
  /** @param query as `GET /api/audit` takes it. */
  readonly audit: (query: Readonly<Record<string, string>>) => Promise<AuditAnswer>;
  readonly start: (
    job: string,
    order: { tenants?: readonly string[]; parameters?: unknown },
  ) => Promise<StartedRunAnswer>;
  readonly cancel: (runId: string) => Promise<CancelledRunAnswer>;
  /** The same job for the tenants that failed or were not attempted. */
  readonly rerun: (runId: string) => Promise<StartedRunAnswer>;
  /** Compared with the run before. */
  readonly changes: (runId: string) => Promise<RunChangesAnswer>;
  /** The rows as a file. */
  readonly results: (runId: string, format: string) => Promise<Blob>;
}

/** @param refused is called when the API does not accept the token (any more). */
export function createApi(token: string, refused: (failure: ApiFailure) => void): Api {
  const send = async (path: string, post?: { readonly body?: string }): Promise<Response> => {
    let response: Response;
    try {
      response = await fetch(apiUrl(path), {
        ...(post === undefined ? {} : { method: 'POST', ...post }),
        headers: {
          authorization: `Bearer ${token}`,
          ...(post?.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        cache: 'no-store',
      });
    } catch {
      throw new ApiFailure({
        code: 'network',
        title: 'The broker does not answer',
        detail: 'The request did not reach the broker, or its answer did not come back.',
        advice: 'Check that the function app runs and that this browser reaches it.',
      });
    }
    // Health answers 503 with a report.
    if (response.ok || (path === 'health' && response.status === 503)) return response;
    const failure = await failureOf(response);
    if (response.status === 401) refused(failure);
    throw failure;
  };
  const get = async <T>(path: string): Promise<T> => (await (await send(path)).json()) as T;
  const post = async <T>(path: string, body?: unknown): Promise<T> =>
    (await (await send(path, body === undefined ? {} : { body: JSON.stringify(body) })).json()) as T;
  const run = (runId: string): string => `runs/${encodeURIComponent(runId)}`;
  return {
    health: () => get('health'),
    jobs: () => get('jobs'),
    runs: (limit) => get(`runs?limit=${limit}`),
    run: (runId) => get(run(runId)),
    runTenants: (runId) => get(`${run(runId)}/tenants`),
    tenants: () => get('tenants'),
    audit: (query) => get(`audit?${new URLSearchParams(query).toString()}`),
    start: (job, order) => post(`jobs/${encodeURIComponent(job)}/runs`, order),
    cancel: (runId) => post(`${run(runId)}/cancel`),
    rerun: (runId) => post(`${run(runId)}/rerun`),
    changes: (runId) => get(`${run(runId)}/changes`),
    results: async (runId, format) => (await send(`${run(runId)}/results?format=${format}`)).blob(),
  };
}

async function failureOf(response: Response): Promise<ApiFailure> {
  const problem = (await response.json().catch(() => ({}))) as Partial<Record<string, string>>;
  return new ApiFailure({
    code: problem['code'] ?? `http_${response.status}`,
    title: problem['title'] ?? `The broker answers ${response.status}`,
    detail: problem['detail'] ?? 'The answer does not say why.',
    advice: problem['advice'] ?? 'Look in the log of the function app.',
    ...(problem['correlationId'] === undefined ? {} : { correlationId: problem['correlationId'] }),
  });
}
