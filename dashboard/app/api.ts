import type { AuditAnswer } from '../../src/lib/api/answers/audit.ts';
import type { HealthReportAnswer } from '../../src/lib/api/answers/health.ts';
import type { JobsAnswer } from '../../src/lib/api/answers/jobs.ts';
import type {
  CancelledRunAnswer,
  RunAnswer,
  RunChangesAnswer,
  RunsAnswer,
  RunTenantsAnswer,
  StartedRunAnswer,
} from '../../src/lib/api/answers/runs.ts';
import type { TenantsAnswer } from '../../src/lib/api/answers/tenants.ts';
import { apiUrl } from '../shared/api-base.ts';

/** A failure in the words of the API (problem+json), or of the network. */
export class ApiFailure extends Error {
  override readonly name = 'ApiFailure';
  /** Undefined where the page itself found out. */
  readonly code: string | undefined;
  readonly title: string;
  readonly advice: string;
  readonly correlationId: string | undefined;
  constructor(problem: {
    code?: string | undefined;
    title: string;
    detail: string;
    advice: string;
    correlationId?: string | undefined;
  }) {
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
  /** The newest, of one job or of all. */
  readonly runs: (limit: number, job?: string) => Promise<RunsAnswer>;
  readonly run: (runId: string) => Promise<RunAnswer>;
  readonly runTenants: (runId: string) => Promise<RunTenantsAnswer>;
  readonly tenants: () => Promise<TenantsAnswer>;
  /** @param query as `GET /api/audit` takes it. */
  readonly audit: (query: Readonly<Record<string, string>>) => Promise<AuditAnswer>;
  readonly start: (
    job: string,
    order: { window: string; tenants?: readonly string[]; parameters?: unknown },
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
  const ask = async (path: string, post?: { readonly body?: string }): Promise<Response> => {
    try {
      return await fetch(apiUrl(path), {
        ...(post === undefined ? {} : { method: 'POST', ...post }),
        headers: {
          authorization: `Bearer ${token}`,
          ...(post?.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        cache: 'no-store',
      });
    } catch {
      throw new ApiFailure({
        title: 'The broker does not answer',
        detail: 'The request did not reach the broker, or its answer did not come back.',
        advice: 'Check that the function app runs and that this browser reaches it.',
      });
    }
  };
  const accepted = async (response: Response): Promise<Response> => {
    if (response.ok) return response;
    const failure = await failureOf(response);
    if (response.status === 401) refused(failure);
    throw failure;
  };
  const send = async (...request: Parameters<typeof ask>): Promise<Response> => accepted(await ask(...request));
  const get = async <T>(path: string): Promise<T> => read<T>(await send(path), 'json');
  const post = async <T>(path: string, body?: unknown): Promise<T> =>
    read<T>(await send(path, body === undefined ? {} : { body: JSON.stringify(body) }), 'json');
  const health = async (): Promise<HealthReportAnswer> => {
    const response = await ask('health');
    const report = await reportIn(response.clone());
    if (report !== undefined) return report;
    throw unreadable(await accepted(response));
  };
  const run = (runId: string): string => `runs/${encodeURIComponent(runId)}`;
  return {
    health,
    jobs: () => get('jobs'),
    runs: (limit, job) => get(`runs?limit=${limit}${job === undefined ? '' : `&job=${encodeURIComponent(job)}`}`),
    run: (runId) => get(run(runId)),
    runTenants: (runId) => get(`${run(runId)}/tenants`),
    tenants: () => get('tenants'),
    audit: (query) => get(`audit?${new URLSearchParams(query).toString()}`),
    start: (job, order) => post(`jobs/${encodeURIComponent(job)}/runs`, order),
    cancel: (runId) => post(`${run(runId)}/cancel`),
    rerun: (runId) => post(`${run(runId)}/rerun`),
    changes: (runId) => get(`${run(runId)}/changes`),
    results: async (runId, format) => read<Blob>(await send(`${run(runId)}/results?format=${format}`), 'blob'),
  };
}

/**
 * The report that comes with 200, and with 503 while the broker is down. Other answers are failures: the 503 that tells
 * what is wrong with the settings, the host's own in plain text, or what something in front of the app says.
 */
async function reportIn(response: Response): Promise<HealthReportAnswer | undefined> {
  const body = await objectIn(response);
  return 'applications' in body ? (body as unknown as HealthReportAnswer) : undefined;
}

/** @throws ApiFailure when the body is cut off, or not what the broker sends. */
async function read<T>(response: Response, as: 'json' | 'blob'): Promise<T> {
  try {
    return (await response[as]()) as T;
  } catch {
    throw unreadable(response);
  }
}

const unreadable = ({ status, headers }: Response): ApiFailure =>
  new ApiFailure({
    title: 'The answer cannot be read',
    detail: `It was cut off, or it is not the broker's: HTTP ${status}, ${headers.get('content-type') ?? 'no content'}.`,
    advice: 'Try again. If that does not help, look at what stands between this browser and the function app.',
  });

async function failureOf(response: Response): Promise<ApiFailure> {
  const problem = await objectIn(response);
  const text = (name: string): string | undefined => {
    const value = problem[name];
    return typeof value === 'string' ? value : undefined;
  };
  return new ApiFailure({
    code: text('code'),
    title: text('title') ?? `The broker answers ${response.status}`,
    detail: text('detail') ?? 'The answer does not say why.',
    advice: text('advice') ?? 'Look in the log of the function app.',
    correlationId: text('correlationId'),
  });
}

/** Empty for what is no JSON object. */
async function objectIn(response: Response): Promise<Readonly<Record<string, unknown>>> {
  const body: unknown = await response.json().catch(() => undefined);
  return typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
}
