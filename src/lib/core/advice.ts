import { defaultApplication } from './secrets.ts';
import {
  type ErrorCode,
  errorTable,
  isSetupErrorCode,
  type OperatorAdvice,
  type SetupErrorCode,
  setupErrorTable,
} from './error-table.ts';

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

/** The advice for an operator about one tenant: commands in it name the tenant. */
export const adviceForTenant = (code: ErrorCode, tenantId: string): string =>
  adviceFor(code, 'operator').replaceAll('<id>', tenantId);

const operatorText = (advice: OperatorAdvice, application: string): string =>
  typeof advice === 'string' ? advice : advice((words) => ptbCommand(words, application));
