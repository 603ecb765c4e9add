import { describeKey } from '../../lib/tokens/credential/registered-keys.ts';
import type { ApplicationInventory, InventoryVersion } from '../../lib/tokens/credential/vault-inventory.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { graphStatus, type GraphWriter } from '../../lib/microsoft/graph.ts';
import { readRegistration } from './read-state.ts';
import {
  type EntraKey,
  isMissing,
  type Registration,
  type RevocationState,
  type RevokeDeps,
  type RevokeOptions,
} from './revoke-state.ts';
import { sessionSteps } from './revoke-sessions.ts';
import { failingStep, type RevokeStep } from './revoke-step.ts';
import { proveMissing } from './refusals.ts';

const forKeys = 'Sign in as an Application Administrator or Cloud Application Administrator.';
/**
 * Plans the steps that lead from this state to one in which nothing redeems. In order: the application's ownership of
 * itself, by which a token from before the revocation could add a key; the sessions, which ends the leaked refresh token;
 * the keys, which could redeem another one; the copies in the vault. A part that cannot be read becomes a step that fails.
 */
export function planSteps(deps: RevokeDeps, options: RevokeOptions, state: RevocationState): readonly RevokeStep[] {
  const { vault, registrations } = state;
  return [
    ...registrations.flatMap((registration) => ownershipSteps(deps, registration)),
    ...sessionSteps(deps, options, state),
    ...registrations.flatMap((registration) => keySteps(deps, registration)),
    ...(registrations.length > 0 ? [] : [failingStep('Remove the keys from the application', noClientId)]),
    ...(vault instanceof BrokerError
      ? [failingStep('Disable the versions in Key Vault', vault)]
      : versionSteps(deps, options.application, vault)),
  ];
}

const noClientId = new BrokerError('request_invalid', 'Key Vault does not name the application. Give --client-id.');

function ownershipSteps({ writer }: RevokeDeps, { clientId, ownReference }: Registration): RevokeStep[] {
  if (ownReference === undefined) return [];
  const text = `Take away the ownership that the application ${clientId} has of itself, so that its tokens cannot add keys`;
  if (ownReference instanceof BrokerError) return [failingStep(text, ownReference, 'first')];
  return [{ text, phase: 'first', needs: forKeys, run: () => writer.remove(ownReference) }];
}

function keySteps(deps: RevokeDeps, registration: Registration): RevokeStep[] {
  const { clientId, keys, federated } = registration;
  const isUnreadable = keys instanceof BrokerError && keys === federated;
  if (isUnreadable) {
    const step = failingStep(`Remove the keys from the application ${clientId}`, keys);
    return [isMissing(keys) ? { ...step, isUnread: true, run: () => expectMissing(deps, registration) } : step];
  }
  return [
    ...(keys instanceof BrokerError
      ? [failingStep(`Remove the client secrets and certificates from the application ${clientId}`, keys)]
      : removalSteps(deps, registration, keys)),
    ...(federated instanceof BrokerError
      ? [failingStep(`Remove the federated credentials from the application ${clientId}`, federated)]
      : removalSteps(deps, registration, federated)),
  ];
}

/** An application that was deleted permanently has no keys. @throws BrokerError job_failed if that is not proven. */
async function expectMissing(deps: RevokeDeps, registration: Registration): Promise<void> {
  const { proven, detail } = await proveMissing(deps, registration);
  if (!proven) throw new BrokerError('job_failed', detail);
}

function removalSteps(deps: RevokeDeps, { clientId }: Registration, keys: readonly EntraKey[]): RevokeStep[] {
  const { writer } = deps;
  return keys.map((key) => ({
    text: `Remove the ${key.kind} ${describeKey(key)} from the application ${clientId}`,
    phase: 'second',
    needs: forKeys,
    run: async () => {
      try {
        if (key.kind === 'client secret') await writer.post(`${key.holder}/removePassword`, { keyId: key.id });
        else if (key.kind === 'certificate') await writer.patch(key.holder, { keyCredentials: [] });
        else await writer.remove(`${key.holder}/federatedIdentityCredentials/${key.id}`);
      } catch (thrown) {
        // Graph answers so for a key that somebody else has removed. Only the list tells.
        const status = graphStatus(thrown);
        if ((status !== 400 && status !== 404) || (await isListed(deps, clientId, key))) throw thrown;
      }
    },
  }));
}

async function isListed(deps: RevokeDeps, clientId: string, { kind, id }: EntraKey): Promise<boolean> {
  const { keys, federated } = await readRegistration(deps, clientId);
  const listed = kind === 'federated credential' ? federated : keys;
  return listed instanceof BrokerError || listed.some((key) => key.id === id);
}

/** Disables the versions in Key Vault, those of the refresh token first. */
function versionSteps({ store }: RevokeDeps, application: string, vault: ApplicationInventory): RevokeStep[] {
  const disableAll = (
    part: string,
    listed: readonly InventoryVersion[],
    disable: (application: string, version: string) => Promise<void>,
  ): RevokeStep[] => {
    const enabled = listed.filter((version) => version.enabled);
    if (enabled.length === 0) return [];
    return [
      {
        text: `Disable ${enabled.length} version(s) of the ${part} in Key Vault`,
        phase: 'second',
        run: async () => {
          // Oldest first: after an interruption the newest is left, and the next run disables it.
          for (const { version } of enabled.toReversed()) await disable(application, version);
        },
      },
    ];
  };
  return [
    ...disableAll('refresh token', vault.refreshToken, (name, version) =>
      store.disableRefreshTokenVersion(name, version),
    ),
    ...disableAll('client credential', vault.client, (name, version) =>
      store.disableClientCredentialVersion(name, version),
    ),
  ];
}

/** Blocks the callers of the broker. */
export function callerSteps({ writer }: Pick<RevokeDeps, 'writer'>, appId: string | undefined): RevokeStep[] {
  if (appId === undefined) return [];
  return [
    {
      text: `Disable sign-in to the broker application ${appId}, so that no caller gets a new token for it`,
      phase: 'second',
      needs: forKeys,
      isUnread: true,
      run: () => writer.patch(`/servicePrincipals(appId='${appId}')`, { accountEnabled: false }),
    },
  ];
}

/** Enables sign-in for callers again after a revocation. */
export const unblockCallers = (writer: GraphWriter, appId: string): Promise<void> =>
  writer.patch(`/servicePrincipals(appId='${appId}')`, { accountEnabled: true });
