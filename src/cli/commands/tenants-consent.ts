import type { Command } from 'commander';
import { defaultApplication } from '../../lib/model/credential.ts';
import type { ConsentResult } from '../../lib/setup/customer-consent.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import type { SignInOptions } from '../sign-in/operator.ts';
import { print, say } from '../sign-in/output.ts';
import { addApplicationOption, addSignInOptions } from '../sign-in/target-options.ts';
import type { Toolbox } from '../sign-in/toolbox.ts';

interface TenantsConsentFlags extends SignInOptions {
  readonly application: string;
  /** Customers. In this command the partner tenant has an option of its own. */
  readonly tenant?: readonly string[];
  readonly partnerTenant?: string;
  readonly vault?: string;
  readonly profile?: string;
  readonly renew?: true;
  readonly wait?: true;
  readonly dryRun?: true;
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
    .option('--tenant <id-or-domain...>', 'only these customers')
    .option(
      '--profile <name>',
      'permissions: gdap, legacy or a profile file (default: those of the application, gdap for the default one)',
    )
    .option('--renew', 'withdraw the consent and consent again, to include permissions that were added since')
    .option('--wait', 'wait until Entra issues tokens for the tenants')
    .option('--dry-run', 'print the tenants and change nothing')
    .option('--partner-tenant <id>', 'tenant id of the partner tenant (default: PARTNER_TENANT_ID)')
    .option('--vault <url>', 'address of the Key Vault (default: KEY_VAULT_URL)')
    .option('--json', 'one JSON document on standard output');
  addSignInOptions(addApplicationOption(command)).action(interruptible(tenantsConsent));
}

async function tenantsConsent(flags: TenantsConsentFlags, signal: AbortSignal): Promise<void> {
  const [{ openToolbox }, { consentCustomers }, { withUsableClient }] = await Promise.all([
    import('../sign-in/toolbox.ts'),
    import('../sign-in/consent-customers.ts'),
    import('../sign-in/usable-client.ts'),
  ]);
  const { partnerTenant, vault, tenant } = flags;
  const target = {
    ...(partnerTenant ? { tenant: partnerTenant } : {}),
    ...(vault ? { vault } : {}),
    tenantOption: '--partner-tenant',
  };
  const work = (toolbox: Toolbox) => consentCustomers(toolbox, { ...flags, customers: tenant });
  // The list of customers and Partner Center are read with the default application.
  const outcome = await withUsableClient(await openToolbox(target, signal), flags, work, [defaultApplication]);
  const { chosen, results, names } = outcome;
  const count = (wanted: ConsentResult['outcome']): number => results.filter((each) => each.outcome === wanted).length;
  const summary = { consented: count('consented'), already: count('already'), failed: count('failed') };
  const failures = results.filter((each) => each.outcome === 'failed');
  const working = outcome.working === undefined ? {} : { working: outcome.working };
  const planned = flags.dryRun ? chosen.map((tenantId) => ({ tenantId })) : [];
  const tenants = [...planned, ...results].map((each) => ({ ...each, name: names.get(each.tenantId) }));
  print(flags.json, { ...summary, ...working, tenants }, [
    ...planned.map(({ tenantId }) => names.get(tenantId) ?? tenantId),
    chosen.length === 0 && failures.length === 0 ? 'No tenant lacks the consent.' : summaryLine(summary, flags),
    ...failures.map(({ tenantId, detail }) => `  ${names.get(tenantId) ?? tenantId}: ${detail}`),
  ]);
  if (failures.length > 0) throw new CommandOutcome(exitCodes.partial);
  if (outcome.working !== undefined && outcome.working < summary.consented) {
    say('Some tenants do not issue tokens yet. The consent may need a few more minutes.');
    throw new CommandOutcome(exitCodes.partial);
  }
  signal.throwIfAborted();
}

function summaryLine(
  { consented, already, failed }: { consented: number; already: number; failed: number },
  flags: TenantsConsentFlags,
): string {
  if (flags.dryRun) return 'Nothing was changed.';
  const counts = `${consented} tenants consented, ${already} had the consent already, ${failed} failed.`;
  return consented > 0 && !flags.wait ? `${counts} Tokens include the consent after about three minutes.` : counts;
}
