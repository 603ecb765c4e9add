import type { ClientCredential, Credential } from '../../lib/core/secrets.ts';
import type { Redeemer } from '../../lib/microsoft/redeemer.ts';
import { operatorToken, type SignInOptions } from './operator.ts';
import { say } from './output.ts';
import type { Toolbox } from './toolbox.ts';

/** Work that redeems tokens. It gets the temporary secret of `flags.application`, if that application needed one. */
type RedeemingWork<T> = (toolbox: Toolbox, temporarySecret?: ClientCredential) => Promise<T>;

/**
 * Runs work that redeems tokens for an application. If the client credential of the application is a managed identity
 * that this machine does not have, an administrator signs in first and adds a client secret for the duration of the work.
 * @param furtherApplications other applications that the work redeems tokens for.
 * @throws BrokerError credential_missing; SetupError sign_in_refused; what withTemporarySecret throws.
 */
export async function withUsableClient<T>(
  toolbox: Toolbox,
  flags: SignInOptions & { readonly application: string },
  work: RedeemingWork<T>,
  furtherApplications: readonly string[] = [],
): Promise<T> {
  const federated: Credential[] = [];
  for (const application of new Set([flags.application, ...furtherApplications])) {
    const credential = await toolbox.store.load(application);
    if (credential.client.credential.kind === 'federated') federated.push(credential);
  }
  if (federated.length === 0 || toolbox.target.hasManagedIdentity) return work(toolbox);
  const { withTemporarySecret } = await import('../../operator/setup/consent.ts');
  say(
    'This machine does not have the managed identity: an administrator signs in first to add a temporary client secret.',
  );
  const administrator = await operatorToken(toolbox, flags, ['Application.ReadWrite.All']);
  const { writer } = toolbox.graph(administrator, { untilInterrupted: false });
  const deps = { ...toolbox, writer, warn: say, graphIdentifier: toolbox.target.cloud.resources.graph };
  const withSecrets = async (
    usable: Toolbox,
    [next, ...others]: readonly Credential[],
    ownSecret?: ClientCredential,
  ): Promise<T> =>
    next === undefined
      ? work(usable, ownSecret)
      : withTemporarySecret(deps, next.client, (secret) => {
          const redeemer = redeemingWith(secret, next.client.clientId, usable.redeemer);
          return withSecrets(
            { ...usable, redeemer },
            others,
            next.application === flags.application ? secret : ownSecret,
          );
        });
  return withSecrets(toolbox, federated);
}

/** A redeemer that uses the temporary secret wherever the managed identity would authenticate the application. */
const redeemingWith = (temporarySecret: ClientCredential, clientId: string, redeemer: Redeemer): Redeemer => ({
  redeem: (redemption, signal) =>
    redeemer.redeem(
      redemption.clientCredential.kind === 'federated' && redemption.clientId === clientId
        ? { ...redemption, clientCredential: temporarySecret }
        : redemption,
      signal,
    ),
});
