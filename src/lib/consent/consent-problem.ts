import { adviceFor, ptbCommand } from '../core/advice.ts';
import type { BrokerError, ErrorCode } from '../core/errors.ts';
import type { ConsentAnswer } from './partner-center-consents.ts';
import { isConsentAbsent } from './read-customer-consent.ts';

/** Why a consent was not given, withdrawn or read, and what to do about it. */
export interface ConsentProblem {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly nextStep: string;
}

/** What to do about a problem that may pass, for somebody who ran the command. */
export const repeatCommand = 'Run the command again.';

/** "Partner Center REST error codes": the call was blocked by a Conditional Access policy, or Entra refused the inner token. */
const blockedCodes: ReadonlySet<string> = new Set(['900309', '90000']);

export const isSuccess = ({ status }: ConsentAnswer): boolean => status >= 200 && status <= 299;

/** Whether Partner Center may have done the work although it did not say so. */
export const isUnknown = ({ status }: ConsentAnswer): boolean => status === 0 || status >= 500;

/** Whether a withdrawal certainly changed nothing. */
export const isWithdrawalRefused = (answer: ConsentAnswer): boolean =>
  !isSuccess(answer) && !isUnknown(answer) && answer.status !== 404 && answer.mayHaveWorked !== true;

/** Whether the token is refused. The answer is the same for every customer. */
export const isTokenRefused = ({ status }: ConsentAnswer): boolean => status === 401;

/**
 * Whether the answer concerns the customer and not only the resource.
 * @param hasAccess whether Partner Center has accepted a request for this customer already.
 */
export const concernsCustomer = ({ status }: ConsentAnswer, hasAccess: boolean): boolean =>
  status === 401 || status === 429 || (!hasAccess && (status === 403 || status === 404));

/** Explains an answer that is not a success. @param application its name in Key Vault. */
export function problemOf(answer: ConsentAnswer, application: string): ConsentProblem {
  const { status, code, message, retryAfterSeconds } = answer;
  const number = code === '' ? String(status) : `${status} ${code}`;
  const said = message === '' ? '' : ` It says: ${message.replace(/\.?$/, '.')}`;
  if (status === 0) return { code: 'resource_error', detail: message, nextStep: repeatCommand };
  if (status === 401) return refusedToken(answer, number, application);
  if (status === 403 && blockedCodes.has(code)) {
    return {
      code: 'blocked_by_policy',
      detail: `A policy of the customer blocks service providers (Partner Center answers ${number}).`,
      nextStep: adviceFor('blocked_by_policy', 'operator'),
    };
  }
  if (status === 403) return { ...roleMissing, detail: `Partner Center refuses access to this customer (${number}).` };
  if (status === 404) {
    return {
      code: 'tenant_unknown',
      detail: `Partner Center does not find the customer or the resource (${number}).`,
      nextStep: 'Check in Partner Center that the customer has a reseller or GDAP relationship with you.',
    };
  }
  if (status === 409) {
    return {
      code: 'consent_required',
      detail: `Partner Center answers that the consent exists (${number}), but the customer's directory lacks it.`,
      nextStep: `Run ${ptbCommand('tenants consent --renew', application)}, which withdraws the consent and gives it again.`,
    };
  }
  if (status === 429) {
    const wait = retryAfterSeconds === undefined ? 'a minute' : `${retryAfterSeconds} seconds`;
    return {
      code: 'throttled',
      detail: `Partner Center throttles the requests (${number}).`,
      nextStep: `Wait ${wait}. ${repeatCommand}`,
    };
  }
  if (status >= 500)
    return { code: 'resource_error', detail: `Partner Center answers ${number}.`, nextStep: repeatCommand };
  return {
    code: 'job_failed',
    detail: `Partner Center refuses the consent (${number}).${said}`,
    nextStep: `Check the permissions of the application and its display name in the partner tenant. ${repeatCommand}`,
  };
}

/** The roles that a consent through Partner Center needs (GDAP FAQ). */
const roleMissing = {
  code: 'access_denied',
  nextStep:
    'Make the service account a member of AdminAgents, and of a security group to which the GDAP relationship with this customer assigns the role Cloud Application Administrator (or Application Administrator).',
} as const;

/** MFA is enforced since 2026-04-01. */
function refusedToken({ code, message }: ConsentAnswer, number: string, application: string): ConsentProblem {
  return code === '900421' || /\bMFA\b/i.test(message)
    ? {
        code: 'interaction_required',
        detail: `Partner Center refuses the service account, because it signed in without MFA (${number}).`,
        nextStep: `Run ${ptbCommand('consent', application)} and sign in with MFA.`,
      }
    : {
        code: 'access_denied',
        detail: `Partner Center refuses the token of the service account (${number}).`,
        nextStep: `Run ${ptbCommand('doctor', application)}.`,
      };
}

/** Explains why the consent of a customer could not be read. */
export function readingProblem(error: BrokerError, application: string): ConsentProblem {
  const { code, detail } = error;
  if (code === 'access_denied') {
    return {
      code,
      detail: `The consent could not be read in this customer: ${detail}`,
      nextStep:
        'The service account needs a role there that reads the directory, such as Cloud Application Administrator, and the application needs Directory.Read.All of Microsoft Graph.',
    };
  }
  if (code === 'consent_required' && !isConsentAbsent(error)) {
    return {
      code,
      detail,
      nextStep:
        'Ask the customer to enable the enterprise application for sign-in and to switch off "Assignment required" for it.',
    };
  }
  return { code, detail, nextStep: adviceFor(code, 'operator', application) };
}
