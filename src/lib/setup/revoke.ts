import { minuteMs } from '../model/durations.ts';
import { isoTime } from '../runtime/clock.ts';
import type { StoredRefreshToken } from '../model/credential.ts';
import { BrokerError, toBrokerError } from '../model/errors.ts';
import {
  callerSteps,
  failingStep,
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
  /** Client id of the application that callers request tokens for. Absent: callers are not blocked. */
  readonly callersApplicationId?: string | undefined;
  /** The service account, if the vault does not answer. */
  readonly account?: string | undefined;
}

/** Access tokens are valid for 60 to 90 minutes and cannot be revoked ("Access tokens", token lifetime). */
const longestAccessTokenMs = 90 * minuteMs;

/**
 * Plans the revocation of a leaked credential, in order: the sessions, which ends the leaked token; the client credentials,
 * which could redeem another one; the copies in the vault; the callers. Changes nothing. A part that cannot be read becomes
 * a step that fails.
 * @throws BrokerError key_vault_unavailable when neither the vault nor the operator names the account.
 */
export async function planRevocation(deps: RevokeDeps, options: RevokeOptions): Promise<readonly RevokeStep[]> {
  const { application } = options;
  const stored = await readStored(deps, options);
  const versions = await readVersions(deps, application);
  return [
    ...sessionSteps(deps, options, stored, versions),
    ...(await applicationSteps(deps, stored, versions)),
    ...(versions instanceof BrokerError
      ? [failingStep('Disable the versions in Key Vault', versions)]
      : versionSteps(deps, application, versions)),
    ...callerSteps(deps, options.callersApplicationId),
  ];
}

interface Stored {
  /** The client id, or why it could not be read. */
  readonly clientId: string | BrokerError;
  readonly refreshToken: StoredRefreshToken | undefined;
}

async function readStored({ store }: RevokeDeps, { application, account }: RevokeOptions): Promise<Stored> {
  try {
    const { client, refreshToken } = await store.load(application);
    return { clientId: client.clientId, refreshToken };
  } catch (thrown) {
    const clientId = toBrokerError(thrown);
    try {
      // Without the client credential, the account can still be read from the refresh token.
      return { clientId, refreshToken: await store.loadRefreshToken(application) };
    } catch {
      // If the operator gave the account, the most urgent step does not need the vault.
      if (account === undefined) throw clientId;
      return { clientId, refreshToken: undefined };
    }
  }
}

async function readVersions({ store }: RevokeDeps, application: string): Promise<VersionsInVault | BrokerError> {
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
  // A token that was stored by hand has an empty account.
  const account = options.account ?? (refreshToken?.account || undefined);
  if (account !== undefined) return [sessionStep(deps, account, refreshToken)];
  // Nobody has signed in yet, or an earlier revocation did everything.
  const nothingToEnd =
    !(versions instanceof BrokerError) && (versions.refreshToken.length === 0 || !anyEnabled(versions));
  if (nothingToEnd) return [];
  const detail = 'Key Vault does not name the account. Give --account.';
  return [failingStep('Revoke all sessions of the service account', new BrokerError('request_invalid', detail))];
}

async function applicationSteps(
  deps: RevokeDeps,
  { clientId }: Stored,
  versions: VersionsInVault | BrokerError,
): Promise<RevokeStep[]> {
  if (clientId instanceof BrokerError) {
    const nothingToRemove = !(versions instanceof BrokerError) && !versions.client.some(({ enabled }) => enabled);
    return nothingToRemove ? [] : [failingStep('Remove the client credentials from the application', clientId)];
  }
  const keys = 'Remove the client secrets and certificates from the application';
  const trusts = 'Remove the federated credentials from the application';
  return [
    ...(await keySteps(deps, clientId).catch((thrown: unknown) => [failingStep(keys, toBrokerError(thrown))])),
    ...(await trustSteps(deps, clientId).catch((thrown: unknown) => [failingStep(trusts, toBrokerError(thrown))])),
  ];
}

const anyEnabled = ({ refreshToken, client }: VersionsInVault): boolean =>
  [...refreshToken, ...client].some(({ enabled }) => enabled);

/**
 * Runs all steps, or those before the signal is aborted.
 * @returns the results of the steps that were started.
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
          detail: interrupted ? 'Interrupted. Run the command again.' : detail,
        };
      },
    );
    results.push(result);
    report(result);
  }
  return results;
}

/** Names the other applications in the vault, which the revocation does not change. */
export async function otherApplications(
  { store }: Pick<RevokeDeps, 'store'>,
  application: string,
): Promise<readonly string[]> {
  try {
    return (await store.listApplications())
      .filter((name) => name !== application)
      .map(
        (name) =>
          `The application ${name} keeps its client credential and its versions in Key Vault. To revoke them: ptb revoke --application ${name}`,
      );
  } catch (thrown) {
    return [`The other applications in the vault could not be listed: ${toBrokerError(thrown).detail}`];
  }
}

/** Lists what remains usable after a revocation, and until when, because it cannot be revoked. */
export function stillUsable(nowMs: number, rereadSeconds: number): readonly string[] {
  const until = isoTime(nowMs + longestAccessTokenMs);
  return [
    `Access tokens that were issued earlier work until they expire, at the latest at ${until}. Entra cannot revoke them.`,
    `Running instances hold the old credential in memory for up to ${Math.ceil(rereadSeconds / 60)} minutes, but Entra rejects it.`,
    `Tokens of callers for the broker work until ${until}. Remove the rules from the access policy to stop the callers within 30 seconds.`,
    'Backups of the vault keep the old values, which are useless once the sessions and client credentials are revoked.',
  ];
}
