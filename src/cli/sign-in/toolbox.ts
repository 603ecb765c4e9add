import { randomUUID } from 'node:crypto';
import type { TokenCredential } from '@azure/identity';
import { azureIdentity, federatedAssertion } from '../../lib/config/identity.ts';
import { secretClient } from '../../lib/config/key-vault.ts';
import { type Clock, type Random, systemClock } from '../../lib/core/clock.ts';
import type { CredentialStore } from '../../lib/tokens/credential/credential-store.ts';
import {
  type IdentityTrust,
  type IdentityTrustOptions,
  trustOfAssertion,
} from '../../lib/tokens/credential/identity-trust.ts';
import { KeyVaultCredentialStore } from '../../lib/tokens/credential/key-vault-credential-store.ts';
import { keyVaultInventory, type VaultInventory } from '../../lib/tokens/credential/vault-inventory.ts';
import { createMsalRedeemer, type Redeemer } from '../../lib/microsoft/redeemer.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import { createGraphClient, createGraphWriter, type GraphClient, type GraphWriter } from '../../lib/microsoft/graph.ts';
import type { ExchangeDeps } from '../../lib/microsoft/exchange.ts';
import type { Fetch } from '../../lib/core/outbound.ts';
import { Limiter } from '../../lib/core/limiter.ts';
import type { Secret } from '../../lib/core/secrets.ts';
import type { SignInDeps } from '../../operator/setup/sign-in.ts';
import type { DemoAccount } from '../demo/running-demo.ts';
import { parseTarget, type Target, type TargetOptions, readKnownSettings } from './target.ts';

/** What the commands that work on the credential need, built from options and environment. */
export interface Toolbox {
  readonly target: Target;
  readonly store: CredentialStore;
  readonly redeemer: Redeemer;
  readonly clock: Clock;
  readonly newId: () => string;
  /** The federated credential that this machine's managed identity needs. Undefined if it has none. */
  readonly identityTrust: () => Promise<IdentityTrust | undefined>;
  readonly exchangeDeps: ExchangeDeps;
  readonly signInDeps: SignInDeps;
  /** Aborted by Ctrl+C. */
  readonly signal: AbortSignal;
  /**
   * Microsoft Graph of the partner tenant with this token.
   * @param options.untilInterrupted false: Ctrl+C does not abort its requests, because they undo something.
   */
  graph(
    token: Secret,
    options?: { readonly untilInterrupted: boolean },
  ): { readonly client: GraphClient; readonly writer: GraphWriter };
}

/** @param person who signs in to the demo. @throws BrokerError config_invalid. */
export async function openToolbox(
  options: TargetOptions,
  signal: AbortSignal,
  person?: DemoAccount,
): Promise<Toolbox & { readonly inventory: VaultInventory }> {
  const target = parseTarget(options, process.env, await readKnownSettings(options, person));
  const clock = systemClock;
  const random: Random = Math.random;
  const fetch: Fetch = (url, init) => globalThis.fetch(url, init);
  const newId = randomUUID;
  const identity = await azureIdentity(target);
  const assertion = assertionOf(identity, target);
  const secrets = await secretClient(target.keyVaultUrl, identity);
  const store = new KeyVaultCredentialStore(secrets);
  const loadMsal = () => import('@azure/msal-node');
  const { entra, graph: baseUrl } = target.cloud.endpoints;
  const redeemer = createMsalRedeemer({ fetch, clock, federatedAssertion: assertion, loadMsal }, entra);
  const exchangeDeps = { fetch, clock, random, limiter: new Limiter(8) };
  return {
    target,
    store,
    inventory: keyVaultInventory(secrets),
    redeemer,
    clock,
    newId,
    identityTrust: async () =>
      target.hasManagedIdentity ? trustOfAssertion(trustOptions(target), await assertion()) : undefined,
    exchangeDeps,
    signal,
    signInDeps: {
      fetch,
      clock,
      entraEndpoint: entra,
      signal,
      federatedAssertion: assertion,
      loadOAuth: () => import('oauth4webapi'),
    },
    graph: (token, { untilInterrupted } = { untilInterrupted: true }) => {
      const ending = untilInterrupted ? { signal } : {};
      const binding = { baseUrl, correlationId: newId(), ...ending, token: () => Promise.resolve(token) };
      return { client: createGraphClient(exchangeDeps, binding), writer: createGraphWriter(exchangeDeps, binding) };
    },
  };
}

export const trustOptions = ({ cloud, partnerTenantId }: Target): IdentityTrustOptions => ({
  entraEndpoint: cloud.endpoints.entra,
  partnerTenantId,
  federationAudience: cloud.federationAudience,
});

/** Only the token of a managed identity is an assertion: the application does not trust the account signed in here. */
function assertionOf(identity: TokenCredential, target: Target): () => Promise<string> {
  if (target.hasManagedIdentity) return () => federatedAssertion(identity, target.cloud.federationAudience);
  const detail =
    'The client credential is a managed identity, but this machine has none: IDENTITY_ENDPOINT is missing.';
  return () => Promise.reject(new BrokerError('config_invalid', detail));
}
