import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type Grant, grants } from '../../lib/core/secrets.ts';
import { counted } from '../counted.ts';
import { refuseNamesInCode } from '../exec/names-in-code.ts';
import type { ResourceAliases } from '../exec/resource-aliases.ts';
import { addResource } from '../exec/resource-aliases.ts';
import { NotStartedError } from '../exec/not-started.ts';
import type { TenantEnd } from '../exec/run-tenants.ts';
import type { ExecTenant } from '../exec/tenant.ts';
import { exitCodes } from '../exit-codes.ts';
import { wholeNumberOption } from '../options.ts';
import { addConnectionOptions, connect, type ConnectionFlags } from '../remote/connection.ts';
import { tenantForms } from '../remote/named-tenants.ts';
import { CommandOutcome, UsageError } from '../run-program.ts';
import { print, say } from '../sign-in/output.ts';

interface ExecFlags extends ConnectionFlags {
  readonly tenant?: readonly string[];
  readonly except?: readonly string[];
  readonly resource?: ResourceAliases;
  readonly grant: Grant;
  readonly via: 'token' | 'gateway';
  readonly parallel: number;
  readonly retry: number;
  readonly timeout?: number;
  readonly output?: string;
  readonly resume?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

/** `ptb exec -- PROGRAM ARGS`: runs a program once per tenant. */
export function registerExec(program: Command): void {
  const exec = program
    .command('exec')
    .description(
      "Run a program once for each customer tenant. Each has a managed identity endpoint of its own, which Microsoft's libraries use by themselves and which gives out tokens for that tenant alone. {tenantId}, {domain} and {name} in arguments stand for the tenant, as do PTB_TENANT_ID, PTB_TENANT_DOMAIN and PTB_TENANT_NAME. Exit 3: the program failed for some tenants, 1: for all.",
    )
    .argument('<program>', 'the program, without a shell')
    .argument('[args...]', 'its arguments')
    .option('--tenant <tenant...>', `only these tenants: ${tenantForms}`)
    .option('--except <tenant...>', 'without these tenants')
    .option(
      '--resource <alias>',
      'a resource that the program may get tokens for; repeatable (default: graph)',
      addResource,
    )
    .addOption(new Option('--grant <grant>', 'grant of the tokens').choices([...grants]).default('delegated'))
    .addOption(
      new Option(
        '--via <way>',
        'token: the program gets tokens; gateway: it gets an address of Microsoft Graph in PTB_GRAPH_URL, and no token',
      )
        .choices(['token', 'gateway'])
        .default('token'),
    )
    .option('--parallel <number>', 'programs at the same time', wholeNumberOption(1, 64), 8)
    .option('--timeout <seconds>', 'end a program that takes longer', wholeNumberOption(1, 86_400))
    .option('--retry <number>', 'start a program that failed again, this often', wholeNumberOption(0, 10), 0)
    .option(
      '--output <folder>',
      'a folder for each tenant, with stdout.txt and stderr.txt; the program finds it in PTB_OUTPUT_DIR',
    )
    .option('--resume', 'with --output: only tenants for which the program has not succeeded')
    .option('--dry-run', 'print the tenants and the arguments, and run nothing')
    .option('--json', 'JSON Lines: each line of output, then each result')
    .passThroughOptions();
  addConnectionOptions(exec).action(runExec);
}

async function runExec(programName: string, args: readonly string[], flags: ExecFlags): Promise<void> {
  if (flags.resume && flags.output === undefined) throw new UsageError('--resume needs the folder of --output.');
  if (flags.via === 'gateway' && flags.resource !== undefined)
    throw new UsageError('--resource is for tokens. With --via gateway, the program reaches Microsoft Graph.');
  refuseNamesInCode(programName, args);
  const client = await connect(flags);
  const tenants = await reachableTenants(client, flags);
  if (flags.dryRun) return dryRun(programName, args, tenants, flags);
  const [{ execForTenants, summaryOf }, { openJournal, noJournal }, { killRunning }] = await Promise.all([
    import('../exec/exec.ts'),
    import('../exec/exec-journal.ts'),
    import('../exec/run-child.ts'),
  ]);
  const folder = flags.output === undefined ? undefined : resolve(flags.output);
  const journal =
    folder === undefined
      ? noJournal
      : await openJournal(folder, [programName, ...args], flags.resume === true).catch((error: unknown) => {
          throw explained(error, folder);
        });
  const interruption = interruptedBy(killRunning);
  try {
    const { ends, failure } = await execForTenants(client, {
      program: programName,
      args,
      tenants,
      resources: flags.resource ?? addResource('graph'),
      grant: flags.grant,
      via: flags.via,
      parallel: flags.parallel,
      retries: flags.retry,
      timeoutMs: flags.timeout === undefined ? undefined : flags.timeout * 1000,
      folder,
      journal,
      json: flags.json === true,
      signal: interruption.signal,
    });
    const before = tenants.filter(({ tenantId }) => journal.done.has(tenantId)).length;
    if (failure === undefined || ends.length > 0) say(summaryOf(ends, tenants.length, before));
    if (failure !== undefined) throw explained(failure, folder);
    if (interruption.signal.aborted) throw new CommandOutcome(exitCodes.interrupted);
    exitBy(ends, before);
  } finally {
    interruption.stop();
  }
}

/**
 * The reachable tenants that the options choose.
 * @throws BrokerError as `selectedTenants` does.
 * @throws UsageError if no tenant is left.
 */
async function reachableTenants(
  client: Awaited<ReturnType<typeof connect>>,
  { tenant, except }: ExecFlags,
): Promise<readonly ExecTenant[]> {
  const { selectedTenants } = await import('../exec/chosen-tenants.ts');
  const chosen = await selectedTenants(client, { tenants: tenant, except });
  for (const warning of chosen.warnings) say(warning);
  const reachable = chosen.tenants.filter(({ reachable: isReachable }) => isReachable);
  const left = chosen.tenants.length - reachable.length;
  if (left > 0)
    say(
      `${counted(left, 'tenant')} cannot be reached and ${left === 1 ? 'is' : 'are'} left out. \`ptb tenants --unreachable\` says why.`,
    );
  if (reachable.length === 0) throw new UsageError('No tenant is left to run the program for.');
  return reachable;
}

async function dryRun(
  programName: string,
  args: readonly string[],
  tenants: readonly ExecTenant[],
  { json }: ExecFlags,
): Promise<void> {
  const [{ argumentsFor }, { labelOf }] = await Promise.all([
    import('../exec/placeholders.ts'),
    import('../exec/tenant.ts'),
  ]);
  for (const tenant of tenants) {
    const command = [programName, ...argumentsFor(args, tenant)];
    const { tenantId, defaultDomain: domain, name } = tenant;
    // Quoted as JSON, so that spaces and empty arguments are seen.
    print(json, { tenantId, domain, name, command }, [
      `${labelOf(tenant)}: ${command.map((arg) => JSON.stringify(arg)).join(' ')}`,
    ]);
  }
}

/** Returns if the program succeeded for all tenants. @throws CommandOutcome */
function exitBy(ends: readonly TenantEnd[], doneBefore: number): void {
  const failed = ends.filter(({ outcome }) => outcome !== 'succeeded').length;
  if (failed === 0) return;
  throw new CommandOutcome(failed === ends.length && doneBefore === 0 ? exitCodes.failure : exitCodes.partial);
}

/** The failure that ended the command early, with the next step. */
function explained(failure: unknown, folder: string | undefined): unknown {
  if (failure instanceof NotStartedError) return new UsageError(failure.message);
  const { code } = failure as NodeJS.ErrnoException;
  if (folder === undefined || typeof code !== 'string' || !writeFailures.has(code)) return failure;
  return new Error(
    `The results cannot be written to ${folder} (${code}). Make space there, then go on by the same command with --resume.`,
  );
}

const writeFailures: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES', 'EFBIG']);

/** Ctrl+C ends the programs, and the summary follows. A second one ends everything at once. */
function interruptedBy(endAll: () => void): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (!controller.signal.aborted) {
      controller.abort();
      say('Ending the programs. Press Ctrl+C again to end them at once.');
      return;
    }
    endAll();
    process.exit(exitCodes.interrupted);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  // However this process ends, for example because nobody reads its output any more.
  process.on('exit', endAll);
  return {
    signal: controller.signal,
    stop: () => {
      for (const signal of signals) process.removeListener(signal, interrupt);
      process.removeListener('exit', endAll);
    },
  };
}
