import { adviceFor } from '../core/advice.ts';
import { BrokerError, errorTable, toBrokerError } from '../core/errors.ts';

/** The answer of a handler, in the shape that `@azure/functions` accepts. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  /** Complete before the answer starts, so that no failure can interrupt it. */
  body?: string | Uint8Array<ArrayBuffer>;
  jsonBody?: unknown;
}

/** Problem details (RFC 9457) with extension members. The correlation id replaces `instance`. */
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

/** The page that a problem's `type` refers to. */
const catalogue = 'https://github.com/partner-token-broker/partner-token-broker/blob/main/docs/errors.md';

/** The problem document for an error. It contains nothing from the error's cause or log fields. */
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

/** Turns any thrown value into an `application/problem+json` answer. */
export function problemAnswer(thrown: unknown, correlationId: string): Answer {
  const problem = problemOf(toBrokerError(thrown), correlationId);
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(problem.retryAfterSeconds === undefined ? {} : { 'retry-after': String(problem.retryAfterSeconds) }),
      // A 401 names the authentication scheme (RFC 9110 section 11.6.1).
      ...(problem.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
    body: JSON.stringify(problem),
  };
}
