import { type ErrorCode, type ErrorScope, errorTable, type SetupErrorCode } from './error-table.ts';

export { type ErrorCode, errorCodes, errorTable, isErrorCode } from './error-table.ts';

/** Fields for the log. They never reach a caller and contain no secrets. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

interface CodedErrorOptions {
  readonly cause?: unknown;
  readonly logFields?: LogFields | undefined;
}

export interface BrokerErrorOptions extends CodedErrorOptions {
  /** Seconds after which the request may be repeated, at least 1. */
  readonly retryAfterSeconds?: number | undefined;
  /** Replaces the scope of the error table, if another one is proven (see the canary). */
  readonly scope?: ErrorScope | undefined;
}

/**
 * The base class of expected errors. `detail` is a sentence that the reader may see. Further facts (AADSTS number, trace
 * id, cause) are for the log.
 */
export abstract class CodedError extends Error {
  abstract readonly code: ErrorCode | SetupErrorCode;
  readonly detail: string;
  readonly logFields: LogFields;

  constructor(code: ErrorCode | SetupErrorCode, detail: string, { cause, logFields }: CodedErrorOptions) {
    super(`${code}: ${detail}`, cause === undefined ? undefined : { cause });
    this.detail = detail;
    this.logFields = logFields ?? {};
  }
}

/** An error of the broker. An HTTP route can answer with it. */
export class BrokerError extends CodedError {
  override readonly name = 'BrokerError';
  readonly code: ErrorCode;
  readonly scope: ErrorScope;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, detail: string, options: BrokerErrorOptions = {}) {
    super(code, detail, options);
    this.code = code;
    this.scope = options.scope ?? errorTable[code].scope;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  /** Whether the same request may succeed later without any action. */
  get transient(): boolean {
    return errorTable[this.code].retry === 'later';
  }
}

/** An error of a command that signs an operator in or changes the partner tenant. It never reaches an HTTP route. */
export class SetupError extends CodedError {
  override readonly name = 'SetupError';
  readonly code: SetupErrorCode;

  constructor(code: SetupErrorCode, detail: string, options: CodedErrorOptions = {}) {
    super(code, detail, options);
    this.code = code;
  }
}

/**
 * Returns a BrokerError unchanged. Wraps any other value as `internal`, with the value as its cause. Code that may meet a
 * {@link SetupError} must handle it first.
 */
export function toBrokerError(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError) return thrown;
  return new BrokerError('internal', 'The log has the cause under the correlation id.', { cause: thrown });
}
