/** Why the broker hands out no token. Switch on `code`, never on text. */
export class BrokerRequestError extends Error {
  override readonly name = 'BrokerRequestError';
  /** One of docs/errors.md; `network` where no answer came, `unexpected` where it was none of the broker's. */
  readonly code: string;
  /** HTTP status; undefined where no answer came. */
  readonly status: number | undefined;
  /** What to do about it. */
  readonly advice: string | undefined;
  /** Finds the occurrence in the broker's log. */
  readonly correlationId: string | undefined;
  /** When the same request may work, seconds. */
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
