import type { Command } from 'commander';
import { tuning } from '../../lib/config/tuning.ts';
import type { IdentityTrust } from '../../lib/tokens/credential/identity-trust.ts';
import type { GraphClient } from '../../lib/microsoft/graph.ts';
import { ptbCommand } from '../../lib/core/errors.ts';
import type { RevokeDeps, RevokeOptions, RevokeResult } from '../../operator/revoke/state.ts';
import type { Proof } from '../../operator/revoke/refusals.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { CommandOutcome, UsageError } from '../run-program.ts';
import type { Target, TargetOptions } from '../sign-in/target.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import type { SignInOptions } from '../sign-in/operator.ts';
import { confirm, isInteractive, print, say } from '../sign-in/output.ts';
import { addApplicationOption, addTargetOptions, addSignInOptions } from '../sign-in/target-options.ts';

interface RevokeFlags extends TargetOptions, SignInOptions {
  readonly application: string;
  /** False for --no-account. */
  readonly account?: string | false;
  readonly clientId?: string;
  readonly blockCallers?: string;
  readonly unblockCallers?: string;
  readonly verify?: true;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

/** Permissions to remove credentials, end sessions and disable a service principal. */
const revokeScopes = ['Application.ReadWrite.All', 'Directory.Read.All', 'User.RevokeSessions.All'] as const;
const verifyScopes = ['Application.Read.All', 'Directory.Read.All'] as const;

/** `ptb revoke`: revokes a leaked credential. */
export function registerRevoke(program: Command): void {
  const command = program
    .command('revoke')
    .description('Revoke a leaked credential and prove it: sessions, keys in Entra, versions in Key Vault, callers.')
    .option('--dry-run', 'print the plan and change nothing')
    .option('--yes', 'do not ask for confirmation')
    .option('--verify', 'the second pass, 95 minutes later: change nothing, and prove that no key was added')
    .option('--account <upn>', 'the service account, if Key Vault does not name it')
    .option('--no-account', 'no account ever signed in to the application, so there are no sessions to revoke')
    .option('--client-id <id>', 'the application in Entra, if Key Vault does not name it')
    .option('--block-callers <app-id>', 'disable sign-in to the broker application, so that callers get no new tokens')
    .option('--unblock-callers <app-id>', 'enable sign-in for callers again, and do nothing else');
  addSignInOptions(addTargetOptions(addApplicationOption(command))).action(interruptible(revokeCredential));
}

async function revokeCredential(flags: RevokeFlags, signal: AbortSignal): Promise<void> {
  checkFlags(flags);
  if (flags.unblockCallers !== undefined && flags.dryRun) {
    const steps = [`Enable sign-in to the broker application ${flags.unblockCallers}`];
    print(flags.json, { dryRun: true, steps }, numbered('Steps:', steps));
    return;
  }
  const [{ openToolbox }, { operatorToken }] = await Promise.all([
    import('../sign-in/toolbox.ts'),
    import('../sign-in/operator.ts'),
  ]);
  const toolbox = await openToolbox(flags, signal);
  const token = await operatorToken(toolbox, flags, flags.verify ? verifyScopes : revokeScopes);
  const { client: graph, writer } = toolbox.graph(token);
  if (flags.unblockCallers !== undefined) {
    const { unblockCallers } = await import('../../operator/revoke/steps.ts');
    await unblockCallers(writer, flags.unblockCallers);
    print(flags.json, { unblocked: flags.unblockCallers }, ['Callers can sign in to the broker application again.']);
    return;
  }
  const { partnerTenantId, cloud } = toolbox.target;
  const deps = { ...toolbox, graph, writer, partnerTenantId, graphIdentifier: cloud.resources.graph };
  if (flags.verify) await verify(deps, flags, () => identityOf(toolbox.target, graph), signal);
  else await drill(deps, flags, signal);
}

function checkFlags(flags: RevokeFlags): void {
  const { verify: isVerify, dryRun, yes, blockCallers, unblockCallers } = flags;
  if (isVerify && (dryRun || yes || blockCallers !== undefined || unblockCallers !== undefined)) {
    throw new UsageError('--verify changes nothing. Do not combine it with an option that does, or with --dry-run.');
  }
  if (unblockCallers !== undefined) {
    if ([blockCallers, flags.account, flags.clientId].every((option) => option === undefined)) return;
    throw new UsageError('--unblock-callers does nothing else. Do not combine it with an option of the revocation.');
  }
  if (yes || dryRun || isVerify || isInteractive()) return;
  throw new UsageError(
    'There is no terminal to ask for confirmation. Give --yes to go ahead, or --dry-run to see the plan.',
  );
}

const optionsOf = ({ application, blockCallers, account, clientId }: RevokeFlags): RevokeOptions => ({
  application,
  callersApplicationId: blockCallers,
  account,
  clientId,
});

async function drill(deps: RevokeDeps, flags: RevokeFlags, signal: AbortSignal): Promise<void> {
  const [revocation, { otherApplications, stillUsable }] = await Promise.all([
    import('../../operator/revoke/revoke.ts'),
    import('../../operator/revoke/state.ts'),
  ]);
  const { application } = flags;
  const options = optionsOf(flags);
  const others = await otherApplications(deps, application);
  const usable = () => [...others, ...stillUsable(deps.clock.nowMs(), tuning.credentialRereadSeconds)];
  if (!flags.yes) {
    const texts = (await revocation.planRevocation(deps, options)).map(({ text }) => text);
    signal.throwIfAborted();
    if (flags.dryRun) {
      const lines = [...numbered('Steps:', texts), '', ...usable()];
      print(flags.json, { application, dryRun: true, steps: texts, stillUsable: usable() }, lines);
      return;
    }
    for (const line of numbered('Steps:', texts)) say(line);
    if (!(await confirm('The application will not work until it is set up again. Go ahead?'))) {
      throw new CommandOutcome(exitCodes.failure);
    }
  }
  const report = (result: RevokeResult): void => say(lineOf(result));
  const { results, proof, proven } = await revocation.revoke(deps, options, { report, signal });
  const document = { application, proven, results, proof, stillUsable: usable() };
  print(flags.json, document, [...proof.map(proofLine), '', ...usable(), ...nextSteps(flags, proven)]);
  if (!proven) throw new CommandOutcome(exitCodeFor(results, proof));
}

/** A command that finds the same account and application, which the vault may not name. */
function commandFor(words: string, { application, account, clientId }: RevokeFlags): string {
  const given = account === false ? ['--no-account'] : ['--account', account];
  const accountOption = account === undefined ? [] : given;
  const clientOption = clientId === undefined ? [] : ['--client-id', clientId];
  return ptbCommand([words, ...accountOption, ...clientOption].join(' '), application);
}

function nextSteps(flags: RevokeFlags, proven: boolean): readonly string[] {
  const { application } = flags;
  const [setup, consent] = ['setup', 'consent'].map((words) => ptbCommand(words, application));
  const [again, verifyLater] = ['revoke', 'revoke --verify'].map((words) => commandFor(words, flags));
  if (!proven) return [`This is not proven to be revoked. Correct what is named above, then run ${again} again.`];
  return [
    `In 95 minutes, run ${verifyLater}: an access token from before may have added a key until then.`,
    `Find out how the credential leaked. Then run ${setup} and ${consent}.`,
  ];
}

/** The managed identity that the settings name. */
async function identityOf(target: Target, graph: GraphClient): Promise<IdentityTrust | undefined> {
  const { managedIdentityClientId } = target;
  if (managedIdentityClientId === undefined) return undefined;
  const [{ identityTrust }, { findManagedIdentity }, { trustOptions }] = await Promise.all([
    import('../../lib/tokens/credential/identity-trust.ts'),
    import('../../operator/setup/vault-state.ts'),
    import('../sign-in/toolbox.ts'),
  ]);
  return identityTrust(trustOptions(target), await findManagedIdentity(graph, managedIdentityClientId));
}

async function verify(
  deps: RevokeDeps,
  flags: RevokeFlags,
  identity: () => Promise<IdentityTrust | undefined>,
  signal: AbortSignal,
): Promise<void> {
  const { verifyRevocation } = await import('../../operator/revoke/verify.ts');
  const proof = await verifyRevocation(deps, { ...optionsOf(flags), identity }, signal);
  const proven = proof.every((each) => each.proven);
  const { application } = flags;
  const again = commandFor('revoke', flags);
  const next = `If a key is named that nobody of yours added, run ${again} and treat it as a new incident.`;
  print(flags.json, { application, proven, proof }, [...proof.map(proofLine), ...(proven ? [] : [next])]);
  if (!proven) throw new CommandOutcome(exitCodeFor([], proof));
}

/** 5 if everything was done and only answers are missing, so that the command may be run again as it is. */
function exitCodeFor(results: readonly RevokeResult[], proof: readonly Proof[]): ExitCode {
  const failed = proof.filter(({ proven }) => !proven);
  const isInconclusive = failed.length > 0 && failed.every(({ inconclusive }) => inconclusive);
  return isInconclusive && results.every(({ done }) => done) ? exitCodes.remote : exitCodes.failure;
}

const lineOf = ({ step, done, detail }: RevokeResult): string =>
  done ? `done    ${step}` : `FAILED  ${step}: ${detail}`;

const proofLine = ({ item, proven, detail }: Proof): string => `${proven ? 'proven ' : 'OPEN   '} ${item}: ${detail}`;

const numbered = (title: string, texts: readonly string[]): string[] => [
  texts.length === 0 ? 'There is nothing to revoke.' : title,
  ...texts.map((text, at) => `  ${at + 1}. ${text}`),
];
