import { SignInClient, type SignInClientDeps } from '../../operator/setup/sign-in-client.ts';
import { BrokerError, SetupError } from '../../lib/core/errors.ts';
import { Secret } from '../../lib/core/secrets.ts';
import { systemClock } from '../../lib/core/clock.ts';
import { CommandFailure } from '../command-failure.ts';
import type { KeptSignIn, SignInFiles } from './sign-in-files.ts';

/** A token is renewed this long before it expires. */
const renewBeforeMs = 300_000;

/** Dependencies of a person's sign-in. The client is public, so it has no assertion. */
export const personSignInDeps: SignInClientDeps = {
  fetch: (url, init) => globalThis.fetch(url, init),
  clock: systemClock,
  federatedAssertion: () => Promise.reject(new Error('a public client has no assertion')),
  loadOAuth: () => import('oauth4webapi'),
};

/** What a sign-in to a broker asks Entra for. */
export const signInRequest = ({ tenantId, clientId, scope }: Pick<KeptSignIn, 'tenantId' | 'clientId' | 'scope'>) => ({
  tenantId,
  clientId,
  clientCredential: undefined,
  scopes: [scope, 'offline_access'],
});

/**
 * The token of a kept sign-in. Renews it, and keeps the renewed one, before it expires. A renewed one that cannot be kept
 * serves this command: Entra does not revoke a refresh token on use.
 * @param deps.warn tells the person what did not work.
 * @throws CommandFailure caller_unauthenticated if the person has to sign in again; what Entra answers.
 */
export async function keptToken(
  files: SignInFiles,
  signIn: KeptSignIn,
  deps: SignInClientDeps & { readonly warn: (text: string) => void },
): Promise<string> {
  const lifeMs = signIn.expiresAtMs - deps.clock.nowMs();
  if (lifeMs > renewBeforeMs) return signIn.accessToken;
  try {
    const client = await SignInClient.create(deps, signIn.entraEndpoint, signInRequest(signIn));
    const { accessToken, refreshToken, expiresAtMs } = await client.refresh(new Secret(signIn.refreshToken));
    const renewed = {
      ...signIn,
      accessToken: accessToken.reveal(),
      expiresAtMs,
      ...(refreshToken === undefined ? {} : { refreshToken: refreshToken.reveal() }),
    };
    await files.save(renewed).catch((thrown: unknown) => {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      deps.warn(`The renewed sign-in to ${signIn.url} cannot be kept, so the next command renews it again. ${reason}`);
    });
    return renewed.accessToken;
  } catch (thrown) {
    if (lifeMs > 0 && thrown instanceof BrokerError && thrown.transient) return signIn.accessToken;
    if (!(thrown instanceof SetupError)) throw thrown;
    const detail = `The sign-in of ${signIn.account} to ${signIn.url} has ended. ${thrown.detail}`;
    throw new CommandFailure('caller_unauthenticated', detail, `Run \`ptb login --url ${signIn.url}\`.`, {
      cause: thrown,
    });
  }
}
