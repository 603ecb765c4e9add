import type { Command } from 'commander';
import type { ClientCredential, Secret } from '../../lib/core/secrets.ts';
import { defaultApplication } from '../../lib/core/identifiers.ts';
import type { ConsentOutcome } from '../../operator/setup/consent.ts';
import type { TargetOptions } from '../sign-in/target.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import { confirm, isInteractive, print, say } from '../sign-in/output.ts';
import { addApplicationOption, addTargetOptions, addSignInOptions } from '../sign-in/target-options.ts';
import type { Toolbox } from '../sign-in/toolbox.ts';

interface ConsentFlags extends TargetOptions {
  readonly application: string;
  readonly account?: string;
  readonly deviceCode?: boolean;
  readonly azLogin?: boolean;
  readonly json?: true;
}

/** `ptb consent`: stores the refresh token of the service account in Key Vault. */
export function registerConsent(program: Command): void {
  const command = program
    .command('consent')
    .description('Have the service account sign in with MFA, and store its refresh token in Key Vault.')
    .option('--account <upn>', 'user principal name of the account that must sign in');
  addSignInOptions(addTargetOptions(addApplicationOption(command))).action(interruptible(consent));
}

async function consent(flags: ConsentFlags, signal: AbortSignal): Promise<void> {
  const [{ openToolbox }, { withUsableClient }] = await Promise.all([
    import('../sign-in/toolbox.ts'),
    import('../sign-in/usable-client.ts'),
  ]);
  const toolbox = await openToolbox(flags, signal, 'broker');
  const outcome = await withUsableClient(toolbox, flags, (usable, secret) => signInAndStore(usable, flags, secret));
  const { clockAheadSeconds } = outcome;
  if (clockAheadSeconds !== undefined) {
    const direction = clockAheadSeconds > 0 ? 'ahead of' : 'behind';
    say(
      `This machine's clock is ${Math.round(Math.abs(clockAheadSeconds) / 60)} minutes ${direction} Entra's. Correct it.`,
    );
  }
  print(flags.json, outcome, [
    `The refresh token of ${outcome.account} is stored for the application "${outcome.application}".`,
    `It expires on ${outcome.expiresAt.slice(0, 10)} unless it is rotated. The broker rotates it daily.`,
    `Customers must consent to the application, too: ptb tenants consent${flags.application === defaultApplication ? '' : ` --application ${flags.application}`}`,
  ]);
}

async function signInAndStore(
  toolbox: Toolbox,
  flags: ConsentFlags,
  clientCredential: ClientCredential | undefined,
): Promise<ConsentOutcome> {
  const [{ signInMethod }, { obtainConsent }, { unknownKeysNote }] = await Promise.all([
    import('../sign-in/operator.ts'),
    import('../../operator/setup/consent.ts'),
    import('../../operator/doctor/checks.ts'),
  ]);
  const { application } = flags;
  const graphIdentifier = toolbox.target.cloud.resources.graph;
  say(`Sign in as ${flags.account ?? 'the service account'}, with MFA.`);
  const outcome = await obtainConsent(
    { ...toolbox, ...toolbox.signInDeps, canaryResource: graphIdentifier },
    {
      application,
      account: flags.account,
      method: signInMethod(flags),
      clientCredential,
      ...(isInteractive() ? { confirmAccount } : {}),
    },
  );
  const partnerGraph = (token: Secret) => toolbox.graph(token).client;
  const note = await unknownKeysNote({ ...toolbox, application, graphIdentifier, partnerGraph }, clientCredential);
  if (note !== undefined) say(note);
  return outcome;
}

const confirmAccount = (former: string, account: string): Promise<boolean> =>
  confirm(`${account} signed in, but ${former} consented last. Replace it?`);
