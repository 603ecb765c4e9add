import { BrokerError } from '../../core/errors.ts';
import { type Justification, reasonLength, reasonSchema } from '../../core/justification.ts';
import { safeParse } from '../../core/json.ts';

/** Headers for the gateway itself. None is forwarded. */
const names = { reason: 'x-reason', askAgain: 'x-ask-again', breakGlass: 'x-break-glass' } as const;

/** Whether a header, in lower case, is for the gateway itself. */
export const isForGateway = (name: string): boolean => Object.values<string>(names).includes(name);

/**
 * Reads what a caller says about a request. A reason may be percent-encoded UTF-8, because a header holds ASCII only.
 * @param headers Names are lower case.
 * @throws BrokerError request_invalid
 */
export function justificationOf(headers: Readonly<Record<string, string>>): Justification {
  return {
    reason: reasonOf(headers[names.reason]),
    askAgain: flagOf(headers, names.askAgain),
    breakGlass: flagOf(headers, names.breakGlass),
  };
}

function reasonOf(written: string | undefined): string | undefined {
  if (written === undefined) return undefined;
  const parsed = safeParse(reasonSchema, decoded(written));
  if (parsed.success) return parsed.data;
  throw invalid(
    names.reason,
    `has ${reasonLength.least} to ${reasonLength.most} characters, on one line, in ASCII or percent-encoded UTF-8`,
  );
}

function decoded(text: string): string | undefined {
  try {
    return /^[\x20-\x7e]*$/.test(text) ? decodeURIComponent(text) : undefined;
  } catch {
    return undefined;
  }
}

function flagOf(headers: Readonly<Record<string, string>>, name: string): boolean {
  const value = headers[name];
  if (value === undefined || value === 'false') return false;
  if (value === 'true') return true;
  throw invalid(name, 'is "true", or absent');
}

const invalid = (name: string, rule: string): BrokerError =>
  new BrokerError('request_invalid', `The header ${name} ${rule}.`);
