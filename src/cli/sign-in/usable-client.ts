import type { ClientCredential, Credential } from '../../lib/model/credential.ts';
import type { Redeemer } from '../../lib/entra/redeemer.ts';
import { operatorToken, type SignInOptions } from './operator.ts';
import { say } from './output.ts';
import type { Toolbox } from './toolbox.ts';

/**
 * Does work that redeems for an application. Where its client credential is a managed identity that is not on this
 * machine, an administrator signs in first and lends the application a secret for the time of the work.
 * @param work gets a toolbox that can redeem, and the secret lent to `flags.application` where there is one.
 * @param more further applications that the work redeems for.
 * @throws BrokerError credential_missing; SetupError sign_in_refused; what withTemporarySecret throws.
 */
export async function withUsableClient<T>(
  toolbox: Toolbox,
  flags: SignInOptions & { readonly application: string },
  work: (toolbox: Toolbox, lent?: ClientCredential) => Promise<T>,
  more: readonly string[] = [],
): Promise<T> {
  const federated: Credential[] = [];
  for (const application of new Set([flags.application, ...more])) {
    const credential = await toolbox.store.load(application);
    if (credential.client.credential.kind === 'federated') federated.push(credential);
  }
  if (federated.length === 0 || toolbox.place.hasManagedIdentity) return work(toolbox);
  const { withTemporarySecret } = await import('../../lib/setup/temporary-secret.ts');
  say(
    'The managed identity is not on this machine: an administrator signs in first, to lend the application a secret.',
  );
  const administrator = await operatorToken(toolbox, flags, ['Application.ReadWrite.All']);
  const { writer } = toolbox.graph(administrator, { untilInterrupted: false });
  const deps = { ...toolbox, writer, warn: say, graphIdentifier: toolbox.place.cloud.resources.graph };
  const lend = async (usable: Toolbox, [next, ...others]: readonly Credential[], own?: ClientCredential): Promise<T> =>
    next === undefined
      ? work(usable, own)
      : withTemporarySecret(deps, next.client, (secret) => {
          const redeemer = redeemingWith(secret, next.client.clientId, usable.redeemer);
          return lend({ ...usable, redeemer }, others, next.application === flags.application ? secret : own);
        });
  return lend(toolbox, federated);
}

/** Takes the lent secret wherever the managed identity would prove the application. */
const redeemingWith = (lent: ClientCredential, clientId: string, redeemer: Redeemer): Redeemer => ({
  redeem: (redemption, signal) =>
    redeemer.redeem(
      redemption.clientCredential.kind === 'federated' && redemption.clientId === clientId
        ? { ...redemption, clientCredential: lent }
        : redemption,
      signal,
    ),
});
