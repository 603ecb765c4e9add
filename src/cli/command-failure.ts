import { adviceFor } from '../lib/model/advice.ts';
import { BrokerError, type BrokerErrorOptions, type CodedError, type ErrorCode } from '../lib/model/errors.ts';

/** An error of a command that knows a better next step than {@link adviceFor} has for its code. */
export class CommandFailure extends BrokerError {
  readonly nextStep: string;
  constructor(code: ErrorCode, detail: string, nextStep: string, options: BrokerErrorOptions = {}) {
    super(code, detail, options);
    this.nextStep = nextStep;
  }
}

/** A command takes its settings from options and the environment, not from the app settings that `adviceFor` names. */
const correctSetting = 'Set it in the environment (`azd env get-values` prints what the app has) or give the option.';

/** What the person who typed the command should do about the error. */
export function nextStep(error: CodedError): string {
  if (error instanceof CommandFailure) return error.nextStep;
  return error.code === 'config_invalid' ? correctSetting : adviceFor(error.code, 'operator');
}
