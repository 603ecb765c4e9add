import { type Command, Option } from 'commander';
import type { SetupDeps, SetupOutcome, SetupPlan, SetupRequest } from '../../lib/setup/setup.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';
import type { PlaceOptions } from '../sign-in/target.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import type { SignInOptions } from '../sign-in/operator.ts';
import { confirm, isInteractive, print, progress, say } from '../sign-in/output.ts';
import { addApplicationOption, addPlaceOptions, addSignInOptions } from '../sign-in/target-options.ts';
import type { Toolbox } from '../sign-in/toolbox.ts';

interface SetupFlags extends PlaceOptions, SignInOptions {
  readonly application: string;
  readonly displayName?: string;
  readonly profile?: string;
  readonly credential?: 'secret' | 'certificate' | 'federated';
  readonly yes?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

/** `ptb setup`: the application in Entra and its client credential in Key Vault. */
export function registerSetup(program: Command): void {
  const command = program
    .command('setup')
    .description('Create or update the application in Entra, consent to it, and store its client credential.')
    .option('--yes', 'do not ask before the first change')
    .option('--dry-run', 'print what would be done, and do nothing')
    .option(
      '--profile <name>',
      'permissions: gdap, legacy, or a profile file (default: those it has, gdap where it is new)',
    )
    .addOption(
      new Option(
        '--credential <kind>',
        'how the application proves itself; federated is best in production (default: as before, secret where it is new)',
      ).choices(['secret', 'certificate', 'federated']),
    )
    .option('--display-name <name>', 'name of the application in Entra');
  addSignInOptions(addPlaceOptions(addApplicationOption(command))).action(interruptible(setup));
}

async function setup(flags: SetupFlags, signal: AbortSignal): Promise<void> {
  if (!flags.yes && !flags.dryRun && !isInteractive()) {
    say('ptb: Nobody can be asked here. Give --yes to go ahead, or --dry-run to see the plan.');
    throw new CommandOutcome(exitCodes.usage);
  }
  const [{ openToolbox }, { operatorToken, setupScopes }, { planOnly, runSetup }] = await Promise.all([
    import('../sign-in/toolbox.ts'),
    import('../sign-in/operator.ts'),
    import('../../lib/setup/setup.ts'),
  ]);
  const toolbox = await openToolbox(flags, signal);
  const { client, writer } = toolbox.graph(await operatorToken(toolbox, flags, setupScopes));
  const request = await setupRequest(toolbox, flags, client);
  const { createCertificate } = await import('../../lib/credential/create-certificate.ts');
  const deps: SetupDeps = {
    ...toolbox,
    graph: client,
    writer,
    createCertificate,
    graphIdentifier: toolbox.place.cloud.resources.graph,
    report: ({ step, state }) => {
      if (state === 'started') progress(`${step} …`);
    },
  };
  if (flags.dryRun) {
    const plan = await planOnly(deps, request);
    print(flags.json, { ...plan, dryRun: true }, planLines(plan, 'Nothing would be changed: everything is set up.'));
    return;
  }
  const outcome = await runSetup(deps, request, flags.yes ? undefined : agree);
  print(flags.json, outcomeDocument(outcome), outcomeLines(outcome));
}

async function setupRequest(toolbox: Toolbox, flags: SetupFlags, graph: SetupDeps['graph']): Promise<SetupRequest> {
  const { place, store } = toolbox;
  const [{ findManagedIdentity }, { readVaultState }, { loadProfile }] = await Promise.all([
    import('../../lib/setup/managed-identity.ts'),
    import('../../lib/setup/read-vault-state.ts'),
    import('../sign-in/load-profile.ts'),
  ]);
  const suffix = flags.application === 'default' ? '' : ` (${flags.application})`;
  const { remembered } = await readVaultState(store, flags.application);
  const credential = flags.credential ?? remembered.kind ?? 'secret';
  return {
    partnerTenantId: place.partnerTenantId,
    application: flags.application,
    displayName: flags.displayName ?? `Partner Token Broker${suffix}`,
    profile: flags.profile === undefined ? undefined : await loadProfile(flags.profile, graph),
    credential,
    entraEndpoint: place.cloud.endpoints.entra,
    federationAudience: place.cloud.federationAudience,
    ...(credential === 'federated'
      ? { managedIdentityObjectId: await findManagedIdentity(graph, place.managedIdentityClientId) }
      : {}),
  };
}

/** Shows the plan and asks. @throws CommandOutcome failure for a no, which is an answer and no error. */
export async function agree(plan: SetupPlan, ask: (question: string) => Promise<boolean> = confirm): Promise<void> {
  for (const line of planLines(plan, '')) say(line);
  if (await ask('Go ahead?')) return;
  say('Nothing was changed.');
  throw new CommandOutcome(exitCodes.failure);
}

const planLines = ({ steps, notes }: SetupPlan, none: string): string[] => [
  ...notes,
  ...(steps.length === 0
    ? [none]
    : ['These changes are to be made:', ...steps.map((step, at) => `  ${at + 1}. ${step}`)]),
];

function outcomeDocument(outcome: SetupOutcome): unknown {
  const { endsAtMs, ...rest } = outcome;
  return { ...rest, ...(endsAtMs === undefined ? {} : { clientCredentialEndsAt: new Date(endsAtMs).toISOString() }) };
}

function outcomeLines(outcome: SetupOutcome): string[] {
  const { application, clientId, changed, consented, credential, proposed, steps, notes, endsAtMs } = outcome;
  const end =
    endsAtMs === undefined ? '' : ` Its client credential ends on ${new Date(endsAtMs).toISOString().slice(0, 10)}.`;
  return [
    ...notes,
    changed
      ? `The application "${application}" (client id ${clientId}) is set up (changes: ${steps.length}).${end}`
      : `Nothing was changed: the application "${application}" (client id ${clientId}) is set up already.${end}`,
    ...(proposed === undefined
      ? []
      : [
          `Its client ${credential} stays in use until the app has shown that Entra takes the managed identity: the timer rotate-credential tries it daily.`,
        ]),
    ...(consented ? [] : [`Next: ptb consent${application === 'default' ? '' : ` --application ${application}`}`]),
  ];
}
