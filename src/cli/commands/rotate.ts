import type { Command } from 'commander';
import type { RenewalDeps } from '../../lib/credential/renew-client-credential.ts';
import { exitCodes } from '../exit-codes.ts';
import { CommandOutcome } from '../run-program.ts';
import type { PlaceOptions } from '../sign-in/target.ts';
import { interruptible } from '../sign-in/interruptible.ts';
import type { SignInOptions } from '../sign-in/operator.ts';
import { print, say } from '../sign-in/output.ts';
import { addApplicationOption, addPlaceOptions, addSignInOptions } from '../sign-in/target-options.ts';
import type { Toolbox } from '../sign-in/toolbox.ts';

interface RotateFlags extends PlaceOptions, SignInOptions {
  readonly application: string;
  readonly clientCredential?: true;
  readonly json?: true;
}

/** `ptb rotate`: what the daily timer does, now. */
export function registerRotate(program: Command): void {
  const command = program
    .command('rotate')
    .description('Replace the stored refresh token, or the client credential, by a fresh one that is proven to work.')
    .option('--client-credential', "renew the application's client secret or certificate instead");
  addSignInOptions(addPlaceOptions(addApplicationOption(command))).action(interruptible(rotate));
}

async function rotate(flags: RotateFlags, signal: AbortSignal): Promise<void> {
  const [{ openToolbox }, { withUsableClient }] = await Promise.all([
    import('../sign-in/toolbox.ts'),
    import('../sign-in/usable-client.ts'),
  ]);
  const toolbox = await openToolbox(flags, signal);
  // A managed identity has nothing to renew, so nothing is lent for that.
  await (flags.clientCredential
    ? rotateClientCredential(toolbox, flags)
    : withUsableClient(toolbox, flags, (usable) => rotateToken(usable, flags)));
}

async function rotateToken(toolbox: Toolbox, flags: RotateFlags): Promise<void> {
  const [{ rotateRefreshToken }, { stderrLogger }] = await Promise.all([
    import('../../lib/credential/rotate.ts'),
    import('../sign-in/stderr-logger.ts'),
  ]);
  const rotation = await rotateRefreshToken(
    { ...toolbox, canaryResource: toolbox.place.cloud.resources.graph, log: stderrLogger },
    flags.application,
  );
  const { obtainedAtMs, expiresAtMs, ...rest } = rotation;
  const expiresAt = new Date(expiresAtMs).toISOString();
  print(flags.json, { ...rest, obtainedAt: new Date(obtainedAtMs).toISOString(), expiresAt }, [
    `The refresh token of ${rotation.account} is rotated; it ends on ${expiresAt.slice(0, 10)} unless it is rotated again.`,
    `${rotation.versions} versions in Key Vault, ${rotation.disabledVersions} of them disabled just now.`,
  ]);
}

async function rotateClientCredential(toolbox: Toolbox, flags: RotateFlags): Promise<void> {
  const [{ renewClientCredential }, { createCertificate }, { stderrLogger }] = await Promise.all([
    import('../../lib/credential/renew-client-credential.ts'),
    import('../../lib/credential/create-certificate.ts'),
    import('../sign-in/stderr-logger.ts'),
  ]);
  const deps: RenewalDeps = {
    ...toolbox,
    createCertificate,
    graphIdentifier: toolbox.place.cloud.resources.graph,
    log: stderrLogger,
    graphOf: (token) => {
      const { client: graph, writer } = toolbox.graph(token);
      return { graph, writer };
    },
  };
  say('Renewing the client credential; the old one is removed about a minute after the new one works …');
  const renewal = await renewClientCredential(deps, flags.application, true);
  const { endsAtMs, ...rest } = renewal;
  const endsAt = endsAtMs === undefined ? undefined : new Date(endsAtMs).toISOString();
  print(flags.json, { ...rest, ...(endsAt === undefined ? {} : { endsAt }) }, [
    renewal.renewed
      ? `The client ${renewal.kind} is renewed and ends on ${endsAt?.slice(0, 10)}; ${renewal.removed} older one(s) removed.`
      : `${renewal.refused ? 'Not renewed' : 'Nothing to renew'}: ${renewal.reason}`,
  ]);
  if (renewal.refused) throw new CommandOutcome(exitCodes.failure);
}
