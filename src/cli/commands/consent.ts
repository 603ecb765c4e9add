import type { Command } from 'commander';
import type { ClientCredential } from '../../lib/credential/credential.ts';
import type { ConsentOutcome } from '../../lib/setup/consent.ts';
import type { PlaceOptions } from '../sign-in/environment.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import { print, say } from '../sign-in/output.ts';
import { addApplicationOption, addPlaceOptions, addSignInOptions } from '../sign-in/place-options.ts';
import type { Toolbox } from '../sign-in/toolbox.ts';

interface ConsentFlags extends PlaceOptions {
  readonly application: string;
  readonly account?: string;
  readonly deviceCode?: boolean;
  readonly azLogin?: boolean;
  readonly json?: true;
}

/** `ptb consent`: the refresh token of the service account into Key Vault. */
export function registerConsent(program: Command): void {
  const command = program
    .command('consent')
    .description('Have the service account sign in with MFA, and store its refresh token in Key Vault.')
    .option('--account <upn>', 'user principal name of the account that must sign in');
  addSignInOptions(addPlaceOptions(addApplicationOption(command))).action(interruptible(consent));
}

async function consent(flags: ConsentFlags, signal: AbortSignal): Promise<void> {
  const { openToolbox } = await import('../sign-in/toolbox.ts');
  const toolbox = await openToolbox(flags, signal);
  const { client } = await toolbox.store.load(flags.application);
  const outcome =
    client.credential.kind === 'federated' && !toolbox.place.hasManagedIdentity
      ? await consentElsewhere(toolbox, flags)
      : await consentHere(toolbox, flags);
  print(flags.json, outcome, [
    `The refresh token of ${outcome.account} is stored for the application "${outcome.application}".`,
    `It ends on ${outcome.expiresAt.slice(0, 10)} unless it is rotated before, which the broker does daily.`,
  ]);
}

async function consentHere(
  toolbox: Toolbox,
  flags: ConsentFlags,
  clientCredential?: ClientCredential,
): Promise<ConsentOutcome> {
  const [{ signInMethod }, { obtainConsent }] = await Promise.all([
    import('../sign-in/operator.ts'),
    import('../../lib/setup/consent.ts'),
  ]);
  say(`Sign in as ${flags.account ?? 'the service account'}, with MFA.`);
  return obtainConsent(
    { ...toolbox, ...toolbox.signInDeps, canaryResource: toolbox.place.cloud.resources.graph },
    { application: flags.application, account: flags.account, method: signInMethod(flags), clientCredential },
  );
}

/** Not where the managed identity is: an administrator lends the application a secret for this one sign-in. */
async function consentElsewhere(toolbox: Toolbox, flags: ConsentFlags): Promise<ConsentOutcome> {
  const [{ operatorToken }, { withTemporarySecret }] = await Promise.all([
    import('../sign-in/operator.ts'),
    import('../../lib/setup/temporary-secret.ts'),
  ]);
  say(
    'The managed identity is not on this machine: an administrator signs in first, to lend the application a secret.',
  );
  const { writer } = toolbox.graph(await operatorToken(toolbox, flags, ['Application.ReadWrite.All']));
  const { client } = await toolbox.store.load(flags.application);
  const deps = { ...toolbox, writer, graphIdentifier: toolbox.place.cloud.resources.graph };
  return withTemporarySecret(deps, client, (credential) => consentHere(toolbox, flags, credential));
}
