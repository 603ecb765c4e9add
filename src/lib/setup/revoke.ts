import { type Clock, isoTime } from '../clock.ts';
import type { CredentialStore, StoredVersion } from '../credential/credential-store.ts';
import type { StoredRefreshToken } from '../credential/credential.ts';
import { BrokerError, type ErrorCode, toBrokerError } from '../errors.ts';
import type { GraphClient } from '../graph/client.ts';
import { isJsonObject, type JsonObject, textOf } from '../graph/reply.ts';
import type { GraphWriter } from '../graph/write.ts';
import { removeClientSecret } from '../credential/client-secret.ts';

export interface RevokeDeps {
  /** Microsoft Graph with the token of the operator. */
  readonly graph: GraphClient;
  readonly writer: GraphWriter;
  readonly store: CredentialStore;
  readonly clock: Clock;
}

export interface RevokeOptions {
  readonly application: string;
  /** Client id of the application that callers ask tokens for; absent: callers are left alone. */
  readonly callersApplicationId?: string | undefined;
  /** The service account, where the vault cannot be asked who it is. */
  readonly account?: string | undefined;
}

/** One thing to take away. All of them are tried, whatever becomes of the others. */
export interface RevokeStep {
  readonly text: string;
  /** @param soFar what became of the steps before it. */
  run(soFar: readonly RevokeResult[]): Promise<void>;
}

export interface RevokeResult {
  readonly step: string;
  readonly done: boolean;
  readonly code?: ErrorCode;
  readonly detail?: string;
}

/** Access tokens live 60 to 90 minutes and cannot be called back ("Access tokens", token lifetime). */
const longestAccessTokenMs = 90 * 60_000;

/**
 * What the drill for a leaked credential does, in the order of doing: first what stops the leaked token itself, then
 * what could make a new one, then our own copies, then the callers. Reads, changes nothing.
 */
export async function planRevocation(deps: RevokeDeps, options: RevokeOptions): Promise<readonly RevokeStep[]> {
  const { application } = options;
  const known = await deps.store.load(application).catch((thrown: unknown) => {
    // With the account named, the most urgent step needs no vault.
    if (toBrokerError(thrown).code === 'credential_missing' || options.account !== undefined) return undefined;
    throw thrown;
  });
  const account = options.account ?? known?.refreshToken?.account;
  return [
    ...(account === undefined ? [] : [sessionStep(deps, account, known?.refreshToken)]),
    ...(known === undefined ? [] : await credentialSteps(deps, known.client.clientId)),
    ...(await versionSteps(deps, application).catch(unreachableVault)),
    ...callerSteps(deps, options.callersApplicationId),
  ];
}

/** A vault that does not answer is a step that fails, so that the drill says what is left to be done. */
const unreachableVault = (thrown: unknown): RevokeStep[] => [
  { text: 'Disable the versions in Key Vault', run: () => Promise.reject(toBrokerError(thrown)) },
];

/** Runs the plan to its end. */
export async function revoke(
  steps: readonly RevokeStep[],
  report: (result: RevokeResult) => void = () => undefined,
): Promise<readonly RevokeResult[]> {
  const results: RevokeResult[] = [];
  for (const step of steps) {
    const result = await step.run(results).then(
      (): RevokeResult => ({ step: step.text, done: true }),
      (thrown: unknown): RevokeResult => {
        const { code, detail } = toBrokerError(thrown);
        return { step: step.text, done: false, code, detail };
      },
    );
    results.push(result);
    report(result);
  }
  return results;
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

function sessionStep({ writer }: RevokeDeps, account: string, stored: StoredRefreshToken | undefined): RevokeStep {
  // The object id survives a rename of the account.
  const user = stored !== undefined && stored.account === account ? stored.accountObjectId || account : account;
  return {
    text: `Revoke all sessions of ${account}, which ends every refresh token of the account, for every application`,
    run: async () => void (await writer.post(`/users/${user}/revokeSignInSessions`, {})),
  };
}

async function credentialSteps({ graph, writer }: RevokeDeps, clientId: string): Promise<RevokeStep[]> {
  const path = `/applications(appId='${clientId}')`;
  const application = await graph.find(`${path}?$select=id,passwordCredentials,keyCredentials`);
  if (application === undefined) return [];
  const secretIds = objects(application['passwordCredentials']).flatMap((secret) => textOf(secret, 'keyId') ?? []);
  const keys = objects(application['keyCredentials']);
  const trusts: string[] = [];
  for await (const trust of graph.list(`/applications/${textOf(application, 'id')}/federatedIdentityCredentials`)) {
    trusts.push(textOf(trust, 'id') ?? '');
  }
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
    ...trusts.map((id) => ({
      text: `Remove the federated credential ${id} from the application`,
      run: () => writer.remove(`${path}/federatedIdentityCredentials/${id}`),
    })),
  ];
}

const clientCredential = 'client credential';

async function versionSteps({ store }: RevokeDeps, application: string): Promise<RevokeStep[]> {
  const step = (
    what: string,
    versions: readonly StoredVersion[],
    disable: (version: string) => Promise<void>,
  ): RevokeStep[] => {
    const enabled = versions.filter((version) => version.enabled);
    if (enabled.length === 0) return [];
    return [
      {
        text: `Disable ${enabled.length} version(s) of the ${what} in Key Vault`,
        // Oldest first: interrupted, the newest is the one that is left, and the next run sees to it.
        run: async (soFar) => {
          // The vault is what knows the application: it must, until Entra has taken everything away from it.
          if (what === clientCredential && soFar.some(({ done }) => !done)) {
            throw new BrokerError('internal', 'Left for now, because a step before it failed; run the drill again.');
          }
          for (const { version } of enabled.toReversed()) await disable(version);
        },
      },
    ];
  };
  return [
    ...step('refresh token', await store.listRefreshTokenVersions(application), (version) =>
      store.disableRefreshTokenVersion(application, version),
    ),
    ...step(clientCredential, await store.listClientCredentialVersions(application), (version) =>
      store.disableClientCredentialVersion(application, version),
    ),
  ];
}

function callerSteps({ writer }: RevokeDeps, appId: string | undefined): RevokeStep[] {
  if (appId === undefined) return [];
  return [
    {
      text: `Disable sign-in to the broker application ${appId}, so that no caller gets a new token for it`,
      run: () => writer.patch(`/servicePrincipals(appId='${appId}')`, { accountEnabled: false }),
    },
  ];
}

/** Lets callers in again after a revocation. */
export const unblockCallers = (writer: GraphWriter, appId: string): Promise<void> =>
  writer.patch(`/servicePrincipals(appId='${appId}')`, { accountEnabled: true });

const objects = (value: unknown): readonly JsonObject[] => (Array.isArray(value) ? value.filter(isJsonObject) : []);
