import type { PendingSignIn } from './microsoft.ts';
import { SignInProblem } from './sign-in-problem.ts';

/** What the tab keeps while the person is at Microsoft's page. The code that comes back is worthless without it. */
interface RoundTrip {
  readonly pending: PendingSignIn;
  /** The view to return to. */
  readonly hash: string;
  /** Nobody saw that it began, so a refusal only means that the person has to sign in. */
  readonly silent: boolean;
}

/** What Microsoft returned. */
export interface Returned {
  readonly parameters: URLSearchParams;
  /** Undefined: this tab started no sign-in with this state. */
  readonly trip: RoundTrip | undefined;
}

const tripKey = 'sign-in';
const accountKey = 'account';

/** Returns undefined where the browser blocks site data: even reading `sessionStorage` throws then. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Whether this tab can keep anything while the person is at Microsoft's page. */
export const canKeepTrip = (): boolean =>
  attempt(() => {
    sessionStorage.setItem('probe', '');
    sessionStorage.removeItem('probe');
    return true;
  }) ?? false;

/** Called just before the page is left. @throws SignInProblem if the browser keeps nothing. */
export function keepTrip(trip: RoundTrip): void {
  try {
    sessionStorage.setItem(tripKey, JSON.stringify(trip));
  } catch (cause) {
    const message = 'This browser keeps no site data for this page.';
    throw new SignInProblem('refused', message, 'Allow site data for this page, and sign in again.', { cause });
  }
}

/**
 * Takes the answer of Microsoft out of the address, and puts the view back that the person came from.
 * @returns undefined if the address has no such answer.
 */
export function takeReturned(): Returned | undefined {
  const parameters = new URLSearchParams(location.hash.slice(1));
  if (!parameters.has('state') || !(parameters.has('code') || parameters.has('error'))) return undefined;
  const kept = attempt(readTrip);
  attempt(() => sessionStorage.removeItem(tripKey));
  const trip = kept?.pending.state === parameters.get('state') ? kept : undefined;
  history.replaceState(null, '', `${location.pathname}${location.search}${trip?.hash ?? ''}`);
  return { parameters, trip };
}

function readTrip(): RoundTrip | undefined {
  const text = sessionStorage.getItem(tripKey);
  return text === null ? undefined : (JSON.parse(text) as RoundTrip);
}

/** The account that was signed in before a reload of this tab. Its name is no secret. */
export const lastAccount = (): string | undefined => attempt(() => sessionStorage.getItem(accountKey)) ?? undefined;

/** Without site data, a reload asks the person to sign in. */
export function rememberAccount(account: string | undefined): void {
  attempt(() => {
    if (account === undefined) sessionStorage.removeItem(accountKey);
    else sessionStorage.setItem(accountKey, account);
  });
}
