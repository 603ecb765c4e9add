import type { Command } from 'commander';
import { tuning } from '../../lib/config/tuning.ts';
import { ptbCommand } from '../../lib/model/advice.ts';
import type { RevokeResult } from '../../lib/setup/revoke-steps.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';
import type { TargetOptions } from '../sign-in/target.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import type { SignInOptions } from '../sign-in/operator.ts';
import { confirm, isInteractive, print, say } from '../sign-in/output.ts';
import { addApplicationOption, addTargetOptions, addSignInOptions } from '../sign-in/target-options.ts';
import type { Toolbox } from '../sign-in/toolbox.ts';

interface RevokeFlags extends TargetOptions, SignInOptions {
  readonly application: string;
  readonly account?: string;
  readonly blockCallers?: string;
  readonly unblockCallers?: string;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

/** Permissions to remove credentials, end sessions and disable a service principal. */
const revokeScopes = ['Application.ReadWrite.All', 'Directory.Read.All', 'User.RevokeSessions.All'] as const;

/** `ptb revoke`: revokes a leaked credential. */
export function registerRevoke(program: Command): void {
  const command = program
    .command('revoke')
    .description('Revoke a leaked credential: sessions, client credentials, versions in Key Vault, callers.')
    .option('--dry-run', 'print the plan and change nothing')
    .option('--yes', 'do not ask for confirmation')
    .option('--account <upn>', 'the service account, if Key Vault does not answer')
    .option('--block-callers <app-id>', 'disable sign-in to the broker application, so that callers get no new tokens')
    .option('--unblock-callers <app-id>', 'enable sign-in for callers again, and do nothing else');
  addSignInOptions(addTargetOptions(addApplicationOption(command))).action(interruptible(revokeCredential));
}

async function revokeCredential(flags: RevokeFlags, signal: AbortSignal): Promise<void> {
  if (!flags.yes && !flags.dryRun && !isInteractive()) {
    say('ptb: There is no terminal to ask for confirmation. Give --yes to go ahead, or --dry-run to see the plan.');
    throw new CommandOutcome(exitCodes.usage);
  }
  const [{ openToolbox }, { operatorToken }, revocation, { unblockCallers }] = await Promise.all([
    import('../sign-in/toolbox.ts'),
    import('../sign-in/operator.ts'),
    import('../../lib/setup/revoke.ts'),
    import('../../lib/setup/revoke-steps.ts'),
  ]);
  const toolbox = await openToolbox(flags, signal);
  const { client, writer } = toolbox.graph(await operatorToken(toolbox, flags, revokeScopes));
  if (flags.unblockCallers !== undefined) {
    await unblockCallers(writer, flags.unblockCallers);
    print(flags.json, { unblocked: flags.unblockCallers }, ['Callers can sign in to the broker application again.']);
    return;
  }
  const [steps, others] = await Promise.all([
    revocation.planRevocation(
      { ...toolbox, graph: client, writer },
      { application: flags.application, callersApplicationId: flags.blockCallers, account: flags.account },
    ),
    revocation.otherApplications(toolbox, flags.application),
  ]);
  signal.throwIfAborted();
  const texts = steps.map(({ text }) => text);
  const remaining = [...others, ...stillUsable(toolbox, revocation.stillUsable)];
  if (flags.dryRun) {
    const lines = [...numbered('Steps:', texts), '', ...remaining];
    print(flags.json, { application: flags.application, dryRun: true, steps: texts, stillUsable: remaining }, lines);
    return;
  }
  if (!flags.yes) {
    for (const line of numbered('Steps:', texts)) say(line);
    if (!(await confirm('The application will not work until it is set up again. Go ahead?'))) {
      throw new CommandOutcome(exitCodes.failure);
    }
  }
  const results = await revocation.revoke(steps, (result) => say(lineOf(result)), signal);
  const [setup, consent] = ['setup', 'consent'].map((words) => ptbCommand(words, flags.application));
  const next = `Find out how the credential leaked. Then run ${setup} and ${consent}.`;
  print(flags.json, { application: flags.application, results, stillUsable: remaining }, [...remaining, next]);
  if (results.length < steps.length || results.some(({ done }) => !done)) throw new CommandOutcome(exitCodes.failure);
}

const stillUsable = (toolbox: Toolbox, list: (nowMs: number, rereadSeconds: number) => readonly string[]) =>
  list(toolbox.clock.nowMs(), tuning.credentialRereadSeconds);

const lineOf = ({ step, done, detail }: RevokeResult): string =>
  done ? `done    ${step}` : `FAILED  ${step}: ${detail}`;

const numbered = (title: string, texts: readonly string[]): string[] => [
  texts.length === 0 ? 'There is nothing to revoke.' : title,
  ...texts.map((text, at) => `  ${at + 1}. ${text}`),
];
