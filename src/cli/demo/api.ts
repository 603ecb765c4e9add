import type { HealthReportAnswer } from '../../lib/api/answers/health.ts';
import type { RunAnswer, RunTenantsAnswer } from '../../lib/api/answers/runs.ts';
import { adviceFor, isErrorCode } from '../../lib/core/errors.ts';

export interface TenantView {
  readonly tenantId: string;
  readonly name: string;
  readonly defaultDomain?: string;
}

/** The health report, or only its status if the settings of the broker are wrong. */
export type HealthView = Partial<HealthReportAnswer>;

/** Tenants of a run: ids, domains, groups and tags. */
interface RunTarget {
  readonly tenants?: readonly string[];
  readonly except?: readonly string[];
}

/** The broker's HTTP API as the demo calls it: as an ordinary caller with a token of its own. */
export interface BrokerApi {
  /** @param target Absent: all tenants that the job covers. */
  startRun(job: string, target?: RunTarget): Promise<string>;
  run(runId: string): Promise<RunAnswer>;
  runTenants(runId: string): Promise<RunTenantsAnswer>;
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
    startRun: async (job, target = {}) =>
      ((await call('POST', `/jobs/${job}/runs`, target)) as { runId: string }).runId,
    run: async (runId) => (await call('GET', `/runs/${runId}`)) as RunAnswer,
    runTenants: async (runId) => (await call('GET', `/runs/${runId}/tenants`)) as RunTenantsAnswer,
    tenants: async () => ((await call('GET', '/tenants')) as { tenants: TenantView[] }).tenants,
    health: async () => (await call('GET', '/health')) as HealthView,
  };
}
