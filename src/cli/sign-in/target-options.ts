import { type Command, InvalidArgumentError } from 'commander';
import { applicationNamePattern } from '../../lib/core/secrets.ts';
import { defaultApplication } from '../../lib/core/identifiers.ts';

/** Adds the options for the partner tenant and the vault, and `--json`. */
export function addTargetOptions(command: Command): Command {
  return command
    .option('--partner-tenant <id>', 'tenant id of the partner tenant (default: PARTNER_TENANT_ID)')
    .option('--vault <url>', 'address of the Key Vault (default: KEY_VAULT_URL)')
    .option('--json', 'one JSON document on standard output');
}

/** Adds `--application`. */
export function addApplicationOption(command: Command): Command {
  return command.option(
    '--application <name>',
    "which of the broker's applications, by its name in policies",
    applicationName,
    defaultApplication,
  );
}

/** Adds the options that choose how to sign in. */
export function addSignInOptions(command: Command): Command {
  return command
    .option(
      '--device-code',
      'sign in with a code on another device, if no browser can be opened here (policies often block this)',
    )
    .option('--az-login', 'use the account that `az login` signed in');
}

function applicationName(text: string): string {
  if (applicationNamePattern.test(text)) return text;
  throw new InvalidArgumentError(
    'It must be at most 32 lower case letters, digits and hyphens, and start with a letter.',
  );
}
