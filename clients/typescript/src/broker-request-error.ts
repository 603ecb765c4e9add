/** A request to the broker failed. Switch on `code`, never on the text. */
export class BrokerRequestError extends Error {
  override readonly name = 'BrokerRequestError';
  /**
   * A code of docs/errors.md, or `network` (no response), `unexpected` (the response is not from a broker),
   * `tenant_mismatch`, `no_caller`, `approval_pending` (other people have to approve the request first), or
   * `resource_refused` (through the gateway: the resource answered with an error).
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
  /** With `resource_refused`: the code in the error of the resource, such as `Request_ResourceNotFound` of Graph. */
  readonly resourceCode: string | undefined;
  /** With `approval_pending`: the approval that the request waits for. */
  readonly approvalId: string | undefined;

  constructor(
    message: string,
    facts: {
      readonly code: string;
      readonly status?: number;
      readonly advice?: string | undefined;
      readonly correlationId?: string | undefined;
      readonly retryAfterSeconds?: number | undefined;
      readonly resourceCode?: string | undefined;
      readonly approvalId?: string | undefined;
      readonly cause?: unknown;
    },
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.status = facts.status;
    this.advice = facts.advice;
    this.correlationId = facts.correlationId;
    this.retryAfterSeconds = facts.retryAfterSeconds;
    this.resourceCode = facts.resourceCode;
    this.approvalId = facts.approvalId;
  }
}
