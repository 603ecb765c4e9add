import { type Command, Option } from 'commander';
import { defaultApplication } from '../../lib/core/identifiers.ts';
import type { SetupDeps, SetupOutcome, SetupPlan, SetupRequest } from '../../operator/setup/setup.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome, UsageError } from '../run-program.ts';
import type { TargetOptions } from '../sign-in/target.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import type { SignInOptions } from '../sign-in/operator.ts';
import { confirm, isInteractive, print, progress, say } from '../sign-in/output.ts';
import { addApplicationOption, addTargetOptions, addSignInOptions } from '../sign-in/target-options.ts';
import type { Toolbox } from '../sign-in/toolbox.ts';
import { printChecks, requirementsOf } from './doctor.ts';
import { registerSetupApi } from './setup-api.ts';

interface SetupFlags extends TargetOptions, SignInOptions {
  readonly application: string;
  readonly displayName?: string;
  readonly permissions?: string;
  readonly account?: string;
  readonly credential?: 'secret' | 'certificate' | 'federated';
  readonly yes?: true;
  readonly dryRun?: true;
  /** True: all that jobs of the application answer. */
  readonly reports?: readonly string[] | true;
  readonly json?: true;
}

/** `ptb setup`: creates the application in Entra and stores its client credential in Key Vault. */
export function registerSetup(program: Command): void {
  const command = program
    .command('setup')
    .description('Create or update the application in Entra, consent to it, and store its client credential.')
    .option('--yes', 'do not ask for confirmation')
    .option('--dry-run', 'print the plan and change nothing')
    .option(
      '--permissions <profile>',
      'gdap, reader, changes, legacy, or a file with a profile or an application manifest (default: the current ones, gdap for a new application)',
    )
    .addOption(
      new Option(
        '--credential <kind>',
        'client credential; federated is recommended for production (default: the current kind, secret for a new application)',
      ).choices(['secret', 'certificate', 'federated']),
    )
    .option('--account <user>', 'service account, the only user who may sign in (default: the one that consented)')
    .option('--display-name <name>', 'name of the application in Entra')
    .addOption(
      new Option(
        '--reports [job...]',
        'change nothing: show which permissions and roles these jobs (default: all that only read) need, and which customers lack them',
      ).conflicts(['yes', 'dryRun', 'permissions', 'credential', 'account', 'displayName']),
    );
  addSignInOptions(addTargetOptions(addApplicationOption(command))).action(interruptible(setup));
  registerSetupApi(command);
}

async function setup(flags: SetupFlags, signal: AbortSignal): Promise<void> {
  if (flags.reports !== undefined) return showNeeds(flags, flags.reports, signal);
  if (!flags.yes && !flags.dryRun && !isInteractive()) {
    say('ptb: There is no terminal to ask for confirmation. Give --yes to go ahead, or --dry-run to see the plan.');
    throw new CommandOutcome(exitCodes.usage);
  }
  const [{ openToolbox }, { operatorToken, setupScopes }, { planOnly, runSetup }] = await Promise.all([
    import('../sign-in/toolbox.ts'),
    import('../sign-in/operator.ts'),
    import('../../operator/setup/setup.ts'),
  ]);
  const toolbox = await openToolbox(flags, signal);
  const { client, writer } = toolbox.graph(await operatorToken(toolbox, flags, setupScopes));
  const request = await setupRequest(toolbox, flags, client);
  const { createCertificate } = await import('../../lib/tokens/credential/client-certificate.ts');
  const deps: SetupDeps = {
    ...toolbox,
    graph: client,
    writer,
    createCertificate,
    graphIdentifier: toolbox.target.cloud.resources.graph,
    report: ({ step, state }) => {
      if (state === 'started') progress(`${step} …`);
    },
  };
  if (flags.dryRun) {
    const plan = await planOnly(deps, request);
    print(
      flags.json,
      { ...plan, dryRun: true },
      planLines(plan, 'There is nothing to change: the application is set up.'),
    );
    return;
  }
  const outcome = await runSetup(deps, request, flags.yes ? undefined : confirmPlan);
  print(flags.json, outcomeDocument(outcome), outcomeLines(outcome));
}

/** What some jobs need, and which customers lack it. */
async function showNeeds(flags: SetupFlags, names: readonly string[] | true, signal: AbortSignal): Promise<void> {
  const { application } = flags;
  const [{ jobs }, { jobNamed }, { openToolbox }, { needsChecks }, { withUsableClient }] = await Promise.all([
    import('../../jobs/index.ts'),
    import('../jobs/given-parameters.ts'),
    import('../sign-in/toolbox.ts'),
    import('../customer-consent/report-needs.ts'),
    import('../sign-in/usable-client.ts'),
  ]);
  const chosen =
    names === true
      ? jobs.filter((job) => job.application === application && job.changes !== true)
      : [...new Set(names)].map((name) => jobNamed({ jobs }, name));
  const other = chosen.find((job) => job.application !== application);
  if (other !== undefined)
    throw new UsageError(`${other.name} uses another application: give --application ${other.application}.`);
  const needs = { application, jobs: chosen, requirements: requirementsOf(chosen, application) };
  const work = (toolbox: Toolbox): Promise<void> => printChecks(needsChecks(toolbox, needs), flags);
  // The list of customers is read with the default application.
  await withUsableClient(await openToolbox(flags, signal), flags, work, [defaultApplication]);
}

async function setupRequest(toolbox: Toolbox, flags: SetupFlags, graph: SetupDeps['graph']): Promise<SetupRequest> {
  const { target, store } = toolbox;
  const [{ findManagedIdentity, readVaultState }, { loadProfile }] = await Promise.all([
    import('../../operator/setup/vault-state.ts'),
    import('../sign-in/load-profile.ts'),
  ]);
  const suffix = flags.application === 'default' ? '' : ` (${flags.application})`;
  const { remembered } = await readVaultState(store, flags.application);
  const credential = flags.credential ?? remembered.kind ?? 'secret';
  return {
    partnerTenantId: target.partnerTenantId,
    application: flags.application,
    displayName: flags.displayName ?? `Partner Token Broker${suffix}`,
    profile: flags.permissions === undefined ? undefined : await loadProfile(flags.permissions, graph),
    credential,
    account: flags.account,
    entraEndpoint: target.cloud.endpoints.entra,
    federationAudience: target.cloud.federationAudience,
    ...(credential === 'federated'
      ? { managedIdentityObjectId: await findManagedIdentity(graph, target.managedIdentityClientId) }
      : {}),
  };
}

/** Shows the plan and asks for confirmation. @throws CommandOutcome failure if the answer is no. */
export async function confirmPlan(
  plan: SetupPlan,
  ask: (question: string) => Promise<boolean> = confirm,
): Promise<void> {
  for (const line of planLines(plan, '')) say(line);
  if (await ask('Go ahead?')) return;
  say('Nothing was changed.');
  throw new CommandOutcome(exitCodes.failure);
}

const planLines = ({ steps, notes }: SetupPlan, none: string): string[] => [
  ...notes,
  ...(steps.length === 0 ? [none] : ['Steps:', ...steps.map((step, at) => `  ${at + 1}. ${step}`)]),
];

function outcomeDocument(outcome: SetupOutcome): unknown {
  const { endsAtMs, ...rest } = outcome;
  return { ...rest, ...(endsAtMs === undefined ? {} : { clientCredentialEndsAt: new Date(endsAtMs).toISOString() }) };
}

function outcomeLines(outcome: SetupOutcome): string[] {
  const { application, clientId, changed, consented, credential, proposed, steps, notes, endsAtMs } = outcome;
  const option = application === 'default' ? '' : ` --application ${application}`;
  const end =
    endsAtMs === undefined ? '' : ` Its client credential expires on ${new Date(endsAtMs).toISOString().slice(0, 10)}.`;
  return [
    ...notes,
    changed
      ? `The application "${application}" (client id ${clientId}) is set up. Changes: ${steps.length}.${end}`
      : `Nothing was changed: the application "${application}" (client id ${clientId}) was set up already.${end}`,
    ...(proposed === undefined
      ? []
      : [
          `Its client ${credential} stays in use until Entra accepts the managed identity. The timer rotate-credential tries that daily.`,
        ]),
    ...(consented ? [] : [`Next: ptb consent${option}, and then ptb tenants consent${option}`]),
  ];
}
