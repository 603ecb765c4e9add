import { type DeviceCode, SignInClient, type SignInClientDeps, type SignInRequest } from './sign-in-client.ts';
import { minuteMs } from '../../lib/core/durations.ts';
import type { RedeemedToken } from '../../lib/microsoft/token-reply.ts';
import { SetupError } from '../../lib/core/errors.ts';
import { listenOnLoopback } from './loopback.ts';

/** How a person signs in: in a browser on this machine, or by entering a code on another device. */
export type SignInMethod =
  | { readonly kind: 'browser'; readonly openBrowser: (url: string) => Promise<void> }
  | { readonly kind: 'device-code'; readonly showDeviceCode: (code: DeviceCode) => void };

export interface SignInDeps extends SignInClientDeps {
  readonly entraEndpoint: string;
  /** Cancels the sign-in, on Ctrl+C. */
  readonly signal?: AbortSignal | undefined;
}

/** Long enough to find a phone. Entra's own pages time out after about the same time. */
const signInTimeoutMs = 15 * minuteMs;

/**
 * Signs a person in and returns the tokens.
 * @throws SetupError sign_in_refused when the person cancels, declines or does not sign in; what Entra answers.
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
    const redirected = listener.waitFor(started.state, AbortSignal.any(signals));
    const timeout = deps.clock.sleep(signInTimeoutMs, stop.signal).then((): never => {
      throw new SetupError('sign_in_refused', 'Nobody signed in within 15 minutes.');
    });
    // A failure to open the browser ends the wait. An opened browser says nothing about the sign-in.
    const failedToOpen = openBrowser(started.authorizeUrl).then(() => new Promise<never>(() => undefined));
    const callback = await Promise.race([redirected, timeout, failedToOpen]);
    return await client.finishBrowser(started, callback, deps.signal);
  } finally {
    stop.abort();
    await listener.close();
  }
}
