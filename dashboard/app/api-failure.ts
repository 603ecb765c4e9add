import {
  adviceForError,
  type ErrorCode,
  errorTable,
  isErrorCode,
  isLack,
  type Lack,
} from '../../src/lib/core/errors.ts';
import { visibleText } from '../../src/lib/core/text.ts';

interface Problem {
  readonly code?: string | undefined;
  readonly title: string;
  readonly detail: string;
  readonly advice: string;
  readonly correlationId?: string | undefined;
  /** Whether the same request may succeed later. */
  readonly transient: boolean;
  /** Seconds that the response asks to wait. */
  readonly retryAfterSeconds?: number | undefined;
}

/** A failed request: the API's own problem document (problem+json), or a failure that the page detected. */
export class ApiFailure extends Error {
  override readonly name = 'ApiFailure';
  /** Error code of the API. Undefined if the page detected the failure. */
  readonly code: string | undefined;
  readonly title: string;
  readonly advice: string;
  readonly correlationId: string | undefined;
  readonly transient: boolean;
  readonly retryAfterSeconds: number | undefined;
  constructor({ code, title, detail, advice, correlationId, transient, retryAfterSeconds }: Problem) {
    super(detail);
    this.code = code;
    this.title = title;
    this.advice = advice;
    this.correlationId = correlationId;
    this.transient = transient;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** The same failure with another detail. */
  withDetail(detail: string): ApiFailure {
    const { code, title, advice, correlationId, transient, retryAfterSeconds } = this;
    return new ApiFailure({ code, title, detail, advice, correlationId, transient, retryAfterSeconds });
  }
}

/** Statuses of proxies and of the host while the app is not available. */
const transientStatuses = [429, 502, 503, 504];

export const unreachable = (): ApiFailure =>
  new ApiFailure({
    title: 'The broker does not answer',
    detail: 'The request did not reach the broker, or its response did not arrive.',
    advice: 'Check that the function app is running and that this browser can reach it.',
    transient: true,
  });

/** The token of the signed-in person could not be renewed. */
export const tokenFailure = ({
  kind,
  message,
  advice,
}: Readonly<Record<'kind' | 'message' | 'advice', string>>): ApiFailure =>
  new ApiFailure({
    title: 'The sign-in could not be renewed',
    detail: message,
    advice,
    transient: kind === 'unavailable',
  });

export const unreadable = ({ status, headers }: Response): ApiFailure =>
  new ApiFailure({
    title: 'The response cannot be read',
    detail: `It is incomplete or not from the broker: HTTP ${status}, ${headers.get('content-type') ?? 'no content'}.`,
    advice: 'Try again. If it fails again, check the proxies and gateways between this browser and the function app.',
    transient: true,
  });

/** Advice in place of the operator's, which names commands for what a page has. */
const pageAdvice: Partial<Readonly<Record<ErrorCode, string>>> = {
  caller_unauthenticated: 'Sign in again.',
  approval_conflict: 'The page of the request shows its status, and the decisions that you may still make.',
  approval_not_found: 'The page of the approvals lists them.',
  run_not_found: 'The page of the runs lists them.',
  job_unknown: 'The page of the jobs lists them.',
};

/** What the reader of a page should do about a request that failed. Operators read the dashboard. */
export const adviceOnPage = (code: ErrorCode, lacks?: Lack): string =>
  pageAdvice[code] ?? adviceForError({ code, lacks }, 'operator');

/** The failure that an unsuccessful response describes. Missing texts are replaced by general ones. */
export async function failureOf(response: Response): Promise<ApiFailure> {
  const problem = await objectIn(response);
  const text = (name: string): string | undefined => {
    const value = problem[name];
    return typeof value === 'string' ? value : undefined;
  };
  const code = text('code');
  const lacks = isLack(problem['lacks']) ? problem['lacks'] : undefined;
  return new ApiFailure({
    code,
    title: text('title') ?? `The broker returned HTTP ${response.status}`,
    detail: text('detail') ?? 'The response gives no reason.',
    // The problem document has the advice for callers.
    advice: isErrorCode(code) ? adviceOnPage(code, lacks) : (text('advice') ?? 'Check the log of the function app.'),
    correlationId: text('correlationId'),
    transient: isErrorCode(code) ? errorTable[code].retry === 'later' : transientStatuses.includes(response.status),
    retryAfterSeconds: secondsIn(response),
  });
}

/** The header `Retry-After`, which every problem document with a retry time has. Undefined if it is a date. */
function secondsIn({ headers }: Response): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}

/** The JSON object in the body, or an empty object if the body is anything else. */
export async function objectIn(response: Response): Promise<Readonly<Record<string, unknown>>> {
  const body: unknown = await jsonIn(response).catch(() => undefined);
  return typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
}

/** What a request brought for good. */
export type FinalAnswer<T> =
  | { readonly answer: T; readonly refusal?: undefined }
  | { readonly answer?: undefined; readonly refusal: ApiFailure };

/**
 * Resolves with the answer, or with a failure that the same request would bring again.
 * @throws ApiFailure of a request that may succeed later.
 */
export async function finalAnswer<T>(request: Promise<T>): Promise<FinalAnswer<T>> {
  try {
    return { answer: await request };
  } catch (thrown) {
    if (!(thrown instanceof ApiFailure) || thrown.transient) throw thrown;
    return { refusal: thrown };
  }
}

/**
 * The JSON in a response, with control characters in its texts as visible escape sequences: customers choose some of the
 * names, and a browser would obey or hide these characters. Line feeds are kept.
 * @throws SyntaxError or TypeError if the body is not JSON or incomplete.
 */
export async function jsonIn(response: Response): Promise<unknown> {
  const text = await response.text();
  // With a function for each value, a list of 5,000 tenants takes 100 ms of processor time instead of 10.
  if (!maySpellCommands(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value: unknown) =>
    typeof value === 'string' ? value.split('\n').map(visibleText).join('\n') : value,
  );
}

/** Whether JSON has a character that `visibleText` changes: escaped, or as it is. May be true without one. */
const maySpellCommands = (json: string): boolean => /\\[bfrtu]/.test(json) || visibleText(json) !== json;
