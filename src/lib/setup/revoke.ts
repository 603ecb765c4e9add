import { isoTime } from '../runtime/clock.ts';
import type { StoredRefreshToken } from '../model/credential.ts';
import { BrokerError, toBrokerError } from '../model/errors.ts';
import {
  callerSteps,
  failing,
  keySteps,
  type RevokeDeps,
  type RevokeResult,
  type RevokeStep,
  sessionStep,
  trustSteps,
  versionSteps,
  type VersionsInVault,
} from './revoke-steps.ts';

export interface RevokeOptions {
  readonly application: string;
  /** Client id of the application that callers ask tokens for; absent: callers are left alone. */
  readonly callersApplicationId?: string | undefined;
  /** The service account, where the vault cannot be asked who it is. */
  readonly account?: string | undefined;
}

/** Access tokens live 60 to 90 minutes and cannot be called back ("Access tokens", token lifetime). */
const longestAccessTokenMs = 90 * 60_000;

/**
 * What the drill for a leaked credential does, in the order of doing: first what stops the leaked token itself, then
 * what could make a new one, then our own copies, then the callers. Reads, changes nothing; what cannot be read is a
 * step that fails.
 * @throws BrokerError key_vault_unavailable when neither the vault nor the operator says whose token it is.
 */
export async function planRevocation(deps: RevokeDeps, options: RevokeOptions): Promise<readonly RevokeStep[]> {
  const { application } = options;
  const stored = await whatIsStored(deps, options);
  const versions = await versionsInVault(deps, application);
  return [
    ...sessionSteps(deps, options, stored, versions),
    ...(await applicationSteps(deps, stored, versions)),
    ...(versions instanceof BrokerError
      ? [failing('Disable the versions in Key Vault', versions)]
      : versionSteps(deps, application, versions)),
    ...callerSteps(deps, options.callersApplicationId),
  ];
}

interface Stored {
  /** The application, or why the vault does not say which one it is. */
  readonly clientId: string | BrokerError;
  readonly refreshToken: StoredRefreshToken | undefined;
}

async function whatIsStored({ store }: RevokeDeps, { application, account }: RevokeOptions): Promise<Stored> {
  try {
    const { client, refreshToken } = await store.load(application);
    return { clientId: client.clientId, refreshToken };
  } catch (thrown) {
    const clientId = toBrokerError(thrown);
    try {
      // A client credential that is gone or unreadable hides neither the account nor that its token is out there.
      return { clientId, refreshToken: await store.loadRefreshToken(application) };
    } catch {
      // With the account named, the most urgent step needs no vault.
      if (account === undefined) throw clientId;
      return { clientId, refreshToken: undefined };
    }
  }
}

async function versionsInVault({ store }: RevokeDeps, application: string): Promise<VersionsInVault | BrokerError> {
  try {
    const refreshToken = await store.listRefreshTokenVersions(application);
    return { refreshToken, client: await store.listClientCredentialVersions(application) };
  } catch (thrown) {
    return toBrokerError(thrown);
  }
}

function sessionSteps(
  deps: RevokeDeps,
  options: RevokeOptions,
  { refreshToken }: Stored,
  versions: VersionsInVault | BrokerError,
): RevokeStep[] {
  // A token that somebody stored by hand has an empty account.
  const account = options.account ?? (refreshToken?.account || undefined);
  if (account !== undefined) return [sessionStep(deps, account, refreshToken)];
  // Nobody signed in yet, or a drill before this one did all there was to do.
  const nothingToEnd =
    !(versions instanceof BrokerError) && (versions.refreshToken.length === 0 || !anyEnabled(versions));
  if (nothingToEnd) return [];
  const detail = 'Key Vault does not say which account it is; give --account.';
  return [failing('Revoke all sessions of the service account', new BrokerError('request_invalid', detail))];
}

async function applicationSteps(
  deps: RevokeDeps,
  { clientId }: Stored,
  versions: VersionsInVault | BrokerError,
): Promise<RevokeStep[]> {
  if (clientId instanceof BrokerError) {
    const nothingToRemove = !(versions instanceof BrokerError) && !versions.client.some(({ enabled }) => enabled);
    return nothingToRemove ? [] : [failing('Remove the client credentials from the application', clientId)];
  }
  const keys = 'Remove the client secrets and certificates from the application';
  const trusts = 'Remove the federated credentials from the application';
  return [
    ...(await keySteps(deps, clientId).catch((thrown: unknown) => [failing(keys, toBrokerError(thrown))])),
    ...(await trustSteps(deps, clientId).catch((thrown: unknown) => [failing(trusts, toBrokerError(thrown))])),
  ];
}

const anyEnabled = ({ refreshToken, client }: VersionsInVault): boolean =>
  [...refreshToken, ...client].some(({ enabled }) => enabled);

/**
 * Runs the plan to its end, or until the signal is aborted.
 * @returns what became of the steps that were begun.
 */
export async function revoke(
  steps: readonly RevokeStep[],
  report: (result: RevokeResult) => void = () => undefined,
  signal?: AbortSignal,
): Promise<readonly RevokeResult[]> {
  const results: RevokeResult[] = [];
  for (const step of steps) {
    if (signal?.aborted) break;
    const result = await step.run(results).then(
      (): RevokeResult => ({ step: step.text, done: true }),
      (thrown: unknown): RevokeResult => {
        const { code, detail } = toBrokerError(thrown);
        const interrupted = signal?.aborted && thrown === signal.reason;
        return {
          step: step.text,
          done: false,
          code,
          detail: interrupted ? 'Interrupted; run the drill again.' : detail,
        };
      },
    );
    results.push(result);
    report(result);
  }
  return results;
}

/** What a revocation leaves alone: the further applications of the vault, or that it does not say which. */
export async function otherApplications(
  { store }: Pick<RevokeDeps, 'store'>,
  application: string,
): Promise<readonly string[]> {
  try {
    return (await store.listApplications())
      .filter((name) => name !== application)
      .map(
        (name) =>
          `The application ${name} keeps its client credential and its versions in Key Vault: ptb revoke --application ${name}`,
      );
  } catch (thrown) {
    return [`Whether other applications work on is not known: ${toBrokerError(thrown).detail}`];
  }
}

/** What works on after a revocation, and until when: told, because nobody can take it away. */
export function stillUsable(nowMs: number, rereadSeconds: number): readonly string[] {
  const until = isoTime(nowMs + longestAccessTokenMs);
  return [
    `Access tokens that were issued before work until they end, at the latest at ${until}; Entra cannot call them back.`,
    `Running instances hold the old credential in memory for up to ${Math.ceil(rereadSeconds / 60)} minutes, but Entra refuses it.`,
    `Tokens of callers for the broker work until ${until}; take the rules out of the access policy to stop them within 30 seconds.`,
    'Backups of the vault keep the old values; they are worth nothing once the sessions and client credentials are gone.',
  ];
}
