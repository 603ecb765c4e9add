import { type JsonObject, textOf } from '../../lib/microsoft/reply.ts';
import { BrokerError } from '../../lib/core/errors.ts';
import {
  isMissing,
  type KnownAccount,
  type RevocationState,
  type RevokeDeps,
  type RevokeOptions,
} from './revoke-state.ts';
import type { Proof } from './revoke-refusal.ts';
import { failingStep, type RevokeStep } from './revoke-step.ts';

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

export function sessionSteps(
  deps: RevokeDeps,
  { account: named }: RevokeOptions,
  { vault, accounts, unnamed }: RevocationState,
): RevokeStep[] {
  // A deleted and purged secret leaves no version. Tokens that Entra refused need no account.
  const hasNoToken = vault instanceof BrokerError || vault.refreshToken.length === 0;
  const isUnknown = accounts.length === 0 && hasNoToken && named !== false;
  return [
    ...accounts.map((account) => sessionStep(deps, account)),
    ...(isUnknown ? [failingStep('Revoke all sessions of the service account', noAccount, 'first')] : []),
    // The tokens are tried before the second phase. Then this step is planned only for those that are left.
    ...(unnamed.length === 0 ? [] : [failingStep(findingText(unnamed), noOwner)]),
  ];
}

const findingText = (versions: readonly string[]): string =>
  `Find the account of ${versions.length} version(s) of the refresh token that name none, and revoke its sessions: ${versions.join(', ')}`;

const sessionStep = (deps: RevokeDeps, account: KnownAccount): RevokeStep => ({
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
