import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { NoSignIn, SignInAnswer } from '../../src/lib/api/answers/shared.ts';
import { apiUrl } from '../shared/api-base.ts';
import type { ApiFailure } from './api-failure.ts';
import { readPublic } from './api.ts';
import { createMicrosoftSignIn, type MicrosoftSignIn, type PendingSignIn, type Tokens } from './microsoft.ts';
import { type Polled, usePolling } from './polling.ts';
import { readSession, type Session } from './session.ts';
import { SignInProblem, signInProblem } from './sign-in-problem.ts';
import { createTokenSource, pastedToken, type TokenSource } from './token-source.ts';

export type SignInState =
  /** On the way to Microsoft or back. */
  | { readonly kind: 'working' }
  | { readonly kind: 'signed-out'; readonly refusal?: ApiFailure; readonly problem?: SignInProblem }
  | {
      readonly kind: 'signed-in';
      readonly session: Session;
      readonly source: TokenSource;
      /** Absent for a pasted token. */
      readonly microsoft?: MicrosoftSignIn;
      /** Why the token cannot be renewed at present. */
      readonly delay?: SignInProblem;
    };

/** Who uses the page, and how that changes. */
export interface SignIn {
  readonly state: SignInState;
  /** How people sign in to this broker. */
  readonly settings: Polled<SignInAnswer | NoSignIn>;
  /** The browser keeps no site data, which the way back from Microsoft needs. */
  readonly isBlocked: boolean;
  /**
   * Goes to Microsoft's page. Undefined until the settings are known, without them, and if `isBlocked`.
   * @param anyway although Microsoft did not answer.
   */
  readonly begin: ((anyway: boolean) => void) | undefined;
  readonly paste: (session: Session) => void;
  readonly signOut: () => void;
  /** The API refused the token of this source. Ignored if another one is in use by now. */
  readonly refuse: (source: TokenSource, failure: ApiFailure) => void;
}

/** The address of this page, as it is registered in Entra. */
const pageUrl = (): string => apiUrl('dashboard').href;

const newSession = (tokens: Tokens): Session => {
  const session = readSession(tokens.accessToken);
  if (session === undefined)
    throw new SignInProblem('refused', 'Microsoft issued a token that this page cannot read.', 'Sign in again.');
  const { account, expiresAtMs } = tokens;
  return { ...session, expiresAtMs, ...(account === undefined ? {} : { name: account }) };
};

export function useSignIn(): SignIn {
  // Before the route is read: the answer of Microsoft is in its place.
  const [returned] = useState(takeReturned);
  const [state, setState] = useState<SignInState>(() =>
    returned !== undefined || lastAccount() !== undefined ? { kind: 'working' } : { kind: 'signed-out' },
  );
  const [isBlocked] = useState(() => !canKeepTrip());
  const settings = usePolling(() => readPublic<SignInAnswer | NoSignIn>('sign-in'), 'sign-in', undefined);
  const microsoft = useMemo(
    () =>
      settings.value !== undefined && 'clientId' in settings.value
        ? createMicrosoftSignIn(settings.value, pageUrl())
        : undefined,
    [settings.value],
  );
  const isStarted = useRef(false);
  useEffect(() => {
    if (settings.value === undefined || isStarted.current) return;
    isStarted.current = true;
    void resume(microsoft, returned, setState);
  }, [settings.value]);
  useReturnByBack(setState);
  return {
    state,
    settings,
    isBlocked,
    begin: isBlocked ? undefined : microsoft && ((anyway) => void leave(microsoft, setState, { anyway })),
    paste: (session) => setState({ kind: 'signed-in', session, source: pastedToken(session.token) }),
    signOut: () => void signOut(state, setState),
    refuse: (source, failure) =>
      setState((current) => {
        if (current.kind !== 'signed-in' || current.source !== source) return current;
        source.stop();
        rememberAccount(undefined);
        return { kind: 'signed-out', refusal: failure };
      }),
  };
}

/** The Back button at Microsoft's page shows this page as it was left: on the way there. */
function useReturnByBack(setState: SetState): void {
  useEffect(() => {
    const follow = ({ persisted }: PageTransitionEvent): void => {
      if (persisted) setState(signedOutUnless);
    };
    addEventListener('pageshow', follow);
    return () => removeEventListener('pageshow', follow);
  }, []);
}

type SetState = (next: SignInState | ((current: SignInState) => SignInState)) => void;

/** Continues what the tab was doing before it was left or loaded again. */
async function resume(
  microsoft: MicrosoftSignIn | undefined,
  returned: Returned | undefined,
  setState: SetState,
): Promise<void> {
  const account = lastAccount();
  if (microsoft === undefined) return setState((current) => signedOutUnless(current));
  if (returned !== undefined) return finish(microsoft, returned, setState);
  if (account !== undefined) return leave(microsoft, setState, { account });
}

const signedOutUnless = (current: SignInState): SignInState =>
  current.kind === 'working' ? { kind: 'signed-out' } : current;

/**
 * @param options.account signs in without a page. Its absence shows one.
 * @param options.isNoticed whether the person sees that this begins, and is told if it fails.
 */
async function leave(
  microsoft: MicrosoftSignIn,
  setState: SetState,
  options: { readonly account?: string; readonly anyway?: boolean; readonly isNoticed?: boolean },
): Promise<void> {
  const { account, anyway = false, isNoticed = account === undefined } = options;
  setState({ kind: 'working' });
  try {
    if (!anyway) await microsoft.reachable();
    const { url, pending } = await microsoft.start(account);
    keepTrip({ pending, hash: location.hash, silent: !isNoticed });
    // A reload must not make a second entry in the history.
    if (account === undefined) location.assign(url);
    else location.replace(url);
  } catch (thrown) {
    setState({ kind: 'signed-out', problem: signInProblem(thrown) });
  }
}

/** A session that ended sooner is not begun again without a page: it could end and begin for ever. */
const leastSessionMs = 60_000;

async function finish(microsoft: MicrosoftSignIn, { parameters, trip }: Returned, setState: SetState): Promise<void> {
  try {
    if (trip === undefined)
      throw new SignInProblem('refused', 'This sign-in was started in another tab.', 'Sign in again.');
    const tokens = await microsoft.finish(trip.pending, parameters);
    const session = newSession(tokens);
    const source = createTokenSource(tokens, {
      renew: microsoft.renew,
      nowMs: Date.now,
      onTokens: (renewed) => setState((current) => withTokens(current, source, renewed)),
      onDelay: (delay) => setState((current) => (isOf(current, source) ? { ...current, delay } : current)),
      onEnd: (problem) => {
        // Microsoft may sign the person in again without a page: its own session outlives refresh tokens of pages.
        const { account } = tokens;
        const isNew = Date.now() - tokens.receivedAtMs < leastSessionMs;
        if (problem.kind === 'ended' && account !== undefined && !isNew)
          void leave(microsoft, setState, { account, isNoticed: true });
        else setState((current) => (isOf(current, source) ? { kind: 'signed-out', problem } : current));
      },
    });
    rememberAccount(session.name);
    setState({ kind: 'signed-in', session, source, microsoft });
  } catch (thrown) {
    rememberAccount(undefined);
    const problem = signInProblem(thrown);
    // Nobody asked for the sign-in after a reload, so nobody needs to hear that it takes a page.
    const isExpected = trip?.silent === true && problem.kind === 'ended';
    setState({ kind: 'signed-out', ...(isExpected ? {} : { problem }) });
  }
}

type SignedInState = Extract<SignInState, { kind: 'signed-in' }>;

const isOf = (state: SignInState, source: TokenSource): state is SignedInState =>
  state.kind === 'signed-in' && state.source === source;

/** The state with a renewed token. The roles may have changed; the name stays. */
function withTokens(current: SignInState, source: TokenSource, tokens: Tokens): SignInState {
  if (!isOf(current, source)) return current;
  const { delay: _, ...rest } = current;
  const { name } = current.session;
  return { ...rest, session: { ...newSession(tokens), name } };
}

async function signOut(state: SignInState, setState: SetState): Promise<void> {
  if (state.kind !== 'signed-in') return;
  state.source.stop();
  rememberAccount(undefined);
  if (state.microsoft === undefined) return setState({ kind: 'signed-out' });
  setState({ kind: 'working' });
  try {
    await state.microsoft.reachable();
    location.assign(state.microsoft.signOutUrl());
  } catch (thrown) {
    const { message, advice } = signInProblem(thrown);
    const text = `You are signed out of this page, but not of Microsoft. ${message}`;
    setState({ kind: 'signed-out', problem: new SignInProblem('unavailable', text, advice) });
  }
}

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
const canKeepTrip = (): boolean =>
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
