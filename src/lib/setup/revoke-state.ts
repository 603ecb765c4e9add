import { applicationPath } from '../credential/client-keys.ts';
import type { CredentialStore } from '../credential/credential-store.ts';
import type { KeyKind } from '../credential/unknown-keys.ts';
import type { ApplicationInventory, VaultInventory } from '../credential/vault-inventory.ts';
import type { Redeemer } from '../entra/redeemer.ts';
import type { GraphClient } from '../graph/client.ts';
import { type JsonObject, objectsIn, textOf } from '../graph/reply.ts';
import { graphStatus, type GraphWriter } from '../graph/write.ts';
import { BrokerError, toBrokerError } from '../model/errors.ts';
import type { TenantId } from '../model/identifiers.ts';
import type { Clock } from '../runtime/clock.ts';

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
  /** The service account, if the vault does not name it. */
  readonly account?: string | undefined;
  /** Client id of the application, if the vault does not name it. */
  readonly clientId?: string | undefined;
}

export interface KnownAccount {
  readonly name: string;
  /** The object id if it is known, else the name. The object id stays the same when the account is renamed. */
  readonly id: string;
  /** Whether an account that no longer exists is a failure: it is the newest one, or the operator named it. */
  readonly isExpected: boolean;
}

/** A key with which somebody can authenticate as the application. */
export interface EntraKey {
  readonly kind: KeyKind;
  readonly id: string;
  /** Display name, or name and subject of a federated credential. */
  readonly name: string;
  readonly subject?: string;
  /** Graph path of the object that holds the key: an application, or its service principal. */
  readonly holder: string;
  readonly startsAtMs: number;
}

/** The application in Entra. A part that could not be read is an error. */
export interface Registration {
  readonly clientId: string;
  readonly keys: readonly EntraKey[] | BrokerError;
  readonly federated: readonly EntraKey[] | BrokerError;
  /** Path of the reference by which the application owns itself, if it does. */
  readonly ownReference: string | undefined | BrokerError;
}

/** What is really there, in the vault and in Entra. */
export interface RevocationState {
  readonly vault: ApplicationInventory | BrokerError;
  readonly accounts: readonly KnownAccount[];
  readonly registrations: readonly Registration[];
}

/**
 * Reads everything that a revocation concerns. Changes nothing.
 * @throws BrokerError request_invalid for an application that the vault does not know; key_vault_unavailable when neither
 * the vault nor the operator names an account or a client id.
 */
export async function readRevocationState(deps: RevokeDeps, options: RevokeOptions): Promise<RevocationState> {
  const vault = await deps.inventory.read(options.application).catch(toBrokerError);
  const isNamed = options.account !== undefined || options.clientId !== undefined;
  if (vault instanceof BrokerError && !isNamed) throw vault;
  if (!(vault instanceof BrokerError) && options.clientId === undefined && isEmpty(vault)) {
    throw await unknownApplication(deps, options.application);
  }
  const clientIds = clientIdsOf(vault, options);
  return {
    vault,
    accounts: accountsOf(vault, options),
    registrations: await Promise.all(clientIds.map((clientId) => readRegistration(deps, clientId))),
  };
}

const isEmpty = ({ client, refreshToken }: ApplicationInventory): boolean => client.length + refreshToken.length === 0;

async function unknownApplication({ inventory, store }: RevokeDeps, application: string): Promise<BrokerError> {
  const names = await inventory.applications().catch(toBrokerError);
  const known = names instanceof BrokerError ? [] : names;
  const hint =
    known.length > 0
      ? `It holds ${known.join(', ')}. Give one of these with --application.`
      : 'It holds no application at all. Check --vault, or give --client-id and --account.';
  return new BrokerError('request_invalid', `The vault ${store.vault} has no application "${application}". ${hint}`);
}

function clientIdsOf(vault: ApplicationInventory | BrokerError, { clientId }: RevokeOptions): readonly string[] {
  const listed = vault instanceof BrokerError ? [] : [...vault.client, ...vault.refreshToken];
  return [...new Set([clientId, ...listed.map((version) => version.clientId)].flatMap((id) => id ?? []))];
}

function accountsOf(vault: ApplicationInventory | BrokerError, { account }: RevokeOptions): readonly KnownAccount[] {
  const versions = vault instanceof BrokerError ? [] : vault.refreshToken;
  const found = new Map<string, KnownAccount>();
  for (const { account: name, accountObjectId } of versions) {
    // A token that was stored by hand names no account.
    if (name === undefined && accountObjectId === undefined) continue;
    const id = accountObjectId ?? name ?? '';
    if (!found.has(id)) found.set(id, { name: name ?? id, id, isExpected: found.size === 0 });
  }
  if (account !== undefined) {
    const same = [...found.values()].find(({ name }) => name.toLowerCase() === account.toLowerCase());
    found.set(same?.id ?? account, { name: account, id: same?.id ?? account, isExpected: true });
  }
  return [...found.values()];
}

/** Never throws. */
export async function readRegistration({ graph }: Pick<RevokeDeps, 'graph'>, clientId: string): Promise<Registration> {
  const path = applicationPath(clientId);
  const principalPath = `/servicePrincipals(appId='${clientId}')`;
  const keyFields = 'passwordCredentials,keyCredentials';
  try {
    const application = await graph.get(`${path}?$select=id,${keyFields}`);
    const objectPath = `/applications/${textOf(application, 'id')}`;
    // Entra also accepts keys of the service principal, which only scripts add.
    const principal = await graph.find(`${principalPath}?$select=id,${keyFields}`).catch(toBrokerError);
    return {
      clientId,
      keys:
        principal instanceof BrokerError
          ? principal
          : [...keysIn(application, path), ...keysIn(principal, principalPath)],
      federated: await readTrusts(graph, objectPath).catch(toBrokerError),
      ownReference:
        principal instanceof BrokerError
          ? principal
          : await readOwnReference(graph, objectPath, textOf(principal, 'id')).catch(toBrokerError),
    };
  } catch (thrown) {
    const failure = isMissing(thrown) ? missing(clientId, thrown) : toBrokerError(thrown);
    return { clientId, keys: failure, federated: failure, ownReference: undefined };
  }
}

/** Whether Graph does not know the application. Only Entra's answer to a sign-in proves that it does not exist. */
export const isMissing = (thrown: unknown): boolean => graphStatus(thrown) === 404;

const missing = (clientId: string, thrown: unknown): BrokerError =>
  new BrokerError(
    'job_failed',
    `Microsoft Graph does not know the application ${clientId} (404). Check --tenant, and run the command again.`,
    { logFields: toBrokerError(thrown).logFields },
  );

function keysIn(holder: JsonObject | undefined, path: string): readonly EntraKey[] {
  const read = (kind: EntraKey['kind'], listed: unknown): EntraKey[] =>
    objectsIn(listed).map((entry) => ({
      kind,
      id: textOf(entry, 'keyId') ?? '',
      name: textOf(entry, 'displayName') ?? '',
      holder: path,
      startsAtMs: Date.parse(textOf(entry, 'startDateTime') ?? ''),
    }));
  return [
    ...read('client secret', holder?.['passwordCredentials']),
    ...read('certificate', holder?.['keyCredentials']),
  ];
}

async function readTrusts(graph: GraphClient, objectPath: string): Promise<readonly EntraKey[]> {
  const trusts: EntraKey[] = [];
  for await (const trust of graph.list(`${objectPath}/federatedIdentityCredentials`)) {
    trusts.push({
      kind: 'federated credential',
      id: textOf(trust, 'id') ?? '',
      name: textOf(trust, 'name') ?? '',
      subject: textOf(trust, 'subject') ?? '',
      holder: objectPath,
      startsAtMs: Number.NaN,
    });
  }
  return trusts;
}

async function readOwnReference(
  graph: GraphClient,
  objectPath: string,
  principalId: string | undefined,
): Promise<string | undefined> {
  for await (const owner of graph.list(`${objectPath}/owners?$select=id`)) {
    if (principalId !== undefined && textOf(owner, 'id') === principalId) {
      return `${objectPath}/owners/${principalId}/$ref`;
    }
  }
  return undefined;
}

/** The keys of an application. @throws BrokerError if a part of them could not be read. */
export function allKeys({ keys, federated }: Registration): readonly EntraKey[] {
  if (keys instanceof BrokerError) throw keys;
  if (federated instanceof BrokerError) throw federated;
  return [...keys, ...federated];
}
