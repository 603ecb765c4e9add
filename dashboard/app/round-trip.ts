import type { PendingSignIn } from './microsoft.ts';

/** What the tab keeps while the person is at Microsoft's page. The code that comes back is worthless without it. */
interface RoundTrip {
  readonly pending: PendingSignIn;
  /** The view to return to. */
  readonly hash: string;
  /** No page was shown, so a refusal only means that the person has to sign in. */
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

/** Called just before the page is left. */
export function keepTrip(trip: RoundTrip): void {
  sessionStorage.setItem(tripKey, JSON.stringify(trip));
}

/**
 * Takes the answer of Microsoft out of the address, and puts the view back that the person came from.
 * @returns undefined if the address has no such answer.
 */
export function takeReturned(): Returned | undefined {
  const parameters = new URLSearchParams(location.hash.slice(1));
  if (!parameters.has('state') || !(parameters.has('code') || parameters.has('error'))) return undefined;
  const kept = readTrip();
  sessionStorage.removeItem(tripKey);
  const trip = kept?.pending.state === parameters.get('state') ? kept : undefined;
  history.replaceState(null, '', `${location.pathname}${location.search}${trip?.hash ?? ''}`);
  return { parameters, trip };
}

function readTrip(): RoundTrip | undefined {
  const text = sessionStorage.getItem(tripKey);
  return text === null ? undefined : (JSON.parse(text) as RoundTrip);
}

/** The account that was signed in before a reload of this tab. Its name is no secret. */
export const lastAccount = (): string | undefined => sessionStorage.getItem(accountKey) ?? undefined;

export function rememberAccount(account: string | undefined): void {
  if (account === undefined) sessionStorage.removeItem(accountKey);
  else sessionStorage.setItem(accountKey, account);
}
