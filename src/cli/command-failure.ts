import { BrokerError, type BrokerErrorOptions, type ErrorCode, errorTable } from '../lib/model/errors.ts';

/** A failure of a command whose next step is another one than {@link errorTable} has for callers of the broker. */
export class CommandFailure extends BrokerError {
  readonly nextStep: string;
  constructor(code: ErrorCode, detail: string, nextStep: string, options: BrokerErrorOptions = {}) {
    super(code, detail, options);
    this.nextStep = nextStep;
  }
}

/** Who types a command has an environment and options, and neither app settings nor an Authorization header. */
const stepsHere: Partial<Readonly<Record<ErrorCode, string>>> = {
  config_invalid: 'Set it in the environment (`azd env get-values` prints what the app has) or give the option.',
  caller_unauthenticated:
    'Sign in with `az login` and give --client-id (or BROKER_CLIENT_ID), or put a token for the broker into PTB_TOKEN.',
};

/** What whoever typed the command does about a failure. */
export const nextStep = (error: BrokerError): string =>
  error instanceof CommandFailure ? error.nextStep : (stepsHere[error.code] ?? errorTable[error.code].advice);
