import { randomUUID } from 'node:crypto';
import type { TokenCredential } from '@azure/identity';
import { azureIdentity, federatedAssertion } from '../../lib/azure/identity.ts';
import { secretClient } from '../../lib/azure/key-vault.ts';
import { type Clock, type Random, systemClock } from '../../lib/runtime/clock.ts';
import type { CredentialStore } from '../../lib/credential/credential-store.ts';
import { KeyVaultCredentialStore } from '../../lib/credential/key-vault-credential-store.ts';
import { createMsalRedeemer, type Redeemer } from '../../lib/entra/redeemer.ts';
import { BrokerError } from '../../lib/model/errors.ts';
import { createGraphClient, type GraphClient } from '../../lib/graph/client.ts';
import type { ExchangeDeps } from '../../lib/graph/exchange.ts';
import { createGraphWriter, type GraphWriter } from '../../lib/graph/write.ts';
import type { Fetch } from '../../lib/runtime/outbound.ts';
import { Limiter } from '../../lib/runtime/limiter.ts';
import type { Secret } from '../../lib/model/secret.ts';
import type { SignInDeps } from '../../lib/setup/sign-in.ts';
import { parsePlace, type Place, type PlaceOptions, readLocalSettings } from './target.ts';

/** What the commands of the credential work with, built from options and environment. */
export interface Toolbox {
  readonly place: Place;
  readonly store: CredentialStore;
  readonly redeemer: Redeemer;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly exchangeDeps: ExchangeDeps;
  readonly signInDeps: SignInDeps;
  /** Aborted by Ctrl+C. */
  readonly signal: AbortSignal;
  /**
   * Microsoft Graph of the partner tenant for whoever the token belongs to.
   * @param options.untilInterrupted false: Ctrl+C does not end its requests, for what must be undone after it as well.
   */
  graph(
    token: Secret,
    options?: { readonly untilInterrupted: boolean },
  ): { readonly client: GraphClient; readonly writer: GraphWriter };
}

/** @throws BrokerError config_invalid. */
export async function openToolbox(options: PlaceOptions, signal: AbortSignal): Promise<Toolbox> {
  const place = parsePlace(options, process.env, await readLocalSettings());
  const clock = systemClock;
  const random: Random = Math.random;
  const fetch: Fetch = (url, init) => globalThis.fetch(url, init);
  const newId = randomUUID;
  const identity = await azureIdentity(place);
  const assertion = assertionOf(identity, place);
  const store = new KeyVaultCredentialStore(await secretClient(place.keyVaultUrl, identity));
  const loadMsal = () => import('@azure/msal-node');
  const { entra, graph: baseUrl } = place.cloud.endpoints;
  const redeemer = createMsalRedeemer({ fetch, clock, federatedAssertion: assertion, loadMsal }, entra);
  const exchangeDeps = { fetch, clock, random, limiter: new Limiter(8) };
  return {
    place,
    store,
    redeemer,
    clock,
    newId,
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

/** Only a managed identity's token is an assertion; who is signed in on this machine is nobody that Entra trusts. */
function assertionOf(identity: TokenCredential, place: Place): () => Promise<string> {
  if (place.hasManagedIdentity) return () => federatedAssertion(identity, place.cloud.federationAudience);
  const detail =
    'The client credential is a managed identity, and this machine has none: IDENTITY_ENDPOINT is missing.';
  return () => Promise.reject(new BrokerError('config_invalid', detail));
}
