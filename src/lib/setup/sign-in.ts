import { type DeviceCode, SignInClient, type SignInClientDeps, type SignInRequest } from '../entra/sign-in-client.ts';
import type { RedeemedToken } from '../entra/judge-token-reply.ts';
import { SetupError } from '../model/errors.ts';
import { listenOnLoopback } from './loopback.ts';

/** How a person is reached: in a browser on this machine, or with a code that is typed in on another one. */
export type SignInMethod =
  | { readonly kind: 'browser'; readonly openBrowser: (url: string) => Promise<void> }
  | { readonly kind: 'device-code'; readonly showDeviceCode: (code: DeviceCode) => void };

export interface SignInDeps extends SignInClientDeps {
  readonly entraEndpoint: string;
  /** Ends the sign-in from outside: the operator pressed Ctrl+C. */
  readonly signal?: AbortSignal | undefined;
}

/** Time enough to find a phone; Entra's own pages give up after about as long. */
const longestSignInMs = 15 * 60_000;

/**
 * Has a person sign in and returns the tokens.
 * @throws SetupError sign_in_refused when the person cancels, declines or does not come; and what Entra answers.
 */
export async function signIn(deps: SignInDeps, method: SignInMethod, request: SignInRequest): Promise<RedeemedToken> {
  const client = await SignInClient.create(deps, deps.entraEndpoint, request);
  if (method.kind === 'browser') return signInByBrowser(deps, client, method.openBrowser);
  const { code, grant } = await client.startDevice(deps.signal);
  method.showDeviceCode(code);
  return client.finishDevice(grant, deps.signal);
}

async function signInByBrowser(
  deps: SignInDeps,
  client: SignInClient,
  openBrowser: (url: string) => Promise<void>,
): Promise<RedeemedToken> {
  const listener = await listenOnLoopback();
  const stop = new AbortController();
  const signals = [stop.signal, ...(deps.signal ? [deps.signal] : [])];
  try {
    const started = await client.startBrowser(listener.redirectUri);
    const arrival = listener.waitFor(started.state, AbortSignal.any(signals));
    const tooLate = deps.clock.sleep(longestSignInMs, stop.signal).then((): never => {
      throw new SetupError('sign_in_refused', 'Nobody signed in within 15 minutes.');
    });
    // A browser that cannot be opened ends the wait; one that was opened says nothing about the sign-in.
    const opened = openBrowser(started.authorizeUrl).then(() => new Promise<never>(() => undefined));
    const callback = await Promise.race([arrival, tooLate, opened]);
    return await client.finishBrowser(started, callback, deps.signal);
  } finally {
    stop.abort();
    await listener.close();
  }
}
