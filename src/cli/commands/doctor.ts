import type { Command } from 'commander';
import type { TenantDirectory } from '../../lib/tenants/directory.ts';
import type { Secret } from '../../lib/core/secrets.ts';
import { visibleJson, visibleText } from '../../lib/core/text.ts';
import type { Job } from '../../lib/runs/job/job.ts';
import type { Check } from '../../operator/doctor/doctor.ts';
import type { RoleRequirement } from '../../operator/gdap/judge.ts';
import { type ExitCode, exitCodeOf, exitCodes } from '../exit-codes.ts';
import { shownLine, type Styled, styled } from '../line.ts';
import { CommandOutcome } from '../run-program.ts';
import type { TargetOptions } from '../sign-in/target.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import { isTenantName, tenantNamed } from '../remote/named-tenants.ts';
import { addApplicationOption, addTargetOptions } from '../sign-in/target-options.ts';

interface DoctorFlags extends TargetOptions {
  readonly application: string;
  readonly customer?: string;
  readonly json?: true;
}

/** `ptb doctor`: checks everything from the settings to a token for a customer and the roles there, with a remedy for each problem. */
export function registerDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description(
      'Check settings, Key Vault, credential, Partner Center, a token for a customer and the delegated roles.',
    )
    .option(
      '--customer <tenant>',
      'try this customer: its name, a domain or its id (default: the first five until one works)',
    );
  addTargetOptions(addApplicationOption(command)).action(interruptible(doctor));
}

const doctor = (flags: DoctorFlags, signal: AbortSignal): Promise<void> => printChecks(allChecks(flags, signal), flags);

/** Prints each check when it is known, or all as one JSON document. @throws CommandOutcome unless all is well. */
export async function printChecks(found: AsyncIterable<Check>, flags: { readonly json?: true }): Promise<void> {
  const checks: Check[] = [];
  let sufficient: Check[] = [];
  for await (const check of found) {
    checks.push(check);
    if (flags.json === true) continue;
    // Every job has such a check: where nothing is to be done, they are one line.
    const isOfRoles = check.check.startsWith(rolesFor);
    if (isOfRoles && check.status === 'ok') {
      sufficient.push(check);
      continue;
    }
    if (!isOfRoles) {
      process.stdout.write(sufficientLine(sufficient));
      sufficient = [];
    }
    process.stdout.write(lineOf(check));
  }
  process.stdout.write(sufficientLine(sufficient));
  const exitCode = exitCodeFor(checks);
  const status =
    exitCode === exitCodes.ok ? 'ok' : checks.some((each) => each.status === 'failed') ? 'failed' : 'warning';
  if (flags.json === true) process.stdout.write(`${visibleJson({ status, checks })}\n`);
  if (exitCode !== exitCodes.ok) throw new CommandOutcome(exitCode);
}

async function* allChecks(flags: DoctorFlags, signal: AbortSignal): AsyncGenerator<Check, void, undefined> {
  const [{ settingsChecks }, { openToolbox }, { createLocalBroker }, { examine }, { jobs }] = await Promise.all([
    import('../sign-in/settings-check.ts'),
    import('../sign-in/toolbox.ts'),
    import('../sign-in/local-broker.ts'),
    import('../../operator/doctor/doctor.ts'),
    import('../../jobs/index.ts'),
  ]);
  const rules = yield* settingsChecks(flags);
  // The other checks need the vault and the partner tenant.
  if (rules === undefined) return;
  const toolbox = await openToolbox(flags, signal);
  const { tokens, directory, resources } = createLocalBroker(toolbox);
  const { target, exchangeDeps } = toolbox;
  yield* examine({
    ...toolbox,
    application: flags.application,
    customer: flags.customer && (await customerNamed(directory, flags.customer, signal)),
    partnerTenantId: target.partnerTenantId,
    hasManagedIdentity: target.hasManagedIdentity,
    tokens,
    directory,
    graph: resources.get('graph'),
    partnerCenter: resources.get('partner-center'),
    partnerCenterEndpoint: target.cloud.endpoints.partnerCenter,
    fetch: exchangeDeps.fetch,
    partnerGraph: (token: Secret) => toolbox.graph(token).client,
    requirements: requirementsOf(jobs, flags.application),
    rules,
  });
}

async function customerNamed(directory: TenantDirectory, text: string, signal: AbortSignal): Promise<string> {
  if (!isTenantName(text)) return text;
  // If there is no list, the checks say why.
  const known = await directory.list(signal).catch(() => undefined);
  return known === undefined ? text : tenantNamed(known, text).tenantId;
}

/** The roles that the jobs of an application need at customers. */
export const requirementsOf = (jobs: readonly Job[], application: string): readonly RoleRequirement[] =>
  jobs.flatMap(({ name, application: used, directoryRoles = [] }) =>
    used === application && directoryRoles.length > 0 ? [{ purpose: name, roles: directoryRoles }] : [],
  );

const marks: Readonly<Record<Check['status'], Styled>> = {
  ok: styled('good', 'ok     '),
  notice: styled('active', 'note   '),
  warning: styled('warn', 'WARNING'),
  failed: styled('bad', 'FAILED '),
  skipped: styled('idle', '-      '),
};

const rolesFor = 'Roles for ';

function sufficientLine([first, ...others]: readonly Check[]): string {
  if (first === undefined) return '';
  if (others.length === 0) return lineOf(first);
  const check = `${first.check} and ${others.length} more`;
  return lineOf({ check, status: 'ok', message: 'All customers give the account a role. --json has each.' });
}

function lineOf({ check, status, message, remedy }: Check): string {
  const first = `${shownLine([marks[status], `  ${check}: ${message}`], process.stdout)}\n`;
  return remedy === undefined ? first : `${first}         ${visibleText(remedy)}\n`;
}

/** The exit code of the first failure, because it causes those after it. A warning alone is a failure, too. */
function exitCodeFor(checks: readonly Check[]): ExitCode {
  const failure = checks.find(({ status }) => status === 'failed');
  if (failure !== undefined) {
    return failure.code === undefined ? exitCodes.failure : exitCodeOf(failure.code);
  }
  return checks.some(({ status }) => status === 'warning') ? exitCodes.failure : exitCodes.ok;
}
