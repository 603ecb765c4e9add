import { type Clock, isoTime, minuteMs } from '../../lib/core/clock.ts';
import { BrokerError, type ErrorCode, toBrokerError } from '../../lib/core/errors.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import { type GraphClient, graphStatus, type GraphWriter } from '../../lib/microsoft/graph.ts';
import type { Redeemer } from '../../lib/microsoft/redeemer.ts';
import type { JsonObject } from '../../lib/core/objects.ts';
import type { CredentialStore } from '../../lib/tokens/credential/credential-store.ts';
import type { ListedTrust } from '../../lib/tokens/credential/identity-trust.ts';
import type { KeyKind } from '../../lib/tokens/credential/registered-keys.ts';
import type { ApplicationInventory, VaultInventory } from '../../lib/tokens/credential/vault-inventory.ts';

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
export type TokenOwner = Readonly<Record<'id' | 'name', string>>;

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
  /** Tags of the application. Setup writes one with the name that the application has in the vault. */
  readonly tags?: readonly string[];
  /** Who else can add keys. Named in the proof, and left alone: they may be administrators. */
  readonly otherOwners?: readonly string[] | BrokerError;
  /** Set if another tenant has the application. */
  readonly isElsewhere?: true;
}

/** What is really there, in the vault and in Entra. */
export interface State {
  readonly vault: ApplicationInventory | BrokerError;
  readonly accounts: readonly KnownAccount[];
  /** Versions of the refresh token whose account nobody knows. */
  readonly unnamed: readonly string[];
  readonly registrations: readonly Registration[];
  /**
   * Client ids of applications that belong to the one in the vault, and versions of the client credential that belong to
   * such an application. A person may have changed the tags of any version, so they alone show neither.
   */
  readonly certain: ReadonlySet<string>;
}

/**
 * Why an application must not be touched: nothing but a tag in the vault says that it is the right one. Undefined if
 * something else does, or if Graph shows nothing of it.
 */
export function doubtOf({ certain }: Pick<State, 'certain'>, registration: Registration): BrokerError | undefined {
  const { clientId, keys, federated } = registration;
  if (certain.has(clientId) || (keys instanceof BrokerError && keys === federated)) return undefined;
  return new BrokerError(
    'request_invalid',
    `Nothing in the application ${clientId} shows that it belongs to this vault: it has neither the tag of setup nor a key that the vault holds. So it was left as it is. Correct the tag clientId in Key Vault, or confirm the application with --client-id ${clientId}.`,
  );
}

/** Whether Graph does not know the application. Only Entra's answer to a sign-in proves that it does not exist. */
export const isMissing = (thrown: unknown): boolean => graphStatus(thrown) === 404;

/** The keys of an application. @throws BrokerError if a part of them could not be read. */
export function allKeys({ keys, federated }: Registration): readonly EntraKey[] {
  if (keys instanceof BrokerError) throw keys;
  if (federated instanceof BrokerError) throw federated;
  return [...keys, ...federated];
}

/** One step of a revocation. Every step is tried, even if others fail. */
export interface Step {
  readonly text: string;
  /** Steps before the proof of the refresh tokens, which needs a client credential that still works. */
  readonly phase: 'first' | 'second';
  /** What the operator needs, if Microsoft Graph refuses the step. */
  readonly needs?: string;
  /** Set if the state does not show whether the step was done. */
  readonly isUnread?: true;
  run(): Promise<void>;
}

export interface RevokeResult {
  readonly step: string;
  readonly done: boolean;
  readonly code?: ErrorCode;
  readonly detail?: string;
}

/** A step that fails, for a part that could not be read. It shows in the results that this part is left to do. */
export const failingStep = (text: string, failure: BrokerError, phase: Step['phase'] = 'second'): Step => ({
  text,
  phase,
  run: () => Promise.reject(failure),
});

/** Access tokens are valid for 60 to 90 minutes and cannot be revoked ("Access tokens", token lifetime). */
export const longestAccessTokenMs = 90 * minuteMs;

/** Names the other applications in the vault, whose versions the revocation does not disable. */
export async function otherApplications(
  { store, inventory }: Pick<RevokeDeps, 'store' | 'inventory'>,
  application: string,
): Promise<readonly string[]> {
  const clientIdsOf = async (name: string): Promise<readonly string[]> =>
    (await inventory.read(name)).client.flatMap(({ clientId }) => clientId ?? []);
  try {
    const others = (await store.listApplications()).filter((name) => name !== application);
    const own = others.length === 0 ? [] : await clientIdsOf(application);
    return await Promise.all(
      others.map(async (name) => {
        const isShared = (await clientIdsOf(name)).some((id) => own.includes(id));
        const effect = isShared
          ? 'has the same client id, so its client credential does not work any more either. Its versions stay enabled in Key Vault.'
          : 'keeps its client credential and its versions in Key Vault.';
        return `The application ${name} ${effect} To revoke them: ptb revoke --application ${name}`;
      }),
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
