import type { Command } from 'commander';
import type { RenewalDeps } from '../../lib/tokens/credential/superseded-keys.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';
import type { TargetOptions } from '../sign-in/target.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import type { SignInOptions } from '../sign-in/operator.ts';
import { print, say } from '../sign-in/output.ts';
import { addApplicationOption, addTargetOptions, addSignInOptions } from '../sign-in/target-options.ts';
import type { Toolbox } from '../sign-in/toolbox.ts';

interface RotateFlags extends TargetOptions, SignInOptions {
  readonly application: string;
  readonly clientCredential?: true;
  readonly json?: true;
}

/** `ptb rotate`: does what the daily timer does. */
export function registerRotate(program: Command): void {
  const command = program
    .command('rotate')
    .description('Replace the stored refresh token, or the client credential, with a new one that was tested.')
    .option('--client-credential', "renew the application's client secret or certificate instead");
  addSignInOptions(addTargetOptions(addApplicationOption(command))).action(interruptible(rotate));
}

async function rotate(flags: RotateFlags, signal: AbortSignal): Promise<void> {
  const [{ openToolbox }, { withUsableClient }] = await Promise.all([
    import('../sign-in/toolbox.ts'),
    import('../sign-in/usable-client.ts'),
  ]);
  const toolbox = await openToolbox(flags, signal);
  // A managed identity needs no renewal, so --client-credential needs no temporary secret.
  await (flags.clientCredential
    ? rotateClientCredential(toolbox, flags)
    : withUsableClient(toolbox, flags, (usable) => rotateToken(usable, flags)));
}

async function rotateToken(toolbox: Toolbox, flags: RotateFlags): Promise<void> {
  const [{ rotateRefreshToken }, { stderrLogger }] = await Promise.all([
    import('../../lib/tokens/credential/rotate.ts'),
    import('../sign-in/stderr-logger.ts'),
  ]);
  const rotation = await rotateRefreshToken(
    { ...toolbox, canaryResource: toolbox.target.cloud.resources.graph, log: stderrLogger },
    flags.application,
  );
  const { obtainedAtMs, expiresAtMs, ...rest } = rotation;
  const expiresAt = new Date(expiresAtMs).toISOString();
  print(flags.json, { ...rest, obtainedAt: new Date(obtainedAtMs).toISOString(), expiresAt }, [
    `The refresh token of ${rotation.account} was rotated. It expires on ${expiresAt.slice(0, 10)} unless it is rotated again.`,
    `Versions in Key Vault: ${rotation.versions}. Disabled by this rotation: ${rotation.disabledVersions}.`,
  ]);
}

async function rotateClientCredential(toolbox: Toolbox, flags: RotateFlags): Promise<void> {
  const [{ renewClientCredential }, { createCertificate }, { stderrLogger }] = await Promise.all([
    import('../../lib/tokens/credential/renew-client-credential.ts'),
    import('../../lib/tokens/credential/client-certificate.ts'),
    import('../sign-in/stderr-logger.ts'),
  ]);
  const deps: RenewalDeps = {
    ...toolbox,
    createCertificate,
    graphIdentifier: toolbox.target.cloud.resources.graph,
    log: stderrLogger,
    graphOf: (token) => {
      const { client: graph, writer } = toolbox.graph(token);
      return { graph, writer };
    },
  };
  say('Renewing the client credential. The old one stays valid until the daily timer removes it …');
  const renewal = await renewClientCredential(deps, flags.application, true);
  const { endsAtMs, ...rest } = renewal;
  const endsAt = endsAtMs === undefined ? undefined : new Date(endsAtMs).toISOString();
  print(flags.json, { ...rest, ...(endsAt === undefined ? {} : { endsAt }) }, [
    renewal.renewed
      ? `The client ${renewal.kind} was renewed and expires on ${endsAt?.slice(0, 10)}. Older ones removed: ${renewal.removed}.`
      : `${renewal.refused ? 'Not renewed' : 'Nothing to renew'}: ${renewal.reason}`,
  ]);
  if (renewal.refused) throw new CommandOutcome(exitCodes.failure);
}
