import { adviceFor } from '../model/advice.ts';
import { BrokerError, errorTable, toBrokerError } from '../model/errors.ts';

/** An answer of ours, in the shape that `@azure/functions` takes. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string | AsyncIterable<Uint8Array>;
  jsonBody?: unknown;
}

/** RFC 9457 with our extension members; `instance` is left out, the correlation id serves for it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly advice: string;
  readonly correlationId: string;
  readonly retryAfterSeconds?: number;
}

/** Where a problem's `type` leads: the catalogue of codes in the documentation. */
const catalogue = 'https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/errors.md';

/** The problem document for an error: code, title and advice from the table, nothing of causes or log fields. */
export function problemOf(error: BrokerError, correlationId: string): Problem {
  const { status, title } = errorTable[error.code];
  return {
    type: `${catalogue}#${error.code}`,
    title,
    status,
    detail: error.detail,
    code: error.code,
    advice: adviceFor(error.code, 'caller'),
    correlationId,
    ...(error.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds }),
  };
}

/** Any thrown value as an `application/problem+json` answer. */
export function problemAnswer(thrown: unknown, correlationId: string): Answer {
  const problem = problemOf(toBrokerError(thrown), correlationId);
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(problem.retryAfterSeconds === undefined ? {} : { 'retry-after': String(problem.retryAfterSeconds) }),
      // RFC 9110 section 11.6.1: a 401 names the scheme.
      ...(problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
    body: JSON.stringify(problem),
  };
}
