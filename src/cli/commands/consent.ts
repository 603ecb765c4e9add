import type { Command } from 'commander';
import type { PlaceOptions } from '../sign-in/environment.ts';
import { print, say } from '../sign-in/output.ts';
import { addApplicationOption, addPlaceOptions } from '../sign-in/place-options.ts';

interface ConsentFlags extends PlaceOptions {
  readonly application: string;
  readonly account?: string;
  readonly deviceCode?: boolean;
  readonly json?: true;
}

/** `ptb consent`: the refresh token of the service account into Key Vault. */
export function registerConsent(program: Command): void {
  const command = program
    .command('consent')
    .description('Have the service account sign in with MFA, and store its refresh token in Key Vault.')
    .option('--account <upn>', 'user principal name of the account that must sign in')
    .option('--device-code', 'sign in with a code on another device');
  addPlaceOptions(addApplicationOption(command)).action(consent);
}

async function consent(flags: ConsentFlags): Promise<void> {
  const [{ openToolbox }, { signInMethod }, { obtainConsent }] = await Promise.all([
    import('../sign-in/toolbox.ts'),
    import('../sign-in/operator.ts'),
    import('../../lib/setup/consent.ts'),
  ]);
  const toolbox = await openToolbox(flags);
  say(`Sign in as ${flags.account ?? 'the service account'}, with MFA.`);
  const outcome = await obtainConsent(
    { ...toolbox, ...toolbox.signInDeps, canaryResource: toolbox.place.cloud.resources.graph },
    { application: flags.application, account: flags.account, method: signInMethod(flags) },
  );
  print(flags.json, outcome, [
    `The refresh token of ${outcome.account} is stored for the application "${outcome.application}".`,
    `It ends on ${outcome.expiresAt.slice(0, 10)} unless it is rotated before, which the broker does daily.`,
  ]);
}
