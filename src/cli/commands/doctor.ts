import type { Command } from 'commander';
import type { Check } from '../../lib/setup/doctor.ts';
import { type ExitCode, exitCodeOf, exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';
import type { PlaceOptions } from '../sign-in/target.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import { addApplicationOption, addPlaceOptions } from '../sign-in/target-options.ts';

interface DoctorFlags extends PlaceOptions {
  readonly application: string;
  readonly customer?: string;
  readonly json?: true;
}

/** `ptb doctor`: everything from the settings to a real token, each with what to do. */
export function registerDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('Check settings, Key Vault, credential, Partner Center and a real token for a customer.')
    .option('--customer <id-or-domain>', 'try this customer (default: the first that works of five)');
  addPlaceOptions(addApplicationOption(command)).action(interruptible(doctor));
}

async function doctor(flags: DoctorFlags, signal: AbortSignal): Promise<void> {
  const checks: Check[] = [];
  const add = (check: Check): void => {
    checks.push(check);
    if (flags.json !== true) process.stdout.write(lineOf(check));
  };
  const [{ settingsChecks }, { openToolbox }, { createLocalBroker }, { examine }] = await Promise.all([
    import('../sign-in/settings-check.ts'),
    import('../sign-in/toolbox.ts'),
    import('../sign-in/local-broker.ts'),
    import('../../lib/setup/doctor.ts'),
  ]);
  for await (const check of settingsChecks(flags)) add(check);
  // Without vault and tenant there is nowhere to go on to.
  if (!checks.some(({ check, status }) => check === 'Settings' && status === 'failed')) {
    const toolbox = await openToolbox(flags, signal);
    const { tokens, directory, resources } = createLocalBroker(toolbox);
    const { place, exchangeDeps } = toolbox;
    const deps = {
      ...toolbox,
      application: flags.application,
      customer: flags.customer,
      partnerTenantId: place.partnerTenantId,
      hasManagedIdentity: place.hasManagedIdentity,
      tokens,
      directory,
      graph: resources.get('graph'),
      partnerCenter: resources.get('partner-center'),
      partnerCenterEndpoint: place.cloud.endpoints.partnerCenter,
      fetch: exchangeDeps.fetch,
    };
    for await (const check of examine(deps)) add(check);
  }
  const exitCode = worstOf(checks);
  const status =
    exitCode === exitCodes.ok ? 'ok' : checks.some((each) => each.status === 'failed') ? 'failed' : 'warning';
  if (flags.json === true) process.stdout.write(`${JSON.stringify({ status, checks })}\n`);
  if (exitCode !== exitCodes.ok) throw new CommandOutcome(exitCode);
}

const marks: Readonly<Record<Check['status'], string>> = {
  ok: 'ok     ',
  notice: 'note   ',
  warning: 'WARNING',
  failed: 'FAILED ',
  skipped: '-      ',
};

function lineOf({ check, status, message, remedy }: Check): string {
  const first = `${marks[status]}  ${check}: ${message}\n`;
  return remedy === undefined ? first : `${first}         ${remedy}\n`;
}

/** The first failure is the cause of those after it; a warning alone is a plain failure. */
function worstOf(checks: readonly Check[]): ExitCode {
  const failure = checks.find(({ status }) => status === 'failed');
  if (failure !== undefined) {
    return failure.code === undefined ? exitCodes.failure : exitCodeOf(failure.code);
  }
  return checks.some(({ status }) => status === 'warning') ? exitCodes.failure : exitCodes.ok;
}
