import {
  adviceFor,
  adviceForError,
  BrokerError,
  type BrokerErrorOptions,
  type CodedError,
  type ErrorCode,
} from '../lib/core/errors.ts';

/** An error of a command that knows a better next step than {@link adviceFor} has for its code. */
export class CommandFailure extends BrokerError {
  readonly nextStep: string;
  constructor(code: ErrorCode, detail: string, nextStep: string, options: BrokerErrorOptions = {}) {
    super(code, detail, options);
    this.nextStep = nextStep;
  }
}

/** Advice that names options and variables of the command line. It replaces the operator's advice of {@link adviceFor}. */
const commandLineAdvice: Partial<Record<CodedError['code'], string>> = {
  config_invalid: 'Set it in the environment (`azd env get-values` prints what the app has) or give the option.',
  caller_unauthenticated:
    'Sign in with `ptb login`, or with `az login` and give --client-id (or BROKER_CLIENT_ID), or put a token for the broker into PTB_TOKEN.',
  request_invalid: 'Correct the command. With --help it shows its arguments and options.',
};

/** What the person who typed the command should do about the error. */
export function nextStep(error: CodedError): string {
  if (error instanceof CommandFailure) return error.nextStep;
  const advice = commandLineAdvice[error.code];
  if (advice !== undefined) return advice;
  return error instanceof BrokerError ? adviceForError(error, 'operator') : adviceFor(error.code, 'operator');
}
