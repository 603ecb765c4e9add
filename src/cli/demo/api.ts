import { adviceFor } from '../../lib/model/advice.ts';
import { isErrorCode } from '../../lib/model/errors.ts';
/** The broker's HTTP API as the demo calls it: as an ordinary caller with a token of its own. */

export interface RunView {
  readonly runId: string;
  readonly job: string;
  readonly status: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled';
  readonly tenants: {
    readonly total: number;
    readonly succeeded: number;
    readonly failed: number;
    readonly skipped: number;
    readonly notAttempted?: number;
  };
  readonly startedAt: string;
  readonly finishedAt?: string | undefined;
  readonly durationMs: number;
  readonly failures: readonly FailureView[];
  /** Why the run failed as a whole. */
  readonly stoppedBy?:
    | { readonly code: string; readonly title: string; readonly detail: string; readonly advice: string }
    | undefined;
}

export interface FailureView {
  readonly tenantId: string;
  readonly name: string;
  readonly code: string;
  readonly title: string;
  readonly advice: string;
  readonly detail?: string | undefined;
}

export interface TenantView {
  readonly tenantId: string;
  readonly name: string;
  readonly defaultDomain?: string;
}

interface HealthView {
  readonly status: string;
  readonly tokens?: { readonly issued: number; readonly fromCache: number };
}

export interface BrokerApi {
  startRun(job: string): Promise<string>;
  run(runId: string): Promise<RunView>;
  tenants(): Promise<readonly TenantView[]>;
  health(): Promise<HealthView>;
}

/** An error answer of the broker. The message has its title, detail and advice. */
class ApiError extends Error {
  override readonly name = 'ApiError';
}

/** Whoever runs the demo is its operator, and the answer has the advice for callers. */
const adviceOf = ({ code, advice = '' }: { readonly code?: string; readonly advice?: string }): string =>
  isErrorCode(code) ? adviceFor(code, 'operator') : advice;

export function createBrokerApi(baseUrl: string, callerToken: () => Promise<string>): BrokerApi {
  const call = async (method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await callerToken()}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    });
    const answer = (await response.json().catch(() => ({}))) as {
      code?: string;
      title?: string;
      detail?: string;
      advice?: string;
      status?: unknown;
    };
    // When the broker is down, health answers 503 and still sends its report.
    if (!response.ok && !(path === '/health' && answer.status !== undefined))
      throw new ApiError(
        `${method} ${path}: ${response.status} ${answer.title ?? ''}. ${answer.detail ?? ''} ${adviceOf(answer)}`,
      );
    return answer;
  };
  return {
    startRun: async (job) => ((await call('POST', `/jobs/${job}/runs`, {})) as { runId: string }).runId,
    run: async (runId) => (await call('GET', `/runs/${runId}`)) as RunView,
    tenants: async () => ((await call('GET', '/tenants')) as { tenants: TenantView[] }).tenants,
    health: async () => (await call('GET', '/health')) as HealthView,
  };
}
