import { type Command, InvalidArgumentError } from 'commander';
import { applicationNamePattern, defaultApplication } from '../../lib/model/credential.ts';

/** Adds the options that say where the credential is and which one is meant. */
export function addPlaceOptions(command: Command): Command {
  return command
    .option('--tenant <id>', 'tenant id of the partner tenant (default: PARTNER_TENANT_ID)')
    .option('--vault <url>', 'address of the Key Vault (default: KEY_VAULT_URL)')
    .option('--json', 'one JSON document on standard output');
}

/** Adds `--application`. */
export function addApplicationOption(command: Command): Command {
  return command.option(
    '--application <name>',
    "which of the broker's applications, as policies name it",
    applicationName,
    defaultApplication,
  );
}

/** Adds the ways to sign in. */
export function addSignInOptions(command: Command): Command {
  return command
    .option('--device-code', 'sign in with a code on another device')
    .option('--az-login', 'use the account that `az login` signed in');
}

function applicationName(text: string): string {
  if (applicationNamePattern.test(text)) return text;
  throw new InvalidArgumentError('It must be lower case letters, digits and hyphens, 32 at most, a letter first.');
}
