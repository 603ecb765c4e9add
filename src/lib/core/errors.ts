import {
  type ErrorCode,
  type ErrorScope,
  errorTable,
  isSetupErrorCode,
  type Lack,
  lackTable,
  type OperatorAdvice,
  type SetupErrorCode,
  setupErrorTable,
} from './error-table.ts';
import { defaultApplication } from './identifiers.ts';

export {
  type ErrorCode,
  errorCodes,
  errorTable,
  isErrorCode,
  isLack,
  type Lack,
  lackTable,
  requestRelationship,
} from './error-table.ts';

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
  /** Of `caller_forbidden`: what the caller lacks. */
  readonly lacks?: Lack | undefined;
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
  readonly lacks: Lack | undefined;

  constructor(code: ErrorCode, detail: string, options: BrokerErrorOptions = {}) {
    super(code, detail, options);
    this.code = code;
    this.scope = options.scope ?? errorTable[code].scope;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.lacks = options.lacks;
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

/**
 * A `ptb` command for advice, in backticks. It names the application unless that is the default one: without
 * `--application` the command would work on the default one.
 * @param words the command after `ptb`; one that takes `--application`.
 */
export const ptbCommand = (words: string, application = defaultApplication): string =>
  application === defaultApplication ? `\`ptb ${words}\`` : `\`ptb ${words} --application ${application}\``;

/** What a program that called the API should do: change its request, or ask the operator. */
export function adviceFor(code: ErrorCode, audience: 'caller'): string;
/**
 * What a person who runs the broker should do. Read in health, run records, notices and on the command line.
 * @param application the broker's application that the error concerns.
 */
export function adviceFor(code: ErrorCode | SetupErrorCode, audience: 'operator', application?: string): string;
export function adviceFor(
  code: ErrorCode | SetupErrorCode,
  audience: 'caller' | 'operator',
  application = defaultApplication,
): string {
  if (isSetupErrorCode(code)) return operatorText(setupErrorTable[code].advice, application);
  const { advice } = errorTable[code];
  return audience === 'caller' ? advice.caller : operatorText(advice.operator, application);
}

/** As {@link adviceFor}, by what the caller lacks if it is not allowed to do something. */
export function adviceForError(
  { code, lacks }: { readonly code: ErrorCode; readonly lacks?: Lack | undefined },
  audience: 'caller' | 'operator',
): string {
  if (code === 'caller_forbidden' && lacks !== undefined) return lackTable[lacks][audience];
  return audience === 'caller' ? adviceFor(code, 'caller') : adviceFor(code, 'operator');
}

/** The advice for an operator about one tenant: commands in it name the tenant. */
export const adviceForTenant = (code: ErrorCode, tenantId: string): string =>
  adviceFor(code, 'operator').replaceAll('<id>', tenantId);

const operatorText = (advice: OperatorAdvice, application: string): string =>
  typeof advice === 'string' ? advice : advice((words) => ptbCommand(words, application));
