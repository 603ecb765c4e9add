import { type JsonObject, textOf } from '../graph/reply.ts';
import { BrokerError } from '../model/errors.ts';
import { isMissing, type KnownAccount, type RevocationState, type RevokeDeps } from './revoke-state.ts';
import { failingStep, type RevokeStep } from './revoke-step.ts';

const forSessions =
  'Sign in as a User Administrator, or as a Privileged Authentication Administrator if the account has a directory role.';

const noAccount = new BrokerError('request_invalid', 'Key Vault does not name the account. Give --account.');
const noOwner = new BrokerError(
  'request_invalid',
  'Key Vault does not name the account, and Entra issued no token that does. Give --account.',
);

export function sessionSteps(deps: RevokeDeps, { vault, accounts, unnamed }: RevocationState): RevokeStep[] {
  const isUnknown = accounts.length === 0 && vault instanceof BrokerError;
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
    for (const id of account.ids) {
      try {
        await deps.writer.post(`${userPath(id)}/revokeSignInSessions`, {});
        return;
      } catch (thrown) {
        if (!isMissing(thrown)) throw thrown;
      }
    }
    // An account that was deleted has no refresh tokens.
    if (!account.isExpected && (await findUser(deps, account, 'id')) === undefined) return;
    throw new BrokerError(
      'job_failed',
      `Microsoft Graph does not know the account ${account.name} (404). If it has another name now, give --account.`,
    );
  },
});

const userPath = (id: string): string => `/users/${encodeURIComponent(id)}`;

async function findUser(
  { graph }: Pick<RevokeDeps, 'graph'>,
  { ids }: KnownAccount,
  fields: string,
): Promise<JsonObject | undefined> {
  for (const id of ids) {
    const user = await graph.find(`${userPath(id)}?$select=${fields}`);
    if (user !== undefined) return user;
  }
  return undefined;
}

/** When Entra last ended the sessions of an account. Undefined if Graph does not say. */
export async function readValidFromMs(
  deps: Pick<RevokeDeps, 'graph'>,
  account: KnownAccount,
): Promise<number | 'missing' | undefined> {
  const user = await findUser(deps, account, 'id,signInSessionsValidFromDateTime');
  if (user === undefined) return 'missing';
  const validFromMs = Date.parse(textOf(user, 'signInSessionsValidFromDateTime') ?? '');
  return Number.isNaN(validFromMs) ? undefined : validFromMs;
}
