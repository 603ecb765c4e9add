import { BrokerError } from '../../lib/core/errors.ts';
import { graphStatus, type GraphWriter } from '../../lib/microsoft/graph.ts';
import { type JsonObject, textOf } from '../../lib/core/objects.ts';
import { describeKey } from '../../lib/tokens/credential/registered-keys.ts';
import type { ApplicationInventory, InventoryVersion } from '../../lib/tokens/credential/vault-inventory.ts';
import { readRegistration } from './read-state.ts';
import { type Proof, proveMissing } from './refusals.ts';
import {
  doubtOf,
  type EntraKey,
  failingStep,
  isMissing,
  type KnownAccount,
  type Registration,
  type State,
  type RevokeDeps,
  type RevokeOptions,
  type Step,
} from './state.ts';

const forSessions =
  'Sign in as a User Administrator, or as a Privileged Authentication Administrator if the account has a directory role.';

const noAccount = new BrokerError(
  'request_invalid',
  'Key Vault holds no refresh token that names the account. Check --application. Give --account, or --no-account if no account ever signed in to the application.',
);
const noOwner = new BrokerError(
  'request_invalid',
  'Key Vault does not name the account, and Entra issued no token that does. Give --account.',
);

function sessionSteps(
  deps: RevokeDeps,
  { account: named }: RevokeOptions,
  { vault, accounts, unnamed }: State,
): Step[] {
  // A deleted and purged secret leaves no version. Tokens that Entra refused need no account.
  const hasNoToken = vault instanceof BrokerError || vault.refreshToken.length === 0;
  const finding = `Find the account of ${unnamed.length} version(s) of the refresh token that name none, and revoke its sessions: ${unnamed.join(', ')}`;
  const isUnknown = accounts.length === 0 && hasNoToken && named !== false;
  return [
    ...accounts.map((account) => sessionStep(deps, account)),
    ...(isUnknown ? [failingStep('Revoke all sessions of the service account', noAccount, 'first')] : []),
    // The tokens are tried before the second phase. Then this step is planned only for those that are left.
    ...(unnamed.length === 0 ? [] : [failingStep(finding, noOwner)]),
  ];
}

const sessionStep = (deps: RevokeDeps, account: KnownAccount): Step => ({
  text: `Revoke all sessions of ${account.name}, which ends every refresh token of the account, for every application`,
  phase: 'first',
  needs: forSessions,
  isUnread: true,
  run: async () => {
    let revoked: string | undefined;
    for (const id of account.ids) {
      if (revoked !== undefined && (await areSame(deps, account, [revoked, id]))) continue;
      try {
        await deps.writer.post(`${userPath(id)}/revokeSignInSessions`, {});
        revoked ??= id;
      } catch (thrown) {
        if (!isMissing(thrown)) throw thrown;
      }
    }
    if (revoked !== undefined) return;
    const isMissingUser = (await findUsers(deps, account, 'id')).length === 0;
    if (isMissingUser && (!account.isExpected || (await findDeletedUser(deps, account)) !== undefined)) return;
    throw new BrokerError('job_failed', missingAccountText(account));
  },
});

const userPath = (id: string): string => `/users/${encodeURIComponent(id)}`;

/** Whether the ids name one user. An id that names nobody does not count. */
const areSame = async (deps: RevokeDeps, account: KnownAccount, ids: readonly string[]): Promise<boolean> =>
  (await findUsers(deps, { ...account, ids }, 'id')).length < 2;

/** The users that the ids name, without repetition. Two tags of one version may name different users. */
async function findUsers(
  { graph }: Pick<RevokeDeps, 'graph'>,
  { ids }: KnownAccount,
  fields: string,
): Promise<readonly JsonObject[]> {
  const users = new Map<string | undefined, JsonObject>();
  for (const id of ids) {
    const user = await graph.find(`${userPath(id)}?$select=${fields}`);
    if (user !== undefined) users.set(textOf(user, 'id'), user);
  }
  return [...users.values()];
}

/**
 * The account among those that were deleted within 30 days (Graph "List deletedItems"). Entra puts the object id before
 * the name of a deleted account.
 */
async function findDeletedUser(
  { graph }: Pick<RevokeDeps, 'graph'>,
  { ids }: KnownAccount,
): Promise<JsonObject | undefined> {
  const sought = ids.map((id) => id.toLowerCase());
  const path = '/directory/deletedItems/microsoft.graph.user?$select=id,userPrincipalName,deletedDateTime';
  for await (const user of graph.list(path)) {
    const id = textOf(user, 'id')?.toLowerCase() ?? '';
    const name = textOf(user, 'userPrincipalName')?.toLowerCase() ?? '';
    const prefix = id.replaceAll('-', '');
    const former = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    if (sought.includes(id) || sought.includes(former)) return user;
  }
  return undefined;
}

const missingAccountText = ({ name }: KnownAccount): string =>
  `Microsoft Graph does not know the account ${name} (404), and does not list it as deleted. If it has another name now, or the tag in Key Vault is wrong, give the right one with --account. If Key Vault names it rightly and it was deleted permanently, confirm that with --account ${name}.`;

/** An account that does not exist, and when it was deleted if Graph still lists it. */
export interface MissingAccount {
  readonly deletedAt?: string | undefined;
}

/** The proof for the refresh tokens of an account that does not exist. */
export function proofOfMissing(account: KnownAccount, { deletedAt }: MissingAccount): Omit<Proof, 'item'> {
  if (deletedAt !== undefined) {
    const detail = `The account was deleted at ${deletedAt}. If you restore it within 30 days, revoke its sessions.`;
    return { proven: true, detail };
  }
  return account.isExpected
    ? { proven: false, detail: missingAccountText(account) }
    : { proven: true, detail: 'The account does not exist any more.' };
}

/** When Entra last ended the sessions of an account. Undefined if Graph does not say. */
export async function readValidFromMs(
  deps: Pick<RevokeDeps, 'graph'>,
  account: KnownAccount,
): Promise<number | MissingAccount | undefined> {
  const users = await findUsers(deps, account, 'id,signInSessionsValidFromDateTime');
  if (users.length === 0) {
    const deleted = account.isExpected ? await findDeletedUser(deps, account) : undefined;
    return { deletedAt: deleted && (textOf(deleted, 'deletedDateTime') ?? 'an unknown time') };
  }
  const times = users.map((user) => Date.parse(textOf(user, 'signInSessionsValidFromDateTime') ?? ''));
  const validFromMs = Math.min(...times);
  return Number.isNaN(validFromMs) ? undefined : validFromMs;
}

const forKeys = 'Sign in as an Application Administrator or Cloud Application Administrator.';
/**
 * Plans the steps that lead from this state to one in which nothing redeems. In order: the application's ownership of
 * itself, by which a token from before the revocation could add a key; the sessions, which ends the leaked refresh token;
 * the keys, which could redeem another one; the copies in the vault. A part that cannot be read becomes a step that fails.
 */
export function planSteps(deps: RevokeDeps, options: RevokeOptions, state: State): readonly Step[] {
  const { vault, registrations } = state;
  return [
    ...registrations.flatMap((registration) => ownershipSteps(deps, state, registration)),
    ...sessionSteps(deps, options, state),
    ...registrations.flatMap((registration) => keySteps(deps, state, registration)),
    ...(registrations.length > 0 ? [] : [failingStep('Remove the keys from the application', noClientId)]),
    ...(vault instanceof BrokerError
      ? [failingStep('Disable the versions in Key Vault', vault)]
      : versionSteps(deps, options.application, { ...vault, client: certainOf(vault, state) })),
  ];
}

/**
 * Leaves out a version whose application is known and whose key is not: it may belong to another application, and once it is
 * disabled, nobody can try it.
 */
const certainOf = ({ client }: ApplicationInventory, { certain }: State): readonly InventoryVersion[] =>
  client.filter(({ version, clientId = '' }) => certain.has(version) || !certain.has(clientId));

const noClientId = new BrokerError('request_invalid', 'Key Vault does not name the application. Give --client-id.');

function ownershipSteps({ writer }: RevokeDeps, state: State, registration: Registration): Step[] {
  const { clientId, ownReference } = registration;
  if (ownReference === undefined || doubtOf(state, registration) !== undefined) return [];
  const text = `Take away the ownership that the application ${clientId} has of itself, so that its tokens cannot add keys`;
  if (ownReference instanceof BrokerError) return [failingStep(text, ownReference, 'first')];
  return [{ text, phase: 'first', needs: forKeys, run: () => writer.remove(ownReference) }];
}

function keySteps(deps: RevokeDeps, state: State, registration: Registration): Step[] {
  const { clientId, keys, federated } = registration;
  const doubt = doubtOf(state, registration);
  if (doubt !== undefined) return [failingStep(`Remove the keys from the application ${clientId}`, doubt)];
  if (keys instanceof BrokerError && keys === federated) {
    const step = failingStep(`Remove the keys from the application ${clientId}`, keys);
    // An application that was deleted permanently has no keys.
    const run = async (): Promise<void> => {
      const { proven, detail } = await proveMissing(deps, state, registration);
      if (!proven) throw new BrokerError('job_failed', detail);
    };
    return [isMissing(keys) ? { ...step, isUnread: true, run } : step];
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

function removalSteps(deps: RevokeDeps, { clientId }: Registration, keys: readonly EntraKey[]): Step[] {
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
function versionSteps({ store }: RevokeDeps, application: string, vault: ApplicationInventory): Step[] {
  const disableAll = (
    part: string,
    listed: readonly InventoryVersion[],
    disable: (version: string) => Promise<void>,
  ): Step[] => {
    const enabled = listed.filter((version) => version.enabled);
    const text = `Disable ${enabled.length} version(s) of the ${part} in Key Vault`;
    // Oldest first: after an interruption the newest is left, and the next run disables it.
    const run = async (): Promise<void> => {
      for (const { version } of enabled.toReversed()) await disable(version);
    };
    return enabled.length === 0 ? [] : [{ text, phase: 'second', run }];
  };
  const disableToken = (version: string) => store.disableRefreshTokenVersion(application, version);
  const disableClient = (version: string) => store.disableClientCredentialVersion(application, version);
  return [
    ...disableAll('refresh token', vault.refreshToken, disableToken),
    ...disableAll('client credential', vault.client, disableClient),
  ];
}

/** Blocks the callers of the broker. */
export function callerSteps({ writer }: Pick<RevokeDeps, 'writer'>, appId: string | undefined): Step[] {
  if (appId === undefined) return [];
  const text = `Disable sign-in to the broker application ${appId}, so that no caller gets a new token for it`;
  const run = () => writer.patch(`/servicePrincipals(appId='${appId}')`, { accountEnabled: false });
  return [{ text, phase: 'second', needs: forKeys, isUnread: true, run }];
}

/** Enables sign-in for callers again after a revocation. */
export const unblockCallers = (writer: GraphWriter, appId: string): Promise<void> =>
  writer.patch(`/servicePrincipals(appId='${appId}')`, { accountEnabled: true });
