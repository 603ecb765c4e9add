/** A request to the broker failed. Switch on `code`, never on the text. */
export class BrokerRequestError extends Error {
  override readonly name = 'BrokerRequestError';
  /**
   * A code of docs/errors.md, or `network` (no response), `unexpected` (the response is not from a broker),
   * `tenant_mismatch` or `no_caller`.
   */
  readonly code: string;
  /** HTTP status. Undefined without a response. */
  readonly status: number | undefined;
  /** What the caller can do about the failure. */
  readonly advice: string | undefined;
  /** Identifies the request in the broker's log. */
  readonly correlationId: string | undefined;
  /** Seconds until the same request may succeed. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    message: string,
    facts: {
      readonly code: string;
      readonly status?: number;
      readonly advice?: string | undefined;
      readonly correlationId?: string | undefined;
      readonly retryAfterSeconds?: number | undefined;
      readonly cause?: unknown;
    },
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.status = facts.status;
    this.advice = facts.advice;
    this.correlationId = facts.correlationId;
    this.retryAfterSeconds = facts.retryAfterSeconds;
  }
}
