import { registeredKeys } from '../../lib/tokens/credential/client-keys.ts';
import { identityTrust, type IdentityTrustOptions } from '../../lib/tokens/credential/identity-trust.ts';
import { namesOf, unknownKeys } from '../../lib/tokens/credential/registered-keys.ts';
import { ptbCommand } from '../../lib/core/advice.ts';
import type { DirectoryState } from '../../lib/consent/directory-state.ts';
import type { SetupOptions } from './plan.ts';

/**
 * Warnings before setup takes over an existing application, which another broker with another vault may be using. Pure.
 */
export function adoptionNotes({ application, stored, mark }: DirectoryState): readonly string[] {
  if (application === undefined || application.clientId === stored?.clientId) return [];
  const { displayName, clientId, secrets, keyCredentials } = application;
  const others = registeredKeys([...secrets, ...keyCredentials], mark).filter(({ ours }) => !ours);
  if (others.length === 0) return [];
  return [
    `The application "${displayName}" (client id ${clientId}) exists already and has client credentials that this vault does not hold (${others.length}). Setup does not change them. If another broker uses them, give this broker its own application with --display-name. If not, remove them in Entra.`,
  ];
}

/**
 * Names the keys that this vault does not hold, except those of {@link adoptionNotes}. After a revocation, an access token
 * from before it may have added one. Pure.
 */
export function unknownKeyNotes(
  state: DirectoryState,
  options: Pick<SetupOptions, 'application' | 'managedIdentityObjectId' | keyof IdentityTrustOptions>,
  nowMs: number,
): readonly string[] {
  const { application, stored, mark, federatedTrusts } = state;
  if (application === undefined) return [];
  const isAdoption = adoptionNotes(state).length > 0;
  const lists = {
    secrets: application.secrets,
    certificates: application.keyCredentials,
    trusts: federatedTrusts.map((trust) => ({ ...trust })),
    ofPrincipal: state.principalKeys,
  };
  const { managedIdentityObjectId } = options;
  const trust = managedIdentityObjectId === undefined ? undefined : identityTrust(options, managedIdentityObjectId);
  const unknown = unknownKeys(lists, { mark, stored, trust }, nowMs).filter(
    ({ kind, isMarked }) => !isAdoption || !isMarked || kind === 'federated credential',
  );
  if (unknown.length === 0) return [];
  const revoke = ptbCommand('revoke', options.application);
  return [
    `The application has keys in Entra that this vault does not hold: ${namesOf(unknown)}. Setup does not change them. If neither another broker nor somebody of yours added them, treat it as an incident and run ${revoke}.`,
  ];
}
