import type { CredentialStore } from '../../lib/tokens/credential/credential-store.ts';
import type { ListedTrust } from '../../lib/tokens/credential/identity-trust.ts';
import type { KeyKind } from '../../lib/tokens/credential/registered-keys.ts';
import type { ApplicationInventory, VaultInventory } from '../../lib/tokens/credential/vault-inventory.ts';
import type { Redeemer } from '../../lib/microsoft/redeemer.ts';
import type { GraphClient } from '../../lib/microsoft/client.ts';
import type { JsonObject } from '../../lib/microsoft/reply.ts';
import { graphStatus, type GraphWriter } from '../../lib/microsoft/graph.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import type { Clock } from '../../lib/core/clock.ts';

export interface RevokeDeps {
  /** Microsoft Graph with the token of the operator. */
  readonly graph: GraphClient;
  readonly writer: GraphWriter;
  readonly store: CredentialStore;
  readonly inventory: VaultInventory;
  readonly redeemer: Redeemer;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly partnerTenantId: TenantId;
  /** Identifier of Microsoft Graph in Entra, for which tokens are requested as a proof. */
  readonly graphIdentifier: string;
}

export interface RevokeOptions {
  readonly application: string;
  /** Client id of the application that callers request tokens for. Absent: callers are not blocked. */
  readonly callersApplicationId?: string | undefined;
  /** The service account, if the vault does not name it. False: the operator says that none ever signed in. */
  readonly account?: string | false | undefined;
  /** Client id of the application, if the vault does not name it. */
  readonly clientId?: string | undefined;
}

export interface KnownAccount {
  readonly name: string;
  /** The object id if it is known, then the name. The object id stays the same when the account is renamed. */
  readonly ids: readonly string[];
  /** Whether an account that does not exist is a failure. */
  readonly isExpected: boolean;
}

/** The account that a refresh token was issued to, as Entra names it. */
export interface TokenOwner {
  readonly id: string;
  readonly name: string;
}

/** By version: the owner of the refresh token, or whether Entra refuses the token itself, or that neither is known. */
export type TriedTokens = ReadonlyMap<string, TokenOwner | 'refused' | 'unknown'>;

/** A key with which somebody can authenticate as the application. */
export interface EntraKey {
  readonly kind: KeyKind;
  readonly id: string;
  readonly name: string;
  /** Of a federated credential. */
  readonly trust?: ListedTrust;
  /** Graph path of the object that holds the key: an application, or its service principal. */
  readonly holder: string;
  readonly startsAtMs: number;
  /** As Graph lists it. Absent for a federated credential. */
  readonly entry?: JsonObject;
}

/** The application in Entra. A part that could not be read is an error. */
export interface Registration {
  readonly clientId: string;
  readonly keys: readonly EntraKey[] | BrokerError;
  readonly federated: readonly EntraKey[] | BrokerError;
  /** Path of the reference by which the application owns itself, if it does. */
  readonly ownReference: string | undefined | BrokerError;
  /** Who else can add keys. Named in the proof, and left alone: they may be administrators. */
  readonly otherOwners?: readonly string[] | BrokerError;
  /** Set if another tenant has the application. */
  readonly isElsewhere?: true;
  /** Set if at least two sources name the client id, of the versions in the vault and the operator. */
  readonly isConfirmed?: true;
}

/** What is really there, in the vault and in Entra. */
export interface RevocationState {
  readonly vault: ApplicationInventory | BrokerError;
  readonly accounts: readonly KnownAccount[];
  /** Versions of the refresh token whose account nobody knows. */
  readonly unnamed: readonly string[];
  readonly registrations: readonly Registration[];
}

/** Whether Graph does not know the application. Only Entra's answer to a sign-in proves that it does not exist. */
export const isMissing = (thrown: unknown): boolean => graphStatus(thrown) === 404;

/** The keys of an application. @throws BrokerError if a part of them could not be read. */
export function allKeys({ keys, federated }: Registration): readonly EntraKey[] {
  if (keys instanceof BrokerError) throw keys;
  if (federated instanceof BrokerError) throw federated;
  return [...keys, ...federated];
}
