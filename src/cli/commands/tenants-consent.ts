import type { Command } from 'commander';
import { defaultApplication } from '../../lib/core/identifiers.ts';
import type { ConsentResult } from '../../lib/consent/consent-result.ts';
import { counted } from '../counted.ts';
import type { Consents } from '../customer-consent/open.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome, UsageError } from '../run-program.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import type { SignInOptions } from '../sign-in/operator.ts';
import { confirm, isInteractive, print, say } from '../sign-in/output.ts';
import { addApplicationOption, addSignInOptions } from '../sign-in/target-options.ts';
import type { Toolbox } from '../sign-in/toolbox.ts';

interface TenantsConsentFlags extends SignInOptions {
  readonly application: string;
  readonly tenant?: readonly string[];
  readonly partnerTenant?: string;
  readonly vault?: string;
  readonly permissions?: string;
  readonly check?: true;
  readonly remove?: true;
  readonly renew?: true;
  readonly wait?: true;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

/** `ptb tenants consent`: consents to the application in customer tenants, through Partner Center. */
export function registerTenantsConsent(program: Command): void {
  const tenants =
    program.commands.find((command) => command.name() === 'tenants') ??
    program.command('tenants').description('List the customer tenants and consent in them.');
  const command = tenants
    .command('consent')
    .description('Consent to the application in customer tenants, by default in all that lack the consent.')
    .option('--tenant <customer...>', 'only these customers: names, domains or ids')
    .option(
      '--permissions <profile>',
      'gdap, reader, changes, legacy, or a file with a profile or an application manifest (default: those of the application)',
    )
    .option('--check', 'compare the consent of each customer with the permissions and change nothing')
    .option('--renew', 'also withdraw consents and give them again, where permissions of a resource were added since')
    .option('--remove', 'withdraw the consent')
    .option('--yes', 'do not ask before a consent is withdrawn')
    .option('--wait', 'wait until Entra issues tokens for the tenants')
    .option('--dry-run', 'print what would be done and change nothing')
    .option('--partner-tenant <id>', 'tenant id of the partner tenant (default: PARTNER_TENANT_ID)')
    .option('--vault <url>', 'address of the Key Vault (default: KEY_VAULT_URL)')
    .option('--json', 'one JSON document on standard output');
  addSignInOptions(addApplicationOption(command)).action(interruptible(tenantsConsent));
}

async function tenantsConsent(flags: TenantsConsentFlags, signal: AbortSignal): Promise<void> {
  requireSense(flags);
  const [{ openToolbox }, { openConsents }, { withUsableClient }] = await Promise.all([
    import('../sign-in/toolbox.ts'),
    import('../customer-consent/open.ts'),
    import('../sign-in/usable-client.ts'),
  ]);
  const { tenant } = flags;
  const work = async (toolbox: Toolbox): Promise<void> => {
    const consents = await openConsents(toolbox, { ...flags, customers: tenant });
    if (flags.check) await check(consents, flags);
    else if (flags.remove) await remove(consents, flags);
    else await give(consents, flags);
  };
  // The list of customers is read with the default application.
  await withUsableClient(await openToolbox(flags, signal), flags, work, [defaultApplication]);
  signal.throwIfAborted();
}

function requireSense(flags: TenantsConsentFlags): void {
  const { check: checks, remove: removes, renew: renews, dryRun, yes } = flags;
  const chosen = [checks && '--check', removes && '--remove', renews && '--renew'].filter((each) => each !== undefined);
  if (chosen.length > 1) throw new UsageError(`Give only one of ${chosen.join(' and ')}.`);
  if ((removes || renews) && !yes && !dryRun && !isInteractive()) {
    throw new UsageError(
      'There is no terminal to ask for confirmation. Give --yes to go ahead, or --dry-run to see what would be done.',
    );
  }
}

async function give(consents: Consents, flags: TenantsConsentFlags): Promise<void> {
  const [{ giveConsents }, { giveDocument, giveLines, withdrawalLines }] = await Promise.all([
    import('../customer-consent/give.ts'),
    import('../customer-consent/output.ts'),
  ]);
  const outcome = await giveConsents(consents, { ...flags, customers: flags.tenant }, async (orders) => {
    for (const line of withdrawalLines(orders)) say(line);
    await requireYes(flags, 'Withdraw these consents and give them again?');
  });
  print(flags.json, giveDocument(outcome), giveLines(outcome, flags));
  const { results, working } = outcome;
  endUnlessAllWorked(results);
  if (working !== undefined && working < results.filter((each) => each.outcome === 'consented').length) {
    say('Some tenants do not issue tokens yet. The consent may need a few more minutes.');
    throw new CommandOutcome(exitCodes.partial);
  }
}

async function check(consents: Consents, flags: TenantsConsentFlags): Promise<void> {
  const [{ checkConsents }, { checkLines, countOf }] = await Promise.all([
    import('../customer-consent/check.ts'),
    import('../customer-consent/output.ts'),
  ]);
  const tenants = await checkConsents(consents, { ...flags, customers: flags.tenant });
  const [equal, different, failed] = (['equal', 'different', 'failed'] as const).map((each) => countOf(tenants, each));
  print(flags.json, { equal, different, failed, tenants }, checkLines(tenants));
  if (equal !== tenants.length) throw new CommandOutcome(exitCodes.partial);
}

async function remove(consents: Consents, flags: TenantsConsentFlags): Promise<void> {
  const [{ removeConsents }, { countOf, namesOf, removeLines }] = await Promise.all([
    import('../customer-consent/remove.ts'),
    import('../customer-consent/output.ts'),
  ]);
  const outcome = await removeConsents(consents, { ...flags, customers: flags.tenant }, async (customers) => {
    say(`${counted(customers.length, 'customer')}: ${namesOf(customers.map(({ name }) => name))}`);
    say(`Callers and jobs that use the application "${flags.application}" get consent_required there afterwards.`);
    await requireYes(flags, 'Withdraw the consent?');
  });
  const { planned, results, names } = outcome;
  const [removed, absent, failed] = (['removed', 'absent', 'failed'] as const).map((each) => countOf(results, each));
  const tenants = [...planned, ...results].map((each) => ({ ...each, name: names.get(each.tenantId) }));
  print(flags.json, { removed, absent, failed, tenants }, removeLines(outcome, flags.dryRun));
  endUnlessAllWorked(results);
}

/** @throws CommandOutcome failure if the answer is no. */
async function requireYes({ yes }: TenantsConsentFlags, question: string): Promise<void> {
  if (yes || (await confirm(question))) return;
  say('Nothing was changed.');
  throw new CommandOutcome(exitCodes.failure);
}

/** Ends with 4 if a sign-in is needed before anything can work, and with 3 if some tenants failed. */
function endUnlessAllWorked(results: readonly (Pick<ConsentResult, 'code'> & { readonly outcome: string })[]): void {
  const failures = results.filter(({ outcome }) => outcome === 'failed');
  if (failures.length === 0) return;
  const needsSignIn =
    failures.length === results.length && failures.every(({ code }) => code === 'interaction_required');
  throw new CommandOutcome(needsSignIn ? exitCodes.signInNeeded : exitCodes.partial);
}
