import type { Clock } from '../runtime/clock.ts';
import type { CredentialStore, StoredVersion } from '../credential/credential-store.ts';
import { applicationPath } from '../credential/client-keys.ts';
import { removeClientSecret } from '../credential/client-secret.ts';
import type { StoredRefreshToken } from '../model/credential.ts';
import { BrokerError, type ErrorCode } from '../model/errors.ts';
import type { GraphClient } from '../graph/client.ts';
import { objectsIn, textOf } from '../graph/reply.ts';
import type { GraphWriter } from '../graph/write.ts';

export interface RevokeDeps {
  /** Microsoft Graph with the token of the operator. */
  readonly graph: GraphClient;
  readonly writer: GraphWriter;
  readonly store: CredentialStore;
  readonly clock: Clock;
}

/** One step of a revocation. Every step is tried, even if others fail. */
export interface RevokeStep {
  readonly text: string;
  /** @param earlier the results of the steps before it. */
  run(earlier: readonly RevokeResult[]): Promise<void>;
}

export interface RevokeResult {
  readonly step: string;
  readonly done: boolean;
  readonly code?: ErrorCode;
  readonly detail?: string;
}

/** The versions of both secrets of an application. */
export interface VersionsInVault {
  readonly refreshToken: readonly StoredVersion[];
  readonly client: readonly StoredVersion[];
}

/** A step that fails, for a part that could not be read. It shows in the results that this part is left to do. */
export const failingStep = (text: string, failure: BrokerError): RevokeStep => ({
  text,
  run: () => Promise.reject(failure),
});

export function sessionStep(
  { writer }: RevokeDeps,
  account: string,
  stored: StoredRefreshToken | undefined,
): RevokeStep {
  // The object id stays the same when the account is renamed.
  const user = stored !== undefined && stored.account === account ? stored.accountObjectId || account : account;
  return {
    text: `Revoke all sessions of ${account}, which ends every refresh token of the account, for every application`,
    run: async () => void (await writer.post(`/users/${user}/revokeSignInSessions`, {})),
  };
}

/** Removes the client secrets and certificates of the application. @throws BrokerError from Graph. */
export async function keySteps({ graph, writer }: RevokeDeps, clientId: string): Promise<RevokeStep[]> {
  const path = applicationPath(clientId);
  const application = await graph.find(`${path}?$select=id,passwordCredentials,keyCredentials`);
  const secretIds = objectsIn(application?.['passwordCredentials']).flatMap((secret) => textOf(secret, 'keyId') ?? []);
  const keys = objectsIn(application?.['keyCredentials']);
  return [
    ...secretIds.map((keyId) => ({
      text: `Remove the client secret ${keyId} from the application`,
      run: () => removeClientSecret(writer, path, keyId),
    })),
    ...(keys.length === 0
      ? []
      : [
          {
            text: `Remove ${keys.length} certificate(s) from the application`,
            run: () => writer.patch(path, { keyCredentials: [] }),
          },
        ]),
  ];
}

/** Removes the federated credentials of the application. @throws BrokerError from Graph. */
export async function trustSteps({ graph, writer }: RevokeDeps, clientId: string): Promise<RevokeStep[]> {
  const path = applicationPath(clientId);
  const application = await graph.find(`${path}?$select=id`);
  if (application === undefined) return [];
  const trusts: string[] = [];
  for await (const trust of graph.list(`/applications/${textOf(application, 'id')}/federatedIdentityCredentials`)) {
    trusts.push(textOf(trust, 'id') ?? '');
  }
  return trusts.map((id) => ({
    text: `Remove the federated credential ${id} from the application`,
    run: () => writer.remove(`${path}/federatedIdentityCredentials/${id}`),
  }));
}

/** Disables the versions in Key Vault, those of the refresh token first. */
export function versionSteps({ store }: RevokeDeps, application: string, versions: VersionsInVault): RevokeStep[] {
  const disable = async (listed: readonly StoredVersion[], one: (version: string) => Promise<void>) => {
    // Oldest first: after an interruption the newest is left, and the next run disables it.
    for (const { version } of listed.toReversed()) await one(version);
  };
  const refreshTokens = versions.refreshToken.filter(({ enabled }) => enabled);
  const clients = versions.client.filter(({ enabled }) => enabled);
  const steps: RevokeStep[] = [];
  if (refreshTokens.length > 0) {
    steps.push({
      text: `Disable ${refreshTokens.length} version(s) of the refresh token in Key Vault`,
      run: () => disable(refreshTokens, (version) => store.disableRefreshTokenVersion(application, version)),
    });
  }
  if (clients.length > 0) {
    steps.push({
      text: `Disable ${clients.length} version(s) of the client credential in Key Vault`,
      run: async (earlier) => {
        // Only the vault knows the client id, which the next run needs if a step in Entra failed.
        if (earlier.some(({ done }) => !done)) {
          throw new BrokerError('internal', 'Not done, because an earlier step failed. Run the command again.');
        }
        await disable(clients, (version) => store.disableClientCredentialVersion(application, version));
      },
    });
  }
  return steps;
}

export function callerSteps({ writer }: RevokeDeps, appId: string | undefined): RevokeStep[] {
  if (appId === undefined) return [];
  return [
    {
      text: `Disable sign-in to the broker application ${appId}, so that no caller gets a new token for it`,
      run: () => writer.patch(`/servicePrincipals(appId='${appId}')`, { accountEnabled: false }),
    },
  ];
}

/** Enables sign-in for callers again after a revocation. */
export const unblockCallers = (writer: GraphWriter, appId: string): Promise<void> =>
  writer.patch(`/servicePrincipals(appId='${appId}')`, { accountEnabled: true });
